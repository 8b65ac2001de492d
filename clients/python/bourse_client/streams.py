"""What comes, one after another, for whoever iterates."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from bourse_client.errors import Overrun

T = TypeVar("T")
LONGEST = 100_000
"""Values that wait in a stream. One that is read more slowly for so long is given up, and says so."""


async def _nothing() -> None:
    pass


class Stream(Generic[T]):
    """An async iterator over everything that comes from the moment it was made. Its `close`, or the end of an
    `async with` around it, ends it; so does the end of the client."""

    def __init__(
        self, leave: Callable[[Stream[T]], Awaitable[None]], begin: Callable[[], Awaitable[None]] = _nothing
    ) -> None:
        """`begin` is awaited before the first value."""
        self._leave = leave
        self._begin: Callable[[], Awaitable[None]] | None = begin
        self._waiting: asyncio.Queue[T | Exception | None] = asyncio.Queue()
        self._over = False

    def put(self, value: T) -> None:
        if self._over:
            return
        if self._waiting.qsize() >= LONGEST:
            self.end(Overrun(f"{LONGEST} values wait"))
        else:
            self._waiting.put_nowait(value)

    def end(self, why: Exception | None = None) -> None:
        """After what waits the iteration ends, or raises `why`."""
        if not self._over:
            self._over = True
            self._waiting.put_nowait(why)

    def tell(self, error: Exception) -> None:
        """Raise this at its place among the values. Who iterates again hears what comes after it."""
        if not self._over:
            self._waiting.put_nowait(error)

    async def start(self) -> Self:
        """Make sure that it is subscribed. Refused where the exchange does not know what was asked for."""
        begin, self._begin = self._begin, None
        if begin is not None:
            await begin()
        return self

    async def close(self) -> None:
        self.end()
        await self._leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        await self.start()
        if self._over and self._waiting.empty():
            raise StopAsyncIteration
        value = await self._waiting.get()
        if value is None:
            raise StopAsyncIteration
        if isinstance(value, Exception):
            raise value
        return value

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
