"""A gateway's side: what is answered, by whom and when. Redis is a real one; the engine is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.services import Redis as RedisServer
from trading.core.codes import Code
from trading.core.commands import CancelAll, CancelOrder, Deposit
from trading.core.events import AllCancelled, Event, Refused
from trading.transport.ending import end_all
from trading.transport.gateway import UNKNOWN_OUTCOME, Envelope
from trading.transport.redis_commands import UNREACHABLE, RedisCommands
from trading.transport.redis_wire import (
    COMMAND,
    SentCommand,
    commands_key,
    decode_answers,
    decode_command,
    encode_answers,
    encode_command,
    place,
)

BOUND = 20.0
"""Against hanging."""


@pytest.fixture
async def client(redis: RedisServer) -> AsyncIterator[Redis]:
    made = Redis.from_url(redis.url, retry=Retry(NoBackoff(), 0))
    await made.flushall()
    yield made
    await made.aclose()


def transport(client: Redis, limit: int = 10) -> RedisCommands:
    return RedisCommands(client, "MAIN", "gate", limit, 5.0, lambda: 1_700_000_000_000)


async def entries(client: Redis, count: int) -> list[SentCommand]:
    found: Any = []
    async with asyncio.timeout(BOUND):
        while len(found) < count:
            found = await client.xrange(commands_key("MAIN"))
    return [decode_command(fields[COMMAND]) for _, fields in found]


async def test_commands_go_out_in_order_and_answers_find_who_waits(client: Redis) -> None:
    way = transport(client)
    heard: list[tuple[int, Event]] = []
    sending = asyncio.create_task(way.run())
    for number in (1, 2, 3):
        assert way.put(Envelope(CancelOrder(7, number), lambda event, number=number: heard.append((number, event))))  # type: ignore[misc]
    sent = await entries(client, 3)
    await end_all([sending])
    assert [each.command for each in sent] == [CancelOrder(7, number) for number in (1, 2, 3)]
    assert {(each.market, each.gateway, each.received) for each in sent} == {("MAIN", "gate", 1_700_000_000_000)}
    second, first = AllCancelled(7, 2), AllCancelled(7, 1)
    way.take_answers(encode_answers([(sent[1].number, second), (sent[0].number, first)]))
    assert heard == [(2, second), (1, first)] and len(way) == 1


async def test_an_answer_that_comes_twice_or_too_late_is_given_once(client: Redis) -> None:
    way = transport(client)
    heard: list[Event] = []
    assert way.put(Envelope(CancelAll(7), heard.append))
    answer = encode_answers([(1, AllCancelled(7, 0))])
    way.take_answers(answer)
    way.take_answers(answer)
    assert heard == [AllCancelled(7, 0)]
    assert way.put(Envelope(CancelAll(7), heard.append))
    way.expire(monotonic() + 1)
    way.take_answers(encode_answers([(2, AllCancelled(7, 0))]))
    assert heard == [AllCancelled(7, 0), UNKNOWN_OUTCOME] and len(way) == 0


async def test_only_who_has_waited_too_long_is_told_so(client: Redis) -> None:
    way = transport(client)
    heard: list[str] = []
    now = monotonic()
    assert way.put(Envelope(CancelAll(7), lambda _: heard.append("old"), now - 6))
    assert way.put(Envelope(CancelAll(8), lambda _: heard.append("new"), now - 4))
    way.expire(now - 5)
    assert heard == ["old"] and len(way) == 1


async def test_who_waits_for_an_answer_that_is_lost_is_told_at_once(client: Redis) -> None:
    """The engine says up to where it has answered: whoever waits below that waits for nothing."""
    way = transport(client)
    heard: list[tuple[int, Event]] = []
    for number in (1, 2, 3):
        assert way.put(Envelope(CancelAll(number), lambda event, number=number: heard.append((number, event))))  # type: ignore[misc]
    way.answered_until("99999999999999-0")
    assert not heard, "Redis has not said yet that it has them"
    sending = asyncio.create_task(way.run())
    await entries(client, 3)
    found: Any = await client.xrange(commands_key("MAIN"))
    first, second, _ = (entry.decode() for entry, _ in found)
    assert way.put(Envelope(CancelAll(4), lambda event: heard.append((4, event))))
    await entries(client, 4)  # Redis answers in turn: the gateway has read the answers to the first three
    way.answered_until("0")
    assert not heard
    way.answered_until(first)
    way.take_answers(encode_answers([(1, AllCancelled(1, 0))]))
    way.answered_until(second)
    await end_all([sending])
    assert heard == [(1, UNKNOWN_OUTCOME), (2, UNKNOWN_OUTCOME)] and len(way) == 2


async def test_no_more_are_under_way_than_the_limit(client: Redis) -> None:
    way = transport(client, limit=2)
    heard: list[Event] = []
    envelope = Envelope(CancelAll(7), heard.append)
    assert [way.put(envelope) for _ in range(3)] == [True, True, False]
    way.take_answers(encode_answers([(1, AllCancelled(7, 0))]))
    assert way.put(envelope)


async def test_what_was_told_to_be_unknown_is_not_sent_later(client: Redis) -> None:
    way = transport(client)
    heard: list[Event] = []
    assert way.put(Envelope(CancelAll(7), heard.append)) and way.put(
        Envelope(CancelAll(8), heard.append, monotonic() + 9)
    )
    way.expire(monotonic() + 1)
    sending = asyncio.create_task(way.run())
    assert [each.command for each in await entries(client, 1)] == [CancelAll(8)]
    await end_all([sending])


async def test_without_redis_nothing_is_done_and_said_at_once() -> None:
    away = Redis.from_url("redis://127.0.0.1:1/0", retry=Retry(NoBackoff(), 0))
    way = transport(away)
    heard: asyncio.Queue[Event] = asyncio.Queue()
    assert way.put(Envelope(CancelAll(7), heard.put_nowait))
    sending = asyncio.create_task(way.run())
    assert await asyncio.wait_for(heard.get(), BOUND) == UNREACHABLE
    await end_all([sending])
    await away.aclose()


async def test_what_redis_refuses_was_not_taken(client: Redis) -> None:
    await client.set(commands_key("MAIN"), "no stream")
    way = transport(client)
    heard: asyncio.Queue[Event] = asyncio.Queue()
    assert way.put(Envelope(CancelAll(7), heard.put_nowait))
    sending = asyncio.create_task(way.run())
    told = await asyncio.wait_for(heard.get(), BOUND)
    assert isinstance(told, Refused) and told.code is Code.UNAVAILABLE and "nothing was done" in told.detail
    await end_all([sending])


# --- what travels


def test_a_command_and_its_answer_come_out_as_they_went_in() -> None:
    sent = SentCommand("MAIN", "gate", 5, CancelOrder(7, 9), 1_700_000_000_000)
    assert decode_command(encode_command(sent)) == sent
    answers: list[tuple[int, Event]] = [(5, AllCancelled(7, 1)), (6, Refused(Code.UNAVAILABLE, "no"))]
    assert decode_answers(encode_answers(answers)) == answers


@pytest.mark.parametrize(
    "changed",
    [{"more": 1}, {"number": "5"}, {"command": msgspec.to_builtins(Deposit("user001", 5))}, {"command": None}],
    ids=["one field more", "text for a number", "an operator's command", "no command"],
)
def test_nothing_else_is_taken_for_a_command(changed: dict[str, object]) -> None:
    sent = msgspec.to_builtins(SentCommand("MAIN", "gate", 5, CancelOrder(7, 9), 1))
    assert decode_command(msgspec.msgpack.encode(sent))
    with pytest.raises(msgspec.ValidationError):
        decode_command(msgspec.msgpack.encode(sent | changed))


def test_places_are_compared_as_numbers() -> None:
    assert place("0-0") < place("9-0") < place("10-2") < place("10-11")
