"""From the engine's events to the frames that tell them. Prices and money come in 1/10,000, volumes in lots."""

from collections.abc import Iterable

from msgspec.structs import replace

from trading.core import events
from trading.core.events import (
    Fill,
    InstrumentListed,
    InstrumentSettled,
    LiquidationEnded,
    LiquidationStarted,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderFired,
    OrderWaiting,
    RiskWarned,
    TermsChanged,
    Traded,
)
from trading.core.money import known_currency, to_currency
from trading.core.orders import Order
from trading.core.types import CancelReason, Direction, Figures, OrderOptions, OrderStatus, Phase, risk_ratio
from trading.protocol.ids import order_id_text, trade_id_text
from trading.protocol.market_data import (
    BookLevel,
    InstrumentState,
    InstrumentStatus,
    InstrumentWord,
    OrderBook,
    OrderBookDelta,
    StatisticsData,
    Ticker,
)
from trading.protocol.pushes import (
    AccountUpdate,
    CancelWord,
    Liquidation,
    OrderStatusFrame,
    Portfolio,
    PositionExpired,
    RiskWarning,
    Statement,
    StatementPosition,
    Trade,
    TradeBroken,
)

NO_TRADE = "NO_TRADE"
# Looked up once: see "What helped" in docs/performance.md.
WAITING, SUBMITTED, CANCELLED = OrderStatus.WAITING, OrderStatus.SUBMITTED, OrderStatus.CANCELLED
Levels = Iterable[tuple[int, int, int]]

# --- orders and trades


def begun(event: OrderAccepted | OrderWaiting, order: Order, seq: int) -> OrderStatusFrame:
    """The first state of an order, with what it is: other connections of its user hear of it for the first time."""
    contract, price, volume = order.instrument.contract, order.price, float(event.volume)
    frame = OrderStatusFrame(
        order_id_text(event.order_id),
        WAITING if type(event) is OrderWaiting else SUBMITTED,
        0.0,
        volume,
        event.time,
        seq,
        to_currency(price * contract.tick) if price else None,
        volume,
        instrument_id=contract.instrument_id,
        direction=order.direction,
        offset=order.offset,
        order_type=order.order_type,
        client_order_id=order.client_order_id,
        time_condition=order.time_condition,
    )
    return frame if order.options is None else _with_options(frame, order.options)


def _with_options(frame: OrderStatusFrame, options: OrderOptions) -> OrderStatusFrame:
    waits = options.waits
    return replace(
        frame,
        post_only=options.post_only,
        reduce_only=options.reduce_only,
        stop_price=known_currency(options.stop_price),
        stop_kind=options.stop_kind if waits else None,
        trigger=options.trigger if waits else None,
        trail=known_currency(options.trail),
        price_levels=options.price_levels,
    )


def fired(event: OrderFired, seq: int) -> OrderStatusFrame:
    """An order that waited is now one like any other."""
    return OrderStatusFrame(
        order_id=order_id_text(event.order_id),
        status=OrderStatus.SUBMITTED,
        filled_volume=0.0,
        remaining_volume=float(event.volume),
        timestamp=event.time,
        seq=seq,
    )


def amended(event: OrderAmended, seq: int) -> OrderStatusFrame:
    """The state of an order with its new price (a MARKET order that waits has none) and volume."""
    return OrderStatusFrame(
        order_id=order_id_text(event.order_id),
        status=event.status,
        filled_volume=float(event.filled),
        remaining_volume=float(event.remaining),
        timestamp=event.time,
        seq=seq,
        price=to_currency(event.price) if event.price else None,
        volume=float(event.volume),
    )


def cancelled(event: OrderCancelled, seq: int) -> OrderStatusFrame:
    """The last state of an order that was not filled."""
    return OrderStatusFrame(
        order_id=order_id_text(event.order_id),
        status=CANCELLED,
        filled_volume=float(event.filled),
        remaining_volume=float(event.remaining),
        timestamp=event.time,
        seq=seq,
        reason=told_reason(event.reason, event.filled, event.code),
        error_code=event.code,
        error_message=event.detail or None,
    )


def told_reason(reason: CancelReason | None, filled: int, code: int | None) -> CancelWord | None:
    """Why an order was cancelled, unless its owner asked for it. `filled`: lots that had traded; `code`: of the rule
    that has taken it."""
    if reason is CancelReason.UNFILLED and not filled and code is None:
        return NO_TRADE
    return None if reason is CancelReason.ASKED else reason


def trade(event: Traded, fill: Fill, seq: int) -> Trade:
    """A trade as one of its two sides sees it."""
    return Trade(
        trade_id_text(event.trade_id),
        order_id_text(fill.order_id),
        event.instrument_id,
        fill.direction,
        fill.offset,
        to_currency(event.price),
        float(event.volume),
        event.time,
        seq,
        to_currency(fill.commission),
        None if event.auction else fill is event.maker,
    )


def trade_broken(event: events.TradeBroken, is_buyer: bool, seq: int) -> TradeBroken:
    """A trade that was taken back, as one of its two sides sees it."""
    side = event.buyer if is_buyer else event.seller
    return TradeBroken(
        trade_id=trade_id_text(event.trade_id),
        order_id=order_id_text(side.order_id),
        instrument_id=event.instrument_id,
        direction=Direction.BUY if is_buyer else Direction.SELL,
        offset=side.offset,
        price=to_currency(event.price),
        volume=float(event.volume),
        commission=to_currency(side.commission),
        close_profit=to_currency(side.close_profit),
        timestamp=event.time,
        seq=seq,
    )


def filled(event: Traded, fill: Fill, seq: int) -> OrderStatusFrame:
    """The state of an order after a trade."""
    return OrderStatusFrame(
        order_id_text(fill.order_id),
        fill.status,
        float(fill.filled),
        float(fill.remaining),
        event.time,
        seq,
        average_price=average_price(fill.price_sum, fill.filled),
    )


def average_price(price_sum: int | None, lots: int) -> float | None:
    """Of the trades of an order; None where there are none, or their sum is not known."""
    return round(to_currency(price_sum) / lots, 6) if price_sum is not None and lots else None


# --- money and risk


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


def portfolio(figures: Figures, time: int) -> Portfolio:
    """The money of an account after prices have moved."""
    return Portfolio(
        balance=to_currency(figures.balance),
        available=to_currency(figures.available),
        frozen=to_currency(figures.frozen),
        margin=to_currency(figures.margin),
        profit=to_currency(figures.profit),
        position_profit=to_currency(figures.position_profit),
        risk_ratio=figures.risk_ratio,
        timestamp=time,
    )


def risk_warning(event: RiskWarned, seq: int) -> RiskWarning:
    """The account comes near to its liquidation."""
    return RiskWarning(
        risk_ratio=risk_ratio(event.margin, event.balance),
        margin=to_currency(event.margin),
        balance=to_currency(event.balance),
        timestamp=event.time,
        seq=seq,
    )


def liquidation(event: LiquidationStarted | LiquidationEnded, seq: int) -> Liquidation:
    """The exchange begins or ends to close the account's positions."""
    return Liquidation(
        status="STARTED" if isinstance(event, LiquidationStarted) else "ENDED",
        risk_ratio=risk_ratio(event.margin, event.balance),
        margin=to_currency(event.margin),
        balance=to_currency(event.balance),
        timestamp=event.time,
        seq=seq,
    )


def position_expired(event: events.PositionExpired, seq: int) -> PositionExpired:
    """A position was closed at the last settlement price of its instrument."""
    return PositionExpired(
        instrument_id=event.instrument_id,
        volume_long=float(event.long),
        volume_short=float(event.short),
        price=to_currency(event.price),
        close_profit=to_currency(event.close_profit),
        timestamp=event.time,
        seq=seq,
    )


def statement(event: events.Statement, seq: int | None = None) -> Statement:
    """An account's trading day."""
    return Statement(
        day=event.day,
        opening=to_currency(event.opening),
        deposits=to_currency(event.deposits),
        withdrawals=to_currency(event.withdrawals),
        close_profit=to_currency(event.close_profit),
        position_profit=to_currency(event.position_profit),
        commission=to_currency(event.commission),
        closing=to_currency(event.closing),
        margin=to_currency(event.margin),
        positions=[
            StatementPosition(
                line.instrument_id,
                float(line.long),
                float(line.short),
                to_currency(line.price),
                to_currency(line.margin),
            )
            for line in event.positions
        ],
        timestamp=event.time,
        seq=seq,
    )


# --- market data


def orderbook(
    instrument_id: str,
    bids: Levels,
    asks: Levels,
    time: int,
    phase: Phase | None = None,
    indicative: tuple[int, int] | None = None,
) -> OrderBook:
    """A book. Levels are (price, volume, order count), best first. `indicative`: price and volume that an auction would
    trade."""
    price, volume = indicative or (None, None)
    return OrderBook(
        instrument_id=instrument_id,
        bids=_levels(bids),
        asks=_levels(asks),
        timestamp=time,
        phase=None if phase is Phase.CONTINUOUS else phase,
        indicative_price=known_currency(price),
        indicative_volume=None if volume is None else float(volume),
    )


def _levels(levels: Levels) -> list[BookLevel]:
    return [BookLevel(to_currency(price), float(volume), count) for price, volume, count in levels]


def orderbook_delta(
    instrument_id: str,
    bids: Levels,
    asks: Levels,
    time: int,
    seq: int,
    prev_seq: int | None,
    phase: Phase | None = None,
    indicative: tuple[int, int] | None = None,
) -> OrderBookDelta:
    """Levels that have changed since the frame before, or with `prev_seq` None the whole book."""
    price, volume = indicative or (None, None)
    return OrderBookDelta(
        instrument_id=instrument_id,
        seq=seq,
        prev_seq=prev_seq,
        bids=_levels(bids),
        asks=_levels(asks),
        timestamp=time,
        phase=None if phase is Phase.CONTINUOUS else phase,
        indicative_price=known_currency(price),
        indicative_volume=None if volume is None else float(volume),
    )


def ticker(
    instrument_id: str,
    price: int,
    volume: int,
    time: int,
    direction: Direction | None = None,
    day: StatisticsData | None = None,
) -> Ticker:
    """A trade as the public sees it."""
    return Ticker(
        instrument_id=instrument_id,
        last_price=to_currency(price),
        volume=float(volume),
        timestamp=time,
        direction=direction,
        day=day,
    )


def instrument_state(event: InstrumentListed | TermsChanged | InstrumentSettled, time: int) -> InstrumentState:
    """What is told of an instrument is not what it was."""
    match event:
        case InstrumentListed():
            state: InstrumentWord = "listed"
        case TermsChanged():
            state = "changed"
        case InstrumentSettled():
            state = "delisted" if event.delisted else "settled"
    return InstrumentState(instrument_id=event.instrument_id, state=state, timestamp=time)


def instrument_status(instrument_id: str, phase: Phase, time: int) -> InstrumentStatus:
    """An instrument is in another phase of trading."""
    return InstrumentStatus(instrument_id=instrument_id, phase=phase, timestamp=time)
