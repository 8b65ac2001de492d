"""An operator stops a liquidation: nothing is closed until they let it go on, or the trading day ends."""

import msgspec
import pytest

from tests.core.making import account, contract, do, exchange, order, overnight, terms, trade
from trading.core.codes import Code
from trading.core.commands import CheckRisk, Command, Deposit, SetCloseOnly, StopLiquidation, Withdraw
from trading.core.engine import Engine
from trading.core.events import (
    Event,
    LiquidationEnded,
    LiquidationStarted,
    LiquidationStopped,
    OrderCancelled,
    Refused,
    RiskWarned,
    Traded,
)
from trading.core.money import RATE, UNIT
from trading.core.types import CancelReason

RISK = CheckRisk(RATE * 8 // 10, RATE)
LATER = 1_800_000_000_000
STOP, GO_ON = StopLiquidation("user1", True), StopLiquidation("user1", False)


def near_the_end(buyers: int = 0) -> Engine:
    """1 is long, and after a fall its margin is more than its balance; `buyers`: lots that somebody would take over."""
    engine = exchange(contract(), terms(), "125", "100000", "100000")
    trade(engine, "120.0", buyer=1, seller=2, lots=10)
    trade(engine, "115.0", buyer=3, seller=2, lots=1)
    if buyers:
        do(engine, order(3, f"BUY OPEN {buyers} @ 115.0"))
    return engine


def play(engine: Engine, *commands: Command) -> None:
    for command in commands:
        do(engine, command)


def look(engine: Engine) -> list[Event]:
    return do(engine, RISK)[1:]


def refused(engine: Engine, command: Command) -> Code:
    before = engine.state_hash()
    (event,) = engine.apply(command, LATER)
    assert isinstance(event, Refused) and engine.state_hash() == before
    return event.code


def test_the_account_would_be_liquidated() -> None:
    """Or the tests below would prove nothing."""
    events = look(near_the_end(buyers=10))
    assert isinstance(events[0], LiquidationStarted) and events[0].account_id == 1
    assert any(isinstance(event, Traded) for event in events)


def test_one_that_waits_for_buyers_is_stopped_and_goes_on() -> None:
    engine = near_the_end()
    assert [type(event) for event in look(engine)] == [LiquidationStarted, RiskWarned]
    stopped, ended = do(engine, STOP)
    assert stopped == LiquidationStopped(1, stopped=True, orders=0)
    assert isinstance(ended, LiquidationEnded) and ended.margin > ended.balance
    assert not account(engine, 1).liquidating and not engine.state.liquidating
    do(engine, order(3, "BUY OPEN 10 @ 115.0"))
    assert look(engine) == []
    assert do(engine, CheckRisk(RISK.warn_at, RISK.limit, everyone=True))[1:] == []
    assert do(engine, GO_ON) == [LiquidationStopped(1, stopped=False, orders=0)]
    assert engine.moved, "the next look concerns it"
    events = look(engine)
    assert isinstance(events[0], LiquidationStarted)
    assert any(isinstance(event, Traded) for event in events)


def test_one_that_has_not_begun_does_not() -> None:
    engine = near_the_end(buyers=10)
    do(engine, STOP)
    assert [type(event) for event in look(engine)] == [RiskWarned], "they are warned all the same"
    assert account(engine, 1).positions["IF"].long.lots == 10


def test_money_that_came_in_time_ends_it() -> None:
    engine = near_the_end(buyers=10)
    play(engine, STOP, Deposit("user1", 100 * UNIT), GO_ON)
    assert not any(isinstance(event, LiquidationStarted) for event in look(engine))


def test_meanwhile_nothing_is_opened_and_nothing_paid_out() -> None:
    engine = exchange(contract(), terms(), "10000", "10000")
    trade(engine, "120.0", buyer=1, seller=2, lots=1)
    play(engine, order(1, "BUY OPEN 1 @ 118.0"), order(1, "SELL CLOSE 1 @ 125.0"))
    events = do(engine, STOP)
    assert events[0] == LiquidationStopped(1, stopped=True, orders=1)
    assert [(event.reason, event.code) for event in events if isinstance(event, OrderCancelled)] == [
        (CancelReason.OPERATOR, Code.CLOSE_ONLY)
    ]
    assert refused(engine, order(1, "BUY OPEN 1 @ 118.0")) is Code.CLOSE_ONLY
    assert refused(engine, Withdraw("user1", UNIT)) is Code.ACCOUNT_FROZEN
    assert len(account(engine, 1).orders) == 1, "the closing stays"
    do(engine, GO_ON)
    play(engine, order(1, "BUY OPEN 1 @ 118.0"), Withdraw("user1", UNIT))


def test_it_is_over_with_the_trading_day() -> None:
    engine = near_the_end(buyers=10)
    do(engine, STOP)
    overnight(engine, {"IF": 115 * UNIT})
    assert engine.state.day.restrictions.spared == ()
    do(engine, order(3, "BUY OPEN 10 @ 115.0"))
    assert isinstance(look(engine)[0], LiquidationStarted)
    assert refused(engine, GO_ON) is Code.DUPLICATE


@pytest.mark.parametrize("first", [STOP, SetCloseOnly(True, "user1")])
def test_close_only_is_another_thing(first: Command) -> None:
    """Each ends for itself, and the account opens again when both have."""
    engine = exchange(contract(), terms(), "10000", "10000")
    both: list[Command] = [STOP, SetCloseOnly(True, "user1")]
    play(engine, first, *(each for each in both if each != first))
    do(engine, GO_ON)
    assert refused(engine, order(1, "BUY OPEN 1 @ 118.0")) is Code.CLOSE_ONLY
    play(engine, STOP, SetCloseOnly(False, "user1"))
    assert refused(engine, order(1, "BUY OPEN 1 @ 118.0")) is Code.CLOSE_ONLY
    play(engine, GO_ON, order(1, "BUY OPEN 1 @ 118.0"))


def test_close_only_stays_when_the_day_ends() -> None:
    engine = exchange(contract(), terms(), "10000", "10000")
    play(engine, STOP, SetCloseOnly(True, "user1"))
    overnight(engine, {"IF": 120 * UNIT})
    assert refused(engine, order(1, "BUY OPEN 1 @ 118.0")) is Code.CLOSE_ONLY


def test_what_is_asked_in_vain() -> None:
    engine = near_the_end()
    assert refused(engine, GO_ON) is Code.DUPLICATE
    assert refused(engine, StopLiquidation("nobody", True)) is Code.ACCOUNT_NOT_FOUND
    do(engine, STOP)
    assert refused(engine, STOP) is Code.DUPLICATE


def test_a_restored_engine_still_spares_the_account() -> None:
    engine = near_the_end(buyers=10)
    do(engine, STOP)
    records = engine.snapshot()
    twin = Engine.restore(msgspec.convert(msgspec.to_builtins(records), type(records)))
    assert twin.state_hash() == engine.state_hash()
    assert not any(
        isinstance(event, LiquidationStarted) for event in do(twin, msgspec.structs.replace(RISK, everyone=True))
    )
    assert refused(twin, order(1, "BUY OPEN 1 @ 118.0")) is Code.CLOSE_ONLY
    do(twin, GO_ON)
    assert isinstance(look(twin)[0], LiquidationStarted)
