"""A user hears over the socket what happens at a live server, and loses nothing over its restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import ccxt
import pytest
from ccxt_bourse import pro

from tests.clients.ccxt.people import ENDLESS as SYMBOL
from tests.clients.ccxt.people import user
from tests.e2e.cluster.making import OneOfMany
from tests.e2e.cluster.where import Where
from tests.e2e.server import PATIENCE, Server

pytestmark = pytest.mark.long

Ask = Callable[[], Any]


@asynccontextmanager
async def watcher(server: Server, user_id: str = "user001") -> AsyncIterator[Any]:
    """Signed in: what happens from now on is told."""
    config = {"apiKey": user_id, "secret": server.token(user_id), "hostname": server.http, "timeout_on_exit": 0}
    async with pro.bourse(config) as exchange:
        await exchange.load_markets()
        await exchange.authenticate()
        yield exchange


async def until(ask: Ask, is_so: Callable[[Any], Any]) -> Any:
    """What is watched, again and again until it is so; who is cut off asks again."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                if is_so(found := await ask()):
                    return found
            except ccxt.NetworkError:
                await asyncio.sleep(0)


async def trade(buyer: Any, server: Server, price: float, lots: int = 1) -> Any:
    """A buyer's order that is filled; answers with the order as it was placed."""
    order = await buyer.create_order(SYMBOL, "limit", "buy", lots, price)
    await asyncio.to_thread(sell, server, price, lots)
    return order


def sell(server: Server, price: float, lots: int) -> None:
    with user(server, "user002") as seller:
        assert seller.create_order(SYMBOL, "limit", "sell", lots, price)["status"] == "closed"


async def test_orders_trades_positions_and_the_balance(server: Server) -> None:
    async with watcher(server) as buyer:
        assert (await buyer.watch_balance())["CNY"]["total"] == 10_000_000
        assert await buyer.watch_positions([SYMBOL]) == []
        order = await trade(buyer, server, 120, 2)

        def is_over(orders: Any) -> bool:
            return any(each["id"] == order["id"] and each["status"] == "closed" for each in orders)

        (told,) = [each for each in await until(buyer.watch_orders, is_over) if each["id"] == order["id"]]
        assert (told["filled"], told["average"], told["cost"], told["side"]) == (2, 120, 24_000, "buy")
        trades = await until(lambda: buyer.watch_my_trades(SYMBOL), len)
        assert [(each["order"], each["amount"], each["price"]) for each in trades] == [(order["id"], 2, 120)]
        held = await until(lambda: buyer.watch_positions([SYMBOL]), len)
        assert [(each["side"], each["contracts"]) for each in held] == [("long", 2)]
        assert await until(buyer.watch_balance, lambda told: told["CNY"]["used"] > 0)

        await buyer.create_order(SYMBOL, "limit", "sell", 2, 120, {"reduceOnly": True})
        with user(server, "user002") as seller:
            await asyncio.to_thread(seller.create_order, SYMBOL, "limit", "buy", 2, 120, {"reduceOnly": True})
        gone = await until(buyer.watch_positions, lambda sides: any(each["contracts"] == 0 for each in sides))
        assert [each["side"] for each in gone] == ["long"]


async def test_a_stop_tells_what_it_waits_for(server: Server) -> None:
    async with watcher(server) as buyer:
        stop = await buyer.create_order(SYMBOL, "market", "buy", 1, None, {"triggerPrice": 125})
        told = await until(buyer.watch_orders, lambda orders: any(each["triggerPrice"] for each in orders))
        assert [(each["id"], each["triggerPrice"], each["status"]) for each in told] == [(stop["id"], 125, "open")]
        await buyer.cancel_order(stop["id"])
        await until(lambda: buyer.watch_orders(SYMBOL), lambda orders: orders[-1]["status"] == "canceled")


async def test_the_market(server: Server) -> None:
    async with watcher(server) as buyer, pro.bourse({"hostname": server.http, "timeout_on_exit": 0}) as stranger:
        book = await stranger.watch_order_book(SYMBOL)
        assert (book["bids"], book["asks"]) == ([], [])
        waits = [
            asyncio.ensure_future(until(ask, is_so))
            for ask, is_so in (
                (lambda: stranger.watch_ticker(SYMBOL), lambda ticker: ticker["last"] == 121),
                (lambda: stranger.watch_trades(SYMBOL), lambda trades: trades[-1]["price"] == 121),
                (lambda: stranger.watch_ohlcv(SYMBOL, "1m"), lambda bars: bars[-1][4] == 121),
            )
        ]
        await trade(buyer, server, 121, 3)
        ticker, trades, bars = await asyncio.gather(*waits)
        assert ticker["high"] >= 121 >= ticker["low"] and ticker["baseVolume"] >= 300
        assert (trades[-1]["amount"], trades[-1]["side"]) == (3, "sell") and bars[-1][2] >= 121
        for price in (119, 118.5):
            await buyer.create_order(SYMBOL, "limit", "buy", 2, price)
        full = await until(lambda: stranger.watch_order_book(SYMBOL), lambda book: len(book["bids"]) == 2)
        assert list(full["bids"]) == [[119, 2], [118.5, 2]]
        await buyer.cancel_all_orders(SYMBOL)
        await until(lambda: stranger.watch_order_book(SYMBOL, 1), lambda book: book["bids"] == [])
        with pytest.raises(ccxt.BadRequest):
            await stranger.watch_ohlcv(SYMBOL, "7m")


async def test_a_restart_of_the_server_loses_nothing(where: Where) -> None:
    """What happens between the restart and the next question of the watcher is told then, once and in order. Where the
    engine alone is another one, no connection is lost."""
    server = where()
    async with watcher(server) as buyer:
        resting = await buyer.create_order(SYMBOL, "limit", "buy", 1, 118)
        await until(buyer.watch_orders, lambda orders: orders[-1]["id"] == resting["id"])
        book = await until(lambda: buyer.watch_order_book(SYMBOL), lambda book: len(book["bids"]))
        assert list(book["bids"]) == [[118, 1]]
        waits = asyncio.ensure_future(buyer.watch_orders())
        await asyncio.sleep(0)
        await asyncio.to_thread(server.kill)
        if type(server) is not OneOfMany:
            with pytest.raises(ccxt.NetworkError):
                await waits
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(sell, server, 118, 1)

        told = await until(buyer.watch_orders, lambda orders: orders[-1]["status"] == "closed")
        assert (told[-1]["id"], told[-1]["filled"], told[-1]["average"]) == (resting["id"], 1, 118)
        assert [each["order"] for each in await until(buyer.watch_my_trades, len)] == [resting["id"]]
        book = await until(lambda: buyer.watch_order_book(SYMBOL), lambda book: not book["bids"])
        again = await buyer.create_order(SYMBOL, "limit", "buy", 1, 117)
        await until(buyer.watch_orders, lambda orders: orders[-1]["id"] == again["id"])
        assert [each["order"] for each in buyer.myTrades] == [resting["id"]]


async def test_who_says_nothing_stays_connected(new_server: Callable[..., Server]) -> None:
    """The server closes who is silent: pongs of the class are life enough."""
    server = new_server(IDLE_SECONDS=1, PING_SECONDS=0.2)
    async with watcher(server) as buyer:
        client = buyer.client(buyer._url())
        pings = 0
        hear = buyer.handle_message
        heard = asyncio.Event()

        def count(client: Any, frame: Any) -> None:
            nonlocal pings
            pings += frame["type"] == "ping"
            if pings > 12:
                heard.set()
            hear(client, frame)

        client.on_message_callback = count
        async with asyncio.timeout(PATIENCE):
            await heard.wait()
        assert buyer.client(buyer._url()) is client and not client.closed()
