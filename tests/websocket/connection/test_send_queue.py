"""The way out of one connection, with a server below it that waits when its client does not read."""

import asyncio
from typing import Any

import pytest

from trading.websocket.send_queue import ClientGone, Outbox


class Wire:
    """A server's `send`: it takes frames until `full`, and then lets them wait; `deaf`: even the close."""

    def __init__(self) -> None:
        self.sent: list[object] = []
        self.room = asyncio.Event()
        self.room.set()
        self.deaf = False

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message.get("text", message.get("code")))
        if message["type"] == "websocket.send" or self.deaf:
            await self.room.wait()


class Case:
    """An outbox with its writer at work."""

    def __init__(self, limit: int = 10) -> None:
        self.wire = Wire()
        self.outbox = Outbox(limit, self.wire.send)
        self.writing = asyncio.create_task(self.outbox.write())

    async def full(self) -> "Case":
        """The client does not read, and the server has taken one frame too many."""
        self.wire.room.clear()
        self.outbox.put("first")
        await self.turn()
        assert self.wire.sent == ["first"]
        return self

    async def turn(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def end(self) -> list[object]:
        await asyncio.wait_for(self.writing, 10)
        return self.wire.sent


async def test_what_is_queued_is_sent_before_the_close() -> None:
    case = Case()
    for frame in ("a", "b"):
        case.outbox.put(frame)
    case.outbox.close(4408)
    case.outbox.close(4409)
    case.outbox.put("too late")
    assert await case.end() == ["a", "b", 4408]


async def test_it_takes_as_many_as_its_limit() -> None:
    case = Case(limit=3)
    for frame in ("a", "b", "c"):
        case.outbox.put(frame)
    await case.turn()
    assert case.wire.sent == ["a", "b", "c"]
    for frame in ("d", "e", "f", "g"):
        case.outbox.put(frame)
    assert await case.end() == ["a", "b", "c", 4409]


async def test_it_wakes_up_for_a_close() -> None:
    case = Case()
    await case.turn()
    case.outbox.close(4408)
    assert await case.end() == [4408]


async def test_flushing_sends_at_once_and_never_waits() -> None:
    case = Case()
    case.outbox.add("a")
    case.outbox.flush()
    assert case.wire.sent == ["a"]
    case.wire.room.clear()
    case.outbox.add("b")
    case.outbox.add("c")
    case.outbox.flush()
    case.outbox.flush()
    assert case.wire.sent == ["a", "b"], "the server lets it wait"
    case.wire.room.set()
    case.outbox.close(1000)
    assert await case.end() == ["a", "b", "c", 1000]


async def test_since_when_a_client_lets_us_wait() -> None:
    case = Case()
    assert case.outbox.waiting_since is None
    before = asyncio.get_running_loop().time()
    await case.full()
    assert before <= (case.outbox.waiting_since or 0) <= asyncio.get_running_loop().time()
    case.wire.room.set()
    await case.turn()
    assert case.outbox.waiting_since is None
    case.outbox.close(1000)
    await case.end()


async def test_the_frames_of_a_slow_reader_are_bounded() -> None:
    case = await Case(limit=3).full()
    for number in range(4):
        case.outbox.add(f"own {number}")
    assert case.outbox.closing
    assert await case.end() == ["first", 4409], "at once, since it would not read what is queued"


async def test_a_close_waits_a_little_for_a_slow_reader() -> None:
    case = await Case().full()
    case.outbox.put("a")
    case.outbox.close(1012, patience=10)
    await case.turn()
    assert case.wire.sent == ["first"]
    case.wire.room.set()
    assert await case.end() == ["first", "a", 1012]


async def test_a_close_does_not_wait_for_ever() -> None:
    case = await Case().full()
    case.outbox.put("a")
    case.outbox.close(1012, patience=0.01)
    assert await case.end() == ["first", 1012]


async def test_a_client_that_does_not_even_take_the_close_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.websocket.send_queue.CLOSE_SECONDS", 0.01)
    case = await Case().full()
    case.wire.deaf = True
    case.outbox.close(1012, patience=0)
    with pytest.raises(ClientGone):
        await case.end()


async def test_waiting_until_all_is_taken() -> None:
    case = await Case().full()
    case.outbox.add("a")
    draining = asyncio.create_task(case.outbox.drained())
    await case.turn()
    assert not draining.done()
    case.wire.room.set()
    await asyncio.wait_for(draining, 10)
    assert case.wire.sent == ["first", "a"]
    await case.outbox.drained()
    case.outbox.close(1000)
    await case.end()


async def test_waiting_ends_with_the_connection() -> None:
    case = await Case().full()
    draining = asyncio.create_task(case.outbox.drained())
    await case.turn()
    case.outbox.close(1000, patience=0)
    await asyncio.wait_for(draining, 10)
    await case.end()


async def test_a_server_that_fails_means_that_the_client_is_gone() -> None:
    async def send(message: dict[str, Any]) -> None:
        raise OSError("lost")

    async def send_later(message: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        raise OSError("lost")

    for broken in (send, send_later):
        outbox = Outbox(3, broken)
        outbox.add("a")
        with pytest.raises(ClientGone):
            await asyncio.wait_for(outbox.write(), 10)
