"""The line is cut at the worst moments, and each order is there once and each push is heard once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bourse_client import Client, Missed, errors
from bourse_client.messages import Snapshot
from bourse_client.wire import line as life

from tests.clients.wire import Choice, Frame, Wire, changed, once, unknown, wire
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

INSTRUMENT = "IX2301"
PATIENCE = 60.0


def over(line: Wire, server: Server, user_id: str = "user001") -> Client:
    return Client(line.url, user_id, server.token(user_id), patience=PATIENCE)


def of(kind: str, **fields: Any) -> Choice:
    return lambda frame: frame.items() >= ({"type": kind} | fields).items()


LOSSES: dict[str, Callable[[Wire], None]] = {
    "the order": lambda line: setattr(line, "lost_up", once(of("submit_order"))),
    "its answer": lambda line: setattr(line, "lost_down", once(of("order_response"))),
    "its first push": lambda line: setattr(line, "lost_down", once(of("order_status", status="Submitted"))),
}


@pytest.mark.parametrize("lost", LOSSES)
async def test_an_order_is_there_once_whatever_was_lost(server: Server, lost: str) -> None:
    async with wire(server.ws) as line, over(line, server) as buyer:
        states = buyer.order_states()
        LOSSES[lost](line)
        order = await buyer.buy(INSTRUMENT, 1, 119.0)
        assert buyer.live_orders == [order]
        await buyer.cancel(order.order_id)
        await buyer.finished(order.order_id)
        await states.close()
        heard = [(state.order_id, state.status) async for state in states]
        assert heard == [(order.order_id, "Submitted"), (order.order_id, "Cancelled")]
        assert len(line.up) == 2
        assert len(line.sent("submit_order")) == (2 if lost == "the order" else 1)


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
async def test_an_order_of_which_nobody_knows_is_there_once(server: Server, done: bool) -> None:
    """The exchange says so itself, and the connection stays."""
    async with wire(server.ws) as line, over(line, server) as buyer:
        line.told_down = unknown()
        if not done:
            line.told_up = changed(of("submit_order"), price=0.01)
        order = await buyer.buy(INSTRUMENT, 1, 119.0)
        assert buyer.live_orders == [order] and len(line.up) == 1
        assert len(line.sent("submit_order")) == (1 if done else 2)
        line.told_down = unknown()
        await buyer.cancel(order.order_id)
        assert len(line.sent("cancel_order")) == 2, "the second finds it cancelled"
        assert (await buyer.finished(order.order_id)).status == "Cancelled"


@pytest.mark.parametrize("lost", ["the request", "its answer"])
async def test_it_is_known_how_many_were_cancelled_whatever_was_lost(server: Server, lost: str) -> None:
    """The second attempt finds none, where the first has done it."""
    async with wire(server.ws) as line, over(line, server) as buyer:
        for price in (118.0, 118.5, 119.0):
            await buyer.buy(INSTRUMENT, 1, price)
        if lost == "the request":
            line.lost_up = once(of("cancel_all"))
        else:
            line.lost_down = once(of("cancel_all_response"))
        assert await buyer.cancel_all(INSTRUMENT, "SELL") == 0
        assert len(line.sent("cancel_all")) == 2 and len(buyer.live_orders) == 3
        if lost == "the request":
            line.lost_up = once(of("cancel_all"))
        else:
            line.lost_down = once(of("cancel_all_response"))
        assert await buyer.cancel_all(INSTRUMENT) == 3
        assert len(line.sent("cancel_all")) == 4 and buyer.live_orders == []


async def test_an_order_that_is_over_when_the_client_comes_back_is_not_sent_again(server: Server) -> None:
    async with wire(server.ws) as line, over(line, server) as buyer:
        line.lost_down = once(of("order_response"))
        order = await buyer.place(INSTRUMENT, "BUY", 1, 119.0, time_condition="IOC")
        assert order.status == "Cancelled" and order.reason == "NO_TRADE"
        assert len(line.sent("submit_order")) == 1


async def test_what_pushes_do_not_tell_any_more_is_looked_up(server: Server) -> None:
    """As after a night: a snapshot comes in place of the pushes, and the order is over."""
    async with wire(server.ws) as line, over(line, server) as buyer:
        await buyer.place(INSTRUMENT, "BUY", 1, 118.5, time_condition="IOC")

        def lost_after_long(frame: Frame) -> bool:
            if frame["type"] != "order_response":
                return False
            forget(buyer)
            return True

        line.lost_down = once(lost_after_long)
        order = await buyer.place(INSTRUMENT, "BUY", 1, 119.0, time_condition="IOC", client_order_id="at night")
        assert (order.status, order.client_order_id) == ("Cancelled", "at night")
        assert [frame["price"] for frame in line.sent("submit_order")] == [118.5, 119.0]
        assert "from_time" in line.sent("query_orders")[0]


def forget(client: Client) -> None:
    """The number of its last push means nothing to the exchange any more."""
    assert client._connection.known.first.seq is not None
    client._connection.known.first.seq += 1_000_000


async def test_a_cancel_whose_answer_was_lost_is_no_failure(server: Server) -> None:
    async with wire(server.ws) as line, over(line, server) as buyer:
        order = await buyer.buy(INSTRUMENT, 1, 119.0)
        line.lost_down = once(of("order_response"))
        await buyer.cancel(order.order_id)
        assert len(line.sent("cancel_order")) == 2
        assert (await buyer.finished(order.order_id)).status == "Cancelled"


async def test_a_batch_whose_answer_was_lost_is_placed_once(server: Server) -> None:
    order = {"instrument_id": INSTRUMENT, "direction": "BUY", "offset": "OPEN", "order_type": "LIMIT", "volume": 1}
    async with wire(server.ws) as line, over(line, server) as buyer:
        line.lost_down = once(of("orders_response"))
        answer = await buyer.ask("submit_orders", orders=[order | {"price": 118.0}, order | {"price": 118.5}])
        assert [each["success"] for each in answer["results"]] == [True, True]
        assert len(line.sent("submit_orders")) == 2 and await buyer.cancel_all() == 2


async def test_a_push_that_was_lost_comes_again(server: Server) -> None:
    """Nobody notices that a frame is missing, until the number of the next one tells it."""
    async with wire(server.ws) as line, over(line, server) as buyer:
        states = buyer.order_states()
        line.silent_down = once(of("order_status", status="Submitted"))
        order = await buyer.buy(INSTRUMENT, 1, 119.0)
        await buyer.cancel(order.order_id)
        await buyer.finished(order.order_id)
        await states.close()
        assert [state.status async for state in states] == ["Submitted", "Cancelled"]
        assert len(line.sent("resume")) == 2


async def test_pushes_that_are_gone_for_good_are_told_of(server: Server) -> None:
    async with wire(server.ws) as line, over(line, server) as buyer:
        states, pushes = buyer.order_states(), buyer.pushes()
        order = await buyer.buy(INSTRUMENT, 1, 119.0)
        assert (await anext(states)).order_id == order.order_id
        forget(buyer)
        assert buyer._connection._line is not None
        buyer._connection._line.hang_up()
        with pytest.raises(Missed):
            await anext(states)
        assert [each.order_id for each in buyer.live_orders] == [order.order_id]
        async for push in pushes:
            if isinstance(push, Snapshot):
                break
        await buyer.cancel(order.order_id)
        state = await anext(states)
        assert state.status == "Cancelled"


async def test_books_begin_anew(server: Server) -> None:
    async with (
        wire(server.ws) as line,
        over(line, server) as buyer,
        buyer.books(INSTRUMENT) as books,
        asyncio.timeout(PATIENCE),
    ):
        line.lost_down = once(of("order_response"))
        await buyer.buy(INSTRUMENT, 1, 119.0)
        async for book in books:
            if book.best_bid == 119.0:
                break
        assert [frame["channels"] for frame in line.up[1] if frame["type"] == "subscribe"] == [["orderbook_delta"]]
        line.silent_down = once(of("orderbook_delta"))
        await buyer.buy(INSTRUMENT, 1, 118.5)  # Its change does not arrive,
        await seen(lambda: any(118.5 in prices(frame) for frame in line.down[-1]))
        await buyer.buy(INSTRUMENT, 1, 118.0)  # and so this one has a hole before it.
        async for book in books:
            if [level.price for level in book.bids] == [119.0, 118.5, 118.0]:
                break
        await buyer.cancel_all()


def prices(frame: Frame) -> set[float]:
    """Those that are bid in a frame of the book."""
    return {level["price"] for level in frame.get("bids", [])}


async def test_a_token_that_is_revoked_ends_the_client(new_server: Callable[..., Server]) -> None:
    server = new_server(TOKEN_LOOK_SECONDS=0.1)
    async with Client(server.ws, "user001", server.token("user001"), patience=PATIENCE) as buyer:
        states = buyer.order_states()
        await asyncio.to_thread(server.manage, "revoke_token", "user001")
        with pytest.raises(errors.NotAuthenticated):
            await anext(states)
        with pytest.raises(errors.NotAuthenticated):
            await buyer.cancel_all()


async def test_no_server_is_a_clear_error(unused_tcp_port: int) -> None:
    with pytest.raises(errors.Lost, match="gave no connection within"):
        async with Client(f"http://127.0.0.1:{unused_tcp_port}", patience=0.2):
            raise AssertionError("nobody is there")


async def seen(is_there: Callable[[], bool]) -> None:
    """Wait until the wire has seen it."""
    async with asyncio.timeout(PATIENCE):
        while not is_there():
            await asyncio.sleep(0.01)


async def test_pings_are_answered_and_sent(new_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "PING_SECONDS", 0.05)
    server = new_server(PING_SECONDS=0.1)
    async with wire(server.ws) as line, over(line, server):
        await seen(lambda: len(line.sent("pong")) > 2 and len(line.sent("ping")) > 2)
        assert len(line.up) == 1


async def test_a_server_that_says_nothing_is_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "PING_SECONDS", 0.05)
    async with wire(server.ws) as line, over(line, server):
        monkeypatch.setattr(life, "SILENCE_SECONDS", -1.0)
        await seen(lambda: len(line.up) > 1)
        monkeypatch.setattr(life, "SILENCE_SECONDS", 60.0)
