"""The exchange class that hears of things over the socket: `watch_*`, as those of `ccxt.pro`.

A connection that is lost ends what waits with a NetworkError; whoever asks again is connected again, and hears of their
own orders and trades what happened meanwhile.
"""

from __future__ import annotations

from typing import Any

from ccxt_bourse import async_support
from ccxt_bourse.arguments import check_limit, check_range
from ccxt_bourse.following import Following
from ccxt_bourse.parsing import Fields
from ccxt_bourse.streams import SIGNED_IN

__all__ = ["bourse"]

HAS = {
    "ws": True,
    "unWatchBidsAsks": True,
    "unWatchOHLCV": True,
    "unWatchOHLCVForSymbols": True,
    "unWatchOrderBook": True,
    "unWatchOrderBookForSymbols": True,
    "unWatchTicker": True,
    "unWatchTickers": True,
    "unWatchTrades": True,
    "unWatchTradesForSymbols": True,
    "watchBalance": True,
    "watchBidsAsks": True,
    "watchMyTrades": True,
    "watchOHLCV": True,
    "watchOHLCVForSymbols": True,
    "watchOrderBook": True,
    "watchOrderBookForSymbols": True,
    "watchOrders": True,
    "watchPositions": True,
    "watchTicker": True,
    "watchTickers": True,
    "watchTrades": True,
    "watchTradesForSymbols": True,
}


class bourse(Following, async_support.bourse):
    """As those of `ccxt.pro`."""

    def describe(self) -> Any:
        return self.deep_extend(super().describe(), {"pro": True, "has": dict(HAS)})

    def _url(self) -> str:
        address = self.urls["api"]["ws"].replace("{address}", self.address.replace("http", "ws", 1))
        return f"{address}?user_id={self._user()}" if self.apiKey else str(address)

    async def authenticate(self) -> None:
        """Signed in, and told all that was missed."""
        self.check_required_credentials()
        url = self._url()
        if SIGNED_IN not in self.client(url).subscriptions:
            self._is_told = False
        message = {"type": "auth", "user_id": self.apiKey, "token": self.secret}
        await self.watch(url, SIGNED_IN, message, SIGNED_IN)

    async def _next(self, name: str, message: Fields | None = None, subscribes: str = "private") -> None:
        """Waits for something new, which may have come already."""
        await self.load_markets()
        await self.authenticate()
        if name in self._fresh:
            self._fresh.discard(name)
            return
        await self.watch(self._url(), name, message, subscribes)

    # -- the market

    async def watch_order_book(self, symbol: str, limit: int | None = None, params: Any = None) -> Any:
        return await self.watch_order_book_for_symbols([symbol], limit)

    async def watch_order_book_for_symbols(
        self, symbols: list[str], limit: int | None = None, params: Any = None
    ) -> Any:
        """The book that changes first."""
        check_limit(limit)
        await self.load_markets()
        book = await self._first(self._of_symbols("book", symbols))
        if limit is None:
            return book
        return {**book, "bids": book["bids"][:limit], "asks": book["asks"][:limit]}

    async def watch_ticker(self, symbol: str, params: Any = None) -> Any:
        """After each trade. It has no bid and no ask: those are in `watch_order_book` and `watch_bids_asks`."""
        await self.load_markets()
        return await self._first(self._of_symbols("ticker", [symbol]))

    async def watch_tickers(self, symbols: list[str] | None = None, params: Any = None) -> Any:
        """Without `symbols` of all that are there now."""
        return await self._by_symbol("ticker", symbols, self.tickers)

    async def watch_bids_asks(self, symbols: list[str] | None = None, params: Any = None) -> Any:
        """The best of both sides, when they change."""
        return await self._by_symbol("bidask", symbols, self.bidsasks)

    async def _by_symbol(self, what: str, symbols: list[str] | None, kept: Any) -> Any:
        await self.load_markets()
        feeds = self._of_symbols(what, symbols, all_of_them=True)
        ticker = await self._first(feeds)
        if self.newUpdates:
            return {ticker["symbol"]: ticker}
        wanted = {each.name.partition(":")[2] for each in feeds}
        return {symbol: each for symbol, each in kept.items() if symbol in wanted}

    async def watch_trades(
        self, symbol: str, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> Any:
        """Of the market. Those of the time while the connection was away are missing."""
        return await self.watch_trades_for_symbols([symbol], since, limit)

    async def watch_trades_for_symbols(
        self, symbols: list[str], since: int | None = None, limit: int | None = None, params: Any = None
    ) -> Any:
        """Of the symbol that trades first."""
        check_range(since, limit)
        await self.load_markets()
        trades = await self._first(self._of_symbols("trades", symbols))
        if self.newUpdates:
            limit = trades.getLimit(trades[-1]["symbol"], limit)
        return self.filter_by_since_limit(trades, since, limit, "timestamp", True)

    async def watch_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1m",
        since: int | None = None,
        limit: int | None = None,
        params: Any = None,
    ) -> Any:
        return (await self._first_bars([[symbol, timeframe]], since, limit))[2]

    async def watch_ohlcv_for_symbols(
        self,
        symbolsAndTimeframes: list[list[str]],
        since: int | None = None,
        limit: int | None = None,
        params: Any = None,
    ) -> Any:
        """Bars of the symbol and the timeframe that change first, under their names."""
        symbol, timeframe, bars = await self._first_bars(symbolsAndTimeframes, since, limit)
        return {symbol: {timeframe: bars}}

    async def _first_bars(self, wanted: list[list[str]], since: int | None, limit: int | None) -> tuple[str, str, Any]:
        check_range(since, limit)
        await self.load_markets()
        symbol, timeframe, bars = await self._first(self._of_bars(wanted))
        if self.newUpdates:
            limit = bars.getLimit(symbol, limit)
        return symbol, timeframe, self.filter_by_since_limit(bars, since, limit, 0, True)

    # -- no more of it

    async def un_watch_order_book(self, symbol: str, params: Any = None) -> Any:
        return await self._end(self._of_symbols("book", [symbol]))

    async def un_watch_order_book_for_symbols(self, symbols: list[str], params: Any = None) -> Any:
        return await self._end(self._of_symbols("book", symbols))

    async def un_watch_ticker(self, symbol: str, params: Any = None) -> Any:
        return await self._end(self._of_symbols("ticker", [symbol]))

    async def un_watch_tickers(self, symbols: list[str] | None = None, params: Any = None) -> Any:
        return await self._end(self._of_symbols("ticker", symbols, all_of_them=True))

    async def un_watch_bids_asks(self, symbols: list[str] | None = None, params: Any = None) -> Any:
        return await self._end(self._of_symbols("bidask", symbols, all_of_them=True))

    async def un_watch_trades(self, symbol: str, params: Any = None) -> Any:
        return await self._end(self._of_symbols("trades", [symbol]))

    async def un_watch_trades_for_symbols(self, symbols: list[str], params: Any = None) -> Any:
        return await self._end(self._of_symbols("trades", symbols))

    async def un_watch_ohlcv(self, symbol: str, timeframe: str = "1m", params: Any = None) -> Any:
        return await self._end(self._of_bars([[symbol, timeframe]]))

    async def un_watch_ohlcv_for_symbols(self, symbolsAndTimeframes: list[list[str]], params: Any = None) -> Any:
        return await self._end(self._of_bars(symbolsAndTimeframes))

    # -- one's own

    async def watch_orders(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> Any:
        return await self._own("orders", symbol, since, limit)

    async def watch_my_trades(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> Any:
        return await self._own("myTrades", symbol, since, limit)

    async def _own(self, what: str, symbol: str | None, since: int | None, limit: int | None) -> Any:
        check_range(since, limit)
        await self.load_markets()
        symbol = None if symbol is None else self.market(symbol)["symbol"]
        await self._next(what if symbol is None else f"{what}:{symbol}")
        found = getattr(self, what)
        if self.newUpdates:
            limit = found.getLimit(symbol, limit)
        return self.filter_by_symbol_since_limit(found, symbol, since, limit, True)

    async def watch_balance(self, params: Any = None) -> Any:
        """At once how it is; then whenever it changes, by the moves of the market at most once a second."""
        await self._next("balance", {"type": "subscribe", "channels": ["portfolio"]}, "portfolio")
        return self.balance

    async def watch_positions(
        self, symbols: list[str] | None = None, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> Any:
        """At once what is held; then after each trade. What is held no more comes once, with no contracts."""
        check_range(since, limit)
        await self.load_markets()
        await self.authenticate()
        if not self._wants_positions:
            self._wants_positions = True
            self._ask_positions(self.client(self._url()))
        await self._next("positions")
        return self.filter_by_symbols_since_limit(self.positions, self.market_symbols(symbols), since, limit, True)
