"""Commands for an engine in the same event loop: a bounded queue."""

import asyncio
from collections import deque

from trading.transport.gateway import Envelope
from trading.transport.sleeper import Sleeper


class InProcessQueue:
    """First in, first out; refuses when full, never blocks the sender."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.position: str | None = None
        self._waiting: deque[Envelope] = deque()
        self._sleeper = Sleeper()
        self._alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, envelope: Envelope) -> bool:
        """Queue a command; False when the queue is full, and then nothing was queued."""
        if len(self._waiting) >= self.limit:
            return False
        self._waiting.append(envelope)
        if self._sleeper.waiting:
            self._sleeper.wake()
        return True

    async def take(self, most: int, timeout: float) -> list[Envelope]:
        """Up to `most` commands, as soon as there is one; none when `timeout` seconds have passed, or sooner."""
        waiting = self._waiting
        if not waiting:
            self._ring_within(timeout)
            await self._sleeper.sleep()
        return [waiting.popleft() for _ in range(min(most, len(waiting)))]

    def _ring_within(self, seconds: float) -> None:
        """Have an alarm set that rings by then. One that rings sooner will do: whoever is woken with nothing sleeps
        again, while a timer that is made and cancelled for each batch costs a lone order more than that."""
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        if self._alarm is not None:
            if self._alarm.when() <= at:
                return
            self._alarm.cancel()
        self._alarm = loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._sleeper.wake()

    def go_back(self, position: str) -> None:
        """Nothing: whoever waited for what was not stored has been told so."""

    def drain(self) -> list[Envelope]:
        """Everything that waits."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def wake(self) -> None:
        """Let whoever sleeps in `take` go on, with nothing if there is nothing."""
        self._sleeper.wake()
