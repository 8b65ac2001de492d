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

_encoder = msgspec.json.Encoder()


def encode(message: ServerMessage) -> str:
    """The text frame of a message."""
    return _encoder.encode(message).decode()


PING = encode(PingFrame())
