"""The store's thread and the event loop take turns: whoever has the store has it alone."""

import asyncio
import threading

from tests.builders import order
from tests.worker.making import floor
from trading.core.events import OrderAccepted
from trading.worker.batch import OutcomeUnknown, Superseded
from trading.worker.store_turns import StoreTurns

BUY = order(1, "BUY OPEN 1 @ 119")
LOOP = threading.current_thread().name


async def test_the_thread_waits_for_the_event_loop() -> None:
    turns, done = StoreTurns(), list[int]()
    with turns.of_loop() as free:
        assert free
        calls = [asyncio.create_task(turns.blocking(done.append, 1))]
        calls.append(asyncio.create_task(asyncio.to_thread(turns.wait_for, lambda: done.append(2))))
        await asyncio.sleep(0.05)
        assert done == []
    await asyncio.gather(*calls)
    assert sorted(done) == [1, 2]
    turns.close()


async def test_whoever_takes_turn_after_turn_lets_the_thread_have_its_own() -> None:
    turns, gate = StoreTurns(), threading.Event()
    with turns.of_loop() as free:
        assert free
        calling = asyncio.create_task(turns.blocking(gate.wait, 10))
        while not turns._wanted.locked():
            await asyncio.sleep(0)
    for _ in range(1_000):  # at once, and again
        with turns.of_loop() as free:
            assert not free
    gate.set()
    assert await calling
    turns.close()


async def test_the_event_loop_does_not_wait_for_the_thread() -> None:
    turns, entered, gate = StoreTurns(), threading.Event(), threading.Event()

    def call() -> bool:
        entered.set()
        return gate.wait(10)

    calling = asyncio.create_task(turns.blocking(call))
    assert await asyncio.to_thread(entered.wait, 10)
    with turns.of_loop() as free:
        assert not free
    gate.set()
    assert await calling
    with turns.of_loop() as free:
        assert free
    turns.close()


async def test_no_sign_of_life_comes_between_the_statements_of_a_commit() -> None:
    async with floor(can_follow=True) as f:
        f.store.by_loop = True
        f.store.gate.clear()
        answer = f.ask(BUY)
        await f.commit_is_under_way()
        beats = f.store.beats
        await asyncio.sleep(0.05)
        assert f.store.beats == beats
        f.store.gate.set()
        assert isinstance(await asyncio.wait_for(answer, 10), OrderAccepted)
        assert f.store.threads == {LOOP}
        await f.until(lambda: f.store.beats > beats)


async def test_a_commit_waits_for_a_sign_of_life_that_is_under_way() -> None:
    async with floor(can_follow=True) as f:
        f.store.by_loop = True
        gate, entered = threading.Event(), threading.Event()

        def beat() -> None:
            entered.set()
            assert gate.wait(10)

        f.store.beat = beat  # type: ignore[method-assign]
        assert await asyncio.to_thread(entered.wait, 10)
        answer = f.ask(BUY)
        await asyncio.sleep(0.05)
        assert not f.store.batches
        gate.set()
        assert isinstance(await asyncio.wait_for(answer, 10), OrderAccepted)


async def test_what_fails_in_the_event_loop_is_what_fails_in_the_thread() -> None:
    async with floor() as f:
        f.store.by_loop = True
        f.store.stored_but_lost = [OutcomeUnknown("lost")]
        assert isinstance((await f.answers(BUY))[0], OrderAccepted)
        f.store.fails = [OSError("no disk")]
        assert not isinstance((await f.answers(BUY))[0], OrderAccepted)
        await f.until(lambda: f.worker.trouble is None)
        f.store.fails = [Superseded("gone")]
        assert not isinstance((await f.answers(BUY))[0], OrderAccepted)
        assert f.task is not None
        assert isinstance((await asyncio.gather(f.task, return_exceptions=True))[0], Superseded)
