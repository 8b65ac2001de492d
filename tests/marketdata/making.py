"""A market whose batches a recorder hears of: committed, told, restarted and killed as a test says."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from django.db import OperationalError

from marketdata import selectors
from marketdata.core.bars import Bar, Match, Period
from marketdata.models import Bar as BarRow
from marketdata.models import Watermark
from marketdata.recorder import Publisher, Recorder
from marketdata.store import CHUNK, BarStore
from tests.builders import Books, order
from trading.core.commands import Command, Settle
from trading.core.events import Event, Refused
from trading.observability.counters import Counters
from trading.operators import requests
from trading.worker.batch import Batch, OperatorAnswer

NEVER = 3_600.0
"""Seconds between turns of a recorder that takes one only when it is told to."""


class Shelf(BarStore):
    """The real store; it fails while it is told to, and notes the thread of its last write."""

    def __init__(self, chunk: int) -> None:
        super().__init__("MAIN", chunk=chunk)
        self.fails = False
        self.before_write: Callable[[], None] = lambda: None

    def read_on(self, bars: Any) -> bool:
        if self.fails:
            raise OperationalError("no database")
        return super().read_on(bars)

    def write(self, bars: Sequence[Bar], trade: int) -> bool:
        self.before_write()
        if self.fails:
            raise OperationalError("no database")
        return super().write(bars, trade)


class Desk:
    """Books without a worker, and a recorder. Nothing runs while no method is called."""

    def __init__(self, publisher: Publisher | None = None, chunk: int = CHUNK) -> None:
        self.books = Books()
        self.chunk = chunk
        self.publisher = publisher
        self.runner = asyncio.Runner()
        self.counters = Counters()
        self.start()

    # -- life

    def start(self) -> None:
        """A server starts."""
        self.shelf = Shelf(self.chunk)
        self.recorder = Recorder(self.shelf, self.publisher, NEVER, self.counters)
        self.load()
        self.runner.run(self.recorder.start())
        self.runs = True

    def load(self) -> None:
        """The engine is loaded anew."""
        self.books.load()
        self.recorder.on_load(self.books.engine, self.books.now)

    def stop(self) -> None:
        """A server stops in order, unless none runs."""
        if self.runs:
            self.runner.run(self.recorder.close())
        self.runs = False

    def kill(self) -> None:
        """A server is gone at once: what was not stored never will be."""
        self.shelf.fails = True
        self.stop()

    def turn(self) -> None:
        """The moment comes at which the recorder stores."""
        self.runner.run(self.recorder.keep_up())

    # -- what happens

    def tell(self, batch: Batch) -> None:
        self.runner.run(self.recorder.on_batch(batch))

    def commit(self, *commands: Command) -> Batch:
        """Apply and store; what is refused is left out."""
        books = self.books
        taken: list[Command] = []
        events: list[Event] = []
        answers: list[OperatorAnswer] = []
        for command in commands:
            happened = books.engine.apply(command, books.now)
            if isinstance(happened[0], Refused):
                continue
            taken.append(command)
            events += happened
            if isinstance(command, Settle):
                answers.append(OperatorAnswer(requests.ask(command, market="MAIN").pk, happened[0]))
        batch = books.batch_of(taken, events)
        batch.operator_answers.extend(answers)
        books.store.commit(batch)
        books.number = batch.number
        return batch

    def do(self, *commands: Command, later: int = 0) -> Batch:
        """One batch, stored and told, so many milliseconds after the last."""
        self.books.now += later
        batch = self.commit(*commands)
        self.tell(batch)
        return batch

    def trade(self, price: float = 120, lots: int = 1, of: str = "IX2301", *, later: int = 0) -> Batch:
        """Account 1 buys from account 2; both open."""
        return self.do(*deal(price, lots, of), later=later)

    def settle(self, day: int, next_day: int, *, later: int = 0, **prices: int) -> Batch:
        return self.do(Settle(day, next_day, prices), later=later)


def deal(price: float = 120, lots: int = 1, of: str = "IX2301") -> list[Command]:
    return [order(1, f"BUY OPEN {lots} @ {price}", of), order(2, f"SELL OPEN {lots} @ {price}", of)]


def stored(period: Period | None = None) -> list[Bar]:
    """All stored bars."""
    rows = BarRow.objects.order_by("instrument", "period", "start")
    return selectors.bars_of(rows if period is None else rows.filter(period=period))


def marked() -> int:
    """Up to which trade bars are stored."""
    return Watermark.objects.get(market="MAIN").trade


def match(
    number: int,
    time: int,
    price: int = 100,
    volume: int = 1,
    opened: Any = 2,
    name: str = "IX2301",
    multiplier: int = 1,
) -> Match:
    return Match(number, name, multiplier, price, volume, time, opened)
