"""The end of tasks that work with Redis."""

import asyncio
from collections.abc import Iterable

AGAIN_SECONDS = 0.1


async def end_all(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they have ended. A cancellation that falls into a command of redis-py is lost now and
    then (seen with 8.1): it is sent again."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
