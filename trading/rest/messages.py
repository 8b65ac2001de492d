"""What REST takes and gives beyond the socket's own messages. Their fields are the socket's, where it has them."""

from typing import Annotated, Literal

import msgspec

from trading import protocol
from trading.core.types import Direction
from trading.protocol.incoming import LARGEST_INTEGER, MOST_ITEMS, Limit, Milliseconds, Moment, Name, Number

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


class QueryLedger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`before`: the entry where the page before this one ended."""

    before: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_INTEGER)] | None = None
    limit: Limit = 50
    market: Name | None = None


class QueryTransfers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`before`: the transfer where the page before this one ended."""

    before: Name | None = None
    limit: Limit = 50


class NewToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name = "REST"
    scope: Literal["TRADE", "READ"] = "TRADE"
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30


class NamedToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token_key: Name


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["TOP_UP", "RESET"]


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


class Statements(msgspec.Struct, frozen=True):
    """`next`: of the page that follows, its `to_day`."""

    statements: list[protocol.Statement]
    next: int | None


class LedgerData(msgspec.Struct, frozen=True):
    entry_id: int
    kind: str
    amount: float
    trade_id: str | None
    timestamp: int


class Ledger(msgspec.Struct, frozen=True):
    entries: list[LedgerData]
    next: int | None


class TransferData(msgspec.Struct, frozen=True):
    """`ended_at`: null while it is in transit."""

    transfer_id: str
    source: str
    target: str
    amount: float
    status: str
    sent_at: int
    ended_at: int | None


class Transfers(msgspec.Struct, frozen=True):
    transfers: list[TransferData]
    next: str | None


class TokenData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`token`: its text, told once, when it is made."""

    token_key: str
    name: str
    scope: str
    created_at: int
    expires_at: int | None
    used_at: int | None
    token: str | None = None


class Tokens(msgspec.Struct, frozen=True):
    tokens: list[TokenData]


class Bars(msgspec.Struct, frozen=True):
    bars: list[protocol.BarData]
    next: int | None


class PublicTrades(msgspec.Struct, frozen=True):
    public_trades: list[protocol.PublicTradeData]


class Statistics(msgspec.Struct, frozen=True):
    statistics: list[protocol.StatisticsData]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Orders are a user's; without a token none are left."""

    orders_per_second: int
    orders_at_once: int
    orders_left: int
    requests_per_second: int
    requests_at_once: int
    requests_left: int
    wrong_tokens_per_minute: int
    items_in_batch: int


class Announcements(msgspec.Struct, frozen=True):
    announcements: list[protocol.AnnouncementData]


class Time(msgspec.Struct, frozen=True):
    timestamp: int
