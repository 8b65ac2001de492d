"""Orders: plain ones, those with more to them, and the own ids that clients gave them."""

from functools import cache
from typing import Any

import msgspec

from trading.core.commands import Asked, ClientOrder
from trading.core.orders import Order
from trading.core.snapshot.records import OrderRecord
from trading.core.types import Direction, Offset, OrderOptions, OrderStatus, OrderType, TimeCondition, lasting
from trading.models import Order as OrderRow
from trading.storage.sql import GIVEN, Columns, Row, Table, json_text

ORDER_OPTIONS = msgspec.json.Decoder(OrderOptions)


LIMIT = OrderType.LIMIT  # looked up once: see "What helped" in docs/performance.md


def _price(order: Order) -> int | None:
    return order.price * order.instrument.contract.tick if order.order_type is LIMIT else None


PLAIN_ORDER = Columns(
    fixed={
        "id": "order_id",
        "account": "account.account_id",
        "instrument": "instrument.contract.instrument_id",
        "direction": "direction._value_",
        "offset": "offset._value_",
        "order_type": "order_type._value_",
        "time_condition": "time_condition._value_",
        "accepted_at": "accepted_at",
        "client_order_id": "client_order_id",
        "trading_day": "trading_day",
    },
    changing={
        "volume": "volume",
        "price": _price,
        "filled": "filled",
        "status": "status._value_",
        "cancel_reason": lambda order: None if order.reason is None else order.reason.value,
        "his_held": "his_held or None",
        "today_held": "today_held or None",
        "updated_at": lambda order: None if order.updated_at == order.accepted_at else order.updated_at,
        "price_sum": "price_sum",
    },
)
FURTHER_OF_ORDER = Columns(
    fixed={
        "options": lambda order: None if order.options is None else json_text(order.options),
        "forced": "forced",
    },
    changing={
        "priority": lambda order: None if order.priority in (0, order.order_id) else order.priority,
        "shown": lambda order: order.remaining if order.hidden else None,
        "stop": lambda order: order.stop * order.instrument.contract.tick or None,
        "cancel_code": lambda order: None if order.code is None else int(order.code),
        "known_day": GIVEN,
        "asked_volume": GIVEN,
        "asked_price": GIVEN,
    },
)
"""What most orders do without."""

NEW_ORDERS = Table(OrderRow, PLAIN_ORDER)
PLAIN_ORDERS = Table(OrderRow, PLAIN_ORDER, key=("id",))
ORDERS = Table(OrderRow, PLAIN_ORDER, FURTHER_OF_ORDER, key=("id",))
NOTHING_FURTHER = tuple(False if name == "forced" else None for name in FURTHER_OF_ORDER.names)


def further_row(order: Order, today: int) -> Row:
    """What an order's row has beyond a plain one's; empty where that is nothing."""
    if is_plain(order):
        return ()
    row = FURTHER_OF_ORDER.row(order, *_own_id(order, today))
    return () if row == NOTHING_FURTHER else row


def is_plain(order: Order) -> bool:
    """Whether a glance tells that `FURTHER_OF_ORDER` has nothing to say of an order, as it does of most."""
    return (
        order.options is None
        and order.client_order_id is None
        and order.code is None
        and order.priority in (0, order.order_id)
        and not (order.forced or order.hidden or order.stop)
    )


def _own_id(order: Order, today: int) -> tuple[int | None, int | None, int | None]:
    """What its account knows of its own id beyond its row: that it is used up today, though it came earlier; the volume
    and the price that were asked for, where it has others now."""
    known = None if order.client_order_id is None else order.account.client_orders.get(order.client_order_id)
    if known is None:
        return None, None, None
    asked = known.asked
    return (
        today if order.trading_day != today else None,
        asked.volume if asked.volume != order.volume else None,
        asked.price if asked.price != _price(order) else None,
    )


LOADED_ORDER_FIELDS = tuple("id" if name == "order_id" else name for name in OrderRecord.__struct_fields__)
_direction, _offset, _order_type = cache(Direction), cache(Offset), cache(OrderType)
_time_condition, _status = cache(TimeCondition), cache(OrderStatus)
"""What a word of a row is. ValueError where it is none."""


def order_record(row: tuple[Any, ...]) -> OrderRecord:
    """A live order's row as the engine restores it: by place, for a restart does it for every live order."""
    order_id, account_id, instrument_id, direction, offset, order_type, time_condition, volume, price, filled = row[:10]
    status, his_held, today_held, accepted_at, updated_at, client_order_id, trading_day = row[10:17]
    options, shown, stop, priority, price_sum = row[17:]
    return OrderRecord(
        order_id,
        account_id,
        instrument_id,
        _direction(direction),
        _offset(offset),
        _order_type(order_type),
        _time_condition(time_condition),
        volume,
        price or 0,
        filled,
        _status(status),
        his_held or 0,
        today_held or 0,
        accepted_at,
        accepted_at if updated_at is None else updated_at,
        client_order_id,
        trading_day,
        options_of(options),
        volume - filled if shown is None else shown,
        stop or 0,
        priority or order_id,
        price_sum,
    )


def options_of(stored: str | None) -> OrderOptions | None:
    """How an order wants to be handled, as its row says."""
    return None if stored is None else ORDER_OPTIONS.decode(stored)


LOADED_CLIENT_ORDER_FIELDS = (
    *("account_id", "id", "client_order_id", "asked_volume", "asked_price"),
    *Asked.__struct_fields__,
)


def client_order(row: tuple[Any, ...]) -> tuple[int, str, ClientOrder]:
    """An account, its own id for an order, and what it asked for: `trading.core.rules.orders.asked`."""
    account_id, order_id, name, asked_volume, asked_price, *found = row
    values = dict(zip(Asked.__struct_fields__, found, strict=True))
    values["options"] = lasting(options_of(values["options"]))
    if asked_volume is not None:
        values["volume"] = asked_volume
    if asked_price is not None:
        values["price"] = asked_price
    return account_id, name, ClientOrder(order_id, Asked(**values))
