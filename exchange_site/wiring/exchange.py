"""The exchange of a server: everything lives in its own event loop, and starts with it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from channels.layers import get_channel_layer

from exchange_site.clock import Clock
from exchange_site.config import ExchangeConfig
from exchange_site.monitoring.market_figures import MarketFigures, MarketNow
from exchange_site.wiring.connections import connection_services, take_leave
from exchange_site.wiring.engine_host import EngineHost, ExchangeClock, Layer
from exchange_site.wiring.process import calm_garbage_collector
from marketdata.answers import PublicQueries, QueriesOfMarkets
from trading.access.rate_limits import RateLimiter
from trading.access.token_monitor import TokenMonitor
from trading.delivery.channel_groups import user_group
from trading.delivery.channel_layer import InProcessLayer
from trading.observability.counters import Counters
from trading.reads.markets import Markets
from trading.reads.readers import Readers
from trading.transport.ending import end_all
from trading.transport.in_process import InProcessQueue
from trading.transport.market_gateways import MarketGateways
from trading.websocket.announcement_board import AnnouncementBoard
from trading.websocket.cancel_on_disconnect import DisconnectTimers
from trading.websocket.heartbeat import Heartbeat

logger = logging.getLogger(__name__)


class FurtherMarket(EngineHost):
    """A market beside the first one of a server, with a queue, an engine, market data and a schedule of its own."""

    def __init__(self, config: ExchangeConfig, layer: Layer, clock: ExchangeClock, first: "Exchange") -> None:
        self._first = first
        super().__init__(
            config,
            InProcessQueue(config.queue_limit),
            layer,
            clock,
            readers=first.readers,
            counters=first.counters,
        )

    async def decided(self) -> None:
        """Return when it is known whether orders are taken."""
        await self._keeper.decided.wait()

    async def run(self) -> None:
        """Be the engine until told to stop."""
        await self._keeper.run()

    @property
    def connected(self) -> tuple[int, int]:
        """Those of the server: a connection is to all markets."""
        return self._first.connected

    async def _prepare(self) -> None:
        await super()._prepare()
        self._first.reach(self)

    def stop(self, reason: str) -> None:
        """Let `run` end after the present turn."""
        self._stopped = True
        self._keeper.stop(reason)

    async def close(self) -> None:
        """Let go of everything, after `run` has ended."""
        await end_all(self._tasks)
        self.feed.close()
        self.bar_publisher.close()
        await self.worker.close()
        await self.recorder.close()


class Exchange(EngineHost):
    """An engine with all it needs, in a server's process; and further markets' engines beside it."""

    def __init__(self, config: ExchangeConfig, layer: InProcessLayer, clock: ExchangeClock) -> None:
        self.layer = layer
        queue, counters = InProcessQueue(config.queue_limit), Counters()
        self._others = MarketGateways(queue, counters) if config.further_markets else None
        super().__init__(
            config,
            queue,
            layer,
            clock,
            readers=Readers(config.read_threads),
            gateway=self._others,
            counters=counters,
        )
        self.further = [
            FurtherMarket(msgspec.structs.replace(config, market=code), layer, clock, self)
            for code in config.further_markets
        ]
        hosts: list[EngineHost] = [self, *self.further]
        if self._others is not None:
            for further in self.further:
                self._others.add(further.config.market, further.gateway)
        self.present = {name: _first_of([host.present[name] for host in hosts]) for name in self.present}
        markets = Markets(config.markets)
        queries = {host.config.market: PublicQueries(host.config.market, clock, host.recorder) for host in hosts}
        self.heartbeat = Heartbeat(config.ping_seconds, config.idle_seconds, self.counters)
        self.tokens = TokenMonitor(config.token_look_seconds, partial(self.readers.run, "tokens"))
        self.board = AnnouncementBoard(
            config.market, partial(self.readers.run, "announcements"), clock, lambda: self.not_ready_because
        )
        self.services = connection_services(
            config,
            markets=markets,
            gateway=self.gateway,
            disconnect_timers=DisconnectTimers(self.gateway, clock),
            limiter=RateLimiter(config.limits),
            tokens=self.tokens,
            clock=clock,
            present=self.present,
            book=self._book,
            readers=self.readers,
            public_answer=QueriesOfMarkets(markets, queries) if self.further else queries[config.market],
            heartbeat=self.heartbeat,
            board=self.board,
            layer=layer,
            counters=self.counters,
            no_connections=self.refuses_connections,
        )

    async def _book(self, instrument_id: str) -> str | None:
        return self.present["orderbook"](instrument_id)

    def reach(self, host: EngineHost) -> None:
        """A market's engine is loaded: commands for its accounts go there."""
        if self._others is not None:
            self._others.learn(host.config.market, host.worker.engine.state.shard)

    async def _prepare(self) -> None:
        await super()._prepare()
        self.reach(self)

    @classmethod
    def from_settings(cls) -> "Exchange":
        """The exchange of this server."""
        return cls(ExchangeConfig.from_settings(), get_channel_layer(), Clock())

    @property
    def started(self) -> bool:
        return bool(self._tasks)

    @property
    def not_ready_because(self) -> str | None:
        """Why no order is taken just now; None when orders are."""
        found = (host.not_ready_because for host in self.further)
        return self._keeper.not_ready_because or next(filter(None, found), None)

    @property
    def connected(self) -> tuple[int, int]:
        """Open connections, and how many of them have authenticated."""
        return self.heartbeat.connections, self.layer.members(user_group(""))

    @property
    def market_figures(self) -> MarketFigures:
        return MarketFigures.of(self.worker)

    @property
    def each_market(self) -> list[MarketNow]:
        """How each of several markets is; nothing where there is one."""
        return [host.now for host in (self, *self.further)] if self.further else []

    async def ensure_started(self) -> None:
        """Start once; whoever comes meanwhile waits until it is known whether orders are taken."""
        if self._stopped:
            return
        if not self.started:
            self._start()
        await self._keeper.decided.wait()
        for host in self.further:
            await host.decided()

    def _start(self) -> None:
        self._keep_going("heartbeat", self.heartbeat.run)
        self._keep_going("look at tokens", self.tokens.run)
        self._keep_going("announcements", self.board.run)
        self._keep_going("look whether orders are taken", self.board.watch_door)
        calm_garbage_collector()
        for run in (self._keeper.run, *(host.run for host in self.further)):
            self._tasks.append(asyncio.create_task(run(), name="engine"))

    async def stop(self) -> None:
        """Finish the batch under way, take leave of everybody, and let go of everything. Can be called twice."""
        if self._stopped:
            return
        self._stopped = True
        logger.info("the exchange stops")
        reason = "The exchange is stopping; nothing was done"
        self._keeper.stop(reason)
        for host in self.further:
            host.stop(reason)
        for task in self._tasks:
            if task.get_name() != "engine":
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self.feed.close()
        self.bar_publisher.close()
        await take_leave(self.heartbeat, self._clock(), self.config.stop_seconds)
        await self.worker.close()
        await self.recorder.close()
        for host in self.further:
            await host.close()
        await asyncio.to_thread(self.readers.close)


def _first_of(present: Sequence[Callable[[str], str | None]]) -> Callable[[str], str | None]:
    """What the first says that knows of an instrument."""
    if len(present) == 1:
        return present[0]
    return lambda name: next(filter(None, (each(name) for each in present)), None)
