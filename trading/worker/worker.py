"""The background worker: takes what is queued, applies it, stores it, and only then tells.

    queue.take -> engine.apply -> store.commit -> replies, pushes, market data

The one place where the order of these steps is decided. It owns the engine; whoever is handed in is a plain object with
the few methods named here, so that tests can hand in others.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Protocol, TypeVar

import msgspec

from trading.core.codes import Code
from trading.core.commands import AdoptRules, CheckRisk, Command, ExpireDue, FireStops, SystemCommand
from trading.core.engine import Engine
from trading.core.events import Event, OrderRepeated, Refused
from trading.core.money import RATE
from trading.core.snapshot import Snapshot
from trading.core.state import Changes
from trading.core.types import PRESENT_RULES
from trading.observability.counters import COUNTERS
from trading.transport.gateway import Envelope, Reply
from trading.worker.batch import Batch, OperatorAnswer, OperatorAsk, Pushes, Restored, Superseded, Unstorable

T = TypeVar("T")
logger = logging.getLogger(__name__)

NOT_STORED = Refused(Code.UNAVAILABLE, "The exchange could not store this; nothing was done")
BROKEN = Refused(Code.UNAVAILABLE, "The exchange failed on this command; nothing was done")
UNREADABLE = Refused(Code.MALFORMED, "This command cannot be read")
RELOAD_SECONDS = 0.5
"""Between attempts to read the database after a failed commit: soon enough for people, rare enough for a sick disk."""


STRICT = CheckRisk(warn_at=RATE * 8 // 10, limit=RATE)
"""Warn at a risk ratio of 0.8, liquidate at 1."""


class CommandQueue(Protocol):
    async def take(self, most: int, timeout: float) -> list[Envelope]: ...

    def drain(self) -> list[Envelope]: ...

    def wake(self) -> None: ...


class MarketStore(Protocol):
    def examine(self) -> None: ...

    def verify(self, engine: Engine) -> None: ...

    def take_over(self) -> None: ...

    def commit_here(self, batch: Batch) -> bool: ...

    def commit(self, batch: Batch) -> None: ...

    def load(self) -> tuple[Snapshot, Restored]: ...

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


class TurnResult:
    """What one turn of the worker has to say: every answer with the one who waits for it."""

    def __init__(self) -> None:
        self.replies: list[tuple[Envelope, Event]] = []
        self.operator_answers: list[OperatorAnswer] = []
        self.commands: list[Command] = []
        self.not_done: list[tuple[Command, Event]] = []
        self.events: list[Event] = []

    @property
    def to_store(self) -> bool:
        """Refusals and repeated answers need no commit: nothing has changed."""
        return bool(self.commands or self.operator_answers)


class Worker:
    """Runs one engine until it is stopped, or another engine has taken its market over (Superseded)."""

    def __init__(
        self,
        *,
        queue: CommandQueue,
        store: MarketStore,
        pushes: PushEncoder,
        listeners: Sequence[Listener],
        clock: Callable[[], int],
        batch_limit: int = 500,
        operator_poll: float = 0.2,
        risk: CheckRisk = STRICT,
        on_answers: Answered | None = None,
    ) -> None:
        self._queue = queue
        self._store = store
        self._pushes = pushes
        self._listeners = listeners
        self._clock = clock
        self._batch_limit = batch_limit
        self._operator_poll = operator_poll
        self._risk = risk
        self._on_answers = on_answers
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._careful = self._stopping = False
        self._next_poll = 0.0
        self._broken_asks: set[int] = set()
        self._number = self._now = 0
        self._look_at_everyone = True
        self.engine = Engine()

    @property
    def number(self) -> int:
        """Of the last batch that was stored."""
        return self._number

    @property
    def time(self) -> int:
        """Of the last batch (Unix ms); none will be earlier."""
        return self._now

    # -- life

    async def start(self) -> None:
        """Take the market over and load it. Raises whatever speaks against trading on what is stored."""
        await self._blocking(self._store.examine)
        await self._blocking(self._store.take_over)
        await self.load()
        await self._blocking(self._store.verify, self.engine)

    async def load(self) -> None:
        """Bring the engine to the state of the last commit."""
        records, restored = await self._blocking(self._store.load)
        self.engine = Engine.restore(records)
        self._number = restored.number
        self._look_at_everyone = True  # the limits may be others than those of the server before
        self._now = max(self._now, restored.time)
        self._pushes.resume(restored.push_seqs)
        for listener in self._listeners:
            listener.on_load(self.engine, self._now)

    async def run(self) -> None:
        """Serve until told to stop; a batch under way is finished first. Whoever still waits at the end is told so."""
        try:
            while not self._stopping:
                await self._turn(await self._queue.take(self._batch_limit, self._patience()))
        finally:
            self._refuse(self._queue.drain())

    def _patience(self) -> float:
        """Seconds until there may be something to do that nobody asks for."""
        if self.engine.firing:
            return 0
        due = self.engine.next_due
        return self._operator_poll if due is None else min(self._operator_poll, max(0, due - self._clock()) / 1000)

    def stop(self) -> None:
        """Let `run` end after the present turn."""
        self._stopping = True
        self._queue.wake()

    async def drain_operators(self) -> None:
        """Do what operators have asked so far, without serving anybody else."""
        self._next_poll = 0.0
        while await self._turn([]):
            self._next_poll = 0.0

    async def close(self) -> None:
        """Tell whoever still waits, give the store's thread and connection back."""
        self._refuse(self._queue.drain())
        await self._blocking(self._store.close)
        self._thread.shutdown()

    async def _blocking(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # -- one turn

    async def _turn(self, envelopes: list[Envelope]) -> bool:
        """Do what is asked. True when something was stored."""
        asks = await self._operator_asks()
        if asks and envelopes and self._careful:
            await self._do(envelopes, [])
            envelopes = []
        needed = envelopes or asks or self.engine.firing or self.engine.due(self._clock())
        return await self._do(envelopes, asks) if needed else False

    async def _do(self, envelopes: list[Envelope], asks: list[OperatorAsk]) -> bool:
        """Apply, store, tell."""
        self._now = max(self._now, self._clock())
        began = monotonic()
        try:
            turn = self._apply(envelopes, asks)
            batch = self._batch(turn)
            applied = monotonic()
            if turn.to_store:
                if not self._store.commit_here(batch):
                    await self._blocking(self._store.commit, batch)
                self._number = batch.number
        except Superseded:
            self._refuse(envelopes)
            raise
        except Exception as error:
            logger.exception("a batch of %d commands was not stored; reloading", len(envelopes) + len(asks))
            COUNTERS.batches_failed += 1
            if isinstance(error, Unstorable):
                self._suspect(envelopes, asks)
            self._refuse(envelopes)
            await self._recover()
            return True
        stored = monotonic()
        for envelope, event in turn.replies:
            _answer(envelope.reply, event)
        answered = monotonic()
        if turn.to_store:
            await asyncio.sleep(0)  # answers leave before the rest is made: whoever waits for one waits less
            await self._tell(batch)
        self._note(turn, asks, began, applied, stored, answered)
        return turn.to_store

    async def _operator_asks(self) -> list[OperatorAsk]:
        """Operators' commands, looked for at most once a poll interval."""
        now = asyncio.get_running_loop().time()
        if now < self._next_poll:
            return []
        self._next_poll = now + self._operator_poll
        try:
            asks = await self._blocking(self._store.pending, 1 if self._careful else self._batch_limit)
            self._careful = self._careful and bool(asks)
            return asks
        except Exception:
            logger.exception("operators' commands cannot be read")
            return []

    def _apply(self, envelopes: list[Envelope], asks: list[OperatorAsk]) -> TurnResult:
        """What is due comes first, what the rest has moved is looked at last. Before anything is done under rules that
        the market has not adopted yet, it adopts them."""
        turn = TurnResult()
        if self.engine.state.rules != PRESENT_RULES:
            self._apply_one(turn, AdoptRules(PRESENT_RULES))
        if self.engine.due(self._now):
            self._apply_own(turn, ExpireDue())
        if self.engine.firing:
            self._apply_own(turn, FireStops())
        for ask in asks:
            turn.operator_answers.append(OperatorAnswer(ask.row_id, self._apply_ask(turn, ask)))
        for envelope in envelopes:
            turn.replies.append((envelope, self._apply_one(turn, envelope.command)))
        if self._look_at_everyone:
            self._apply_own(turn, msgspec.structs.replace(self._risk, everyone=True))
            self._look_at_everyone = False
        elif self.engine.moved:
            self._apply_own(turn, self._risk)
        return turn

    def _apply_own(self, turn: TurnResult, command: SystemCommand) -> None:
        """A command of the worker's own; one that found nothing to do leaves no trace."""
        events = self.engine.apply(command, self._now)
        if len(events) > 1:
            turn.commands.append(command)
            turn.events += events

    def _apply_ask(self, turn: TurnResult, ask: OperatorAsk) -> Event:
        """A command that broke the engine before is refused, or it would break it for ever."""
        if ask.command is None:
            return UNREADABLE
        if ask.row_id in self._broken_asks:
            return BROKEN
        try:
            return self._apply_one(turn, ask.command)
        except Exception:
            self._broken_asks.add(ask.row_id)
            raise

    def _apply_one(self, turn: TurnResult, command: Command) -> Event:
        """The first event of a command answers it; one that changed nothing leaves no trace."""
        events = self.engine.apply(command, self._now)
        if isinstance(events[0], Refused | OrderRepeated):
            turn.not_done.append((command, events[0]))
        else:
            turn.commands.append(command)
            turn.events += events
        return events[0]

    def _batch(self, turn: TurnResult) -> Batch:
        changes = self.engine.take_changes()
        pushes = self._pushes.encode(turn.events, changes, self._now)
        return Batch(
            number=self._number + 1,
            time=self._now,
            last_id=self.engine.state.last_id,
            commands=turn.commands,
            events=turn.events,
            changes=changes,
            pushes=pushes,
            operator_answers=turn.operator_answers,
        )

    async def _tell(self, batch: Batch) -> None:
        """The batch is durable: a failure to tell it must not undo anything."""
        began = monotonic()
        try:
            await batch.pushes.send()
            for listener in self._listeners:
                await listener.on_batch(batch)
        except Exception:
            logger.exception("batch %d is stored, but could not be told", batch.number)
        COUNTERS.stages["tell"].observe(monotonic() - began)

    def _note(
        self, turn: TurnResult, asks: list[OperatorAsk], began: float, applied: float, stored: float, answered: float
    ) -> None:
        """For whoever watches the exchange. Last of all, so that nobody waits for it."""
        COUNTERS.batch(turn.commands, turn.not_done)
        COUNTERS.batch_size.observe(len(turn.replies) + len(asks))
        COUNTERS.stages["apply"].observe(applied - began)
        if turn.to_store:
            COUNTERS.stages["commit"].observe(stored - applied)
        COUNTERS.stages["answer"].observe(answered - stored)
        if turn.replies:
            COUNTERS.answers([envelope.at for envelope, _ in turn.replies], began, answered)
        if self._on_answers is not None:
            asked = [(ask.command, answer.event) for ask, answer in zip(asks, turn.operator_answers, strict=True)]
            asked += [(envelope.command, event) for envelope, event in turn.replies]
            self._on_answers(self._number if turn.to_store else None, self._now, asked)

    # -- when storing fails

    def _suspect(self, envelopes: list[Envelope], asks: list[OperatorAsk]) -> None:
        """Operators' commands stay in their table and come again: find the one that cannot be stored, one by one."""
        if len(asks) == 1 and not envelopes:
            self._broken_asks.add(asks[0].row_id)
        self._careful = True

    def _refuse(self, envelopes: list[Envelope]) -> None:
        for envelope in envelopes:
            COUNTERS.not_taken(envelope.command)
            _answer(envelope.reply, NOT_STORED)

    async def _recover(self) -> None:
        """Memory is ahead of the database: forget it and load, however long the database is away."""
        while not self._stopping:
            try:
                await self._blocking(self._store.close)
                await self.load()
                return
            except Exception:
                logger.exception("the market cannot be loaded; trying again")
            self._refuse(await self._queue.take(self._batch_limit, RELOAD_SECONDS))
            await asyncio.sleep(RELOAD_SECONDS)


def _answer(reply: Reply, event: Event) -> None:
    """A reply that fails (its connection is gone) is nobody else's trouble."""
    try:
        reply(event)
    except Exception:
        logger.exception("an answer could not be given")
