"""Quotes, from books, trades and the figures of the day."""

from collections.abc import Sequence

from trading import protocol
from trading.diff.translation.words import UNKNOWN, Patch, clock_text, number
from trading.protocol import StatisticsData
from trading.protocol.market_data import BookLevel

LEVELS = 5


def of_book(book: protocol.OrderBook) -> Patch:
    """Five levels of each side."""
    return {"datetime": clock_text(book.timestamp), **_side("bid", book.bids), **_side("ask", book.asks)}


def _side(side: str, levels: Sequence[BookLevel]) -> Patch:
    fields: Patch = {}
    for place in range(LEVELS):
        level = levels[place] if place < len(levels) else None
        fields[f"{side}_price{place + 1}"] = UNKNOWN if level is None else level.price
        fields[f"{side}_volume{place + 1}"] = 0 if level is None else round(level.volume)
    return fields


def of_trade(trade: protocol.Ticker, multiplier: int) -> Patch:
    """The last price, and the day after it."""
    day = {} if trade.day is None else of_day(trade.day, multiplier)
    return {**day, "datetime": clock_text(trade.timestamp), "last_price": trade.last_price}


def of_day(day: StatisticsData, multiplier: int) -> Patch:
    """The trading day so far; without a trade there is no price of it."""
    lots = day.volume * multiplier
    known = {} if day.last_price is None else {"last_price": day.last_price}
    return {
        **known,
        "open": number(day.open),
        "highest": number(day.high),
        "lowest": number(day.low),
        "average": round(day.turnover / lots, 6) if lots else UNKNOWN,
        "volume": round(day.volume),
        "amount": day.turnover,
        "open_interest": round(day.open_interest),
        "upper_limit": number(day.limit_up),
        "lower_limit": number(day.limit_down),
        "pre_settlement": day.settlement_price,
    }
