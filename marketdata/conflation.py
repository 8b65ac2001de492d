"""Tells of what changes often: not every change, but how it is by then. Knows nothing of what is told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Until what could not be told is told anew: soon enough for readers, and no flood of errors in the log."""


class Conflation(Generic[K]):
    """Has each key told at most once in `interval` seconds, and always after its last change. `at_once`: a change after
    a pause is told at once, else at the end of an interval that begins with it. `tell` tells how things are by then;
    where it fails, that is logged with its traceback, and it is asked again: whoever has changed something is never
    troubled with it."""

    def __init__(self, tell: Callable[[K], Awaitable[None]], interval: float, *, at_once: bool) -> None:
        self._tell = tell
        self._interval = interval
        self._at_once = at_once
        self._may_tell_at: dict[K, float] = {}
        self._late: dict[K, asyncio.Task[None]] = {}

    async def changed(self, key: K) -> bool:
        """There is something to tell. False where something that has not been told yet is replaced by it."""
        if key in self._late:
            return False
        pause = self._pause(key)
        if pause > 0 or not self._at_once:
            self._tell_later(key, pause)
        elif not await self._is_told(key):
            self._tell_later(key, RETRY_SECONDS)
        return True

    def changed_meanwhile(self, key: K) -> None:
        """As `changed`, for whoever cannot wait: it is told soon."""
        self._tell_later(key, self._pause(key))

    def _pause(self, key: K) -> float:
        """Seconds until it may be told."""
        if not self._at_once:
            return self._interval
        now = asyncio.get_running_loop().time()
        return max(0.0, self._may_tell_at.get(key, now) - now)

    def _tell_later(self, key: K, pause: float) -> None:
        if key not in self._late:
            self._late[key] = asyncio.create_task(self._tell_after(key, pause), name=f"tell {key}")

    async def _tell_after(self, key: K, pause: float) -> None:
        try:
            await asyncio.sleep(pause)
        finally:
            del self._late[key]
        if not await self._is_told(key):
            self._tell_later(key, RETRY_SECONDS)

    async def _is_told(self, key: K) -> bool:
        self._may_tell_at[key] = asyncio.get_running_loop().time() + self._interval
        try:
            await self._tell(key)
        except Exception:
            logger.exception("%s could not be told; it is tried again", key)
            return False
        return True

    def close(self) -> None:
        """Tell nothing more."""
        for task in self._late.values():
            task.cancel()
