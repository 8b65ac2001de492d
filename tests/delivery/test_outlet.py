"""What leaves an engine's process, and in which order; on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.services import Redis as RedisServer
from tests.worker.making import founded
from trading.core.engine import Engine
from trading.core.events import AllCancelled
from trading.delivery.channel_groups import market_message, portfolio_group, private_message
from trading.delivery.redis.outlet import Outlet
from trading.delivery.redis.wires import (
    GENERATION,
    PresentFrame,
    RedisCommand,
    decode_present,
    present_key,
    pubsub_layer,
    shared_group,
)
from trading.transport.ending import end_all
from trading.transport.redis_wire import decode_answers

KEY = present_key("MAIN")
BOOK = "orderbook.IF2301"


class Layer:
    """Remembers what is sent, with the present book at that moment. `fails`: of the next sends."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.sent: list[tuple[str, Any]] = []
        self.books: list[PresentFrame] = []
        self.fails: list[Exception] = []
        self.meanwhile: list[Callable[[], Awaitable[None]]] = []

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await self.group_send(channel, decode_answers(message["answers"]))

    async def group_send(self, group: str, message: Any) -> None:
        if self.fails:
            raise self.fails.pop(0)
        if self.meanwhile:
            await self.meanwhile.pop()()
        found: Any = await self.client.hget(KEY, BOOK)
        if found is not None:
            self.books.append(decode_present(found))
        self.sent.append((group, message))

    async def publish(self, messages: list[tuple[bool, str, Any]], first: Sequence[RedisCommand] = ()) -> None:
        client: Any = self.client
        for command in first:
            await client.execute_command(*command)
        for to_group, name, message in messages:
            await (self.group_send if to_group else self.send)(name, message)

    async def flush(self) -> None:
        """Nothing is open."""


class Made:
    def __init__(self, client: Redis) -> None:
        self.client = client
        self.layer = Layer(client)
        self.outlet = Outlet(self.layer, client, "MAIN")
        self.book = 1
        self.outlet.present = {"orderbook": lambda name: f"{name} {self.book}"}
        self.outlet.on_load(Engine.restore(founded()), 1)
        self.running = asyncio.create_task(self.outlet.run())

    async def sent(self, count: int) -> list[tuple[str, Any]]:
        async with asyncio.timeout(60):
            while len(self.layer.sent) < count:
                await asyncio.sleep(0.001)
        return self.layer.sent


@pytest.fixture
async def made(redis: RedisServer) -> AsyncIterator[Made]:
    client = Redis.from_url(redis.url)
    await client.flushall()
    found = Made(client)
    yield found
    await end_all([found.running])
    await client.aclose()


async def test_an_answer_leaves_before_what_follows_from_it(made: Made) -> None:
    made.outlet.answer("gate", 1, AllCancelled(7, 1))
    made.outlet.answer("gate", 2, AllCancelled(7, 0))
    made.outlet.answer("other", 1, AllCancelled(8, 0))
    await made.outlet.group_send("user.alice", private_message("alice", [(None, "{}")], 4))
    first, second, third = await made.sent(3)
    assert first == ("gate", [(1, AllCancelled(7, 1)), (2, AllCancelled(7, 0))])
    assert second == ("other", [(1, AllCancelled(8, 0))])
    assert third[0] == "MAIN.user.alice" and third[1]["last_seq"] == 4 and "number" not in third[1]


async def test_the_present_book_is_stored_before_its_change_is_told(made: Made) -> None:
    for made.book in (2, 3):
        await made.outlet.group_send(BOOK, market_message(BOOK, [str(made.book)]))
    sent = await made.sent(2)
    assert [message["number"] for _, message in sent] == [1, 2]
    assert made.layer.books[-1] == PresentFrame(sent[1][1]["generation"], 2, "IF2301 3")


async def test_so_is_that_of_a_change_that_comes_while_another_is_told(made: Made) -> None:
    async def change() -> None:
        made.book += 1
        await made.outlet.group_send(BOOK, market_message(BOOK, [str(made.book)]))

    made.layer.meanwhile.append(change)
    await change()
    await made.sent(2)
    assert [book.frame for book in made.layer.books] == ["IF2301 2", "IF2301 3"]


async def test_every_book_is_stored_when_the_market_is_loaded(made: Made) -> None:
    made.outlet.beat(None, False, "0")
    await made.sent(1)
    found: Any = await made.client.hgetall(KEY)
    assert {name.decode() for name in found} > {GENERATION, BOOK}
    assert decode_present(found[BOOK.encode()]).frame == "IF2301 1"


async def test_what_redis_has_lost_is_given_to_it_again(made: Made) -> None:
    made.outlet.beat(None, False, "0")
    await made.sent(1)
    await made.client.flushall()
    await made.outlet.look_at_present()
    made.outlet.beat(None, False, "0")
    await made.sent(2)
    assert await made.client.hexists(KEY, BOOK)


async def test_what_cannot_be_sent_is_lost_and_said_to_be(made: Made) -> None:
    made.outlet.beat(None, False, "0")
    [(_, before)] = await made.sent(1)
    assert before["answered"] == "0"
    made.layer.fails.append(ConnectionResetError("gone"))
    await made.outlet.group_send("user.alice", private_message("alice", [(None, "{}")], 4))
    made.outlet.beat(None, False, "0")
    async with asyncio.timeout(60):
        while len(made.layer.sent) < 2:
            made.outlet.beat(None, False, "0")
            await asyncio.sleep(0.01)
    assert made.layer.sent[1][1]["generation"] != before["generation"]


async def test_an_engine_that_was_replaced_writes_over_nothing(made: Made) -> None:
    made.outlet.beat(None, False, "0")
    await made.sent(1)
    await made.client.hset(KEY, GENERATION, "of the next engine")
    made.book = 9
    await made.outlet.group_send(BOOK, market_message(BOOK, ["9"]))
    await made.sent(2)
    found: Any = await made.client.hget(KEY, BOOK)
    assert decode_present(found).frame == "IF2301 1"


async def test_it_knows_which_groups_a_gateway_hears(made: Made, redis: RedisServer) -> None:
    gateway = pubsub_layer(redis.url)
    groups = [portfolio_group(user_id) for user_id in ("alice", "bob")]
    channel = await gateway.new_channel()
    async with asyncio.timeout(60):
        await gateway.group_add(shared_group("MAIN", groups[0]), channel)
        while not (found := await made.outlet.listened(groups)):
            await asyncio.sleep(0.001)
    assert found == groups[:1]
    await gateway.flush()
