"""Starts all bots, tells now and then how they fare, and stops them."""

import asyncio
import logging
import os
import signal
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from bourse_client import Client

from bots.bot import Bot
from bots.maker import Maker
from bots.taker import Taker
from bots.world import Identity, World

logger = logging.getLogger(__name__)

ORDERS_PER_SECOND = 2.2
"""What all takers together send at speed 1; most of these orders make one or two trades."""
REPORT_SECONDS = 600.0
PARENT_SECONDS = 0.5
"""Between two looks whether the process that started us still lives."""


def started_at(seconds: float, speed: float) -> Any:
    """A clock that tells how long ago `seconds` (of the event loop) was, `speed` times as fast as time goes by."""
    return lambda: (asyncio.get_running_loop().time() - seconds) * speed


async def trade(
    url: str, makers: Sequence[Identity], takers: Sequence[Identity], *, seed: str, speed: float, only: Sequence[str]
) -> None:
    """Run the bots until cancelled. One that fails takes nobody with it."""
    clock = started_at(asyncio.get_running_loop().time(), speed)
    world = World(url=url, seed=seed, speed=speed, clock=clock, only=frozenset(only))
    rate = ORDERS_PER_SECOND / max(len(takers), 1)
    bots: list[Bot] = [Maker(identity, world, number) for number, identity in enumerate(makers)]
    bots += [Taker(identity, world, rate) for identity in takers]
    reporting = asyncio.create_task(_report_regularly(bots))
    try:
        await asyncio.gather(*(_run(bot) for bot in bots))
    finally:
        reporting.cancel()
        logger.info(report(bots))


async def reachable(url: str) -> None:
    """Wait until an exchange answers at this address."""
    async with Client(url, patience=None):
        pass


async def _run(bot: Bot) -> None:
    try:
        await bot.run()
    except Exception:
        logger.exception("%s has stopped", bot.identity.user_id)


async def _report_regularly(bots: Sequence[Bot]) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        logger.info(report(bots))


def report(bots: Sequence[Bot]) -> str:
    """What they did so far, in one line."""
    refused = sum((bot.portfolio.refused for bot in bots), Counter[int]())
    codes = ", ".join(f"{code}: {count:,}" for code, count in sorted(refused.items())) or "none"
    trades = sum(bot.portfolio.trades for bot in bots)
    lowest = min((bot.appetite for bot in bots), default=0)
    return f"{len(bots)} bots: {trades:,} sides of trades; refusals by code: {codes}; least appetite {lowest:.2f}"


async def until_stopped(work: Coroutine[Any, Any, None], parent: int | None) -> bool:
    """Do the work; end it at SIGTERM or SIGINT, or when `parent`, which started this process, has ended. True if the
    work was done."""
    working = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, working.cancel)
    if parent is not None:
        watching = asyncio.create_task(_outlive(parent, working))
        working.add_done_callback(lambda _: watching.cancel())
    with suppress(asyncio.CancelledError):
        await working
        return True
    return False


async def _outlive(parent: int, working: "asyncio.Task[None]") -> None:
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_SECONDS)
    working.cancel()
