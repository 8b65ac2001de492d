"""The way out of one connection: frames in order, and a bound for readers that cannot keep up.

A reader is slow while the server lets a `send` wait. It stays slow until its queue is empty.

ASGI has one way to send: to await `send`, which only the writer does. A server of ours can also take a text at once,
without a task (see `server_line`): then whoever has frames sends them, and the writer is for clients that are slow.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from trading.observability.counters import Counters
from trading.transport.sleeper import Sleeper

SLOW_CLOSE = 4409
"""Close code of a connection that does not read fast enough."""
CLOSE_SECONDS = 1.0
"""How long a client may take for what is queued when its connection is closed, and for the close itself."""

Send = Callable[[dict[str, Any]], Awaitable[None]]
SendNow = Callable[[Sequence[str]], int]
"""Sends text frames, from the first on, and says how many it has sent; the others must be awaited."""


class ClientGone(Exception):
    """The server could not send: its client has left, or does not even take the close."""


class SendQueue:
    """Frames that wait to be sent. Past `limit` the connection is closed with 4409."""

    def __init__(
        self,
        limit: int,
        send: Send,
        counters: Counters,
        close_seconds: float = CLOSE_SECONDS,
        send_now: SendNow | None = None,
    ) -> None:
        self._limit = limit
        self._send = send
        self._send_now = send_now
        self._counters = counters
        self._close_seconds = close_seconds
        self._frames: deque[str] = deque()
        self._sending = False
        self.waiting_since: float | None = None
        """Since when there is always something that the client has not taken, by the event loop's time."""
        self.close_code: int | None = None
        """With which the connection is closed, if we close it."""
        self._close_by = 0.0
        self._patience: asyncio.Timeout | None = None
        self._sleeper = Sleeper()
        self._drained = Sleeper()

    @property
    def closing(self) -> bool:
        return self.close_code is not None

    @property
    def half_full(self) -> bool:
        """Whether whoever can wait should let the client take what there is."""
        return 2 * len(self._frames) >= self._limit

    # -- in

    def put(self, frame: str) -> None:
        """Queue a frame and have it sent, at once if the server can; nothing more is taken once the connection is
        closing."""
        if not self._send_at_once((frame,)):
            self.add(frame)
            self.flush()

    def add(self, frame: str) -> None:
        """Queue a frame for whoever flushes next."""
        if self.close_code is not None:
            return
        if len(self._frames) >= self._limit:
            self._frames.clear()
            self.close(SLOW_CLOSE, patience=0)
            return
        self._frames.append(frame)

    def put_all(self, frames: Sequence[str]) -> None:
        """The same for what one batch has told, even if that alone is more than the limit: a client may have many
        orders, and had no time to read in between."""
        sent = self._send_at_once(frames) if frames else 0
        if sent == len(frames):
            return
        frames = frames[sent:]
        self.add(frames[0])
        if not self.closing:
            self._frames.extend(frames[1:])
        self.flush()

    def _send_at_once(self, frames: Sequence[str]) -> int:
        """How many of these the server takes now: none while others wait before them."""
        if self._send_now is None or self._frames or self._sending or self.close_code is not None:
            return 0
        return self._send_now(frames)

    def close(self, code: int, patience: float | None = None) -> None:
        """Send what is queued if the client takes it within `patience` seconds (None: as long as usual), then close."""
        if self.close_code is None:
            self.close_code = code
            self._counters.connections_closed[code] += 1
            self._close_by = asyncio.get_running_loop().time() + (self._close_seconds if patience is None else patience)
            if self._patience is not None:
                self._patience.reschedule(self._close_by)
            self._sleeper.wake()
            self._drained.wake()

    # -- out

    def flush(self) -> None:
        """Send what is queued, as far as the server takes it without waiting."""
        frames = self._frames
        if self._sending:
            return
        if frames and self._send_now is not None:
            for _ in range(self._send_now(frames)):
                frames.popleft()
        if frames:
            self._sleeper.wake()
        else:
            self.waiting_since = None

    async def write(self) -> None:
        """Send frames as they come, until closed. Raises ClientGone."""
        while not self.closing or self._frames:
            self.flush()
            if self._frames:
                await self._send_and_wait()
            elif not self.closing:
                self._drained.wake()
                await self._sleeper.sleep()
        try:
            async with asyncio.timeout(self._close_seconds):
                await self._send({"type": "websocket.close", "code": self.close_code})
        except TimeoutError as error:
            raise ClientGone from error

    async def _send_and_wait(self) -> None:
        """Send frames as the client takes them, as long as the server must be waited for, or until its time is up."""
        frames, self._sending = self._frames, True
        self.waiting_since = self.waiting_since or asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(None) as self._patience:
                if self.closing:
                    self._patience.reschedule(self._close_by)
                await self._send({"type": "websocket.send", "text": frames.popleft()})
                while frames and self._send_now is None:
                    await self._send({"type": "websocket.send", "text": frames.popleft()})
        except TimeoutError:
            self._frames.clear()
        except Exception as error:  # each server has its own
            raise ClientGone from error
        finally:
            self._sending, self._patience = False, None

    async def drained(self) -> None:
        """Wait until the client has taken everything, or the connection is closing."""
        while (self._frames or self._sending) and not self.closing:
            self._sleeper.wake()
            await self._drained.sleep()
