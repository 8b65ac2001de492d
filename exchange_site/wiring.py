"""The composition root: builds engine, store, worker, gateway and feed, and hands them to each other.

Embedded: everything lives in the server's own event loop and starts with its first ASGI scope.
"""

import asyncio
import gc
import logging
import time

from channels.layers import get_channel_layer
from django.conf import settings

from marketdata.feed import Feed
from trading import protocol
from trading.absences import Absences
from trading.batch import Superseded
from trading.consumers import Venue
from trading.core.commands import WatchRisk
from trading.core.money import RATE
from trading.gateway import Gateway
from trading.groups import MarketOutlet, PushEncoder
from trading.heartbeat import Heartbeat
from trading.lock import engine_lock
from trading.schedule import Scheduler
from trading.store import Store
from trading.transports.inprocess import InProcessQueue
from trading.worker import Worker

logger = logging.getLogger(__name__)

LOCK_ATTEMPTS, LOCK_PAUSE = 10, 0.1
"""A second of patience with whoever is the engine just now; a server stays it for good."""

STOP_CLOSE, STOP_SECONDS = 1012, 2.0
"""Close code of a server that stops (RFC 6455: service restart), and how long it waits for its clients to take it."""


def now_ms() -> int:
    """Unix time in milliseconds: the only clock of the exchange."""
    return time.time_ns() // 1_000_000


def calm_garbage_collector() -> None:
    """What is loaded stays: do not look at it again, and look for new cycles less often. Frames, orders and fills make
    none, but every 700 of them would start a search through all connections and orders (measured: a third of the time
    of a fan-out to 1,000 connections)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class Exchange:
    """An engine with all it needs, in this process."""

    def __init__(self) -> None:
        layer = get_channel_layer()
        queue = InProcessQueue(settings.QUEUE_LIMIT)
        self.feed = Feed(MarketOutlet(layer), settings.BOOK_INTERVAL_MS / 1000)
        self.gateway = Gateway(queue)
        self.heartbeat = Heartbeat(settings.PING_SECONDS, settings.IDLE_SECONDS)
        self.worker = Worker(
            queue=queue,
            store=Store(settings.MARKET),
            pushes=PushEncoder(layer),
            listeners=[self.feed],
            clock=now_ms,
            batch_limit=settings.BATCH_LIMIT,
            operator_poll=settings.OPERATOR_POLL_SECONDS,
            risk=WatchRisk(round(settings.RISK_WARN * RATE), round(settings.RISK_LIMIT * RATE)),
        )
        self.venue = Venue(
            gateway=self.gateway,
            absences=Absences(self.gateway, now_ms),
            clock=now_ms,
            market_data=self.feed,
            heartbeat=self.heartbeat,
            layer=layer,
            max_frame=settings.MAX_FRAME,
            max_outbox=settings.MAX_OUTBOX,
            frames_per_second=settings.FRAMES_PER_SECOND if settings.RATE_LIMITS else None,
        )
        self._lock = engine_lock(settings.MARKET)
        self._starting: asyncio.Lock | None = None
        self._loaded = self._stopped = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def started(self) -> bool:
        return bool(self._tasks)

    @property
    def not_ready_because(self) -> str | None:
        """Why no order is taken just now; None when orders are."""
        return self.gateway.closed_because or (None if self._loaded else "The books are being loaded.")

    async def ensure_started(self) -> None:
        """Start once; whoever comes meanwhile waits until the books are there."""
        if self.started:
            return
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if not self.started:
                await self._start()

    async def _start(self) -> None:
        self._tasks.append(asyncio.create_task(self.heartbeat.run(), name="heartbeat"))
        if await self._take_market():
            self._tasks.append(asyncio.create_task(self._serve(), name="engine"))
            self._tasks.append(asyncio.create_task(Scheduler(settings.MARKET, now_ms).run(), name="schedule"))

    async def _acquire_lock(self) -> bool:
        """A shell command is the engine for the moment it takes: that is no reason to stay closed."""
        for _ in range(LOCK_ATTEMPTS):
            if await asyncio.to_thread(self._lock.acquire):
                return True
            await asyncio.sleep(LOCK_PAUSE)
        return False

    async def _take_market(self) -> bool:
        try:
            if not await self._acquire_lock():
                return self._stay_closed(
                    f"Another server runs the engine of market {settings.MARKET} on this database; "
                    "this one takes no orders."
                )
            await self.worker.start()
            self._loaded = True
            calm_garbage_collector()
        except Exception:
            logger.exception("the market cannot be loaded")
            await asyncio.to_thread(self._lock.release)
            return self._stay_closed("The engine could not load its market; see the server's log.")
        return True

    def _stay_closed(self, reason: str) -> bool:
        logger.critical(reason)
        self.gateway.close(reason)
        return False

    async def _serve(self) -> None:
        try:
            await self.worker.run()
        except Superseded as error:
            self._stay_closed(f"The engine stopped: {error}.")
        except Exception:
            logger.exception("the engine stopped")
            self._stay_closed("The engine stopped; see the server's log.")
        finally:
            await asyncio.to_thread(self._lock.release)

    async def stop(self) -> None:
        """Finish the batch under way, take leave of everybody, and let go of everything. Can be called twice."""
        if self._stopped:
            return
        self._stopped = True
        logger.info("the exchange stops")
        self.gateway.close("The exchange is stopping; nothing was done")
        self.worker.stop()
        for task in self._tasks:
            if task.get_name() != "engine":
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self.feed.close()
        farewell = protocol.Announcement(message="The exchange stops; connect again in a moment", timestamp=now_ms())
        await self.heartbeat.part(protocol.encode(farewell), STOP_CLOSE, STOP_SECONDS)
        await self.worker.close()
        await asyncio.to_thread(self._lock.release)
