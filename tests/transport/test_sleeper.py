"""Sleeping until somebody wakes one."""

import asyncio

import pytest

from tests.builders import in_virtual_time
from trading.transport.sleeper import Sleeper


async def asleep(sleeper: Sleeper, count: int, timeout: float | None = None) -> list[asyncio.Task[None]]:
    """Tasks that sleep."""
    tasks = [asyncio.create_task(sleeper.sleep(timeout)) for _ in range(count)]
    await asyncio.sleep(0)
    assert len(sleeper) == count
    return tasks


async def test_all_who_sleep_go_on() -> None:
    sleeper = Sleeper()
    tasks = await asleep(sleeper, 3)
    sleeper.wake()
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert len(sleeper) == 0


async def test_who_comes_after_the_wake_sleeps_on() -> None:
    sleeper = Sleeper()
    sleeper.wake()
    (task,) = await asleep(sleeper, 1)
    sleeper.wake()
    sleeper.wake()
    await asyncio.wait_for(task, 10)


def test_nobody_sleeps_longer_than_they_want() -> None:
    async def live() -> float:
        loop = asyncio.get_running_loop()
        sleeper, began = Sleeper(), loop.time()
        await sleeper.sleep(2.5)
        assert len(sleeper) == 0
        return loop.time() - began

    assert in_virtual_time(live()) == pytest.approx(2.5)


async def test_one_who_is_cancelled_leaves_nothing_and_wakes_nobody() -> None:
    sleeper = Sleeper()
    gone, stays = await asleep(sleeper, 2, timeout=600)
    gone.cancel()
    await asyncio.wait([gone])
    assert len(sleeper) == 1 and not stays.done()
    sleeper.wake()
    await asyncio.wait_for(stays, 10)
