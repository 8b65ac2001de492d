"""An operator closes positions: orders go first, others take over what they offer, the rest stays, the books agree."""

import pytest

from tests.builders import NOW, founding, order
from trading.core.codes import Code
from trading.core.commands import Command, ForceClose, FreezeAccount, HaltInstrument
from trading.core.engine import Engine
from trading.core.events import Event, OrderAccepted, OrderCancelled, Refused, Traded
from trading.core.types import CancelReason


class Desk:
    """An engine that is checked after every command."""

    def __init__(self) -> None:
        self.engine, self.now = Engine(), NOW
        self.do(*founding())

    def do(self, *commands: Command) -> list[Event]:
        events: list[Event] = []
        for command in commands:
            self.now += 1
            events += self.engine.apply(command, self.now)
            self.engine.check()
        return events

    def lots(self, account: int, instrument: str = "IX2301") -> tuple[int, int]:
        position = self.engine.state.accounts[account].positions.get(instrument)
        return (position.long.lots, position.short.lots) if position is not None else (0, 0)


@pytest.fixture
def desk() -> Desk:
    """user001 is long 5 lots of both instruments, user002 short."""
    made = Desk()
    for name in ("IX2301", "IF2301"):
        made.do(order(2, "SELL OPEN 5 @ 120", name), order(1, "BUY OPEN 5 @ 120", name))
    return made


def test_all_positions_are_closed_where_others_take_them(desk: Desk) -> None:
    desk.do(order(3, "BUY OPEN 9 @ 119"), order(3, "BUY OPEN 9 @ 119", "IF2301"))
    events = desk.do(ForceClose("user001"))
    assert (desk.lots(1), desk.lots(1, "IF2301")) == ((0, 0), (0, 0))
    assert sum(isinstance(event, Traded) for event in events) == 2
    forced = [event for event in events if isinstance(event, OrderAccepted)]
    assert len(forced) == 2


def test_only_the_named_one_is_closed(desk: Desk) -> None:
    desk.do(order(3, "BUY OPEN 9 @ 119"), order(3, "BUY OPEN 9 @ 119", "IF2301"))
    desk.do(ForceClose("user001", "IX2301"))
    assert (desk.lots(1), desk.lots(1, "IF2301")) == ((0, 0), (5, 0))


def test_what_nobody_takes_over_stays(desk: Desk) -> None:
    desk.do(order(3, "BUY OPEN 2 @ 119"))
    events = desk.do(ForceClose("user001", "IX2301"))
    assert desk.lots(1) == (3, 0)
    cancelled = [event for event in events if isinstance(event, OrderCancelled)]
    assert [(event.reason, event.remaining) for event in cancelled] == [(CancelReason.UNFILLED, 3)]


def test_own_orders_there_go_first_and_others_stay(desk: Desk) -> None:
    desk.do(order(1, "SELL CLOSE 5 @ 125"), order(1, "BUY OPEN 1 @ 118"), order(1, "BUY OPEN 1 @ 118", "IF2301"))
    desk.do(order(3, "BUY OPEN 5 @ 119"))
    events = desk.do(ForceClose("user001", "IX2301"))
    operator = [
        event for event in events if isinstance(event, OrderCancelled) and event.reason is CancelReason.OPERATOR
    ]
    assert len(operator) == 2
    assert desk.lots(1) == (0, 0)
    assert len(desk.engine.state.accounts[1].orders) == 1


def test_a_short_position_is_bought_back(desk: Desk) -> None:
    desk.do(order(3, "SELL OPEN 5 @ 121"))
    desk.do(ForceClose("user002", "IX2301"))
    assert desk.lots(2) == (0, 0)


def test_frozen_accounts_are_closed_too(desk: Desk) -> None:
    desk.do(FreezeAccount("user001", True), order(3, "BUY OPEN 5 @ 119"), ForceClose("user001", "IX2301"))
    assert desk.lots(1) == (0, 0)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (ForceClose("nobody"), Code.ACCOUNT_NOT_FOUND),
        (ForceClose("user001", "NONE"), Code.INSTRUMENT_UNKNOWN),
        (ForceClose("user003"), Code.NOT_FOUND),
        (ForceClose("user003", "IX2301"), Code.NOT_FOUND),
    ],
)
def test_what_cannot_be_closed_is_refused_and_changes_nothing(desk: Desk, command: ForceClose, code: Code) -> None:
    before = desk.engine.state_hash()
    events = desk.do(command)
    assert [event.code for event in events if isinstance(event, Refused)] == [code]
    assert (len(events), desk.engine.state_hash()) == (1, before)


def test_what_is_halted_stays_with_its_orders(desk: Desk) -> None:
    desk.do(order(1, "BUY OPEN 1 @ 118"), order(3, "BUY OPEN 5 @ 119"), HaltInstrument("IX2301"))
    events = desk.do(ForceClose("user001", "IX2301"))
    assert [event.code for event in events if isinstance(event, Refused)] == [Code.NOT_TRADING]
    assert (desk.lots(1), len(desk.engine.state.accounts[1].orders)) == ((5, 0), 1)
    desk.do(order(3, "BUY OPEN 5 @ 119", "IF2301"), ForceClose("user001"))
    assert (desk.lots(1), desk.lots(1, "IF2301")) == ((5, 0), (0, 0))
