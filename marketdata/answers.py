"""Answers to everybody's queries of market data. Bars are stored with a delay, so what is newer than the rows is put
over them: nobody is answered with less than they have been told."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from marketdata import frames, selectors
from marketdata.core.bars import Bar, Period
from marketdata.core.day import Statistics
from trading import protocol
from trading.reads import answers
from trading.reads.markets import Markets
from trading.reads.readers import Read

Answer = protocol.QueryResponse | protocol.Error


class Live(Protocol):
    """What has been told."""

    @property
    def in_doubt(self) -> bool: ...

    def newest(self, instrument_id: str, period: Period) -> list[Bar]: ...

    def statistics(self, instrument_id: str, time: int) -> Statistics | None: ...


class Freshened(ABC):
    """Queries that are answered from the rows, and then with what has been told since they were stored. `answer` is to
    be called where batches are told."""

    async def answer(self, query: protocol.PublicQuery, read: Read) -> Answer:
        """The answer as of now, or the error that refuses the query."""
        told = self.told(query)  # beforehand: what is stored while the rows are read is in neither later
        return self.freshened(query, await read(self, query), told)

    @abstractmethod
    def __call__(self, query: protocol.PublicQuery) -> Answer:
        """The answer from the rows of the last commit, or the error that refuses the query. Blocks."""

    @abstractmethod
    def told(self, query: protocol.PublicQuery) -> list[Bar]:
        """Bars that may not be stored yet as they are now."""

    @abstractmethod
    def freshened(self, query: protocol.PublicQuery, answer: Answer, told: Sequence[Bar]) -> Answer:
        """An answer from the rows with what has been told, before they were read (`told`) and since."""


class PublicQueries(Freshened):
    """Of one market. `clock` tells Unix milliseconds: it decides which day today is."""

    def __init__(self, market: str, clock: Callable[[], int], live: Live) -> None:
        self._market = market
        self._clock = clock
        self._live = live

    def told(self, query: protocol.PublicQuery) -> list[Bar]:
        if not isinstance(query, protocol.QueryBars):
            return []
        return self._live.newest(query.instrument_id, Period(query.period))

    def freshened(self, query: protocol.PublicQuery, answer: Answer, told: Sequence[Bar]) -> Answer:
        if isinstance(answer, protocol.Error):
            return answer
        if isinstance(query, protocol.QueryBars):
            data = protocol.QueryData(bars=self._fresh_bars(query, answer.data.bars or [], told))
        elif isinstance(query, protocol.QueryStatistics):
            days = answer.data.statistics or []
            data = protocol.QueryData(statistics=[self._fresh_day(day) for day in days])
        else:
            return answer
        return msgspec.structs.replace(answer, data=data)

    def _fresh_bars(
        self, query: protocol.QueryBars, stored: list[protocol.BarData], told: Sequence[Bar]
    ) -> list[protocol.BarData]:
        found = {bar.start: bar for bar in stored}
        for bar in [*told, *self.told(query)]:
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

    def __call__(self, query: protocol.PublicQuery) -> Answer:
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


class QueriesOfMarkets(Freshened):
    """Of several markets: about an instrument where it is listed, about all of them everywhere."""

    def __init__(self, markets: Markets, each: Mapping[str, PublicQueries]) -> None:
        self._markets = markets
        self._each = each

    def told(self, query: protocol.PublicQuery) -> list[Bar]:
        return [bar for queries in self._each.values() for bar in queries.told(query)]

    def freshened(self, query: protocol.PublicQuery, answer: Answer, told: Sequence[Bar]) -> Answer:
        for queries in self._each.values():
            answer = queries.freshened(query, answer, told)
        return answer

    def __call__(self, query: protocol.PublicQuery) -> Answer:
        if query.instrument_id is not None:
            code = self._markets.of_instrument(query.instrument_id)
            return self._named(code, self._each[code](query))
        return _together([self._named(code, queries(query)) for code, queries in self._each.items()])

    def _named(self, code: str, answer: Answer) -> Answer:
        """With the market of instruments that are not listed at the first one."""
        if isinstance(answer, protocol.Error) or answer.data.instruments is None or code == self._markets.first:
            return answer
        listed = [msgspec.structs.replace(each, market=code) for each in answer.data.instruments]
        return msgspec.structs.replace(answer, data=protocol.QueryData(instruments=listed))


def _together(found: Sequence[Answer]) -> Answer:
    """One answer of those of all markets; the first refusal where one is refused."""
    parts: list[protocol.QueryData] = []
    for answer in found:
        if isinstance(answer, protocol.Error):
            return answer
        parts.append(answer.data)
    if parts[0].instruments is not None:
        listed = [each for part in parts for each in part.instruments or []]
        data = protocol.QueryData(instruments=sorted(listed, key=lambda each: each.instrument_id))
    else:
        days = [day for part in parts for day in part.statistics or []]
        data = protocol.QueryData(statistics=sorted(days, key=lambda day: day.instrument_id))
    return msgspec.structs.replace(found[0], data=data)
