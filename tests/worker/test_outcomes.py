"""What is told of a commit that was not answered, and how an exchange that could not store finds out that it can."""

import asyncio

import pytest

from tests.builders import order
from tests.worker.making import floor
from trading.core.codes import Code
from trading.core.commands import SubmitOrder
from trading.core.events import OrderAccepted, Refused
from trading.worker.batch import Batch, FilesReplaced, OutcomeUnknown, Superseded
from trading.worker.refusals import NOT_STORED, TROUBLE, UNKNOWN

BUY = order(1, "BUY OPEN 1 @ 119")
LOST = OutcomeUnknown("server closed the connection unexpectedly")


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.worker.worker.RELOAD_SECONDS", 0.001)


async def test_a_batch_that_is_stored_after_all_is_answered_and_told() -> None:
    async with floor() as f:
        f.store.stored_but_lost = [LOST]
        answers = await f.answers(BUY, BUY)
        assert [type(answer) for answer in answers] == [OrderAccepted, OrderAccepted]
        await f.until(lambda: len(f.listener.batches) == 2)
        assert f.log[:7] == ["commit", "answer", "answer", "push", "listen", "reconnect", "load"]
        assert [batch.number for batch in f.listener.batches] == [8, 9]
        assert f.worker.engine.state_hash() == f.store.engine().state_hash()
        assert len(f.worker.engine.state.accounts[1].orders) == 2


async def test_a_batch_that_is_not_stored_is_refused_with_a_true_sentence() -> None:
    async with floor() as f:
        f.store.fails = [LOST]
        before = f.worker.engine.state_hash()
        assert await f.answers(BUY) == [NOT_STORED]
        await f.until(lambda: f.worker.trouble is None)
        assert f.worker.engine.state_hash() == before
        assert "push" not in f.log[: f.log.index("load")]


async def test_nobody_is_told_before_it_is_known_or_known_to_be_unknown() -> None:
    async with floor() as f:
        f.store.stored_but_lost = [LOST]
        f.store.gate_of_holds.clear()
        answer = f.ask(BUY)
        assert await asyncio.to_thread(f.store.asked_holds.wait, 10)
        assert not answer.done()
        f.store.gate_of_holds.set()
        assert isinstance(await asyncio.wait_for(answer, 10), OrderAccepted)


@pytest.mark.parametrize("stored", [True, False])
async def test_while_it_cannot_be_known_that_is_what_is_said(stored: bool) -> None:
    """Those who waited are told once; those who come meanwhile are told that nothing was done, which is true."""
    async with floor() as f:
        if stored:
            f.store.stored_but_lost = [LOST]
        else:
            f.store.fails = [LOST]
        f.store.unsaid = [OSError("away")] * 3
        assert await f.answers(BUY) == [UNKNOWN]
        assert f.counters.not_done == {(SubmitOrder, "504"): 1}
        assert f.worker.trouble == TROUBLE
        later = await f.answers(BUY)
        await f.until(lambda: f.worker.trouble is None)
        assert later == [NOT_STORED] or isinstance(later[0], OrderAccepted)
        assert ("push" in f.log[: f.log.index("load")]) is stored
        assert f.log.count("refuse") <= 2


async def test_whoever_stops_while_it_is_unknown_says_so() -> None:
    async with floor() as f:
        f.store.fails = [LOST]
        f.store.unsaid = [OSError("away")] * 1_000_000
        assert await f.answers(BUY) == [UNKNOWN]
        f.worker.stop()
        assert f.task is not None
        await asyncio.wait_for(f.task, 10)


async def test_a_batch_in_files_that_nobody_will_find_is_unknown_and_the_engine_stops() -> None:
    async with floor() as f:
        f.store.fails = [FilesReplaced("the database was removed")]
        assert await f.answers(BUY) == [UNKNOWN]
        assert f.task is not None
        with pytest.raises(FilesReplaced):
            await asyncio.wait_for(f.task, 10)


async def test_orders_in_hand_are_answered_when_the_market_turns_out_to_be_anothers() -> None:
    async with floor(running=False) as f:

        def pending(most: int) -> list[object]:
            raise Superseded("another engine")

        f.store.pending = pending  # type: ignore[method-assign,assignment]
        answer = f.ask(BUY)
        f.run()
        assert (await asyncio.wait_for(answer, 10)).code == Code.UNAVAILABLE


# --- ready again


async def test_after_a_failure_an_empty_commit_shows_that_it_is_over_without_any_order() -> None:
    async with floor() as f:
        f.store.fails = [OSError("disk full")] * 4
        assert isinstance((await f.answers(BUY))[0], Refused)
        assert f.worker.trouble == TROUBLE
        await f.until(lambda: f.worker.trouble is None)
        (batch,) = f.store.batches
        assert (batch.commands, batch.number) == ([], 8)
        assert f.store.fails == []


async def test_trials_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sick disk is not asked all the time."""
    monkeypatch.setattr("trading.worker.worker.RELOAD_SECONDS", 1_000.0)
    tries: list[int] = []

    def refuses(batch: Batch) -> Exception | None:
        tries.append(batch.number)
        return OSError("disk full")

    async with floor() as f:
        f.store.refuses = refuses
        await f.answers(BUY)
        await f.until(lambda: len(tries) == 2)
        f.store.refuses = lambda batch: None
        for _ in range(20):
            await asyncio.sleep(0)
        assert f.store.batches == []
        assert isinstance((await f.answers(BUY))[0], OrderAccepted), "an order is a trial, too"
        assert f.worker.trouble is None


async def test_without_trouble_nothing_is_committed_that_nobody_asked_for() -> None:
    async with floor(operator_poll=0.001) as f:
        polls: list[int] = []
        f.store.pending = lambda most: polls.append(most) or []  # type: ignore[method-assign,func-returns-value,redundant-expr]
        await f.until(lambda: len(polls) > 5)
        assert f.store.batches == []
