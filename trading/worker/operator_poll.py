"""Operators' commands wait in a table of the database: how often it is looked at, and what is done with a bad one."""

import asyncio
from collections.abc import Awaitable, Callable

from trading.worker.batch import OperatorAsk


class OperatorPoll:
    """Looks for operators' commands at most once an `interval` (seconds), and takes `most` of them. `pending`: reads
    the oldest of them, so many."""

    def __init__(self, pending: Callable[[int], Awaitable[list[OperatorAsk]]], interval: float, most: int) -> None:
        self._pending = pending
        self._interval = interval
        self._most = most
        self._next = 0.0
        self._looking: asyncio.Future[list[OperatorAsk]] | None = None
        self.careful = False
        """One of them cannot be stored: they are done one by one, and apart from orders, until it is found."""
        self.broken: set[int] = set()
        """Rows of those that broke the engine, or cannot be stored."""

    async def asks(self, wait: bool) -> list[OperatorAsk]:
        """What they ask. Raises what the database raises. Without `wait` only what is known already: a look that is
        due is begun, and another call tells what it has found."""
        if self._looking is None:
            now = asyncio.get_running_loop().time()
            if now < self._next:
                return []
            self._next = now + self._interval
            self._looking = asyncio.ensure_future(self._pending(1 if self.careful else self._most))
        if not (wait or self._looking.done()):
            return []
        looking, self._looking = self._looking, None
        asks = await looking
        self.careful = self.careful and bool(asks)
        return asks

    def forget(self) -> None:
        """What was found and not told may be done by now, by another engine."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def look_at_once(self) -> None:
        """Do not wait for the interval to end."""
        self._next = 0.0

    def suspect(self, envelopes: int, asks: list[OperatorAsk]) -> None:
        """A batch with so many `envelopes` and these `asks` cannot be stored. Operators' commands stay in their table
        and come again: the one that cannot be stored is found one by one."""
        if len(asks) == 1 and not envelopes:
            self.broken.add(asks[0].row_id)
        self.careful = True
