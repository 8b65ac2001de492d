"""What a process that runs for months needs: a calm garbage collector, and work that is begun anew where it broke."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

RESTART_SECONDS = 1.0
"""Until work that broke is begun anew: no flood of errors in the log."""


def calm_garbage_collector() -> None:
    """Look for cycles less often. Frames, orders and fills make none, but every 700 of them would start a search
    through all connections and orders (measured: a third of the time of a fan-out to 1,000 connections, and of loading
    100,000 orders)."""
    gc.set_threshold(50_000, 20, 100)


def keep_for_good() -> None:
    """What is loaded stays: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


async def keep_going(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Let something run until it is cancelled. Where it breaks, that is an error of the log, and it is begun anew."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("the %s broke; it is begun anew", name)
        await asyncio.sleep(RESTART_SECONDS)
