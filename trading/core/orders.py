"""What happens to an order: checks, holds, matching, fills, cancel. Every check runs before the first change."""

from trading.core.codes import Code
from trading.core.commands import CancelOrder, SubmitOrder
from trading.core.events import Event, Fill, OrderAccepted, OrderCancelled, OrderRepeated, Refused, Traded
from trading.core.money import share, to_text
from trading.core.risk import Account, ClientOrder, Leg, leg_profit
from trading.core.state import Instrument, Order, State
from trading.core.types import NEXT_STATUS, Direction, Fee, Offset, OrderStatus, OrderType, Phase, TimeCondition

BUY, SELL = Direction.BUY, Direction.SELL
OPEN = Offset.OPEN
MARKET = OrderType.MARKET
CONTINUOUS = Phase.CONTINUOUS
PARTIALLY_FILLED, FILLED, CANCELLED = OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELLED


# --- submit


def submit(state: State, command: SubmitOrder) -> list[Event]:
    """Take an order in, trade what can be traded, rest or cancel what is left."""
    account = state.accounts.get(command.account_id)
    if account is None:
        return [Refused(Code.ACCOUNT_NOT_FOUND, Code.ACCOUNT_NOT_FOUND.text)]
    if command.client_order_id is not None:
        known = account.client_orders.get(command.client_order_id)
        if known is not None:
            return [_repeat(known, command)]
    instrument = state.instruments.get(command.instrument_id)
    if instrument is None:
        return [Refused(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {command.instrument_id}")]
    price = _limit_price(instrument, command)
    if isinstance(price, Refused):
        return [price]
    is_buy = command.direction is BUY
    hold_per_lot = his = today = 0
    if command.offset is OPEN:
        if command.order_type is not MARKET:
            hold_per_lot = instrument.hold_per_lot(is_buy, price)
        refusal = _check_funds(account, instrument, command, price, hold_per_lot)
    else:
        his, today, refusal = _lots_to_close(account, instrument, command)
    if refusal is not None:
        return [refusal]

    order = Order(
        is_buy,
        0 if command.order_type is MARKET else price,
        command.volume,
        order_id=state.next_id(),
        account=account,
        instrument=instrument,
        direction=command.direction,
        offset=command.offset,
        order_type=command.order_type,
        time_condition=command.time_condition,
        volume=command.volume,
        accepted_at=state.now,
        updated_at=state.now,
        client_order_id=command.client_order_id,
        hold_per_lot=hold_per_lot,
        his_held=his,
        today_held=today,
    )
    return _enter(state, order, price, command)


def _repeat(known: ClientOrder, command: SubmitOrder) -> Event:
    if known.asked == asked(command):
        return OrderRepeated(known.order_id)
    return Refused(Code.DUPLICATE, f"client_order_id {command.client_order_id} was used for another order")


def asked(order: SubmitOrder) -> tuple[str | int | None, ...]:
    """What a resend must repeat to be known as one."""
    return (
        order.instrument_id,
        order.direction,
        order.offset,
        order.order_type,
        order.volume,
        order.price,
        order.time_condition,
    )


def _limit_price(instrument: Instrument, command: SubmitOrder) -> int | Refused:
    """The worst price, in ticks, at which the order may trade; or why it may not be taken."""
    if instrument.phase is not CONTINUOUS:
        return Refused(Code.NOT_TRADING, f"{command.instrument_id} is not trading now: {instrument.phase.value}")
    terms = instrument.terms
    if not terms.min_volume <= command.volume <= terms.max_volume:
        return Refused(Code.BAD_VOLUME, f"Volume must be from {terms.min_volume} to {terms.max_volume} lots")
    if command.order_type is MARKET:
        return instrument.limit_up if command.direction is BUY else instrument.limit_down
    assert command.price is not None, "a LIMIT order has a price"
    tick = instrument.contract.tick
    price, off = divmod(command.price, tick)
    if off:
        return Refused(Code.OFF_TICK, f"Price must be a multiple of {to_text(tick)}")
    if not instrument.limit_down <= price <= instrument.limit_up:
        return Refused(Code.PRICE_LIMIT, _limits_in_words(instrument))
    return price


def _limits_in_words(instrument: Instrument) -> str:
    tick = instrument.contract.tick
    return f"Price must be from {to_text(instrument.limit_down * tick)} to {to_text(instrument.limit_up * tick)}"


def _check_funds(
    account: Account, instrument: Instrument, command: SubmitOrder, price: int, hold_per_lot: int
) -> Refused | None:
    """An opening must be able to pay for its worst fill.

    A buyer's worst price is his limit. A seller's fill at a better (higher) price takes more margin than his limit,
    and a MARKET order has no price of its own: for these the fills to come are read off the book.
    """
    is_buy = command.direction is BUY
    needed = hold_per_lot * command.volume
    best_bid = instrument.book.bids.best
    if command.order_type is MARKET or (not is_buy and best_bid is not None and best_bid > price):
        left = command.volume
        needed = 0
        for level_price, lots in instrument.book.preview(is_buy, price, left):
            needed += lots * max(hold_per_lot, instrument.hold_per_lot(is_buy, level_price))
            left -= lots
        needed += left * hold_per_lot
    available = account.available
    if needed > available:
        return Refused(
            Code.INSUFFICIENT_FUNDS,
            f"Insufficient funds: {to_text(needed)} needed, {to_text(available)} available",
        )
    return None


def _lots_to_close(account: Account, instrument: Instrument, command: SubmitOrder) -> tuple[int, int, Refused | None]:
    """Yesterday's and today's lots that a closing takes hold of: yesterday's first for CLOSE."""
    position = account.positions.get(instrument.instrument_id)
    leg = position.leg(command.direction is SELL) if position is not None else Leg()
    his, today = leg.his - leg.his_frozen, leg.today - leg.today_frozen
    match command.offset:
        case Offset.CLOSETODAY:
            his = 0
        case Offset.CLOSEYESTERDAY:
            today = 0
    if command.volume > his + today:
        side = "long" if command.direction is SELL else "short"
        detail = f"Not enough position to close: {his + today} {side} lots free for {command.offset.value}"
        return 0, 0, Refused(Code.POSITION_INSUFFICIENT, detail)
    his = min(his, command.volume)
    return his, command.volume - his, None


def _enter(state: State, order: Order, limit: int, command: SubmitOrder) -> list[Event]:
    """The first change of state: hold, match, rest."""
    account, instrument = order.account, order.instrument
    _hold(order)
    if order.client_order_id is not None:
        account.client_orders[order.client_order_id] = ClientOrder(order.order_id, asked(command))
    changes = state.changes
    changes.orders[order.order_id] = order
    changes.accounts[account.account_id] = account
    events: list[Event] = [OrderAccepted(order.order_id, account.account_id, order.volume, state.now)]
    for maker, lots in instrument.book.match(order.is_buy, limit, order.volume):
        order.remaining -= lots
        events.append(_trade(state, order, maker, maker.price, lots))
    if order.remaining:
        if order.order_type is MARKET or order.time_condition is TimeCondition.IOC:
            events.append(_finish_cancelled(state, order))
        else:
            state.orders[order.order_id] = order
            instrument.book.half(order.is_buy).add(order)
    return events


# --- holds


def _hold(order: Order) -> None:
    if order.offset is OPEN:
        order.account.hold += order.hold_per_lot * order.remaining
    else:
        leg = _leg_to_close(order)
        leg.his_frozen += order.his_held
        leg.today_frozen += order.today_held


def _release(order: Order) -> None:
    """Give back what the order still holds."""
    if order.offset is OPEN:
        order.account.hold -= order.hold_per_lot * order.remaining
    else:
        leg = _leg_to_close(order)
        leg.his_frozen -= order.his_held
        leg.today_frozen -= order.today_held
        order.his_held = order.today_held = 0


def _leg_to_close(order: Order) -> Leg:
    return order.account.positions[order.instrument.instrument_id].leg(not order.is_buy)


# --- fills


def _trade(state: State, taker: Order, maker: Order, price: int, lots: int) -> Traded:
    """One match. Both orders' `remaining` is already reduced."""
    instrument = taker.instrument
    instrument.trade_at(price, lots, state.now)
    state.changes.instruments[instrument.instrument_id] = instrument
    trade_id = state.next_id()
    taker_fill = _fill(state, taker, price, lots)
    maker_fill = _fill(state, maker, price, lots)
    if not maker.remaining:
        del state.orders[maker.order_id]
    return Traded(
        trade_id,
        instrument.instrument_id,
        price * instrument.contract.tick,
        lots,
        state.now,
        taker_fill,
        maker_fill,
    )


def _fill(state: State, order: Order, price: int, lots: int) -> Fill:
    """Turn `lots` of an order into position, or out of it, at `price` ticks."""
    account, instrument = order.account, order.instrument
    position = account.position(instrument.instrument_id, instrument.mark)
    value = price * instrument.tick_value * lots
    sign = 1 if order.is_buy else -1
    if order.offset is OPEN:
        account.hold -= order.hold_per_lot * lots
        leg = position.leg(order.is_buy)
        if leg.flat:
            instrument.holders[account.account_id] = position
        leg.open(lots, value)
        position.net_cost += sign * value
        commission = _fee(instrument.terms.fee_open, lots, value)
        close_profit = 0
    else:
        commission, close_profit = _close(order, position.leg(not order.is_buy), price, lots)
        position.net_cost += sign * value + close_profit
        if position.flat:
            del instrument.holders[account.account_id]
    position.net_lots += sign * lots
    account.margin += position.change_margin()
    account.commission += commission
    account.close_profit += close_profit
    order.status = FILLED if not order.remaining else PARTIALLY_FILLED
    order.updated_at = state.now
    changes = state.changes
    changes.orders[order.order_id] = order
    changes.accounts[account.account_id] = account
    changes.positions[account.account_id, instrument.instrument_id] = position
    return Fill(
        order.order_id,
        account.account_id,
        order.direction,
        order.offset,
        order.status,
        order.volume - order.remaining,
        order.remaining,
        commission,
        close_profit,
    )


def _close(order: Order, leg: Leg, price: int, lots: int) -> tuple[int, int]:
    """Take lots out of a leg, yesterday's first. Returns (commission, close profit)."""
    instrument = order.instrument
    lot_value = price * instrument.tick_value
    his = min(lots, order.his_held)
    today = lots - his
    order.his_held -= his
    order.today_held -= today
    closed = SELL if order.is_buy else BUY
    commission = profit = 0
    if his:
        profit += leg_profit(closed, his, lot_value, leg.close_his(his))
        commission += _fee(instrument.terms.fee_close, his, lot_value * his)
    if today:
        profit += leg_profit(closed, today, lot_value, leg.close_today(today))
        commission += _fee(instrument.terms.fee_close_today, today, lot_value * today)
    return commission, profit


def _fee(fee: Fee, lots: int, value: int) -> int:
    return fee.per_lot * lots + (share(value, fee.rate) if fee.rate else 0)


# --- cancel


def cancel(state: State, command: CancelOrder) -> list[Event]:
    """Cancel a live order of the account; another's order is as unknown as one that never was."""
    if command.account_id not in state.accounts:
        return [Refused(Code.ACCOUNT_NOT_FOUND, Code.ACCOUNT_NOT_FOUND.text)]
    order = state.orders.get(command.order_id)
    if order is None or order.account.account_id != command.account_id:
        return [Refused(Code.ORDER_NOT_FOUND, Code.ORDER_NOT_FOUND.text)]
    del state.orders[order.order_id]
    order.instrument.book.half(order.is_buy).remove(order)
    return [_finish_cancelled(state, order)]


def _finish_cancelled(state: State, order: Order) -> OrderCancelled:
    """Release what the order holds and close it; it has left the book, or was never in it."""
    _release(order)
    assert CANCELLED in NEXT_STATUS[order.status], f"a {order.status.value} order cannot be cancelled"
    order.status = CANCELLED
    order.updated_at = state.now
    changes = state.changes
    changes.orders[order.order_id] = order
    changes.accounts[order.account.account_id] = order.account
    return OrderCancelled(order.order_id, order.account.account_id, order.filled, order.remaining, state.now)
