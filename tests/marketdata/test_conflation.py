"""What changes often is told seldom, the last state always, and one failure costs nobody the rest."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from marketdata.conflation import RETRY_SECONDS, Conflation
from tests.builders import in_virtual_time

INTERVAL = 0.25


class Teller:
    """Notes what it tells, and when; some of its first attempts fail."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.state = 0
        self.told: list[tuple[float, str, int]] = []

    async def __call__(self, key: str) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise OSError("the wire is cut")
        self.told.append((round(asyncio.get_running_loop().time() - 1_000, 4), key, self.state))


def told(
    play: Callable[[Teller, Conflation[str]], Awaitable[None]], *, at_once: bool, failures: int = 0
) -> list[tuple[float, str, int]]:
    async def run() -> list[tuple[float, str, int]]:
        teller = Teller(failures)
        conflation = Conflation(teller, INTERVAL, at_once=at_once)
        await play(teller, conflation)
        await asyncio.sleep(10)
        conflation.close()
        return teller.told

    return in_virtual_time(run())


async def change_three_times(teller: Teller, conflation: Conflation[str]) -> None:
    for teller.state in (1, 2, 3):
        await conflation.changed("a")


async def test_who_changes_something_hears_whether_it_replaces_another_change() -> None:
    conflation = Conflation(Teller(0), INTERVAL, at_once=True)
    assert [await conflation.changed("a") for _ in range(4)] == [True, True, False, False]
    assert await conflation.changed("b"), "each key is for itself"
    conflation.close()


@pytest.mark.parametrize(
    ("at_once", "expected"),
    [(True, [(0.0, "a", 1), (INTERVAL, "a", 3)]), (False, [(INTERVAL, "a", 3)])],
)
def test_the_last_state_is_always_told(at_once: bool, expected: list[tuple[float, str, int]]) -> None:
    assert told(change_three_times, at_once=at_once) == expected


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("failures", [1, 3])
def test_what_could_not_be_told_is_told_later(at_once: bool, failures: int, caplog: pytest.LogCaptureFixture) -> None:
    """Each failure is an error of the log, with its traceback."""
    found = told(change_three_times, at_once=at_once, failures=failures)
    first = 0 if at_once else INTERVAL
    assert found == [(first + failures * RETRY_SECONDS, "a", 3)]
    assert [(record.levelno, str(record.exc_info and record.exc_info[1])) for record in caplog.records] == [
        (logging.ERROR, "the wire is cut")
    ] * failures


def test_one_that_fails_keeps_no_other_waiting(caplog: pytest.LogCaptureFixture) -> None:
    async def play(teller: Teller, conflation: Conflation[str]) -> None:
        await conflation.changed("a")
        await conflation.changed("b")

    assert told(play, at_once=True, failures=1) == [(0.0, "b", 0), (RETRY_SECONDS, "a", 0)]
    assert len(caplog.records) == 1


def test_one_that_is_closed_tells_nothing_more() -> None:
    async def play(teller: Teller, conflation: Conflation[str]) -> None:
        await change_three_times(teller, conflation)
        conflation.close()

    assert told(play, at_once=False) == []
