"""The way out of one connection: frames in order, written by one task; a bound for readers that cannot keep up."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

SLOW_CLOSE = 4409
"""Close code of a connection that does not read fast enough."""

Send = Callable[[dict[str, Any]], Awaitable[None]]


class ClientGone(Exception):
    """The server could not send: its client has left."""


class Outbox:
    """Frames that wait to be sent. Past `limit` the connection is closed with 4409."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames: deque[str] = deque()
        self._close_code: int | None = None
        self._sleeper: asyncio.Future[None] | None = None
        self._flushing = False

    @property
    def closing(self) -> bool:
        return self._close_code is not None

    def put(self, frame: str) -> None:
        """Queue a frame and have it sent soon; nothing more is taken once the connection is closing."""
        self.add(frame)
        self._wake()

    def add(self, frame: str) -> None:
        """Queue a frame for whoever flushes next."""
        if self._close_code is not None:
            return
        if len(self._frames) >= self._limit:
            self._frames.clear()
            self.close(SLOW_CLOSE)
            return
        self._frames.append(frame)

    def close(self, code: int) -> None:
        """Send what is queued, then close."""
        if self._close_code is None:
            self._close_code = code
            self._wake()

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def flush(self, send: Send) -> None:
        """Send what is queued. While one is at it, others leave their frames to it, so the order is kept."""
        if self._flushing:
            return
        self._flushing = True
        frames = self._frames
        try:
            while frames:
                await send({"type": "websocket.send", "text": frames.popleft()})
        except Exception as error:  # each server has its own
            raise ClientGone from error
        finally:
            self._flushing = False
        if self._close_code is not None:
            self._wake()

    async def write(self, send: Send) -> None:
        """Send frames as they come, until closed."""
        while True:
            await self.flush(send)
            if self._close_code is not None and not self._flushing:
                await send({"type": "websocket.close", "code": self._close_code})
                return
            self._sleeper = asyncio.get_running_loop().create_future()
            await self._sleeper
            self._sleeper = None
