"""What the class for the socket makes of frames, without a server: `sent` is what it would have said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import pytest
from ccxt_bourse import pro

from tests.clients.ccxt.told import ENDLESS, INSTRUMENT, ORDER, POSITION, SYMBOL, TRADE, Fields
from tests.e2e.server import PATIENCE

ACCOUNT = {"balance": 1000.0, "available": 900.0}
NEW: Fields = {
    "order_id": ORDER["order_id"],
    "status": "Submitted",
    "filled_volume": 0.0,
    "remaining_volume": 5.0,
    "timestamp": 1696320001000,
    "price": 120.0,
    "volume": 5.0,
    "instrument_id": "IX2301",
    "direction": "BUY",
    "offset": "OPEN",
    "order_type": "LIMIT",
    "client_order_id": "mine-1",
    "time_condition": "GTC",
}
LATER: Fields = {
    "order_id": ORDER["order_id"],
    "remaining_volume": 4.0,
    "filled_volume": 1.0,
    "timestamp": 1696320009000,
    "average_price": 119.5,
}
FILL = {name: TRADE[name] for name in ("trade_id", "order_id", "instrument_id", "direction", "offset")} | {
    "price": 119.5,
    "volume": 1.0,
    "timestamp": 1696320009000,
    "commission": 2.1,
    "is_maker": True,
}


class Line:
    """A connection that nobody holds the other end of."""

    def __init__(self) -> None:
        self.exchange = pro.bourse({"apiKey": "user001", "secret": "TOKEN", "timeout_on_exit": 0})
        self.exchange.set_markets([self.exchange.parse_market(each) for each in (INSTRUMENT, ENDLESS)])
        self.client = self.exchange.client(self.exchange._url())
        self.sent: list[Fields] = []
        self.client.send = self._send

    async def _send(self, message: Fields) -> None:
        self.sent.append(message)

    def hear(self, kind: str, **fields: Any) -> None:
        self.exchange.handle_message(self.client, {"type": kind, **fields})

    def sign_in(self, seq: int = 10, **snapshot: Any) -> None:
        self.hear("auth_response", success=True, user_id="user001", message="")
        self.hear("resume_response", success=True, last_seq=seq)
        self.hear("snapshot", seq=seq, **{"account": ACCOUNT, "positions": [], "orders": []} | snapshot)

    async def next_said(self) -> Fields:
        """What is said next by who asks for it."""
        async with asyncio.timeout(PATIENCE):
            while not self.sent:
                await asyncio.sleep(0)
        return self.sent.pop(0)

    async def said(self) -> list[Fields]:
        """Since the last time that somebody asked."""
        while self.exchange._sending:
            await asyncio.gather(*self.exchange._sending)
        said, self.sent = self.sent, []
        return said

    def orders(self) -> list[tuple[Any, ...]]:
        return [(order["id"], order["status"], order["filled"], order["average"]) for order in self.exchange.orders]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    yield line
    await line.exchange.close()


async def test_a_fresh_connection_asks_how_all_is(line: Line) -> None:
    waits = asyncio.ensure_future(line.client.future("authenticated"))
    line.hear("auth_response", success=True, user_id="user001", message="")
    assert await line.said() == [{"type": "resume"}]
    line.hear("order_status", seq=10, **NEW)
    line.hear("resume_response", success=True, last_seq=10)
    assert not waits.done() and line.orders() == []
    line.hear("snapshot", seq=10, account=ACCOUNT, positions=[], orders=[ORDER])
    assert await waits is True
    assert line.exchange.balance["CNY"] == {"total": 1000.0, "free": 900.0, "used": 100.0}
    line.hear("order_status", seq=11, status="Cancelled", **LATER | {"filled_volume": 3.0, "remaining_volume": 2.0})
    assert line.orders() == [(ORDER["order_id"], "canceled", 3, 119.5)]


async def test_who_is_not_let_in_reads_why(line: Line) -> None:
    waits = asyncio.ensure_future(line.client.future("authenticated"))
    line.hear("auth_response", success=False, user_id="user001", message="Invalid credentials")
    with pytest.raises(ccxt.AuthenticationError, match="Invalid credentials"):
        await waits
    assert line.client.subscriptions == {}


async def test_an_order_and_its_fills(line: Line) -> None:
    line.sign_in()
    line.hear("order_status", seq=11, **NEW)
    line.hear("trade", seq=12, **FILL)
    line.hear("order_status", seq=13, status="PartiallyFilled", **LATER)
    assert line.orders() == [(ORDER["order_id"], "open", 1, 119.5)]
    (order,), (trade,) = line.exchange.orders, line.exchange.myTrades
    assert (order["clientOrderId"], order["timeInForce"], order["postOnly"]) == ("mine-1", "GTC", False)
    assert (order["cost"], order["fee"]["cost"], trade["fee"]["cost"]) == (11_950, 2.1, 2.1)
    assert trade["takerOrMaker"] == "maker"
    assert (trade["id"], trade["order"], trade["side"], trade["amount"]) == (TRADE["trade_id"], order["id"], "buy", 1)


async def test_an_order_whose_fills_are_not_all_known_has_an_average_where_the_exchange_has_one(line: Line) -> None:
    line.sign_in(orders=[ORDER])
    line.hear("trade", seq=11, **FILL)
    line.hear("order_status", seq=12, status="PartiallyFilled", **LATER | {"filled_volume": 4.0})
    (order,) = line.exchange.orders
    assert line.orders() == [(ORDER["order_id"], "open", 4, 119.5)]
    assert (order["cost"], order["fee"], order["trades"]) == (47_800, None, None)
    line.exchange._known[ORDER["order_id"]].pop("average_price")
    line.hear("order_status", seq=13, status="Cancelled", order_id=ORDER["order_id"], filled_volume=4.0,
              remaining_volume=1.0, timestamp=1)  # fmt: skip
    assert line.orders() == [(ORDER["order_id"], "canceled", 4, None)], "its price is not taken for it"


async def test_no_push_counts_twice_and_a_hole_is_asked_for(line: Line) -> None:
    line.sign_in()
    await line.said()
    line.hear("trade", seq=10, **FILL | {"trade_id": "T10"})
    line.hear("trade", seq=11, **FILL)
    line.hear("trade", seq=11, **FILL | {"trade_id": "T11"})
    assert [trade["id"] for trade in line.exchange.myTrades] == [TRADE["trade_id"]]
    line.hear("trade", seq=13, **FILL | {"trade_id": "T13"})
    assert await line.said() == [{"type": "resume", "last_seq": 11}]
    line.hear("trade", seq=14, **FILL | {"trade_id": "T14"})
    assert await line.said() == []
    line.hear("resume_response", success=True, last_seq=14)
    for seq in (12, 13, 14):
        line.hear("trade", seq=seq, **FILL | {"trade_id": f"T{seq}"})
    assert [trade["id"] for trade in line.exchange.myTrades] == [TRADE["trade_id"], "T12", "T13", "T14"]


async def test_pushes_of_another_market_are_not_ours(line: Line) -> None:
    line.sign_in()
    line.hear("account_update", market="CFFEX", market_seq=11, **ACCOUNT | {"balance": 1.0})
    assert line.exchange.balance["CNY"]["total"] == 1000


async def test_what_is_not_kept_any_more_is_told_as_it_is(line: Line) -> None:
    """One order has ended meanwhile, and one is new."""
    line.sign_in(orders=[ORDER])
    await line.said()
    line.sign_in(seq=20, orders=[ORDER | {"order_id": "O26963200010000000002"}])
    assert (await line.said())[-1] == {"type": "query_order", "order_id": ORDER["order_id"]}
    assert line.orders() == [("O26963200010000000002", "open", 3, None)]
    line.hear("query_response", request_type="query_order", data={"order": ORDER | {"status": "Cancelled"}})
    assert line.orders()[-1] == (ORDER["order_id"], "canceled", 3, None)


async def test_another_exchange_at_the_same_address(line: Line) -> None:
    line.sign_in(seq=100)
    await line.said()
    line.hear("resume_response", success=True, last_seq=3)
    assert await line.said() == [{"type": "resume"}]
    line.hear("resume_response", success=True, last_seq=3)
    line.hear("snapshot", seq=3, account=ACCOUNT, positions=[], orders=[])
    line.hear("order_status", seq=4, **NEW)
    assert line.orders() == [(ORDER["order_id"], "open", 0, None)]


async def test_what_a_stop_waits_for_is_asked(line: Line) -> None:
    line.sign_in()
    await line.said()
    line.hear("order_status", seq=11, **NEW | {"status": "Waiting"})
    assert await line.said() == [{"type": "query_order", "order_id": ORDER["order_id"]}]
    line.hear("order_status", seq=12, **LATER | {"status": "Submitted"})
    asked = ORDER | {"status": "Waiting", "filled_volume": 0.0, "stop_price": 121.0}
    line.hear("query_response", request_type="query_order", data={"order": asked})
    (order,) = line.exchange.orders
    assert (order["triggerPrice"], order["filled"], order["timeInForce"]) == (121.0, 1, "GTC")


async def test_what_nobody_waited_for_is_given_to_who_asks_next(line: Line) -> None:
    line.client.subscriptions["authenticated"] = True
    line.client.futures["authenticated"] = line.client.future("authenticated")
    line.sign_in()
    line.hear("order_status", seq=11, **NEW)
    assert [order["id"] for order in await line.exchange.watch_orders(SYMBOL)] == [ORDER["order_id"]]
    line.hear("trade", seq=12, **FILL)
    line.hear("trade", seq=13, **FILL | {"trade_id": "T13"})
    assert [trade["id"] for trade in await line.exchange.watch_my_trades()] == [TRADE["trade_id"], "T13"]
    assert (await line.exchange.watch_balance())["CNY"]["free"] == 900


async def test_positions_are_asked_for_after_what_changes_them(line: Line) -> None:
    line.exchange._wants_positions = True
    line.sign_in()
    query = {"type": "query_position", "lots": True}
    assert query in await line.said()
    line.hear("trade", seq=11, **FILL)
    line.hear("trade", seq=12, **FILL | {"trade_id": "T12"})
    assert await line.said() == []
    line.hear("query_response", request_type="query_position", data={"positions": [POSITION]})
    assert await line.said() == [query]
    line.hear("query_response", request_type="query_position", data={"positions": [POSITION | {"volume_short": 0.0}]})
    told = [(side["side"], side["contracts"]) for side in line.exchange.positions]
    assert told == [("long", 3), ("short", 0)]
    line.hear("trade", seq=13, **FILL | {"trade_id": "T13"})
    line.hear("query_response", request_type="query_position", data={"positions": []})
    assert [(side["side"], side["contracts"]) for side in line.exchange.positions] == [("long", 0)]


def level(price: float, volume: float) -> Fields:
    return {"price": price, "volume": volume, "order_count": 1}


async def test_a_book_is_kept_and_a_hole_in_it_is_noticed(line: Line) -> None:
    def delta(seq: int, before: int | None, *bids: Fields) -> None:
        line.hear(
            "orderbook_delta",
            instrument_id="IX2301",
            seq=seq,
            prev_seq=before,
            bids=list(bids),
            asks=[],
            timestamp=seq,
        )

    def bids() -> list[list[float]]:
        return [list(each) for each in line.exchange.orderbooks[SYMBOL]["bids"]]

    delta(5, 4, level(1.0, 1.0))
    assert SYMBOL not in line.exchange.orderbooks
    delta(5, None, level(119.0, 2.0), level(119.5, 1.0))
    assert bids() == [[119.5, 1.0], [119.0, 2.0]]
    delta(6, 5, level(119.5, 0.0), level(118.5, 7.0))
    delta(6, 5, level(119.0, 0.0))
    assert bids() == [[119.0, 2.0], [118.5, 7.0]] and line.exchange.orderbooks[SYMBOL]["nonce"] == 6
    delta(9, 8, level(119.0, 9.0))
    assert SYMBOL not in line.exchange.orderbooks
    again = {"type": "subscribe", "channels": ["orderbook_delta"], "instruments": ["IX2301"]}
    assert await line.said() == [again]
    delta(10, 9, level(119.0, 9.0))
    delta(10, None, level(119.0, 9.0))
    assert bids() == [[119.0, 9.0]]


async def test_the_trade_that_a_subscription_begins_with_is_not_told_twice(line: Line) -> None:
    def trade(timestamp: int, day: Fields | None = None) -> None:
        fields = {"last_price": 120.0, "volume": 1.0, "timestamp": timestamp, "direction": "SELL"}
        line.hear("ticker", instrument_id="IX2301", **fields, **({} if day is None else {"day": day}))

    def times() -> list[int]:
        return [each["timestamp"] for each in line.exchange.trades[SYMBOL]]

    trade(7)
    trade(7)
    assert times() == [7, 7] and SYMBOL not in line.exchange.tickers
    line.client.subscriptions[f"ticker:{SYMBOL}"] = "begins"
    trade(7)
    assert times() == [7, 7]
    day: Fields = dict.fromkeys(("open", "high", "low", "change"), 1.0)
    day |= {"instrument_id": "IX2301", "last_price": 120.0, "volume": 2.0, "turnover": 2.0, "settlement_price": 119.0}
    trade(7, day)
    assert times() == [7, 7, 7]
    assert (line.exchange.tickers[SYMBOL]["last"], line.exchange.tickers[SYMBOL]["timestamp"]) == (120, 7)


async def test_a_refusal_reaches_whom_it_concerns(line: Line) -> None:
    message = line.exchange._numbered({"type": "subscribe"}, ("ticker:X",), "ticker:X", "trades:X")
    line.client.subscriptions["ticker:X"] = True
    hurt = [asyncio.ensure_future(line.client.future(name)) for name in ("ticker:X", "trades:X")]
    other = asyncio.ensure_future(line.client.future("orders"))
    line.hear("subscribe_response", success=False, request_id=message["request_id"], message="no X", error_code=1004)
    for each in hurt:
        with pytest.raises(ccxt.BadSymbol, match="bourse 1004 no X"):
            await each
    assert not other.done() and line.client.subscriptions == {}
    line.hear("error", code=401, message="Token revoked")
    with pytest.raises(ccxt.AuthenticationError, match="Token revoked"):
        await other


async def test_a_frame_that_cannot_be_understood_ends_the_connection_loudly(line: Line) -> None:
    waits = asyncio.ensure_future(line.client.future("orders"))
    line.hear("kline", colour="red")
    with pytest.raises(KeyError):
        await asyncio.wait_for(waits, PATIENCE)
    assert line.client.url not in line.exchange.clients


async def test_whose_connection_it_is(line: Line) -> None:
    assert line.client.url == "ws://localhost:8081/ws?user_id=user001"
    stranger = pro.bourse({"hostname": "https://bourse.example", "timeout_on_exit": 0})
    assert stranger._url() == "wss://bourse.example/ws"
    with pytest.raises(ccxt.AuthenticationError):
        await stranger.authenticate()
    await stranger.close()
