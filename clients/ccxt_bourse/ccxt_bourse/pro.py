"""The exchange class that hears of things over the socket: `watch_*`, as those of `ccxt.pro`.

A connection that is lost ends what waits with a NetworkError; whoever asks again is connected again, and hears of their
own orders and trades what happened meanwhile.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ccxt.base.errors import BadRequest

from ccxt_bourse import async_support
from ccxt_bourse.description import TIMEFRAMES
from ccxt_bourse.parsing import Fields
from ccxt_bourse.streams import BEGINS, SIGNED_IN, Streams, book_wanted

__all__ = ["bourse"]

HAS = {
    "ws": True,
    "watchBalance": True,
    "watchMyTrades": True,
    "watchOHLCV": True,
    "watchOrderBook": True,
    "watchOrders": True,
    "watchPositions": True,
    "watchTicker": True,
    "watchTrades": True,
}


class bourse(Streams, async_support.bourse):
    """As those of `ccxt.pro`."""

    def describe(self) -> Any:
        return self.deep_extend(super().describe(), {"pro": True, "has": dict(HAS)})

    def _url(self) -> str:
        address = self.urls["api"]["ws"].replace("{address}", self.address.replace("http", "ws", 1))
        return f"{address}?user_id={quote(self.apiKey)}" if self.apiKey else str(address)

    async def _follow(self, message: Fields, subscribes: str, name: str, *others: str, subscription: Any = True) -> Any:
        """Waits for what a subscription gives. `others`: what else it gives."""
        url = self._url()
        if subscribes not in self.client(url).subscriptions:
            message = self._numbered(message, subscribes, name, *others)
        return await self.watch(url, name, message, subscribes, subscription)

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
        await self.load_markets()
        market = self.market(symbol)
        name = f"book:{market['symbol']}"
        book = await self._follow(book_wanted(market["id"]), name, name)
        if limit is None:
            return book
        return {**book, "bids": book["bids"][:limit], "asks": book["asks"][:limit]}

    async def _ticker_channel(self, symbol: str, what: str) -> Any:
        market = self.market(symbol)
        ticker, trades = f"ticker:{market['symbol']}", f"trades:{market['symbol']}"
        message = {"type": "subscribe", "channels": ["ticker"], "instruments": [market["id"]]}
        name, other = (ticker, trades) if what == "ticker" else (trades, ticker)
        return await self._follow(message, ticker, name, other, subscription=BEGINS)

    async def watch_ticker(self, symbol: str, params: Any = None) -> Any:
        """After each trade. It has no bid and no ask: those are in `watch_order_book`."""
        await self.load_markets()
        return await self._ticker_channel(symbol, "ticker")

    async def watch_trades(
        self, symbol: str, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> Any:
        """Of the market. Those of the time while the connection was away are missing."""
        await self.load_markets()
        trades = await self._ticker_channel(symbol, "trades")
        if self.newUpdates:
            limit = trades.getLimit(self.market(symbol)["symbol"], limit)
        return self.filter_by_since_limit(trades, since, limit, "timestamp", True)

    async def watch_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1m",
        since: int | None = None,
        limit: int | None = None,
        params: Any = None,
    ) -> Any:
        await self.load_markets()
        if timeframe not in TIMEFRAMES:
            raise BadRequest(f"bourse: timeframe is one of {', '.join(TIMEFRAMES)}, not {timeframe}")
        market = self.market(symbol)
        name = f"kline:{market['symbol']}:{timeframe}"
        message = {"type": "subscribe", "channels": ["kline"], "instruments": [market["id"]], "period": timeframe}
        bars = await self._follow(message, name, name)
        if self.newUpdates:
            limit = bars.getLimit(market["symbol"], limit)
        return self.filter_by_since_limit(bars, since, limit, 0, True)

    # -- one's own

    async def watch_orders(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> Any:
        return await self._own("orders", symbol, since, limit)

    async def watch_my_trades(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> Any:
        """Without their fee and their role, which a query tells."""
        return await self._own("myTrades", symbol, since, limit)

    async def _own(self, what: str, symbol: str | None, since: int | None, limit: int | None) -> Any:
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
        await self.load_markets()
        await self.authenticate()
        if not self._wants_positions:
            self._wants_positions = True
            self._ask_positions(self.client(self._url()))
        await self._next("positions")
        return self.filter_by_symbols_since_limit(self.positions, self.market_symbols(symbols), since, limit, True)
