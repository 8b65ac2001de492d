"""The terminal of a person: warnings and a line a minute, everything else as JSON in a file."""

import asyncio
from contextlib import suppress
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from exchange_site.monitoring.console import MinuteLine
from trading.core.commands import SubmitOrder
from trading.observability.counters import Counters

NOON = datetime(2024, 3, 4, 12, 5)


def exchange(connections: int = 3, reason: str | None = None) -> Any:
    return SimpleNamespace(heartbeat=SimpleNamespace(connections=connections), not_ready_because=reason)


def test_a_line_tells_what_has_been_since_the_one_before() -> None:
    counters = Counters()
    line = MinuteLine(exchange(1_200), counters, print)
    counters.done[SubmitOrder] = 1_204
    counters.trades = 388
    assert line.line(NOON) == "12:05  1,204 orders, 388 trades, 1,200 connections"
    counters.trades += 2
    assert line.line(NOON) == "12:05  0 orders, 2 trades, 1,200 connections"


def test_a_market_that_is_closed_is_no_quiet_one() -> None:
    line = MinuteLine(exchange(reason="The books are being loaded."), Counters(), print)
    assert line.line(NOON).endswith("; takes no orders: The books are being loaded.")


async def test_lines_come_until_cancelled() -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(MinuteLine(exchange(), Counters(), lines.put_nowait, seconds=0.001).run())
    for _ in range(3):
        assert "0 orders" in await asyncio.wait_for(lines.get(), 30)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
