"""From messages to the engine's commands. What can never be right is refused here; what depends on the market or the
time is the engine's to judge."""

from collections.abc import Callable

from trading.core import commands
from trading.core.codes import Code
from trading.core.events import Refused
from trading.core.money import price_from_float
from trading.core.types import Offset, OrderOptions, OrderType, StopKind, TimeCondition, Trigger
from trading.protocol.ids import order_number
from trading.protocol.incoming import AmendOrder, CancelAfter, CancelAll, CancelOrder, Item, OrderFields

SHORTEST_COUNTDOWN_MS, LONGEST_COUNTDOWN_MS = 1_000, 3_600_000

GFD, GTC, GTD = TimeCondition.GFD, TimeCondition.GTC, TimeCondition.GTD
_SIMPLE = (GFD, TimeCondition.IOC, TimeCondition.FOK)
_PLAIN = OrderOptions()


def to_command(item: Item, account_id: int, now: int) -> commands.TraderCommand | Refused:
    """The engine's command for an order, an amendment or a cancel, or the refusal of what cannot be one. `now` (Unix
    milliseconds) is for countdowns."""
    try:
        match item:
            case OrderFields():
                return _submit(item, account_id)
            case CancelOrder():
                return commands.CancelOrder(account_id, _order(item.order_id))
            case AmendOrder():
                return _amend(item, account_id)
            case CancelAll():
                return commands.CancelAll(account_id, item.instrument_id, item.direction)
            case CancelAfter():
                return commands.CancelAfter(account_id, _deadline(item.timeout_ms, now))
    except _Impossible as error:
        return error.refusal


class _Impossible(Exception):
    """This can be no command."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refused(code, detail)


# --- each command


def _submit(order: OrderFields, account_id: int) -> commands.SubmitOrder:
    volume = _lots(order.volume)
    price = None
    if order.order_type is OrderType.LIMIT:
        if order.price is None:
            raise _Impossible(Code.MALFORMED, "A LIMIT order needs a price")
        price = _units(order.price)
    return commands.SubmitOrder(
        account_id,
        order.instrument_id,
        order.direction,
        order.offset,
        order.order_type,
        volume,
        price,
        order.time_condition,
        order.client_order_id,
        None if _is_plain(order) else _options(order),
    )


def _amend(message: AmendOrder, account_id: int) -> commands.AmendOrder:
    if message.price is None and message.volume is None:
        raise _Impossible(Code.MALFORMED, "An amendment needs a price or a volume")
    return commands.AmendOrder(
        account_id,
        _order(message.order_id),
        None if message.price is None else _units(message.price),
        None if message.volume is None else _lots(message.volume),
        message.valid_until,
    )


def _deadline(timeout_ms: int, now: int) -> int | None:
    if timeout_ms == 0:
        return None
    if not SHORTEST_COUNTDOWN_MS <= timeout_ms <= LONGEST_COUNTDOWN_MS:
        detail = f"timeout_ms must be 0, or from {SHORTEST_COUNTDOWN_MS} to {LONGEST_COUNTDOWN_MS}"
        raise _Impossible(Code.MALFORMED, detail)
    return now + timeout_ms


# --- their parts


def _order(text: str) -> int:
    number = order_number(text)
    if number is None:
        raise _Impossible(Code.ORDER_NOT_FOUND, Code.ORDER_NOT_FOUND.text)
    return number


def _lots(volume: float) -> int:
    lots = int(volume)
    if lots != volume:
        raise _Impossible(Code.BAD_VOLUME, "Volume must be whole lots")
    return lots


def _units(price: float, name: str = "Price") -> int:
    units = price_from_float(price)
    if units is None:
        raise _Impossible(Code.OFF_TICK, f"{name} has more than four decimals, so it is on no tick")
    return units


# --- options


def _is_plain(order: OrderFields) -> bool:
    """Whether nothing is to be checked and nothing to be handled: so it is with nearly every order."""
    return (
        order.time_condition in _SIMPLE
        and order.expires_at is None
        and order.valid_until is None
        and not order.post_only
        and not order.reduce_only
        and order.display_volume is None
        and order.stop_price is None
        and order.stop_kind is None
        and order.trigger is None
        and order.trail is None
        and order.oco_group is None
        and order.stp is None
    )


def _rests(order: OrderFields) -> bool:
    return order.order_type is OrderType.LIMIT and order.time_condition in (GFD, GTC, GTD)


def _waits(order: OrderFields) -> bool:
    return order.stop_price is not None or order.trail is not None


def _is_no_slice(order: OrderFields) -> bool:
    shown = order.display_volume
    return shown is not None and not (shown == int(shown) and 1 <= shown < order.volume)


NEVER_RIGHT: tuple[tuple[Callable[[OrderFields], bool], str], ...] = (
    (lambda order: order.time_condition is GTD and order.expires_at is None, "A GTD order needs expires_at"),
    (lambda order: order.time_condition is not GTD and order.expires_at is not None, "expires_at is for GTD orders"),
    (
        lambda order: order.order_type is OrderType.MARKET and order.time_condition in (GTC, GTD) and not _waits(order),
        "A MARKET order does not rest: GTC and GTD are for those that wait for a stop price",
    ),
    (lambda order: order.post_only and not _rests(order), "post_only is for LIMIT orders that may rest"),
    (lambda order: order.reduce_only and order.offset is Offset.OPEN, "reduce_only is for orders that close"),
    (
        lambda order: order.display_volume is not None and not _rests(order),
        "display_volume is for LIMIT orders that may rest",
    ),
    (_is_no_slice, "display_volume must be whole lots, at least one and fewer than volume"),
    (
        lambda order: not _waits(order) and (order.stop_kind is not None or order.trigger is not None),
        "stop_kind and trigger need a stop_price or a trail",
    ),
    (
        lambda order: order.trail is not None and order.stop_kind is StopKind.TAKE_PROFIT,
        "trail is for STOP, not for TAKE_PROFIT",
    ),
    (lambda order: order.trail is not None and order.trail <= 0, "trail must be more than 0"),
)
"""What no market and no time could make right, and the sentence that says so."""


def _options(order: OrderFields) -> OrderOptions | None:
    """What an order wants beyond the plain case; None where it wants nothing after all."""
    for is_wrong, sentence in NEVER_RIGHT:
        if is_wrong(order):
            raise _Impossible(Code.MALFORMED, sentence)
    options = OrderOptions(
        expires_at=order.expires_at,
        valid_until=order.valid_until,
        post_only=order.post_only,
        reduce_only=order.reduce_only,
        display_volume=None if order.display_volume is None else int(order.display_volume),
        stop_price=None if order.stop_price is None else _units(order.stop_price, "stop_price"),
        stop_kind=order.stop_kind or StopKind.STOP,
        trigger=order.trigger or Trigger.LAST,
        trail=None if order.trail is None else _units(order.trail, "trail"),
        oco_group=order.oco_group,
        stp=order.stp,
    )
    return None if options == _PLAIN else options
