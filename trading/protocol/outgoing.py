"""All messages of the server, and the way from a message to its frame."""

import msgspec

from trading.protocol.market_data import (
    Announcement,
    Announcements,
    InstrumentState,
    InstrumentStatus,
    Kline,
    OrderBook,
    OrderBookDelta,
    PingFrame,
    Ticker,
)
from trading.protocol.pushes import (
    AccountUpdate,
    Liquidation,
    OrderStatusFrame,
    Portfolio,
    PositionExpired,
    RiskWarning,
    Statement,
    Trade,
    TradeBroken,
)
from trading.protocol.query_data import QueryResponse, Snapshot
from trading.protocol.responses import (
    AuthResponse,
    CancelAfterResponse,
    CancelAllResponse,
    Error,
    LogoutResponse,
    OrderResponse,
    OrdersResponse,
    PongFrame,
    ResumeResponse,
    SetSessionResponse,
    SubscribeResponse,
)

ServerMessage = (
    AuthResponse
    | LogoutResponse
    | ResumeResponse
    | SetSessionResponse
    | SubscribeResponse
    | OrderResponse
    | OrdersResponse
    | CancelAllResponse
    | CancelAfterResponse
    | Trade
    | TradeBroken
    | OrderStatusFrame
    | AccountUpdate
    | Portfolio
    | RiskWarning
    | Liquidation
    | PositionExpired
    | Statement
    | OrderBook
    | OrderBookDelta
    | Ticker
    | Kline
    | InstrumentStatus
    | InstrumentState
    | Snapshot
    | QueryResponse
    | Error
    | PongFrame
    | PingFrame
    | Announcement
    | Announcements
)

AlwaysNumbered = RiskWarning | Liquidation | PositionExpired | TradeBroken
NumberedPush = AlwaysNumbered | Trade | OrderStatusFrame | AccountUpdate | Statement

_encoder = msgspec.json.Encoder()


def encode(message: ServerMessage) -> str:
    """The text frame of a message."""
    return _encoder.encode(message).decode()


def encode_of(market: str, push: NumberedPush) -> str:
    """The text frame of a private push of another market than the first."""
    told = msgspec.structs.replace(push, market=market, market_seq=push.seq)
    return encode(told if isinstance(told, AlwaysNumbered) else msgspec.structs.replace(told, seq=None))


PING = encode(PingFrame())
