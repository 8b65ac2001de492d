"""The background worker: takes what is queued, applies it, stores it, and only then tells.

    queue.take -> engine.apply -> store.commit -> replies, pushes, market data

The one place where the order of these steps is decided. It owns the engine; whoever is handed in is a plain object with
the few methods named here, so that tests can hand in others.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Protocol, TypeVar

import msgspec

from trading.core.accounts import KEPT_IDS, ClientOrder
from trading.core.codes import Code
from trading.core.commands import (
    AdoptRules,
    CheckRisk,
    Command,
    ExpireDue,
    FireStops,
    SetMarketLimits,
    SubmitOrder,
    SystemCommand,
)
from trading.core.engine import Engine
from trading.core.events import Event, OrderRepeated, Refused
from trading.core.money import RATE
from trading.core.snapshot import Snapshot
from trading.core.state import Changes
from trading.core.types import PRESENT_RULES, MarketLimits
from trading.observability.counters import Counters
from trading.transport.gateway import Envelope, Reply
from trading.worker.batch import (
    Batch,
    FilesReplaced,
    HandedOver,
    OperatorAnswer,
    OperatorAsk,
    OutcomeUnknown,
    Pushes,
    Restored,
    Superseded,
    Unstorable,
)
from trading.worker.follower import Follower, JournalEntry
from trading.worker.pulse import Pulse

T = TypeVar("T")
logger = logging.getLogger(__name__)

NOT_STORED = Refused(Code.UNAVAILABLE, "The exchange could not store this; nothing was done")
UNKNOWN = Refused(
    Code.UNAVAILABLE,
    "The database has not said whether this was stored. When the exchange is back, ask for your orders, or send it"
    " again under the same client_order_id: it is done once",
)
BROKEN = Refused(Code.UNAVAILABLE, "The exchange failed on this command; nothing was done")
UNREADABLE = Refused(Code.MALFORMED, "This command cannot be read")
HANDED_OVER = Refused(Code.UNAVAILABLE, "Another process runs the engine from now on; nothing was done")
RELOAD_SECONDS = 0.5
"""Between attempts to read the database after a failed commit: soon enough for people, rare enough for a sick disk."""
BEAT_SECONDS = 0.1
"""Between signs of life where another process stands by."""

TROUBLE = "The last commit failed; the exchange tries again."

STRICT = CheckRisk(warn_at=RATE * 8 // 10, limit=RATE)
"""Warn at a risk ratio of 0.8, liquidate at 1."""


UsedIds = dict[tuple[int, str], ClientOrder]
"""Orders of the trading day by account and own id."""


class CommandQueue(Protocol):
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

    def stand_by(self) -> None: ...

    def beat(self) -> None: ...

    def examine(self) -> None: ...

    def verify(self, engine: Engine) -> None: ...

    def take_over(self) -> None: ...

    def commit_here(self, batch: Batch) -> bool: ...

    def commit(self, batch: Batch) -> None: ...

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


class TurnResult:
    """What one turn of the worker has to say: every answer with the one who waits for it."""

    def __init__(self) -> None:
        self.replies: list[tuple[Envelope, Event]] = []
        self.operator_answers: list[OperatorAnswer] = []
        self.commands: list[Command] = []
        self.not_done: list[tuple[Command, Event]] = []
        self.events: list[Event] = []
        self.trial = False

    @property
    def did_something(self) -> bool:
        """Refusals and repeated answers change nothing."""
        return bool(self.commands or self.operator_answers)

    @property
    def to_store(self) -> bool:
        """What changed nothing needs no commit, but where it is tried whether one succeeds."""
        return self.trial or self.did_something


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
        counters: Counters,
        batch_limit: int = 500,
        operator_poll: float = 0.2,
        risk: CheckRisk = STRICT,
        limits: MarketLimits | None = None,
        on_answers: Answered | None = None,
        reload_seconds: float = RELOAD_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
        stopwatch: Callable[[], float] = monotonic,
    ) -> None:
        assert batch_limit <= KEPT_IDS, f"a batch of more than {KEPT_IDS} commands may repeat an own id unnoticed"
        self._queue = queue
        self._store = store
        self._pushes = pushes
        self._listeners = listeners
        self._clock = clock
        self._counters = counters
        self._batch_limit = batch_limit
        self._operator_poll = operator_poll
        self._risk = risk
        self._limits = limits
        self._on_answers = on_answers
        self._reload_seconds = reload_seconds
        self._stopwatch = stopwatch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._follower = Follower(store) if store.can_follow else None
        self._pulse = Pulse(self._beat, beat_seconds) if store.can_follow else None
        self._careful = self._stopping = False
        self._next_poll = 0.0
        self._broken_asks: set[int] = set()
        self._number = self._now = 0
        self._position = ""
        self._look_at_everyone = True
        self._trouble = False
        self._next_try = 0.0
        self.engine = Engine()

    @property
    def number(self) -> int:
        """Of the last batch that was stored."""
        return self._number

    @property
    def position(self) -> str:
        """Where the stream of commands stands after what is stored."""
        return self._position

    @property
    def time(self) -> int:
        """Of the last batch (Unix ms); none will be earlier."""
        return self._now

    @property
    def trouble(self) -> str | None:
        """Why the next order may not be stored: the last commit failed. None after one that succeeded."""
        return TROUBLE if self._trouble else None

    # -- life

    async def start(self) -> bool:
        """Take the market over and load it; False when another process runs its engine. Raises whatever speaks against
        trading on what is stored."""
        if not await self._blocking(self._store.lock):
            return False
        if self._pulse is not None:
            self._pulse.start()
        if not await self._start_warm():
            await self._blocking(self._store.examine)
            await self._blocking(self._store.take_over)
            await self.load()
            await self._blocking(self._store.verify, self.engine)
        self._trouble = False
        return True

    async def _start_warm(self) -> bool:
        """Take the market over with books that have followed it. False where there are none: nothing was done."""
        follower = self._follower
        if follower is None or not follower.warm:
            return False
        await self._blocking(self._store.take_over)
        restored = await self._blocking(self._store.resume)
        engine = await self._blocking(follower.take, restored.number)
        if engine is not None:
            self._begin(engine, restored)
        return engine is not None

    async def follow(self) -> float | None:
        """While another process is the engine: keep books warm, to take its place at once. Seconds until that has to
        be done again; None where it cannot be done."""
        follower = self._follower
        if follower is None:
            return None
        if not follower.warm:
            await self._blocking(self._store.examine)
        await self._blocking(follower.follow)
        await self._blocking(self._store.stand_by)
        return follower.pause

    async def release(self) -> None:
        """Let another process run the market's engine. `start` may take it back."""
        if self._pulse is not None:
            self._pulse.stop()
        await self._blocking(self._store.close)

    def _beat(self) -> None:
        """Called by the pulse, in its thread; the store has one of its own."""
        with suppress(RuntimeError):  # it is the end
            self._thread.submit(self._store.beat).result()

    async def load(self) -> None:
        """Bring the engine to the state of the last commit."""
        records, restored = await self._blocking(self._store.load)
        self._begin(Engine.restore(records), restored)

    def _begin(self, engine: Engine, restored: Restored) -> None:
        """Go on from a commit."""
        self.engine = engine
        self._number = restored.number
        self._look_at_everyone = True  # the limits may be others than those of the server before
        self._now = max(self._now, restored.time)
        self._position = restored.position
        self._queue.go_back(restored.position)
        self._pushes.resume(restored.push_seqs)
        for listener in self._listeners:
            listener.on_load(self.engine, self._now)

    async def run(self) -> None:
        """Serve until told to stop; a batch under way is finished first. Whoever still waits at the end is told so."""
        refusal = NOT_STORED
        try:
            while not self._stopping:
                if self._store.leave_asked:
                    refusal = HANDED_OVER
                    raise HandedOver
                await self._turn(await self._queue.take(self._batch_limit, self._patience()))
        except FilesReplaced:
            if await self._blocking(self._store.rescue):
                logger.critical("all commits until batch %d are in the database's files", self._number)
            else:
                logger.critical("what was committed until batch %d may be in no file that has a name", self._number)
            raise
        finally:
            self._refuse(self._queue.drain(), refusal)

    def _patience(self) -> float:
        """Seconds until there may be something to do that nobody asks for."""
        if self.engine.firing:
            return 0
        due = self.engine.next_due
        patience = self._operator_poll if due is None else max(0, due - self._clock()) / 1000
        return min(patience, self._operator_poll, RELOAD_SECONDS if self._trouble else self._operator_poll)

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
        self._refuse(self._queue.drain(), NOT_STORED)
        await self.release()
        self._thread.shutdown()

    async def _blocking(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # -- one turn

    async def _turn(self, envelopes: list[Envelope]) -> bool:
        """Do what is asked. True when something was stored."""
        try:
            asks = await self._operator_asks()
        except (Superseded, FilesReplaced):
            self._refuse(envelopes, NOT_STORED)
            raise
        if asks and envelopes and self._careful:
            await self._do(envelopes, [])
            envelopes = []
        needed = envelopes or asks or self.engine.firing or self.engine.due(self._clock()) or self._to_try()
        return await self._do(envelopes, asks) if needed else False

    def _to_try(self) -> bool:
        """After a commit that failed an empty one now and then: so the exchange knows when it can store again, although
        nobody may send it orders until it says so."""
        return self._trouble and self._stopwatch() >= self._next_try

    async def _do(self, envelopes: list[Envelope], asks: list[OperatorAsk]) -> bool:
        """Apply, store, tell. True when something was stored, or should have been."""
        self._now = max(self._now, self._clock())
        began = self._stopwatch()
        try:
            used = await self._used_ids(envelopes)
            turn = self._apply(envelopes, asks, used)
            batch = self._batch(turn)
            applied = self._stopwatch()
            certain = not turn.to_store or await self._store_batch(turn, batch, envelopes)
            if self._position != self._queue.position is not None:
                await self._note_position(self._queue.position)
        except (Superseded, FilesReplaced) as error:
            self._refuse(envelopes, UNKNOWN if isinstance(error, FilesReplaced) else NOT_STORED)
            raise
        except Exception as error:
            self._note_failure(error, len(envelopes) + len(asks))
            if isinstance(error, Unstorable):
                self._suspect(envelopes, asks)
            self._refuse(envelopes, NOT_STORED)
            await self._recover()
            return True
        stored = self._stopwatch()
        for envelope, event in turn.replies:
            _answer(envelope.reply, event)
        answered = self._stopwatch()
        if turn.to_store:
            await asyncio.sleep(0)  # answers leave before the rest is made: whoever waits for one waits less
            await self._tell(batch)
        self._note(turn, asks, began, applied, stored, answered)
        if not certain:
            await self._recover()
        return turn.did_something

    async def _store_batch(self, turn: TurnResult, batch: Batch, envelopes: list[Envelope]) -> bool:
        """Make a batch durable. False when that was in doubt for a while: then the connection is another one."""
        try:
            if not self._store.commit_here(batch):
                await self._blocking(self._store.commit, batch)
        except OutcomeUnknown:
            logger.exception("it is not known whether batch %d is stored", batch.number)
            self._trouble = True
            if not await self._find_out(turn, batch, envelopes):
                raise
            self._number = batch.number
            self._position = batch.position or self._position
            return False
        self._number = batch.number
        self._position = batch.position or self._position
        self._trouble = False
        return True

    async def _note_position(self, position: str) -> None:
        """Commands of a stream that were refused must not be done when the stream is read again."""
        await self._blocking(self._store.note_position, position)
        self._position = position

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
        except (Superseded, FilesReplaced):
            raise
        except Exception:
            logger.exception("operators' commands cannot be read")
            self._trouble = True  # a commit is tried: where the connection is broken, that mends it
            return []

    async def _used_ids(self, envelopes: list[Envelope]) -> UsedIds:
        """Of the orders that may be resends of old ones, those that are. Everything before this batch is stored."""
        forgotten = self.engine.may_have_forgotten
        commands = [envelope.command for envelope in envelopes if forgotten(envelope.command)]
        asked = [command for command in commands if isinstance(command, SubmitOrder)]
        return await self._blocking(self._store.used_ids, asked) if asked else {}

    def _apply(self, envelopes: list[Envelope], asks: list[OperatorAsk], used: UsedIds) -> TurnResult:
        """What is due comes first, what the rest has moved is looked at last. Before anything is done under rules that
        the market has not adopted yet, it adopts them. `used`: own ids of the day that the engine has forgotten."""
        turn, day = TurnResult(), self.engine.state.day.trading_day
        turn.trial = self._to_try()
        if self.engine.state.rules != PRESENT_RULES:
            self._apply_one(turn, AdoptRules(PRESENT_RULES))
        if self.engine.due(self._now):
            self._apply_own(turn, ExpireDue())
        if self.engine.firing:
            self._apply_own(turn, FireStops())
        if self._limits is not None and self._limits != self.engine.state.day.limits:
            self._apply_one(turn, SetMarketLimits(self._limits))
        for ask in asks:
            turn.operator_answers.append(OperatorAnswer(ask.row_id, self._apply_ask(turn, ask)))
        if self.engine.state.day.trading_day != day:
            used = {}  # on the new day they are free
        for envelope in envelopes:
            turn.replies.append((envelope, self._apply_used(turn, envelope.command, used)))
        if self._look_at_everyone:
            self._apply_own(turn, msgspec.structs.replace(self._risk, everyone=True))
            self._look_at_everyone = False
        elif self.engine.moved:
            self._apply_own(turn, self._risk)
        return turn

    def _apply_used(self, turn: TurnResult, command: Command, used: UsedIds) -> Event:
        """Like `_apply_one`, but of an order whose own id is one of the `used`."""
        if not used or not isinstance(command, SubmitOrder):
            return self._apply_one(turn, command)
        known = used.get((command.account_id, command.client_order_id or ""))
        if known is None:
            return self._apply_one(turn, command)
        answer = self.engine.repeat(command, known)
        turn.not_done.append((command, answer))
        return answer

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
            position=self._queue.position,
        )

    async def _tell(self, batch: Batch) -> None:
        """The batch is durable: a failure to tell it must not undo anything, and costs only those that it hits."""
        began = self._stopwatch()
        tells: list[Callable[[], Awaitable[None]]] = [batch.pushes.send]
        tells += [partial(listener.on_batch, batch) for listener in self._listeners]
        for tell in tells:
            try:
                await tell()
            except Exception:
                logger.exception("batch %d is stored, but could not be told", batch.number)
        self._counters.stages["tell"].observe(self._stopwatch() - began)

    def _note(
        self, turn: TurnResult, asks: list[OperatorAsk], began: float, applied: float, stored: float, answered: float
    ) -> None:
        """For whoever watches the exchange. Last of all, so that nobody waits for it."""
        self._counters.batch(turn.commands, turn.not_done)
        self._counters.batch_size.observe(len(turn.replies) + len(asks))
        self._counters.stages["apply"].observe(applied - began)
        if turn.to_store:
            self._counters.stages["commit"].observe(stored - applied)
        self._counters.stages["answer"].observe(answered - stored)
        if turn.replies:
            self._counters.answers([envelope.at for envelope, _ in turn.replies], began, answered)
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

    def _refuse(self, envelopes: list[Envelope], refusal: Refused) -> None:
        for envelope in envelopes:
            self._counters.not_taken(envelope.command)
            _answer(envelope.reply, refusal)

    def _note_failure(self, error: Exception, commands: int) -> None:
        if commands:
            logger.error("a batch of %d commands was not stored; reloading", commands, exc_info=error)
        self._counters.batches_failed += 1
        self._next_try = self._stopwatch() + self._reload_seconds if self._trouble else 0.0
        self._trouble = True

    async def _find_out(self, turn: TurnResult, batch: Batch, envelopes: list[Envelope]) -> bool:
        """Whether a batch is stored after all, as soon as the database can say. Where that is not at once, those who
        wait are told that nobody knows, and what is then found is told by pushes alone."""
        while True:
            try:
                return await self._blocking(self._store.holds, batch)
            except FilesReplaced:
                raise
            except Exception:
                logger.exception("it cannot be found out whether batch %d is stored; trying again", batch.number)
            self._refuse(envelopes, UNKNOWN)
            envelopes.clear()
            turn.replies.clear()
            if self._stopping:
                return False
            await self._pause()

    async def _recover(self) -> None:
        """Memory is ahead of the database: forget it and load, however long the database is away. Superseded when
        another engine has taken the market over."""
        while not self._stopping:
            try:
                await self._blocking(self._store.reconnect)
                await self.load()
                return
            except (Superseded, FilesReplaced):
                raise
            except Exception:
                logger.exception("the market cannot be loaded; trying again")
            await self._pause()

    async def _pause(self) -> None:
        """Let some time pass in which nothing can be stored."""
        self._refuse(await self._queue.take(self._batch_limit, self._reload_seconds), NOT_STORED)
        await asyncio.sleep(self._reload_seconds)


def _answer(reply: Reply, event: Event) -> None:
    """A reply that fails (its connection is gone) is nobody else's trouble."""
    try:
        reply(event)
    except Exception:
        logger.exception("an answer could not be given")
