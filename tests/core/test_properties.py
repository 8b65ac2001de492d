"""What is true of the whole engine in every history, not only in the stories we thought of."""

from collections import Counter
from collections.abc import Iterator

import msgspec
from hypothesis import Phase, given, seed, settings

from tests.core.naive import NaiveBook, NaiveLedger
from tests.core.strategies import Played, Step, histories, morning, play, trades
from trading.core.commands import CancelOrder, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import (
    Deposited,
    Event,
    Fill,
    InstrumentHalted,
    InstrumentResumed,
    OrderAccepted,
    OrderCancelled,
    OrderRepeated,
    Refused,
    Traded,
    Withdrawn,
)
from trading.core.snapshot import Snapshot
from trading.core.state import Changes
from trading.core.types import Offset, OrderStatus, OrderType, TimeCondition

History = tuple[int, list[Step]]


@given(histories())
def test_the_invariants_hold_after_every_command(history: History) -> None:
    day, steps = history
    engine = morning(day)
    for _ in play(engine, steps):
        engine.check()


@given(histories())
def test_money_never_appears_or_vanishes(history: History) -> None:
    day, steps = history
    engine = morning(day)
    inside = sum(account.pre_balance + account.deposits for account in engine.state.accounts.values())
    collected = 0
    for played in play(engine, steps):
        inside += sum(event.amount for event in played.events if isinstance(event, Deposited))
        inside -= sum(event.amount for event in played.events if isinstance(event, Withdrawn))
        collected += sum(fill.commission for fill in fills(played.events))
        balances = sum(account.figures().balance for account in engine.state.accounts.values())
        assert inside == balances + collected


@given(histories())
def test_a_refusal_changes_nothing(history: History) -> None:
    day, steps = history
    engine = morning(day)
    before = engine.state_hash()
    for played in play(engine, steps):
        changes, after = engine.take_changes(), engine.state_hash()
        if isinstance(played.events[0], Refused | OrderRepeated):
            assert len(played.events) == 1
            assert after == before
            assert changed(changes) == set()
        before = after


@given(histories())
def test_what_changes_is_told(history: History) -> None:
    """A store that writes only what `take_changes` gives it has everything."""
    day, steps = history
    engine = morning(day)
    before = engine.snapshot()
    for _ in play(engine, steps):
        after = engine.snapshot()
        differing = {key for key, _ in set(records(before)) ^ set(records(after))}
        assert differing <= changed(engine.take_changes())
        before = after


@given(histories())
def test_the_same_commands_do_the_same(history: History) -> None:
    day, steps = history
    engine, again = morning(day), morning(day)
    for played in play(engine, steps):
        assert again.apply(played.command, played.now) == played.events
    assert again.state_hash() == engine.state_hash()


@given(histories())
def test_a_restored_engine_goes_on_as_if_nothing_had_been(history: History) -> None:
    """Restored before every command; only the clock, which no record holds, is set by the next command."""
    day, steps = history
    engine, restored = morning(day), morning(day)
    for played in play(engine, steps):
        assert restored.apply(played.command, engine.state.now) == played.events
        restored = Engine.restore(engine.snapshot())
        restored.check()
        assert restored.state_hash() == engine.state_hash()
        assert figures(restored) == figures(engine)


@given(histories())
def test_ids_are_unique_and_increase_whatever_the_clock_does(history: History) -> None:
    day, steps = history
    engine = morning(day)
    last = engine.state.last_id
    for played in play(engine, steps):
        for number in new_ids(played.events):
            assert number > last
            last = number


@given(histories())
def test_orders_trade_as_in_the_naive_book(history: History) -> None:
    day, steps = history
    engine = morning(day)
    books = {name: naive_book(engine, name) for name in engine.state.instruments}
    for played in play(engine, steps):
        match played.command:
            case SubmitOrder() as order if isinstance(played.events[0], OrderAccepted):
                follow_order(books[order.instrument_id], order, played.events)
            case CancelOrder(account_id=asking, order_id=order_id) if isinstance(played.events[0], OrderCancelled):
                assert any(book.cancel(order_id) for book in books.values())
                assert played.events[0].account_id == asking, "a stranger cancelled it"
        for name, book in books.items():
            assert standing(engine, name) == [(each.order_id, each.left) for each in book.standing()]


def naive_book(engine: Engine, name: str) -> NaiveBook:
    book = NaiveBook()
    instrument = engine.state.instruments[name]
    for order in instrument.book.entries():
        book.rest(order.order_id, order.is_buy, order.price * instrument.contract.tick, order.remaining)
    return book


def follow_order(book: NaiveBook, order: SubmitOrder, events: list[Event]) -> None:
    """Place an accepted order in the naive book and compare the trades."""
    assert isinstance(events[0], OrderAccepted)
    is_buy = order.direction == "BUY"
    is_market = order.order_type is OrderType.MARKET
    limit = order.price if order.price and not is_market else 10**12 * is_buy
    expected = book.match(is_buy, limit, order.volume)
    assert [(trade.maker.order_id, trade.price, trade.volume) for trade in trades(events)] == expected
    left = order.volume - sum(lots for _, _, lots in expected)
    if is_market or order.time_condition is TimeCondition.IOC:
        assert isinstance(events[-1], OrderCancelled) == (left > 0)
    elif left:
        book.rest(events[0].order_id, is_buy, limit, left)


@given(histories())
def test_the_fills_alone_tell_positions_and_balances(history: History) -> None:
    day, steps = history
    engine = morning(day)
    ledger = NaiveLedger()
    for account_id, name, is_long, lots, cost in legs(engine):
        ledger.carry(account_id, name, lots if is_long else -lots, cost if is_long else -cost)
    lot_values = {name: each.mark.lot_value for name, each in engine.state.instruments.items()}
    for played in play(engine, steps):
        for trade in trades(played.events):
            multiplier = engine.state.instruments[trade.instrument_id].contract.multiplier
            lot_values[trade.instrument_id] = trade.price * multiplier
            ledger.hear(trade, multiplier)
        assert {(a, name, is_long): lots for a, name, is_long, lots, _ in legs(engine)} == +ledger.lots
        for account_id, account in engine.state.accounts.items():
            by_legs = [p.leg_profit(True) + p.leg_profit(False) for p in account.positions.values()]
            assert by_legs == [position.profit for position in account.positions.values()]
            assert account.figures().profit == ledger.gain(account_id, lot_values)
            assert account.commission == ledger.commission[account_id]
            assert account.available == account.figures().available


@given(histories())
def test_the_events_of_an_order_add_up(history: History) -> None:
    """Accepted once; each fill tells what is filled and left; nothing comes after Filled or Cancelled."""
    day, steps = history
    engine = morning(day)
    volumes = {order_id: order.volume for order_id, order in engine.state.orders.items()}
    filled: Counter[int] = Counter()
    finished: set[int] = set()
    for played in play(engine, steps):
        for event in played.events:
            match event:
                case OrderAccepted():
                    volumes[event.order_id] = event.volume
                case Traded():
                    for fill in (event.taker, event.maker):
                        assert fill.order_id not in finished
                        filled[fill.order_id] += event.volume
                        told = (fill.filled, fill.filled + fill.remaining)
                        assert told == (filled[fill.order_id], volumes[fill.order_id])
                        assert fill.status is (OrderStatus.PARTIALLY_FILLED if fill.remaining else OrderStatus.FILLED)
                        finished |= set() if fill.remaining else {fill.order_id}
                case OrderCancelled():
                    assert event.order_id not in finished
                    assert event.remaining
                    assert event.filled == filled[event.order_id] == volumes[event.order_id] - event.remaining
                    finished.add(event.order_id)


@given(histories())
def test_an_own_id_names_one_order(history: History) -> None:
    """Whatever is sent under it later is that order again, or refused."""
    day, steps = history
    named: dict[tuple[int, str], tuple[int, SubmitOrder]] = {}
    for played in play(morning(day), steps):
        match played.command, played.events[0]:
            case SubmitOrder(account_id=who, client_order_id=str() as own_id) as order, OrderAccepted(order_id=number):
                assert (who, own_id) not in named
                named[who, own_id] = number, order
            case SubmitOrder(account_id=who, client_order_id=str() as own_id) as order, OrderRepeated(order_id=number):
                assert named[who, own_id] == (number, order)


@given(histories())
def test_nobody_trades_what_is_halted(history: History) -> None:
    day, steps = history
    halted: set[str] = set()
    for played in play(morning(day), steps):
        match played.command, played.events[0]:
            case _, InstrumentHalted(instrument_id=name):
                halted.add(name)
            case _, InstrumentResumed(instrument_id=name):
                halted.remove(name)
            case SubmitOrder(instrument_id=name), OrderAccepted():
                assert name not in halted


@given(histories())
def test_a_resting_order_has_paid_for_its_fill(history: History) -> None:
    """What an opening maker holds covers margin and commission, so a fill never takes from what is available."""
    day, steps = history
    engine = morning(day)
    spare = {number: without_marks(engine, number) for number in engine.state.accounts}
    for played in play(engine, steps):
        took = {fill.account_id for fill in fills(played.events, maker=False)}
        closed = {fill.account_id for fill in fills(played.events) if fill.offset is not Offset.OPEN}
        for number in {fill.account_id for fill in fills(played.events)} - took - closed:
            assert without_marks(engine, number) >= spare[number]
        spare = {number: without_marks(engine, number) for number in engine.state.accounts}


def without_marks(engine: Engine, account_id: int) -> int:
    """What is available when no price moves."""
    figures = engine.state.accounts[account_id].figures()
    return figures.available - figures.position_profit


# --- what the generator does


def sample(number: int) -> list[Counter[str]]:
    """What 60 histories, always the same for a number, are good for."""
    seen = []

    @settings(max_examples=60, phases=[Phase.generate], database=None)
    @seed(number)
    @given(histories())
    def look(history: History) -> None:
        day, steps = history
        seen.append(Counter(kind for played in play(morning(day), steps) for kind in kinds(played)))

    look()
    return seen


def test_the_histories_are_worth_playing() -> None:
    """Green properties of histories in which nothing happens would mean nothing."""
    seen = [each for number in range(5) for each in sample(number)]
    assert sum(each["trade"] >= 2 for each in seen) / len(seen) > 0.9
    shares = {kind: sum(kind in each for each in seen) / len(seen) for kind in set().union(*seen)}
    rare = {kind: shares.get(kind, 0) for kind, least in LEAST.items() if shares.get(kind, 0) < least}
    assert not rare, f"too few of the histories have these: {rare}"
    assert {f"refused {code}" for code in REFUSALS} <= set(shares)


LEAST: dict[str, float] = {
    "two makers": 0.3,
    "partial fill": 0.7,
    "closing fill": 0.3,
    "yesterday closed": 0.02,
    "self-trade": 0.5,
    "cancelled": 0.2,
    "stranger's cancel": 0.4,
    "rest cancelled": 0.4,
    "repeated": 0.2,
    "halted": 0.04,
    "terms changed": 0.1,
    "money moved": 0.15,
    "refused 1001": 0.03,
    "refused 1005": 0.4,
}
"""What share of the histories must have it."""

REFUSALS = (400, 409, *range(1001, 1010))


def kinds(played: Played) -> Iterator[str]:
    """What a step was good for."""
    makers = [trade.maker for trade in trades(played.events)]
    if len(makers) > 1:
        yield "two makers"
    for trade in trades(played.events):
        yield "trade"
        if trade.maker.account_id == trade.taker.account_id:
            yield "self-trade"
    for fill in fills(played.events):
        if fill.remaining:
            yield "partial fill"
        if fill.offset is not Offset.OPEN:
            yield "closing fill"
        if fill.offset is Offset.CLOSEYESTERDAY:
            yield "yesterday closed"
    match played.command, played.events[0]:
        case CancelOrder(account_id=account_id), Refused(code=code) if account_id and code == 1002:
            yield "stranger's cancel"
            yield "refused 1002"
        case _, Refused(code=code):
            yield f"refused {code.value}"
        case _, OrderRepeated():
            yield "repeated"
        case _, Deposited() | Withdrawn():
            yield "money moved"
        case CancelOrder(), OrderCancelled():
            yield "cancelled"
        case SubmitOrder(), OrderAccepted() if isinstance(played.events[-1], OrderCancelled):
            yield "rest cancelled"
        case _, event:
            yield {"TermsChanged": "terms changed", "InstrumentHalted": "halted"}.get(type(event).__name__, "other")


# --- looking at engines


def fills(events: list[Event], *, taker: bool = True, maker: bool = True) -> list[Fill]:
    return [trade.taker for trade in trades(events) if taker] + [trade.maker for trade in trades(events) if maker]


def new_ids(events: list[Event]) -> Iterator[int]:
    for event in events:
        if isinstance(event, OrderAccepted):
            yield event.order_id
        if isinstance(event, Traded):
            yield event.trade_id


def standing(engine: Engine, name: str) -> list[tuple[int, int]]:
    return [(order.order_id, order.remaining) for order in engine.state.instruments[name].book.entries()]


def legs(engine: Engine) -> Iterator[tuple[int, str, bool, int, int]]:
    """(account, instrument, is it long, lots, position cost) of every leg that has lots."""
    for account_id, account in engine.state.accounts.items():
        for name, position in account.positions.items():
            for is_long in (True, False):
                if lots := position.leg(is_long).lots:
                    yield account_id, name, is_long, lots, position.leg(is_long).cost


def figures(engine: Engine) -> dict[int, object]:
    return {number: account.figures() for number, account in engine.state.accounts.items()}


Key = tuple[str, object]


def records(snapshot: Snapshot) -> Iterator[tuple[Key, bytes]]:
    """Every record of a snapshot under its key."""
    for instrument in snapshot.instruments:
        yield ("instruments", instrument.contract.instrument_id), msgspec.msgpack.encode(instrument)
    for account in snapshot.accounts:
        yield ("accounts", account.account_id), msgspec.msgpack.encode(account)
    for position in snapshot.positions:
        yield ("positions", (position.account_id, position.instrument_id)), msgspec.msgpack.encode(position)
    for order in snapshot.orders:
        yield ("orders", order.order_id), msgspec.msgpack.encode(order)


def changed(changes: Changes) -> set[Key]:
    return {(kind, key) for kind in changes.__struct_fields__ for key in getattr(changes, kind)}
