"""The composition root: builds engine, store, worker, gateway and feed, and hands them to each other.

Embedded: everything lives in the server's own event loop and starts with its first ASGI scope.
"""

import asyncio
import gc
import logging

from channels.layers import get_channel_layer
from django.conf import settings

from exchange_site.clock import Clock
from exchange_site.security.client_address import address_of
from marketdata.answers import PublicQueries
from marketdata.feed import Feed
from marketdata.publisher import BarPublisher, MarketPublisher, bars_at_present
from marketdata.recorder import Recorder
from marketdata.store import BarStore
from trading import protocol
from trading.core.commands import CheckRisk
from trading.core.money import RATE
from trading.delivery.push_encoder import PushEncoder
from trading.observability.order_log import log_answers
from trading.operators.scheduler import Scheduler
from trading.storage.startup_checks import diagnosis
from trading.storage.store import Store
from trading.transport.gateway import Gateway
from trading.transport.in_process import InProcessQueue
from trading.websocket.cancel_on_disconnect import DisconnectTimers
from trading.websocket.consumer import ConnectionServices
from trading.websocket.heartbeat import Heartbeat
from trading.websocket.rate_limits import UNLIMITED, Limits, RateLimiter
from trading.websocket.token_monitor import TokenMonitor
from trading.worker.engine_keeper import EngineKeeper
from trading.worker.worker import Worker

logger = logging.getLogger(__name__)

STOP_CLOSE, STOP_SECONDS = 1012, 2.0
"""Close code of a server that stops (RFC 6455: service restart), and how long it waits for its clients to take it."""


def calm_garbage_collector() -> None:
    """Look for cycles less often. Frames, orders and fills make none, but every 700 of them would start a search
    through all connections and orders (measured: a third of the time of a fan-out to 1,000 connections, and of loading
    100,000 orders)."""
    gc.set_threshold(50_000, 20, 100)


def keep_for_good() -> None:
    """What is loaded stays: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


def limits() -> Limits:
    """As the settings have them."""
    return Limits(**{name: getattr(settings, name.upper()) for name in Limits.__struct_fields__})


class Exchange:
    """An engine with all it needs, in this process."""

    def __init__(self) -> None:
        self.layer = get_channel_layer()
        self._clock = Clock()
        self.queue = InProcessQueue(settings.QUEUE_LIMIT)
        self.bar_publisher = BarPublisher(self.layer, settings.BAR_INTERVAL_MS / 1000)
        self.recorder = Recorder(BarStore(settings.MARKET), self.bar_publisher)
        self.feed = Feed(MarketPublisher(self.layer), settings.BOOK_INTERVAL_MS / 1000, self.recorder.statistics)
        self.gateway = Gateway(self.queue)
        self.heartbeat = Heartbeat(settings.PING_SECONDS, settings.IDLE_SECONDS)
        self.worker = Worker(
            queue=self.queue,
            store=Store(settings.MARKET, pushes_kept=settings.PUSHES_KEPT),
            pushes=PushEncoder(self.layer),
            listeners=[self.recorder, self.feed],
            clock=self._clock,
            batch_limit=settings.BATCH_LIMIT,
            operator_poll=settings.OPERATOR_POLL_SECONDS,
            risk=CheckRisk(round(settings.RISK_WARN * RATE), round(settings.RISK_LIMIT * RATE)),
            on_answers=log_answers if settings.LOG_ORDERS else None,
        )
        self.tokens = TokenMonitor(settings.TOKEN_LOOK_SECONDS)
        self.services = ConnectionServices(
            gateway=self.gateway,
            disconnect_timers=DisconnectTimers(self.gateway, self._clock),
            limiter=RateLimiter(limits() if settings.RATE_LIMITS else UNLIMITED),
            tokens=self.tokens,
            address_of=address_of,
            clock=self._clock,
            present={**self.feed.present, **bars_at_present(self.recorder)},
            public_answer=PublicQueries(self._clock),
            heartbeat=self.heartbeat,
            layer=self.layer,
            max_frame=settings.MAX_FRAME,
            max_outbox=settings.MAX_OUTBOX,
        )
        self._keeper = EngineKeeper(
            self.worker, self.gateway, settings.MARKET, prepare=self._prepare, diagnose=diagnosis
        )
        self._recording = self._stopped = False
        self._starting: asyncio.Lock | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def started(self) -> bool:
        return bool(self._tasks)

    @property
    def not_ready_because(self) -> str | None:
        """Why no order is taken just now; None when orders are."""
        return self._keeper.not_ready_because

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
        self._tasks.append(asyncio.create_task(self.tokens.run(), name="tokens"))
        calm_garbage_collector()
        self._tasks.append(asyncio.create_task(self._keeper.run(), name="engine"))
        await self._keeper.decided.wait()

    async def _prepare(self) -> None:
        """The books are loaded, perhaps again: what goes with them."""
        self._clock.reach(self.worker.time)
        if not self._recording and not self._stopped:
            self._recording = True
            await self.recorder.start()
            keep_for_good()
            self._tasks.append(asyncio.create_task(Scheduler(settings.MARKET, self._clock).run(), name="schedule"))

    async def stop(self) -> None:
        """Finish the batch under way, take leave of everybody, and let go of everything. Can be called twice."""
        if self._stopped:
            return
        self._stopped = True
        logger.info("the exchange stops")
        self._keeper.stop("The exchange is stopping; nothing was done")
        for task in self._tasks:
            if task.get_name() != "engine":
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self.feed.close()
        self.bar_publisher.close()
        farewell = protocol.Announcement(
            message="The exchange stops; connect again in a moment", timestamp=self._clock()
        )
        await self.heartbeat.part(protocol.encode(farewell), STOP_CLOSE, STOP_SECONDS)
        await self.worker.close()
        await self.recorder.close()
