"""A market's engine with what lives beside it: market data, bars, the schedule, what operators ask."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Protocol

from django.conf import settings

from exchange_site.config import ExchangeConfig
from exchange_site.monitoring.market_figures import MarketFigures, MarketNow
from exchange_site.monitoring.pulse import Pulse
from exchange_site.wiring.process import keep_for_good, keep_going
from marketdata.core.trades import PublicTrade, public_trade
from marketdata.feed import Feed
from marketdata.publisher import BarPublisher, MarketPublisher, bars_at_present
from marketdata.recorder import Recorder
from marketdata.selectors import last_trades
from marketdata.store import BarStore
from trading.delivery.portfolios import Portfolios
from trading.delivery.push_encoder import PushEncoder
from trading.observability.counters import Counters
from trading.observability.order_log import log_answers
from trading.operators.daily_archive import DailyArchive
from trading.operators.scheduler import Scheduler
from trading.reads.readers import Readers
from trading.storage import pulses
from trading.storage.engine_lock import engine_lock
from trading.storage.startup_checks import diagnosis
from trading.storage.store import SMALL, Store
from trading.transport.gateway import Gateway, Transport
from trading.worker.collaborators import CommandQueue, Listener
from trading.worker.engine_keeper import EngineKeeper
from trading.worker.worker import Worker

logger = logging.getLogger(__name__)

BEATS = 6
"""Signs of life in the time for which whoever stands by is patient: a few may be late."""
BARS_SECONDS = 0.1
"""Between two looks whether the bars of a market that was taken over have been read."""


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
    `listeners`: who else hears of every batch. `gateway`, `counters`: if they are not its own. `most_by_loop`: commands
    whose rows may be made in the event loop, while it does nothing else."""

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
        most_by_loop: int = SMALL,
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
        self.lock = engine_lock(config.market, patience=config.standby_patience_seconds)
        told_as = config.told_as(config.market)
        self.worker = Worker(
            queue=queue,
            store=Store(
                config.market,
                pushes_kept=config.pushes_kept,
                lock=self.lock,
                most_by_loop=most_by_loop,
            ),
            pushes=PushEncoder(layer, told_as),
            listeners=[self.recorder, self.feed, *([] if told_as else [self.portfolios]), *listeners],
            clock=clock,
            counters=self.counters,
            batch_limit=config.batch_limit,
            operator_poll=config.operator_poll_seconds,
            risk=config.risk,
            limits=config.market_limits,
            on_answers=log_answers if config.log_orders else None,
            look=self.feed.look,
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
