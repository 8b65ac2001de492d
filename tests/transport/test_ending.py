"""Tasks end although they have missed that they were cancelled."""

import asyncio

from trading.transport.ending import end_all


async def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    heard: list[str] = []

    async def deaf() -> None:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            heard.append("lost")
        await asyncio.sleep(600)

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(asyncio.sleep(600))]
    await asyncio.sleep(0)
    await asyncio.wait_for(end_all(tasks), 10)
    assert heard == ["lost"] and all(task.cancelled() for task in tasks)


async def test_there_may_be_none() -> None:
    await end_all([])
