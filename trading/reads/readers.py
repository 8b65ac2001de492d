"""Threads that read for connections: a few for everybody, and one query of each user at a time.

Whoever has many connections waits for their own queries; others wait for a free thread only. Knows no queries.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connections

T = TypeVar("T")
Read = Callable[..., Awaitable[Any]]
"""Runs a function that blocks on the database, with these arguments, and gives what it gives."""


class Readers:
    """Runs functions that block on the database. Its threads keep their connections until `close`."""

    def __init__(self, threads: int, using: str = "default") -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self._using = using
        self._turns: dict[str, deque[asyncio.Future[None]]] = {}
        self._connections: set[Any] = set()

    async def run(self, owner: str, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """What a function gives, when it is the owner's turn. A turn lasts until the thread is free again, even if
        nobody waits for it any more."""
        await self._turn(owner)
        try:
            loop = asyncio.get_running_loop()
            reading = loop.run_in_executor(self._pool, self._read, partial(function, *arguments, **named))
        except BaseException:
            self._next(owner)
            raise
        reading.add_done_callback(lambda _: self._next(owner))
        return await asyncio.shield(reading)

    def close(self) -> None:
        """Finish what is being read, and give threads and connections back. Blocks."""
        self._pool.shutdown()
        for connection in self._connections:
            connection.inc_thread_sharing()
            connection.close()
        self._connections.clear()

    # -- turns

    async def _turn(self, owner: str) -> None:
        waiting = self._turns.get(owner)
        if waiting is None:
            self._turns[owner] = deque()
            return
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # it was passed over when the one before had ended
                    waiting.remove(turn)
            else:
                self._next(owner)
            raise

    def _next(self, owner: str) -> None:
        """The owner's next query may begin."""
        waiting = self._turns[owner]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._turns[owner]

    # -- in a thread

    def _read(self, function: Callable[[], T]) -> T:
        """A connection that has broken since it was used last is opened again: reading twice does no harm."""
        connection = connections[self._using]
        self._connections.add(connection)
        fresh = connection.connection is None
        try:
            return function()
        except (InterfaceError, OperationalError):
            connection.close()
            if fresh:
                raise
        return function()
