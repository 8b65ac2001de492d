"""A line to a real Redis: every question gets its own answers, and a line that was lost is another one next time."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from time import monotonic

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, InvalidResponse, ResponseError, TimeoutError  # of Redis

from tests.services import Redis as RedisServer
from trading.transport.redis_line import RedisLine


@pytest.fixture
async def line(client: Redis) -> AsyncIterator[RedisLine]:
    made = RedisLine(client)
    yield made
    made.close()


async def test_answers_come_in_order_and_a_refusal_is_one_of_them(line: RedisLine) -> None:
    refusal: object
    first, refusal, second = await line.ask(("SET", "a", b"\0\r\n\xff"), ("INCR", "a"), ("GET", "a"))
    assert (first, second) == (b"OK", b"\0\r\n\xff")
    assert isinstance(refusal, ResponseError) and "not an integer" in str(refusal)
    assert await line.ask(("XREAD", "COUNT", 5, "STREAMS", "none", "0-0")) == [None]
    assert await line.ask() == []


async def test_much_comes_whole(line: RedisLine) -> None:
    texts = [str(number).encode() * 200_000 for number in range(10, 20)]
    await line.ask(*(("RPUSH", "many", text) for text in texts))
    assert await line.ask(("LRANGE", "many", 0, -1), ("LLEN", "many")) == [texts, 10]


async def test_it_is_opened_once_and_as_the_client_would(redis: RedisServer) -> None:
    client = Redis.from_url(redis.url, db=5)
    line = RedisLine(client)
    number, _ = await line.ask(("CLIENT", "ID"), ("SET", "where", "there"))
    assert await client.get("where") == b"there"
    assert await line.ask(("CLIENT", "ID")) == [number]
    line.close()
    await client.aclose()


async def test_a_line_that_was_lost_meanwhile_is_another_one_next_time(line: RedisLine, client: Redis) -> None:
    (number,) = await line.ask(("CLIENT", "ID"))
    await client.client_kill_filter(_id=number)
    async with asyncio.timeout(20):
        while line.is_open:
            await asyncio.sleep(0.001)
    (another,) = await line.ask(("CLIENT", "ID"))
    assert another != number


async def test_whoever_waits_when_it_is_lost_is_told(line: RedisLine, client: Redis) -> None:
    (number,) = await line.ask(("CLIENT", "ID"))
    asking = asyncio.create_task(line.ask(("XREAD", "BLOCK", 60_000, "STREAMS", "none", "0-0")))
    await asyncio.sleep(0.01)
    await client.client_kill_filter(_id=number)
    with pytest.raises(ConnectionError, match="closed"):
        await asyncio.wait_for(asking, 20)
    assert await line.ask(("PING",)) == [b"PONG"]


async def test_the_answer_to_one_who_is_gone_is_nobody_elses(line: RedisLine) -> None:
    await line.connect()
    asking = asyncio.create_task(line.ask(("XREAD", "BLOCK", 60_000, "STREAMS", "none", "0-0")))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asyncio.wait_for(line.ask(("ECHO", "mine")), 20) == [b"mine"]


async def test_what_nobody_has_asked_for_ends_the_line(line: RedisLine, client: Redis) -> None:
    await line.ask(("SUBSCRIBE", "news"))
    await client.publish("news", "unasked")
    async with asyncio.timeout(20):
        while line.is_open:
            await asyncio.sleep(0.001)
    assert await line.ask(("ECHO", "mine")) == [b"mine"]


async def test_a_redis_that_is_silent_is_not_waited_for(
    line: RedisLine, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.transport.redis_line.ANSWER_SECONDS", 0.05)
    await line.connect()
    redis.send(signal.SIGSTOP)
    began = monotonic()
    try:
        with pytest.raises(TimeoutError, match="does not answer"):
            await asyncio.wait_for(line.ask(("PING",)), 20)
    finally:
        redis.send(signal.SIGCONT)
    assert 0.05 <= monotonic() - began < 20
    assert not line.is_open


async def test_nobody_there_is_an_error_at_once() -> None:
    line = RedisLine(Redis.from_url("redis://127.0.0.1:1", retry=Retry(NoBackoff(), 0)))
    with pytest.raises(ConnectionError):
        await line.ask(("PING",))


async def test_what_is_no_answer_of_redis_ends_the_line(line: RedisLine) -> None:
    await line.ask(("PING",))
    asking = asyncio.create_task(line.ask(("XREAD", "BLOCK", 60_000, "STREAMS", "none", "0-0")))
    await asyncio.sleep(0.01)
    line.data_received(b"HTTP/1.1 400 Bad Request\r\n")
    with pytest.raises(InvalidResponse):
        await asking
    assert not line.is_open
