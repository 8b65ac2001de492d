"""The engine's sign of life in Redis, and the look of whoever stands by for it: an engine that has the database but not
Redis gets no commands, and another one could.

No clock of one machine is compared with that of another: the sign vanishes by the clock of Redis, and whoever looks
counts by its own.
"""

from collections.abc import Callable
from time import monotonic

from redis.asyncio import Redis

SIGN_MS = 1_000
"""How long a sign lasts: several beats."""
LOST_SECONDS = 1.0
"""For which no look may find a sign until the engine counts as cut off: time enough for one that connects again."""


class EngineSign:
    """Of one market. `clock` tells seconds. What Redis raises is raised."""

    def __init__(self, redis: Redis, market: str, clock: Callable[[], float] = monotonic) -> None:
        self._redis = redis
        self._key = f"bourse:{market}:engine"
        self._clock = clock
        self._seen = False
        self._missing_since: float | None = None

    async def give(self) -> None:
        """This process is the engine, and reaches Redis."""
        self.forget()
        await self._redis.set(self._key, b"1", px=SIGN_MS)

    async def is_lost(self) -> bool:
        """Look once more: whether a sign was there once, and in no look of the last LOST_SECONDS."""
        if await self._redis.exists(self._key):
            self._seen, self._missing_since = True, None
            return False
        if self._missing_since is None:
            self._missing_since = self._clock()
        return self._seen and self._clock() - self._missing_since >= LOST_SECONDS

    def forget(self) -> None:
        """Begin to look anew."""
        self._seen, self._missing_since = False, None

    def could_not_look(self) -> None:
        """Redis has not answered: whether there is a sign is not known."""
        self._missing_since = None
