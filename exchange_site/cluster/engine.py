"""The engine of a market in a process of its own, with what lives beside it: market data, bars, the schedule, what
operators ask. Gateways reach it over Redis.
"""

import asyncio
import logging

from channels.db import database_sync_to_async
from django.db import Error
from msgspec import to_builtins
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from exchange_site.clock import Clock
from exchange_site.config import ExchangeConfig
from exchange_site.monitoring.market_figures import MarketFigures
from exchange_site.wiring.engine_host import EngineHost
from exchange_site.wiring.process import RESTART_SECONDS, calm_garbage_collector
from trading.core.numbers import shard_of_account
from trading.delivery.redis.outlet import Outlet
from trading.delivery.redis.wires import NETWORK, Megaphone, pubsub_layer
from trading.operators.hand_over import NotHandedOver, hand_over
from trading.reads.readers import Readers
from trading.transport.ending import end_all
from trading.transport.redis_leases import LostGateways
from trading.transport.redis_sign import EngineSign
from trading.transport.redis_stream import RedisStream
from trading.websocket.cancel_on_disconnect import DisconnectTimers

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.25
"""Between two beats: gateways take the engine for lost after eight that did not come."""
TIDY_SECONDS = 1.0
"""Between two looks at what Redis keeps for us."""


class EngineProcess(EngineHost):
    """One market. Where another process runs its engine this one waits."""

    queue: RedisStream

    def __init__(self, config: ExchangeConfig) -> None:
        clock = Clock()
        self._redis = Redis.from_url(config.redis_url, retry=Retry(NoBackoff(), 0), **NETWORK)
        self.outlet = outlet = Outlet(
            Megaphone(pubsub_layer(config.redis_url), self._redis), self._redis, config.market
        )
        queue = RedisStream(
            self._redis, config.market, outlet.answer, clock, config.queue_limit, round(2_000 * config.answer_seconds)
        )
        super().__init__(
            config,
            queue,
            outlet,
            clock,
            readers=Readers(1),
            listeners=[outlet],
            most_by_loop=config.batch_limit,
        )
        outlet.present = self.present
        self.sign = EngineSign(self._redis, config.market)
        self.lost_gateways = LostGateways(
            self._redis, config.market, DisconnectTimers(self.gateway, clock), lambda: self.serves_surely, self._is_ours
        )

    def _is_ours(self, account_id: int) -> bool:
        return shard_of_account(account_id) == self.worker.engine.state.shard

    @property
    def serves(self) -> bool:
        """Whether this process is the engine now."""
        return self._recording and self.gateway.closed_because is None

    @property
    def serves_surely(self) -> bool:
        """Whether no other process can be the engine now. One that is cut off from the database leaves what there is
        once, for gateways and in Redis, to whoever may have taken its place."""
        return self.serves and self.lock.sure

    async def run(self, stop: asyncio.Event) -> None:
        """Be the engine whenever no other process is, until `stop` is set or nothing helps. A batch under way is
        finished first; what is left in the stream is the next engine's."""
        calm_garbage_collector()
        self._keep_going("outlet", self.outlet.run)
        self._keep_going("stream", self._read_stream)
        self._keep_going("beat", self._beat)
        self._keep_going("sign of life", self._look_at_sign)
        self._keep_going("look at Redis", self._tidy)
        self._keep_going("look at gateways", self.lost_gateways.run)
        engine = asyncio.create_task(self._keeper.run(), name="engine")
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([engine, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await self._close(engine)

    async def _close(self, engine: asyncio.Task[None]) -> None:
        self._stopped = True
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

    async def _read_stream(self) -> None:
        while True:
            try:
                await self.queue.run()
            except (RedisError, OSError) as error:
                logger.warning("commands cannot be read from Redis: %s", error)
            await asyncio.sleep(RESTART_SECONDS / 5)

    @property
    def connected(self) -> tuple[int, int]:
        """Connections of all gateways, and how many of them have authenticated."""
        return self.lost_gateways.connected

    def _accompany(self) -> None:
        super()._accompany()
        self._keep_going("figures for gateways", self._tell_figures)

    def _bars_are_there(self) -> None:
        self.outlet.write_again()

    async def _tell_figures(self) -> None:
        while True:
            if self.serves_surely:
                self.outlet.tell_gateways({"type": "figures", "figures": to_builtins(MarketFigures.of(self.worker))})
            await asyncio.sleep(TIDY_SECONDS)

    async def _beat(self) -> None:
        while True:
            if self.serves:
                self._give_beat()
            await asyncio.sleep(BEAT_SECONDS)

    def _give_beat(self) -> None:
        self.outlet.beat(self.worker.trouble, self.refuses_connections(), self.worker.position)

    async def _prepare(self) -> None:
        await super()._prepare()
        self._give_beat()  # gateways learn at once where this engine begins: what was answered before is not any more

    async def _look_at_sign(self) -> None:
        """Give a sign of life in Redis; whoever stands by looks for it. An engine that has none, and still has the
        database, cannot reach Redis: it is asked to hand over."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                if self.serves:
                    await self.sign.give()
                elif self._keeper.stands_by and await self.sign.is_lost():
                    await self._ask_for_market()
            except (RedisError, OSError):  # others say so
                self.sign.could_not_look()

    async def _ask_for_market(self) -> None:
        logger.warning("the engine of market %s does not reach Redis; it is asked to hand over", self.config.market)
        self.sign.forget()
        try:
            # a thread of its own: the readers' one may be needed to take the market over
            await database_sync_to_async(hand_over, thread_sensitive=False)(self.config.market)
        except NotHandedOver as error:
            logger.warning("no hand-over: %s", error)
        except Error as error:
            logger.warning("no hand-over: the database cannot be asked: %s", error)

    async def _tidy(self) -> None:
        """Let go of what is stored, and see that Redis has what it needs."""
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            if self.serves_surely:
                try:
                    await self.queue.trim(self.worker.position)
                    await self.outlet.look_at_present()
                except (RedisError, OSError) as error:
                    logger.warning("Redis cannot be reached: %s", error)
