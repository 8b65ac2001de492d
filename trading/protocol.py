"""The WebSocket protocol: every message a typed struct; frames become commands, events become frames. Pure.

Trust ends here: whatever text comes in, `decode` gives a message or raises `ProtocolError`, never anything else.
Field names, order and meaning are those of the protocol document v1.0; what it does not have is optional and left out
of a frame when it is not set. Prices and volumes are JSON numbers written as floats, times Unix milliseconds.
"""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from trading.core import commands
from trading.core.codes import Code
from trading.core.events import Event, Fill, OrderAccepted, OrderCancelled, OrderRepeated, Refused, Traded
from trading.core.money import price_from_float, to_currency
from trading.core.risk import Figures
from trading.core.types import (
    ORDER_EPOCH_MS,
    SEQUENCE,
    Direction,
    Offset,
    OrderStatus,
    OrderType,
    TimeCondition,
)

LARGEST_NUMBER = 1e9
"""No price or volume on the wire may be further from zero: beyond it floats could not carry four decimals."""

LONGEST_DETAIL = 200
"""Characters of an error's detail: it may quote the frame, which may be long."""

Name = Annotated[str, msgspec.Meta(max_length=64, pattern="^[ -~]+$")]
"""Printable ASCII: PostgreSQL takes no NUL in a text, and nobody can see it."""

Names = Annotated[list[Name], msgspec.Meta(max_length=200)]
Channels = Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=20)]
Number = Annotated[float, msgspec.Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
RequestId = Annotated[str, msgspec.Meta(max_length=64)] | Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)] | None


class ProtocolError(Exception):
    """A frame that is refused. `code` is stable, `detail` a sentence, `request_id` the frame's own if it had one."""

    def __init__(self, code: Code, detail: str, request_id: RequestId = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.request_id = request_id


# --- from the client


class _Incoming(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """An unknown field is an error: a mistyped `time_condition` must not become an order that rests."""

    request_id: RequestId = None


class Auth(_Incoming, frozen=True, tag="auth"):
    user_id: str
    token: str


class Subscribe(_Incoming, frozen=True, tag="subscribe"):
    channels: Channels
    instruments: Names = []


class Unsubscribe(_Incoming, frozen=True, tag="unsubscribe"):
    channels: Channels
    instruments: Names = []


class SubmitOrder(_Incoming, frozen=True, tag="submit_order"):
    """`price` may be left out (or null) for MARKET orders. `time_condition` and `client_order_id` are ours."""

    instrument_id: Name
    direction: Direction
    offset: Offset
    volume: Number
    order_type: OrderType
    price: Number | None = None
    time_condition: TimeCondition = TimeCondition.GFD
    client_order_id: Name | None = None


class CancelOrder(_Incoming, frozen=True, tag="cancel_order"):
    order_id: str


class QueryOrder(_Incoming, frozen=True, tag="query_order"):
    order_id: str


class QueryAccount(_Incoming, frozen=True, tag="query_account"):
    pass


class QueryPosition(_Incoming, frozen=True, tag="query_position"):
    instrument_id: Name | None = None


class Ping(_Incoming, frozen=True, tag="ping"):
    pass


class Pong(_Incoming, frozen=True, tag="pong"):
    """A client may answer our ping; nothing follows from it but that it is alive."""


OrderMessage = SubmitOrder | CancelOrder
"""What goes to the engine, and is answered by `order_response`."""

OtherMessage = Auth | Subscribe | Unsubscribe | QueryOrder | QueryAccount | QueryPosition | Ping | Pong
ClientMessage = OrderMessage | OtherMessage

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)


class _Reference(msgspec.Struct):
    request_id: RequestId = None


_reference_decoder = msgspec.json.Decoder(_Reference)
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


def decode(text: str) -> ClientMessage:
    """The message in a text frame. Raises ProtocolError 400 with a sentence that names what is wrong."""
    try:
        return _decoder.decode(text)
    except _UNREADABLE as error:
        detail = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:LONGEST_DETAIL]
    raise ProtocolError(Code.MALFORMED, f"{Code.MALFORMED.text}: {detail}", _reference(text))


def _reference(text: str) -> RequestId:
    """The request id of a frame that could not be read, if it can be found."""
    try:
        return _reference_decoder.decode(text).request_id
    except _UNREADABLE:
        return None


# --- ids

_FIRST_NUMBER = ORDER_EPOCH_MS * SEQUENCE
_ID_DIGITS = 20


def order_id_text(number: int) -> str:
    """O, 13 digits of milliseconds, 7 digits of sequence."""
    return f"O{number + _FIRST_NUMBER}"


def trade_id_text(number: int) -> str:
    """T, 13 digits of milliseconds, 7 digits of sequence."""
    return f"T{number + _FIRST_NUMBER}"


def order_number(text: str) -> int | None:
    """The number in an order id, or None when it is no order id of ours."""
    digits = text[1:]
    if text[:1] != "O" or len(digits) != _ID_DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    number = int(digits) - _FIRST_NUMBER
    return number if 0 < number < 2**63 else None


# --- to commands


def to_command(message: OrderMessage, account_id: int) -> commands.SubmitOrder | commands.CancelOrder | Refused:
    """The engine's command for an order message, or the refusal of what cannot be one."""
    if isinstance(message, CancelOrder):
        number = order_number(message.order_id)
        if number is None:
            return Refused(Code.ORDER_NOT_FOUND, Code.ORDER_NOT_FOUND.text)
        return commands.CancelOrder(account_id, number)
    if message.volume != int(message.volume):
        return Refused(Code.BAD_VOLUME, "Volume must be whole lots")
    price = None
    if message.order_type is OrderType.LIMIT:
        if message.price is None:
            return Refused(Code.MALFORMED, "A LIMIT order needs a price")
        price = price_from_float(message.price)
        if price is None:
            return Refused(Code.OFF_TICK, "Price has more than four decimals, so it is on no tick")
    return commands.SubmitOrder(
        account_id,
        message.instrument_id,
        message.direction,
        message.offset,
        message.order_type,
        int(message.volume),
        price,
        message.time_condition,
        message.client_order_id,
    )


# --- to the client


class _Outgoing(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False):
    """Documented fields have no default, so they are always written; ours have one and are left out when unset."""


class AuthResponse(_Outgoing, frozen=True, tag="auth_response"):
    success: bool
    user_id: str
    message: str
    request_id: RequestId = None


class SubscribeResponse(_Outgoing, frozen=True, tag="subscribe_response"):
    success: bool
    channels: list[str]
    instruments: list[str]
    message: str
    request_id: RequestId = None


class OrderResponse(_Outgoing, frozen=True, tag="order_response"):
    success: bool
    order_id: str | None
    error_code: int | None
    error_message: str | None
    client_order_id: str | None = None
    retry_after: float | None = None
    request_id: RequestId = None


class Trade(_Outgoing, frozen=True, tag="trade"):
    trade_id: str
    order_id: str
    instrument_id: str
    direction: Direction
    offset: Offset
    price: float
    volume: float
    timestamp: int
    seq: int | None = None


class OrderStatusFrame(_Outgoing, frozen=True, tag="order_status"):
    order_id: str
    status: OrderStatus
    filled_volume: float
    remaining_volume: float
    timestamp: int
    seq: int | None = None


class AccountUpdate(_Outgoing, frozen=True, tag="account_update"):
    balance: float
    available: float
    frozen: float
    margin: float
    profit: float
    risk_ratio: float
    timestamp: int
    seq: int | None = None


class BookLevel(msgspec.Struct, frozen=True, gc=False):
    price: float
    volume: float
    order_count: int


class OrderBook(_Outgoing, frozen=True, tag="orderbook"):
    instrument_id: str
    bids: list[BookLevel]
    asks: list[BookLevel]
    timestamp: int


class Ticker(_Outgoing, frozen=True, tag="ticker"):
    instrument_id: str
    last_price: float
    volume: float
    timestamp: int


class AccountData(msgspec.Struct, frozen=True):
    user_id: str
    balance: float
    available: float
    frozen: float
    margin: float
    profit: float
    risk_ratio: float
    static_balance: float
    pre_balance: float
    deposit: float
    withdraw: float
    close_profit: float
    position_profit: float
    float_profit: float
    commission: float
    frozen_orders: float
    withdrawable: float


class PositionData(msgspec.Struct, frozen=True):
    """Names of DIFF/QIFI. Prices are averages; null where there are no lots, or no trade yet."""

    user_id: str
    instrument_id: str
    volume_long: float
    volume_long_today: float
    volume_long_his: float
    volume_long_frozen_today: float
    volume_long_frozen_his: float
    volume_short: float
    volume_short_today: float
    volume_short_his: float
    volume_short_frozen_today: float
    volume_short_frozen_his: float
    open_price_long: float | None
    open_price_short: float | None
    open_cost_long: float
    open_cost_short: float
    position_price_long: float | None
    position_price_short: float | None
    position_cost_long: float
    position_cost_short: float
    float_profit_long: float
    float_profit_short: float
    float_profit: float
    position_profit_long: float
    position_profit_short: float
    position_profit: float
    margin_long: float
    margin_short: float
    margin: float
    last_price: float | None


class OrderData(msgspec.Struct, frozen=True):
    user_id: str
    order_id: str
    instrument_id: str
    direction: Direction
    offset: Offset
    volume: float
    price: float | None
    order_type: OrderType
    time_condition: TimeCondition
    status: OrderStatus
    filled_volume: float
    remaining_volume: float
    timestamp: int
    client_order_id: str | None


class QueryData(msgspec.Struct, frozen=True, omit_defaults=True):
    """Exactly one of these is set: the answer of its query."""

    account: AccountData | None = None
    positions: list[PositionData] | None = None
    order: OrderData | None = None


class QueryResponse(_Outgoing, frozen=True, tag="query_response"):
    request_type: str
    data: QueryData
    request_id: RequestId = None


class Error(_Outgoing, frozen=True, tag="error"):
    code: int
    message: str
    retry_after: float | None = None
    request_id: RequestId = None


class PongFrame(_Outgoing, frozen=True, tag="pong"):
    request_id: RequestId = None


class PingFrame(_Outgoing, frozen=True, tag="ping"):
    pass


ServerMessage = (
    AuthResponse
    | SubscribeResponse
    | OrderResponse
    | Trade
    | OrderStatusFrame
    | AccountUpdate
    | OrderBook
    | Ticker
    | QueryResponse
    | Error
    | PongFrame
    | PingFrame
)

_encoder = msgspec.json.Encoder()


def encode(message: ServerMessage) -> str:
    """The text frame of a message."""
    return _encoder.encode(message).decode()


PING = encode(PingFrame())


Levels = Iterable[tuple[int, int, int]]

# --- from events


def order_response(
    event: Event, request_id: RequestId, client_order_id: str | None = None, retry_after: float | None = None
) -> OrderResponse:
    """The answer to an order message: told by the first event of its command."""
    match event:
        case OrderAccepted() | OrderRepeated() | OrderCancelled():
            return OrderResponse(
                success=True,
                order_id=order_id_text(event.order_id),
                error_code=None,
                error_message=None,
                client_order_id=client_order_id,
                request_id=request_id,
            )
        case Refused():
            return OrderResponse(
                success=False,
                order_id=None,
                error_code=event.code,
                error_message=event.detail,
                client_order_id=client_order_id,
                retry_after=retry_after,
                request_id=request_id,
            )
    raise AssertionError(f"{event!r} answers no order message")


def submitted(event: OrderAccepted, seq: int) -> OrderStatusFrame:
    """The first state of an order."""
    return OrderStatusFrame(
        order_id=order_id_text(event.order_id),
        status=OrderStatus.SUBMITTED,
        filled_volume=0.0,
        remaining_volume=float(event.volume),
        timestamp=event.time,
        seq=seq,
    )


def cancelled(event: OrderCancelled, seq: int) -> OrderStatusFrame:
    """The last state of an order that was not filled."""
    return OrderStatusFrame(
        order_id=order_id_text(event.order_id),
        status=OrderStatus.CANCELLED,
        filled_volume=float(event.filled),
        remaining_volume=float(event.remaining),
        timestamp=event.time,
        seq=seq,
    )


def trade(event: Traded, fill: Fill, seq: int) -> Trade:
    """A trade as one of its two sides sees it."""
    return Trade(
        trade_id=trade_id_text(event.trade_id),
        order_id=order_id_text(fill.order_id),
        instrument_id=event.instrument_id,
        direction=fill.direction,
        offset=fill.offset,
        price=to_currency(event.price),
        volume=float(event.volume),
        timestamp=event.time,
        seq=seq,
    )


def filled(event: Traded, fill: Fill, seq: int) -> OrderStatusFrame:
    """The state of an order after a trade."""
    return OrderStatusFrame(
        order_id=order_id_text(fill.order_id),
        status=fill.status,
        filled_volume=float(fill.filled),
        remaining_volume=float(fill.remaining),
        timestamp=event.time,
        seq=seq,
    )


def account_update(figures: Figures, time: int, seq: int) -> AccountUpdate:
    """The money of an account after a batch."""
    return AccountUpdate(
        balance=to_currency(figures.balance),
        available=to_currency(figures.available),
        frozen=to_currency(figures.frozen),
        margin=to_currency(figures.margin),
        profit=to_currency(figures.profit),
        risk_ratio=figures.risk_ratio,
        timestamp=time,
        seq=seq,
    )


def orderbook(instrument_id: str, bids: Levels, asks: Levels, time: int) -> OrderBook:
    """A book. Levels are (price in 1/10,000, volume, order count), best first."""
    return OrderBook(instrument_id=instrument_id, bids=_levels(bids), asks=_levels(asks), timestamp=time)


def _levels(levels: Levels) -> list[BookLevel]:
    return [BookLevel(to_currency(price), float(volume), count) for price, volume, count in levels]


def ticker(instrument_id: str, price: int, volume: int, time: int) -> Ticker:
    """A trade as the public sees it. `price` in 1/10,000."""
    return Ticker(instrument_id=instrument_id, last_price=to_currency(price), volume=float(volume), timestamp=time)
