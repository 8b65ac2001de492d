"""Answers to queries: what this room reads, in the protocol's words. Blocks on the database."""

from collections.abc import Callable, Sequence

import msgspec

from trading import protocol
from trading.core import events
from trading.core.codes import Code
from trading.core.types import LIVE, OrderStatus
from trading.reads import from_rows, histories, holdings, identities
from trading.reads.hours import trading_hours
from trading.reads.instruments import instrument_list, unknown_instruments

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
    account_id = identities.account_id(user_id=asker.user_id, market=asker.market)
    if account_id is None:
        raise _Refusal(*NO_ACCOUNT)
    return account_id


def known(instrument_id: str | None, market: str) -> str | None:
    """An instrument that somebody asked for, if they did. Refused where it is not listed at the market."""
    if instrument_id is not None and unknown_instruments(names=[instrument_id], market=market):
        raise _Refusal(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {instrument_id}")
    return instrument_id


# --- money and positions


def _account(asker: Asker) -> protocol.QueryData:
    view = holdings.account_view(user_id=asker.user_id, market=asker.market)
    if view is None:
        raise _Refusal(*NO_ACCOUNT)
    return protocol.QueryData(account=from_rows.account_data(view))


def _positions(asker: Asker, query: protocol.QueryPosition) -> protocol.QueryData:
    wanted = known(query.instrument_id, asker.market)
    views = holdings.position_views(
        user_id=asker.user_id, market=asker.market, instrument_id=wanted, with_lots=bool(query.lots)
    )
    if views is None:
        raise _Refusal(*NO_ACCOUNT)
    return protocol.QueryData(positions=[from_rows.position_data(view) for view in views])


# --- orders


def _order(asker: Asker, query: protocol.QueryOrder) -> protocol.QueryData:
    number = protocol.order_number(query.order_id)
    row = None if number is None else histories.order(user_id=asker.user_id, market=asker.market, number=number)
    if row is None:
        raise _Refusal(Code.ORDER_NOT_FOUND, _not_found(number, asker.market))
    return protocol.QueryData(order=from_rows.order_data(row))


def _not_found(number: int | None, market: str) -> str:
    archived = None if number is None else histories.archived(market=market)
    if number is None or archived is None or not archived.may_have(number):
        return Code.ORDER_NOT_FOUND.text
    return f"{Code.ORDER_NOT_FOUND.text}: finished orders of the days up to {archived.day} are in the archive"


def _archived_until(query: protocol.QueryOrders | protocol.QueryTrades, market: str, rest: int | None) -> int | None:
    """Before which moment (Unix ms) there may be more, in the archive; None where that was not asked for, or more
    follows from the tables."""
    if rest is not None or (isinstance(query, protocol.QueryOrders) and query.status in LIVE_WORDS):
        return None
    archived = histories.archived(market=market)
    if archived is None or (query.from_time is not None and query.from_time >= archived.until):
        return None
    return archived.until


def _orders(asker: Asker, query: protocol.QueryOrders) -> protocol.QueryData:
    before = _number(query.before, "before", protocol.order_number)
    found, rest = histories.orders(
        account_id=_account_id(asker),
        instrument_id=known(query.instrument_id, asker.market),
        statuses=_statuses(query.status),
        span=_span(query, before),
    )
    following = None if rest is None else protocol.order_id_text(rest)
    archived = _archived_until(query, asker.market, rest)
    return protocol.QueryData(
        orders=[from_rows.order_data(row) for row in found], next=following, archived_until=archived
    )


def _statuses(wanted: protocol.StatusFilter | None) -> Sequence[str] | None:
    if wanted is None:
        return None
    return LIVE if wanted == "LIVE" else (wanted,)


def _span(query: protocol.QueryOrders | protocol.QueryTrades, before: int | None) -> histories.Span:
    return histories.Span(query.from_time, query.to_time, before, query.limit)


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
    orders that are finished from those that never were."""
    numbers = [_number_of(item) for item in items]
    finished = histories.finished_orders(
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


# --- trades and statements


def _trades(asker: Asker, query: protocol.QueryTrades) -> protocol.QueryData:
    before = _number(query.before, "before", protocol.trade_number)
    found, rest = histories.trades(
        account_id=_account_id(asker),
        instrument_id=known(query.instrument_id, asker.market),
        order_number=_number(query.order_id, "order_id", protocol.order_number),
        span=_span(query, before),
    )
    following = None if rest is None else protocol.trade_id_text(rest)
    archived = _archived_until(query, asker.market, rest)
    return protocol.QueryData(trades=from_rows.trades_data(found), next=following, archived_until=archived)


def _statements(asker: Asker, query: protocol.QueryStatements) -> protocol.QueryData:
    found = histories.statements(
        account_id=_account_id(asker), from_day=query.from_day, to_day=query.to_day, limit=query.limit
    )
    return protocol.QueryData(statements=[protocol.statement(from_rows.statement_of(row)) for row in found])


# --- instruments


def _instruments(query: protocol.QueryInstruments, market: str) -> protocol.QueryData:
    rows = instrument_list(market=market, instrument_id=known(query.instrument_id, market))
    hours = trading_hours(market)
    return protocol.QueryData(instruments=[from_rows.instrument_data(row, hours) for row in rows])
