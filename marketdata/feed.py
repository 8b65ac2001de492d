"""From committed batches to market data: conflates books, tells every trade. Knows no frames and no groups.

A book is told at most once an interval and instrument; what changed within the interval is told at its end, so the last
state always goes out.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from marketdata.core.depth import Depth, Level, depth
from trading.batch import Batch
from trading.core.engine import Engine
from trading.core.events import PhaseChanged, Traded
from trading.core.types import Phase

logger = logging.getLogger(__name__)


class Outlet(Protocol):
    """Makes frames and sends them."""

    def book_frame(
        self,
        instrument_id: str,
        bids: Iterable[Level],
        asks: Iterable[Level],
        time: int,
        *,
        phase: Phase | None,
        indicative: tuple[int, int] | None,
    ) -> str: ...

    def tick_frame(self, instrument_id: str, price: int, volume: int, time: int) -> str: ...

    async def send_book(self, instrument_id: str, frame: str) -> None: ...

    async def send_ticks(self, instrument_id: str, frames: list[str]) -> None: ...

    async def send_phase(self, instrument_id: str, phase: Phase, time: int) -> None: ...


class Feed:
    """Books and ticks of one market. `interval`: seconds between two books of an instrument."""

    def __init__(self, outlet: Outlet, interval: float) -> None:
        self._outlet = outlet
        self._interval = interval
        self._depths: dict[str, Depth] = {}
        self._book_frames: dict[str, str] = {}
        self._ticks: dict[str, str] = {}
        self._may_send_at: dict[str, float] = {}
        self._late: dict[str, asyncio.Task[None]] = {}

    # -- what is now

    def orderbook(self, instrument_id: str) -> str | None:
        """The book as of the last commit, as a frame; None if the instrument is unknown."""
        frame = self._book_frames.get(instrument_id)
        if frame is None and instrument_id in self._depths:
            found = self._depths[instrument_id]
            frame = self._outlet.book_frame(
                found.instrument_id,
                found.bids,
                found.asks,
                found.time,
                phase=None if found.phase is Phase.CONTINUOUS else found.phase,
                indicative=found.indicative,
            )
            self._book_frames[instrument_id] = frame
        return frame

    def ticker(self, instrument_id: str) -> str | None:
        """The last trade as a frame, or None if there was none."""
        return self._ticks.get(instrument_id)

    # -- what happens

    def on_load(self, engine: Engine, time: int) -> None:
        """The engine was (re)started: its books and last trades are what is now."""
        for name, instrument in engine.state.instruments.items():
            self._note(depth(instrument, time))
            if instrument.last is not None:
                price = instrument.last * instrument.contract.tick
                self._ticks[name] = self._outlet.tick_frame(name, price, instrument.last_volume, instrument.last_time)

    async def on_batch(self, batch: Batch) -> None:
        """A batch is stored: take in what it did to books and prices, and tell."""
        await self._tell_phases(batch)
        await self._tell_ticks(batch)
        touched = {order.instrument.instrument_id: order.instrument for order in batch.changes.orders.values()}
        touched.update(batch.changes.instruments)
        for instrument_id, instrument in touched.items():
            self._note(depth(instrument, batch.time))
            await self._tell_book_in_time(instrument_id)

    def _note(self, found: Depth) -> None:
        self._depths[found.instrument_id] = found
        self._book_frames.pop(found.instrument_id, None)

    async def _tell_phases(self, batch: Batch) -> None:
        for event in batch.events:
            if isinstance(event, PhaseChanged):
                await self._outlet.send_phase(event.instrument_id, event.phase, event.time)

    async def _tell_ticks(self, batch: Batch) -> None:
        frames: defaultdict[str, list[str]] = defaultdict(list)
        for event in batch.events:
            if isinstance(event, Traded):
                frame = self._outlet.tick_frame(event.instrument_id, event.price, event.volume, event.time)
                frames[event.instrument_id].append(frame)
        for instrument_id, found in frames.items():
            self._ticks[instrument_id] = found[-1]
            await self._outlet.send_ticks(instrument_id, found)

    # -- conflation

    async def _tell_book_in_time(self, instrument_id: str) -> None:
        if instrument_id in self._late:
            return
        now = asyncio.get_running_loop().time()
        pause = self._may_send_at.get(instrument_id, now) - now
        if pause <= 0:
            await self._tell_book(instrument_id)
        else:
            self._late[instrument_id] = asyncio.create_task(self._tell_book_late(instrument_id, pause))

    async def _tell_book_late(self, instrument_id: str, pause: float) -> None:
        try:
            await asyncio.sleep(pause)
        finally:
            del self._late[instrument_id]
        await self._tell_book(instrument_id)

    async def _tell_book(self, instrument_id: str) -> None:
        self._may_send_at[instrument_id] = asyncio.get_running_loop().time() + self._interval
        frame = self.orderbook(instrument_id)
        assert frame is not None, "a book is told only after it was noted"
        await self._outlet.send_book(instrument_id, frame)

    def close(self) -> None:
        """Tell nothing more."""
        for task in list(self._late.values()):
            task.cancel()
