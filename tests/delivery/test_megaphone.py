"""Many messages in one round trip are heard as the layer's own would be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.services import Redis as RedisServer
from trading.delivery.redis.wires import Megaphone, pubsub_layer


@pytest.fixture
async def parts(redis: RedisServer) -> AsyncIterator[tuple[Any, Megaphone]]:
    """A layer that listens, and what is heard by it."""
    client = Redis.from_url(redis.url)
    listening, megaphone = pubsub_layer(redis.url), Megaphone(pubsub_layer(redis.url), client)
    yield listening, megaphone
    await listening.flush()
    await megaphone.flush()
    await client.aclose()


async def test_groups_and_channels_hear_their_messages_in_order(parts: tuple[Any, Megaphone]) -> None:
    layer, megaphone = parts
    channel = await layer.new_channel()
    await layer.group_add("group", channel)
    await megaphone.publish([(True, "group", {"n": 1}), (False, channel, {"n": 2}), (True, "other", {"n": 3})])
    await megaphone.publish([(True, "group", {"n": 4})])
    assert [(await layer.receive(channel))["n"] for _ in range(3)] == [1, 2, 4]


async def test_what_is_to_be_stored_first_is_there_when_it_is_told(
    redis: RedisServer, parts: tuple[Any, Megaphone]
) -> None:
    layer, megaphone = parts
    channel = await layer.new_channel()
    await megaphone.publish([(False, channel, {"n": 1})], [("SET", "first", "stored")])
    assert (await layer.receive(channel))["n"] == 1
    assert b"stored" in redis.command("GET", "first")


async def test_what_redis_refuses_is_an_error(parts: tuple[Any, Megaphone]) -> None:
    layer, megaphone = parts
    channel = await layer.new_channel()
    with pytest.raises(ResponseError, match="unknown command"):
        await megaphone.publish([(False, channel, {"n": 1})], [("NOTHING", "of", "the", "kind")])
    assert (await layer.receive(channel))["n"] == 1


async def test_a_connection_that_broke_is_tried_once_more(redis: RedisServer, parts: tuple[Any, Megaphone]) -> None:
    layer, megaphone = parts
    channel = await layer.new_channel()
    await megaphone.publish([(False, channel, {"n": 1})])
    redis.command("CLIENT", "KILL", "TYPE", "normal")
    await megaphone.publish([(False, channel, {"n": 2})])
    heard = [(await layer.receive(channel))["n"] for _ in range(2)]
    assert heard == [1, 2]
