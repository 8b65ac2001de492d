"""What an order does once it is let in: holds, matches, fills, rests, and how it ends. Checks are in `checks.py`."""

from typing import Final

from trading.core.accounts import Leg, Lot, leg_profit
from trading.core.codes import Code
from trading.core.events import Event, Fill, OrderCancelled, Traded
from trading.core.money import RATE, commission, share, to_text
from trading.core.option_rules import RESTING
from trading.core.orders import Instrument, Order
from trading.core.rules import first_release
from trading.core.rules.foresight import foresee, own_orders, self_trade_rule
from trading.core.state import State
from trading.core.types import (
    FIRST_RULES,
    CancelReason,
    Direction,
    Offset,
    OrderStatus,
    OrderType,
    Phase,
    SelfTrade,
    TimeCondition,
    Trigger,
)

# Looked up once: a member of an enumeration takes ten times as long to find as a name of a module.
BUY: Final = Direction.BUY
SELL: Final = Direction.SELL
OPEN: Final = Offset.OPEN
LIMIT: Final = OrderType.LIMIT
MARKET: Final = OrderType.MARKET
IOC: Final = TimeCondition.IOC
FOK: Final = TimeCondition.FOK
AUCTION: Final = Phase.AUCTION
LAST: Final = Trigger.LAST
UNFILLED: Final = CancelReason.UNFILLED
WAITING: Final = OrderStatus.WAITING
PARTIALLY_FILLED: Final = OrderStatus.PARTIALLY_FILLED
FILLED: Final = OrderStatus.FILLED
CANCELLED: Final = OrderStatus.CANCELLED


def enter(state: State, order: Order, limit: int, events: list[Event]) -> list[Event]:
    """Hold what the order needs, trade what can be traded down to `limit` (ticks), rest or cancel what is left. What
    happens is added to `events`."""
    hold(order)
    mark_changed(state, order)
    last = None if order.options is None else last_level(order)
    if order.instrument.phase is AUCTION:
        _keep_from_own(state, order, events)
    else:
        _match(state, order, limit, events)
    if order.left and order.status is not CANCELLED:
        if order.order_type is MARKET or order.time_condition is IOC or order.time_condition is FOK:
            code, detail = _why_unfilled(order, limit, last)
            events.append(finish_cancelled(state, order, UNFILLED, code, detail))
        else:
            _rest(order)
    return events


def last_level(order: Order) -> int | None:
    """The price (ticks) of the last level that an order's `price_levels` allow it; None where the book has no more of
    them, or the order does not say."""
    if order.options is None or order.options.price_levels is None:
        return None
    return order.instrument.book.other(order.is_buy).price_at(order.options.price_levels)


def _why_unfilled(order: Order, limit: int, last: int | None) -> tuple[Code | None, str]:
    """A MARKET order that could trade on, but for its collar, says so. `last`: where its levels ended, if they did."""
    instrument = order.instrument
    half = instrument.book.other(order.is_buy)
    if order.order_type is not MARKET or half.best is None or half.blocker(half.key(limit)) is not None:
        return None, ""
    if last is not None and half.blocker(half.key(last)) is None:
        return None, ""
    price = to_text(limit * instrument.tick)
    return Code.PRICE_LIMIT, f"A MARKET order trades no {'higher' if order.is_buy else 'lower'} than {price} now"


def mark_changed(state: State, order: Order) -> None:
    """An order and its account are to be stored."""
    changes, account = state.changes, order.account
    changes.orders[order.order_id] = order
    if account.changed_in != changes.number:
        account.changed_in = changes.number
        changes.accounts[account.account_id] = account


def may_rest(order_type: OrderType, time_condition: TimeCondition) -> bool:
    return order_type is LIMIT and time_condition in RESTING


def _match(state: State, order: Order, limit: int, events: list[Event]) -> None:
    if order.time_condition is FOK and not _fills_wholly(order, limit):
        return
    account_id, half = order.account.account_id, order.instrument.book.other(order.is_buy)
    keys, limit_key = half.keys, half.key(limit)
    while order.left and keys and keys[-1] >= limit_key:
        fills = half.take(limit_key, order.left, account_id)
        handled = [order] if fills and order.options is not None else []
        for maker, lots in fills:
            events.append(trade(state, order, maker, maker.price, lots))
            if maker.options is not None:
                handled.append(maker)
        if handled:
            _after_fills(state, handled, half.refilled, events)
        first = half.blocker(limit_key) if order.left else None
        if first is not None and first.owner == account_id and not _prevent_self_trade(state, order, first, events):
            break


def _after_fills(state: State, filled: list[Order], refilled: list[Order], events: list[Event]) -> None:
    """Icebergs go behind the others; of a group that has traded, the others are cancelled."""
    for maker in refilled:
        maker.priority = state.next_id()
    refilled.clear()
    for order in filled:
        if order.oco_group is not None:
            events += cancel_group(state, order)


def _fills_wholly(order: Order, limit: int) -> bool:
    """Whether all of an order can trade at once. What it would cancel of its own account is out of its way; where it
    would be cancelled itself, only what stands before counts."""
    if order.instrument.rules == FIRST_RULES:
        return first_release.fills_wholly(order, limit, self_trade_rule(order))
    return foresee(order, limit).lots == order.left


def _rest(order: Order) -> None:
    order.remaining = order.left
    if order.display:
        order.remaining = min(order.display, order.left)
        order.hidden = order.left - order.remaining
    order.account.begin_order(order)
    order.instrument.book.half(order.is_buy).add(order)


def rest_again(order: Order, hold_per_lot: int) -> None:
    """After a restart: hold and rest as before, behind all that rested before it."""
    account, half = order.account, order.instrument.book.half(order.is_buy)
    account.begin_order(order)
    order.hold_per_lot = hold_per_lot
    hold(order)
    half.add(order)


# --- self-trade prevention


def _prevent_self_trade(state: State, order: Order, own: Order, events: list[Event]) -> bool:
    """Cancel what the rule says. True when the incoming order may go on."""
    rule = self_trade_rule(order)
    if rule is not SelfTrade.CANCEL_TAKER:
        events.append(cancel_live(state, own, CancelReason.SELF_TRADE, Code.SELF_TRADE))
    if rule is SelfTrade.CANCEL_MAKER:
        return True
    events.append(finish_cancelled(state, order, CancelReason.SELF_TRADE, Code.SELF_TRADE))
    return False


def _keep_from_own(state: State, order: Order, events: list[Event]) -> None:
    """In an auction nothing trades on entry, so the rule is applied to what could trade at its end."""
    for own in own_orders(order):
        crosses = own.price <= order.price if order.is_buy else own.price >= order.price
        if not crosses or not _prevent_self_trade(state, order, own, events):
            break


# --- holds


def hold(order: Order) -> None:
    if order.offset is OPEN:
        order.account.hold += order.hold_per_lot * order.left
        order.side.opening += order.left
    else:
        leg = leg_to_close(order)
        leg.his_frozen += order.his_held
        leg.today_frozen += order.today_held


def release(order: Order) -> None:
    """Give back what the order still holds."""
    if order.offset is OPEN:
        order.account.hold -= order.hold_per_lot * order.left
        order.side.opening -= order.left
    elif order.his_held or order.today_held:
        leg = leg_to_close(order)
        leg.his_frozen -= order.his_held
        leg.today_frozen -= order.today_held
        order.his_held = order.today_held = 0


def leg_to_close(order: Order) -> Leg:
    leg: Leg = order.account.positions[order.instrument.instrument_id].leg(not order.is_buy)
    return leg


# --- fills


def trade(state: State, taker: Order, maker: Order, price: int, lots: int) -> Traded:
    """One match that the book has made."""
    instrument = taker.instrument
    name = instrument.instrument_id
    if price != instrument.marked:
        state.moved[name] = instrument
    instrument.trade_at(price, lots, state.now)
    state.changes.instruments[name] = instrument
    trade_id = state.next_id()
    number = 0 if state.rules == FIRST_RULES else trade_id
    taker_fill = _fill(state, taker, price, lots, number)
    maker_fill = _fill(state, maker, price, lots, number)
    if name in state.alert:
        see_last(state, instrument, price)
    return Traded(
        trade_id,
        name,
        price * instrument.tick,
        lots,
        state.now,
        taker_fill,
        maker_fill,
    )


def _fill(state: State, order: Order, price: int, lots: int, number: int) -> Fill:
    """Turn `lots` of an order into position, or out of it, at `price` ticks. `number`: what the position's detail is to
    call them, 0 where none is kept."""
    account, instrument = order.account, order.instrument
    name = instrument.instrument_id
    position = account.position(name, instrument.mark)
    value = price * instrument.tick_value * lots
    sign = 1 if order.is_buy else -1
    if order.offset is OPEN:
        account.hold -= order.hold_per_lot * lots
        order.side.opening -= lots
        leg = position.leg(order.is_buy)
        if leg.flat:
            instrument.holders[account.account_id] = position
        opened = leg.open(lots, value, sign * number)
        if opened is not None:
            state.changes.lots[opened.number] = account.account_id, name, opened
        position.net_cost += sign * value
        fixed, rate = instrument.fee_per_lot * lots, instrument.fee_rate
        if account.fee_factor == RATE:
            charged = fixed + (share(value, rate) if rate else 0)
        else:
            charged = _charge(order, (fixed, value * rate))
        close_profit = 0
    else:
        touched: list[Lot] = []
        charged, close_profit = _close(order, position.leg(not order.is_buy), price, lots, touched)
        state.changes.detail(account.account_id, name, touched)
        position.net_cost += sign * value + close_profit
        if position.flat:
            del instrument.holders[account.account_id]
    position.net_lots += sign * lots
    account.add_margin(position)
    account.commission += charged
    account.close_profit += close_profit
    order.left = left = order.left - lots
    if order.price_sum is not None:
        order.price_sum += price * instrument.tick * lots
    order.move_to(PARTIALLY_FILLED if left else FILLED)
    if not left:
        account.end_order(order)
    order.updated_at = state.now
    state.touched[account.account_id] = account
    mark_changed(state, order)
    state.changes.positions[account.account_id, name] = position
    return Fill(
        order.order_id,
        account.account_id,
        order.direction,
        order.offset,
        order.status,
        order.volume - left,
        left,
        charged,
        close_profit,
        order.price_sum,
    )


def _close(order: Order, leg: Leg, price: int, lots: int, touched: list[Lot]) -> tuple[int, int]:
    """Take lots out of a leg, yesterday's first. Returns (commission, close profit)."""
    instrument = order.instrument
    lot_value = price * instrument.tick_value
    his = min(lots, order.his_held)
    today = lots - his
    order.his_held -= his
    order.today_held -= today
    closed = SELL if order.is_buy else BUY
    profit = 0
    if his:
        profit += leg_profit(closed, his, lot_value, leg.close_his(his, touched))
    if today:
        profit += leg_profit(closed, today, lot_value, leg.close_today(today, touched))
    old, new = instrument.terms.fee_close, instrument.terms.fee_close_today
    of_old = old.per_lot * his, lot_value * his * old.rate
    of_new = new.per_lot * today, lot_value * today * new.rate
    return _charge(order, of_old, of_new), profit


def _charge(order: Order, *parts: tuple[int, int]) -> int:
    """The commission of a fill: of all its lots together, less what the account's fee group is let off."""
    factor = order.account.fee_factor
    if order.instrument.rules == FIRST_RULES:
        return first_release.commission(parts, factor)
    return commission(sum(fixed for fixed, _ in parts), sum(value for _, value in parts), factor)


# --- the end of an order


def cancel_live(
    state: State, order: Order, reason: CancelReason, code: Code | None = None, detail: str = ""
) -> OrderCancelled:
    """Cancel an order that rests in the book or waits for its price."""
    if order.status is WAITING:
        stop_waiting(state, order)
    else:
        order.instrument.book.half(order.is_buy).remove(order)
    return finish_cancelled(state, order, reason, code, detail)


def cancel_each(state: State, orders: list[Order], reason: CancelReason) -> list[Event]:
    """Cancel several orders of one account, the oldest first."""
    return [cancel_live(state, order, reason) for order in oldest_first(orders)]


def oldest_first(orders: list[Order]) -> list[Order]:
    """Whoever cancels those of the whole market goes through them in a module that is not compiled: other threads have
    their turn there."""
    return sorted(orders, key=lambda order: order.order_id)


def finish_cancelled(
    state: State, order: Order, reason: CancelReason, code: Code | None = None, detail: str = ""
) -> OrderCancelled:
    """Release what the order holds and close it; it has left the book, or was never in it."""
    if order.status is not WAITING:
        release(order)
    order.account.end_order(order)
    order.move_to(CANCELLED)
    order.reason, order.code = reason, code
    order.updated_at = state.now
    mark_changed(state, order)
    return OrderCancelled(
        order.order_id, order.account.account_id, order.filled, order.left, state.now, reason, code, detail
    )


def cancel_group(state: State, order: Order) -> list[Event]:
    """Of the orders of its group, `order` is the one that goes on."""
    group = order.account.groups.get(order.oco_group, {})
    return cancel_each(state, [other for other in group.values() if other is not order], CancelReason.OCO)


# --- waiting orders


def stop_waiting(state: State, order: Order) -> None:
    instrument = order.instrument
    if instrument.waiting.remove(order):
        state.changes.instruments[instrument.instrument_id] = instrument
    if not instrument.waiting:
        state.alert.pop(instrument.instrument_id, None)


def see_last(state: State, instrument: Instrument, price: int) -> None:
    """A trade's price, as waiting orders see it."""
    see(state, instrument, LAST, price)


def see(state: State, instrument: Instrument, trigger: Trigger, price: int) -> None:
    """Hold a price against the waiting orders. Those that have moved while others were yet to fire are told from them
    by a new place."""
    waiting = instrument.waiting
    sweeps = len(waiting.sweeps)
    for order in waiting.see(trigger, price, state.last_id):
        if state.rules != FIRST_RULES and waiting.is_swept(order):
            order.priority = state.next_id()
        mark_changed(state, order)
    if len(waiting.sweeps) != sweeps:
        state.changes.instruments[instrument.instrument_id] = instrument
