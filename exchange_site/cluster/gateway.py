"""A gateway: the sockets and pages of a server whose engine is in another process. It keeps nothing that could be lost.

Commands go out over Redis and their answers come back so; queries read the database; pushes and market data come
through the inlet.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from exchange_site.clock import Clock
from exchange_site.cluster.market_link import LEASE, Door_co, MarketLink
from exchange_site.config import ExchangeConfig
from exchange_site.monitoring.market_figures import MarketFigures, MarketNow
from exchange_site.wiring.connections import connection_services, take_leave
from exchange_site.wiring.process import calm_garbage_collector, keep_going
from marketdata.answers import PublicQueries, QueriesOfMarkets
from marketdata.core.bars import Bar, Period
from marketdata.core.day import Statistics
from trading.access.rate_limits import UNLIMITED, RateLimiter
from trading.access.token_monitor import TokenMonitor
from trading.delivery.channel_groups import user_group
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.redis.inlets import Inlets
from trading.delivery.redis.lines import NoneYet
from trading.delivery.redis.wires import NETWORK
from trading.observability.counters import Counters
from trading.reads.markets import Markets
from trading.reads.readers import Readers
from trading.rest.services import BookAway
from trading.transport.ending import end_all
from trading.transport.gateway import Gateway
from trading.transport.market_gateways import MarketGateways
from trading.transport.redis_buckets import SharedBuckets
from trading.transport.redis_leases import Leases
from trading.websocket.announcement_board import AnnouncementBoard
from trading.websocket.cancel_on_disconnect import DisconnectTimers
from trading.websocket.heartbeat import Heartbeat

logger = logging.getLogger(__name__)


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
        self.readers = Readers(config.read_threads)
        self.heartbeat = Heartbeat(config.ping_seconds, config.idle_seconds, self.counters)
        self.tokens = TokenMonitor(config.token_look_seconds, partial(self.readers.run, "tokens"))
        room = InProcessLayer(config.max_outbox)
        first = self._link(config.market, MarketGateways, room)
        further = [self._link(code, Gateway, room) for code in config.further_markets]
        self.links: list[MarketLink[Gateway]] = [first, *further]
        self.queue, self.gateway = first.queue, first.gateway
        for link in further:
            self.gateway.add(link.market, link.gateway)
        markets = Markets(config.markets)
        self.layer = Inlets(room, {link.market: link.inlet for link in self.links}, partial(self._listed_at, markets))
        unlimited = config.limits is UNLIMITED
        timers = DisconnectTimers(self.gateway, clock, patient=True)
        self._leases = [link.lease(timers, lambda: self.connected) for link in self.links]
        timers.elsewhere = Leases(self._leases)
        self.board = AnnouncementBoard(
            config.market, partial(self.readers.run, "announcements"), clock, self._any_closed
        )
        queries = {code: PublicQueries(code, clock, StoredOnly()) for code in config.markets}
        self.services = connection_services(
            config,
            markets=markets,
            gateway=self.gateway,
            disconnect_timers=timers,
            limiter=RateLimiter(config.limits, shared=None if unlimited else SharedBuckets(self._redis)),
            tokens=self.tokens,
            clock=clock,
            present=defaultdict(lambda: nothing),
            book=partial(self._book, markets),
            readers=self.readers,
            public_answer=QueriesOfMarkets(markets, queries) if len(queries) > 1 else queries[config.market],
            heartbeat=self.heartbeat,
            board=self.board,
            layer=self.layer,
            counters=self.counters,
            no_connections=lambda: first.refuses_connections,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False

    @classmethod
    def from_settings(cls) -> "ClusterGateway":
        return cls(ExchangeConfig.from_settings())

    def _link(self, market: str, door: type[Door_co], room: InProcessLayer) -> MarketLink[Door_co]:
        return MarketLink(
            self.config,
            market,
            door,
            redis=self._redis,
            room=room,
            readers=self.readers,
            counters=self.counters,
            clock=self._clock,
            learn=self._learn,
        )

    def _learn(self, market: str, shard: int) -> None:
        self.gateway.learn(market, shard)

    async def _listed_at(self, markets: Markets, instrument_id: str) -> str:
        return await self.readers.run("markets", partial(markets.of_instrument, instrument_id))

    async def _book(self, markets: Markets, instrument_id: str) -> str | None:
        links = {link.market: link for link in self.links}
        try:
            market = self.config.market if len(links) == 1 else await self._listed_at(markets, instrument_id)
            return await links[market].book(instrument_id)
        except (NoneYet, RedisError, OSError) as error:
            raise BookAway from error

    @property
    def not_ready_because(self) -> str | None:
        """Why no order is taken just now, at any market; None when orders are."""
        reasons = [link.gateway.closed_because for link in self.links]
        return None if None in reasons else reasons[0]

    def _any_closed(self) -> str | None:
        """Why no order is taken at one of the markets; None when all take them."""
        return next(filter(None, (link.gateway.closed_because for link in self.links)), None)

    @property
    def connected(self) -> tuple[int, int]:
        """Open connections of this gateway, and how many of them have authenticated."""
        return self.heartbeat.connections, self.layer.members(user_group(""))

    @property
    def market_figures(self) -> MarketFigures | None:
        """As the engine has told them last; None while none is heard."""
        return self.links[0].figures

    @property
    def each_market(self) -> list[MarketNow]:
        """How each of several markets is; nothing where there is one."""
        return [link.now for link in self.links] if len(self.links) > 1 else []

    # -- life

    async def ensure_started(self) -> None:
        """Start once; whoever comes meanwhile waits until it is known how things are."""
        if self._stopped:
            return
        if not self._tasks:
            self._start()
        for link in self.links:
            await link.watch.decided.wait()

    def _start(self) -> None:
        calm_garbage_collector()
        works: dict[str, Callable[[], Awaitable[None]]] = {
            "heartbeat": self.heartbeat.run,
            "look at tokens": self.tokens.run,
            "announcements": self.board.run,
            "look whether orders are taken": self.board.watch_door,
        }
        for name, run in works.items():
            self._keep_going(name, run)
        for link, lease in zip(self.links, self._leases, strict=True):
            for name, run in link.works().items():
                self._keep_going(name, run)
            self._keep_going(LEASE, lease.run)
            self._tasks.append(asyncio.create_task(link.inlet.open(), name="first word"))

    def _keep_going(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(keep_going(name, run), name=name))

    async def stop(self) -> None:
        """Take leave of everybody, and let go of everything. Can be called twice."""
        if self._stopped:
            return
        self._stopped = True
        logger.info("the gateway stops")
        # the last row of the lease stands: what depends on a connection here is lost with it
        await end_all(task for task in self._tasks if task.get_name() == LEASE)
        for link in self.links:
            link.gateway.close("This gateway is stopping; nothing was done")
        await take_leave(self.heartbeat, self._clock(), self.config.stop_seconds)
        await end_all(self._tasks)
        self._tasks.clear()
        for link in self.links:
            await link.inlet.close()
        await self._redis.aclose()
        await asyncio.to_thread(self.readers.close)
