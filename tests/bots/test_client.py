"""The client against a small server that behaves as it is told: answers, refusals, silence, and coming back."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bots import client
from bots.client import Busy, Connection, Lost, NotWelcome, Pauses, connected, reachable, stay_connected
from bots.frames import Frame
from tests.processes import free_port

Handler = Callable[[ServerConnection], Awaitable[None]]
AUTH = {"type": "auth_response", "success": True, "user_id": "bot", "message": "welcome"}


@asynccontextmanager
async def server(handler: Handler) -> Any:
    """A server with this handler of its connections; its address."""
    async with serve(handler, "127.0.0.1", 0) as running:
        host, port = next(iter(running.sockets)).getsockname()
        yield f"ws://{host}:{port}/ws"


def answering(**answers: Frame) -> Handler:
    """Answers each kind of message with a frame; auth succeeds; what has no answer gets none."""

    async def handler(socket: ServerConnection) -> None:
        async for text in socket:
            asked = json.loads(text)
            frame = ({"auth": AUTH} | answers).get(asked["type"])
            if frame is not None:
                await socket.send(json.dumps(frame | {"request_id": asked["request_id"]}))

    return handler


def deaf(frame: Frame, request: Frame | None) -> None:
    """Hears nothing."""


# --- one connection


async def test_answers_find_their_requests_and_every_frame_is_heard_in_order() -> None:
    async def backwards(socket: ServerConnection) -> None:
        first, second = json.loads(await socket.recv()), json.loads(await socket.recv())
        await socket.send('{"type":"ping"}')
        for asked in (second, first):
            await socket.send(json.dumps({"type": "pong", "for": asked["name"], "request_id": asked["request_id"]}))
        await socket.wait_closed()

    heard: list[tuple[str, Any]] = []

    def hear(frame: Frame, request: Frame | None) -> None:
        heard.append((frame["type"], request and request["name"]))

    async with server(backwards) as url, connected(url, hear) as connection:
        one, two = await asyncio.gather(connection.ask("ping", name="one"), connection.ask("ping", name="two"))
    assert (one["for"], two["for"]) == ("one", "two")
    assert heard == [("ping", None), ("pong", "two"), ("pong", "one")]


REFUSED = {"success": False, "error_code": 503, "error_message": "not now"}
BUSY = [
    ({"type": "order_response", "retry_after": 0.25} | REFUSED, 0.25),
    ({"type": "order_response"} | REFUSED, client.BUSY_SECONDS),
    ({"type": "order_response", "retry_after": 0.1} | REFUSED | {"error_code": 429}, 0.1),
    ({"type": "orders_response", "retry_after": 0.5, "results": [REFUSED, REFUSED]}, 0.5),
    ({"type": "error", "code": 429, "message": "too fast", "retry_after": 2.0}, 2.0),
]


@pytest.mark.parametrize(("answer", "seconds"), BUSY)
async def test_an_exchange_that_is_busy_says_when_to_come_back(answer: Frame, seconds: float) -> None:
    async with server(answering(ask=answer)) as url, connected(url, deaf) as connection:
        with pytest.raises(Busy) as busy:
            await connection.ask("ask")
    assert busy.value.seconds == seconds


async def test_other_refusals_are_answers() -> None:
    refused = {"type": "order_response"} | REFUSED | {"error_code": 1001}
    async with server(answering(ask=refused)) as url, connected(url, deaf) as connection:
        assert (await connection.ask("ask"))["error_code"] == 1001


async def test_whoever_waits_for_an_answer_learns_that_the_connection_has_ended() -> None:
    async def hang_up(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(1012)

    async with server(hang_up) as url, connected(url, deaf) as connection:
        with pytest.raises(Lost, match="the connection has ended"):
            await connection.ask("ask")
        with pytest.raises(Lost, match="no answer to ask again"):
            await connection.ask("ask again")


async def test_silence_is_taken_for_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.01)
    async with server(answering()) as url, connected(url, deaf) as connection:
        with pytest.raises(Lost, match="no answer to ask"):
            await connection.ask("ask")


async def test_a_connection_is_kept_alive_by_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PING_SECONDS", 0.001)
    pings = asyncio.Semaphore(0)

    async def count(socket: ServerConnection) -> None:
        async for text in socket:
            assert json.loads(text) == {"type": "ping"}
            pings.release()

    async with server(count) as url, connected(url, deaf):
        async with asyncio.timeout(60):
            for _ in range(3):
                await pings.acquire()


async def test_a_hearer_that_fails_is_not_hidden() -> None:
    def fail(frame: Frame, request: Frame | None) -> None:
        raise ArithmeticError("a bug")

    async with server(answering(ask={"type": "pong"})) as url:
        with pytest.raises(ArithmeticError, match="a bug"):
            async with connected(url, fail) as connection:
                await connection.ask("ask")


# --- coming back


async def test_a_client_comes_back_and_signs_in_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.001)
    connections: list[list[Frame]] = []

    async def fickle(socket: ServerConnection) -> None:
        """Loses the first connection before, the second after the sign-in; serves the third."""
        seen: list[Frame] = []
        connections.append(seen)
        if len(connections) == 1:
            return
        async for text in socket:
            seen.append(asked := json.loads(text))
            if asked["type"] == "auth":
                await socket.send(json.dumps(AUTH | {"request_id": asked["request_id"]}))
            elif len(connections) == 2:
                return
            else:
                await socket.send(json.dumps({"type": "pong", "request_id": asked["request_id"]}))

    sessions = 0

    async def session(connection: Connection) -> None:
        nonlocal sessions
        sessions += 1
        await connection.ask("ping")

    async with server(fickle) as url:
        await stay_connected(url, "bot", "secret", deaf, session)
    assert sessions == 2
    assert [[frame["type"] for frame in seen] for seen in connections][1:] == [["auth", "ping"], ["auth", "ping"]]
    assert connections[2][0]["token"] == "secret"


async def test_a_busy_exchange_is_asked_again_when_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"type": "error", "code": 503, "message": "not yet", "retry_after": 0.001}
    attempts = 0

    async def session(connection: Connection) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            await connection.ask("ask")

    async with server(answering(ask=refusal)) as url:
        await stay_connected(url, "bot", "secret", deaf, session)
    assert attempts == 3


async def test_a_wrong_token_ends_it() -> None:
    async def never(connection: Connection) -> None:
        raise AssertionError("nobody has signed in")

    wrong = AUTH | {"success": False, "message": "Invalid credentials"}
    async with server(answering(auth=wrong)) as url:
        with pytest.raises(NotWelcome, match="bot: Invalid credentials"):
            await stay_connected(url, "bot", "wrong", deaf, never)


async def test_an_exchange_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.001)
    port = free_port()
    waiting = asyncio.create_task(reachable(f"ws://127.0.0.1:{port}/ws"))
    done, _ = await asyncio.wait([waiting], timeout=0.02)
    assert not done
    async with serve(answering(ping={"type": "pong"}), "127.0.0.1", port):
        async with asyncio.timeout(60):
            await waiting


def test_pauses_grow_up_to_a_bound_and_begin_anew() -> None:
    class Loaded(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    pauses = Pauses(Loaded())
    assert [round(pauses.next(), 3) for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert all(pauses.next() == 5.0 for _ in range(2_000))
    pauses.reset()
    assert pauses.next() == 0.1
    spread = {Pauses(random.Random(seed)).next() for seed in range(20)}
    assert len(spread) == 20 and all(0.05 <= pause <= 0.1 for pause in spread)
