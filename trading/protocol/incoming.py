"""What clients say: every message a typed struct. A field that has a default may be null, too: it is not given then."""

from collections.abc import Sequence
from typing import Annotated, Literal, final

import msgspec

from trading.core.types import Direction, Offset, OrderType, SelfTrade, StopKind, TimeCondition, Trigger

LARGEST_NUMBER = 1e9
"""No price or volume on the wire may be further from zero: beyond it floats could not carry four decimals."""

LARGEST_INTEGER = 2**53
"""Every client can write integers up to here exactly."""

MOST_ITEMS = 50
"""Orders or cancels in one frame."""

LONGEST_GRACE_MS = 600_000
"""How long orders may outlive the connection they depend on."""

Name = Annotated[str, msgspec.Meta(max_length=64, pattern=r"\A[ -~]+\Z")]
"""Printable ASCII: PostgreSQL takes no NUL in a text, and nobody can see it."""

Names = Annotated[list[Name], msgspec.Meta(max_length=200)]
Channels = Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=20)]
Number = Annotated[float, msgspec.Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_INTEGER)]
"""A time (Unix) or a length of time."""

LATEST_MOMENT = 253_402_300_799_999
"""The end of the year 9999, in Unix milliseconds: microseconds of today are beyond it."""

Moment = Annotated[int, msgspec.Meta(ge=0, le=LATEST_MOMENT)]
"""A time that an order depends on."""

Day = Annotated[int, msgspec.Meta(ge=0, le=99_999_999)]
"""YYYYMMDD."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=200)]
"""How many entries an answer may have."""

Levels = Annotated[int, msgspec.Meta(ge=1, le=100)]
"""How many prices of the other side an order may take: no more than a book shows."""

PeriodWord = Literal["1m", "5m", "15m", "1h", "1d"]
"""How long a bar is; 1d is the trading day."""

StatusFilter = Literal["Waiting", "Submitted", "PartiallyFilled", "Filled", "Cancelled", "LIVE"]
RequestId = Annotated[str, msgspec.Meta(max_length=64)] | Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None
"""It comes back as it came: whoever can write a larger integer than most can read it, too."""


class _Incoming(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """An unknown field is an error: a mistyped `time_condition` must not become an order that rests."""

    request_id: RequestId = None


# --- who, and what to hear


class Auth(_Incoming, frozen=True, tag="auth"):
    user_id: str
    token: str


class Logout(_Incoming, frozen=True, tag="logout"):
    """From now on the connection is nobody's."""


class Resume(_Incoming, frozen=True, tag="resume"):
    """Asks for the private pushes after `last_seq`, or for a snapshot. `market`: those of another than the first."""

    last_seq: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_INTEGER)] | None = None
    market: Name | None = None


class SetSession(_Incoming, frozen=True, tag="set_session"):
    """What becomes of the orders when this connection ends without `logout`."""

    cancel_on_disconnect: bool
    grace_ms: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_GRACE_MS)] = 0


class Subscribe(_Incoming, frozen=True, tag="subscribe"):
    """`period`: of the channel `kline`."""

    channels: Channels
    instruments: Names = []
    period: PeriodWord = "1m"


class Unsubscribe(_Incoming, frozen=True, tag="unsubscribe"):
    channels: Channels
    instruments: Names = []
    period: PeriodWord = "1m"


class Ping(_Incoming, frozen=True, tag="ping"):
    pass


class Pong(_Incoming, frozen=True, tag="pong"):
    """A client may answer our ping; nothing follows from it but that it is alive."""


# --- orders


class OrderFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order. `price` may be left out (or null) for MARKET orders. From `time_condition` on the fields are ours."""

    instrument_id: Name
    direction: Direction
    offset: Offset
    volume: Number
    order_type: OrderType
    price: Number | None = None
    time_condition: TimeCondition = TimeCondition.GFD
    client_order_id: Name | None = None
    expires_at: Moment | None = None
    valid_until: Moment | None = None
    post_only: bool = False
    reduce_only: bool = False
    display_volume: Number | None = None
    stop_price: Number | None = None
    stop_kind: StopKind | None = None
    trigger: Trigger | None = None
    trail: Number | None = None
    oco_group: Name | None = None
    stp: SelfTrade | None = None
    price_levels: Levels | None = None


class SubmitOrder(OrderFields, frozen=True, kw_only=True, tag_field="type", tag="submit_order"):
    request_id: RequestId = None


class AmendOrder(_Incoming, frozen=True, tag="amend_order"):
    order_id: str
    price: Number | None = None
    volume: Number | None = None
    valid_until: Moment | None = None


class CancelOrder(_Incoming, frozen=True, tag="cancel_order"):
    order_id: str


class CancelAll(_Incoming, frozen=True, tag="cancel_all"):
    instrument_id: Name | None = None
    direction: Direction | None = None


class CancelAfter(_Incoming, frozen=True, tag="cancel_after"):
    timeout_ms: Milliseconds


@final
class SubmitOrders(_Incoming, frozen=True, tag="submit_orders"):
    orders: Annotated[list[OrderFields], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]

    @property
    def items(self) -> Sequence[OrderFields]:
        return self.orders


@final
class CancelOrders(_Incoming, frozen=True, tag="cancel_orders"):
    order_ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]

    @property
    def items(self) -> Sequence[CancelOrder]:
        return [CancelOrder(order_id=order_id) for order_id in self.order_ids]


# --- queries


class QueryOrder(_Incoming, frozen=True, tag="query_order"):
    order_id: str


class QueryAccount(_Incoming, frozen=True, tag="query_account"):
    """`market`: of an exchange that has several; the first where none is named."""

    market: Name | None = None


class QueryPosition(_Incoming, frozen=True, tag="query_position"):
    """`lots`: the lines of each position's detail, too."""

    instrument_id: Name | None = None
    lots: bool | None = None


class QueryOrders(_Incoming, frozen=True, tag="query_orders"):
    """Times are those of the acceptance. `before`: the order id where the page before this one ended."""

    instrument_id: Name | None = None
    status: StatusFilter | None = None
    from_time: Milliseconds | None = None
    to_time: Milliseconds | None = None
    before: str | None = None
    limit: Limit = 50


class QueryTrades(_Incoming, frozen=True, tag="query_trades"):
    """`before`: the trade id where the page before this one ended."""

    instrument_id: Name | None = None
    order_id: str | None = None
    from_time: Milliseconds | None = None
    to_time: Milliseconds | None = None
    before: str | None = None
    limit: Limit = 50


class QueryInstruments(_Incoming, frozen=True, tag="query_instruments"):
    instrument_id: Name | None = None


class QueryBars(_Incoming, frozen=True, tag="query_bars"):
    """Bars that start before `before` (Unix ms), the newest first."""

    instrument_id: Name
    period: PeriodWord = "1m"
    before: Milliseconds | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 200


class QueryPublicTrades(_Incoming, frozen=True, tag="query_public_trades"):
    """The last trades of an instrument, the newest first."""

    instrument_id: Name
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 50


class QueryStatistics(_Incoming, frozen=True, tag="query_statistics"):
    """The trading day in figures, of one instrument or all."""

    instrument_id: Name | None = None


class QueryStatements(_Incoming, frozen=True, tag="query_statements"):
    """`market`: as for the account."""

    market: Name | None = None
    from_day: Day | None = None
    to_day: Day | None = None
    limit: Limit = 50


# --- all of them

OrderMessage = SubmitOrder | AmendOrder | CancelOrder
"""What is answered by `order_response`."""

BatchMessage = SubmitOrders | CancelOrders
"""Many orders or cancels in one frame."""

EngineMessage = OrderMessage | CancelAll | CancelAfter | BatchMessage
"""What goes to the engine."""

Item = OrderFields | AmendOrder | CancelOrder | CancelAll | CancelAfter
"""What becomes one command."""


def items_of(message: EngineMessage) -> Sequence[Item]:
    """What becomes one command each."""
    # nearly no message is: `isinstance` takes 0.2 µs for each struct that something is not
    if type(message) is SubmitOrders or type(message) is CancelOrders:
        return message.items
    return (message,)


PrivateQuery = QueryOrder | QueryAccount | QueryPosition | QueryOrders | QueryTrades | QueryStatements
PublicQuery = QueryInstruments | QueryBars | QueryPublicTrades | QueryStatistics
Query = PrivateQuery | PublicQuery
OtherMessage = Auth | Logout | Resume | SetSession | Subscribe | Unsubscribe | Ping | Pong | Query
ClientMessage = EngineMessage | OtherMessage

Asking = Resume | SetSession | Subscribe | Unsubscribe | Query
"""What makes the exchange look something up."""
