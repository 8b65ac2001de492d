"""Answers to everybody's queries of market data, from the rows of the last commit."""

from collections.abc import Callable

from marketdata import frames, selectors
from marketdata.core.bars import Period
from trading import protocol
from trading.reads import answers


class PublicQueries:
    """Of one market. `clock` tells Unix milliseconds: it decides which day today is."""

    def __init__(self, market: str, clock: Callable[[], int]) -> None:
        self._market = market
        self._clock = clock

    def __call__(self, query: protocol.PublicQuery) -> protocol.QueryResponse | protocol.Error:
        """The answer to a query, or the error that refuses it."""
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
