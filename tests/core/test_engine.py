"""What the engine tells those around it: what has changed, when, and what a restored one still obeys."""

import msgspec

from tests.core.making import (
    NOW,
    account,
    contract,
    do,
    exchange,
    order,
    overnight,
    rate,
    terms,
    trade,
    trading_day,
)
from trading.core.codes import Code
from trading.core.commands import (
    CancelAfter,
    CancelOrder,
    ChangeTerms,
    CheckRisk,
    ExpireDue,
    ListInstrument,
    OpenAccount,
    Withdraw,
)
from trading.core.engine import Engine
from trading.core.events import (
    AccountOpened,
    Event,
    InstrumentListed,
    OrderAccepted,
    OrderCancelled,
    RiskWarned,
    Traded,
)
from trading.core.types import CancelReason


def busy_exchange() -> Engine:
    """1 is long, 2 is short, 3 has an order in the book, 4 does nothing."""
    engine = exchange(contract(), terms(), *["1000"] * 4)
    trade(engine, "120.0", buyer=1, seller=2)
    do(engine, order(3, "BUY OPEN 1 @ 119.0"))
    engine.take_changes()
    return engine


def test_changes_are_given_away_once() -> None:
    engine = busy_exchange()
    do(engine, order(4, "BUY OPEN 1 @ 119.0"))
    assert set(engine.take_changes().accounts) == {4}
    assert set(engine.take_changes().accounts) == set()


def test_whoever_has_changed_again_is_told_again() -> None:
    engine = busy_exchange()
    for _ in range(3):
        for number in (4, 3, 4):
            do(engine, order(number, "BUY OPEN 1 @ 119.0"))
        assert list(engine.take_changes().accounts) == [4, 3]
    trade(engine, "120.0", buyer=4, seller=3)
    assert set(engine.take_changes().accounts) == {3, 4}


def test_an_order_that_was_restored_sums_its_fills() -> None:
    engine = Engine.restore(busy_exchange().snapshot())
    _, traded = do(engine, order(4, "SELL OPEN 1 @ 119.0"))
    assert isinstance(traded, Traded)
    assert traded.maker.price_sum == traded.taker.price_sum == 1_190_000


def test_changes_hold_each_thing_once_as_it_is_now() -> None:
    engine = busy_exchange()
    accepted, *_ = do(engine, order(4, "SELL OPEN 3 @ 121.0"))
    trade(engine, "121.0", buyer=1, seller=2)
    assert isinstance(accepted, OrderAccepted)
    changes = engine.take_changes()
    assert changes.orders[accepted.order_id].remaining == 2
    assert len(changes.orders) == 3
    assert set(changes.positions) == {(1, "IF"), (4, "IF")}


def test_new_terms_change_all_who_hold_or_are_held() -> None:
    """Their margin is no record of its own, but pages and pushes show it."""
    engine = busy_exchange()
    do(engine, ChangeTerms("IF", terms(margin="20%")))
    changes = engine.take_changes()
    assert set(changes.instruments) == {"IF"}
    assert set(changes.accounts) == {1, 2, 3}
    assert set(changes.positions) == {(1, "IF"), (2, "IF")}


def test_time_does_not_go_back_with_the_clock() -> None:
    engine = exchange(contract(), terms(), "1000", "1000")
    do(engine, order(1, "BUY OPEN 2 @ 120.0"), NOW + 9)
    accepted, traded = do(engine, order(2, "SELL OPEN 1 @ 120.0"), NOW + 5)
    assert isinstance(accepted, OrderAccepted)
    assert isinstance(traded, Traded)
    assert (accepted.time, traded.time) == (NOW + 9, NOW + 9)


def test_the_last_trade_is_known() -> None:
    engine = exchange(contract(), terms(), "1000", "1000")
    do(engine, order(1, "BUY OPEN 5 @ 120.0"), NOW)
    do(engine, order(2, "SELL OPEN 3 @ 120.0"), NOW + 7)
    for each in (engine, Engine.restore(engine.snapshot())):
        instrument = each.state.instruments["IF"]
        assert (instrument.last, instrument.last_volume, instrument.last_time) == (600, 3, NOW + 7)


def test_an_order_knows_when_it_came_and_when_it_last_changed() -> None:
    engine = exchange(contract(), terms(), "1000", "1000")
    accepted, *_ = do(engine, order(1, "BUY OPEN 5 @ 120.0"), NOW)
    do(engine, order(2, "SELL OPEN 3 @ 120.0"), NOW + 7)
    assert isinstance(accepted, OrderAccepted)
    resting = engine.state.orders[accepted.order_id]
    assert (resting.accepted_at, resting.updated_at) == (NOW, NOW + 7)
    do(engine, CancelOrder(1, accepted.order_id), NOW + 9)
    assert (resting.accepted_at, resting.updated_at) == (NOW, NOW + 9)


def test_a_market_order_stays_inside_limits_that_have_narrowed() -> None:
    """Orders that rest beyond the limits of a later day are not for market orders."""
    engine = exchange(contract(), terms(), "1000", "1000")
    do(engine, order(1, "BUY OPEN 1 @ 109.0"))
    do(engine, order(1, "SELL OPEN 1 @ 131.0"))
    records = engine.snapshot()
    (listed,) = records.instruments
    narrower = msgspec.structs.replace(listed, contract=msgspec.structs.replace(listed.contract, limit_rate=rate("5%")))
    engine = Engine.restore(msgspec.structs.replace(records, instruments=[narrower]))
    for side in ("BUY", "SELL"):
        events = engine.apply(order(2, f"{side} OPEN 1 @ MARKET"), NOW)
        assert [type(event) for event in events] == [OrderAccepted, OrderCancelled]


def test_what_is_due_is_known_before() -> None:
    """Whoever has a clock need not ask in vain."""
    engine = exchange(contract(), terms(), "1000", "1000")
    assert engine.next_due is None
    do(engine, order(1, "BUY OPEN 1 @ 120.0 GTD until +500"))
    do(engine, CancelAfter(2, NOW + 300))
    for each in (engine, Engine.restore(engine.snapshot())):
        assert each.next_due == NOW + 300
        assert [each.due(NOW + later) for later in (299, 300)] == [False, True]
        do(each, ExpireDue(), NOW + 300)
        assert each.next_due == NOW + 500
        assert [each.due(NOW + later) for later in (499, 500)] == [False, True]
        do(each, ExpireDue(), NOW + 500)
        assert not each.due(NOW + 10_000)


def test_risk_is_to_be_looked_at_when_something_has_moved() -> None:
    """The holders of an instrument whose price moves, and accounts that trade or whose money moves; nobody else."""
    engine = busy_exchange()
    look = CheckRisk(rate("80%"), rate("100%"))
    do(engine, look)
    assert not engine.moved
    do(engine, order(4, "BUY OPEN 1 @ 119.0"))
    assert not engine.moved, "an order that rests moves nothing"
    do(engine, order(2, "SELL OPEN 1 @ 119.0"))
    assert engine.moved
    do(engine, look)
    assert not engine.moved
    do(engine, Withdraw("user4", 1))
    assert engine.moved


def test_everybody_can_be_looked_at_when_the_levels_are_new() -> None:
    engine = exchange(contract(), terms(), "24", "1000")
    trade(engine, "120.0", buyer=1, seller=2)
    assert warned(do(engine, CheckRisk(rate("80%"), rate("100%")))) == []
    assert warned(do(engine, CheckRisk(rate("50%"), rate("100%")))) == []
    assert warned(do(engine, CheckRisk(rate("50%"), rate("100%"), everyone=True))) == [1]


def test_what_the_exchange_itself_orders_is_marked() -> None:
    engine = exchange(contract(), terms(), "12", "1000")
    trade(engine, "120.0", buyer=1, seller=2)
    do(engine, order(2, "BUY CLOSE 1 @ 120.0"))
    engine.take_changes()
    do(engine, CheckRisk(rate("80%"), rate("100%")))
    assert {found.account.account_id: found.forced for found in engine.take_changes().orders.values()} == {
        1: True,
        2: False,
    }


def warned(events: list[Event]) -> list[int]:
    return [event.account_id for event in events if isinstance(event, RiskWarned)]


def test_a_night_changes_all_that_it_touches() -> None:
    engine = busy_exchange()
    overnight(engine, {"IF": 1_210_000})
    changes = engine.take_changes()
    assert set(changes.accounts) == {1, 2, 3, 4}
    assert set(changes.positions) == {(1, "IF"), (2, "IF")}
    assert set(changes.instruments) == {"IF"}
    assert [order.reason for order in changes.orders.values()] == [CancelReason.SETTLEMENT]
    assert changes.day is not None and changes.day.trading_day == trading_day(2)


def test_why_an_order_was_cancelled_is_noted_on_it() -> None:
    engine = exchange(contract(), terms(), *["1000"] * 3)
    do(engine, order(1, "SELL OPEN 1 @ 120.0"))
    do(engine, order(1, "BUY CLOSE 1 @ MARKET stop 121.0"))
    do(engine, order(1, "BUY OPEN 1 @ 120.0"))
    trade(engine, "121.0", buyer=2, seller=3)
    ended = [found for found in engine.take_changes().orders.values() if found.reason is not None]
    assert [(found.reason, found.code) for found in ended] == [
        (CancelReason.SELF_TRADE, Code.SELF_TRADE),
        (CancelReason.REFUSED, Code.POSITION_INSUFFICIENT),
    ]


def test_accounts_are_numbered_as_they_come() -> None:
    engine = Engine()
    assert do(engine, OpenAccount("ann")) == [AccountOpened(1, "ann")]
    assert do(engine, OpenAccount("bob")) == [AccountOpened(2, "bob")]
    assert account(engine, 2).user_id == "bob"


def test_a_listed_instrument_is_told() -> None:
    assert do(Engine(), ListInstrument(contract("AU"), terms())) == [InstrumentListed("AU")]


def test_the_name_of_a_state_depends_on_the_state_alone() -> None:
    """Not on what was tried, nor on the way that led there, nor on the clock."""
    one, other = busy_exchange(), busy_exchange()
    assert one.state_hash() == other.state_hash()
    one.apply(order(4, "SELL CLOSE 1 @ 120.0"), NOW + 1_000)
    assert one.state_hash() == other.state_hash()
    do(one, order(4, "BUY OPEN 1 @ 110.0"))
    assert one.state_hash() != other.state_hash()
