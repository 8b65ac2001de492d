"""What the server says: every message a typed struct, and the way from a message to its frame."""

import msgspec

from trading.core.types import (
    CancelReason,
    Direction,
    Offset,
    OrderStatus,
    OrderType,
    Phase,
    SelfTrade,
    StopKind,
    TimeCondition,
    Trigger,
)
from trading.protocol.incoming import RequestId


class _Outgoing(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False):
    """Documented fields have no default, so they are always written; ours have one and are left out when unset."""


# --- answers


class AuthResponse(_Outgoing, frozen=True, tag="auth_response"):
    success: bool
    user_id: str
    message: str
    request_id: RequestId = None


class LogoutResponse(_Outgoing, frozen=True, tag="logout_response"):
    success: bool
    request_id: RequestId = None


class ResumeResponse(_Outgoing, frozen=True, tag="resume_response"):
    """What was missed follows, up to the push `last_seq`."""

    success: bool
    last_seq: int
    request_id: RequestId = None


class SetSessionResponse(_Outgoing, frozen=True, tag="set_session_response"):
    success: bool
    cancel_on_disconnect: bool
    grace_ms: int
    request_id: RequestId = None


class SubscribeResponse(_Outgoing, frozen=True, tag="subscribe_response"):
    success: bool
    channels: list[str]
    instruments: list[str]
    message: str
    request_id: RequestId = None


class OrderResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What became of an order or a cancel."""

    success: bool
    order_id: str | None
    error_code: int | None
    error_message: str | None
    client_order_id: str | None = None


class OrderResponse(OrderResult, frozen=True, kw_only=True, tag_field="type", tag="order_response"):
    retry_after: float | None = None
    request_id: RequestId = None


class OrdersResponse(_Outgoing, frozen=True, tag="orders_response"):
    """One result an item, in their order."""

    results: list[OrderResult]
    retry_after: float | None = None
    request_id: RequestId = None


class CancelAllResponse(_Outgoing, frozen=True, tag="cancel_all_response"):
    success: bool
    cancelled: int
    error_code: int | None
    error_message: str | None
    retry_after: float | None = None
    request_id: RequestId = None


class CancelAfterResponse(_Outgoing, frozen=True, tag="cancel_after_response"):
    success: bool
    deadline: int | None
    error_code: int | None
    error_message: str | None
    retry_after: float | None = None
    request_id: RequestId = None


class Error(_Outgoing, frozen=True, tag="error"):
    code: int
    message: str
    retry_after: float | None = None
    request_id: RequestId = None


class PongFrame(_Outgoing, frozen=True, tag="pong"):
    request_id: RequestId = None


# --- private pushes


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
    """`price`, `volume`: of a new order or after an amendment; from `instrument_id` on: of a new order. `reason` and
    the error: why it was cancelled, unless its owner asked."""

    order_id: str
    status: OrderStatus
    filled_volume: float
    remaining_volume: float
    timestamp: int
    seq: int | None = None
    price: float | None = None
    volume: float | None = None
    reason: CancelReason | None = None
    error_code: int | None = None
    error_message: str | None = None
    instrument_id: str | None = None
    direction: Direction | None = None
    offset: Offset | None = None
    order_type: OrderType | None = None
    client_order_id: str | None = None


class AccountUpdate(_Outgoing, frozen=True, tag="account_update"):
    balance: float
    available: float
    frozen: float
    margin: float
    profit: float
    risk_ratio: float
    timestamp: int
    seq: int | None = None


class RiskWarning(_Outgoing, frozen=True, tag="risk_warning"):
    risk_ratio: float
    margin: float
    balance: float
    timestamp: int
    seq: int


class Liquidation(_Outgoing, frozen=True, tag="liquidation"):
    """`status`: STARTED or ENDED."""

    status: str
    risk_ratio: float
    margin: float
    balance: float
    timestamp: int
    seq: int


class PositionExpired(_Outgoing, frozen=True, tag="position_expired"):
    instrument_id: str
    volume_long: float
    volume_short: float
    price: float
    close_profit: float
    timestamp: int
    seq: int


class StatementPosition(msgspec.Struct, frozen=True, gc=False):
    instrument_id: str
    volume_long: float
    volume_short: float
    price: float
    margin: float


class Statement(_Outgoing, frozen=True, tag="statement"):
    """opening + deposits - withdrawals + close_profit + position_profit - commission = closing. Queries give it too,
    without `seq`."""

    day: int
    opening: float
    deposits: float
    withdrawals: float
    close_profit: float
    position_profit: float
    commission: float
    closing: float
    margin: float
    positions: list[StatementPosition]
    timestamp: int
    seq: int | None = None


# --- market data


class BookLevel(msgspec.Struct, frozen=True, gc=False):
    price: float
    volume: float
    order_count: int


class OrderBook(_Outgoing, frozen=True, tag="orderbook"):
    """`phase` is left out in continuous trading. The indicative price and volume are what an auction would trade."""

    instrument_id: str
    bids: list[BookLevel]
    asks: list[BookLevel]
    timestamp: int
    phase: Phase | None = None
    indicative_price: float | None = None
    indicative_volume: float | None = None


class OrderBookDelta(_Outgoing, frozen=True, tag="orderbook_delta"):
    """Levels that have changed since the frame `prev_seq`, with their present volume; 0: the level is gone. Without
    `prev_seq` it is the whole book."""

    instrument_id: str
    seq: int
    prev_seq: int | None
    bids: list[BookLevel]
    asks: list[BookLevel]
    timestamp: int
    phase: Phase | None = None
    indicative_price: float | None = None
    indicative_volume: float | None = None


class StatisticsData(msgspec.Struct, frozen=True, kw_only=True):
    """A trading day so far. `change`: last price less last settlement price. Null: no trade yet, or no limit."""

    instrument_id: str
    open: float | None
    high: float | None
    low: float | None
    last_price: float | None
    change: float | None
    volume: float
    turnover: float
    trades: int
    open_interest: float
    settlement_price: float
    limit_up: float | None
    limit_down: float | None


class Ticker(_Outgoing, frozen=True, tag="ticker"):
    """A trade. `direction`: of the side that came to the book. `day`: the figures after it; where many trades come at
    once, of the last."""

    instrument_id: str
    last_price: float
    volume: float
    timestamp: int
    direction: Direction | None = None
    day: StatisticsData | None = None


class BarData(msgspec.Struct, frozen=True, kw_only=True):
    """`start`: Unix ms. `turnover` in currency; `open_interest`: lots after the last of its `trades`."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float
    trades: int
    open_interest: float


class Kline(BarData, frozen=True, kw_only=True, tag_field="type", tag="kline"):
    """A bar so far; when another follows, it is whole."""

    instrument_id: str
    period: str


class InstrumentStatus(_Outgoing, frozen=True, tag="instrument_status"):
    instrument_id: str
    phase: Phase
    timestamp: int


class PingFrame(_Outgoing, frozen=True, tag="ping"):
    pass


class Announcement(_Outgoing, frozen=True, tag="announcement"):
    """A sentence of the exchange to everybody."""

    message: str
    timestamp: int


# --- what queries give


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


class OrderData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From `expires_at` on, what is unset is left out. `current_stop`: where a waiting order fires now.
    `forced`: the exchange closed a position with it."""

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
    expires_at: int | None = None
    valid_until: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    display_volume: float | None = None
    stop_price: float | None = None
    stop_kind: StopKind | None = None
    trigger: Trigger | None = None
    trail: float | None = None
    current_stop: float | None = None
    oco_group: str | None = None
    stp: SelfTrade | None = None
    forced: bool = False
    reason: CancelReason | None = None
    error_code: int | None = None


class TradeData(msgspec.Struct, frozen=True, kw_only=True):
    trade_id: str
    order_id: str
    instrument_id: str
    direction: Direction
    offset: Offset
    price: float
    volume: float
    timestamp: int
    is_maker: bool
    commission: float
    close_profit: float


class FeeData(msgspec.Struct, frozen=True):
    per_lot: float
    rate: float


class InstrumentData(msgspec.Struct, frozen=True, kw_only=True):
    """Null where there is no limit, no last day, or no trade yet. Rates are shares: 0.1 is 10 %."""

    instrument_id: str
    name: str
    product_id: str
    tick: float
    multiplier: int
    limit_up: float | None
    limit_down: float | None
    margin_rate_long: float
    margin_rate_short: float
    fee_open: FeeData
    fee_close: FeeData
    fee_close_today: FeeData
    min_volume: int
    max_volume: int
    max_position: int | None
    max_orders: int | None
    larger_side: bool
    last_day: int | None
    phase: Phase
    settlement_price: float
    last_price: float | None


class PublicTradeData(msgspec.Struct, frozen=True):
    price: float
    volume: float
    timestamp: int
    direction: Direction


class QueryData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of these is set: the answer of its query. Pages have a `next`, null on the last one."""

    account: AccountData | None = None
    positions: list[PositionData] | None = None
    order: OrderData | None = None
    orders: list[OrderData] | None = None
    trades: list[TradeData] | None = None
    next: str | msgspec.UnsetType | None = msgspec.UNSET
    instruments: list[InstrumentData] | None = None
    statements: list[Statement] | None = None
    bars: list[BarData] | None = None
    public_trades: list[PublicTradeData] | None = None
    statistics: list[StatisticsData] | None = None


class Snapshot(_Outgoing, frozen=True, tag="snapshot"):
    """All that pushes tell about, as it was after the push `seq`: orders that are live, positions that are not flat."""

    seq: int
    account: AccountData
    positions: list[PositionData]
    orders: list[OrderData]
    trading_day: int


class QueryResponse(_Outgoing, frozen=True, tag="query_response"):
    request_type: str
    data: QueryData
    request_id: RequestId = None


# --- all of them

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
    | OrderStatusFrame
    | AccountUpdate
    | RiskWarning
    | Liquidation
    | PositionExpired
    | Statement
    | OrderBook
    | OrderBookDelta
    | Ticker
    | Kline
    | InstrumentStatus
    | Snapshot
    | QueryResponse
    | Error
    | PongFrame
    | PingFrame
    | Announcement
)

_encoder = msgspec.json.Encoder()


def encode(message: ServerMessage) -> str:
    """The text frame of a message."""
    return _encoder.encode(message).decode()


PING = encode(PingFrame())
