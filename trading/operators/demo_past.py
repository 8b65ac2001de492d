"""The past of a fresh demo market: a year of trading days with few trades each, the last ones minute by minute.

Real commands go through a real engine, worker and store, only the clock is ours: books, statements, journal and bars
are what they would be had all this happened. The same seed and the same end give the same past.
"""

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

import msgspec
from django.db import connections

from trading.core import commands
from trading.core.engine import Engine
from trading.core.events import Event, Refused
from trading.core.types import Direction, Offset, OrderType
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.push_encoder import PushEncoder
from trading.models import Account, JournalBatch, OperatorCommand
from trading.observability.counters import Counters
from trading.operators import demo_market, requests, settlement
from trading.operators.calendar import number_of
from trading.storage.store import Store
from trading.transport.gateway import Gateway
from trading.transport.in_process import InProcessQueue
from trading.worker.batch import Batch
from trading.worker.worker import Worker

T = TypeVar("T")
Listings = Sequence[commands.ListInstrument]

DAYS = 250
"""Trading days before the present one: a year."""
BUSY_DAYS = 2
"""So many of them, the last, trade all the time, as does the present one."""
MOMENTS = (1, 100, 329)
"""When the other days trade, in minutes after the opening: at the ends of a session, and once in between."""
OPENING, SETTLING = time(1, 30), time(7, 15)
"""Of a trading day, in UTC."""
SESSION = [*range(120), *range(210, 330)]
"""Minutes after the opening in which there is trade: there is a break at noon."""
PRESENT_MINUTES = 240
"""The present trading day has been open for so long."""
QUIET_LOTS, BUSY_LOTS, MOST_HELD = 6, 2, 12
DAY_MOVE, MINUTE_MOVE, TRADE_MOVE = 0.008, 0.0005, 0.0002
"""Standard deviations of the logarithm of a price: over a night, over a minute, from one trade to the next."""
TICKS = 0.12
"""... but at least so many ticks, or a price with coarse ticks would seem to stand still."""
PULL, MINUTE_PULL = 0.04, 0.01
"""The share of its way home that a price goes each night, and each minute. At last it is drawn there more and more: the
examples of the documents name those prices."""
POLL = 0.002
"""Seconds between two looks for what operators have asked: they wait for it 250 times."""
PATIENCE = 60.0
"""Seconds that an engine with nothing else to do may need for one of them."""
BEFORE = 60_000
"""The market is founded so many milliseconds before the first trade."""
REPORTS = 5
"""How often one hears how far it has come."""
FARTHEST = 0.06
"""So far it strays: every day stays inside its limits."""


class Trade(msgspec.Struct, frozen=True):
    """Two orders that meet: who waits, and who comes. `price` in 1/10,000."""

    instrument_id: str
    price: int
    lots: int
    orders: tuple[tuple[str, Direction, Offset], tuple[str, Direction, Offset]]


class Walk:
    """The price of an instrument: it wanders, and is drawn to where it was listed."""

    def __init__(self, listing: commands.ListInstrument, dice: random.Random) -> None:
        self.instrument_id, self._tick = listing.contract.instrument_id, listing.contract.tick
        self._home = listing.contract.reference_price / listing.contract.tick
        self._away = 0.0
        self._dice = dice

    def move(self, deviation: float, pull: float = 0.0) -> None:
        """Go on for as long as it takes to stray so far."""
        away = self._away * (1 - pull) + self._dice.gauss(0, max(deviation, TICKS / self._home))
        self._away = max(-FARTHEST, min(FARTHEST, away))

    @property
    def price(self) -> int:
        """In 1/10,000, on the tick."""
        return round(self._home * math.exp(self._away)) * self._tick


class Traders:
    """Who trades with whom. Whoever holds lots of the other side closes them first, and nobody holds many."""

    def __init__(self, users: Sequence[str], dice: random.Random) -> None:
        self._users, self._dice = list(users), dice
        self._held: defaultdict[tuple[str, str], int] = defaultdict(int)

    def trade(self, walk: Walk, most: int) -> Trade:
        """Two of them at the present price, who are chosen so that positions go back to nothing."""
        name = walk.instrument_id
        buyer, seller = sorted(self._dice.sample(self._users, 2), key=lambda user: self._held[user, name])
        lots = self._dice.randint(1, most)
        sides = [(buyer, Direction.BUY, 1), (seller, Direction.SELL, -1)]
        for user, _, sign in sides:
            against = -sign * self._held[user, name]
            lots = min(lots, against if against > 0 else MOST_HELD)
        orders = [(user, direction, self._offset(user, name, sign)) for user, direction, sign in sides]
        for user, _, sign in sides:
            self._held[user, name] += sign * lots
        if self._dice.random() < 0.5:
            orders.reverse()
        return Trade(name, walk.price, lots, (orders[0], orders[1]))

    def _offset(self, user: str, name: str, sign: int) -> Offset:
        return Offset.CLOSE if sign * self._held[user, name] < 0 else Offset.OPEN


class Moment(msgspec.Struct, frozen=True):
    """What happens at a time (Unix ms): trades, or the end of a trading day."""

    time: int
    trades: list[Trade] = []
    settles: tuple[int, int] | None = None


def moments(
    seed: int, end: datetime, days: int = DAYS, listings: Listings = demo_market.INSTRUMENTS
) -> Iterator[Moment]:
    """The past until `end`: so many trading days, and the present one, which is that of `end`'s date: what is traded
    before midnight belongs to it, as in a night session."""
    dice = random.Random(seed)  # noqa: S311  # a story, no secret
    walks = [Walk(listing, dice) for listing in listings]
    traders = Traders(demo_market.USERS, dice)
    opened = end - timedelta(minutes=PRESENT_MINUTES)
    past = trading_days(end, days)
    for at, day in enumerate(past):
        opening = datetime.combine(day, OPENING, UTC)
        busy = at >= days - BUSY_DAYS
        yield from _session(opening, SESSION if busy else MOMENTS, walks, traders, BUSY_LOTS if busy else QUIET_LOTS)
        following = past[at + 1] if at + 1 < days else _weekday_after(day)
        settling = datetime.combine(day, SETTLING, UTC)
        yield Moment(_ms(settling), settles=(number_of(day), number_of(following)))
        for walk in walks:
            walk.move(DAY_MOVE, max(PULL, 1 / (days - at)))
    yield from _session(opened, range(PRESENT_MINUTES), walks, traders, BUSY_LOTS)


def trading_days(until: datetime, count: int) -> list[date]:
    """The last weekdays that were over before a moment, oldest first."""
    day = until.date()
    days: list[date] = []
    while len(days) < count:
        day -= timedelta(days=1)
        if day.isoweekday() <= 5:
            days.append(day)
    return days[::-1]


def _weekday_after(day: date) -> date:
    day += timedelta(days=1)
    while day.isoweekday() > 5:
        day += timedelta(days=1)
    return day


def _session(
    opening: datetime, minutes: Sequence[int], walks: Sequence[Walk], traders: Traders, most: int
) -> Iterator[Moment]:
    busy = len(minutes) > len(MOMENTS)
    deviation, pull = (MINUTE_MOVE, MINUTE_PULL) if busy else (DAY_MOVE / 2, 0.0)
    for minute in minutes:
        trades = []
        for walk in walks:
            walk.move(deviation, pull)
            trades.append(traders.trade(walk, most))
            if busy:
                walk.move(TRADE_MOVE)
                trades.append(traders.trade(walk, most))
        yield Moment(_ms(opening + timedelta(minutes=minute)), trades)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


# --- playing it


def play(
    market: str,
    seed: int,
    end: datetime,
    tell: Callable[[str], None],
    days: int = DAYS,
    listings: Listings = demo_market.INSTRUMENTS,
) -> bool:
    """Let it happen, where nothing has happened yet; False where something has, or an engine runs. The users must be
    there. `tell` hears how far it has come. `listings`: what is traded."""
    if JournalBatch.objects.filter(market=market).exists():
        return False
    return asyncio.run(_Player(market, listings).play(list(moments(seed, end, days, listings)), tell))


class _Player:
    """An exchange in the past, and whoever asks something of it."""

    def __init__(self, market: str, listings: Listings) -> None:
        self._market = market
        self._listings = listings
        self._now = 0
        self._accounts: dict[str, int] = {}
        self._answers: dict[int, Event] = {}
        self._told = asyncio.Event()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="past")
        queue = InProcessQueue(1_000)
        counters = Counters()
        self._gateway = Gateway(queue, counters)
        self._worker = Worker(
            queue=queue,
            store=Store(market),
            pushes=PushEncoder(InProcessLayer()),
            listeners=[self],
            clock=lambda: self._now,
            counters=counters,
            operator_poll=POLL,
        )

    async def play(self, story: Sequence[Moment], tell: Callable[[str], None]) -> bool:
        """All of it, in order; False where an engine runs."""
        self._now = story[0].time - BEFORE
        try:
            return await self._worker.start() and await self._play(story, tell)
        finally:
            await self._worker.close()
            await self._blocking(connections.close_all)
            self._reader.shutdown()

    async def _play(self, story: Sequence[Moment], tell: Callable[[str], None]) -> bool:
        running = asyncio.create_task(self._worker.run())
        try:
            await self._found()
            for number, moment in enumerate(story):
                self._now = moment.time
                await self._live(moment)
                if number % (len(story) // REPORTS) == 0:
                    tell(f"{datetime.fromtimestamp(moment.time / 1000, UTC):%Y-%m-%d}")
        finally:
            self._worker.stop()
            await running
        return True

    async def _found(self) -> None:
        await self._ask(demo_market.founding(self._listings))
        self._accounts = await self._blocking(self._accounts_by_user)

    def _accounts_by_user(self) -> dict[str, int]:
        return {row.user_id: row.pk for row in Account.objects.filter(market=self._market)}

    async def _live(self, moment: Moment) -> None:
        if moment.settles is not None:
            command = await self._blocking(settlement.settle, self._market, *moment.settles, {})
            await self._ask([(command, f"settle:{self._market}:{command.day}")])
        sent = [(order, self._send(order)) for trade in moment.trades for order in self._orders(trade)]
        for order, answered in sent:
            _check(order, await answered)

    def _orders(self, trade: Trade) -> Iterator[commands.SubmitOrder]:
        for user, direction, offset in trade.orders:
            yield commands.SubmitOrder(
                account_id=self._accounts[user],
                instrument_id=trade.instrument_id,
                direction=direction,
                offset=offset,
                order_type=OrderType.LIMIT,
                volume=trade.lots,
                price=trade.price,
            )

    def _send(self, order: commands.SubmitOrder) -> "asyncio.Future[Event]":
        answered: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._gateway.submit(order, answered.set_result)
        return answered

    async def _ask(self, asks: Sequence[tuple[commands.AdminCommand, str]]) -> None:
        """Operators' commands, which the engine takes from their table."""
        for command, key in asks:
            row = await self._blocking(lambda c=command, k=key: requests.ask(c, market=self._market, key=k))
            if row.status != OperatorCommand.Status.PENDING:
                raise RuntimeError(f"{key} was asked for before")
            while row.pk not in self._answers:
                self._told.clear()
                async with asyncio.timeout(PATIENCE):
                    await self._told.wait()
            _check(command, self._answers.pop(row.pk))

    async def _blocking(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, function, *arguments)

    # -- the worker tells

    def on_load(self, engine: Engine, time: int) -> None:
        """There is nothing yet."""

    async def on_batch(self, batch: Batch) -> None:
        """What operators have asked is done."""
        self._answers |= {answer.row_id: answer.event for answer in batch.operator_answers}
        self._told.set()


def _check(command: commands.Command, event: Event) -> None:
    """A past in which something is refused is none."""
    if isinstance(event, Refused):
        raise RuntimeError(f"{command} was refused: {event.detail} ({event.code})")
