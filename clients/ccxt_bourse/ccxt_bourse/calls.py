"""What can be asked of the exchange, written once for both ways to ask.

Each method yields the name of a method of the exchange class and its arguments, and is sent what that gave. The
`way` of a class makes of it what ccxt's classes of its kind have.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ccxt.base.errors import ArgumentsRequired, BadRequest, InvalidOrder

from ccxt_bourse.description import MOST, MOST_BARS, check_timeframe, endpoints
from ccxt_bourse.parsing import Fields, Parsing
from ccxt_bourse.wanted import wanted

Asking = Any
"""A generator of calls here, and in the classes made of it what ccxt's own give, of which it tells no types."""
Way = Callable[[Callable[..., Asking]], Callable[..., Any]]
MOST_PUBLIC_TRADES = 50
NOTHING: Fields = {}
"""Of params; nobody changes it."""
SO_ANYWAY = (
    *("paginate", "paginationCalls", "paginationDirection"),
    *("type", "subType", "defaultType", "marginMode"),
)
"""ccxt's words for what a question has here anyway: all pages, of all kinds of markets."""
OF_MARKETS = ("instrument_id",)
"""What the exchange knows of a question for its instruments."""


class Calls(Parsing):
    """Of every method `params` goes to the exchange as it is, unless it says otherwise."""

    def __init_subclass__(cls, *, way: Way | None = None) -> None:
        """`way`: how the class asks; without one it is a class that is derived from one that knows."""
        if way is None:
            return
        for name, method in vars(Calls).items():
            if inspect.isgeneratorfunction(method) and not name.startswith("_"):
                setattr(cls, name, way(method))
        for name, entry in endpoints().items():
            setattr(cls, name, entry)

    # -- the market

    def fetch_time(self, params: Fields = NOTHING) -> Asking:
        return (yield "public_get_time", params)["timestamp"]

    def fetch_status(self, params: Fields = NOTHING) -> Asking:
        answer = yield "public_get_time", params
        return {"status": "ok", "updated": answer["timestamp"], "eta": None, "url": None, "info": answer}

    def _question(self, params: Fields, *known_here: str) -> Fields:
        """Of `params` what goes to the exchange."""
        return dict(self.omit(params, [*known_here, *SO_ANYWAY]))

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
        yield ("load_markets",)
        market = self.market(symbol)
        answer = yield "public_get_trades", {"instrument_id": market["id"], "limit": MOST_PUBLIC_TRADES, **params}
        return self.parse_trades(answer["public_trades"], market, since, limit)

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
        yield ("load_markets",)
        market = self.market(symbol)
        request = {"instrument_id": market["id"], "period": timeframe, **self._question(params, "until")}
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
        bars: list[Fields] = []
        while True:
            answer = yield (
                "public_get_bars",
                {**request, "limit": MOST_BARS if enough is None else min(MOST_BARS, enough - len(bars))},
            )
            bars += answer["bars"]
            is_there = since is not None and bars and bars[-1]["start"] < since
            if answer["next"] is None or is_there or (enough is not None and len(bars) >= enough):
                return [bar for bar in bars if since is None or bar["start"] >= since]
            request = {**request, "before": answer["next"]}

    def fetch_trading_fee(self, symbol: str, params: Fields = NOTHING) -> Asking:
        yield ("load_markets",)
        return self.parse_trading_fee(self.market(symbol))

    def fetch_trading_fees(self, params: Fields = NOTHING) -> Asking:
        yield ("load_markets",)
        return {symbol: self.parse_trading_fee(market) for symbol, market in self.markets.items()}

    # -- orders

    def _wanted(
        self, symbol: str, kind: str, side: str, amount: float, price: float | None, params: Fields
    ) -> tuple[Fields, Fields]:
        market = self.market(symbol)
        volume = self._number(self.amount_to_precision, symbol, amount)
        told = self._number(self.price_to_precision, symbol, price) if price is not None and kind == "limit" else None
        return market, wanted(market["id"], kind, side, volume, told, params)

    def _number(self, precise: Callable[[str, Any], str], symbol: str, value: Any) -> Any:
        """`precise`: to the steps of a contract. What is no number ends in an error of Python there."""
        try:
            return self.parse_to_numeric(precise(symbol, value))
        except ArithmeticError:
            raise InvalidOrder(f"bourse: {value} is no number of an order") from None

    def create_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: float,
        price: float | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """`amount` in contracts. Of a market order a price is not looked at."""
        yield ("load_markets",)
        market, order = self._wanted(symbol, type, side, amount, price, params)
        return (yield from self._placed("private_post_orders", order, market))

    def _placed(self, name: str, request: Fields, market: Fields | None = None) -> Asking:
        """One order, with all of its fills."""
        placed = yield name, request
        trades = placed["trades"]
        if placed["next"] is not None:
            asked = {"order_id": placed["order"]["order_id"], "before": placed["next"]}
            trades = trades + (yield from self._pages("private_get_trades", "trades", asked, None))
        return self.parse_placed({**placed, "trades": trades}, market)

    def create_orders(self, orders: list[Fields], params: Fields = NOTHING) -> Asking:
        """Up to 50, with nothing in between. One that is refused is `rejected`, and does not stop the others."""
        yield ("load_markets",)
        items = [
            self._wanted(
                each["symbol"],
                each["type"],
                each["side"],
                each["amount"],
                each.get("price"),
                {**each.get("params", {}), **params},
            )[1]
            for each in orders
        ]
        answer = yield "private_post_orders_batch", {"orders": items}
        return [self.parse_result(result) for result in answer["results"]]

    def edit_order(
        self,
        id: str,
        symbol: str,
        type: str,
        side: str,
        amount: float | None = None,
        price: float | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """The order keeps its id; `amount` is all of it, filled lots included. Type and side stay what they are."""
        yield ("load_markets",)
        if amount is None and price is None:
            raise ArgumentsRequired("bourse: edit_order needs an amount or a price")
        change: Fields = {}
        if amount is not None:
            change["volume"] = self._number(self.amount_to_precision, symbol, amount)
        if price is not None:
            change["price"] = self._number(self.price_to_precision, symbol, price)
        return (yield from self._placed("private_patch_order", {"order_id": id, **change, **params}))

    def _id(self, id: str | None, params: Fields) -> Asking:
        """The exchange's id of an order that may be named by one's own, and what else was said."""
        own = params.get("clientOrderId")
        rest = self.omit(params, ["clientOrderId", "trigger", "stop"])
        if own is not None:
            found = yield "private_get_order_by_client_id", {"client_order_id": own}
            return found["order"]["order_id"], rest
        if id is None:
            raise ArgumentsRequired("bourse: an order is named by its id, or by clientOrderId in params")
        return id, rest

    def cancel_order(self, id: str | None, symbol: str | None = None, params: Fields = NOTHING) -> Asking:
        """`params`: `clientOrderId` names the order instead of `id`."""
        yield ("load_markets",)
        order_id, rest = yield from self._id(id, params)
        return (yield from self._placed("private_delete_order", {"order_id": order_id, **rest}))

    def cancel_orders(self, ids: list[str], symbol: str | None = None, params: Fields = NOTHING) -> Asking:
        """Up to 50."""
        yield ("load_markets",)
        answer = yield "private_delete_orders_batch", {"order_ids": ids, **params}
        return [
            self.parse_result(result) | ({"id": id, "status": "canceled"} if result["success"] else {"id": id})
            for id, result in zip(ids, answer["results"], strict=True)
        ]

    def cancel_all_orders(self, symbol: str | None = None, params: Fields = NOTHING) -> Asking:
        """Those of one market or all. The answer says how many, and not which."""
        yield ("load_markets",)
        instrument_id = None if symbol is None else self.market(symbol)["id"]
        answer = yield "private_post_cancel_all", {"instrument_id": instrument_id, **params}
        return [self.safe_order({"info": answer})]

    def cancel_all_orders_after(self, timeout: int, params: Fields = NOTHING) -> Asking:
        """In ms from now; 0: not any more. Call it again and again."""
        return (yield "private_post_cancel_after", {"timeout_ms": timeout, **params})

    def fetch_order(self, id: str | None, symbol: str | None = None, params: Fields = NOTHING) -> Asking:
        """`params`: `clientOrderId`, of this trading day, names the order instead of `id`."""
        yield ("load_markets",)
        order_id, rest = yield from self._id(id, params)
        return (yield from self._placed("private_get_order", {"order_id": order_id, **rest}))

    def fetch_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        yield ("load_markets",)
        market = None if symbol is None else self.market(symbol)
        found = yield from self._history("private_get_orders", "orders", market, since, limit, params)
        return self.parse_orders(found, market, since, limit)

    def fetch_open_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """Those that wait for a price too."""
        return (yield "fetch_orders", symbol, since, limit, {**params, "status": "LIVE"})

    def fetch_closed_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        return (yield "fetch_orders", symbol, since, limit, {**params, "status": "Filled"})

    def fetch_canceled_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        return (yield "fetch_orders", symbol, since, limit, {**params, "status": "Cancelled"})

    def fetch_my_trades(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """Without those that an operator has taken back."""
        yield ("load_markets",)
        market = None if symbol is None else self.market(symbol)
        found = yield from self._history("private_get_trades", "trades", market, since, limit, params)
        return self.parse_trades([trade for trade in found if not trade.get("broken")], market, since, limit)

    def fetch_order_trades(
        self,
        id: str,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        return (yield "fetch_my_trades", symbol, since, limit, {**params, "order_id": id})

    # -- the account

    def fetch_balance(self, params: Fields = NOTHING) -> Asking:
        """`params`: `market`, where there are several."""
        answer = yield "private_get_account", self._question(params, "code")
        return self.parse_balance(answer["account"])

    def fetch_positions(self, symbols: list[str] | None = None, params: Fields = NOTHING) -> Asking:
        yield ("load_markets",)
        answer = yield "private_get_positions", {"lots": True, **self._question(params)}
        sides = [side for position in answer["positions"] for side in self.parse_sides(position)]
        return self.filter_by_array_positions(sides, "symbol", self.market_symbols(symbols))

    def fetch_position(self, symbol: str, params: Fields = NOTHING) -> Asking:
        """The larger of both sides, or in `params` the `side` long or short. Where none is held it has no contracts."""
        side = params.get("side")
        if side not in (None, "long", "short"):
            raise BadRequest(f"bourse: side is one of long, short, not {side}")
        held = yield "fetch_positions", [symbol], self.omit(params, "side")
        held = [each for each in held if side in (None, each["side"])]
        return max(held, key=lambda each: each["contracts"]) if held else self.no_position(self.market(symbol))

    def fetch_positions_for_symbol(self, symbol: str, params: Fields = NOTHING) -> Asking:
        return (yield "fetch_positions", [symbol], params)

    def fetch_ledger(
        self,
        code: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        """There is one currency: of another `code` there is nothing."""
        found = [] if code not in (None, self.money) else (yield from self._entries(since, limit, params))
        return self.parse_ledger(found, None, since, limit)

    def fetch_deposits(
        self,
        code: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        return (yield from self._transactions("DEPOSIT", code, since, limit, params))

    def fetch_withdrawals(
        self,
        code: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Fields = NOTHING,
    ) -> Asking:
        return (yield from self._transactions("WITHDRAWAL", code, since, limit, params))

    def _transactions(
        self, kind: str, code: str | None, since: int | None, limit: int | None, params: Fields
    ) -> Asking:
        """Looked for in the whole ledger, for they are few among many."""
        found = [] if code not in (None, self.money) else (yield from self._entries(since or 0, None, params))
        return self.parse_transactions([entry for entry in found if entry["kind"] == kind], None, since, limit)

    # -- pages, which come newest first

    def _history(
        self, name: str, key: str, market: Fields | None, since: int | None, limit: int | None, params: Fields
    ) -> Asking:
        """With `since` all from there on, of which ccxt wants the first; without it the newest."""
        request = {
            "instrument_id": None if market is None else market["id"],
            "from_time": since,
            "to_time": params.get("until"),
            **self._question(params, "until", "trigger", "stop"),
        }
        return (yield from self._pages(name, key, request, None if since is not None else limit or MOST))

    def _entries(self, since: int | None, limit: int | None, params: Fields) -> Asking:
        """The ledger cannot be asked for a time: it is read down to it."""
        enough = None if since is not None else limit or MOST
        request = self._question(params)
        return (yield from self._pages("private_get_ledger", "entries", request, enough, since))

    def _pages(self, name: str, key: str, request: Fields, enough: int | None, down_to: int | None = None) -> Asking:
        found: list[Fields] = []
        while True:
            answer = yield name, {"limit": MOST if enough is None else min(MOST, enough - len(found)), **request}
            found += answer[key]
            is_there = down_to is not None and found and found[-1]["timestamp"] < down_to
            if answer["next"] is None or is_there or (enough is not None and len(found) >= enough):
                return found
            request = {**request, "before": answer["next"]}
