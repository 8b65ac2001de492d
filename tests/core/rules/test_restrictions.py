"""What operators do in an emergency: many orders cancelled, accounts that may only close, no connections."""

import msgspec
import pytest

from tests.core.making import account, contract, do, exchange, order, overnight, terms, trade
from trading.core.codes import Code
from trading.core.commands import (
    AmendOrder,
    Command,
    ForceCancelAll,
    ListInstrument,
    RefuseConnections,
    SetAccountRules,
    SetCloseOnly,
)
from trading.core.engine import Engine
from trading.core.events import CloseOnlySet, ConnectionsRefused, Event, OrderCancelled, OrdersCancelled, Refused
from trading.core.types import AccountRules, CancelReason, Restrictions

LATER = 1_800_000_000_000


def busy() -> Engine:
    """1 is long and 2 short; 1 rests an opening and a closing, 3 an opening and a stop, also in AU."""
    engine = exchange(contract(), terms(), *["10000"] * 4)
    do(engine, ListInstrument(contract("AU"), terms()))
    trade(engine, "120.0", buyer=1, seller=2, lots=4)
    do(engine, order(1, "BUY OPEN 1 @ 118.0"))
    do(engine, order(1, "SELL CLOSE 2 @ 125.0"))
    do(engine, order(3, "BUY OPEN 1 @ 117.0"))
    do(engine, order(3, "BUY OPEN 1 AU @ 117.0"))
    do(engine, order(3, "BUY OPEN 1 @ 124.0 stop 123.0"))
    engine.take_changes()
    return engine


def refusal(engine: Engine, command: Command) -> tuple[Code, str]:
    before = engine.state_hash()
    (event,) = engine.apply(command, LATER)
    assert isinstance(event, Refused) and engine.state_hash() == before
    return event.code, event.detail


def cancelled(events: list[Event]) -> list[tuple[int, CancelReason, Code | None]]:
    return [(each.account_id, each.reason, each.code) for each in events if isinstance(each, OrderCancelled)]


# --- many orders


@pytest.mark.parametrize(
    ("command", "owners"),
    [
        (ForceCancelAll(), [1, 1, 3, 3, 3]),
        (ForceCancelAll(user_id="user3"), [3, 3, 3]),
        (ForceCancelAll(instrument_id="AU"), [3]),
        (ForceCancelAll(user_id="user3", instrument_id="IF"), [3, 3]),
        (ForceCancelAll(user_id="user4"), []),
    ],
)
def test_just_what_was_meant_is_cancelled(command: ForceCancelAll, owners: list[int]) -> None:
    engine = busy()
    events = do(engine, command)
    assert events[0] == OrdersCancelled(len(owners))
    assert cancelled(events) == [(owner, CancelReason.OPERATOR, None) for owner in owners]
    assert len(engine.state.orders) == 5 - len(owners)


def test_whoever_is_not_there_has_nothing_to_cancel() -> None:
    engine = busy()
    assert refusal(engine, ForceCancelAll(user_id="nobody"))[0] is Code.ACCOUNT_NOT_FOUND
    assert refusal(engine, ForceCancelAll(instrument_id="NO"))[0] is Code.INSTRUMENT_UNKNOWN


# --- close only


def test_an_account_that_may_only_close_loses_what_would_open() -> None:
    engine = busy()
    events = do(engine, SetCloseOnly(True, "user1"))
    assert events[0] == CloseOnlySet(1, True, 1)
    assert cancelled(events) == [(1, CancelReason.OPERATOR, Code.CLOSE_ONLY)]
    assert refusal(engine, order(1, "BUY OPEN 1 @ 118.0"))[0] is Code.CLOSE_ONLY
    assert refusal(engine, order(1, "BUY OPEN 1 @ 124.0 stop 123.0"))[0] is Code.CLOSE_ONLY
    do(engine, order(1, "SELL CLOSE 1 @ 125.0"))
    do(engine, order(3, "BUY OPEN 1 @ 118.0"))
    do(engine, SetCloseOnly(False, "user1"))
    do(engine, order(1, "BUY OPEN 1 @ 118.0"))


def test_a_market_that_only_closes_holds_for_everybody_and_accounts_keep_their_own() -> None:
    engine = busy()
    do(engine, SetCloseOnly(True, "user3"))
    events = do(engine, SetCloseOnly(True))
    assert events[0] == CloseOnlySet(None, True, 1)
    assert all(refusal(engine, order(who, "BUY OPEN 1 @ 118.0"))[0] is Code.CLOSE_ONLY for who in (1, 2, 3, 4))
    do(engine, order(2, "BUY CLOSE 1 @ 118.0"))
    do(engine, SetCloseOnly(False))
    do(engine, order(4, "BUY OPEN 1 @ 118.0"))
    assert refusal(engine, order(3, "BUY OPEN 1 @ 118.0"))[0] is Code.CLOSE_ONLY


def test_a_closing_can_be_amended_all_the_while() -> None:
    engine = busy()
    do(engine, SetCloseOnly(True))
    (closing,) = engine.state.orders.values()
    do(engine, AmendOrder(1, closing.order_id, volume=3))


def test_the_same_twice_is_a_duplicate() -> None:
    engine = busy()
    assert refusal(engine, SetCloseOnly(False, "user1"))[0] is Code.DUPLICATE
    assert refusal(engine, SetCloseOnly(False))[0] is Code.DUPLICATE
    do(engine, SetCloseOnly(True))
    do(engine, SetCloseOnly(True, "user1"))
    assert refusal(engine, SetCloseOnly(True))[0] is Code.DUPLICATE
    assert refusal(engine, SetCloseOnly(True, "user1"))[0] is Code.DUPLICATE
    assert refusal(engine, SetCloseOnly(True, "nobody"))[0] is Code.ACCOUNT_NOT_FOUND


def test_rules_of_an_account_and_a_new_day_leave_it_as_it_was() -> None:
    engine = busy()
    do(engine, SetCloseOnly(True, "user3"))
    do(engine, SetAccountRules("user3", AccountRules(max_volume=5)))
    overnight(engine, {"IF": 1_200_000, "AU": 1_200_000})
    assert account(engine, 3).close_only
    assert refusal(engine, order(3, "BUY OPEN 1 @ 118.0"))[0] is Code.CLOSE_ONLY


# --- connections


def test_connections_are_refused_and_let_in_again() -> None:
    engine = busy()
    assert refusal(engine, RefuseConnections(False))[0] is Code.DUPLICATE
    assert do(engine, RefuseConnections(True)) == [ConnectionsRefused(True)]
    assert refusal(engine, RefuseConnections(True))[0] is Code.DUPLICATE
    do(engine, RefuseConnections(False))
    assert engine.state.day.restrictions == Restrictions()


# --- what stays


def test_a_restored_engine_still_has_them() -> None:
    engine = busy()
    for command in (SetCloseOnly(True, "user3"), SetCloseOnly(True, "user2"), RefuseConnections(True)):
        do(engine, command)
    assert engine.state.day.restrictions == Restrictions(False, (2, 3), True)
    twin = Engine.restore(msgspec.convert(msgspec.to_builtins(engine.snapshot()), type(engine.snapshot())))
    assert twin.state_hash() == engine.state_hash()
    assert refusal(twin, order(3, "BUY OPEN 1 @ 118.0"))[0] is Code.CLOSE_ONLY
    do(twin, order(1, "BUY OPEN 1 @ 118.0"))


def test_a_market_in_which_nothing_is_off_has_the_name_it_had() -> None:
    """Journals of earlier releases replay to the same state."""
    engine = busy()
    before = engine.state_hash()
    do(engine, SetCloseOnly(True, "user4"))
    assert engine.state_hash() != before
    do(engine, SetCloseOnly(False, "user4"))
    assert engine.state_hash() == before
