"""The client trades on a live server: orders, what is kept, streams, refusals, limits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from bourse_client import Client, Lost, Refused, SyncClient, errors
from bourse_client.messages import Account, Order, Trade
from bourse_client.streams import Stream
from bourse_client.wire.addresses import socket_address

from tests.e2e.server import Server

INSTRUMENT = "IX2301"
PATIENCE = 60.0


def client(server: Server, user_id: str) -> Client:
    return Client(server.http, user_id, server.token(user_id), patience=PATIENCE)


async def following(stream: Stream[Any], is_wanted: Callable[[Any], bool]) -> Any:
    """Read on until this comes."""
    async with asyncio.timeout(PATIENCE):
        async for value in stream:
            if is_wanted(value):
                return value
    raise AssertionError("the stream has ended")


async def flat(*clients: Client) -> None:
    """Close what the test has opened, so that the next one finds the market as it was. Both know their positions, for
    an answer comes behind the pushes of what was done before."""
    buyer, seller = clients
    await buyer.cancel_all()
    await seller.cancel_all()
    lots = buyer.positions[INSTRUMENT].volume_long if INSTRUMENT in buyer.positions else 0
    if lots:
        offered = await buyer.place(INSTRUMENT, "SELL", lots, 119.5, offset="CLOSE")
        taken = await seller.place(INSTRUMENT, "BUY", lots, 119.5, offset="CLOSE")
        await seller.finished(taken.order_id)
        await buyer.finished(offered.order_id)  # each hears of it in its own time


async def test_an_order_from_its_beginning_to_its_end(server: Server) -> None:
    async with client(server, "user001") as buyer, client(server, "user002") as seller:
        trades, states, accounts = buyer.trades(), buyer.order_states(), buyer.accounts()
        order = await buyer.buy(INSTRUMENT, 3, 119.5, time_condition="GTC", client_order_id="first")
        assert (order.status, order.direction, order.volume, order.client_order_id) == ("Submitted", "BUY", 3, "first")
        assert buyer.live_orders == [order]
        await buyer.amend(order.order_id, price=119.0, volume=4)
        await following(states, lambda state: state.price == 119.0 and state.volume == 4)
        assert buyer.orders[order.order_id].price == 119.0

        sold = await seller.sell(INSTRUMENT, 1, 119.0)
        assert (await seller.finished(sold.order_id)).status == "Filled"
        trade = await following(trades, lambda trade: True)
        assert isinstance(trade, Trade) and (trade.order_id, trade.volume) == (order.order_id, 1)
        account = await following(accounts, lambda account: account.margin > 0)
        assert isinstance(account, Account) and buyer.account is not None and buyer.account.margin == account.margin
        assert buyer.positions[INSTRUMENT].volume_long == buyer.positions[INSTRUMENT].net == 1
        assert seller.positions[INSTRUMENT].volume_short == 1

        await buyer.cancel(order.order_id)
        finished = await buyer.finished(order.order_id)
        assert (finished.status, finished.filled_volume, finished.remaining_volume) == ("Cancelled", 1, 3)
        with pytest.raises(errors.OrderFinished) as late:
            await buyer.cancel(order.order_id)
        assert (late.value.status, late.value.filled_volume) == ("Cancelled", 1)
        assert finished == await buyer.query_order(order.order_id)
        await flat(buyer, seller)
        assert buyer.positions == {}
        asked = await buyer.query_trades(most=2)
        assert [each.order_id for each in asked][1] == order.order_id


async def test_what_a_fresh_client_knows(server: Server) -> None:
    async with client(server, "user001") as buyer:
        order = await buyer.buy(INSTRUMENT, 2, 119.0)
        async with client(server, "user001") as fresh:
            assert fresh.live_orders == [order]
            assert fresh.account is not None and (await fresh.query_account())["balance"] == fresh.account.balance
            assert await fresh.cancel_all(INSTRUMENT, "BUY") == 1
            assert (await fresh.finished(order.order_id)).status == "Cancelled"
        assert (await buyer.finished(order.order_id)).status == "Cancelled"
        assert [each.order_id for each in await buyer.query_orders(most=1)] == [order.order_id]
        assert await buyer.query_positions() == []


@pytest.mark.parametrize(
    ("volume", "price", "kind"),
    [(1, 119.7, errors.OffTick), (10_000, 119.5, errors.BadVolume), (1, 1.0, errors.PriceLimit)],
)
async def test_a_refusal_is_an_exception(server: Server, volume: float, price: float, kind: type[Refused]) -> None:
    async with client(server, "user001") as buyer:
        with pytest.raises(kind):
            await buyer.buy(INSTRUMENT, volume, price)
        assert buyer.live_orders == []


async def test_an_own_id_holds_for_one_order(server: Server) -> None:
    async with client(server, "user001") as buyer:
        order = await buyer.buy(INSTRUMENT, 1, 119.0, client_order_id="the one")
        assert await buyer.buy(INSTRUMENT, 1, 119.0, client_order_id="the one") == order
        with pytest.raises(errors.Duplicate):
            await buyer.buy(INSTRUMENT, 2, 119.0, client_order_id="the one")
        assert buyer.live_orders == [order]
        await buyer.cancel_all()


async def test_a_wrong_token_ends_it(server: Server) -> None:
    with pytest.raises(errors.NotAuthenticated, match="Invalid credentials"):
        async with Client(server.http, "user001", "wrong", patience=PATIENCE):
            raise AssertionError("nobody has signed in")


async def test_who_is_nobody_sees_the_market_and_cannot_trade(server: Server) -> None:
    async with Client(server.ws, patience=PATIENCE) as visitor:
        assert INSTRUMENT in {each.instrument_id for each in await visitor.instruments()}
        with pytest.raises(errors.NotAuthenticated):
            await visitor.buy(INSTRUMENT, 1, 119.5)
        with pytest.raises(errors.InstrumentUnknown, match="NONE"):
            await visitor.tickers("NONE").start()


async def test_market_data(server: Server) -> None:
    async with client(server, "user001") as buyer, client(server, "user002") as seller:
        async with buyer.tickers(INSTRUMENT) as tickers, buyer.bars(INSTRUMENT) as bars:
            await buyer.buy(INSTRUMENT, 2, 119.5)
            await seller.sell(INSTRUMENT, 2, 119.5)
            ticker = await following(tickers, lambda ticker: (ticker.volume, ticker.direction) == (2, "SELL"))
            assert ticker.last_price == 119.5
            bar = await following(bars, lambda bar: bar.close == 119.5)
            assert bar.start in {each.start for each in await buyer.past_bars(INSTRUMENT)}
        await flat(buyer, seller)


async def test_the_kept_book_is_the_book(server: Server) -> None:
    dice = random.Random(7)
    async with client(server, "user001") as maker, Client(server.ws, patience=PATIENCE) as visitor:
        async with visitor.books(INSTRUMENT) as books:
            orders: list[Order] = []
            for _ in range(60):
                if orders and dice.random() < 0.3:
                    await maker.cancel(orders.pop(dice.randrange(len(orders))).order_id)
                elif dice.random() < 0.5:
                    orders.append(await maker.buy(INSTRUMENT, dice.randint(1, 5), 119.5 - 0.5 * dice.randint(0, 9)))
                else:
                    orders.append(await maker.sell(INSTRUMENT, dice.randint(1, 5), 120 + 0.5 * dice.randint(0, 9)))
            levels: dict[tuple[str, float], float] = {}
            for order in maker.live_orders:
                key = (order.direction, order.price or 0)
                levels[key] = levels.get(key, 0) + order.volume

            def is_whole(book: Any) -> bool:
                sides = (("BUY", book.bids), ("SELL", book.asks))
                return {(side, each.price): each.volume for side, found in sides for each in found} == levels

            book = await following(books, is_whole)
            assert book.best_bid == max(price for side, price in levels if side == "BUY")
            async with Client(server.ws, patience=PATIENCE) as late, late.books(INSTRUMENT) as whole:
                fresh = await anext(whole)
                assert (fresh.bids, fresh.asks, fresh.seq) == (book.bids, book.asks, book.seq)
        await maker.cancel_all()


async def test_two_read_one_book_and_one_leaves(server: Server) -> None:
    async with client(server, "user001") as maker, Client(server.ws, patience=PATIENCE) as visitor:
        async with visitor.books(INSTRUMENT) as staying:
            async with visitor.book_changes(INSTRUMENT) as leaving:
                assert (await anext(leaving)).prev_seq is None
            await maker.buy(INSTRUMENT, 1, 118.5)
            await following(staying, lambda book: book.best_bid == 118.5)
        async with visitor.books(INSTRUMENT) as again:
            await following(again, lambda book: book.best_bid == 118.5)
        await maker.cancel_all()


@pytest.mark.slow
async def test_limits_are_waited_for(new_server: Callable[..., Server]) -> None:
    """Twice as many as may come at once, and all get through."""
    server = new_server(RATE_LIMITS="on", ORDERS_PER_SECOND=10, REQUESTS_PER_SECOND=10)
    async with client(server, "user001") as buyer:
        orders = await asyncio.gather(*(buyer.buy(INSTRUMENT, 1, 119.0) for _ in range(40)))
        assert len({order.order_id for order in orders}) == 40
        assert await buyer.cancel_all() == 40


async def test_what_waits_hears_that_the_client_was_closed(server: Server) -> None:
    async with client(server, "user001") as buyer:
        order = await buyer.buy(INSTRUMENT, 1, 119.0)
        waiting = asyncio.create_task(buyer.finished(order.order_id))
        trades = buyer.trades()
        reading = asyncio.create_task(anext(trades))
        await asyncio.sleep(0)
    with pytest.raises(Lost, match="closed"):
        await waiting
    with pytest.raises(StopAsyncIteration):
        await reading
    with pytest.raises(Lost, match="closed"):
        await buyer.cancel_all()
    async with client(server, "user001") as buyer:
        assert await buyer.cancel_all() == 1


def test_without_asyncio_it_is_the_same(server: Server) -> None:
    with SyncClient(server.http, "user001", server.token("user001"), patience=PATIENCE) as buyer:
        with buyer.order_states() as states, buyer.books(INSTRUMENT) as books:
            order = buyer.buy(INSTRUMENT, 1, 119.0)
            assert next(states).order_id == order.order_id
            assert any(book.best_bid == 119.0 for book in books)
        with pytest.raises(errors.OffTick):
            buyer.sell(INSTRUMENT, 1, 120.3)
        buyer.amend(order.order_id, price=118.5)
        buyer.cancel_after(60)
        assert [each.order_id for each in buyer.live_orders] == [order.order_id]
        buyer.cancel(order.order_id)
        assert buyer.finished(order.order_id).status == "Cancelled"
        buyer.cancel_after(0)
        trades = buyer.trades()
    with pytest.raises(Lost):
        buyer.account and next(trades)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://localhost:8081", "ws://localhost:8081/ws"),
        ("https://bourse.example/", "wss://bourse.example/ws"),
        ("wss://bourse.example/ws", "wss://bourse.example/ws"),
        ("http://bourse.example/api/v1/", "ws://bourse.example/ws"),
    ],
)
def test_an_address_may_be_that_of_the_page(url: str, address: str) -> None:
    assert socket_address(url) == address


@pytest.mark.parametrize(
    "url", ["localhost:8081", "ftp://localhost:8081", "http://", "", "http://[::1", "http://h:x", "http://h:0"]
)
def test_what_is_no_address_is_said_before_anything_is_tried(url: str) -> None:
    with pytest.raises(ValueError, match="is no address of an exchange"):
        Client(url, "user001", "T")
