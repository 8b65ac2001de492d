"""A terminal for people: where the log goes to a file, one short line a minute says how the exchange fares."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from trading.core.commands import SubmitOrder
from trading.observability.counters import Counters
from trading.websocket.heartbeat import Heartbeat

SECONDS = 60.0


class Watched(Protocol):
    """What is asked of the exchange."""

    heartbeat: Heartbeat

    @property
    def not_ready_because(self) -> str | None: ...


class MinuteLine:
    """Tells what has happened since the last line. `write` gets a line, `seconds` lie between two."""

    def __init__(
        self, exchange: Watched, counters: Counters, write: Callable[[str], object], seconds: float = SECONDS
    ) -> None:
        self._exchange = exchange
        self._counters = counters
        self._write = write
        self._seconds = seconds
        self._told = (0, 0)

    def line(self, now: datetime) -> str:
        """`15:04  1,204 orders, 388 trades, 12 connections`."""
        before, self._told = self._told, (self._counters.done[SubmitOrder], self._counters.trades)
        orders, trades = (count - earlier for count, earlier in zip(self._told, before, strict=True))
        figures = f"{orders:,} orders, {trades:,} trades, {self._exchange.heartbeat.connections:,} connections"
        reason = self._exchange.not_ready_because
        return f"{now:%H:%M}  {figures}{'' if reason is None else f'; takes no orders: {reason}'}"

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            self._write(self.line(datetime.now()))  # the clock of whoever reads it
