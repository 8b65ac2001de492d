"""What is asked of the market."""

from __future__ import annotations

from ccxt_bourse.arguments import check_limit, check_moment, check_range, check_timeframe
from ccxt_bourse.calls.asking import NOTHING, Asking, Questions
from ccxt_bourse.description import MOST, MOST_BARS
from ccxt_bourse.parsing import Fields

MOST_PUBLIC_TRADES = 50
OF_MARKETS = ("instrument_id",)
"""What the exchange knows of a question for its instruments."""


class Market(Questions):
    """Mixed into an exchange class of ccxt."""

    def fetch_time(self, params: Fields = NOTHING) -> Asking:
        return (yield "public_get_time", params)["timestamp"]

    def fetch_status(self, params: Fields = NOTHING) -> Asking:
        answer = yield "public_get_time", params
        return {"status": "ok", "updated": answer["timestamp"], "eta": None, "url": None, "info": answer}

    def fetch_markets(self, params: Fields = NOTHING) -> Asking:
        """All there are, whatever else is said: no class of ccxt refuses a word here."""
        answer = yield "public_get_instruments", {key: params[key] for key in OF_MARKETS if key in params}
        return [self.parse_market(instrument) for instrument in answer["instruments"]]

    def fetch_ticker(self, symbol: str, params: Fields = NOTHING) -> Asking:
        yield ("load_markets",)
        return (yield from self._ticker(self.market(symbol), params))

    def fetch_tickers(self, symbols: list[str] | None = None, params: Fields = NOTHING) -> Asking:
        yield ("load_markets",)
        tickers = {}
        for symbol in self.market_symbols(symbols) or self.symbols:
            tickers[symbol] = yield from self._ticker(self.market(symbol), params)
        return tickers

    def _ticker(self, market: Fields, params: Fields) -> Asking:
        request = {"instrument_id": market["id"], **self._question(params)}
        answer = yield "public_get_statistics", request
        book = yield "public_get_book", request
        return self.parse_ticker(answer["statistics"][0], market, book)

    def fetch_order_book(self, symbol: str, limit: int | None = None, params: Fields = NOTHING) -> Asking:
        check_limit(limit)
        yield ("load_markets",)
        market = self.market(symbol)
        book = yield "public_get_book", {"instrument_id": market["id"], **params}
        return self.parse_book(book, market["symbol"], limit)

    def fetch_trades(
        self,
        symbol: str,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        check_range(since, limit)
        yield ("load_markets",)
        market = self.market(symbol)
        answer = yield "public_get_trades", {"instrument_id": market["id"], "limit": MOST_PUBLIC_TRADES, **params}
        return self.parse_trades(answer["public_trades"][::-1], market, since, limit)

    def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1m",
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """Where nothing was traded there is no bar. With `since`: the first bars from there on. Of `params`, `until`
        is the last ms that a bar may start at."""
        check_timeframe(timeframe)
        check_range(since, limit)
        check_moment("until", params.get("until"))
        yield ("load_markets",)
        market = self.market(symbol)
        request = {"instrument_id": market["id"], "period": timeframe, **self._question(params, "until", "limit")}
        until = params.get("until")
        end = None if until is None else until + 1
        if since is None:
            bars = yield from self._bars({**request, "before": end}, None, limit or MOST)
        else:
            bars = yield from self._bars_from(request, since, end, limit)
        return self.parse_ohlcvs(bars, market, timeframe, since, limit)

    def _bars_from(self, request: Fields, since: int, end: int | None, limit: int | None) -> Asking:
        """The first bars from a moment on: looked for in windows that grow until there are some."""
        answer = yield "public_get_bars", {**request, "before": end, "limit": 1}
        last = answer["bars"][0]["start"] if answer["bars"] else since - 1
        width = (limit or MOST_BARS) * self.parse_timeframe(request["period"]) * 1000
        bars: list[Fields] = []
        start = since
        while not bars and start <= last:
            bars = yield from self._bars({**request, "before": min(start + width, last + 1)}, start, None)
            start, width = start + width, width * 2
        return bars

    def _bars(self, request: Fields, since: int | None, enough: int | None) -> Asking:
        """Newest first, down to a moment or until there are enough."""
        bars = yield from self._pages("public_get_bars", "bars", request, enough, since, moment="start", most=MOST_BARS)
        return [bar for bar in bars if since is None or bar["start"] >= since]

    def fetch_trading_fee(self, symbol: str, params: Fields = NOTHING) -> Asking:
        yield ("load_markets",)
        return self.parse_trading_fee(self.market(symbol))

    def fetch_trading_fees(self, params: Fields = NOTHING) -> Asking:
        yield ("load_markets",)
        return {symbol: self.parse_trading_fee(market) for symbol, market in self.markets.items()}
