"""Rows of the database in the protocol's words. `protocol/from_events.py` is the same for what the engine tells."""

from collections.abc import Sequence

import msgspec

from trading import protocol
from trading.core import events
from trading.core.accounts import Leg, Position
from trading.core.money import RATE, known_currency, to_currency
from trading.core.types import PLAIN, CancelReason, Direction, Offset, OrderStatus, OrderType, Phase, TimeCondition
from trading.models import Instrument, Order, Statement, Trade
from trading.reads import histories, holdings
from trading.storage.mapping import ORDER_OPTIONS


def account_data(view: holdings.AccountView) -> protocol.AccountData:
    figures = view.figures
    return protocol.AccountData(
        user_id=view.user_id,
        balance=to_currency(figures.balance),
        available=to_currency(figures.available),
        frozen=to_currency(figures.frozen),
        margin=to_currency(figures.margin),
        profit=to_currency(figures.profit),
        risk_ratio=figures.risk_ratio,
        static_balance=to_currency(figures.static_balance),
        pre_balance=to_currency(view.pre_balance),
        deposit=to_currency(view.deposits),
        withdraw=to_currency(view.withdrawals),
        close_profit=to_currency(figures.close_profit),
        position_profit=to_currency(figures.position_profit),
        float_profit=to_currency(view.float_profit),
        commission=to_currency(figures.commission),
        frozen_orders=to_currency(figures.hold),
        withdrawable=to_currency(max(0, figures.withdrawable)),
    )


def position_data(view: holdings.PositionView) -> protocol.PositionData:
    position: Position = view.position
    long, short = position.long, position.short
    return protocol.PositionData(
        user_id=view.user_id,
        instrument_id=position.instrument_id,
        volume_long=float(long.lots),
        volume_long_today=float(long.today),
        volume_long_his=float(long.his),
        volume_long_frozen_today=float(long.today_frozen),
        volume_long_frozen_his=float(long.his_frozen),
        volume_short=float(short.lots),
        volume_short_today=float(short.today),
        volume_short_his=float(short.his),
        volume_short_frozen_today=float(short.today_frozen),
        volume_short_frozen_his=float(short.his_frozen),
        open_price_long=_average(long.open_cost, long, view.multiplier),
        open_price_short=_average(short.open_cost, short, view.multiplier),
        open_cost_long=to_currency(long.open_cost),
        open_cost_short=to_currency(short.open_cost),
        position_price_long=_average(long.cost, long, view.multiplier),
        position_price_short=_average(short.cost, short, view.multiplier),
        position_cost_long=to_currency(long.cost),
        position_cost_short=to_currency(short.cost),
        float_profit_long=to_currency(position.leg_float_profit(True)),
        float_profit_short=to_currency(position.leg_float_profit(False)),
        float_profit=to_currency(position.float_profit),
        position_profit_long=to_currency(position.leg_profit(True)),
        position_profit_short=to_currency(position.leg_profit(False)),
        position_profit=to_currency(position.profit),
        margin_long=to_currency(long.margin),
        margin_short=to_currency(short.margin),
        margin=to_currency(long.margin + short.margin),
        last_price=known_currency(view.last_price),
        lots=None if view.lots is None else [_lot_data(lot, view) for lot in view.lots],
    )


def _lot_data(lot: holdings.LotView, view: holdings.PositionView) -> protocol.LotData:
    return protocol.LotData(
        direction=lot.direction,
        volume=float(lot.lots),
        open_price=round(to_currency(lot.cost) / (lot.lots * view.multiplier), 6),
        open_time=lot.time,
        today=lot.today,
    )


def _average(cost: int, leg: Leg, multiplier: int) -> float | None:
    return None if leg.flat else round(to_currency(cost) / (leg.lots * multiplier), 6)


def order_data(row: Order, user_id: str | None = None) -> protocol.OrderData:
    """`user_id`: whose it is, where that is known."""
    options = PLAIN if row.options is None else ORDER_OPTIONS.decode(row.options)
    return protocol.OrderData(
        user_id=row.account.user_id if user_id is None else user_id,
        order_id=protocol.order_id_text(row.id),
        instrument_id=row.instrument_id,
        direction=Direction(row.direction),
        offset=Offset(row.offset),
        volume=float(row.volume),
        price=known_currency(row.price),
        order_type=OrderType(row.order_type),
        time_condition=TimeCondition(row.time_condition),
        status=OrderStatus(row.status),
        filled_volume=float(row.filled),
        remaining_volume=float(row.volume - row.filled),
        timestamp=row.changed_at,
        client_order_id=row.client_order_id,
        average_price=protocol.average_price(row.price_sum, row.filled),
        expires_at=options.expires_at,
        valid_until=options.valid_until,
        post_only=options.post_only,
        reduce_only=options.reduce_only,
        display_volume=None if options.display_volume is None else float(options.display_volume),
        stop_price=known_currency(options.stop_price),
        stop_kind=options.stop_kind if options.waits else None,
        trigger=options.trigger if options.waits else None,
        trail=known_currency(options.trail),
        current_stop=known_currency(row.stop) if row.status == OrderStatus.WAITING else None,
        oco_group=options.oco_group,
        stp=options.stp,
        price_levels=options.price_levels,
        forced=row.forced,
        reason=protocol.told_reason(
            CancelReason(row.cancel_reason) if row.cancel_reason else None, row.filled, row.cancel_code
        ),
        error_code=row.cancel_code,
    )


def trades_data(rows: Sequence[Trade]) -> list[protocol.TradeData]:
    """Of an account, as they are now."""
    broken = histories.broken(rows)
    return [trade_data(row, row.trade_id in broken) for row in rows]


def trade_data(row: Trade, broken: bool = False) -> protocol.TradeData:
    return protocol.TradeData(
        trade_id=protocol.trade_id_text(row.trade_id),
        order_id=protocol.order_id_text(row.order_id),
        instrument_id=row.instrument_id,
        direction=Direction(row.direction),
        offset=Offset(row.offset),
        price=to_currency(row.price),
        volume=float(row.volume),
        timestamp=row.time,
        is_maker=row.is_maker,
        commission=to_currency(row.commission),
        close_profit=to_currency(row.close_profit),
        broken=broken,
    )


def statement_of(row: Statement) -> events.Statement:
    return events.Statement(
        account_id=row.account_id,
        day=row.day,
        opening=row.opening,
        deposits=row.deposits,
        withdrawals=row.withdrawals,
        close_profit=row.close_profit,
        position_profit=row.position_profit,
        commission=row.commission,
        closing=row.closing,
        margin=row.margin,
        positions=msgspec.convert(row.positions, list[events.StatementLine]),
        time=row.time,
    )


def instrument_data(row: Instrument, hours: protocol.TradingHoursData | msgspec.UnsetType) -> protocol.InstrumentData:
    """`hours`: those of its market."""
    return protocol.InstrumentData(
        instrument_id=row.instrument_id,
        name=row.name,
        product_id=row.product_id,
        tick=to_currency(row.tick),
        multiplier=row.multiplier,
        limit_up=known_currency(row.limit_up),
        limit_down=known_currency(row.limit_down),
        margin_rate_long=row.margin_long / RATE,
        margin_rate_short=row.margin_short / RATE,
        fee_open=_fee(row.fee_open_per_lot, row.fee_open_rate),
        fee_close=_fee(row.fee_close_per_lot, row.fee_close_rate),
        fee_close_today=_fee(row.fee_close_today_per_lot, row.fee_close_today_rate),
        min_volume=row.min_volume,
        max_volume=row.max_volume,
        max_position=row.max_position or None,
        max_orders=row.max_orders or None,
        larger_side=row.larger_side,
        last_day=row.last_day or None,
        phase=Phase(row.phase),
        settlement_price=to_currency(row.settlement),
        last_price=known_currency(row.last_price),
        trading_hours=hours,
    )


def _fee(per_lot: int, rate: int) -> protocol.FeeData:
    return protocol.FeeData(to_currency(per_lot), rate / RATE)
