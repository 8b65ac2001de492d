"""Orders that were placed together are read back together; what goes wrong with one is its own."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError

from trading.reads.readers import Readers
from trading.rest.read_back import AT_ONCE, ReadBack


@pytest.fixture
def readers() -> Iterator[Readers]:
    readers = Readers(1)
    yield readers
    readers.close()


def gives(number: int) -> Callable[[], int]:
    return lambda: number


async def test_each_gets_its_own(readers: Readers) -> None:
    read_back = ReadBack(readers)
    assert await asyncio.gather(*(read_back.read(gives(number)) for number in range(3 * AT_ONCE))) == [
        *range(3 * AT_ONCE)
    ]
    assert await read_back.read(gives(7)) == 7, "and later ones too"


async def test_what_comes_together_takes_one_turn(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []
    run = readers.run

    async def counted(owner: str, *arguments: object) -> object:
        turns.append(owner)
        return await run(owner, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(readers, "run", counted)
    read_back = ReadBack(readers)
    await asyncio.gather(*(read_back.read(gives(number)) for number in range(AT_ONCE)))
    assert len(turns) == 1


async def test_what_fails_fails_alone(readers: Readers) -> None:
    def fails() -> int:
        raise KeyError("mine")

    read_back = ReadBack(readers)
    first, second = await asyncio.gather(read_back.read(fails), read_back.read(gives(1)), return_exceptions=True)
    assert isinstance(first, KeyError) and second == 1


async def test_a_database_that_does_not_answer_is_tried_again_and_then_everybodys(readers: Readers) -> None:
    tried = []

    def fails() -> int:
        tried.append(1)
        raise OperationalError("gone")

    read_back = ReadBack(readers)
    outcomes = await asyncio.gather(read_back.read(fails), read_back.read(gives(1)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OperationalError, OperationalError]
    assert await read_back.read(gives(2)) == 2, "the next are read"


async def test_whoever_stops_waiting_takes_nothing_from_the_others(readers: Readers) -> None:
    read_back = ReadBack(readers)
    leaving = asyncio.create_task(read_back.read(gives(1)))
    staying = asyncio.create_task(read_back.read(gives(2)))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 2
