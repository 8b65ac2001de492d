"""A client of a real Redis, in which there is nothing yet."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.services import Redis as RedisServer


@pytest.fixture
async def client(redis: RedisServer) -> AsyncIterator[Redis]:
    made = Redis.from_url(redis.url)
    await made.flushall()
    yield made
    await made.aclose()
