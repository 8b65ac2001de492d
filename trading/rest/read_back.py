"""Orders that have just been placed, read back from the tables: those of one commit together.

A turn at the readers costs more than to read one order. Whoever waits while others are read goes with the next turn.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from django.db import InterfaceError, OperationalError

from trading.reads.readers import Readers

T = TypeVar("T")
AT_ONCE = 50
OWNER = "orders placed"
"""Whose turn it is: all of them are one."""


class _Asked(NamedTuple):
    read: Callable[[], object]
    found: "asyncio.Future[object]"


class ReadBack:
    """Runs reads of one order each, which may be any caller's."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._asked: list[_Asked] = []
        self._reading: asyncio.Task[None] | None = None

    async def read(self, function: Callable[[], T]) -> T:
        """What a function gives that reads a row or two; it fails for itself alone."""
        asked = _Asked(function, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all())
        return await asked.found  # type: ignore[return-value]  # of many types in one list

    async def _read_all(self) -> None:
        try:
            while self._asked:
                now, self._asked = self._asked[:AT_ONCE], self._asked[AT_ONCE:]
                await self._read(now)
        finally:
            self._reading = None

    async def _read(self, asked: list[_Asked]) -> None:
        try:
            outcomes = await self._readers.run(OWNER, _each, [one.read for one in asked])
        except Exception as error:
            outcomes = [error] * len(asked)
        for one, outcome in zip(asked, outcomes, strict=True):
            if one.found.done():  # nobody waits any more
                continue
            if isinstance(outcome, Exception):
                one.found.set_exception(outcome)
            else:
                one.found.set_result(outcome)


def _each(reads: list[Callable[[], object]]) -> list[object]:
    return [_outcome(read) for read in reads]


def _outcome(read: Callable[[], object]) -> object:
    """A database that does not answer is everybody's trouble, and the readers try once more."""
    try:
        return read()
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:
        return error
