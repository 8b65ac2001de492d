"""Whether an order may be let in: every check there is, before the first change. Matching is in `execution.py`."""

from typing import Final

from trading.core.accounts import Leg
from trading.core.codes import Code
from trading.core.commands import SubmitOrder
from trading.core.events import Refused
from trading.core.money import to_text
from trading.core.option_rules import CODE, ENGINE_CHECK
from trading.core.orders import Account, Instrument, Order
from trading.core.rules import first_release
from trading.core.rules.execution import OPEN, last_level, may_rest
from trading.core.rules.foresight import foresee, self_trade_rule
from trading.core.state import State
from trading.core.types import (
    FIRST_RULES,
    NO_LIMITS,
    NOTHING_OFF,
    PLAIN,
    Direction,
    Offset,
    OrderOptions,
    OrderStatus,
    OrderType,
    Phase,
    SelfTrade,
    Trigger,
)

BUY: Final = Direction.BUY
MARKET: Final = OrderType.MARKET
CONTINUOUS: Final = Phase.CONTINUOUS
AUCTION: Final = Phase.AUCTION
CANCEL_MAKER: Final = SelfTrade.CANCEL_MAKER
SIMPLE: Final = ENGINE_CHECK.simple
WAITING: Final = OrderStatus.WAITING
SUBMITTED: Final = OrderStatus.SUBMITTED
UNLIMITED: Final = NO_LIMITS
UNRESTRICTED: Final = NOTHING_OFF


# --- what an order says


def draft(
    state: State,
    account: Account,
    instrument: Instrument,
    command: SubmitOrder,
    client_order_id: str | None,
    options: OrderOptions | None,
) -> Order | Refused:
    """The order that a command with this id and these options asks for, without a number; or why there can be no such
    order now."""
    refusal = None if instrument.phase is CONTINUOUS else check_phase(instrument, command)
    volume, offset, order_type = command.volume, command.offset, command.order_type
    refusal = refusal or check_volume(instrument, account, volume)
    if refusal is not None:
        return refusal
    day = state.day
    closes_only = account.close_only or (day.restrictions is not UNRESTRICTED and day.restrictions.close_only)
    if closes_only and offset is OPEN:
        return Refused(Code.CLOSE_ONLY, Code.CLOSE_ONLY.text)
    price = 0
    if order_type is not MARKET:
        asked = command.price
        assert asked is not None, "a LIMIT order has a price"
        found = check_price(instrument, asked)
        if not isinstance(found, int):
            return found
        price = found
    time_condition, status = command.time_condition, SUBMITTED
    if options is not None:
        refusal = check_options(state, instrument, command, options)
        if refusal is not None:
            return refusal
        status = WAITING if options.waits else SUBMITTED
    elif time_condition not in SIMPLE:
        wrong = ENGINE_CHECK.sentence(command, PLAIN)
        if wrong is not None:
            return Refused(CODE, wrong)
    return Order(
        account,
        instrument,
        command.direction,
        offset,
        order_type,
        time_condition,
        price,
        volume,
        state.now,
        day.trading_day,
        client_order_id,
        options,
        status,
    )


def check_phase(instrument: Instrument, command: SubmitOrder) -> Refused | None:
    """Outside continuous trading: in an auction what can wait for its end is taken, otherwise nothing."""
    if instrument.phase is not AUCTION:
        return not_trading(instrument)
    options = command.options or PLAIN
    if options.waits:
        return None
    if not may_rest(command.order_type, command.time_condition):
        return Refused(
            Code.NOT_TRADING, f"{instrument.instrument_id} is in auction: it takes LIMIT orders that may rest"
        )
    return check_gathers(instrument, options)


def check_gathers(instrument: Instrument, options: OrderOptions) -> Refused | None:
    """In an auction orders cannot hide, and all of them may trade at its end."""
    if options.post_only or options.display_volume is not None:
        return Refused(Code.NOT_TRADING, f"{instrument.instrument_id} is in auction: no post_only, no display_volume")
    return None


def not_trading(instrument: Instrument) -> Refused:
    return Refused(Code.NOT_TRADING, f"{instrument.instrument_id} is not trading now: {instrument.phase.value}")


def check_volume(instrument: Instrument, account: Account, volume: int) -> Refused | None:
    least, most, own = instrument.min_volume, instrument.max_volume, account.own_rules
    if own is not None and own.max_volume is not None:
        most = own.max_volume
    if not least <= volume <= most:
        return Refused(Code.BAD_VOLUME, f"Volume must be from {least} to {most} lots")
    return None


def check_price(instrument: Instrument, price: int) -> int | Refused:
    """A price of the wire (1/10,000) in ticks, if it lies on the tick and inside the day's limits."""
    tick = instrument.tick
    if price % tick:
        return Refused(Code.OFF_TICK, f"Price must be a multiple of {to_text(tick)}")
    ticks = price // tick
    return ticks if instrument.limit_down <= ticks <= instrument.limit_up else outside_limits(instrument)


def outside_limits(instrument: Instrument) -> Refused:
    """Why a price is not taken."""
    tick = instrument.tick
    low, high = to_text(instrument.limit_down * tick), to_text(instrument.limit_up * tick)
    return Refused(Code.PRICE_LIMIT, f"Price must be from {low} to {high}")


def check_options(state: State, instrument: Instrument, command: SubmitOrder, options: OrderOptions) -> Refused | None:
    """What can only be wrong of an order with options."""
    wrong = ENGINE_CHECK.sentence(command, options)
    if wrong is not None:
        return Refused(CODE, wrong)
    if options.expires_at is not None and options.expires_at <= state.now:
        return Refused(Code.MALFORMED, "expires_at must be in the future")
    tick = instrument.tick
    for name, price in (("stop_price", options.stop_price), ("trail", options.trail)):
        if price is not None and (price <= 0 or price % tick):
            return Refused(Code.OFF_TICK, f"{name} must be a positive multiple of {to_text(tick)}")
    if options.trail is not None and options.stop_price is None:
        return _check_first_stop(instrument, command, options.trigger, options.trail)
    return None


def _check_first_stop(instrument: Instrument, command: SubmitOrder, trigger: Trigger, trail: int) -> Refused | None:
    """A trailing stop begins at its distance from the present price, and must be a price there."""
    price = present_price(instrument, trigger)
    if price is None:
        return Refused(Code.NOT_TRADING, "A trailing stop without a stop_price needs a present price to follow")
    stop = price * instrument.tick - trail
    if command.direction is not BUY and stop <= 0 and instrument.rules != FIRST_RULES:
        return Refused(
            Code.OFF_TICK, f"trail must be smaller than the present price: the stop would be {to_text(stop)}"
        )
    return None


def present_price(instrument: Instrument, trigger: Trigger) -> int | None:
    """The price that a waiting order watches, in ticks, if there is one now."""
    match trigger:
        case Trigger.LAST:
            return instrument.last
        case Trigger.BID:
            return instrument.book.bids.best
        case Trigger.ASK:
            return instrument.book.asks.best


# --- what an account may do


def admit(order: Order, *, known: bool = False) -> Refused | None:
    """Check an order against its account and the book, and note on it what it will hold. `known`: it is one of the
    account's live orders, or takes the place of one, and that holds nothing now."""
    account, instrument, opens = order.account, order.instrument, order.offset is OPEN
    if account.frozen or account.liquidating:
        return closed_account(account)
    refusal = None
    if instrument.max_orders or account.own_rules is not None:
        refusal = _check_order_limit(order, known)
    if refusal is None and opens and (instrument.max_position or account.own_rules is not None):
        refusal = _check_position_limit(order)
    if refusal is None:
        refusal = _check_funds(order) if opens else take_lots(order)
    if refusal is None and order.options is not None and order.options.post_only:
        refusal = _check_post_only(order)
    return refusal


def admit_waiting(order: Order) -> Refused | None:
    """Check an order that is to wait: it holds nothing until it fires."""
    account = order.account
    if account.frozen or account.liquidating:
        return closed_account(account)
    return _check_order_limit(order, known=False)


def check_counts(state: State, order: Order) -> Refused | None:
    """Whether the account may have one more live order, one more that waits, one more trailing stop: in all
    instruments together. An order that cannot stay is none of them."""
    account, market = order.account, state.day.limits
    if account.own_rules is None and market is UNLIMITED:
        return None
    rules = account.rules
    waits = order.options is not None and order.options.waits
    most = _most(rules.live_orders, market.live_orders)
    if most is not None and len(account.orders) >= most and (waits or may_rest(order.order_type, order.time_condition)):
        return _too_many("live orders", most)
    if not waits:
        return None
    most = _most(rules.waiting_orders, market.waiting_orders)
    if most is not None and account.waiting >= most:
        return _too_many("waiting orders", most)
    if not order.trail:
        return None
    most = _most(rules.trailing_stops, market.trailing_stops)
    if most is not None and account.trailing >= most:
        return _too_many("trailing stops", most)
    return None


def _most(own: int | None, common: int) -> int | None:
    """An account's own limit, or that of the market or the instrument, if there is one."""
    return own if own is not None else common or None


def _too_many(what: str, most: int) -> Refused:
    return Refused(Code.LIMIT_REACHED, f"Order limit: an account has at most {most} {what}")


def closed_account(account: Account) -> Refused:
    """Why an account takes no new orders."""
    return Refused(Code.ACCOUNT_FROZEN, f"The account is {'frozen' if account.frozen else 'being liquidated'}")


def limit_of(order: Order) -> int:
    """The worst price, in ticks, at which an order trades."""
    if order.order_type is not MARKET:
        return order.price
    low, high = order.instrument.band()
    last = last_level(order)
    if last is not None:
        low, high = max(low, last), min(high, last)
    return high if order.is_buy else low


def needed_per_lot(order: Order) -> int:
    """What each open lot of a resting order holds under its instrument's present terms and phase. In an auction a sale
    may be filled as high as the upper limit."""
    if order.offset is not OPEN or order.order_type is MARKET:
        return 0
    instrument, is_buy = order.instrument, order.is_buy
    price = order.price if is_buy or instrument.phase is not AUCTION else instrument.limit_up
    return instrument.hold_per_lot(is_buy, price, order.account.fee_factor)


class NeededPerLot:
    """`needed_per_lot` of many orders while no terms and no phases change: worked out once for each price."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool, int, int], int] = {}

    def of(self, order: Order) -> int:
        if order.offset is not OPEN or order.order_type is MARKET:
            return 0
        key = order.instrument.instrument_id, order.is_buy, order.price, order.account.fee_factor
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = needed_per_lot(order)
        return known


def _check_funds(order: Order) -> Refused | None:
    """An opening must be able to pay for its worst fill.

    A buyer's worst price is the limit. A seller's fill at a better (higher) price takes more margin than the limit, a
    MARKET order has no price of its own, and one that ends at an own order needs nothing for the lots behind it: for
    these the fills to come are read off the book.
    """
    instrument = order.instrument
    order.hold_per_lot = hold = needed_per_lot(order)
    best_bid = instrument.book.bids.best
    if (
        order.order_type is MARKET
        or (not order.is_buy and best_bid is not None and best_bid > order.price)
        or self_trade_rule(order) is not CANCEL_MAKER
    ):
        needed = _needed_by_fills(order)
    else:
        needed = hold * order.left
    available = order.account.available
    if needed > available:
        return Refused(
            Code.INSUFFICIENT_FUNDS,
            f"Insufficient funds: {to_text(needed)} needed, {to_text(available)} available",
        )
    return None


def _needed_by_fills(order: Order) -> int:
    """What the fills to come take, and what is left of the order then."""
    instrument, hold = order.instrument, order.hold_per_lot
    if instrument.rules == FIRST_RULES:
        return first_release.funds_needed(order, limit_of(order))
    if instrument.phase is not CONTINUOUS:
        return hold * order.left
    outlook = foresee(order, limit_of(order))
    needed = 0 if outlook.stopped else (order.left - outlook.lots) * hold
    for price, lots in outlook.fills:
        needed += lots * max(hold, instrument.hold_per_lot(order.is_buy, price, order.account.fee_factor))
    return needed


def take_lots(order: Order) -> Refused | None:
    """Yesterday's and today's lots that a closing takes hold of: yesterday's first for CLOSE. A reduce_only order
    is cut down to what there is."""
    position = order.account.positions.get(order.instrument.instrument_id)
    leg = position.leg(not order.is_buy) if position is not None else Leg()
    his, today = leg.his - leg.his_frozen, leg.today - leg.today_frozen
    match order.offset:
        case Offset.CLOSETODAY:
            his = 0
        case Offset.CLOSEYESTERDAY:
            today = 0
    free = his + today
    if order.options is not None and order.options.reduce_only and 0 < free < order.left:
        order.volume += free - order.left
        order.left = order.remaining = free
    if order.left > free:
        side = "short" if order.is_buy else "long"
        detail = f"Not enough position to close: {free} {side} lots free for {order.offset.value}"
        return Refused(Code.POSITION_INSUFFICIENT, detail)
    order.his_held = min(his, order.left)
    order.today_held = order.left - order.his_held
    return None


def _check_position_limit(order: Order) -> Refused | None:
    """Lots in one direction, with those of orders in the book that would open more."""
    account, instrument = order.account, order.instrument
    most = _most(account.rules.max_position, instrument.max_position)
    if most is None:
        return None
    position = account.positions.get(instrument.instrument_id)
    lots = order.side.opening + (0 if position is None else position.leg(order.is_buy).lots)
    if lots + order.left > most:
        detail = f"Position limit: {lots} of {most} lots are used, {order.left} asked"
        return Refused(Code.LIMIT_REACHED, detail)
    return None


def _check_order_limit(order: Order, known: bool) -> Refused | None:
    """Live orders of the account in the instrument, waiting ones too, but for itself."""
    account, instrument = order.account, order.instrument
    most = _most(account.rules.max_orders, instrument.max_orders)
    if most is None:
        return None
    live = order.side.live + account.side(instrument.instrument_id, not order.is_buy).live - known
    if live >= most:
        return Refused(Code.LIMIT_REACHED, f"Order limit: {live} of {most} orders are live")
    return None


def _check_post_only(order: Order) -> Refused | None:
    if order.instrument.book.blocker(order.is_buy, order.price) is None:
        return None
    if order.instrument.rules != FIRST_RULES and not foresee(order, order.price).lots:
        return None  # only own orders are there
    return Refused(Code.WOULD_TRADE, Code.WOULD_TRADE.text)
