"""Orders and queries over HTTP, against a live server; and the way to it is cut, or is busy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from bourse_client import Client, errors
from bourse_client.rest import RestClient, SyncRestClient
from bourse_client.rest.routes import ROUTES, Call, call_of
from bourse_client.wire.addresses import api_address

from tests.e2e.server import Server
from trading.rest.routes import OPERATIONS

INSTRUMENT = "IX2301"


def of(server: Server, user_id: str = "user001") -> RestClient:
    return RestClient(server.http, server.token(user_id))


# --- addresses


@pytest.mark.parametrize("url", ["http://h:1", "http://h:1/", "ws://h:1/ws", "http://h:1/api/v1/", "http://h:1/ws"])
def test_any_address_of_the_exchange_will_do(url: str) -> None:
    assert api_address(url) == "http://h:1/api/v1/"
    assert api_address("wss://x/behind/ws") == "https://x/behind/api/v1/"
    with pytest.raises(ValueError, match="is no address of an exchange"):
        api_address("file:///etc/passwd")


def test_where_a_request_goes() -> None:
    amend = call_of("amend_order", {"order_id": "O/1", "price": 119.5, "volume": None})
    assert amend == Call("PATCH", "orders/O%2F1/", b'{"price":119.5}')
    asked = call_of("query_orders", {"status": "LIVE", "limit": 2})
    assert asked == Call("GET", "orders/?status=LIVE&limit=2")
    assert call_of("cancel_orders", {"order_ids": ["O1", "O2"]}).target == "orders/batch/?order_ids=O1&order_ids=O2"
    with pytest.raises(ValueError, match="subscribe is not asked over HTTP"):
        call_of("subscribe", {})


def test_every_route_is_one_of_the_exchange() -> None:
    theirs = {(operation.method, operation.path.replace("<str:", "{").replace(">", "}")) for operation in OPERATIONS}
    assert set(ROUTES.values()) <= theirs


# --- a live server


async def test_orders_and_queries(server: Server) -> None:
    async with of(server) as buyer, of(server, "user002") as seller:
        order = await buyer.buy(INSTRUMENT, 2, 119.0, client_order_id="rest-1")
        assert (order.status, order.client_order_id, order.volume) == ("Submitted", "rest-1", 2)
        assert await buyer.query_order(order.order_id) == order
        assert (await buyer.buy(INSTRUMENT, 2, 119.0, client_order_id="rest-1")).order_id == order.order_id
        await buyer.amend(order.order_id, price=119.5)
        sold = await seller.sell(INSTRUMENT, 1, 119.5)
        assert (sold.status, sold.filled_volume) == ("Filled", 1)
        await buyer.cancel(order.order_id)
        with pytest.raises(errors.OrderFinished) as finished:
            await buyer.cancel(order.order_id)
        assert (finished.value.status, finished.value.filled_volume) == ("Cancelled", 1)
        with pytest.raises(errors.OrderFinished):
            await buyer.amend(order.order_id, price=119.0)
        with pytest.raises(errors.OffTick, match="must be a multiple"):
            await buyer.buy(INSTRUMENT, 1, 119.7)
        with pytest.raises(errors.OrderNotFound):
            await buyer.query_order("O17000000000000000000")
        assert [each.order_id for each in await buyer.query_trades(most=1)] == [order.order_id]
        assert (await buyer.query_positions())[0]["volume_long"] == 1
        assert (await buyer.query_account())["margin"] > 0
        for price in (118.0, 118.5, 119.0):
            await buyer.buy(INSTRUMENT, 1, price)
        assert [each.price for each in await buyer.query_orders(status="LIVE", limit=2)] == [119.0, 118.5, 118.0]
        await buyer.cancel_after(60)
        await buyer.cancel_after(0)
        assert await buyer.cancel_all() == 3


async def test_a_batch_that_is_sent_again_is_done_once(server: Server) -> None:
    order = {"instrument_id": INSTRUMENT, "direction": "BUY", "offset": "OPEN", "order_type": "LIMIT", "volume": 1}
    async with lossy(server, lambda head: "orders/batch/" in head) as way, over(way, server) as buyer:
        answer = await buyer.ask("submit_orders", orders=[order | {"price": 118.0}, order | {"price": 118.5}])
        assert [each["success"] for each in answer["results"]] == [True, True]
        assert way.lost == 1 and await buyer.cancel_all() == 2


async def test_the_market_needs_no_token(server: Server) -> None:
    async with RestClient(server.ws) as visitor:
        assert INSTRUMENT in {each.instrument_id for each in await visitor.instruments()}
        assert {each.instrument_id for each in await visitor.days()} >= {INSTRUMENT}
        assert isinstance(await visitor.past_bars(INSTRUMENT, most=3), list)
        with pytest.raises(errors.NotAuthenticated):
            await visitor.query_account()
    async with RestClient(server.http, "wrong") as stranger:
        with pytest.raises(errors.NotAuthenticated):
            await stranger.instruments()


async def test_a_token_of_somebody_else_is_refused_where_the_user_is_named(server: Server) -> None:
    token = server.token("user003")
    async with RestClient(server.http, token, user_id="user004") as mixed_up:
        with pytest.raises(errors.NotAuthenticated, match="no token of the user"):
            await mixed_up.buy(INSTRUMENT, 1, 118.0)
        with pytest.raises(errors.NotAuthenticated):
            await mixed_up.instruments()
    async with RestClient(server.http, token, user_id="用户\n") as odd:
        with pytest.raises(errors.NotAuthenticated):
            await odd.query_account()
    with SyncRestClient(server.http, token, user_id="user003") as right:
        assert right.query_account()["user_id"] == "user003" and right.query_orders() == []


def test_it_is_the_same_without_asyncio(server: Server) -> None:
    with SyncRestClient(server.http, server.token("user003")) as exchange:
        order = exchange.buy(INSTRUMENT, 1, 118.0)
        assert [each.order_id for each in exchange.query_orders(status="LIVE")] == [order.order_id]
        exchange.cancel(order.order_id)
        assert exchange.query_order(order.order_id).status == "Cancelled"


async def test_the_socket_hears_of_what_http_has_done(server: Server) -> None:
    async with Client(server.ws, "user004", server.token("user004")) as socket, of(server, "user004") as http:
        order = await http.buy(INSTRUMENT, 1, 118.0)
        await http.cancel(order.order_id)
        assert (await socket.finished(order.order_id)).status == "Cancelled"


# --- the way is cut


class Way:
    """Carries requests to a server, and loses the answer to the first one that `is_lost` chooses by its head."""

    def __init__(self, target: str, is_lost: Callable[[str], bool]) -> None:
        self._target = urlsplit(target)
        self._is_lost = is_lost
        self.url = ""
        self.lost = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().replace("\r\n", "\r\nConnection: close\r\n", 1)
        length = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
        body = await reader.readexactly(int(length[0])) if length else b""
        up_reader, up = await asyncio.open_connection(self._target.hostname, self._target.port)
        up.write(head.encode() + body)
        answer = await up_reader.read()
        up.close()
        if not self.lost and self._is_lost(head):
            self.lost += 1
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def lossy(server: Server, is_lost: Callable[[str], bool]) -> AsyncIterator[Way]:
    way = Way(server.http, is_lost)
    async with await asyncio.start_server(way.carry, "127.0.0.1", 0) as running:
        host, port = running.sockets[0].getsockname()
        way.url = f"http://{host}:{port}"
        yield way


def over(way: Way, server: Server) -> RestClient:
    return RestClient(way.url, server.token("user001"))


async def test_an_order_whose_answer_was_lost_is_there_once(server: Server) -> None:
    async with lossy(server, lambda head: head.startswith("POST")) as way, over(way, server) as buyer:
        order = await buyer.buy(INSTRUMENT, 1, 118.0)
        assert way.lost == 1
        assert [each.order_id for each in await buyer.query_orders(status="LIVE")] == [order.order_id]
        await buyer.cancel(order.order_id)


async def test_a_cancel_whose_answer_was_lost_is_no_failure(server: Server) -> None:
    async with lossy(server, lambda head: head.startswith("DELETE")) as way, over(way, server) as buyer:
        order = await buyer.buy(INSTRUMENT, 1, 118.0)
        await buyer.cancel(order.order_id)
        assert way.lost == 1


async def test_nobody_can_tell_how_many_were_cancelled_where_the_answer_was_lost(server: Server) -> None:
    async with lossy(server, lambda head: "cancel-all" in head) as way, over(way, server) as buyer, of(server) as same:
        await same.buy(INSTRUMENT, 1, 118.0)
        assert await buyer.cancel_all() is None and way.lost == 1
        assert await same.query_orders(status="LIVE") == []


async def test_an_order_without_an_id_of_its_own_is_there_once_too(server: Server) -> None:
    order = {"instrument_id": INSTRUMENT, "direction": "BUY", "offset": "OPEN", "order_type": "LIMIT", "volume": 1}
    async with lossy(server, lambda head: head.startswith("POST")) as way, over(way, server) as buyer:
        await buyer.ask("submit_order", **order, price=118.0)
        assert way.lost == 1 and await buyer.cancel_all() == 1


# --- a connection that is kept


class Kept:
    """A server that answers on connections that stay. `heard`: the requests of each connection."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[list[str]] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.answering: list[asyncio.Task[None]] = []
        self.loses_next = False

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: list[str] = []
        self.heard.append(heard)
        self.writers.append(writer)
        self.answering += filter(None, [asyncio.current_task()])
        with suppress(asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = [line.split(":")[1] for line in head.split("\r\n") if line.startswith("Content-Length:")]
                heard.append(
                    head.split()[0] + " " + (await reader.readexactly(int(length[0]) if length else 0)).decode()
                )
                if self.loses_next:
                    self.loses_next = False
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(OK[2]), OK[2]))
        writer.close()
        await writer.wait_closed()

    async def hang_up(self) -> None:
        """End the connections that there are, and wait until this is done."""
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*self.answering)
        self.writers.clear()
        self.answering.clear()


@asynccontextmanager
async def keeping() -> AsyncIterator[Kept]:
    kept = Kept()
    async with await asyncio.start_server(kept.answer, "127.0.0.1", 0) as running:
        host, port = running.sockets[0].getsockname()
        kept.url = f"http://{host}:{port}"
        yield kept
        await kept.hang_up()


async def test_a_connection_is_used_again_and_left_when_the_other_side_has_left() -> None:
    async with keeping() as kept, RestClient(kept.url, "T", patience=0.0) as client:
        for _ in range(3):
            await client.query_account()
        assert [len(heard) for heard in kept.heard] == [3]
        await kept.hang_up()
        await client.query_account()  # Without a second attempt, for patience is 0.
        assert [len(heard) for heard in kept.heard] == [3, 1]


async def test_two_requests_at_once_have_a_connection_each() -> None:
    async with keeping() as kept, RestClient(kept.url, "T", patience=0.0) as client:
        await asyncio.gather(*(client.query_account() for _ in range(20)))
        assert sum(len(heard) for heard in kept.heard) == 20
        many = len(kept.heard)
        await client.query_account()
        assert len(kept.heard) == many


async def test_an_order_on_a_kept_connection_that_ends_is_said_again_under_its_id() -> None:
    async with keeping() as kept, Hasty(kept.url) as client:
        await client.query_account()
        kept.loses_next = True
        await client.ask("submit_order", instrument_id=INSTRUMENT, volume=1)
        first, second = kept.heard[0][1], kept.heard[1][0]
        assert first == second and '"client_order_id":"' in first and len(client.waits) == 1


@pytest.mark.parametrize("token", ["kitten\n", "猫"])
async def test_a_token_that_is_none_is_not_shown(token: str, unused_tcp_port: int) -> None:
    async with RestClient(f"http://127.0.0.1:{unused_tcp_port}", token) as client:
        with pytest.raises(errors.NotAuthenticated, match="this is no token") as refused:
            await client.query_account()
    assert token.strip() not in str(refused.value)


# --- a server that says what it is told to


@asynccontextmanager
async def saying(*answers: tuple[int, dict[str, str], bytes]) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that gives these answers, one after another and the last one again; its address, and what it heard."""
    heard: list[str] = []
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
        status, headers, body = left.pop(0) if len(left) > 1 else left[0]
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "Connection: close", "", ""])
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as running:
        host, port = running.sockets[0].getsockname()
        yield f"http://{host}:{port}", heard


def failure(code: int) -> bytes:
    return json.dumps({"code": code, "message": "no", "detail": "", "request_id": "1"}).encode()


OK: tuple[int, dict[str, str], bytes] = (200, {}, b'{"account":{"balance":1.0}}')


class Hasty(RestClient):
    """Writes down the pauses that it should make."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "T")
        self.waits: list[float] = []

    async def _pause(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.mark.parametrize("status", [429, 503])
async def test_who_came_too_fast_waits_as_long_as_they_are_told(status: int) -> None:
    async with saying((status, {"Retry-After": "0.75"}, failure(status)), OK) as (url, heard):
        hasty = Hasty(url)
        assert await hasty.query_account() == {"balance": 1.0}
        assert hasty.waits == [0.75] and len(heard) == 2
        assert "Authorization: Bearer T" in heard[0]


LOST: list[tuple[int, bytes]] = [
    (301, b""),
    (502, b"<html>"),
    (504, failure(504)),
    (500, failure(500)),
    (200, b"not json"),
]


@pytest.mark.parametrize(("status", "body"), LOST)
async def test_what_nobody_knows_is_asked_again_until_patience_ends(status: int, body: bytes) -> None:
    async with saying((status, {}, body), OK) as (url, heard):
        assert await RestClient(url).query_account() == {"balance": 1.0}
        assert len(heard) == 2
    async with saying((status, {}, body)) as (url, heard):
        with pytest.raises(errors.Lost):
            await RestClient(url, patience=0.0).query_account()
        assert len(heard) == 1


async def test_what_the_exchange_does_not_know_has_a_name() -> None:
    async with saying((504, {"Retry-After": "2"}, failure(504))) as (url, _):
        with pytest.raises(errors.UnknownOutcome, match=r"^504 ") as told:
            await RestClient(url, patience=0.0).query_account()
    assert (told.value.code, told.value.retry_after) == (504, 2.0)


async def test_no_server_is_a_clear_error(unused_tcp_port: int) -> None:
    with pytest.raises(errors.Lost, match="no answer to GET account/"):
        await RestClient(f"http://127.0.0.1:{unused_tcp_port}", patience=0.0).query_account()


async def test_a_field_that_nobody_knows_is_refused(server: Server) -> None:
    details: dict[str, Any] = {"instrument_id": INSTRUMENT, "colour": "red"}
    async with of(server) as buyer:
        with pytest.raises(errors.Malformed):
            await buyer.ask("submit_order", **details)
