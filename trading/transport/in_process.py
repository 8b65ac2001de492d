"""Commands for an engine in the same event loop: a bounded queue."""

import asyncio
from collections import deque

from trading.transport.gateway import Envelope


class InProcessQueue:
    """First in, first out; refuses when full, never blocks the sender."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._waiting: deque[Envelope] = deque()
        self._sleeper: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, envelope: Envelope) -> bool:
        """Queue a command; False when the queue is full, and then nothing was queued."""
        if len(self._waiting) >= self.limit:
            return False
        self._waiting.append(envelope)
        self.wake()
        return True

    async def take(self, most: int, timeout: float) -> list[Envelope]:
        """Up to `most` commands, as soon as there is one; none when `timeout` seconds have passed."""
        waiting = self._waiting
        if not waiting:
            await self._sleep(timeout)
        return [waiting.popleft() for _ in range(min(most, len(waiting)))]

    def drain(self) -> list[Envelope]:
        """Everything that waits."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    async def _sleep(self, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        self._sleeper = loop.create_future()
        alarm = loop.call_later(timeout, self.wake)
        try:
            await self._sleeper
        finally:
            alarm.cancel()
            self._sleeper = None

    def wake(self) -> None:
        """Let whoever sleeps in `take` go on, with nothing if there is nothing."""
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)
