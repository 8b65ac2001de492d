"""A gateway: the sockets and pages of a server whose engine is in another process. It keeps nothing that could be lost.

Commands go out over Redis and their answers come back so; queries read the database; pushes and market data come
through the inlet.
"""

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from exchange_site.clock import Clock
from exchange_site.config import ExchangeConfig
from exchange_site.monitoring.market_figures import MarketFigures
from exchange_site.wiring import calm_garbage_collector, connection_services, keep_going, take_leave
from marketdata.answers import PublicQueries
from marketdata.core.bars import Bar, Period
from marketdata.core.day import Statistics
from trading.access.rate_limits import UNLIMITED, RateLimiter
from trading.access.token_monitor import TokenMonitor
from trading.delivery.channel_groups import user_group
from trading.delivery.redis.inlet import Inlet
from trading.delivery.redis.lines import NoneYet
from trading.delivery.redis.wires import (
    GENERATION,
    NETWORK,
    PresentFrame,
    decode_present,
    present_key,
    pubsub_layer,
)
from trading.observability.counters import Counters
from trading.reads import missed_pushes
from trading.reads.markets import Markets
from trading.reads.readers import Readers
from trading.transport.ending import end_all
from trading.transport.engine_watch import EngineWatch
from trading.transport.gateway import Gateway
from trading.transport.redis_buckets import SharedBuckets
from trading.transport.redis_commands import RedisCommands
from trading.transport.redis_leases import Lease
from trading.websocket.announcement_board import AnnouncementBoard
from trading.websocket.cancel_on_disconnect import DisconnectTimers
from trading.websocket.heartbeat import Heartbeat

logger = logging.getLogger(__name__)


LEASE = "lease of the gateway"


class StoredOnly:
    """In place of what the engine's process knows of the day before it is stored: bars are a second behind."""

    in_doubt = True

    def newest(self, instrument_id: str, period: Period) -> list[Bar]:
        return []

    def statistics(self, instrument_id: str, time: int) -> Statistics | None:
        return None


def nothing(instrument_id: str) -> str | None:
    """The present state comes with the group."""
    return None


class ClusterGateway:
    """What `Exchange` is to a server that has the engine in it."""

    def __init__(self, config: ExchangeConfig) -> None:
        self.config = config
        self.counters = Counters()
        self._clock = clock = Clock()
        self._redis = Redis.from_url(config.redis_url, retry=Retry(NoBackoff(), 0), **NETWORK)
        channel = f"bourse.{config.market}.gateway.{uuid.uuid4().hex}"
        self.queue = RedisCommands(
            self._redis, config.market, channel, config.queue_limit, config.answer_seconds, clock
        )
        self.gateway = Gateway(self.queue, self.counters)
        self.watch = EngineWatch(self.gateway, config.market)
        self.readers = Readers(config.read_threads)
        self.heartbeat = Heartbeat(config.ping_seconds, config.idle_seconds, self.counters)
        self.tokens = TokenMonitor(config.token_look_seconds, partial(self.readers.run, "tokens"))
        self.layer = Inlet(
            config.max_outbox,
            inbound=pubsub_layer(config.redis_url, self._reconnected),
            outbound=pubsub_layer(config.redis_url),
            market=config.market,
            channel=channel,
            take_answers=self.queue.take_answers,
            take_note=self._take_note,
            last_number=self._last_number,
            missed=self._missed,
            read_present=self._read_present,
        )
        self._refuses_connections = False
        self._market_figures: MarketFigures | None = None
        unlimited = config.limits is UNLIMITED
        timers = DisconnectTimers(self.gateway, clock, patient=True)
        self._lease = timers.elsewhere = Lease(
            self._redis, config.market, timers, channel, timers.armed, lambda: self.connected
        )
        self.board = AnnouncementBoard(config.market, partial(self.readers.run, "announcements"), clock)
        self.services = connection_services(
            config,
            markets=Markets([config.market]),
            gateway=self.gateway,
            disconnect_timers=timers,
            limiter=RateLimiter(config.limits, shared=None if unlimited else SharedBuckets(self._redis)),
            tokens=self.tokens,
            clock=clock,
            present=defaultdict(lambda: nothing),
            readers=self.readers,
            public_answer=PublicQueries(config.market, clock, StoredOnly()),
            heartbeat=self.heartbeat,
            board=self.board,
            layer=self.layer,
            counters=self.counters,
            no_connections=lambda: self._refuses_connections,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False

    @classmethod
    def from_settings(cls) -> "ClusterGateway":
        return cls(ExchangeConfig.from_settings())

    @property
    def not_ready_because(self) -> str | None:
        """Why no order is taken just now; None when orders are."""
        return self.gateway.closed_because

    @property
    def connected(self) -> tuple[int, int]:
        """Open connections of this gateway, and how many of them have authenticated."""
        return self.heartbeat.connections, self.layer.members(user_group(""))

    @property
    def market_figures(self) -> MarketFigures | None:
        """As the engine has told them last; None while none is heard."""
        return None if self.gateway.closed_because is not None else self._market_figures

    # -- what the inlet is handed

    def _reconnected(self) -> None:
        self.layer.doubt()

    def _take_note(self, note: dict[str, Any]) -> None:
        if note["type"] == "beat":
            self._refuses_connections = note["no_connections"]
            self.watch.heard(note["closed"])
        elif note["type"] == "figures":
            self._market_figures = msgspec.convert(note["figures"], MarketFigures)

    async def _last_number(self, user_id: str) -> int:
        read = partial(missed_pushes.last_number, user_id=user_id, market=self.config.market)
        return await self.readers.run(f"pushes of {user_id}", read)

    async def _missed(self, user_id: str, after: int) -> tuple[list[tuple[str | None, str]], int]:
        read = partial(missed_pushes.missed_by_group, user_id=user_id, market=self.config.market, after=after)
        return await self.readers.run(f"pushes of {user_id}", read)

    async def _read_present(self, group: str) -> PresentFrame | None:
        found: list[Any] = await self._redis.hmget(present_key(self.config.market), [GENERATION, group])
        if found[0] is None:
            raise NoneYet
        return None if found[1] is None else decode_present(found[1])

    # -- life

    async def ensure_started(self) -> None:
        """Start once; whoever comes meanwhile waits until it is known how things are."""
        if self._stopped:
            return
        if not self._tasks:
            self._start()
        await self.watch.decided.wait()

    def _start(self) -> None:
        calm_garbage_collector()
        works: dict[str, Callable[[], Awaitable[None]]] = {
            "heartbeat": self.heartbeat.run,
            "look at tokens": self.tokens.run,
            "announcements": self.board.run,
            "inlet": self.layer.run,
            "leaving of groups": self.layer.tidy,
            "sending of commands": self.queue.run,
            "look for late answers": self.queue.watch,
            "watch over the engine": self.watch.run,
            LEASE: self._lease.run,
        }
        for name, run in works.items():
            self._tasks.append(asyncio.create_task(keep_going(name, run), name=name))
        self._tasks.append(asyncio.create_task(self.layer.open(), name="first word"))

    async def stop(self) -> None:
        """Take leave of everybody, and let go of everything. Can be called twice."""
        if self._stopped:
            return
        self._stopped = True
        logger.info("the gateway stops")
        # the last row of the lease stands: what depends on a connection here is lost with it
        await end_all(task for task in self._tasks if task.get_name() == LEASE)
        self.gateway.close("This gateway is stopping; nothing was done")
        await take_leave(self.heartbeat, self._clock(), self.config.stop_seconds)
        await end_all(self._tasks)
        self._tasks.clear()
        await self.layer.close()
        await self._redis.aclose()
        await asyncio.to_thread(self.readers.close)
