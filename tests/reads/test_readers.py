"""Reading in a few threads: everybody gets their turn, whoever asks how often."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from trading.reads.readers import Readers

LONG = 30.0
"""Seconds, as a bound against hanging."""


@pytest.fixture
async def readers() -> AsyncIterator[Readers]:
    made = Readers(2)
    yield made
    await asyncio.to_thread(made.close)


class Gate:
    """A query that lasts until it is let go, and notes who has begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.seen = threading.Semaphore(0)
        self.free = threading.Semaphore(0)

    def read(self, name: str) -> str:
        self.begun.append(name)
        self.seen.release()
        assert self.free.acquire(timeout=LONG)
        return name

    async def begins(self) -> None:
        assert await asyncio.to_thread(self.seen.acquire, True, LONG)


async def test_ten_queries_of_one_user_keep_nobody_waiting(readers: Readers) -> None:
    gate = Gate()
    greedy = [asyncio.ensure_future(readers.run("greedy", gate.read, f"greedy {n}")) for n in range(10)]
    await gate.begins()
    other = asyncio.ensure_future(readers.run("other", gate.read, "other"))
    await gate.begins()
    assert gate.begun == ["greedy 0", "other"]
    for _ in range(11):
        gate.free.release()
    assert await other == "other"
    assert await asyncio.gather(*greedy) == [f"greedy {n}" for n in range(10)]
    assert gate.begun[2:] == [f"greedy {n}" for n in range(1, 10)]


async def test_who_leaves_before_their_turn_gives_it_on(readers: Readers) -> None:
    gate = Gate()
    first, second, third = (asyncio.ensure_future(readers.run("user", gate.read, name)) for name in "123")
    await gate.begins()
    second.cancel()
    gate.free.release()
    assert await first == "1"
    await gate.begins()
    gate.free.release()
    assert await third == "3"
    assert second.cancelled() and gate.begun == ["1", "3"]


async def test_leaving_does_not_make_room_for_one_more_at_a_time() -> None:
    """A thread still reads for the one who has left; the free ones are for others."""
    readers, gate = Readers(3), Gate()
    first = asyncio.ensure_future(readers.run("user", gate.read, "1"))
    await gate.begins()
    second = asyncio.ensure_future(readers.run("user", gate.read, "2"))
    first.cancel()
    await asyncio.wait([first])
    others = [asyncio.ensure_future(readers.run(name, gate.read, name)) for name in ("other", "third")]
    await gate.begins()
    await gate.begins()
    assert sorted(gate.begun) == ["1", "other", "third"]
    for _ in range(4):
        gate.free.release()
    assert await asyncio.gather(*others, second) == ["other", "third", "2"]
    await asyncio.to_thread(readers.close)


async def test_one_may_leave_in_the_moment_in_which_his_turn_comes(readers: Readers) -> None:
    await readers._turn("user")
    second = asyncio.ensure_future(readers.run("user", str, 2))
    await asyncio.sleep(0)
    second.cancel()
    readers._next("user")
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await readers.run("user", str, 3) == "3"


async def test_a_failure_ends_the_turn(readers: Readers) -> None:
    def fail() -> None:
        raise KeyError("no")

    for _ in range(5):
        with pytest.raises(KeyError):
            await readers.run("user", fail)
    assert await readers.run("user", str, 5) == "5"


@pytest.mark.django_db(transaction=True)
async def test_a_broken_connection_is_opened_again() -> None:
    """One that breaks at once is a failure; one that had worked is tried anew. One thread, so that it is the same."""
    readers = Readers(1)

    def broken(breaks: list[str]) -> Callable[[], Any]:
        def read() -> int:
            if breaks:
                raise OperationalError(breaks.pop())
            with connection.cursor() as cursor:
                cursor.execute("SELECT 5")
                return int(cursor.fetchone()[0])

        return read

    with pytest.raises(OperationalError):
        await readers.run("user", broken(["gone"]))
    assert await readers.run("user", broken([])) == 5
    assert await readers.run("user", broken(["gone"])) == 5
    await asyncio.to_thread(readers.close)
