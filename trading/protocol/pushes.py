"""What a user is told without asking: trades, states of orders, the account, its risk and its statements.

`seq` numbers them. A push of another market than the first has in its place `market`, and `market_seq`, a number of
that market's: so `seq` has no hole for those who know of no other market. Where `seq` is always there it is that number
too; only those who have named the market are told these.
"""

import msgspec

from trading.core.types import (
    Direction,
    Offset,
    OrderStatus,
    OrderType,
    StopKind,
    TimeCondition,
    Trigger,
)
from trading.protocol.envelope import Outgoing


class Trade(Outgoing, frozen=True, tag="trade"):
    """`is_maker` is left out in an auction, which has neither maker nor taker."""

    trade_id: str
    order_id: str
    instrument_id: str
    direction: Direction
    offset: Offset
    price: float
    volume: float
    timestamp: int
    seq: int | None = None
    commission: float | None = None
    is_maker: bool | None = None
    market: str | None = None
    market_seq: int | None = None


CancelWord = str
"""A `CancelReason`; or NO_TRADE in place of UNFILLED, where what may not rest has found nothing at all."""


class TradeBroken(Outgoing, frozen=True, tag="trade_broken"):
    """A trade was taken back. `commission`: given back; `close_profit`: taken back."""

    trade_id: str
    order_id: str
    instrument_id: str
    direction: Direction
    offset: Offset
    price: float
    volume: float
    commission: float
    close_profit: float
    timestamp: int
    seq: int
    market: str | None = None
    market_seq: int | None = None


class OrderStatusFrame(Outgoing, frozen=True, tag="order_status"):
    """`price`, `volume`: of a new order or after an amendment; from `instrument_id` to `reduce_only`, and from
    `stop_price` on: of a new order; `average_price`: of all its trades, after one. `reason` and the error: why it was
    cancelled, unless its owner asked."""

    order_id: str
    status: OrderStatus
    filled_volume: float
    remaining_volume: float
    timestamp: int
    seq: int | None = None
    price: float | None = None
    volume: float | None = None
    reason: CancelWord | None = None
    error_code: int | None = None
    error_message: str | None = None
    instrument_id: str | None = None
    direction: Direction | None = None
    offset: Offset | None = None
    order_type: OrderType | None = None
    client_order_id: str | None = None
    time_condition: TimeCondition | None = None
    post_only: bool = False
    reduce_only: bool = False
    average_price: float | None = None
    market: str | None = None
    market_seq: int | None = None
    stop_price: float | None = None
    stop_kind: StopKind | None = None
    trigger: Trigger | None = None
    trail: float | None = None
    price_levels: int | None = None


class AccountUpdate(Outgoing, frozen=True, tag="account_update"):
    balance: float
    available: float
    frozen: float
    margin: float
    profit: float
    risk_ratio: float
    timestamp: int
    seq: int | None = None
    market: str | None = None
    market_seq: int | None = None


class Portfolio(Outgoing, frozen=True, tag="portfolio"):
    """The account at the present prices, for who follows the channel of this name; never numbered."""

    balance: float
    available: float
    frozen: float
    margin: float
    profit: float
    position_profit: float
    risk_ratio: float
    timestamp: int


class RiskWarning(Outgoing, frozen=True, tag="risk_warning"):
    risk_ratio: float
    margin: float
    balance: float
    timestamp: int
    seq: int
    market: str | None = None
    market_seq: int | None = None


class Liquidation(Outgoing, frozen=True, tag="liquidation"):
    """`status`: STARTED or ENDED."""

    status: str
    risk_ratio: float
    margin: float
    balance: float
    timestamp: int
    seq: int
    market: str | None = None
    market_seq: int | None = None


class PositionExpired(Outgoing, frozen=True, tag="position_expired"):
    instrument_id: str
    volume_long: float
    volume_short: float
    price: float
    close_profit: float
    timestamp: int
    seq: int
    market: str | None = None
    market_seq: int | None = None


class StatementPosition(msgspec.Struct, frozen=True, gc=False):
    instrument_id: str
    volume_long: float
    volume_short: float
    price: float
    margin: float


class Statement(Outgoing, frozen=True, tag="statement"):
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
    market: str | None = None
    market_seq: int | None = None
