"""The way out of one connection: frames in order, written by one task; a bound for readers that cannot keep up."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

SLOW_CLOSE = 4409
"""Close code of a connection that does not read fast enough."""

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Outbox:
    """Frames that wait to be sent. Past `limit` the connection is closed with 4409."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames: deque[str] = deque()
        self._close_code: int | None = None
        self._sleeper: asyncio.Future[None] | None = None

    @property
    def closing(self) -> bool:
        return self._close_code is not None

    def put(self, frame: str) -> None:
        """Queue a frame; nothing more is taken once the connection is closing."""
        if self._close_code is not None:
            return
        if len(self._frames) >= self._limit:
            self._frames.clear()
            self.close(SLOW_CLOSE)
            return
        self._frames.append(frame)
        self._wake()

    def close(self, code: int) -> None:
        """Send what is queued, then close."""
        if self._close_code is None:
            self._close_code = code
            self._wake()

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def write(self, send: Send) -> None:
        """Send frames as they come, until closed."""
        frames = self._frames
        while True:
            while frames:
                await send({"type": "websocket.send", "text": frames.popleft()})
            if self._close_code is not None:
                await send({"type": "websocket.close", "code": self._close_code})
                return
            self._sleeper = asyncio.get_running_loop().create_future()
            await self._sleeper
            self._sleeper = None
