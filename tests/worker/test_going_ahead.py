"""Where as much waits as a batch holds, the engine goes on while one is stored. Nothing is told or stored sooner."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from itertools import pairwise
from typing import Any

import pytest

from tests.builders import order
from tests.worker.making import Floor, floor
from trading.core.commands import Deposit, SubmitOrder
from trading.core.events import Deposited, Event, OrderAccepted
from trading.worker.batch import Batch, HandedOver, OperatorAsk, OutcomeUnknown, Superseded
from trading.worker.refusals import NOT_STORED, UNKNOWN
from trading.worker.store_turns import StoreTurns
from trading.worker.worker import AHEAD_SECONDS

BUY = order(1, "BUY OPEN 1 @ 119")
LIMIT = 2
LOST = OutcomeUnknown("server closed the connection unexpectedly")
DEPOSIT = OperatorAsk(1, Deposit("user001", 5))
Answers = list["asyncio.Future[Event]"]


@asynccontextmanager
async def ahead(orders: int = 3 * LIMIT, **options: Any) -> AsyncIterator[tuple[Floor, Answers]]:
    """So many orders wait; a commit is held back, and the engine has applied the next batch."""
    async with floor(running=False, batch_limit=LIMIT, **options) as f:
        f.store.by_loop = True
        f.store.gate.clear()
        answers = [f.ask(BUY) for _ in range(orders)]
        f.run()
        await f.until(lambda: len(f.worker.engine.state.accounts[1].orders) == 2 * LIMIT)
        yield f, answers


async def told(answers: Answers) -> list[Event]:
    return await asyncio.wait_for(asyncio.gather(*answers), 10)


async def test_the_engine_goes_on_and_nothing_is_told_or_stored_before_its_turn() -> None:
    async with ahead() as (f, answers):
        await asyncio.sleep(0.05)
        assert f.log == [] and not f.worker.in_step
        assert len(f.worker.engine.state.accounts[1].orders) == 2 * LIMIT, "not further than one batch"
        f.store.gate.set()
        assert [type(event) for event in await told(answers)] == [OrderAccepted] * len(answers)
        await f.until(lambda: len(f.listener.batches) == 3)
        assert [batch.number for batch in f.store.batches] == [8, 9, 10] == [each.number for each in f.listener.batches]
        assert f.worker.number == 10 and f.worker.in_step
        for number in range(3):  # each answer comes after its commit
            stored = [at for at, line in enumerate(f.log) if line == "commit"][number]
            answered = [at for at, line in enumerate(f.log) if line == "answer"][LIMIT * number]
            assert stored < answered
        assert f.worker.engine.state_hash() == f.store.engine().state_hash()


async def test_with_less_to_do_it_waits_for_what_else_comes() -> None:
    async with floor(running=False, batch_limit=LIMIT) as f:
        f.store.by_loop = True
        f.store.gate.clear()
        answers = [f.ask(BUY) for _ in range(2 * LIMIT - 1)]
        f.run()
        await f.commit_is_under_way()
        await asyncio.sleep(0.05)
        assert len(f.worker.engine.state.accounts[1].orders) == LIMIT
        answers.append(f.ask(BUY))
        f.store.gate.set()
        await told(answers)
        await f.until(lambda: len(f.listener.batches) == 2)
        assert [len(batch.commands) for batch in f.store.batches] == [LIMIT, LIMIT]


async def test_where_the_thread_commits_the_engine_waits() -> None:
    async with floor(running=False, batch_limit=LIMIT) as f:
        f.store.gate.clear()
        answers = [f.ask(BUY) for _ in range(3 * LIMIT)]
        f.run()
        await f.commit_is_under_way()
        await asyncio.sleep(0.05)
        assert len(f.worker.engine.state.accounts[1].orders) == LIMIT
        f.store.gate.set()
        await told(answers)


async def test_what_was_applied_behind_a_failed_commit_is_undone_with_it() -> None:
    async with ahead() as (f, answers):
        f.store.fails = [OSError("the disk is full")]
        f.store.gate.set()
        assert await told(answers[: 2 * LIMIT]) == [NOT_STORED] * 2 * LIMIT
        assert [type(event) for event in await told(answers[2 * LIMIT :])] == [OrderAccepted] * LIMIT
        assert [(batch.number, len(batch.commands)) for batch in f.store.batches] == [(8, LIMIT)]
        await f.until(lambda: f.worker.in_step)
        assert len(f.worker.engine.state.accounts[1].orders) == LIMIT


async def test_a_commit_that_fails_behind_one_that_is_stored_takes_nothing_of_it_back() -> None:
    async with ahead(2 * LIMIT) as (f, answers):
        f.store.refuses = lambda batch: OSError("the disk is full") if batch.number == 9 else None
        f.store.gate.set()
        assert [type(event) for event in await told(answers[:LIMIT])] == [OrderAccepted] * LIMIT
        assert await told(answers[LIMIT:]) == [NOT_STORED] * LIMIT
        await f.until(lambda: f.worker.in_step)
        assert len(f.worker.engine.state.accounts[1].orders) == LIMIT
        assert [batch.number for batch in f.listener.batches] == [8]


async def test_rows_that_were_made_go_the_threads_way_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is the thread's turn."""
    monkeypatch.setattr(StoreTurns, "of_loop", lambda self: nullcontext(False))
    async with ahead(2 * LIMIT) as (f, answers):
        f.store.refuses = lambda batch: OSError("the disk is full") if batch.number == 9 else None
        f.store.gate.set()
        await told(answers)
        await f.until(lambda: f.worker.in_step)
        assert len(f.worker.engine.state.accounts[1].orders) == LIMIT


async def test_a_batch_behind_which_nothing_comes_is_told_all_the_same() -> None:
    """What waited turned out to be nothing to do: it was stale, or had been left out."""
    async with ahead() as (f, answers):
        f.queue.drain()
        f.store.gate.set()
        assert [type(event) for event in await told(answers[: 2 * LIMIT])] == [OrderAccepted] * 2 * LIMIT


async def test_a_commit_in_doubt_is_told_and_what_is_behind_it_is_not_done() -> None:
    async with ahead(2 * LIMIT) as (f, answers):
        f.store.stored_but_lost = [LOST]
        f.store.gate.set()
        assert [type(event) for event in await told(answers[:LIMIT])] == [OrderAccepted] * LIMIT
        assert await told(answers[LIMIT:]) == [NOT_STORED] * LIMIT
        await f.until(lambda: f.worker.in_step)
        assert len(f.worker.engine.state.accounts[1].orders) == LIMIT
        assert f.log.index("listen") < f.log.index("load")


async def test_while_it_cannot_be_known_only_those_in_doubt_are_told_so() -> None:
    async with ahead(2 * LIMIT, reload_seconds=0.001) as (f, answers):
        f.store.stored_but_lost, f.store.unsaid = [LOST], [OSError("the database is away")]
        f.store.gate.set()
        assert await told(answers) == [UNKNOWN] * LIMIT + [NOT_STORED] * LIMIT


async def test_an_engine_that_was_replaced_answers_both() -> None:
    async with ahead(2 * LIMIT) as (f, answers):
        f.store.fails = [Superseded("another engine has taken market MAIN over")]
        f.store.gate.set()
        assert await told(answers) == [NOT_STORED] * 2 * LIMIT
        assert f.task is not None
        with pytest.raises(Superseded):
            await asyncio.wait_for(f.task, 10)


async def test_a_command_that_breaks_the_engine_takes_nothing_of_the_batch_before_with_it() -> None:
    async with floor(running=False, batch_limit=LIMIT) as f:
        f.store.by_loop = True
        f.store.gate.clear()
        broken: SubmitOrder = "nonsense"  # type: ignore[assignment]
        answers = [f.ask(each) for each in (BUY, BUY, BUY, broken)]
        f.run()
        await f.commit_is_under_way()
        await asyncio.sleep(0.05)
        assert f.log == []
        f.store.gate.set()
        assert [type(event) for event in await told(answers[:LIMIT])] == [OrderAccepted] * LIMIT
        assert await told(answers[LIMIT:]) == [NOT_STORED] * LIMIT
        await f.until(lambda: f.worker.in_step)
        assert len(f.worker.engine.state.accounts[1].orders) == LIMIT


@asynccontextmanager
async def asked_meanwhile() -> AsyncIterator[tuple[Floor, Answers]]:
    """While the engine is ahead the thread has looked what operators ask, and found something."""
    found, made = asyncio.Event(), list[Floor]()

    def look(batch: Batch) -> None:
        if batch.number == 8:
            made[0].store.asks.append(DEPOSIT)

    async with floor(running=False, batch_limit=LIMIT, operator_poll=0, look=look) as f:
        made.append(f)
        f.store.by_loop = True
        f.store.gate.clear()
        loop, pending = asyncio.get_running_loop(), f.store.pending

        def note(most: int) -> list[OperatorAsk]:
            asks = pending(most)
            if asks:
                loop.call_soon_threadsafe(found.set)
            return asks

        f.store.pending = note  # type: ignore[method-assign]
        answers = [f.ask(BUY) for _ in range(4 * LIMIT)]
        f.run()
        await f.commit_is_under_way()
        f.worker._turns._turn.release()  # its turn comes between
        await asyncio.wait_for(found.wait(), 10)
        f.worker._turns._turn.acquire()
        yield f, answers


async def test_operators_commands_are_done_when_nothing_is_under_way() -> None:
    async with asked_meanwhile() as (f, answers):
        under_way: list[bool] = []
        encode = f.encoder.encode

        def note(events: list[Event], changes: Any, time: int) -> Any:
            if any(isinstance(event, Deposited) for event in events):
                under_way.append(f.worker._under_way is not None)
            return encode(events, changes, time)

        f.encoder.encode = note  # type: ignore[method-assign]
        f.store.gate.set()
        await told(answers)
        await f.until(lambda: not f.store.asks)
        assert under_way == [False]
        assert [batch.number for batch in f.listener.batches] == [8 + at for at in range(len(f.listener.batches))]


async def test_what_operators_asked_another_engine_is_not_done_again() -> None:
    """It was found while the engine was ahead, and then the market was loaded anew."""
    async with asked_meanwhile() as (f, answers):
        f.store.fails = [OSError("the disk is full")]
        f.store.asks.clear()  # another engine has done it
        f.store.gate.set()
        await told(answers)
        await f.until(lambda: f.worker.in_step)
        assert not any(batch.operator_answers for batch in f.store.batches)


async def test_the_thread_has_its_turn_before_a_commit_begins_and_makes_none() -> None:
    async with floor(batch_limit=LIMIT, operator_poll=1_000) as f:
        f.store.by_loop = True
        await f.answers(BUY)
        turns, gate = f.worker._turns, threading.Event()
        calling = asyncio.create_task(turns.blocking(gate.wait, 10))
        await f.until(turns._wanted.locked)
        answers = [f.ask(BUY) for _ in range(3 * LIMIT)]
        await asyncio.sleep(0.05)
        assert [len(batch.commands) for batch in f.store.batches] == [1]
        gate.set()
        await told(answers)
        assert await calling
        assert f.store.threads == {threading.current_thread().name}


async def test_what_is_to_be_told_is_seen_before_the_engine_goes_on() -> None:
    seen: list[tuple[int, int]] = []
    made: list[Floor] = []

    def look(batch: Batch) -> None:
        seen.append((batch.number, len(made[0].worker.engine.state.accounts[1].orders)))

    async with floor(running=False, batch_limit=LIMIT, look=look) as f:
        made.append(f)
        f.store.by_loop = True
        answers = [f.ask(BUY) for _ in range(3 * LIMIT)]
        f.run()
        await told(answers)
        assert seen == [(8, LIMIT), (9, 2 * LIMIT)], (
            "of the last one, behind which nothing waits, it is seen when it is told"
        )


async def test_now_and_then_nothing_is_under_way() -> None:
    now, steps = [0.0], list[int]()
    async with floor(running=False, batch_limit=LIMIT, stopwatch=lambda: now[0]) as f:
        f.store.by_loop = True

        def note(batch: Batch) -> None:
            now[0] += AHEAD_SECONDS / 3
            if f.worker.in_step:
                steps.append(batch.number)

        async def on_batch(batch: Batch) -> None:
            note(batch)

        f.listener.on_batch = on_batch  # type: ignore[method-assign]
        answers = [f.ask(BUY) for _ in range(40 * LIMIT)]
        f.run()
        await told(answers)
        await f.until(lambda: f.worker.number == 47)
        assert 3 <= len(steps) < 20 and max(b - a for a, b in pairwise(steps)) <= 6


@pytest.mark.parametrize("why", ["stopped", "handed over"])
async def test_at_the_end_what_is_under_way_is_finished(why: str) -> None:
    async with ahead(4 * LIMIT) as (f, answers):
        if why == "stopped":
            f.worker.stop()
        else:
            f.store.leave_asked = True
        f.store.gate.set()
        assert [type(event) for event in await told(answers[: 2 * LIMIT])] == [OrderAccepted] * 2 * LIMIT
        assert f.task is not None
        if why == "stopped":
            await asyncio.wait_for(f.task, 10)
        else:
            with pytest.raises(HandedOver):
                await asyncio.wait_for(f.task, 10)
        assert [batch.number for batch in f.listener.batches] == [8, 9]
        assert all(event.code == NOT_STORED.code for event in await told(answers[2 * LIMIT :]))


async def test_no_place_in_the_stream_is_told_before_its_answers_are() -> None:
    """Gateways give up whoever waits for an answer to what is before that place."""
    places: list[tuple[int, str, int]] = []
    made: list[Floor] = []

    def look(batch: Batch) -> None:  # the one before is stored, and will be answered
        places.append((batch.number, made[0].worker.position, made[0].log.count("answer")))

    async with floor(running=False, batch_limit=LIMIT, stream=True, look=look) as f:
        made.append(f)
        f.store.by_loop = True
        answers = [f.ask(BUY) for _ in range(4 * LIMIT)]
        f.run()
        await told(answers)
        assert places == [(8, "0-0", 0), (9, "0-0", 0), (10, "2-0", LIMIT)]


async def test_places_in_the_stream_are_those_of_each_batch() -> None:
    async with ahead(stream=True) as (f, answers):
        f.store.gate.set()
        await told(answers)
        assert [batch.position for batch in f.store.batches] == ["2-0", "4-0", "6-0"]
        await f.until(lambda: f.worker.position == "6-0")
        assert not any(line.startswith("note") for line in f.log)
