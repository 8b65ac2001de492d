"""Answers to queries: what the selectors read, in the protocol's words. Blocks on the database."""

from collections.abc import Callable, Sequence

import msgspec

from trading import protocol
from trading.core import events
from trading.core.accounts import Leg, Position
from trading.core.codes import Code
from trading.core.money import RATE, known_currency, to_currency
from trading.core.types import (
    LIVE,
    PLAIN,
    CancelReason,
    Direction,
    Offset,
    OrderStatus,
    OrderType,
    Phase,
    TimeCondition,
)
from trading.models import Instrument, Order, Statement, Trade
from trading.reads import selectors
from trading.reads.hours import trading_hours
from trading.storage.mapping import ORDER_OPTIONS

LIVE_WORDS = ("LIVE", *LIVE)
"""States of orders that are never archived."""
NO_ACCOUNT = (Code.ACCOUNT_NOT_FOUND, Code.ACCOUNT_NOT_FOUND.text)


class _Refusal(Exception):
    """The query has no answer."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Asker(msgspec.Struct, frozen=True):
    """An authenticated user, and the market that they ask about."""

    user_id: str
    market: str


def answer(asker: Asker, query: protocol.PrivateQuery) -> protocol.QueryResponse | protocol.Error:
    """The answer to a query of an authenticated user, or the error that refuses it."""
    return answer_with(query, lambda: _private(asker, query))


def public_answer(query: protocol.QueryInstruments, *, market: str) -> protocol.QueryResponse | protocol.Error:
    """The answer to a query of anybody, or the error that refuses it."""
    return answer_with(query, lambda: _instruments(query, market))


def answer_with(
    query: protocol.Query, find: Callable[[], protocol.QueryData]
) -> protocol.QueryResponse | protocol.Error:
    """What `find` gives, as the answer to a query, or the error that it raises."""
    try:
        data = find()
    except _Refusal as refusal:
        return protocol.Error(code=refusal.code, message=refusal.detail, request_id=query.request_id)
    name = str(query.__struct_config__.tag)
    return protocol.QueryResponse(request_type=name, data=data, request_id=query.request_id)


def _private(asker: Asker, query: protocol.PrivateQuery) -> protocol.QueryData:
    match query:
        case protocol.QueryAccount():
            return _account(asker)
        case protocol.QueryPosition():
            return _positions(asker, query)
        case protocol.QueryOrder():
            return _order(asker, query)
        case protocol.QueryOrders():
            return _orders(asker, query)
        case protocol.QueryTrades():
            return _trades(asker, query)
        case protocol.QueryStatements():
            return _statements(asker, query)


def _account_id(asker: Asker) -> int:
    account_id = selectors.account_id(user_id=asker.user_id, market=asker.market)
    if account_id is None:
        raise _Refusal(*NO_ACCOUNT)
    return account_id


def known(instrument_id: str | None, market: str) -> str | None:
    """An instrument that somebody asked for, if they did. Refused where it is not listed at the market."""
    if instrument_id is not None and selectors.unknown_instruments(names=[instrument_id], market=market):
        raise _Refusal(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {instrument_id}")
    return instrument_id


# --- money and positions


def _account(asker: Asker) -> protocol.QueryData:
    view = selectors.account_view(user_id=asker.user_id, market=asker.market)
    if view is None:
        raise _Refusal(*NO_ACCOUNT)
    return protocol.QueryData(account=account_data(view))


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


def _positions(asker: Asker, query: protocol.QueryPosition) -> protocol.QueryData:
    wanted = known(query.instrument_id, asker.market)
    views = selectors.position_views(
        user_id=asker.user_id, market=asker.market, instrument_id=wanted, with_lots=bool(query.lots)
    )
    if views is None:
        raise _Refusal(*NO_ACCOUNT)
    return protocol.QueryData(positions=[position_data(view) for view in views])


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
        last_price=known_currency(view.last_price),
        lots=None if view.lots is None else [_lot_data(lot, view) for lot in view.lots],
    )


def _lot_data(lot: selectors.LotView, view: selectors.PositionView) -> protocol.LotData:
    return protocol.LotData(
        direction=lot.direction,
        volume=float(lot.lots),
        open_price=round(to_currency(lot.cost) / (lot.lots * view.multiplier), 6),
        open_time=lot.time,
        today=lot.today,
    )


def _average(cost: int, leg: Leg, multiplier: int) -> float | None:
    return None if leg.flat else round(to_currency(cost) / (leg.lots * multiplier), 6)


# --- orders


def _order(asker: Asker, query: protocol.QueryOrder) -> protocol.QueryData:
    number = protocol.order_number(query.order_id)
    row = None if number is None else selectors.order(user_id=asker.user_id, market=asker.market, number=number)
    if row is None:
        raise _Refusal(Code.ORDER_NOT_FOUND, _not_found(number, asker.market))
    return protocol.QueryData(order=order_data(row))


def _not_found(number: int | None, market: str) -> str:
    archived = None if number is None else selectors.archived(market=market)
    if number is None or archived is None or not archived.may_have(number):
        return Code.ORDER_NOT_FOUND.text
    return f"{Code.ORDER_NOT_FOUND.text}: finished orders of the days up to {archived.day} are in the archive"


def _archived_until(query: protocol.QueryOrders | protocol.QueryTrades, market: str, rest: int | None) -> int | None:
    """Before which moment (Unix ms) there may be more, in the archive; None where that was not asked for, or more
    follows from the tables."""
    if rest is not None or (isinstance(query, protocol.QueryOrders) and query.status in LIVE_WORDS):
        return None
    archived = selectors.archived(market=market)
    if archived is None or (query.from_time is not None and query.from_time >= archived.until):
        return None
    return archived.until


def _orders(asker: Asker, query: protocol.QueryOrders) -> protocol.QueryData:
    before = _number(query.before, "before", protocol.order_number)
    found, rest = selectors.orders(
        account_id=_account_id(asker),
        instrument_id=known(query.instrument_id, asker.market),
        statuses=_statuses(query.status),
        span=_span(query, before),
    )
    following = None if rest is None else protocol.order_id_text(rest)
    archived = _archived_until(query, asker.market, rest)
    return protocol.QueryData(orders=[order_data(row) for row in found], next=following, archived_until=archived)


def _statuses(wanted: protocol.StatusFilter | None) -> Sequence[str] | None:
    if wanted is None:
        return None
    return LIVE if wanted == "LIVE" else (wanted,)


def _span(query: protocol.QueryOrders | protocol.QueryTrades, before: int | None) -> selectors.Span:
    return selectors.Span(query.from_time, query.to_time, before, query.limit)


def _number(text: str | None, name: str, read: Callable[[str], int | None]) -> int | None:
    """The number in an id, if there is one."""
    number = None if text is None else read(text)
    if text is not None and number is None:
        raise _Refusal(Code.MALFORMED, f"{Code.MALFORMED.text}: {name} is no id that the exchange has given")
    return number


def is_unknown(event: events.Event) -> bool:
    """Whether the engine knows no such live order."""
    return type(event) is events.Refused and event.code is Code.ORDER_NOT_FOUND


def outcomes(
    accounts: Sequence[int], items: Sequence[protocol.Item], told: Sequence[events.Event]
) -> list[protocol.Outcome]:
    """What became of each item of the owner of some accounts. The engine knows live orders only; the rows tell own
    orders that are finished from
    those that never were."""
    numbers = [_number_of(item) for item in items]
    finished = selectors.finished_orders(
        accounts=accounts, numbers=[number for number in numbers if number is not None]
    )
    return [
        _finished(*finished[number]) if number in finished and is_unknown(event) else event
        for number, event in zip(numbers, told, strict=True)
    ]


def _number_of(item: protocol.Item) -> int | None:
    """The order that an item speaks of, if it is one that was placed before."""
    return (
        protocol.order_number(item.order_id) if isinstance(item, protocol.AmendOrder | protocol.CancelOrder) else None
    )


def _finished(status: str, filled: int) -> protocol.Finished:
    return protocol.Finished(OrderStatus(status), filled)


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


# --- trades and statements


def _trades(asker: Asker, query: protocol.QueryTrades) -> protocol.QueryData:
    before = _number(query.before, "before", protocol.trade_number)
    found, rest = selectors.trades(
        account_id=_account_id(asker),
        instrument_id=known(query.instrument_id, asker.market),
        order_number=_number(query.order_id, "order_id", protocol.order_number),
        span=_span(query, before),
    )
    following = None if rest is None else protocol.trade_id_text(rest)
    archived = _archived_until(query, asker.market, rest)
    return protocol.QueryData(trades=trades_data(found), next=following, archived_until=archived)


def trades_data(rows: Sequence[Trade]) -> list[protocol.TradeData]:
    """Of an account, as they are now."""
    broken = selectors.broken(rows)
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


def _statements(asker: Asker, query: protocol.QueryStatements) -> protocol.QueryData:
    found = selectors.statements(
        account_id=_account_id(asker), from_day=query.from_day, to_day=query.to_day, limit=query.limit
    )
    return protocol.QueryData(statements=[protocol.statement(statement_of(row)) for row in found])


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


# --- instruments


def _instruments(query: protocol.QueryInstruments, market: str) -> protocol.QueryData:
    rows = selectors.instrument_list(market=market, instrument_id=known(query.instrument_id, market))
    hours = trading_hours(market)
    return protocol.QueryData(instruments=[instrument_data(row, hours) for row in rows])


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
