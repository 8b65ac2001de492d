"""The composition root: builds engine, store, worker, gateway and feed, and hands them to each other.

Embedded: everything lives in the server's own event loop and starts with the server.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec
from channels.layers import get_channel_layer
from django.conf import settings

from exchange_site.clock import Clock
from exchange_site.config import ExchangeConfig
from exchange_site.monitoring.market_figures import MarketFigures, MarketNow
from exchange_site.monitoring.pulse import Pulse
from exchange_site.security.client_address import address_of
from marketdata.answers import PublicQueries, QueriesOfMarkets
from marketdata.core.trades import PublicTrade, public_trade
from marketdata.feed import Feed
from marketdata.publisher import BarPublisher, MarketPublisher, bars_at_present
from marketdata.recorder import Recorder
from marketdata.selectors import last_trades
from marketdata.store import BarStore
from trading import protocol
from trading.access.rate_limits import RateLimiter
from trading.access.token_monitor import TokenMonitor
from trading.delivery.channel_groups import user_group
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.portfolios import Portfolios
from trading.delivery.push_encoder import PushEncoder
from trading.observability.counters import Counters
from trading.observability.order_log import log_answers
from trading.operators.daily_archive import DailyArchive
from trading.operators.scheduler import Scheduler
from trading.reads.markets import Markets
from trading.reads.readers import Readers
from trading.storage import pulses
from trading.storage.startup_checks import diagnosis
from trading.storage.store import Store
from trading.transport.ending import end_all
from trading.transport.gateway import Gateway, Transport
from trading.transport.in_process import InProcessQueue
from trading.transport.market_gateways import MarketGateways
from trading.websocket.announcement_board import AnnouncementBoard
from trading.websocket.cancel_on_disconnect import DisconnectTimers
from trading.websocket.connection import ConnectionServices
from trading.websocket.heartbeat import Heartbeat
from trading.worker.collaborators import CommandQueue, Listener
from trading.worker.engine_keeper import EngineKeeper
from trading.worker.worker import Worker

logger = logging.getLogger(__name__)

STOP_CLOSE = 1012
"""Close code of a server that stops (RFC 6455: service restart)."""
BEATS = 6
"""Signs of life in the time for which whoever stands by is patient: a few may be late."""
BARS_SECONDS = 0.1
"""Between two looks whether the bars of a market that was taken over have been read."""
RESTART_SECONDS = 1.0
"""Until work that broke is begun anew: no flood of errors in the log."""


def calm_garbage_collector() -> None:
    """Look for cycles less often. Frames, orders and fills make none, but every 700 of them would start a search
    through all connections and orders (measured: a third of the time of a fan-out to 1,000 connections, and of loading
    100,000 orders)."""
    gc.set_threshold(50_000, 20, 100)


def keep_for_good() -> None:
    """What is loaded stays: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


async def keep_going(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Let something run until it is cancelled. Where it breaks, that is an error of the log, and it is begun anew."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("the %s broke; it is begun anew", name)
        await asyncio.sleep(RESTART_SECONDS)


def connection_services(config: ExchangeConfig, **collaborators: Any) -> ConnectionServices:
    """What connections get: `collaborators`, and what the exchange was told when it was made."""
    return ConnectionServices(
        address_of=address_of,
        max_frame=config.max_frame,
        max_outbox=config.max_outbox,
        slow_seconds=config.slow_seconds,
        close_seconds=config.close_seconds,
        resume_page=config.resume_page,
        **collaborators,
    )


async def take_leave(heartbeat: Heartbeat, time: int, seconds: float) -> None:
    """Tell everybody (at Unix ms `time`) that the server stops, and close; wait so many seconds for those who read."""
    farewell = protocol.Announcement(message="The exchange stops; connect again in a moment", timestamp=time)
    await heartbeat.part(protocol.encode(farewell), STOP_CLOSE, seconds)


class ExchangeClock(Protocol):
    """Unix milliseconds that do not go back."""

    def __call__(self) -> int: ...

    def reach(self, time: int) -> None: ...


class Layer(Protocol):
    """Takes what is told."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...

    async def listened(self, groups: Collection[str]) -> Collection[str]: ...


class Queue(CommandQueue, Transport, Protocol):
    """Where commands come from."""

    @property
    def limit(self) -> int: ...

    def __len__(self) -> int:
        """Commands that wait."""


class EngineHost:
    """A market's engine with what lives beside it, whatever process that is: market data, bars, the schedule, what
    operators ask. `clock`: the only one; it tells Unix milliseconds. `readers`: for what the tables are asked;
    `listeners`: who else hears of every batch. `gateway`, `counters`: if they are not its own."""

    def __init__(
        self,
        config: ExchangeConfig,
        queue: Queue,
        layer: Layer,
        clock: ExchangeClock,
        *,
        readers: Readers,
        listeners: Sequence[Listener] = (),
        gateway: Gateway | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.config = config
        self._clock = clock
        self.queue = queue
        self.counters = counters or Counters()
        self.readers = readers
        self.bar_publisher = BarPublisher(layer, config.bar_interval)
        self.recorder = Recorder(BarStore(config.market), self.bar_publisher, counters=self.counters)
        self.feed = Feed(MarketPublisher(layer), config.book_interval, self.recorder.statistics, self.counters)
        self.portfolios = Portfolios(layer, config.portfolio_interval, lambda: self.worker.in_step)
        self.present = {**self.feed.present, **bars_at_present(self.recorder)}
        self.gateway = gateway or Gateway(queue, self.counters)
        told_as = config.told_as(config.market)
        self.worker = Worker(
            queue=queue,
            store=Store(config.market, pushes_kept=config.pushes_kept, patience=config.standby_patience_seconds),
            pushes=PushEncoder(layer, told_as),
            listeners=[self.recorder, self.feed, *([] if told_as else [self.portfolios]), *listeners],
            clock=clock,
            counters=self.counters,
            batch_limit=config.batch_limit,
            operator_poll=config.operator_poll_seconds,
            risk=config.risk,
            limits=config.market_limits,
            on_answers=log_answers if config.log_orders else None,
            reload_seconds=config.reload_seconds,
            beat_seconds=config.standby_patience_seconds / BEATS,
        )
        self.scheduler = Scheduler(config.market, clock, config.schedule_seconds)
        self._keeper = EngineKeeper(
            self.worker,
            self.gateway,
            config.market,
            prepare=self._prepare,
            diagnose=diagnosis,
            on_warm=self._stand_by,
        )
        self._last_trades: dict[str, PublicTrade] = {}
        self._recording = self._stopped = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def now(self) -> MarketNow:
        """How the market is."""
        return MarketNow(
            self.config.market, self._keeper.not_ready_because, len(self.queue), MarketFigures.of(self.worker)
        )

    def refuses_connections(self) -> bool:
        return self.worker.engine.state.day.restrictions.no_connections

    def _keep_going(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(keep_going(name, run), name=name))

    def _stand_by(self) -> None:
        """There are warm books. What else a start would read is read now, while nobody waits."""
        keep_for_good()
        self._tasks.append(asyncio.create_task(self._learn_last_trades(), name="last trades"))

    async def _learn_last_trades(self) -> None:
        try:
            await self._read_last_trades()
        except Exception:  # the first trade of each instrument tells the same
            logger.exception("the last trades could not be read")

    async def _read_last_trades(self) -> None:
        self._last_trades = await self.readers.run("feed", last_trades, market=self.config.market)

    async def _prepare(self) -> None:
        """The books are loaded, perhaps again: what goes with them. Whoever has followed another engine asks the
        database for nothing here, for everybody waits."""
        self._clock.reach(self.worker.time)
        if not self._keeper.warm:
            await self._read_last_trades()
        self.feed.learn_directions(self._last_trades)
        self.feed.learn_directions({name: public_trade(each) for name, each in self.worker.followed_trades.items()})
        if not self._recording and not self._stopped:
            self._recording = True
            if self._keeper.warm:
                self._tasks.append(asyncio.create_task(self._catch_up_bars(), name="first bars"))
            else:
                await self.recorder.start()
                keep_for_good()
            self._keep_going("schedule", self.scheduler.run)
            self._keep_going("portfolios", self.portfolios.run)
            if self.config.archive_keep_days is not None:
                self._keep_going("archive", self._daily_archive(self.config.archive_keep_days).run)
            self._accompany()

    async def _catch_up_bars(self) -> None:
        await self.recorder.start()
        while self.recorder.in_doubt:
            await asyncio.sleep(BARS_SECONDS)
        self._bars_are_there()

    def _bars_are_there(self) -> None:
        """What was told without them may be told again."""

    def _daily_archive(self, keep: int) -> DailyArchive:
        market = self.config.market

        async def begin() -> asyncio.subprocess.Process:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, settings.BASE_DIR / "manage.py", "archive", "--gently", "--market", market),
                *("--keep", str(keep)),
                cwd=settings.BASE_DIR,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )

        return DailyArchive(market, keep, begin, lambda: self.gateway.closed_because is None)

    @property
    def not_ready_because(self) -> str | None:
        """Why no order is taken just now; None when orders are."""
        return self._keeper.not_ready_because

    @property
    def connected(self) -> tuple[int, int]:
        """Open connections, and how many of them have authenticated."""
        raise NotImplementedError

    def _accompany(self) -> None:
        """Begin what else runs beside the engine from its first start on."""
        pulse = Pulse(self, self._clock, partial(pulses.note, self.config.market), self.config.pulse_seconds)
        self._keep_going("pulse", pulse.run)


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
        self.board = AnnouncementBoard(config.market, partial(self.readers.run, "announcements"), clock)
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
