"""The way out of one connection, with a server below it that waits when its client does not read."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from trading.observability.counters import Counters
from trading.websocket.send_queue import CLOSE_SECONDS, ClientGone, SendQueue


class Wire:
    """A server's `send`: it takes frames until it is full, and then lets them wait; `deaf`: even the close.
    A server of ours has `send_now` besides."""

    def __init__(self) -> None:
        self.sent: list[object] = []
        self.room = asyncio.Event()
        self.room.set()
        self.deaf = False

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message.get("text", message.get("code")))
        if message["type"] == "websocket.send" or self.deaf:
            await self.room.wait()

    def send_now(self, texts: Sequence[str]) -> int:
        if not self.room.is_set():
            return 0
        self.sent += texts
        return len(texts)


class Case:
    """A send queue with its writer at work."""

    def __init__(self, limit: int = 10, *, close_seconds: float = CLOSE_SECONDS, at_once: bool = False) -> None:
        self.wire = Wire()
        send_now = self.wire.send_now if at_once else None
        self.send_queue = SendQueue(limit, self.wire.send, Counters(), close_seconds, send_now)
        self.writing = asyncio.create_task(self.send_queue.write())

    async def full(self) -> "Case":
        """The client does not read, and the server has taken one frame too many."""
        self.wire.room.clear()
        self.send_queue.put("first")
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
        case.send_queue.put(frame)
    case.send_queue.close(4408)
    case.send_queue.close(4409)
    case.send_queue.put("too late")
    assert await case.end() == ["a", "b", 4408]


async def test_it_takes_as_many_as_its_limit() -> None:
    case = Case(limit=3)
    for frame in ("a", "b", "c"):
        case.send_queue.put(frame)
    await case.turn()
    assert case.wire.sent == ["a", "b", "c"]
    for frame in ("d", "e", "f", "g"):
        case.send_queue.put(frame)
    assert await case.end() == ["a", "b", "c", 4409]


async def test_it_wakes_up_for_a_close() -> None:
    case = Case()
    await case.turn()
    case.send_queue.close(4408)
    assert await case.end() == [4408]


async def test_flushing_sends_at_once_where_the_server_can_and_never_waits() -> None:
    case = Case(at_once=True)
    case.send_queue.add("a")
    case.send_queue.flush()
    assert case.wire.sent == ["a"]
    case.wire.room.clear()
    case.send_queue.add("b")
    case.send_queue.add("c")
    case.send_queue.flush()
    case.send_queue.flush()
    assert case.wire.sent == ["a"], "it has no room"
    await case.turn()
    assert case.wire.sent == ["a", "b"], "the writer waits for room"
    case.send_queue.add("d")
    case.send_queue.flush()
    assert case.wire.sent == ["a", "b"], "nothing overtakes it"
    case.wire.room.set()
    case.send_queue.close(1000)
    assert await case.end() == ["a", "b", "c", "d", 1000]


async def test_what_a_batch_has_told_overtakes_nothing() -> None:
    case = Case(at_once=True)
    await case.turn()
    case.send_queue.put_all(["a", "b"])
    assert case.wire.sent == ["a", "b"]
    case.wire.room.clear()
    case.send_queue.put_all(["c", "d"])
    case.wire.room.set()
    case.send_queue.put_all(["e"])
    assert case.wire.sent == ["a", "b", "c", "d", "e"]
    case.wire.room.clear()
    case.send_queue.put("f")
    await case.turn()
    case.wire.room.set()
    case.send_queue.put_all(["g", "h"])
    assert case.wire.sent == ["a", "b", "c", "d", "e", "f"], "the writer still waits for the server"
    case.send_queue.close(1000)
    case.send_queue.put_all(["too late"])
    assert await case.end() == ["a", "b", "c", "d", "e", "f", "g", "h", 1000]


async def test_nothing_is_taken_once_it_is_closing_though_nothing_waits() -> None:
    case = Case(at_once=True)
    case.send_queue.close(1000)
    case.send_queue.put_all(["too late"])
    assert await case.end() == [1000]


async def test_what_the_server_takes_a_part_of_is_told_whole() -> None:
    case = Case()
    took: list[str] = []

    def take_one(texts: Sequence[str]) -> int:
        took.extend(list(texts)[:1])
        return min(len(texts), 1)

    case.send_queue = SendQueue(10, case.wire.send, Counters(), send_now=take_one)
    case.send_queue.put_all(["a", "b", "c"])
    case.send_queue.flush()
    assert took == ["a", "b", "c"]


async def test_an_answer_wakes_nobody_where_the_server_takes_it_at_once() -> None:
    """The way by the writer is a turn of the event loop longer: pushes were made before the answer left."""
    case = Case(at_once=True)
    await case.turn()
    case.send_queue.put("a")
    case.send_queue.put("b")
    assert case.wire.sent == ["a", "b"]
    case.wire.room.clear()
    case.send_queue.put("c")
    case.send_queue.put("d")
    assert case.wire.sent == ["a", "b"], "it has no room"
    await case.turn()
    case.wire.room.set()
    case.send_queue.close(1000)
    assert await case.end() == ["a", "b", "c", "d", 1000]


async def test_by_the_specification_alone_the_writer_sends_what_is_flushed() -> None:
    case = Case()
    case.send_queue.add("a")
    case.send_queue.flush()
    assert case.wire.sent == [], "nobody but the writer awaits `send`"
    await case.turn()
    assert case.wire.sent == ["a"]
    case.send_queue.close(1000)
    assert await case.end() == ["a", 1000]


async def test_an_awaitable_may_be_any_and_is_awaited_by_one_task() -> None:
    """PEP 492 promises `__await__` and an iterator, which need not have `send` and `throw`; and what has begun in one
    task ends in it."""
    tasks: list[object] = []

    class Sending:
        def __await__(self) -> Any:
            tasks.append(asyncio.current_task())
            return iter([None, None])

    queue = SendQueue(10, lambda message: Sending(), Counters())
    writing = asyncio.create_task(queue.write())
    for frame in ("a", "b"):
        queue.put(frame)
        queue.flush()
    queue.close(1000)
    await asyncio.wait_for(writing, 10)
    assert tasks == [writing] * 3


@pytest.mark.parametrize("at_once", [False, True])
async def test_since_when_a_client_lets_us_wait(at_once: bool) -> None:
    case = Case(at_once=at_once)
    started: float | None = case.send_queue.waiting_since
    assert started is None
    before = asyncio.get_running_loop().time()
    await case.full()
    assert before <= (case.send_queue.waiting_since or 0) <= asyncio.get_running_loop().time()
    case.wire.room.set()
    await case.turn()
    assert case.send_queue.waiting_since is None
    case.send_queue.close(1000)
    await case.end()


async def test_the_frames_of_a_slow_reader_are_bounded() -> None:
    case = await Case(limit=3).full()
    for number in range(4):
        case.send_queue.add(f"own {number}")
    assert case.send_queue.closing
    assert await case.end() == ["first", 4409], "at once, since it would not read what is queued"


async def test_a_close_waits_a_little_for_a_slow_reader() -> None:
    case = await Case().full()
    case.send_queue.put("a")
    case.send_queue.close(1012, patience=10)
    await case.turn()
    assert case.wire.sent == ["first"]
    case.wire.room.set()
    assert await case.end() == ["first", "a", 1012]


async def test_a_close_does_not_wait_for_ever() -> None:
    case = await Case().full()
    case.send_queue.put("a")
    case.send_queue.close(1012, patience=0.01)
    assert await case.end() == ["first", 1012]


async def test_a_client_that_does_not_even_take_the_close_is_gone() -> None:
    case = await Case(close_seconds=0.01).full()
    case.wire.deaf = True
    case.send_queue.close(1012, patience=0)
    with pytest.raises(ClientGone):
        await case.end()


async def test_waiting_until_all_is_taken() -> None:
    case = await Case().full()
    case.send_queue.add("a")
    draining = asyncio.create_task(case.send_queue.drained())
    await case.turn()
    assert not draining.done()
    case.wire.room.set()
    await asyncio.wait_for(draining, 10)
    assert case.wire.sent == ["first", "a"]
    await case.send_queue.drained()
    case.send_queue.close(1000)
    await case.end()


async def test_waiting_ends_with_the_connection() -> None:
    case = await Case().full()
    draining = asyncio.create_task(case.send_queue.drained())
    await case.turn()
    case.send_queue.close(1000, patience=0)
    await asyncio.wait_for(draining, 10)
    await case.end()


async def test_a_server_that_fails_means_that_the_client_is_gone() -> None:
    async def send(message: dict[str, Any]) -> None:
        raise OSError("lost")

    async def send_later(message: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        raise OSError("lost")

    for broken in (send, send_later):
        send_queue = SendQueue(3, broken, Counters())
        send_queue.add("a")
        with pytest.raises(ClientGone):
            await asyncio.wait_for(send_queue.write(), 10)
