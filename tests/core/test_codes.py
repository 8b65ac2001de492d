"""What others rely on for ever: the numbers of the refusals, the moves of an order, ids, and closed unions."""

from inspect import isclass
from itertools import product
from types import ModuleType
from typing import get_args

import msgspec
import pytest

from tests.core.making import NOW, contract, exchange, order, terms
from trading.core import commands, events
from trading.core.codes import Code
from trading.core.engine import RULES
from trading.core.numbers import (
    FIRST_SHARE,
    FURTHER_SHARE,
    MOST_MARKETS,
    ORDER_EPOCH_MS,
    SEQUENCE,
    number_at,
    shard_of,
    shard_of_account,
    share_of,
)
from trading.core.state import State
from trading.core.types import NEXT_STATUS, OrderStatus

NUMBERS = {
    "MALFORMED": 400,
    "NOT_AUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "DUPLICATE": 409,
    "TOO_FAST": 429,
    "UNAVAILABLE": 503,
    "UNKNOWN_OUTCOME": 504,
    "INSUFFICIENT_FUNDS": 1001,
    "ORDER_NOT_FOUND": 1002,
    "ACCOUNT_NOT_FOUND": 1003,
    "INSTRUMENT_UNKNOWN": 1004,
    "POSITION_INSUFFICIENT": 1005,
    "BAD_VOLUME": 1006,
    "OFF_TICK": 1007,
    "PRICE_LIMIT": 1008,
    "NOT_TRADING": 1009,
    "SELF_TRADE": 1010,
    "ORDER_FINISHED": 1011,
    "ACCOUNT_FROZEN": 1012,
    "LIMIT_REACHED": 1013,
    "TOO_LATE": 1014,
    "WOULD_TRADE": 1015,
    "CLOSE_ONLY": 1016,
}


def test_numbers_never_change_and_none_is_used_twice() -> None:
    assert {name: code.value for name, code in Code.__members__.items()} == NUMBERS


def test_every_code_has_its_own_sentence() -> None:
    assert len({code.text for code in Code}) == len(NUMBERS)
    assert all(code.text for code in Code)


def test_a_code_is_found_by_its_number() -> None:
    found = Code(1001)  # type: ignore[call-arg]  # looked up, not made
    assert found is Code.INSUFFICIENT_FUNDS
    assert found.text == "Insufficient funds"


FINAL = {OrderStatus.FILLED, OrderStatus.CANCELLED}


@pytest.mark.parametrize(("before", "after"), list(product(OrderStatus, repeat=2)))
def test_the_moves_of_an_order(before: OrderStatus, after: OrderStatus) -> None:
    """Final states are left by nobody, and nobody waits again. Who waits is submitted when it fires, or cancelled."""
    if before is OrderStatus.WAITING:
        may = after in (OrderStatus.SUBMITTED, OrderStatus.CANCELLED)
    else:
        may = before not in FINAL and after not in (OrderStatus.SUBMITTED, OrderStatus.WAITING)
    assert (after in NEXT_STATUS[before]) == may


def test_a_move_that_is_not_in_the_table_is_not_made() -> None:
    engine = exchange(contract(), terms(), "1000")
    engine.apply(order(1, "BUY OPEN 1 @ 120"), NOW)
    (resting,) = engine.state.orders.values()
    resting.move_to(OrderStatus.CANCELLED)
    for status in OrderStatus:
        with pytest.raises(AssertionError, match="no order goes from Cancelled to"):
            resting.move_to(status)
    assert resting.status is OrderStatus.CANCELLED


# --- ids


def state_at(now: int, last_id: int = 0) -> State:
    state = State()
    state.now, state.last_id = now, last_id
    return state


def test_an_id_tells_its_millisecond_and_counts_within_it() -> None:
    state = state_at(ORDER_EPOCH_MS + 5)
    assert [state.next_id() for _ in range(3)] == [5 * SEQUENCE + n for n in range(3)]
    state.now += 1
    assert state.next_id() == number_at(state.now) == 6 * SEQUENCE


def test_ids_go_on_when_the_clock_goes_back_or_a_millisecond_is_full() -> None:
    assert state_at(0, last_id=70).next_id() == 71
    assert state_at(ORDER_EPOCH_MS, last_id=SEQUENCE).next_id() == SEQUENCE + 1


def test_no_two_markets_give_the_same_id() -> None:
    """However many they give in a millisecond: where a share is used up, the next millisecond's follows."""
    states = [State(shard=shard) for shard in (0, 1, 2, MOST_MARKETS - 1)]
    given: set[int] = set()
    for state in states:
        state.now = ORDER_EPOCH_MS + 5
        numbers = [state.next_id() for _ in range(2 * FURTHER_SHARE + 1)]
        assert numbers == sorted(set(numbers)) and number_at(state.now) <= numbers[0]
        assert {shard_of(number) for number in numbers} == {state.shard}
        assert given.isdisjoint(numbers)
        given.update(numbers)


def test_the_first_share_ends_where_the_others_begin() -> None:
    state = state_at(ORDER_EPOCH_MS, last_id=FIRST_SHARE - 1)
    assert state.next_id() == SEQUENCE and shard_of(FIRST_SHARE - 1) == 0 and shard_of(FIRST_SHARE) == 1
    assert share_of(MOST_MARKETS - 1)[1] == SEQUENCE


def test_accounts_tell_their_market() -> None:
    for shard in (0, 1, 7):
        assert shard_of_account(State(shard=shard).next_account_id()) == shard


def test_ids_fit_63_bits_until_2049() -> None:
    assert number_at(2_493_072_000_000) < 2**63


# --- closed unions


def structs(module: ModuleType) -> set[type[msgspec.Struct]]:
    """The Structs that a module defines."""
    return {
        each
        for each in vars(module).values()
        if isclass(each) and issubclass(each, msgspec.Struct) and each.__module__ == module.__name__
    }


def test_every_command_and_every_event_is_in_its_union() -> None:
    assert set(get_args(commands.Command)) == structs(commands) - {commands.Asked, commands.ClientOrder}
    assert set(get_args(events.Event)) == structs(events) - {events.Fill, events.StatementLine}


@pytest.mark.parametrize("kind", sorted(structs(commands) | structs(events), key=str))
def test_commands_and_events_never_change(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen


def test_commands_can_be_kept_in_a_journal() -> None:
    """Bytes that decode to the same commands."""
    said: list[commands.Command] = [commands.CancelOrder(1, 2), commands.Deposit("ann", 3)]
    kept = msgspec.msgpack.encode(said)
    assert msgspec.msgpack.decode(kept, type=list[commands.Command]) == said


def test_every_command_has_its_rule() -> None:
    assert set(RULES) == set(get_args(commands.Command))
