"""An engine's side of the stream, on a real Redis: what is read, again or not, and who is answered."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from trading.core.codes import Code
from trading.core.commands import CancelAll, CancelOrder, Command, SubmitOrder
from trading.core.events import AllCancelled, Event, Refused
from trading.core.types import Direction, Offset, OrderType
from trading.transport.ending import end_all
from trading.transport.gateway import Envelope
from trading.transport.redis_stream import STALE, RedisStream
from trading.transport.redis_wire import COMMAND, SentCommand, commands_key, encode_command, place

NOW = 1_700_000_000_000
KEY = commands_key("MAIN")
NOT_DONE = Refused(Code.UNAVAILABLE, "not stored")
NOBODY_KNOWS = Refused(Code.UNKNOWN_OUTCOME, "away")


class Stream:
    """The stream, with an engine's queue on it and what the queue has answered."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.answers: list[tuple[str, int, Event]] = []
        self.queue = self.reopened()
        self._numbers = 0

    def reopened(self) -> RedisStream:
        """As another engine has it."""
        return RedisStream(self.client, "MAIN", lambda *answer: self.answers.append(answer), lambda: NOW, 100, 10_000)

    async def send(self, command: Any, received: int = NOW, market: str = "MAIN") -> str:
        self._numbers += 1
        sent = SentCommand(market, "gate", self._numbers, command, received)
        entry: Any = await self.client.xadd(KEY, {COMMAND: encode_command(sent)})
        return str(entry.decode())

    async def take(self, count: int, queue: RedisStream | None = None) -> list[Envelope]:
        queue = self.queue if queue is None else queue
        reading = asyncio.create_task(queue.run())
        taken: list[Envelope] = []
        deadline = monotonic() + 60
        while len(taken) < count:
            assert monotonic() < deadline, taken
            taken += await queue.take(100, 0.01)
        await end_all([reading])
        return taken


@pytest.fixture
def stream(client: Redis) -> Stream:
    return Stream(client)


async def test_what_cannot_be_read_is_an_error(stream: Stream) -> None:
    await stream.client.set(KEY, "no stream")
    stream.queue.go_back("0-0")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await asyncio.wait_for(stream.queue.run(), 20)


def commands(envelopes: list[Envelope]) -> list[Command]:
    return [envelope.command for envelope in envelopes]


def order() -> SubmitOrder:
    return SubmitOrder(7, "IX2301", Direction.BUY, Offset.OPEN, OrderType.LIMIT, 1, 100)


async def test_it_is_read_on_from_what_is_stored(stream: Stream) -> None:
    places = [await stream.send(CancelOrder(7, number)) for number in range(4)]
    stream.queue.go_back(places[1])
    assert commands(await stream.take(2)) == [CancelOrder(7, 2), CancelOrder(7, 3)]
    assert stream.queue.position == places[3]


async def test_nothing_is_read_before_the_books_are_loaded(stream: Stream) -> None:
    await stream.send(CancelAll(7))
    reading = asyncio.create_task(stream.queue.run())
    assert await stream.queue.take(100, 0.05) == []
    await end_all([reading])


async def test_what_was_not_stored_comes_again_and_is_answered_then(stream: Stream) -> None:
    first, second = [await stream.send(CancelAll(7)), await stream.send(CancelAll(8))]
    stream.queue.go_back("0-0")
    taken = await stream.take(2)
    for envelope, refusal in zip(taken, (NOT_DONE, NOBODY_KNOWS), strict=True):
        envelope.reply(refusal)
    assert stream.answers == []
    stream.queue.go_back(first)
    (again,) = await stream.take(1)
    again.reply(AllCancelled(8, 0))
    assert stream.answers == [("gate", 2, AllCancelled(8, 0))] and stream.queue.position == second


async def test_the_next_engine_takes_what_this_one_has_not_done(stream: Stream) -> None:
    await stream.send(CancelAll(7))
    stream.queue.go_back("0-0")
    (mine,) = await stream.take(1)
    mine.reply(NOT_DONE)
    assert stream.queue.drain() == []
    other = stream.reopened()
    other.go_back("0-0")
    (theirs,) = await stream.take(1, other)
    theirs.reply(AllCancelled(7, 0))
    assert [event for _, _, event in stream.answers] == [AllCancelled(7, 0)]


async def test_what_breaks_the_engine_is_found_alone_and_left_out(stream: Stream) -> None:
    for account in (7, 8, 9):
        await stream.send(CancelAll(account))
    stream.queue.go_back("0-0")
    for envelope in await stream.take(3):
        envelope.reply(NOT_DONE)
    stream.queue.go_back("0-0")
    reading = asyncio.create_task(stream.queue.run())
    (first,) = await stream.queue.take(100, 20)
    assert first.command == CancelAll(7)
    first.reply(NOT_DONE)  # it is to blame
    await end_all([reading])
    stream.queue.go_back("0-0")
    assert commands(await stream.take(2)) == [CancelAll(8), CancelAll(9)]


async def test_an_order_that_comes_too_late_is_not_done_and_a_cancel_is(stream: Stream) -> None:
    await stream.send(order(), received=NOW - 10_001)
    await stream.send(CancelAll(7), received=NOW - 60_000)
    await stream.send(order(), received=NOW - 9_999)
    stream.queue.go_back("0-0")
    assert commands(await stream.take(2)) == [CancelAll(7), order()]
    assert stream.answers == [("gate", 1, STALE)]


async def test_what_is_no_command_of_this_market_is_left_out(stream: Stream) -> None:
    await stream.client.xadd(KEY, {COMMAND: b"nonsense"})
    await stream.send(CancelAll(7), market="OTHER")
    await stream.send(CancelAll(8))
    stream.queue.go_back("0-0")
    assert commands(await stream.take(1)) == [CancelAll(8)]


async def test_what_is_left_out_is_not_read_again(stream: Stream) -> None:
    await stream.send(CancelAll(7))
    last = await stream.client.xadd(KEY, {COMMAND: b"nonsense"})
    stream.queue.go_back("0-0")
    assert commands(await stream.take(1)) == [CancelAll(7)]
    assert stream.queue.position == last.decode()


async def test_more_than_a_portion_is_read_in_its_order(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.transport.redis_stream.PORTION", 7)
    for number in range(30):
        await stream.send(CancelAll(number))
    stream.queue.go_back("0-0")
    assert commands(await stream.take(30)) == [CancelAll(number) for number in range(30)]


async def test_commands_of_this_process_go_beside_it_and_have_no_place(stream: Stream) -> None:
    heard: list[Event] = []
    stream.queue.go_back("5-0")
    assert stream.queue.put(Envelope(CancelAll(7), heard.append))
    (own,) = await stream.queue.take(100, 20)
    assert own.command == CancelAll(7) and stream.queue.position == "5-0"
    assert stream.queue.put(Envelope(CancelAll(8), heard.append))
    assert commands(stream.queue.drain()) == [CancelAll(8)]


async def test_what_is_stored_is_let_go_of_and_nothing_else(stream: Stream) -> None:
    places = [await stream.send(CancelAll(number)) for number in range(5)]
    await stream.queue.trim(places[2])
    assert [entry.decode() for entry, _ in await stream.client.xrange(KEY)] == places[2:]


async def test_a_stream_that_was_lost_goes_on_behind_what_is_stored(stream: Stream) -> None:
    """Even where the clock of Redis is behind: whatever looks as if it had been read would never be."""
    stored = f"{NOW * 2}-7"
    await stream.queue.trim(stored)
    await stream.queue.trim(stored)
    entry = await stream.send(CancelAll(7))
    assert place(entry) > place(stored)
    stream.queue.go_back(stored)
    assert commands(await stream.take(1)) == [CancelAll(7)]
