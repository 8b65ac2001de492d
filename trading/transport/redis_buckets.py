"""Token buckets that gateways share: what one has let through, another has less of.

The bucket is in Redis and fills by the clock of Redis alone. A gateway takes some tokens at a time and gives them out
by itself, so that busy users cost few questions; what it does not use within a second it forgets, and the bucket has
filled up meanwhile.
"""

import logging
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

KEPT_SECONDS = 1.0
"""How long a gateway gives out tokens that it has taken."""
SHARE = 20
"""A gateway takes so many parts of a second's tokens at once, and never fewer than it needs."""
FEW = 10_000
"""Names of which it is remembered what was taken, before they are looked through."""

TAKE = """
local rate, burst, count, share = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local kept = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = burst
if kept[1] then
    left = math.min(burst, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * rate)
end
if left < 1 then
    return {0, tostring((1 - left) / rate)}
end
local taken = math.max(count, math.min(share, math.floor(left)))
if taken > 0 then
    redis.call('HSET', KEYS[1], 'left', left - taken, 'at', string.format('%.6f', now))
    redis.call('PEXPIRE', KEYS[1], math.ceil((burst - left + taken) / rate * 1000) + 1000)
end
return {taken, '0'}
"""
"""Takes `count` tokens when there is one at least: those beyond are on credit. A count of 0 only asks."""


class _Taken(msgspec.Struct):
    left: float
    at: float


class SharedBuckets:
    """Buckets of one exchange. Where Redis is away each gateway counts for itself (`None`)."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take: Any = redis.register_script(TAKE)
        self._taken: dict[str, _Taken] = {}

    async def wait(self, name: str, rate: float, burst: float, now: float, count: int = 1) -> float | None:
        """Take `count` tokens: 0 when that is allowed, else the seconds until one will be there. `now` in seconds, of
        any clock that is always the same."""
        kept = self._taken.get(name)
        if kept is not None and now - kept.at < KEPT_SECONDS and kept.left >= count:
            kept.left -= count
            return 0.0
        found = await self._ask(name, rate, burst, count, int(rate // SHARE))
        if found is None:
            return None
        taken, pause = found
        if not taken:
            return pause
        if len(self._taken) >= FEW:
            self._taken = {key: each for key, each in self._taken.items() if now - each.at < KEPT_SECONDS}
        self._taken[name] = _Taken(taken - count, now)
        return 0.0

    async def pause(self, name: str, rate: float, burst: float) -> float | None:
        """Seconds until a token will be there; 0: there is one."""
        found = await self._ask(name, rate, burst, 0, 0)
        return None if found is None else found[1]

    async def _ask(self, name: str, rate: float, burst: float, count: int, share: int) -> tuple[int, float] | None:
        try:
            found: list[Any] = await self._take(keys=[f"bourse:bucket:{name}"], args=[rate, burst, count, share])
        except (RedisError, OSError) as error:
            logger.warning("limits are counted by this gateway alone: %s", error)
            return None
        return int(found[0]), float(found[1])
