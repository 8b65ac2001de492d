"""What queries give, and the snapshot that stands for pushes that are too old."""

import msgspec

from trading.core.types import (
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
from trading.protocol.envelope import Outgoing
from trading.protocol.incoming import RequestId
from trading.protocol.market_data import BarData, StatisticsData
from trading.protocol.pushes import CancelWord, Statement


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


class LotData(msgspec.Struct, frozen=True):
    """Lots that were opened one after the other at one price: a line of CTP's position detail. `direction`: BUY for
    long ones; `today`: opened on the present trading day."""

    direction: Direction
    volume: float
    open_price: float
    open_time: int
    today: bool


class PositionData(msgspec.Struct, frozen=True, omit_defaults=True):
    """Names of DIFF/QIFI. Prices are averages; null where there are no lots, or no trade yet. `lots`: in the order in
    which they are closed, long ones before short ones; left out where they were not asked for."""

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
    lots: list[LotData] | None = None


class OrderData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From `average_price` on, what is unset is left out. `average_price`: of its trades, left out where there are none
    or an earlier release has kept no sum of them. `current_stop`: where a waiting order fires now. `forced`: the
    exchange closed a position with it."""

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
    average_price: float | None = None
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
    price_levels: int | None = None
    forced: bool = False
    reason: CancelWord | None = None
    error_code: int | None = None


class TradeData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`is_maker` is left out of the trades of an auction. `broken`: it was taken back, with its profit."""

    trade_id: str
    order_id: str
    instrument_id: str
    direction: Direction
    offset: Offset
    price: float
    volume: float
    timestamp: int
    is_maker: bool | None = None
    commission: float
    close_profit: float
    broken: bool = False


class FeeData(msgspec.Struct, frozen=True):
    per_lot: float
    rate: float


class SessionData(msgspec.Struct, frozen=True):
    """Continuous trading from a time of day, on some weekdays (1 is Monday), to another; 24 hours and more are on a
    later day."""

    weekdays: str
    begins: str
    ends: str


class TradingHoursData(msgspec.Struct, frozen=True):
    """The sessions that the schedule of a market names, by the clocks of its time zone. Holidays are not in it."""

    time_zone: str
    sessions: list[SessionData]


class InstrumentData(msgspec.Struct, frozen=True, kw_only=True):
    """Null where there is no limit, no last day, or no trade yet. Rates are shares: 0.1 is 10 %. `market`: left out of
    what is listed at the first one. `trading_hours`: left out where no schedule opens the market."""

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
    market: str | msgspec.UnsetType = msgspec.UNSET
    trading_hours: TradingHoursData | msgspec.UnsetType = msgspec.UNSET


class PublicTradeData(msgspec.Struct, frozen=True, omit_defaults=True):
    """`direction`: of the side that came to the book; left out of the trades of an auction."""

    price: float
    volume: float
    timestamp: int
    direction: Direction | None = None


class QueryData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of these is set: the answer of its query. Pages have a `next`, null on the last one, and there
    `archived_until` (Unix ms) where what was over before may be in the archive."""

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
    archived_until: int | None = None


class Snapshot(Outgoing, frozen=True, tag="snapshot"):
    """All that pushes tell about, as it was after the push `seq`: orders that are live, positions that are not flat.
    `market`: of which it was asked for, if of another than the first; `seq` is that market's."""

    seq: int
    account: AccountData
    positions: list[PositionData]
    orders: list[OrderData]
    trading_day: int
    market: str | None = None


class QueryResponse(Outgoing, frozen=True, tag="query_response"):
    request_type: str
    data: QueryData
    request_id: RequestId = None
