"""Warm books: follows a market whose engine runs in another process, batch by batch, to take its place at once.

Knows neither database nor clock: it is handed who reads the journal. All calls block, and belong to one thread.
"""

import gc
from typing import Protocol

import msgspec

from trading.core.commands import Command
from trading.core.engine import Engine
from trading.core.events import Traded
from trading.core.snapshot.records import Snapshot
from trading.worker.batch import Restored

MOST = 200
"""Batches that are read at once."""
SHORT, LONG = 0.005, 0.04
"""Seconds until the next look: short after one that found something, then twice as long each time."""


class JournalEntry(msgspec.Struct, frozen=True):
    """The commands of one commit, and when they were done (Unix ms)."""

    number: int
    time: int
    commands: list[Command]


class Loads(Protocol):
    def load(self) -> tuple[Snapshot, Restored]:
        """The state of the last commit."""


class Journal(Loads, Protocol):
    def entries_after(self, number: int, most: int) -> list[JournalEntry]:
        """The first commits after a number, in order."""


def load(journal: Loads) -> tuple[Engine, Restored]:
    """The engine as of the last commit. All that is made here stays, so nothing is to be gained from a search for
    garbage meanwhile (a tenth of the time, with 100,000 live orders)."""
    searched = gc.isenabled()
    gc.disable()
    try:
        records, restored = journal.load()
        return Engine.restore(records), restored
    finally:
        if searched:
            gc.enable()


class Follower:
    """The state after every commit that it has read, made by an engine of its own. It makes no changes and no pushes:
    what the commands did is stored already."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._engine: Engine | None = None
        self.number = self.time = 0
        self.pause = SHORT
        self.last_trades: dict[str, Traded] = {}
        """Of each instrument, since the books were loaded."""

    @property
    def warm(self) -> bool:
        """Whether it has books."""
        return self._engine is not None

    def follow(self) -> int:
        """Load where there are no books yet, else do what was committed since. How many commits that were. Where the
        journal has a hole (it was put away, or the database is another one) the next call loads again."""
        if self._engine is None:
            self._engine, restored = load(self._journal)
            self.number, self.time = restored.number, restored.time
            self.last_trades = {}
            return 0
        entries = self._journal.entries_after(self.number, MOST)
        for entry in entries:
            if not self._apply(entry):
                self.forget()
                break
        self.pause = SHORT if entries else min(self.pause * 2, LONG)
        return len(entries)

    def _apply(self, entry: JournalEntry) -> bool:
        engine = self._engine
        if engine is None or entry.number != self.number + 1:
            return False
        for command in entry.commands:
            for event in engine.apply(command, entry.time):
                if type(event) is Traded:
                    self.last_trades[event.instrument_id] = event
        engine.take_changes()
        self.number, self.time = entry.number, entry.time
        return True

    def take(self, number: int) -> Engine | None:
        """The engine as it is after commit `number`, the last one; it is followed no more. None where the books cannot
        be brought there: then they have to be loaded."""
        while self._engine is not None and self.number < number and self.follow():
            pass
        engine = self._engine if self.number == number else None
        self.forget()
        return engine

    def forget(self) -> None:
        """Let go of the books."""
        self._engine, self.number, self.time = None, 0, 0
