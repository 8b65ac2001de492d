"""From messages to the engine's commands. What can never be right is refused here; what depends on the market or the
time is the engine's to judge."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from trading.core import commands
from trading.core.codes import Code
from trading.core.events import Refused
from trading.core.money import price_from_float, whole_from_float
from trading.core.option_rules import CODE, OPTION_RULES, OptionCheck, unset_values
from trading.core.types import PLAIN, OrderOptions, OrderType
from trading.protocol.ids import order_number
from trading.protocol.incoming import AmendOrder, CancelAfter, CancelAll, CancelOrder, Item, OrderFields

_LIMIT = OrderType.LIMIT  # looked up once: see "What helped" in docs/performance.md
_NO_PRICE = "A MARKET order takes no price; LIMIT with IOC trades at a price or better and cancels the rest"
SHORTEST_COUNTDOWN_MS, LONGEST_COUNTDOWN_MS = 1_000, 3_600_000


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
    if order.order_type is _LIMIT:
        if order.price is None:
            raise _Impossible(Code.MALFORMED, "A LIMIT order needs a price")
        price = _units(order.price)
    elif order.price is not None:
        raise _Impossible(Code.MALFORMED, _NO_PRICE)
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
        _options(order, volume),
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
    lots = whole_from_float(volume)
    if lots is None:
        raise _Impossible(Code.BAD_VOLUME, "Volume must be whole lots")
    return lots


def _units(price: float, name: str = "Price") -> int:
    units = price_from_float(price)
    if units is None:
        raise _Impossible(Code.OFF_TICK, f"{name} has more than four decimals, so it is on no tick")
    return units


# --- options

OPTION_CHECK = OptionCheck(OPTION_RULES, OrderFields)
_is_plain, _SIMPLE = OPTION_CHECK.is_plain, OPTION_CHECK.simple
_UNSET = unset_values(OrderFields)
_CONVERTED: dict[str, Callable[[Any], int]] = {
    "display_volume": int,
    "stop_price": lambda price: _units(price, "stop_price"),
    "trail": lambda price: _units(price, "trail"),
}
"""The options that are JSON numbers on the wire and whole numbers in the engine."""


def _options(order: OrderFields, lots: int) -> OrderOptions | None:
    """What an order of so many lots wants beyond the plain case; None where it wants nothing, as nearly every order
    does."""
    if order.time_condition in _SIMPLE and _is_plain(order):
        return None
    if order.display_volume is not None:
        shown = whole_from_float(order.display_volume)
        order = replace(order, volume=lots, display_volume=order.display_volume if shown is None else shown)
    wrong = OPTION_CHECK.sentence(order, order)
    if wrong is not None:
        raise _Impossible(CODE, wrong)
    said: dict[str, Any] = {}
    for name, nothing in _UNSET.items():
        value = getattr(order, name)
        if value is not nothing:
            said[name] = _CONVERTED[name](value) if name in _CONVERTED else value
    options = OrderOptions(**said)
    return None if options == PLAIN else options
