"""Whom the worker works with: plain objects with the few methods named here, so that tests can hand in others."""

from collections.abc import Callable
from typing import Any, Protocol

from trading.core.commands import ClientOrder, Command, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import Event
from trading.core.snapshot.records import Snapshot
from trading.core.state import Changes
from trading.transport.gateway import Envelope
from trading.worker.batch import Batch, OperatorAsk, Pushes, Restored
from trading.worker.follower import JournalEntry

UsedIds = dict[tuple[int, str], ClientOrder]
"""Orders of the trading day by account and own id."""


class CommandQueue(Protocol):
    def __len__(self) -> int:
        """Commands that wait."""

    async def take(self, most: int, timeout: float) -> list[Envelope]: ...

    def drain(self) -> list[Envelope]: ...

    @property
    def position(self) -> str | None:
        """Where the stream stands that the commands come from, after those that were taken; None: there is none."""

    def go_back(self, position: str) -> None:
        """What was taken after `position` is not done: where there is a stream it comes again."""

    def wake(self) -> None: ...


class MarketStore(Protocol):
    leave_asked: bool

    @property
    def can_follow(self) -> bool: ...

    def lock(self) -> bool: ...

    def taken(self) -> bool: ...

    def stand_by(self) -> None: ...

    def beat(self) -> None: ...

    def examine(self) -> None: ...

    def verify(self, engine: Engine) -> None: ...

    def take_over(self) -> None: ...

    def commit_here(self, batch: Batch) -> bool: ...

    def made(self, batch: Batch) -> Any: ...

    async def commit_by_loop(self, batch: Batch, made: Any = None) -> bool: ...

    def commit(self, batch: Batch, made: Any = None) -> None: ...

    def note_position(self, position: str) -> None: ...

    def holds(self, batch: Batch) -> bool: ...

    def reconnect(self) -> None: ...

    def rescue(self) -> bool: ...

    def load(self) -> tuple[Snapshot, Restored]: ...

    def resume(self) -> Restored: ...

    def entries_after(self, number: int, most: int) -> list[JournalEntry]: ...

    def used_ids(self, asked: list[SubmitOrder]) -> UsedIds: ...

    def pending(self, most: int) -> list[OperatorAsk]: ...

    def close(self) -> None: ...


class PushEncoder(Protocol):
    def resume(self, seqs: dict[int, int]) -> None: ...

    def encode(self, events: list[Event], changes: Changes, time: int) -> Pushes: ...


class Listener(Protocol):
    """Told of the engine's state when it is loaded, and of every batch after its commit."""

    def on_load(self, engine: Engine, time: int) -> None: ...

    async def on_batch(self, batch: Batch) -> None: ...


Answered = Callable[[int | None, int, list[tuple[Command | None, Event]]], None]
"""Told, after the commit, what was answered: the number of the batch (None: nothing was stored), its time, the commands
(None: one that cannot be read) with their answers."""
