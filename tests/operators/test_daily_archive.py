"""Days go into files by themselves: when it is time, in a process that can be ended, and not for ever."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import NO_ACCOUNT, TRADERS, Books, make_users
from tests.storage.histories import History, new_books
from trading.core.commands import Settle
from trading.models import ArchiveFile, SettlementPrice
from trading.operators.daily_archive import DailyArchive
from trading.storage.archive.archiver import Archiver, is_due

OFTEN, NEVER = 0.001, 3_600.0


@pytest.fixture
def books(transactional_db: None) -> Books:
    """Two settled days at least, and another that goes on."""
    make_users([*TRADERS, NO_ACCOUNT])
    made = new_books()
    for seed, day in enumerate((20240101, 20240102)):
        History(made, seed).play(10)
        day = made.engine.state.day.trading_day or day
        made.commit(Settle(day, day + 1, {}))
    History(made, 3).play(5)
    return made


class Program:
    """Starts a Python program in place of the command; how often it was started."""

    def __init__(self, source: str, then: Callable[[], object] = lambda: None) -> None:
        self._source, self._then = source, then
        self.processes: list[asyncio.subprocess.Process] = []
        self.started = asyncio.Event()

    async def __call__(self) -> asyncio.subprocess.Process:
        await asyncio.to_thread(self._then)
        pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
        words = (sys.executable, "-c", self._source)
        self.processes.append(await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=both))
        self.started.set()
        return self.processes[-1]


def test_a_day_is_due_when_it_is_one_too_many(books: Books, tmp_path: Path) -> None:
    days = SettlementPrice.objects.values("day").distinct().count()
    assert is_due("MAIN", days - 1) and not is_due("MAIN", days)
    assert len(Archiver("MAIN", tmp_path, sleep=lambda _: None).run(days - 1)) == 1
    assert not is_due("MAIN", days - 1) and is_due("MAIN", days - 2)
    ArchiveFile.objects.update(removed=False)
    assert is_due("MAIN", days - 1), "its rows may still be there"


async def test_it_is_archived_once_and_said(books: Books, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    program = Program("print('MAIN-20240101')", lambda: Archiver("MAIN", tmp_path, sleep=lambda _: None).run(1))
    task = asyncio.create_task(DailyArchive("MAIN", 1, program, lambda: True, look=OFTEN).run())
    async with asyncio.timeout(60):
        await program.started.wait()
        while "market MAIN is archived: MAIN-20240101" not in caplog.text:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(program.processes) == 1


async def test_a_try_that_fails_is_an_error_and_not_repeated_at_once(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    program = Program("import sys; sys.exit('no room')")
    task = asyncio.create_task(DailyArchive("MAIN", 1, program, lambda: True, look=OFTEN, rest=NEVER).run())
    async with asyncio.timeout(60):
        while "market MAIN was not archived: no room" not in caplog.text:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(program.processes) == 1


async def test_one_that_takes_too_long_is_ended(books: Books, caplog: pytest.LogCaptureFixture) -> None:
    program = Program("import time; time.sleep(3600)")
    daily = DailyArchive("MAIN", 1, program, lambda: True, look=OFTEN, rest=NEVER, most=0.01)
    task = asyncio.create_task(daily.run())
    async with asyncio.timeout(60):
        await program.started.wait()
        assert await program.processes[0].wait() < 0
        while "was ended after" not in caplog.text:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_whoever_stops_ends_it(books: Books) -> None:
    program = Program("import time; time.sleep(3600)")
    task = asyncio.create_task(DailyArchive("MAIN", 1, program, lambda: True, look=OFTEN).run())
    async with asyncio.timeout(60):
        await program.started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await program.processes[0].wait() < 0


async def test_only_the_engine_archives(books: Books) -> None:
    looked = asyncio.Event()

    def serves() -> bool:
        looked.set()
        return False

    program = Program("")
    task = asyncio.create_task(DailyArchive("MAIN", 0, program, serves, look=OFTEN).run())
    async with asyncio.timeout(60):
        await looked.wait()
        looked.clear()
        await looked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert program.processes == []
