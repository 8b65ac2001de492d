"""What REST takes and gives beyond the socket's own messages. Their fields are the socket's, where it has them."""

from typing import Annotated

import msgspec

from trading import protocol
from trading.core.types import Direction
from trading.protocol.incoming import MOST_ITEMS, Milliseconds, Moment, Name, Number

LONGEST_VALID_MS = 3_600_000
ValidFor = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_VALID_MS)]

# --- taken


class PlaceOrder(protocol.OrderFields, frozen=True, kw_only=True):
    valid_for_ms: ValidFor | None = None


class PlaceOrders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    orders: Annotated[list[PlaceOrder], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]


class AmendOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    price: Number | None = None
    volume: Number | None = None
    valid_until: Moment | None = None
    valid_for_ms: ValidFor | None = None


class NamedOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    order_id: Name


class NamedOrders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    order_ids: Annotated[list[Name], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]


class OwnOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    client_order_id: Name


class CancelAll(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    instrument_id: Name | None = None
    direction: Direction | None = None


class CancelAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    timeout_ms: Milliseconds


# --- given


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it is now, and its fills, newest first."""

    order: protocol.OrderData
    trades: list[protocol.TradeData]
    next: str | None


class Results(msgspec.Struct, frozen=True):
    results: list[protocol.OrderResult]


class AllCancelled(msgspec.Struct, frozen=True):
    cancelled: int


class Deadline(msgspec.Struct, frozen=True):
    deadline: int | None


class Orders(msgspec.Struct, frozen=True):
    orders: list[protocol.OrderData]
    next: str | None


class Trades(msgspec.Struct, frozen=True):
    trades: list[protocol.TradeData]
    next: str | None


class AccountNow(msgspec.Struct, frozen=True):
    account: protocol.AccountData


class Positions(msgspec.Struct, frozen=True):
    positions: list[protocol.PositionData]


class Instruments(msgspec.Struct, frozen=True):
    instruments: list[protocol.InstrumentData]


class Time(msgspec.Struct, frozen=True):
    timestamp: int
