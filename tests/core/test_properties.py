"""What is true of the whole engine in every history, not only in the stories we thought of.

That it does what its twin does is in `test_twin.py`.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec

from tests.core.naive import NaiveLedger
from tests.core.strategies import Played, Step, history_of, in_every_history, morning, play, trades
from trading.core.commands import AmendOrder, CancelOrder, CheckRisk, Settle, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import (
    AuctionUncrossed,
    DaySettled,
    Deposited,
    Event,
    Fill,
    LiquidationEnded,
    LiquidationStarted,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFired,
    OrderRepeated,
    OrderWaiting,
    PhaseChanged,
    PositionExpired,
    Refused,
    RiskWarned,
    Statement,
    Traded,
    TransferReceived,
    TransferSent,
    Withdrawn,
)
from trading.core.money import RATE
from trading.core.orders import Account, Order
from trading.core.snapshot.records import Snapshot
from trading.core.state import Changes
from trading.core.types import (
    CancelReason,
    Offset,
    OrderOptions,
    OrderStatus,
    OrderType,
    Phase,
    StopKind,
    TimeCondition,
    Trigger,
)


@in_every_history
def test_the_invariants_hold_after_every_command(day: int, steps: list[Step]) -> None:
    """The engine's own, and those that can be seen from outside: books, waiting orders, the lots of both sides."""
    engine = morning(day)
    for _ in play(engine, steps):
        engine.check()
        for name, instrument in engine.state.instruments.items():
            bid, ask = instrument.book.bids.best, instrument.book.asks.best
            crossed = bid is not None and ask is not None and bid >= ask
            assert not (crossed and instrument.phase is Phase.CONTINUOUS), f"{name} is crossed"
            positions = [a.positions[name] for a in engine.state.accounts.values() if name in a.positions]
            assert sum(each.long.lots for each in positions) == sum(each.short.lots for each in positions)
        for order in engine.state.orders.values():
            assert not (order.status is OrderStatus.WAITING and met_its_price(order)), "it should have fired"


def met_its_price(order: Order) -> bool:
    """Whether the last price would fire it, where orders fire."""
    instrument, how = order.instrument, order.options
    if how is None or how.trigger is not Trigger.LAST or instrument.last is None:
        return False
    rises = order.is_buy == (how.stop_kind is StopKind.STOP)
    met = instrument.last >= order.stop if rises else instrument.last <= order.stop
    return met and instrument.phase is Phase.CONTINUOUS


def moved(event: Event) -> int:
    """What came into an account from outside the market; less than nothing where it went out."""
    match event:
        case Deposited():
            return event.amount
        case Withdrawn():
            return -event.amount
        case TransferSent():
            return -event.transfer.amount
        case TransferReceived():
            return event.transfer.amount
        case _:
            return 0


@in_every_history
def test_money_never_appears_or_vanishes(day: int, steps: list[Step]) -> None:
    """To the last unit, over nights and liquidations. What a statement says is what has happened."""
    engine = morning(day)
    inside = sum(account.pre_balance + account.deposits for account in engine.state.accounts.values())
    closing = {number: account.pre_balance for number, account in engine.state.accounts.items()}
    collected = inside - sum(account.figures().balance for account in engine.state.accounts.values())
    for played in play(engine, steps):
        inside += sum(moved(event) for event in played.events)
        collected += sum(fill.commission for fill in fills(played.events))
        balances = sum(account.figures().balance for account in engine.state.accounts.values())
        assert inside == balances + collected
        for page in (event for event in played.events if isinstance(event, Statement)):
            assert page.opening == closing.get(page.account_id, 0)
            result = page.close_profit + page.position_profit - page.commission
            assert page.closing == page.opening + page.deposits - page.withdrawals + result
            if not trades(played.events):  # without orders of the day a bid can be gone, and what watches it fires
                assert page.closing == engine.state.accounts[page.account_id].figures().balance
            closing[page.account_id] = page.closing


@in_every_history
def test_a_refusal_changes_nothing(day: int, steps: list[Step]) -> None:
    engine = morning(day)
    before = engine.state_hash()
    for played in play(engine, steps):
        changes, after = engine.take_changes(), engine.state_hash()
        if isinstance(played.events[0], Refused | OrderRepeated):
            assert len(played.events) == 1
            assert after == before
            assert changed(changes) == set()
        before = after


@in_every_history
def test_what_changes_is_told(day: int, steps: list[Step]) -> None:
    """A store that writes only what `take_changes` gives it has everything."""
    engine = morning(day)
    before = engine.snapshot()
    for _ in play(engine, steps):
        after = engine.snapshot()
        differing = {key for key, _ in set(records(before)) ^ set(records(after))}
        assert differing <= changed(engine.take_changes())
        before = after


@in_every_history
def test_what_was_taken_does_the_same_again(day: int, steps: list[Step]) -> None:
    """A replay of the commands that were not refused, as a journal has them, leads to the same state."""
    engine, again = morning(day), morning(day)
    for played in play(engine, steps):
        if not isinstance(played.events[0], Refused | OrderRepeated):
            assert again.apply(played.command, engine.state.now) == played.events
    assert again.state_hash() == engine.state_hash()


@in_every_history
def test_a_restored_engine_goes_on_as_if_nothing_had_been(day: int, steps: list[Step]) -> None:
    """Restored before every command. Two things are in no record: the clock, which the next command sets, and whose
    risk has moved, so that the first look is at everyone."""
    engine, restored = morning(day), morning(day)
    for played in play(engine, steps):
        command = played.command
        if isinstance(command, CheckRisk):
            command = msgspec.structs.replace(command, everyone=True)
        assert restored.apply(command, engine.state.now) == played.events
        assert restored.state_hash() == engine.state_hash()
        restored = Engine.restore(engine.snapshot())
        restored.check()
        assert restored.state_hash() == engine.state_hash()
        assert figures(restored) == figures(engine)
        assert queues(restored) == queues(engine)
        assert restored.due(engine.state.now) == engine.due(engine.state.now)


@in_every_history
def test_ids_are_unique_and_increase_whatever_the_clock_does(day: int, steps: list[Step]) -> None:
    engine = morning(day)
    last = engine.state.last_id
    for played in play(engine, steps):
        for number in new_ids(played.events):
            assert number > last
            last = number


@in_every_history
def test_the_fills_alone_tell_positions_and_balances(day: int, steps: list[Step]) -> None:
    """An account has what came in, less commission, and what its lots have gained: over nights too."""
    engine = morning(day)
    ledger = NaiveLedger()
    for account_id, name, is_long, lots, cost in legs(engine):
        ledger.carry(account_id, name, lots if is_long else -lots, cost if is_long else -cost)
    money = Counter({number: without_gains(account) for number, account in engine.state.accounts.items()})
    lot_values = {name: each.mark.lot_value for name, each in engine.state.instruments.items()}
    for played in play(engine, steps):
        for event in played.events:
            match event:
                case Traded(instrument_id=name):
                    multiplier = engine.state.instruments[name].contract.multiplier
                    lot_values[name] = event.price * multiplier
                    ledger.hear(event, multiplier)
                case PositionExpired(instrument_id=name):
                    ledger.end(event, event.price * engine.state.instruments[name].contract.multiplier)
                case Deposited() | Withdrawn() | TransferSent() | TransferReceived():
                    money[event.account_id] += moved(event)
                case DaySettled():
                    lot_values = {name: each.mark.lot_value for name, each in engine.state.instruments.items()}
        assert {(a, name, is_long): lots for a, name, is_long, lots, _ in legs(engine)} == +ledger.lots
        for account_id, account in engine.state.accounts.items():
            gain = ledger.gain(account_id, lot_values)
            assert account.figures().balance == money[account_id] + gain - ledger.commission[account_id]
            assert account.available == account.figures().available


def without_gains(account: Account) -> int:
    return account.pre_balance + account.deposits - account.withdrawals + account.close_profit - account.commission


@in_every_history
def test_the_events_of_an_order_add_up(day: int, steps: list[Step]) -> None:
    """In once, as accepted or waiting; fired once; each fill tells what is filled and left; the end is the end."""
    engine = morning(day)
    tale = Tale(engine)
    for played in play(engine, steps):
        for event in played.events:
            tale.hear(event)
        assert {number for number in tale.volumes if number not in tale.finished} == set(engine.state.orders)


class Tale:
    """What has been told of every order so far."""

    def __init__(self, engine: Engine) -> None:
        self.volumes = {number: order.volume for number, order in engine.state.orders.items()}
        self.filled = Counter({number: order.filled for number, order in engine.state.orders.items()})
        self.waiting: set[int] = set()
        self.finished: set[int] = set()

    def hear(self, event: Event) -> None:
        match event:
            case OrderAccepted() | OrderWaiting():
                assert event.order_id not in self.volumes
                self.volumes[event.order_id] = event.volume
                self.waiting |= {event.order_id} if isinstance(event, OrderWaiting) else set()
            case OrderFired():
                self.waiting.remove(event.order_id)
                self.volumes[event.order_id] = event.volume
            case OrderAmended():
                assert event.filled == self.filled[event.order_id] == event.volume - event.remaining
                assert (event.status is OrderStatus.WAITING) == (event.order_id in self.waiting)
                self.volumes[event.order_id] = event.volume
            case Traded():
                assert event.taker.account_id != event.maker.account_id, "a self-trade"
                for fill in (event.taker, event.maker):
                    self.fill(fill, event.volume)
            case OrderCancelled():
                assert event.order_id not in self.finished
                assert event.remaining
                assert event.filled == self.filled[event.order_id] == self.volumes[event.order_id] - event.remaining
                self.finished.add(event.order_id)

    def fill(self, fill: Fill, lots: int) -> None:
        number = fill.order_id
        assert number not in self.finished
        assert number not in self.waiting
        self.filled[number] += lots
        assert (fill.filled, fill.filled + fill.remaining) == (self.filled[number], self.volumes[number])
        assert fill.status is (OrderStatus.PARTIALLY_FILLED if fill.remaining else OrderStatus.FILLED)
        self.finished |= set() if fill.remaining else {number}


@in_every_history
def test_an_own_id_names_one_order_a_day(day: int, steps: list[Step]) -> None:
    """Whatever is sent under it later is that order again, or refused. The ids of live orders stay known."""
    engine = morning(day)
    named: dict[tuple[int, str], tuple[int, SubmitOrder]] = {}
    for played in play(engine, steps):
        match played.command, played.events[0]:
            case SubmitOrder(account_id=who, client_order_id=str() as own_id) as order, (
                OrderAccepted(order_id=number) | OrderWaiting(order_id=number)
            ):
                assert (who, own_id) not in named
                named[who, own_id] = number, order
            case SubmitOrder(account_id=who, client_order_id=str() as own_id) as order, OrderRepeated(order_id=number):
                assert named[who, own_id] == (number, order)
            case _, DaySettled():
                named = {key: each for key, each in named.items() if each[0] in engine.state.orders}


@in_every_history
def test_who_may_not_trade_does_not(day: int, steps: list[Step]) -> None:
    """Only continuous trading and its beginning make trades; nothing comes in where nothing is taken."""
    engine = morning(day)
    phases = {name: each.phase for name, each in engine.state.instruments.items()}
    for played in play(engine, steps):
        begins = {event.instrument_id for event in played.events if isinstance(event, PhaseChanged)}
        for trade in trades(played.events):
            assert engine.state.instruments[trade.instrument_id].phase is Phase.CONTINUOUS
            assert phases[trade.instrument_id] is Phase.CONTINUOUS or trade.instrument_id in begins
        match played.command, played.events[0]:
            case SubmitOrder(instrument_id=name), OrderAccepted() | OrderWaiting():
                assert phases[name] in (Phase.CONTINUOUS, Phase.AUCTION)
                account = engine.state.accounts[played.command.account_id]
                assert not account.frozen
                assert not account.liquidating
        phases = {name: each.phase for name, each in engine.state.instruments.items()}


@in_every_history
def test_orders_are_handled_as_they_asked(day: int, steps: list[Step]) -> None:
    engine = morning(day)
    how = dict(engine.state.orders)
    for played in play(engine, steps):
        events = played.events
        if isinstance(played.command, SubmitOrder) and isinstance(events[0], OrderAccepted):
            heeded(played.command, events[0], events)
        for trade in trades(events):
            maker = how.get(trade.maker.order_id)
            assert maker is None or maker.order_type is OrderType.LIMIT, "a market order has rested"
        for number, order in engine.state.orders.items():
            how[number] = order
            assert order.time_condition not in (TimeCondition.IOC, TimeCondition.FOK) or order.stop, "it rests"
            display = order.options.display_volume if order.options else None
            if order.status is not OrderStatus.WAITING:
                assert order.remaining <= (display or order.left), "an iceberg shows more than it wanted"


def heeded(command: SubmitOrder, accepted: OrderAccepted, events: list[Event]) -> None:
    """The order's own events do what the command asks."""
    options = command.options or OrderOptions()
    own = [trade for trade in trades(events) if trade.taker.order_id == accepted.order_id]
    lots = sum(trade.volume for trade in own)
    if command.time_condition is TimeCondition.FOK:
        assert lots in (0, accepted.volume), "FOK filled in part"
    if options.post_only:
        assert not own, "post-only has taken"
    if command.price is not None and command.order_type is OrderType.LIMIT:
        better = [(command.price - trade.price) * (1 if command.direction == "BUY" else -1) for trade in own]
        assert all(each >= 0 for each in better), "beyond its price"
    assert accepted.volume <= command.volume
    assert accepted.volume == command.volume or options.reduce_only


@in_every_history
def test_a_resting_order_has_paid_for_its_fill(day: int, steps: list[Step]) -> None:
    """What an opening maker holds covers margin and commission, so a fill never takes from what is available.

    Not at a settlement, which changes all margins, nor where an auction was closed before its end: there orders hold
    their own prices until it ends."""
    engine = morning(day)
    gathers = {name: each.phase is Phase.AUCTION for name, each in engine.state.instruments.items()}
    spare = {number: without_marks(engine, number) for number in engine.state.accounts}
    for played in play(engine, steps):
        took = {fill.account_id for fill in fills(played.events, maker=False)}
        closed = {fill.account_id for fill in fills(played.events) if fill.offset is not Offset.OPEN}
        closed |= {played.command.account_id} if isinstance(played.command, SubmitOrder | AmendOrder) else set()
        ends = {event.instrument_id for event in played.events if isinstance(event, AuctionUncrossed)}
        took = took if not ends else set()
        took |= {event.account_id for event in played.events if isinstance(event, OrderFired)}
        if all(gathers[name] for name in ends) and not isinstance(played.command, Settle):
            for number in {fill.account_id for fill in fills(played.events)} - took - closed:
                assert without_marks(engine, number) >= spare[number]
        spare = {number: without_marks(engine, number) for number in engine.state.accounts}
        gathers = {name: each.phase is Phase.AUCTION for name, each in engine.state.instruments.items()}


def without_marks(engine: Engine, account_id: int) -> int:
    """What is available when no price moves."""
    figures = engine.state.accounts[account_id].figures()
    return figures.available - figures.position_profit


@in_every_history
def test_risk_is_seen_and_answered(day: int, steps: list[Step]) -> None:
    """After a look nobody who could be helped is at the limit, and no lot was taken that did not have to be."""
    engine = morning(day)
    for played in play(engine, steps):
        if isinstance(played.command, CheckRisk):
            risk_is_answered(engine, played.command, played.events)
        else:
            assert not any(isinstance(event, RiskWarned | LiquidationStarted) for event in played.events)


def risk_is_answered(engine: Engine, command: CheckRisk, events: list[Event]) -> None:
    for event in events:
        match event:
            case RiskWarned(margin=margin, balance=balance):
                assert margin * RATE >= command.warn_at * balance
            case LiquidationStarted(margin=margin, balance=balance):
                assert margin * RATE >= command.limit * balance
            case LiquidationEnded(margin=margin, balance=balance):
                assert margin == 0 or margin * RATE < command.limit * balance
            case OrderCancelled(reason=CancelReason.LIQUIDATION):
                assert event.order_id not in engine.state.orders
    if any(isinstance(event, OrderFired) for event in events):
        assert engine.moved or not any(account.liquidating for account in engine.state.accounts.values())
        return
    for account in engine.state.accounts.values():
        now = account.figures()
        reached = now.margin > 0 and now.margin * RATE >= command.limit * now.balance
        assert account.liquidating == reached
        assert account.warned == (now.margin > 0 and now.margin * RATE >= command.warn_at * now.balance)
        if account.liquidating:
            assert not any(order.account is account for order in engine.state.orders.values())
            assert not could_be_helped(engine, account)
    assert engine.moved == any(account.liquidating for account in engine.state.accounts.values())


def could_be_helped(engine: Engine, account: Account) -> bool:
    """Whether somebody would take the other side of a leg now whose closing frees margin."""
    closable = [
        (name, is_long) for name in account.positions for is_long in (True, False) if is_wanted(engine, name, is_long)
    ]
    closable = [(name, is_long) for name, is_long in closable if account.positions[name].leg(is_long).lots]
    for name, is_long in closable:
        product = account.positions[name].mark.shared
        of_product = [each for each in account.positions.values() if each.mark.shared == product]
        mine, others = (sum(each.leg(side).margin for each in of_product) for side in (is_long, not is_long))
        both = any(account.positions[other].mark.shared == product and side is not is_long for other, side in closable)
        if not product or mine > others or (mine == others and both):
            return True
    return False


def is_wanted(engine: Engine, name: str, is_long: bool) -> bool:
    instrument = engine.state.instruments[name]
    best = instrument.book.bids.best if is_long else instrument.book.asks.best
    return instrument.phase is Phase.CONTINUOUS and best is not None


# --- what the generator does


def test_the_histories_are_worth_playing() -> None:
    """Green properties of histories in which nothing happens would mean nothing."""
    seen = [
        Counter(kind for played in play(morning(seed % 2), history_of(seed)) for kind in kinds(played))
        for seed in range(240)
    ]
    shares = {kind: sum(kind in each for each in seen) / len(seen) for kind in set().union(*seen)}
    rare = {kind: shares.get(kind, 0) for kind, least in LEAST.items() if shares.get(kind, 0) < least}
    assert not rare, f"too few of the histories have these: {rare}"
    assert {f"refused {code}" for code in REFUSALS} <= set(shares)
    assert sum(each["trade"] for each in seen) / len(seen) > 6


LEAST: dict[str, float] = {
    "trade": 0.97,
    "two makers": 0.5,
    "partial fill": 0.9,
    "closing fill": 0.4,
    "OrderWaiting": 0.8,
    "OrderFired": 0.6,
    "OrderAmended": 0.45,
    "OrderRepeated": 0.15,
    "AllCancelled": 0.08,
    "CountdownSet": 0.12,
    "uncrossed": 0.2,
    "DaySettled": 0.3,
    "PositionExpired": 0.1,
    "LiquidationStarted": 0.2,
    "forced fill": 0.15,
    "RiskWarned": 0.1,
    "AccountFrozen": 0.05,
    "TermsChanged": 0.04,
    "FeeGroupSet": 0.04,
    "RulesSet": 0.03,
    "stranger's cancel": 0.15,
    "cancelled ASKED": 0.35,
    "cancelled UNFILLED": 0.6,
    "cancelled SELF_TRADE": 0.7,
    "cancelled OCO": 0.15,
    "cancelled EXPIRED": 0.1,
    "cancelled REFUSED": 0.15,
    "cancelled SETTLEMENT": 0.2,
    "cancelled LIQUIDATION": 0.05,
    "cancelled OPERATOR": 0.04,
    "cancelled COUNTDOWN": 0.01,
    "cancelled DISCONNECT": 0.01,
    "refused 1001": 0.25,
    "refused 1005": 0.5,
    "refused 1012": 0.03,
    "refused 1015": 0.03,
}
"""What share of the histories must have it."""

REFUSALS = (400, 409, *range(1001, 1010), 1012, 1013, 1014, 1015)


def kinds(played: Played) -> Iterator[str]:
    """What a step was good for."""
    made = trades(played.events)
    if len({trade.maker.order_id for trade in made}) > 1:
        yield "two makers"
    for event in played.events:
        match event:
            case OrderCancelled(reason=reason):
                yield f"cancelled {reason.value}"
            case AuctionUncrossed(volume=lots) if lots:
                yield "uncrossed"
            case Refused(code=code):
                yield f"refused {code.value}"
            case _:
                yield type(event).__name__
    for fill in fills(played.events):
        yield "trade"
        if fill.remaining:
            yield "partial fill"
        if fill.offset is not Offset.OPEN:
            yield "closing fill"
    if made and isinstance(played.command, CheckRisk):
        yield "forced fill"
    match played.command, played.events[0]:
        case CancelOrder(), Refused(code=code) if code == 1002:
            yield "stranger's cancel"


# --- looking at engines


def fills(events: list[Event], *, taker: bool = True, maker: bool = True) -> list[Fill]:
    return [trade.taker for trade in trades(events) if taker] + [trade.maker for trade in trades(events) if maker]


def new_ids(events: list[Event]) -> Iterator[int]:
    for event in events:
        if isinstance(event, OrderAccepted | OrderWaiting):
            yield event.order_id
        if isinstance(event, Traded):
            yield event.trade_id


def legs(engine: Engine) -> Iterator[tuple[int, str, bool, int, int]]:
    """(account, instrument, is it long, lots, position cost) of every leg that has lots."""
    for account_id, account in engine.state.accounts.items():
        for name, position in account.positions.items():
            for is_long in (True, False):
                if lots := position.leg(is_long).lots:
                    yield account_id, name, is_long, lots, position.leg(is_long).cost


def queues(engine: Engine) -> dict[tuple[str, bool], list[int]]:
    """Who is first, on every side that is not empty."""
    found = {}
    for name, instrument in engine.state.instruments.items():
        for is_buy in (True, False):
            side = [order.order_id for order in instrument.book.half(is_buy).entries()]
            if side:
                found[name, is_buy] = side
    return found


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
    yield ("day", None), msgspec.msgpack.encode(snapshot.day)


def changed(changes: Changes) -> set[Key]:
    kept = ("orders", "accounts", "positions", "instruments")
    return {(kind, key) for kind in kept for key in getattr(changes, kind)} | (
        {("day", None)} if changes.day else set()
    )
