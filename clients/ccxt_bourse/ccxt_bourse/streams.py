"""What comes over the socket, kept as ccxt keeps it. Knows the frames, and not who waits for what.

Private pushes have numbers: what was missed while the connection was away comes after `resume`, once and in order. A
push that nobody waited for is fresh, and is given to whoever asks next.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ccxt.async_support.base.ws.cache import ArrayCache, ArrayCacheBySymbolById, ArrayCacheByTimestamp
from ccxt.base.errors import AuthenticationError

from ccxt_bourse import errors
from ccxt_bourse.parsing import Fields, Parsing

KEPT = 1000
"""Orders, trades or bars, unless `options` say otherwise: `ordersLimit`, `tradesLimit`, `OHLCVLimit`."""
SIGNED_IN = "authenticated"
NUMBERED = frozenset(
    {
        "order_status",
        "trade",
        "account_update",
        "risk_warning",
        "liquidation",
        "position_expired",
        "statement",
        "trade_broken",
    }
)
"""Pushes of which none is missed."""
CHANGES_LOTS = frozenset({"trade", "position_expired", "statement", "trade_broken"})
ENDED = ("Filled", "Cancelled")
CHANGES = ("status", "filled_volume", "remaining_volume", "timestamp", "price", "volume", "average_price", "trades")
"""What of an order is told by its pushes; the rest stays as it was placed."""


class Streams(Parsing):
    """Mixed into a class of asyncio."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config or {})  # type: ignore[call-arg]
        self.orders = ArrayCacheBySymbolById(self.options.get("ordersLimit", KEPT))
        self.myTrades = ArrayCacheBySymbolById(self.options.get("tradesLimit", KEPT))
        self._fresh: set[str] = set()
        self._last_seq: int | None = None
        self._is_told = False
        """Whether pushes of this connection count: what came before the answer to `resume` comes again."""
        self._known: dict[str, Fields] = {}
        """Live orders, in the exchange's words."""
        self._wants_positions = self._asks_positions = self._has_moved = False
        self._sides: dict[tuple[str, str], Fields] = {}
        self._requests = 0
        self._asked: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        """By the number of a request: what it subscribes, and what it lets wait."""
        self._sending: set[Any] = set()

    # -- in

    def handle_message(self, client: Any, frame: Fields) -> None:
        """Whatever goes wrong here ends the connection, and whoever waits reads why: ccxt's own loop would stand."""
        try:
            self._hear(client, frame)
        except Exception as error:
            client.on_error(error)

    def _hear(self, client: Any, frame: Fields) -> None:
        kind = frame["type"]
        if kind in NUMBERED and not self._is_next(client, frame):
            return
        handle = getattr(self, f"_on_{kind}", None)
        if handle is not None:
            handle(client, frame)
        if kind in CHANGES_LOTS:
            self._ask_positions(client)

    def _is_next(self, client: Any, frame: Fields) -> bool:
        """Of another market's pushes, which have no `seq`, nobody has asked to hear."""
        seq = frame.get("seq")
        if not self._is_told or seq is None or self._last_seq is None or seq <= self._last_seq:
            return False
        if seq > self._last_seq + 1:
            self._resume(client)
            return False
        self._last_seq = seq
        return True

    # -- out

    def _send(self, client: Any, message: Fields) -> None:
        """Without waiting. A connection that is gone is noticed by who reads it."""

        async def send() -> None:
            try:
                await client.send(message)
            except Exception as error:
                client.on_error(error)

        task = asyncio.ensure_future(send())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _numbered(self, message: Fields, subscribes: tuple[str, ...], *hashes: str) -> Fields:
        """So that an answer finds whom it concerns."""
        self._requests += 1
        self._asked[self._requests] = (subscribes, hashes)
        return {**message, "request_id": self._requests}

    def _publish(self, client: Any, *hashes: str) -> None:
        for name in hashes:
            future = client.futures.get(name)
            if future is None or future.done():
                self._fresh.add(name)
            else:
                client.resolve(None, name)

    # -- refusals

    def _on_error(self, client: Any, frame: Fields) -> None:
        self._refused(client, frame.get("request_id"), errors.refusal(frame["code"], frame["message"]))

    def _on_subscribe_response(self, client: Any, frame: Fields) -> None:
        if frame["success"]:
            for name in self._asked.pop(frame.get("request_id", 0), ((), ()))[1]:
                if name.startswith("end:"):
                    client.resolve(True, name)
        else:
            self._refused(client, frame.get("request_id"), errors.refusal(frame["error_code"], frame["message"]))

    def _refused(self, client: Any, number: int | None, error: Exception) -> None:
        """Of a request that is not known, all hear."""
        subscribes, hashes = self._asked.pop(number, ((), ())) if number is not None else ((), ())
        for name in subscribes:
            client.subscriptions.pop(name, None)
        for name in hashes or list(client.futures):
            if name in client.futures:
                client.reject(error, name)

    # -- signing in, and what was missed

    def _on_auth_response(self, client: Any, frame: Fields) -> None:
        if frame["success"]:
            self._resume(client)
            return
        client.subscriptions.pop(SIGNED_IN, None)
        client.reject(AuthenticationError(f"bourse {frame['message']}"), SIGNED_IN)

    def _resume(self, client: Any) -> None:
        self._is_told = False
        last = {} if self._last_seq is None else {"last_seq": self._last_seq}
        self._send(client, {"type": "resume", **last})

    def _on_resume_response(self, client: Any, frame: Fields) -> None:
        if self._last_seq is not None and frame["last_seq"] < self._last_seq:
            self._last_seq = None  # It is another exchange than it was.
            self._resume(client)
            return
        self._is_told = True
        if self._last_seq is not None:
            self._let_in(client)

    def _on_snapshot(self, client: Any, frame: Fields) -> None:
        """How all is. Of orders that were live before and are not in it, it is asked how they have ended."""
        is_first = self._last_seq is None
        self._last_seq = frame["seq"]
        before, self._known = self._known, {order["order_id"]: {**order, "trades": []} for order in frame["orders"]}
        self.balance = self.parse_balance(frame["account"])
        self._publish(client, "balance")
        if not is_first:
            for order in self._known.values():
                self._tell_order(client, order)
            for order_id in before.keys() - self._known.keys():
                self._send(client, {"type": "query_order", "order_id": order_id})
        self._let_in(client)

    def _let_in(self, client: Any) -> None:
        self._asks_positions = False
        self._ask_positions(client)
        future = client.futures.get(SIGNED_IN)
        if future is not None:
            future.resolve(True)  # It stays, done, for whoever asks again on this connection.

    # -- orders and trades

    def _on_order_status(self, client: Any, frame: Fields) -> None:
        known = self._known.get(frame["order_id"])
        if known is None and "instrument_id" not in frame:
            self._send(client, {"type": "query_order", "order_id": frame["order_id"]})
            return
        told = {name: value for name, value in frame.items() if name not in ("type", "seq")}
        order = {"trades": [], **(known or {}), **told}
        if order["status"] in ENDED:
            self._known.pop(order["order_id"], None)
        else:
            self._known[order["order_id"]] = order
        self._tell_order(client, order)
        if order["status"] == "Waiting" and known is None:
            self._send(client, {"type": "query_order", "order_id": order["order_id"]})  # What it waits for.

    def _learn_order(self, client: Any, order: Fields) -> None:
        """How an order was placed; how it is now where nothing was told of it yet."""
        known = self._known.get(order["order_id"])
        if known is not None:
            order = self._known[order["order_id"]] = order | {name: known[name] for name in CHANGES if name in known}
        self._tell_order(client, order)

    def _tell_order(self, client: Any, order: Fields) -> None:
        """With its fills, if all of them are known: only then is its fee."""
        fills = order.get("trades") or []
        is_whole = sum(fill["volume"] for fill in fills) == order["filled_volume"]
        parsed = self.parse_order({**order, "trades": fills if is_whole else []})
        self.orders.append(parsed)
        self._publish(client, "orders", f"orders:{parsed['symbol']}")

    def _on_trade(self, client: Any, frame: Fields) -> None:
        fields = {name: value for name, value in frame.items() if name not in ("type", "seq")}
        known = self._known.get(frame["order_id"])
        if known is not None:
            known["trades"] = [*known["trades"], fields]
        trade = self.parse_trade(fields)
        self.myTrades.append(trade)
        self._publish(client, "myTrades", f"myTrades:{trade['symbol']}")

    # -- the account

    def _on_account_update(self, client: Any, frame: Fields) -> None:
        self.balance = self.parse_balance(self.omit(frame, ["type", "seq"]))
        self._publish(client, "balance")

    _on_portfolio = _on_account_update

    def _ask_positions(self, client: Any) -> None:
        """There is no push of them. What moves while an answer is under way is asked for after it."""
        if not self._wants_positions:
            return
        if self._asks_positions:
            self._has_moved = True
            return
        self._asks_positions, self._has_moved = True, False
        self._send(client, {"type": "query_position", "lots": True})

    def _on_query_response(self, client: Any, frame: Fields) -> None:
        if frame["request_type"] == "query_order":
            self._learn_order(client, frame["data"]["order"])
        elif frame["request_type"] == "query_position":
            self._hold(client, frame["data"]["positions"])

    def _hold(self, client: Any, positions: list[Fields]) -> None:
        """What is held no more is told once, without contracts."""
        held = [side for position in positions for side in self.parse_sides(position)]
        sides = {(side["symbol"], side["side"]): side for side in held}
        none = {"contracts": 0.0, "notional": 0.0, "unrealizedPnl": 0.0, "initialMargin": 0.0, "maintenanceMargin": 0.0}
        gone = [{**self._sides[name], **none} for name in self._sides.keys() - sides.keys()]
        self._sides, self.positions = sides, held + gone
        self._asks_positions = False
        self._publish(client, "positions")
        if self._has_moved:
            self._ask_positions(client)

    # -- the market

    def _on_orderbook_delta(self, client: Any, frame: Fields) -> None:
        market = self.safe_market(frame["instrument_id"])
        symbol, seq = market["symbol"], frame["seq"]
        levels = {side: [[each["price"], each["volume"]] for each in frame[side]] for side in ("bids", "asks")}
        book = self.orderbooks.get(symbol)
        if frame["prev_seq"] is None:
            book = self.orderbooks[symbol] = self.order_book({"symbol": symbol, **levels})
        elif book is None or seq <= book["nonce"]:
            return
        elif frame["prev_seq"] != book["nonce"]:
            del self.orderbooks[symbol]
            self._send(client, book_wanted(market["id"]))
            return
        else:
            for side, changed in levels.items():
                for level in changed:
                    book[side].storeArray(level)
        book["nonce"], book["timestamp"], book["datetime"] = seq, frame["timestamp"], self.iso8601(frame["timestamp"])
        client.resolve(book, f"book:{symbol}")
        self._tell_best(client, symbol, book)

    def _tell_best(self, client: Any, symbol: str, book: Any) -> None:
        """The best of both sides, where somebody waits for them and they are others than before; a book that has had
        nothing yet has nothing to tell."""
        name = f"bidask:{symbol}"
        if name not in client.futures:
            return
        best = {}
        for side in ("bid", "ask"):
            best[side], best[f"{side}Volume"] = (book[f"{side}s"] or [[None, None]])[0][:2]
        before = self.bidsasks.get(symbol) or dict.fromkeys(best)
        if any(before[each] != value for each, value in best.items()):
            moment = {"symbol": symbol, "timestamp": book["timestamp"], "datetime": book["datetime"], "info": {}}
            self.bidsasks[symbol] = self.safe_ticker({**moment, **best}, self.market(symbol))
            client.resolve(self.bidsasks[symbol], name)

    def _on_ticker(self, client: Any, frame: Fields) -> None:
        """A trade of the market; the day after it comes with the last of several."""
        market = self.safe_market(frame["instrument_id"])
        symbol = market["symbol"]
        trade = self.parse_trade({"price": frame["last_price"], **self.omit(frame, ["type", "day"])}, market)
        trades = self.trades.setdefault(symbol, ArrayCache(self.options.get("tradesLimit", KEPT)))
        begins = client.subscriptions.get(f"ticker:{symbol}") == BEGINS
        if begins:
            client.subscriptions[f"ticker:{symbol}"] = True
        if not (begins and len(trades) and same_trade(trades[-1], trade)):
            trades.append(trade)
            client.resolve(trades, f"trades:{symbol}")
        if frame.get("day") is not None:
            ticker = self.parse_ticker(frame["day"], market, {"timestamp": frame["timestamp"]})
            self.tickers[symbol] = ticker
            client.resolve(ticker, f"ticker:{symbol}")

    def _on_kline(self, client: Any, frame: Fields) -> None:
        symbol, period = self.safe_market(frame["instrument_id"])["symbol"], frame["period"]
        of_symbol = self.ohlcvs.setdefault(symbol, {})
        bars = of_symbol.setdefault(period, ArrayCacheByTimestamp(self.options.get("OHLCVLimit", KEPT)))
        bars.append(self.parse_ohlcv(frame))
        client.resolve((symbol, period, bars), f"kline:{symbol}:{period}")


BEGINS = "begins"
"""Of a subscription of `ticker` that has told nothing yet: its first trade may be one that is known."""


def same_trade(one: Fields, other: Fields) -> bool:
    return all(one[name] == other[name] for name in ("timestamp", "price", "amount", "side"))


def book_wanted(instrument_id: str) -> Fields:
    return {"type": "subscribe", "channels": ["orderbook_delta"], "instruments": [instrument_id]}
