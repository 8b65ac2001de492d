"""A state that contradicts itself is found out, whatever is off in it: each fault is seeded and named."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.builders import NOW, TRADERS, founding, listing, order, terms
from trading.core.accounts import Side
from trading.core.commands import Command, SetAccountRules, SetFeeGroup, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import Refused
from trading.core.money import RATE
from trading.core.orders import Account, Order
from trading.core.snapshot.taking import take
from trading.core.types import AccountRules, OrderOptions, OrderStatus

STOP = OrderOptions(stop_price=1_300_000)
TRAILING = OrderOptions(stop_price=1_300_000, trail=10_000)
GROUPED = OrderOptions(oco_group="pair")


def market() -> Engine:
    """1 is long and closes; both rest openings, one of 2 half filled; 1 has a stop, a trailing one and a group."""
    engine = Engine()
    asked: list[SubmitOrder] = [
        order(1, "BUY OPEN 4 @ 120"),
        order(2, "SELL OPEN 7 @ 120"),
        order(1, "SELL CLOSETODAY 2 @ 121"),
        order(1, "BUY OPEN 1 @ 110"),
        order(1, "BUY OPEN 1 @ 110"),
        order(1, "BUY OPEN 1 @ MARKET GFD", options=STOP),
        order(1, "BUY OPEN 1 @ MARKET GFD", options=TRAILING),
        order(1, "BUY OPEN 1 @ 109", options=GROUPED),
    ]
    for command in founding():
        engine.apply(command, NOW)
    for command in asked:
        answer = engine.apply(command, NOW)[0]
        assert not isinstance(answer, Refused), answer
    return engine


def resting(engine: Engine, price: int, place: int = 0) -> Order:
    """An order of the book at a price."""
    found = [order for order in engine.state.instruments["IX2301"].book.entries() if order.price == price]
    return found[place]


def ticks(engine: Engine, price: float) -> int:
    return round(price * 10_000) // engine.state.instruments["IX2301"].contract.tick


def one(engine: Engine) -> Account:
    return engine.state.accounts[1]


def bid(engine: Engine) -> Order:
    return resting(engine, ticks(engine, 110))


def half_filled(engine: Engine) -> Order:
    return resting(engine, ticks(engine, 120))


def closing(engine: Engine) -> Order:
    return resting(engine, ticks(engine, 121))


def waiting(engine: Engine) -> Order:
    return next(order for order in one(engine).orders.values() if order.status is OrderStatus.WAITING)


def forget(engine: Engine) -> None:
    del one(engine).orders[bid(engine).order_id]


def remove_from_book(engine: Engine) -> None:
    engine.state.instruments["IX2301"].book.bids.remove(bid(engine))


def swap_for_twin(engine: Engine) -> None:
    """In the list of live orders stands another order of that number."""
    lost = bid(engine)
    other = resting(engine, lost.price, 1)
    one(engine).orders[lost.order_id] = other


def move_to_other(engine: Engine) -> None:
    moved = one(engine).orders.pop(bid(engine).order_id)
    engine.state.accounts[2].orders[moved.order_id] = moved


def stranger(engine: Engine) -> None:
    """It rests for an account that the market has not."""
    found = bid(engine)
    found.account = Account(1, "stranger", orders={found.order_id: found})


def renumber(engine: Engine) -> None:
    engine.state.accounts[9] = engine.state.accounts.pop(2)


def hold_his(engine: Engine) -> None:
    """It closes a lot of yesterday instead of one of today."""
    order = closing(engine)
    order.today_held -= 1
    order.his_held += 1


def misplace(engine: Engine) -> None:
    """It is in the book of one instrument and says another."""
    order = bid(engine)
    order.instrument = next(each for each in engine.state.instruments.values() if each is not order.instrument)


def raise_limit(engine: Engine) -> None:
    engine.state.instruments["IX2301"].limit_down = bid(engine).price + 1


def side(engine: Engine) -> Side:
    return bid(engine).side


def put(name: str, thing: Callable[[Engine], object], value: object) -> Callable[[Engine], None]:
    return lambda engine: setattr(thing(engine), name, value)


def add(name: str, thing: Callable[[Engine], object], more: int = 1) -> Callable[[Engine], None]:
    return lambda engine: setattr(thing(engine), name, getattr(thing(engine), name) + more)


FAULTS: dict[str, tuple[Callable[[Engine], None], str]] = {
    "live order not in the book": (remove_from_book, "books and the lists of live orders disagree"),
    "order in the book not live": (forget, "rests and is not live"),
    "another order under its number": (swap_for_twin, "rests and is not live"),
    "in the list of another account": (move_to_other, "rests and is not live"),
    "of an account that is none": (stranger, "strange name"),
    "under another's name": (add("owner", bid), "strange name"),
    "in another's book": (misplace, "strange book"),
    "too many lots": (add("left", bid), "shows and hides"),
    "status of a filled one": (put("status", bid, OrderStatus.PARTIALLY_FILLED), "with status"),
    "status of an unfilled one": (put("status", half_filled, OrderStatus.SUBMITTED), "with status"),
    "waits in the book": (put("status", bid, OrderStatus.WAITING), "with status"),
    "rests and does not": (put("status", waiting, OrderStatus.SUBMITTED), "the count of waiting orders"),
    "waits and has traded": (add("volume", waiting), "waits and trades"),
    "holds too much": (add("hold_per_lot", bid), "holds the wrong amount"),
    "holds for its account too little": (add("hold", one, -1), "hold is not its orders'"),
    "closes what it does not hold": (add("today_held", closing, -1), "may close"),
    "holds yesterday's lots": (hold_his, "frozen lots"),
    "limits of an instrument": (raise_limit, "outside the limits"),
    "live orders": (add("live", side), "the counts of its orders"),
    "lots to open": (add("opening", side), "the counts of its orders"),
    "waiting orders": (add("waiting", one), "the count of waiting orders"),
    "trailing stops": (add("trailing", one, -1), "the count of trailing stops"),
    "groups": (lambda e: one(e).groups.clear(), "groups are off"),
    "number of the account": (renumber, "strange name"),
}


def test_a_sound_state_passes() -> None:
    market().check()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str) -> None:
    engine = market()
    seed, words = FAULTS[name]
    seed(engine)
    with pytest.raises(AssertionError, match=words):
        engine.check()


def test_what_each_lot_holds_follows_from_its_own_terms() -> None:
    """At a restart and in the checks it is worked out once for many orders: of one side, price and instrument, and of
    who pay the same commission."""
    engine = market()
    dear = replace(listing("AU2302"), terms=terms(margin=RATE // 5))
    rules = SetAccountRules(TRADERS[2], AccountRules(fee_group="half"))
    asked: list[Command] = [dear, SetFeeGroup("half", RATE // 2), rules]
    asked += [order(account, "BUY OPEN 1 @ 110", name) for name in ("IX2301", "AU2302") for account in (1, 2, 3)]
    asked += [order(account, f"SELL OPEN 1 @ {price}") for account in (1, 2, 3) for price in (128, 129)]
    for command in asked:
        answer = engine.apply(command, NOW)[0]
        assert not isinstance(answer, Refused), answer
    restored = Engine.restore(take(engine.state))
    restored.check()
    holds = {number: each.hold_per_lot for number, each in engine.state.orders.items()}
    assert holds == {number: each.hold_per_lot for number, each in restored.state.orders.items()}
    prices, instruments, fees = 3, 2, 2
    assert len(set(holds.values())) >= (prices + instruments - 1) * fees, "they are different enough"
