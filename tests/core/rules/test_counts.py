"""How many orders an account may have at once: live, waiting, trailing, in all instruments together."""

from typing import Any, NoReturn

import pytest

from tests.builders import FUNDS, NOW, cancel, founding, order
from trading.core.codes import Code
from trading.core.commands import (
    AmendOrder,
    CancelAll,
    Deposit,
    SetAccountRules,
    SetMarketLimits,
    SetMarketPhase,
    SubmitOrder,
)
from trading.core.engine import Engine
from trading.core.events import MarketLimitsSet, OrderAccepted, OrderAmended, OrderFired, OrderWaiting, Refused, Traded
from trading.core.orders import Order
from trading.core.types import AccountRules, MarketLimits, OrderOptions, Phase

LIMITS = MarketLimits(live_orders=4, waiting_orders=2, trailing_stops=1)


@pytest.fixture
def engine() -> Engine:
    made = Engine()
    for command in [*founding(), SetMarketLimits(LIMITS)]:
        made.apply(command, NOW)
    return made


def rest(instrument_id: str = "IX2301") -> SubmitOrder:
    return order(1, "BUY OPEN 1 @ 109", instrument_id)


def stop(account_id: int = 1) -> SubmitOrder:
    return order(account_id, "BUY OPEN 1 @ MARKET GFD", options=OrderOptions(stop_price=1_300_000))


def trailing(account_id: int = 1) -> SubmitOrder:
    options = OrderOptions(stop_price=1_300_000, trail=10_000)
    return order(account_id, "BUY OPEN 1 @ MARKET GFD", options=options)


def do(engine: Engine, *commands: Any) -> Any:
    """The answer to the last command; the others are taken."""
    for command in commands[:-1]:
        answer = engine.apply(command, NOW)[0]
        assert not isinstance(answer, Refused), answer
    return engine.apply(commands[-1], NOW)[0]


def assert_too_many(answer: Any, words: str) -> None:
    assert isinstance(answer, Refused) and answer.code is Code.LIMIT_REACHED and words in answer.detail, answer


def test_live_orders_of_all_instruments_count(engine: Engine) -> None:
    assert_too_many(do(engine, rest(), rest("IF2301"), rest(), stop(), rest()), "at most 4 live orders")
    assert_too_many(do(engine, stop()), "at most 4 live orders")
    assert isinstance(do(engine, order(2, "BUY OPEN 1 @ 109")), OrderAccepted)


def test_waiting_and_trailing_orders_count_for_themselves(engine: Engine) -> None:
    assert isinstance(do(engine, trailing()), OrderWaiting)
    assert_too_many(do(engine, trailing()), "at most 1 trailing stops")
    assert_too_many(do(engine, stop(), stop()), "at most 2 waiting orders")
    assert isinstance(do(engine, rest()), OrderAccepted)


def test_what_is_over_makes_room(engine: Engine) -> None:
    for _ in range(3):
        first = do(engine, stop(), trailing())
        do(engine, CancelAll(1))
        engine.check()
    assert isinstance(first, OrderWaiting)


def test_an_order_that_cannot_stay_is_taken_at_the_limit(engine: Engine) -> None:
    do(engine, rest(), rest(), rest(), rest(), order(2, "SELL OPEN 3 @ 121"))
    for words in ("BUY OPEN 1 @ MARKET", "BUY OPEN 1 @ 121 IOC", "BUY OPEN 1 @ 121 FOK"):
        assert isinstance(engine.apply(order(1, words), NOW)[1], Traded)


def test_an_amendment_takes_no_room(engine: Engine) -> None:
    accepted = do(engine, rest(), rest(), rest(), rest())
    assert not isinstance(do(engine, AmendOrder(1, accepted.order_id, price=1_085_000)), Refused)


def test_a_stop_fires_at_the_limit(engine: Engine) -> None:
    """It was counted when it came."""
    do(engine, Deposit("user001", FUNDS), stop(), rest(), rest(), rest(), order(2, "SELL OPEN 2 @ 130"))
    events = engine.apply(order(3, "BUY OPEN 1 @ 130"), NOW)
    assert sum(isinstance(event, Traded) for event in events) == 2


def test_an_accounts_own_rules_stand_before_the_markets(engine: Engine) -> None:
    own = AccountRules(live_orders=1, waiting_orders=0)
    assert_too_many(do(engine, SetAccountRules("user001", own), stop()), "at most 0 waiting orders")
    assert_too_many(do(engine, rest(), rest()), "at most 1 live orders")
    wide = AccountRules(live_orders=100)
    do(engine, SetAccountRules("user001", wide), *[rest() for _ in range(20)])
    assert isinstance(do(engine, SetAccountRules("user001", AccountRules(trailing_stops=-1))), Refused)


def test_lower_limits_hold_for_new_orders(engine: Engine) -> None:
    do(engine, rest(), rest(), rest())
    assert do(engine, SetMarketLimits(MarketLimits(live_orders=1))) == MarketLimitsSet()
    assert len(engine.state.accounts[1].orders) == 3
    assert_too_many(do(engine, rest()), "at most 1 live orders")
    assert isinstance(do(engine, SetMarketLimits(MarketLimits()), rest()), OrderAccepted)


def test_limits_are_part_of_the_state(engine: Engine) -> None:
    restored = Engine.restore(engine.snapshot())
    assert restored.state.day.limits == LIMITS and restored.state_hash() == engine.state_hash()
    engine.apply(SetMarketLimits(MarketLimits()), NOW)
    assert restored.state_hash() != engine.state_hash()


class Many(dict[int, Order]):
    """Live orders that nobody may look through: each stop that fires would, of an account with thousands of them."""

    def _refused(self, *_: object) -> NoReturn:
        raise AssertionError("as many looks as orders, for each order")

    values = items = keys = __iter__ = _refused


FAR = AccountRules(max_position=99, max_orders=99, live_orders=99, waiting_orders=99, trailing_stops=99)
NEAR = AccountRules(max_position=5, max_orders=5, live_orders=5, waiting_orders=3, trailing_stops=2)


@pytest.mark.parametrize("rules", [FAR, NEAR])
def test_nobody_looks_through_all_orders_for_a_limit(engine: Engine, rules: AccountRules) -> None:
    do(engine, Deposit("user001", FUNDS), SetAccountRules("user001", rules), rest(), stop(), trailing())
    account = engine.state.accounts[1]
    account.orders = Many(account.orders)
    accepted = do(engine, rest())
    assert isinstance(do(engine, stop()), OrderWaiting)
    assert isinstance(do(engine, AmendOrder(1, accepted.order_id, price=1_085_000)), OrderAmended)
    do(engine, order(2, "SELL OPEN 4 @ 130"))
    events = engine.apply(order(3, "BUY OPEN 1 @ 130"), NOW)
    assert sum(isinstance(event, OrderFired) for event in events) == 3
    assert account.positions["IX2301"].long.lots == 3


def test_nobody_looks_through_all_orders_on_entry_to_an_auction(engine: Engine) -> None:
    do(engine, SetMarketPhase(Phase.AUCTION), rest())
    account = engine.state.accounts[1]
    account.orders = Many(account.orders)
    assert isinstance(do(engine, rest()), OrderAccepted)


LOTS = AccountRules(max_position=3)


def test_lots_of_live_orders_are_counted_through_all_that_becomes_of_them(engine: Engine) -> None:
    """Rested, filled, made smaller, replaced, cancelled; and the same after a restart."""
    resting = do(engine, SetAccountRules("user001", LOTS), order(1, "BUY OPEN 3 @ 109"))
    for step, free in (
        (order(2, "SELL OPEN 1 @ 109"), 0),
        (AmendOrder(1, resting.order_id, volume=2), 1),
        (AmendOrder(1, resting.order_id, price=1_085_000), 1),
        (AmendOrder(1, resting.order_id, volume=3), 0),
        (cancel(1, resting.order_id), 2),
        (order(3, "BUY OPEN 1 @ 109"), 2),
        (order(1, "SELL CLOSE 1 @ 109"), 3),
    ):
        assert not isinstance(do(engine, step), Refused)
        for each in (engine, Engine.restore(engine.snapshot())):
            each.check()
            assert_too_many(each.apply(order(1, f"BUY OPEN {free + 1} @ 108"), NOW)[0], f"{3 - free} of 3 lots")
