"""One timer for all connections of a process: pings them, and closes those from which nothing has come for too long."""

import asyncio
import logging
from typing import Protocol

from trading.observability.counters import Counters

logger = logging.getLogger(__name__)

IDLE_CLOSE = 4408
"""Close code of a connection that went silent."""

AWAY = 0.25
"""Of the silence that closes: being late by so much is a pause of ours. (Whoever speaks in time has twice as much.)"""


class Connection(Protocol):
    heard_at: float
    """Time of the event loop at which the last frame came in."""

    def ping(self) -> None: ...

    def push(self, frame: str) -> None: ...

    def close(self, code: int) -> None: ...


class Heartbeat:
    """Pings every `ping_seconds`, closes with 4408 after `idle_seconds` of silence."""

    def __init__(self, ping_seconds: float, idle_seconds: float, counters: Counters) -> None:
        self._ping_seconds = ping_seconds
        self._idle_seconds = idle_seconds
        self._counters = counters
        self._next_ping: dict[Connection, float] = {}

    @property
    def connections(self) -> int:
        """How many are open and not being closed for silence."""
        return len(self._next_ping)

    def add(self, connection: Connection) -> None:
        self._counters.connections_opened += 1
        self._next_ping[connection] = connection.heard_at + self._ping_seconds

    def remove(self, connection: Connection) -> None:
        self._next_ping.pop(connection, None)

    async def part(self, farewell: str, code: int, patience: float) -> None:
        """Send everybody a last frame, close, and wait until they are gone, or for `patience` seconds."""
        for connection in list(self._next_ping):
            connection.push(farewell)
            connection.close(code)
        deadline = asyncio.get_running_loop().time() + patience
        while self._next_ping and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)

    async def run(self) -> None:
        """Look after the connections until cancelled."""
        loop, pause = asyncio.get_running_loop(), min(self._ping_seconds, self._idle_seconds) / 10
        while True:
            due = loop.time() + pause
            await asyncio.sleep(pause)
            now = loop.time()
            late = max(0.0, now - due)
            self._counters.loop_lag.observe(late)
            if late >= self._idle_seconds * AWAY:
                self.start_anew(now)
            self.beat(now)

    def start_anew(self, now: float) -> None:
        """We were away (a stopped process, a sleeping machine, a busy loop): that was no silence of the clients."""
        for connection in self._next_ping:
            connection.heard_at = now

    def beat(self, now: float) -> None:
        """Close and ping whoever is due at `now`."""
        for connection, due in list(self._next_ping.items()):
            if now - connection.heard_at >= self._idle_seconds:
                self.remove(connection)
                connection.close(IDLE_CLOSE)
            elif now >= due:
                missed = now - due >= self._ping_seconds  # by a pause; one ping makes up for all of them
                self._next_ping[connection] = (now if missed else due) + self._ping_seconds
                connection.ping()
