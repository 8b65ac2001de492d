"""Keeps bars and day statistics of committed batches, and stores them about once a second, in a thread of its own.

The trades are stored already, so nothing here must not be lost: whenever it is in doubt what is inside the bars (at the
start, after a write that failed, after a batch that was missed), they are loaded anew and the trades since are read.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol, TypeVar

from marketdata.core.bars import Bar, Bars, Match, Period, match_of
from marketdata.core.day import Reference, Statistics, reference_of, statistics
from trading.core.engine import Engine
from trading.core.events import DaySettled, Traded
from trading.observability.counters import Counters
from trading.worker.batch import Batch

T = TypeVar("T")
logger = logging.getLogger(__name__)

SECONDS = 1.0
"""Between writes: readers of the tables are so much behind, and the engine meets another writer so often."""


class Store(Protocol):
    def load(self) -> Bars: ...

    def read_on(self, bars: Bars) -> bool: ...

    def write(self, bars: Sequence[Bar], trade: int) -> bool: ...

    def close(self) -> None: ...


class Publisher(Protocol):
    """Hears, once a batch, what a stored batch has changed."""

    async def send_bars(self, bars: Sequence[Bar]) -> None:
        """The present bar of each period of the instruments that have traded."""


class Recorder:
    """The bars of one market. `publisher` None: nobody wants to hear."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher | None = None,
        seconds: float = SECONDS,
        counters: Counters | None = None,
    ) -> None:
        self._counters = counters or Counters()
        self._store = store
        self._publisher = publisher
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bars")
        self._bars = Bars()
        self._references: dict[str, Reference] = {}
        self._writing: list[Bar] = []  # taken, and not known to be stored
        self._number: int | None = None  # of the last batch
        self._fresh: Bars | None = None  # what is being read, while it is in doubt what is inside the bars
        self._in_doubt = True
        self._heard: list[Match | DaySettled] = []  # since the present part of that was begun
        self._stopping = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    # -- what is now

    def present(self, instrument_id: str) -> list[Bar]:
        """The present bar of each period, as of the last commit; none before the first trade."""
        return self._bars.present(instrument_id)

    @property
    def in_doubt(self) -> bool:
        """Whether trades may be missing from what it tells."""
        return self._in_doubt

    def newest(self, instrument_id: str, period: Period) -> list[Bar]:
        """The bars of a period that may not be stored yet as they are now, by their start; the older state first."""
        known = [*self._writing, *self._bars.ended(instrument_id), *self.present(instrument_id)]
        found = [bar for bar in known if bar.instrument_id == instrument_id and bar.period is period]
        return sorted(found, key=lambda bar: bar.start)

    def statistics(self, instrument_id: str, time: int) -> Statistics | None:
        """The trading day so far (`time` is now), as of the last commit; None if the instrument is unknown."""
        reference = self._references.get(instrument_id)
        if reference is None:
            return None
        bar = self._bars.present_day(instrument_id, time)
        return statistics(instrument_id, bar, self._bars.open_interest(instrument_id), reference)

    # -- what happens

    def on_load(self, engine: Engine, time: int) -> None:
        """The engine was (re)started: perhaps with a batch that nobody was told of."""
        self._references = {name: reference_of(found) for name, found in engine.state.instruments.items()}
        self._number = None
        self._doubt()

    async def on_batch(self, batch: Batch) -> None:
        """A batch is stored: take in what it did, and tell."""
        if self._number is None or batch.number != self._number + 1:
            self._doubt()  # there may have been others, which are stored like this one
        self._number = batch.number
        happened = _happened(batch)
        self._counters.trades += sum(isinstance(event, Match) for event in happened)
        self._bars.take_in(happened)
        if self._in_doubt:
            self._heard += happened
        for name, instrument in batch.changes.instruments.items():
            self._references[name] = reference_of(instrument)
        traded = {event.instrument_id for event in happened if isinstance(event, Match)}
        if self._publisher is not None and traded:
            await self._publisher.send_bars([bar for name in sorted(traded) for bar in self.present(name)])

    # -- life

    async def start(self) -> None:
        """Bring the bars up to date, or begin to where that takes long, and keep them stored from now on."""
        await self.keep_up()
        self._task = asyncio.create_task(self._run(), name="bars")

    async def close(self) -> None:
        """Store what is not stored yet, and give thread and connection back. No more batches may come."""
        if self._task is not None:
            self._stopping.set()
            await self._task
            await self.keep_up()
        await self._blocking(self._store.close)
        self._thread.shutdown()

    async def _run(self) -> None:
        while not await self._stops():
            await self.keep_up()

    async def _stops(self) -> bool:
        """Wait until it is time for another turn, which is at once while there is more to read. True at the end."""
        if self._fresh is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._seconds)
        return self._stopping.is_set()

    async def keep_up(self) -> None:
        """Store what has changed, or read on. Whatever fails is done again."""
        async with self._turn:
            try:
                if self._in_doubt:
                    await self._read_on()
                if not self._in_doubt:
                    await self._write()
            except Exception:
                logger.exception("bars could not be stored; they are made again from the trades")
                await self._blocking(self._store.close)  # a session that has ended would be used again and again
                self._doubt()

    async def _blocking(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # -- stored bars

    async def _write(self) -> None:
        self._writing = changed = self._bars.take_changed()
        if changed and not await self._blocking(self._store.write, changed, self._bars.last):
            self._overtaken()
        else:
            self._writing = []

    def _overtaken(self) -> None:
        logger.info("somebody else has stored bars; they are read anew")
        self._doubt()

    def _doubt(self) -> None:
        """It is not known any more what is inside the bars, or what of them is stored."""
        self._in_doubt = True
        self._fresh = None
        self._heard = []

    async def _read_on(self) -> None:
        """Read the next part of the trades, or the last: that one and what was told since it was begun is all there
        is, because trades are stored before they are told. Until then the bars in doubt are known on: not all of them
        need to be stored."""
        fresh = await self._blocking(self._store.load) if self._fresh is None else self._fresh
        heard: list[Match | DaySettled] = []
        self._fresh, self._heard = fresh, heard
        more, stored = await self._blocking(self._store_part, fresh)
        if not stored:
            self._overtaken()
        elif self._heard is heard and not more:
            fresh.take_in(heard)
            self._bars, self._writing, self._fresh, self._heard = fresh, [], None, []
            self._in_doubt = False

    def _store_part(self, fresh: Bars) -> tuple[bool, bool]:
        """Read some trades and store their bars. Whether there may be more, and whether that could be stored."""
        more = self._store.read_on(fresh)
        changed = fresh.take_changed()
        return more, not changed or self._store.write(changed, fresh.last)


def _happened(batch: Batch) -> list[Match | DaySettled]:
    """What of a batch concerns bars."""
    instruments = batch.changes.instruments
    found: list[Match | DaySettled] = []
    for event in batch.events:
        if type(event) is Traded:
            found.append(match_of(event, instruments[event.instrument_id].contract.multiplier))
        elif type(event) is DaySettled:
            found.append(event)
    return found
