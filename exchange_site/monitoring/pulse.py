"""The pulse of the exchange: every few seconds what it has counted and what it is like just now is noted in a table, so
that operators see it wherever their page is served, and how the day went after a restart too."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from channels.db import database_sync_to_async

from marketdata.core.day import Statistics
from trading.core.commands import SubmitOrder
from trading.observability.counters import Counters, Histogram
from trading.storage.pulses import MINUTE, SECONDS, Beat
from trading.worker.worker import Worker

logger = logging.getLogger(__name__)

USUAL, LATE = 0.5, 0.99


class Queue(Protocol):
    """Commands that wait for the engine."""

    @property
    def limit(self) -> int: ...

    def __len__(self) -> int: ...


class Recorder(Protocol):
    def statistics(self, instrument_id: str, time: int) -> Statistics | None: ...


class Running(Protocol):
    """What is asked of the exchange."""

    worker: Worker
    counters: Counters

    @property
    def queue(self) -> Queue: ...

    @property
    def connected(self) -> tuple[int, int]:
        """Open connections, and how many of them have authenticated."""

    @property
    def recorder(self) -> Recorder: ...

    @property
    def not_ready_because(self) -> str | None: ...


class Pulse:
    """Notes while orders are taken. `note` blocks on the database; `clock`: Unix ms."""

    def __init__(
        self, exchange: Running, clock: Callable[[], int], note: Callable[[Beat], None], seconds: float = SECONDS
    ) -> None:
        self._exchange, self._clock, self._note, self._seconds = exchange, clock, note, seconds
        self._before = Counted.of(exchange.counters)
        self._minute_began = self._before
        self._minute = 0
        self._looked_at = clock()
        self._failed = False

    async def run(self) -> None:
        """Until cancelled. A database that is away is said once, and written to again when it is back."""
        while True:
            await asyncio.sleep(self._seconds)
            if self._exchange.not_ready_because is not None:
                continue
            try:
                await database_sync_to_async(self._note, thread_sensitive=False)(self.beat())
                self._failed = False
            except Exception as error:
                if not self._failed:
                    logger.warning("the pulse cannot be noted: %s", error)
                self._failed = True

    def beat(self) -> Beat:
        """The minute so far, and what is now."""
        now, counted = self._clock(), Counted.of(self._exchange.counters)
        if now - now % MINUTE != self._minute:
            self._minute, self._minute_began = now - now % MINUTE, self._before
        in_minute = counted.since(self._minute_began)
        seconds = max(now - self._looked_at, 1) / 1000
        present = self._present(now, counted.since(self._before), seconds)
        self._before, self._looked_at = counted, now
        return Beat(
            time=now,
            orders=in_minute.orders,
            trades=in_minute.trades,
            usual_answer=percentile(in_minute.answered, self._exchange.counters.answered.bounds, USUAL),
            late_answer=percentile(in_minute.answered, self._exchange.counters.answered.bounds, LATE),
            present=present,
        )

    def _present(self, now: int, lately: "Counted", seconds: float) -> dict[str, Any]:
        exchange = self._exchange
        connections, authenticated = exchange.connected
        instruments = {}
        for name in exchange.worker.engine.state.instruments:
            day = exchange.recorder.statistics(name, now)
            if day is not None:
                instruments[name] = {"volume": day.volume, "open_interest": day.open_interest, "change": day.change}
        return {
            "orders_per_second": lately.orders / seconds,
            "trades_per_second": lately.trades / seconds,
            "lag": percentile(lately.lag, exchange.counters.loop_lag.bounds, LATE),
            "queue": len(exchange.queue),
            "queue_limit": exchange.queue.limit,
            "connections": connections,
            "authenticated": authenticated,
            "errors": lately.errors,
            "batches_failed": lately.batches_failed,
            "instruments": instruments,
        }


class Counted:
    """Counters at one moment, or what they have grown by between two."""

    def __init__(self, numbers: Sequence[int], answered: Sequence[int], lag: Sequence[int]) -> None:
        self.orders, self.trades, self.errors, self.batches_failed = numbers
        self.answered, self.lag = list(answered), list(lag)

    @classmethod
    def of(cls, counters: Counters) -> "Counted":
        numbers = (counters.done[SubmitOrder], counters.trades, counters.errors, counters.batches_failed)
        return cls(numbers, _counts(counters.answered), _counts(counters.loop_lag))

    def since(self, before: "Counted") -> "Counted":
        numbers = (
            self.orders - before.orders,
            self.trades - before.trades,
            self.errors - before.errors,
            self.batches_failed - before.batches_failed,
        )
        return Counted(numbers, _less(self.answered, before.answered), _less(self.lag, before.lag))


def _counts(histogram: Histogram) -> list[int]:
    return list(histogram.counts)


def _less(counts: Sequence[int], before: Sequence[int]) -> list[int]:
    return [count - earlier for count, earlier in zip(counts, before, strict=True)]


def percentile(counts: Sequence[int], bounds: Sequence[float], share: float) -> float | None:
    """The bound of a histogram below which a share of its values lies; of those above all bounds, the last bound."""
    needed = sum(counts) * share
    if not needed:
        return None
    for bound, count in zip(bounds, counts, strict=False):
        needed -= count
        if needed <= 0:
            return bound
    return bounds[-1]
