"""Answers to everybody's queries of market data. Bars are stored with a delay, so what is newer than the rows is put
over them: nobody is answered with less than they have been told."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from marketdata import frames, selectors
from marketdata.core.bars import Bar, Period
from marketdata.core.day import Statistics
from trading import protocol
from trading.reads import answers


class Live(Protocol):
    """What has been told."""

    @property
    def in_doubt(self) -> bool: ...

    def newest(self, instrument_id: str, period: Period) -> list[Bar]: ...

    def statistics(self, instrument_id: str, time: int) -> Statistics | None: ...


class PublicQueries:
    """Of one market. `clock` tells Unix milliseconds: it decides which day today is."""

    def __init__(self, market: str, clock: Callable[[], int], live: Live) -> None:
        self._market = market
        self._clock = clock
        self._live = live

    def freshened(
        self, query: protocol.PublicQuery, answer: protocol.QueryResponse | protocol.Error
    ) -> protocol.QueryResponse | protocol.Error:
        """An answer with what has been told since its rows were stored. To be called where batches are told."""
        if isinstance(answer, protocol.Error):
            return answer
        if isinstance(query, protocol.QueryBars):
            data = protocol.QueryData(bars=self._fresh_bars(query, answer.data.bars or []))
        elif isinstance(query, protocol.QueryStatistics):
            days = answer.data.statistics or []
            data = protocol.QueryData(statistics=[self._fresh_day(day) for day in days])
        else:
            return answer
        return msgspec.structs.replace(answer, data=data)

    def _fresh_bars(self, query: protocol.QueryBars, stored: list[protocol.BarData]) -> list[protocol.BarData]:
        found = {bar.start: bar for bar in stored}
        for bar in self._live.newest(query.instrument_id, Period(query.period)):
            known = found.get(bar.start)
            if (query.before is None or bar.start < query.before) and (known is None or known.trades <= bar.trades):
                found[bar.start] = frames.bar_data(bar)
        return sorted(found.values(), key=lambda bar: -bar.start)[: query.limit]

    def _fresh_day(self, stored: protocol.StatisticsData) -> protocol.StatisticsData:
        """Of one and the same day the figures with more trades; of two days the one that has been told."""
        day = self._live.statistics(stored.instrument_id, self._clock())
        if day is None:
            return stored
        fresh = frames.statistics_data(day)
        same_day = (stored.settlement_price, stored.open) == (fresh.settlement_price, fresh.open)
        return stored if stored.trades > fresh.trades and (same_day or self._live.in_doubt) else fresh

    def __call__(self, query: protocol.PublicQuery) -> protocol.QueryResponse | protocol.Error:
        """The answer to a query from the rows of the last commit, or the error that refuses it. Blocks."""
        if isinstance(query, protocol.QueryInstruments):
            return answers.public_answer(query, market=self._market)
        return answers.answer_with(query, lambda: self._data(query))

    def _data(
        self, query: protocol.QueryBars | protocol.QueryPublicTrades | protocol.QueryStatistics
    ) -> protocol.QueryData:
        instrument_id = answers.known(query.instrument_id, self._market)
        match query:
            case protocol.QueryBars():
                found = selectors.bars(
                    instrument_id=query.instrument_id,
                    period=Period(query.period),
                    before=query.before,
                    limit=query.limit,
                )
                return protocol.QueryData(bars=[frames.bar_data(bar) for bar in found])
            case protocol.QueryPublicTrades():
                trades = selectors.recent_trades(instrument_id=query.instrument_id, limit=query.limit)
                return protocol.QueryData(public_trades=[frames.trade_data(trade) for trade in trades])
            case protocol.QueryStatistics():
                days = selectors.day_statistics(market=self._market, instrument_id=instrument_id, time=self._clock())
                return protocol.QueryData(statistics=[frames.statistics_data(day) for day in days])
