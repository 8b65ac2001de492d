"""Bars, day statistics and public trades as the protocol tells them."""

from typing import Any

from marketdata.core.bars import Bar
from marketdata.core.day import Statistics
from marketdata.core.trades import PublicTrade
from trading import protocol
from trading.core.money import known_currency, to_currency


def bar_data(bar: Bar) -> protocol.BarData:
    """A bar of a list."""
    return protocol.BarData(**_figures(bar))


def kline(bar: Bar) -> protocol.Kline:
    """A bar that is pushed."""
    return protocol.Kline(instrument_id=bar.instrument_id, period=bar.period.value, **_figures(bar))


def _figures(bar: Bar) -> dict[str, Any]:
    return {
        "start": bar.start,
        "open": to_currency(bar.open),
        "high": to_currency(bar.high),
        "low": to_currency(bar.low),
        "close": to_currency(bar.close),
        "volume": float(bar.volume),
        "turnover": to_currency(bar.turnover),
        "trades": bar.trades,
        "open_interest": float(bar.open_interest),
    }


def statistics_data(day: Statistics) -> protocol.StatisticsData:
    """A trading day so far."""
    return protocol.StatisticsData(
        instrument_id=day.instrument_id,
        open=known_currency(day.open),
        high=known_currency(day.high),
        low=known_currency(day.low),
        last_price=known_currency(day.last),
        change=known_currency(day.change),
        volume=float(day.volume),
        turnover=to_currency(day.turnover),
        trades=day.trades,
        open_interest=float(day.open_interest),
        settlement_price=to_currency(day.settlement),
        limit_up=known_currency(day.upper_limit),
        limit_down=known_currency(day.lower_limit),
    )


def trade_data(trade: PublicTrade) -> protocol.PublicTradeData:
    """A match as everybody may see it."""
    return protocol.PublicTradeData(to_currency(trade.price), float(trade.volume), trade.time, trade.direction)
