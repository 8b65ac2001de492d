"""Answers to queries: what the selectors read, in the protocol's words. Blocks on the database."""

from trading import protocol, selectors
from trading.core.codes import Code
from trading.core.money import to_currency
from trading.core.risk import Leg, Position
from trading.core.types import Direction, Offset, OrderStatus, OrderType, TimeCondition
from trading.models import Order

Query = protocol.QueryAccount | protocol.QueryPosition | protocol.QueryOrder
NO_ACCOUNT = (Code.ACCOUNT_NOT_FOUND, Code.ACCOUNT_NOT_FOUND.text)


def answer(user_id: str, query: Query) -> protocol.QueryResponse | protocol.Error:
    """The answer to a query of an authenticated user, or the error that refuses it."""
    match query:
        case protocol.QueryAccount():
            return _account(user_id, query)
        case protocol.QueryPosition():
            return _positions(user_id, query)
        case protocol.QueryOrder():
            return _order(user_id, query)


def _response(name: str, data: protocol.QueryData, query: Query) -> protocol.QueryResponse:
    return protocol.QueryResponse(request_type=name, data=data, request_id=query.request_id)


def _refusal(query: Query, code: Code, detail: str) -> protocol.Error:
    return protocol.Error(code=code, message=detail, request_id=query.request_id)


def _account(user_id: str, query: protocol.QueryAccount) -> protocol.QueryResponse | protocol.Error:
    view = selectors.account_view(user_id=user_id)
    if view is None:
        return _refusal(query, *NO_ACCOUNT)
    return _response("query_account", protocol.QueryData(account=account_data(view)), query)


def account_data(view: selectors.AccountView) -> protocol.AccountData:
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


def _positions(user_id: str, query: protocol.QueryPosition) -> protocol.QueryResponse | protocol.Error:
    wanted = query.instrument_id
    if wanted is not None and selectors.unknown_instruments(names=[wanted]):
        return _refusal(query, Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {wanted}")
    views = selectors.position_views(user_id=user_id, instrument_id=wanted)
    if views is None:
        return _refusal(query, *NO_ACCOUNT)
    return _response("query_position", protocol.QueryData(positions=[position_data(view) for view in views]), query)


def position_data(view: selectors.PositionView) -> protocol.PositionData:
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
        last_price=None if view.last_price is None else to_currency(view.last_price),
    )


def _average(cost: int, leg: Leg, multiplier: int) -> float | None:
    return None if leg.flat else round(to_currency(cost) / (leg.lots * multiplier), 6)


def _order(user_id: str, query: protocol.QueryOrder) -> protocol.QueryResponse | protocol.Error:
    number = protocol.order_number(query.order_id)
    row = None if number is None else selectors.order(user_id=user_id, number=number)
    if row is None:
        return _refusal(query, Code.ORDER_NOT_FOUND, Code.ORDER_NOT_FOUND.text)
    return _response("query_order", protocol.QueryData(order=order_data(row)), query)


def order_data(row: Order) -> protocol.OrderData:
    return protocol.OrderData(
        user_id=row.account.user_id,
        order_id=protocol.order_id_text(row.id),
        instrument_id=row.instrument_id,
        direction=Direction(row.direction),
        offset=Offset(row.offset),
        volume=float(row.volume),
        price=None if row.price is None else to_currency(row.price),
        order_type=OrderType(row.order_type),
        time_condition=TimeCondition(row.time_condition),
        status=OrderStatus(row.status),
        filled_volume=float(row.filled),
        remaining_volume=float(row.volume - row.filled),
        timestamp=row.updated_at,
        client_order_id=row.client_order_id,
    )
