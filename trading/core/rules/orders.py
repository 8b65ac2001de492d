"""What traders may ask for: submit, amend, cancel. Each checks first (`admission.py`), then acts (`matching.py`)."""

from typing import Final

from trading.core.codes import Code
from trading.core.commands import AmendOrder, Asked, CancelAll, CancelOrder, ClientOrder, ForceCancelOrder, SubmitOrder
from trading.core.events import (
    AllCancelled,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderRepeated,
    Refused,
)
from trading.core.orders import Order
from trading.core.rules import checks
from trading.core.rules.checks import admit, check_price, check_volume, limit_of
from trading.core.rules.execution import cancel_each, cancel_live, enter, hold, mark_changed, release
from trading.core.rules.stop_orders import park
from trading.core.rules.timers import schedule
from trading.core.state import State
from trading.core.types import FIRST_RULES, PLAIN, CancelReason, Due, Offset, OrderStatus, OrderType, Phase, lasting

UNKNOWN_ACCOUNT: Final = Refused(Code.ACCOUNT_NOT_FOUND, Code.ACCOUNT_NOT_FOUND.text)
UNKNOWN_ORDER: Final = Refused(Code.ORDER_NOT_FOUND, Code.ORDER_NOT_FOUND.text)
TOO_LATE: Final = Refused(Code.TOO_LATE, Code.TOO_LATE.text)
ASKED: Final = CancelReason.ASKED


# --- submit


def submit(state: State, command: SubmitOrder) -> list[Event]:
    """Take an order in: let it wait for its price, or trade what can be traded and rest or cancel what is left."""
    account = state.accounts.get(command.account_id)
    if account is None:
        return [UNKNOWN_ACCOUNT]
    name = command.client_order_id
    if name is not None:
        known = account.client_orders.get(name)
        if known is not None:
            return [repeat(known, command)]
    options = command.options
    if options is not None and options.valid_until is not None and options.valid_until < state.now:
        return [TOO_LATE]
    instrument = state.instruments.get(command.instrument_id)
    if instrument is None:
        return [Refused(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {command.instrument_id}")]
    order = checks.draft(state, account, instrument, command, name, options)
    if not isinstance(order, Order):
        return [order]
    refusal = checks.check_counts(state, order)
    if refusal is not None:
        return [refusal]
    if options is not None and options.waits:
        refusal = checks.admit_waiting(order)
        if refusal is not None:
            return [refusal]
        _number(state, order, command)
        return [park(state, order)]
    refusal = admit(order)
    if refusal is not None:
        return [refusal]
    _number(state, order, command)
    accepted = OrderAccepted(order.order_id, account.account_id, order.volume, state.now)
    return enter(state, order, limit_of(order), [accepted])


def _number(state: State, order: Order, command: SubmitOrder) -> None:
    """The first change of state: the order has its id, and its own id is used up."""
    order.order_id = state.next_id()
    name, options = order.client_order_id, order.options
    if name is not None:
        order.account.use_up(name, ClientOrder(order.order_id, asked(command)))
    if options is not None and options.expires_at is not None:
        schedule(state, options.expires_at, Due.ORDER, order.order_id, order.account.account_id)


def repeat(known: ClientOrder, command: SubmitOrder) -> Event:
    """The answer to an order whose own id is used up."""
    if known.asked == asked(command):
        return OrderRepeated(known.order_id)
    return Refused(Code.DUPLICATE, f"client_order_id {command.client_order_id} was used for another order")


def asked(order: SubmitOrder) -> Asked:
    """What a resend must repeat to be known as one."""
    return Asked(
        order.instrument_id,
        order.direction,
        order.offset,
        order.order_type,
        order.volume,
        order.price,
        order.time_condition,
        lasting(order.options),
    )


# --- amend


def amend(state: State, command: AmendOrder) -> list[Event]:
    """Change an order, or refuse and leave it as it was."""
    account = state.accounts.get(command.account_id)
    if account is None:
        return [UNKNOWN_ACCOUNT]
    if command.valid_until is not None and command.valid_until < state.now:
        return [TOO_LATE]
    order = account.orders.get(command.order_id)
    if order is None:
        return [UNKNOWN_ORDER]
    wanted = _wanted(order, command)
    if isinstance(wanted, Refused):
        return [wanted]
    price, volume = wanted
    if order.status is OrderStatus.WAITING:
        order.price, order.volume, order.left, order.remaining = price, volume, volume, volume
        return [_amended(state, order)]
    if price == order.price and volume <= order.volume:
        _shrink(order, order.volume - volume)
        return [_amended(state, order)]
    if order.instrument.phase is Phase.AUCTION and state.rules != FIRST_RULES:
        refusal = checks.check_gathers(order.instrument, order.options or PLAIN)
        if refusal is not None:
            return [refusal]
    return _replace(state, order, price, volume)


def _wanted(order: Order, command: AmendOrder) -> tuple[int, int] | Refused:
    """The new price (ticks) and volume, if they can be had."""
    account, instrument = order.account, order.instrument
    if command.price is None and command.volume is None:
        return Refused(Code.MALFORMED, "An amendment needs a price or a volume")
    if account.frozen or account.liquidating:
        return checks.closed_account(account)
    if instrument.phase not in (Phase.CONTINUOUS, Phase.AUCTION):
        return checks.not_trading(instrument)
    price, volume = order.price, order.volume
    if command.price is not None:
        if order.order_type is OrderType.MARKET:
            return Refused(Code.MALFORMED, "A MARKET order has no price")
        found = check_price(instrument, command.price)
        if isinstance(found, Refused):
            return found
        price = found
    if command.volume is not None:
        volume = command.volume
        if volume <= order.filled:
            return Refused(Code.BAD_VOLUME, f"{order.filled} lots are filled already")
        refusal = check_volume(instrument, account, volume)
        if refusal is not None:
            return refusal
        if volume <= order.display:
            return Refused(Code.BAD_VOLUME, f"The volume must be larger than the {order.display} lots that are shown")
    return price, volume


def _shrink(order: Order, lots: int) -> None:
    """Make an order smaller where it stands. Of a closing, today's lots are let go first, as they would close last."""
    if not lots:
        return
    if order.his_held or order.today_held:
        his, today = order.his_held, order.today_held
        release(order)
        order.today_held = max(0, today - lots)
        order.his_held = his - max(0, lots - today)
    if order.offset is Offset.OPEN:
        order.account.hold -= order.hold_per_lot * lots
        order.side.opening -= lots
    order.volume -= lots
    order.left -= lots
    order.instrument.book.half(order.is_buy).shrink(order, lots)
    if order.his_held or order.today_held:
        hold(order)


def _replace(state: State, order: Order, price: int, volume: int) -> list[Event]:
    """Take the order out and let it in anew, as if it had not been there; or leave it as it was."""
    before = order.price, order.volume, order.left, order.hold_per_lot
    shown, his_held, today_held = order.remaining, order.his_held, order.today_held
    release(order)
    order.price, order.volume, order.left = price, volume, volume - order.filled
    refusal = admit(order, known=True)
    order.remaining = shown
    if refusal is not None:
        order.price, order.volume, order.left, order.hold_per_lot = before
        order.his_held, order.today_held = his_held, today_held
        hold(order)
        return [refusal]
    order.instrument.book.half(order.is_buy).remove(order)
    order.hidden, order.remaining = 0, order.left
    order.priority = state.next_id()
    order.account.withdraw_order(order)
    return enter(state, order, limit_of(order), [_amended(state, order)])


def _amended(state: State, order: Order) -> OrderAmended:
    order.updated_at = state.now
    mark_changed(state, order)
    return OrderAmended(
        order.order_id,
        order.account.account_id,
        order.status,
        order.price * order.instrument.tick,
        order.volume,
        order.filled,
        order.left,
        state.now,
    )


# --- cancel


def cancel(state: State, command: CancelOrder) -> list[Event]:
    """Cancel a live order of the account; another's order is as unknown as one that never was."""
    account = state.accounts.get(command.account_id)
    if account is None:
        return [UNKNOWN_ACCOUNT]
    order = account.orders.get(command.order_id)
    return [UNKNOWN_ORDER if order is None else cancel_live(state, order, ASKED)]


def cancel_all(state: State, command: CancelAll) -> list[Event]:
    """Cancel the account's orders, those of an instrument or of a side."""
    account = state.accounts.get(command.account_id)
    if account is None:
        return [UNKNOWN_ACCOUNT]
    if command.instrument_id is not None and command.instrument_id not in state.instruments:
        return [Refused(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {command.instrument_id}")]
    found: list[Order] = [
        order
        for order in account.orders.values()
        if command.instrument_id in (None, order.instrument.instrument_id)
        and command.direction in (None, order.direction)
    ]
    return [AllCancelled(account.account_id, len(found)), *cancel_each(state, found, ASKED)]


def cancel_any(state: State, command: ForceCancelOrder) -> list[Event]:
    """An operator's cancel."""
    order = state.live_order(command.order_id)
    return [UNKNOWN_ORDER if order is None else cancel_live(state, order, CancelReason.OPERATOR)]
