"""The engine of a market in a process of its own, with what lives beside it: market data, bars, the schedule, what
operators ask. Gateways reach it over Redis.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from exchange_site.clock import Clock
from exchange_site.config import ExchangeConfig
from exchange_site.wiring import RESTART_SECONDS, calm_garbage_collector, keep_for_good, keep_going
from marketdata.feed import Feed
from marketdata.publisher import BarPublisher, MarketPublisher, bars_at_present
from marketdata.recorder import Recorder
from marketdata.selectors import last_trades
from marketdata.store import BarStore
from trading.delivery.push_encoder import PushEncoder
from trading.delivery.redis.outlet import Outlet
from trading.delivery.redis.wires import NETWORK, pubsub_layer
from trading.observability.counters import Counters
from trading.observability.order_log import log_answers
from trading.operators.scheduler import Scheduler
from trading.reads.readers import Readers
from trading.storage.startup_checks import diagnosis
from trading.storage.store import Store
from trading.transport.ending import end_all
from trading.transport.gateway import Gateway
from trading.transport.redis_leases import LostGateways
from trading.transport.redis_stream import RedisStream
from trading.websocket.cancel_on_disconnect import DisconnectTimers
from trading.worker.engine_keeper import EngineKeeper
from trading.worker.worker import Worker

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.25
"""Between two beats: gateways take the engine for lost after eight that did not come."""
TIDY_SECONDS = 1.0
"""Between two looks at what Redis keeps for us."""


class EngineProcess:
    """One market. Where another process runs its engine this one waits."""

    def __init__(self, config: ExchangeConfig) -> None:
        self.config = config
        self.counters = Counters()
        self._clock = clock = Clock()
        self._redis = Redis.from_url(config.redis_url, retry=Retry(NoBackoff(), 0), **NETWORK)
        self.outlet = outlet = Outlet(pubsub_layer(config.redis_url), self._redis, config.market)
        self.queue = RedisStream(
            self._redis, config.market, outlet.answer, clock, config.queue_limit, round(2_000 * config.answer_seconds)
        )
        self.bar_publisher = BarPublisher(outlet, config.bar_interval)
        self.recorder = Recorder(BarStore(config.market), self.bar_publisher, counters=self.counters)
        self.feed = Feed(MarketPublisher(outlet), config.book_interval, self.recorder.statistics, self.counters)
        outlet.present = {**self.feed.present, **bars_at_present(self.recorder)}
        self.gateway = Gateway(self.queue, self.counters)
        self.worker = Worker(
            queue=self.queue,
            store=Store(config.market, pushes_kept=config.pushes_kept),
            pushes=PushEncoder(outlet),
            listeners=[self.recorder, self.feed, outlet],
            clock=clock,
            counters=self.counters,
            batch_limit=config.batch_limit,
            operator_poll=config.operator_poll_seconds,
            risk=config.risk,
            limits=config.market_limits,
            on_answers=log_answers if config.log_orders else None,
            reload_seconds=config.reload_seconds,
        )
        self.lost_gateways = LostGateways(
            self._redis, config.market, DisconnectTimers(self.gateway, clock), lambda: self.serves
        )
        self.readers = Readers(1)
        self.scheduler = Scheduler(config.market, clock, config.schedule_seconds)
        self._keeper = EngineKeeper(self.worker, self.gateway, config.market, prepare=self._prepare, diagnose=diagnosis)
        self._recording = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def serves(self) -> bool:
        """Whether this process is the engine now."""
        return self._recording and self.gateway.closed_because is None

    async def run(self, stop: asyncio.Event) -> None:
        """Be the engine whenever no other process is, until `stop` is set or nothing helps. A batch under way is
        finished first; what is left in the stream is the next engine's."""
        calm_garbage_collector()
        self._keep_going("outlet", self.outlet.run)
        self._keep_going("stream", self._read_stream)
        self._keep_going("beat", self._beat)
        self._keep_going("look at Redis", self._tidy)
        self._keep_going("look at gateways", self.lost_gateways.run)
        engine = asyncio.create_task(self._keeper.run(), name="engine")
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([engine, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await self._close(engine)

    async def _close(self, engine: asyncio.Task[None]) -> None:
        logger.info("the engine stops")
        self._keeper.stop("The engine is stopping; nothing was done")
        await engine
        await end_all(self._tasks)
        self.feed.close()
        self.bar_publisher.close()
        await self.outlet.close()
        await self.worker.close()
        await self.recorder.close()
        await self._redis.aclose()
        await asyncio.to_thread(self.readers.close)

    def _keep_going(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(keep_going(name, run), name=name))

    async def _prepare(self) -> None:
        """The books are loaded, perhaps again: what goes with them."""
        self._clock.reach(self.worker.time)
        self.feed.learn_directions(await self.readers.run("feed", last_trades, market=self.config.market))
        if not self._recording:
            await self.recorder.start()
            self._recording = True
            keep_for_good()
            self._keep_going("schedule", self.scheduler.run)

    async def _read_stream(self) -> None:
        while True:
            try:
                await self.queue.run()
            except (RedisError, OSError) as error:
                logger.warning("commands cannot be read from Redis: %s", error)
            await asyncio.sleep(RESTART_SECONDS / 5)

    async def _beat(self) -> None:
        while True:
            if self.serves:
                self.outlet.beat(self.worker.trouble, self.worker.engine.state.day.restrictions.no_connections)
            await asyncio.sleep(BEAT_SECONDS)

    async def _tidy(self) -> None:
        """Let go of what is stored, and see that Redis has what it needs."""
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            if self.serves:
                try:
                    await self.queue.trim(self.worker.position)
                    await self.outlet.look_at_present()
                except (RedisError, OSError) as error:
                    logger.warning("Redis cannot be reached: %s", error)
