"""Token buckets over several gateways: together they let through what one would."""

from __future__ import annotations

from time import monotonic

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from trading.transport.redis_buckets import SharedBuckets

SLOW = 0.001
"""Tokens a second: none comes while a test runs."""


async def allowed(gateways: list[SharedBuckets], rate: float, burst: float, asks: int, count: int = 1) -> int:
    waits = [await gateways[number % len(gateways)].wait("alice", rate, burst, 5.0, count) for number in range(asks)]
    assert None not in waits
    return waits.count(0.0)


async def test_gateways_share_a_bucket_to_the_last_token(client: Redis) -> None:
    gateways = [SharedBuckets(client) for _ in range(3)]
    assert await allowed(gateways, SLOW, 40, 100) == 40
    assert await gateways[0].wait("bob", SLOW, 40, 5.0) == 0


async def test_tokens_that_were_taken_ahead_are_counted_too(client: Redis) -> None:
    """Each gateway takes a twentieth of a second's tokens at once; none gives out more than it took."""
    began = monotonic()
    found = await allowed([SharedBuckets(client) for _ in range(2)], 1_000, 2_000, 6_000)
    assert 1_900 <= found <= 2_000 + 1_000 * (monotonic() - began)


async def test_a_batch_is_let_through_on_credit_once(client: Redis) -> None:
    gateways = [SharedBuckets(client) for _ in range(2)]
    assert await allowed(gateways, SLOW, 10, 4, count=8) == 2
    pause = await gateways[0].pause("alice", SLOW, 10)
    assert pause is not None and 6_900 < pause < 7_100


async def test_who_only_asks_takes_nothing(client: Redis) -> None:
    gateway = SharedBuckets(client)
    for _ in range(5):
        assert await gateway.pause("alice", SLOW, 1) == 0
    assert await gateway.wait("alice", SLOW, 1, 5.0) == 0
    assert await gateway.pause("alice", SLOW, 1)


async def test_without_redis_each_counts_for_itself() -> None:
    away = Redis.from_url("redis://127.0.0.1:1/0", retry=Retry(NoBackoff(), 0))
    assert await SharedBuckets(away).wait("alice", 1, 2, 5.0) is None
    await away.aclose()
