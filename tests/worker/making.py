"""A worker with collaborators of ten lines each; `log` tells in which order they were used."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any

import msgspec

from tests.builders import NOW, founding
from trading.core.commands import CheckRisk, Command, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import Event, Refused
from trading.core.snapshot.records import Snapshot
from trading.observability.counters import Counters
from trading.transport.gateway import Envelope
from trading.transport.in_process import InProcessQueue
from trading.worker.batch import Batch, KeptPushes, OperatorAsk, Restored
from trading.worker.collaborators import Answered, UsedIds
from trading.worker.follower import JournalEntry
from trading.worker.worker import RELOAD_SECONDS, STRICT, Worker


def founded() -> Snapshot:
    engine = Engine()
    for command in founding():
        engine.apply(command, NOW)
    return engine.snapshot()


class FakeStore:
    """Keeps the last committed state. `fails` are the errors of the next commits, `stored_but_lost` of those that are
    stored all the same, `unsaid` of the next questions what is stored; `gate` and `gate_of_holds` hold them back. With
    `by_loop` the event loop commits."""

    def __init__(self, log: list[str], can_follow: bool = False) -> None:
        self.log = log
        self.can_follow = can_follow
        self.state = founded()
        self.where = Restored(7, NOW, {1: 3})
        self.fails: list[Exception] = []
        self.load_fails: list[Exception] = []
        self.stored_but_lost: list[Exception] = []
        self.unsaid: list[Exception] = []
        self.gate_of_holds, self.asked_holds = threading.Event(), threading.Event()
        self.gate_of_holds.set()
        self.elsewhere = False
        self.beats, self.threads_of_beats = 0, set[str]()
        self.journal: list[JournalEntry] = []
        self.refuses: Callable[[Batch], Exception | None] = lambda batch: None
        self.by_loop = False
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.batches: list[Batch] = []
        self.asks: list[OperatorAsk] = []
        self.used: UsedIds = {}
        self.looked_up: list[str | None] = []
        self.engine: Callable[[], Engine]
        self.threads: set[str] = set()

    def lock(self) -> bool:
        return not self.elsewhere

    def taken(self) -> bool:
        self.log.append("taken")
        return self.elsewhere

    def examine(self) -> None:
        self.log.append("examine")

    leave_asked = False

    def stand_by(self) -> None:
        self.log.append("stand by")

    def beat(self) -> None:
        self.beats += 1
        self.threads_of_beats.add(threading.current_thread().name)

    def resume(self) -> Restored:
        return self.where

    def entries_after(self, number: int, most: int) -> list[JournalEntry]:
        return [each for each in self.journal if each.number > number][:most]

    def commit_elsewhere(self, number: int, command: Command, state: Snapshot) -> None:
        """What the engine of another process does."""
        self.state = state
        self.where = Restored(number, NOW + number, self.where.push_seqs)
        self.journal.append(JournalEntry(number, NOW + number, [command]))

    def take_over(self) -> None:
        self.log.append("take over")

    def verify(self, engine: Engine) -> None:
        self.log.append("verify")

    def load(self) -> tuple[Snapshot, Restored]:
        if self.load_fails:
            raise self.load_fails.pop(0)
        self.log.append("load")
        return self.state, self.where

    def note_position(self, position: str) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.log.append(f"note {position}")
        self.where = msgspec.structs.replace(self.where, position=position)

    def commit_here(self, batch: Batch) -> bool:
        return False

    def made(self, batch: Batch) -> Any:
        """The state after it, which is what will be stored."""
        return self.engine().snapshot() if self.by_loop else None

    async def commit_by_loop(self, batch: Batch, made: Any = None) -> bool:
        if self.by_loop:
            self.entered.set()
            while not self.gate.is_set():
                await asyncio.sleep(0.001)
            self.commit(batch, made)
        return self.by_loop

    def commit(self, batch: Batch, made: Any = None) -> None:
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.gate.wait(10)
        if self.fails:
            raise self.fails.pop(0)
        if error := self.refuses(batch):
            raise error
        self.log.append("commit")
        self.batches.append(batch)
        self.state = made or self.engine().snapshot()
        seqs = {kept.account_id: kept.last_seq for kept in batch.pushes.kept}
        self.where = Restored(batch.number, batch.time, {**self.where.push_seqs, **seqs})
        done = {answer.row_id for answer in batch.operator_answers}
        self.asks = [each for each in self.asks if each.row_id not in done]
        if self.stored_but_lost:
            raise self.stored_but_lost.pop(0)

    def holds(self, batch: Batch) -> bool:
        self.asked_holds.set()
        assert self.gate_of_holds.wait(10)
        if self.unsaid:
            raise self.unsaid.pop(0)
        return batch in self.batches

    def reconnect(self) -> None:
        self.log.append("reconnect")

    def rescue(self) -> bool:
        self.log.append("rescue")
        return True

    def used_ids(self, asked: list[SubmitOrder]) -> UsedIds:
        self.looked_up += [each.client_order_id for each in asked]
        keys = [(each.account_id, each.client_order_id or "") for each in asked]
        return {key: self.used[key] for key in keys if key in self.used}

    def pending(self, most: int) -> list[OperatorAsk]:
        return self.asks[:most]

    def close(self) -> None:
        self.log.append("close")
        self.leave_asked = False


class FakePushes(msgspec.Struct):
    log: list[str]
    fails: list[Exception]
    kept: list[KeptPushes] = []

    async def send(self) -> None:
        self.log.append("push")
        if self.fails:
            raise self.fails.pop(0)


class FakeEncoder:
    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.resumed: list[dict[int, int]] = []
        self.fails: list[Exception] = []

    def resume(self, seqs: dict[int, int]) -> None:
        self.resumed.append(seqs)

    def encode(self, events: list[Event], changes: Any, time: int) -> FakePushes:
        kept = [KeptPushes(account_id, 10, 10, "{}") for account_id in changes.accounts]
        return FakePushes(self.log, self.fails, kept)


class FakeListener:
    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.loaded: list[int] = []
        self.batches: list[Batch] = []

    def on_load(self, engine: Engine, time: int) -> None:
        self.loaded.append(time)

    async def on_batch(self, batch: Batch) -> None:
        self.log.append("listen")
        self.batches.append(batch)


class FakeStream(InProcessQueue):
    """Each command has a place, from 1-0 on; what is not stored does not come again."""

    taken = 0

    async def take(self, most: int, timeout: float) -> list[Envelope]:
        found = await super().take(most, timeout)
        if found:
            self.taken += len(found)
            self.position = f"{self.taken}-0"
        return found

    def go_back(self, position: str) -> None:
        self.position = position


class Floor:
    """The worker, everybody it works with, and the task that runs it."""

    def __init__(
        self,
        batch_limit: int = 500,
        operator_poll: float = 0.01,
        risk: CheckRisk = STRICT,
        on_answers: Answered | None = None,
        reload_seconds: float = RELOAD_SECONDS,
        stopwatch: Callable[[], float] = monotonic,
        stream: bool = False,
        can_follow: bool = False,
        look: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        self.log: list[str] = []
        self.now = NOW
        self.queue = FakeStream(1_000) if stream else InProcessQueue(1_000)
        self.store = FakeStore(self.log, can_follow)
        self.encoder = FakeEncoder(self.log)
        self.listener = FakeListener(self.log)
        self.counters = Counters()
        self.worker = Worker(
            queue=self.queue,
            store=self.store,
            pushes=self.encoder,
            listeners=[self.listener],
            clock=lambda: self.now,
            counters=self.counters,
            batch_limit=batch_limit,
            operator_poll=operator_poll,
            risk=risk,
            on_answers=on_answers,
            look=look,
            reload_seconds=reload_seconds,
            beat_seconds=0.001,
            stopwatch=stopwatch,
        )
        self.store.engine = lambda: self.worker.engine
        self.task: asyncio.Task[None] | None = None

    def run(self) -> None:
        self.task = asyncio.create_task(self.worker.run())

    def ask(self, command: Command) -> "asyncio.Future[Event]":
        """Queue a command; the future gets its answer."""
        answer: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

        def reply(event: Event) -> None:
            self.log.append("refuse" if isinstance(event, Refused) else "answer")
            answer.set_result(event)

        assert self.queue.put(Envelope(command, reply))
        return answer

    async def answers(self, *commands: Command) -> list[Event]:
        """Queue commands at once and wait for all answers."""
        return await asyncio.wait_for(asyncio.gather(*[self.ask(command) for command in commands]), 10)

    async def commit_is_under_way(self) -> None:
        assert await asyncio.to_thread(self.store.entered.wait, 10)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the worker work until something is so."""
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.001)


@asynccontextmanager
async def floor(*, running: bool = True, **options: Any) -> AsyncIterator[Floor]:
    """A started worker; it is stopped and its thread given back in the end."""
    made = Floor(**options)
    await made.worker.start()
    made.log.clear()
    if running:
        made.run()
    try:
        yield made
    finally:
        made.store.gate.set()
        if made.task is not None:
            made.task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await made.task
        await made.worker.close()
