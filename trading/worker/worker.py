"""The background worker: takes what is queued, applies it, stores it, and only then tells.

    queue.take -> engine.apply -> store.commit -> replies, pushes, market data

The one place where the order of these steps is decided. It owns the engine; whoever is handed in has the few methods
that `collaborators.py` names.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import TypeVar

import msgspec

from trading.compiled import form
from trading.core.accounts import KEPT_IDS
from trading.core.commands import CheckRisk, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import Traded
from trading.core.money import RATE
from trading.core.types import MarketLimits
from trading.observability.counters import Counters
from trading.transport.gateway import Envelope
from trading.worker.batch import (
    Batch,
    FilesReplaced,
    HandedOver,
    OperatorAsk,
    Restored,
    Superseded,
    Unstorable,
)
from trading.worker.collaborators import Answered, CommandQueue, Listener, MarketStore, PushEncoder, UsedIds
from trading.worker.commits import Commits
from trading.worker.follower import Follower, load
from trading.worker.operator_poll import OperatorPoll
from trading.worker.pulse import Pulse
from trading.worker.refusals import HANDED_OVER, NOT_STORED, UNKNOWN
from trading.worker.store_turns import StoreTurns
from trading.worker.telling import Teller
from trading.worker.turn import Turn
from trading.worker.work import Work

T = TypeVar("T")
logger = logging.getLogger(__name__)

RELOAD_SECONDS = 0.5
"""Between attempts to read the database after a failed commit: soon enough for people, rare enough for a sick disk."""
AHEAD_SECONDS = 1.0
"""So often at least nothing is under way: there are figures that may be told only then."""
BEAT_SECONDS = 0.1
"""Between signs of life where another process stands by."""

STRICT = CheckRisk(warn_at=RATE * 8 // 10, limit=RATE)
"""Warn at a risk ratio of 0.8, liquidate at 1."""


class Worker:
    """Runs one engine until it is stopped, or another engine has taken its market over (Superseded). `look` is called
    with a batch that is being stored, when the engine is about to go on: what is to be told of its state is seen then,
    and told after the commit."""

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
        look: Callable[[Batch], None] = lambda batch: None,
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
        self._risk_of_everyone = msgspec.structs.replace(risk, everyone=True)
        self._limits = limits
        self._teller = Teller(listeners, counters, on_answers, stopwatch)
        self._look = look
        self._reload_seconds = reload_seconds
        self._stopwatch = stopwatch
        self._turns = StoreTurns()
        self._commits = Commits(store, self._turns, self._while_unknown, reload_seconds, stopwatch)
        self._follower = Follower(store) if store.can_follow else None
        self._pulse = Pulse(self._beat, beat_seconds) if store.can_follow else None
        self._operators = OperatorPoll(self._pending, operator_poll, batch_limit)
        self._under_way: Work | None = None
        self._answered = ""
        self._ahead_since: float | None = None
        self._stopping = False
        self._now = 0
        self._look_at_everyone = True
        self.in_step = False
        """Whether all that the engine has done is stored."""
        self.engine = Engine()

    @property
    def number(self) -> int:
        """Of the last batch that was stored."""
        return self._commits.number

    @property
    def position(self) -> str:
        """Where the stream of commands stands after what is answered."""
        return self._answered

    @property
    def time(self) -> int:
        """Of the last batch (Unix ms); none will be earlier."""
        return self._now

    @property
    def trouble(self) -> str | None:
        """Why the next order may not be stored: the last commit failed. None after one that succeeded."""
        return self._commits.trouble

    @property
    def followed_trades(self) -> dict[str, Traded]:
        """Of each instrument the last that was made while this followed another engine."""
        return {} if self._follower is None else self._follower.last_trades

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
        self._commits.in_trouble = False
        logger.info(form.SENTENCE)
        return True

    async def _start_warm(self) -> bool:
        """Take the market over with books that have followed it. False where there are none: nothing was done."""
        follower = self._follower
        if follower is None or not follower.warm:
            return False
        logger.info("the lock of the market is free; it is taken over")
        await self._blocking(self._store.take_over)
        restored = await self._blocking(self._store.resume)
        engine = await self._blocking(follower.take, restored.number)
        if engine is not None:
            self._begin(engine, restored)
            logger.info("the books are those of batch %d, the last one", restored.number)
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

    async def another_is_engine(self) -> bool:
        """Whether another process has got the market, after it was released. False where that cannot be found out."""
        try:
            return await self._blocking(self._store.taken)
        except Exception:
            logger.exception("it cannot be found out who runs the engine")
            return False

    async def release(self) -> None:
        """Let another process run the market's engine. `start` may take it back."""
        if self._pulse is not None:
            self._pulse.stop()
        await self._blocking(self._store.close)

    def _beat(self) -> None:
        """Called by the pulse, in its thread; the store has one of its own."""
        with suppress(RuntimeError):  # it is the end
            self._turns.wait_for(self._store.beat)

    async def load(self) -> None:
        """Bring the engine to the state of the last commit."""
        self._begin(*await self._blocking(load, self._store))

    def _begin(self, engine: Engine, restored: Restored) -> None:
        """Go on from a commit."""
        self.engine = engine
        self._commits.number = restored.number
        self._commits.position = self._answered = restored.position
        self._look_at_everyone = True  # the limits may be others than those of the server before
        self._now = max(self._now, restored.time)
        self._queue.go_back(restored.position)
        self._operators.forget()
        self._pushes.resume(restored.push_seqs)
        for listener in self._listeners:
            listener.on_load(self.engine, self._now)
        self.in_step, self._ahead_since = True, None

    async def run(self) -> None:
        """Serve until told to stop; a batch under way is finished first. Whoever still waits at the end is told so."""
        refusal = NOT_STORED
        try:
            while not self._stopping:
                if not self._may_go_ahead:
                    await self._finish()
                if self._store.leave_asked:
                    refusal = HANDED_OVER
                    raise HandedOver
                await self._turn(await self._queue.take(self._batch_limit, self._patience()))
        except FilesReplaced:
            if await self._blocking(self._store.rescue):
                logger.critical("all commits until batch %d are in the database's files", self.number)
            else:
                logger.critical("what was committed until batch %d may be in no file that has a name", self.number)
            raise
        finally:
            try:
                await self._finish()
            finally:
                self._teller.refuse(self._queue.drain(), refusal)

    def _patience(self) -> float:
        """Seconds until there may be something to do that nobody asks for."""
        if self.engine.firing:
            return 0
        due = self.engine.next_due
        patience = self._operator_poll if due is None else max(0, due - self._clock()) / 1000
        return min(patience, self._operator_poll, RELOAD_SECONDS if self._commits.in_trouble else self._operator_poll)

    def stop(self) -> None:
        """Let `run` end after the present turn."""
        self._stopping = True
        self._queue.wake()

    async def drain_operators(self) -> None:
        """Do what operators have asked so far, without serving anybody else."""
        self._operators.look_at_once()
        while await self._turn([]):
            self._operators.look_at_once()

    async def close(self) -> None:
        """Tell whoever still waits, give the store's thread and connection back."""
        self._teller.refuse(self._queue.drain(), NOT_STORED)
        await self.release()
        self._turns.close()

    async def _blocking(self, function: Callable[..., T], *arguments: object) -> T:
        return await self._turns.blocking(function, *arguments)

    # -- one turn

    async def _turn(self, envelopes: list[Envelope]) -> bool:
        """Do what is asked. True when something was stored."""
        try:
            asks = await self._operators.asks(wait=self._under_way is None)
        except (Superseded, FilesReplaced):
            self._teller.refuse(envelopes, NOT_STORED)
            raise
        except Exception:
            logger.exception("operators' commands cannot be read")
            self._commits.in_trouble = True  # a commit is tried: where the connection is broken, that mends it
            asks = []
        if asks:
            await self._finish()
        if asks and envelopes and self._operators.careful:
            await self._do(envelopes, [])
            await self._finish()
            envelopes = []
        needed = envelopes or asks or self.engine.firing or self.engine.due(self._clock()) or self._commits.to_try
        return await self._do(envelopes, asks) if needed else False

    async def _do(self, envelopes: list[Envelope], asks: list[OperatorAsk]) -> bool:
        """Apply, store, tell. True when something was stored, or should have been. Where more is waiting the engine
        goes on while this is stored: it is the work `under way` of the next call."""
        before = self._under_way
        work = await self._applied(envelopes, asks)
        if before is not None and not await self._settled(before, envelopes):
            return True
        if isinstance(work, Work) and work.made is not None:
            await self._begin_commit(work)
        if before is not None:
            await self._tell(before)
        if not isinstance(work, Work):
            await self._fail(work, envelopes, asks)
            return True
        if work is self._under_way:
            return True
        return await self._conclude(work)

    async def _conclude(self, work: Work) -> bool:
        """Let a work be stored and told, with the engine waiting for it."""
        if await self._settled(work):
            self.in_step, self._ahead_since = True, None
            await self._tell(work)
            return work.turn.did_something
        return True

    async def _finish(self) -> None:
        """Nothing shall be under way."""
        if self._under_way is not None:
            await self._conclude(self._under_way)

    async def _applied(self, envelopes: list[Envelope], asks: list[OperatorAsk]) -> Work | Exception:
        """What a turn has made, or the error that has ended it."""
        self._now = max(self._now, self._clock())
        began = self._stopwatch()
        try:
            used = await self._used_ids(envelopes)
            risk = self._risk_of_everyone if self._look_at_everyone else self._risk
            self.in_step = False
            turn = Turn(self.engine, self._now, self._operators.broken, self._commits.to_try)
            turn.apply(envelopes, asks, used, self._limits, risk)
            self._look_at_everyone = False
            batch = self._batch(turn)
            made = self._store.made(batch) if turn.did_something and self._may_go_ahead else None
        except Exception as error:
            return error
        return Work(turn, batch, envelopes, asks, made, began, self._stopwatch())

    @property
    def _may_go_ahead(self) -> bool:
        """Whether the engine may go on while a batch is stored: where as much waits as one holds. With less, more comes
        until it is stored, and larger batches cost less."""
        began = self._ahead_since
        in_time = began is None or self._stopwatch() - began < AHEAD_SECONDS
        return in_time and len(self._queue) >= self._batch_limit

    async def _begin_commit(self, work: Work) -> None:
        """Let it be stored while the engine goes on. By the event loop: the thread would wait for the interpreter again
        and again, while the engine computes."""
        await self._turns.let_thread()
        work.committing = asyncio.create_task(self._commits.put(work))
        self._under_way = work
        if self._ahead_since is None:
            self._ahead_since = self._stopwatch()
        await asyncio.sleep(0)  # it is sent
        self._look(work.batch)

    async def _settled(self, work: Work, behind: Sequence[Envelope] = ()) -> bool:
        """See that a work is stored. False where it is not, or that was in doubt for a while, and all is loaded anew:
        then those `behind`, who were applied after it, are refused."""
        try:
            certain = await (work.committing or self._commits.put(work))
        except (Superseded, FilesReplaced) as error:
            self._teller.refuse([*work.envelopes, *behind], UNKNOWN if isinstance(error, FilesReplaced) else NOT_STORED)
            raise
        except Exception as error:
            await self._fail(error, [*work.envelopes, *behind], work.asks)
            return False
        finally:
            self._under_way = None
        work.stored = self._stopwatch()
        if not certain:
            await self._tell(work)
            self._teller.refuse(behind, NOT_STORED)
            await self._recover()
        return certain

    async def _tell(self, work: Work) -> None:
        """It is stored. Its answers are given before anybody else's turn comes: who hears of the place in the stream
        may count on that."""
        self._answered = work.batch.position or self._answered
        await self._teller.tell(work)

    async def _pending(self, most: int) -> list[OperatorAsk]:
        return await self._blocking(self._store.pending, most)

    async def _used_ids(self, envelopes: list[Envelope]) -> UsedIds:
        """Of the orders that may be resends of old ones, those that are. Everything before this batch is stored."""
        forgotten = self.engine.may_have_forgotten
        commands = [envelope.command for envelope in envelopes if forgotten(envelope.command)]
        asked = [command for command in commands if isinstance(command, SubmitOrder)]
        return await self._blocking(self._store.used_ids, asked) if asked else {}

    def _batch(self, turn: Turn) -> Batch:
        last = self._commits.number if self._under_way is None else self._under_way.batch.number
        changes = self.engine.take_changes()
        pushes = self._pushes.encode(turn.events, changes, self._now)
        return Batch(
            number=last + 1,
            time=self._now,
            last_id=self.engine.state.last_id,
            commands=turn.commands,
            events=turn.events,
            changes=changes,
            pushes=pushes,
            operator_answers=turn.operator_answers,
            position=self._queue.position,
        )

    # -- when storing fails

    async def _fail(self, error: Exception, envelopes: list[Envelope], asks: list[OperatorAsk]) -> None:
        """Nothing of it is done."""
        if envelopes or asks:
            commands = len(envelopes) + len(asks)
            logger.error("a batch of %d commands was not stored; reloading", commands, exc_info=error)
        self._counters.batches_failed += 1
        self._commits.note_failure()
        if isinstance(error, Unstorable):
            self._operators.suspect(len(envelopes), asks)
        self._teller.refuse(envelopes, NOT_STORED)
        await self._recover()

    async def _while_unknown(self, work: Work) -> bool:
        """Where it is not known at once whether a work is stored, those who wait are told so, and what is then found is
        told by pushes alone."""
        self._teller.refuse(work.envelopes, UNKNOWN)
        work.envelopes.clear()
        work.turn.replies.clear()
        if self._stopping:
            return False
        await self._pause()
        return True

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
        self._teller.refuse(await self._queue.take(self._batch_limit, self._reload_seconds), NOT_STORED)
        await asyncio.sleep(self._reload_seconds)
