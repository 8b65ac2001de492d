"""Apply, store, tell: in this order, whatever fails."""

import asyncio
import threading
from typing import Any

import pytest

from tests.builders import NOW, TRADERS, cancel, order
from tests.worker.making import Floor, floor
from trading.core.accounts import KEPT_IDS
from trading.core.codes import Code
from trading.core.commands import ClientOrder, Command, Deposit, Settle
from trading.core.engine import Engine
from trading.core.events import Event, OrderAccepted, OrderRepeated, Refused
from trading.core.rules.orders import asked
from trading.transport.gateway import Envelope
from trading.worker.batch import OperatorAsk, Superseded, Unstorable

NOTHING: Any = ()
"""What an order asked for that no test looks at."""

BUY = order(1, "BUY OPEN 1 @ 119")
WRONG = order(1, "BUY OPEN 1 @ 500")


def crash_on(floor: Floor, poison: object) -> None:
    """Let the engine of this floor, and every one loaded later, break on one command."""
    load = floor.worker.load

    async def load_fragile() -> None:
        await load()
        floor.worker.engine = Fragile(floor.worker.engine, poison)  # type: ignore[assignment]

    floor.worker.load = load_fragile  # type: ignore[method-assign]
    floor.worker.engine = Fragile(floor.worker.engine, poison)  # type: ignore[assignment]


class Fragile:
    """An engine that breaks at one command."""

    def __init__(self, engine: Engine, poison: object) -> None:
        self._engine = engine
        self._poison = poison

    def apply(self, command: Command, now: int) -> list[Event]:
        if command == self._poison:
            raise ZeroDivisionError("a bug")
        return self._engine.apply(command, now)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


# --- store, then tell


async def test_nothing_is_told_before_it_is_stored() -> None:
    async with floor() as f:
        f.store.gate.clear()
        answer = f.ask(BUY)
        await f.commit_is_under_way()
        assert f.log == [] and not answer.done()
        f.store.gate.set()
        assert isinstance(await asyncio.wait_for(answer, 10), OrderAccepted)
        await f.until(lambda: "listen" in f.log)
        assert f.log == ["commit", "answer", "push", "listen"]


async def test_what_waits_together_is_stored_together() -> None:
    async with floor() as f:
        answers = await f.answers(BUY, BUY, order(2, "SELL OPEN 1 @ 119"))
        await f.until(lambda: "listen" in f.log)
        assert f.log == ["commit", "answer", "answer", "answer", "push", "listen"]
        (batch,) = f.store.batches
        assert len(batch.commands) == 3
        assert [event.order_id for event in batch.events if isinstance(event, OrderAccepted)] == [
            answer.order_id for answer in answers
        ]
        assert f.listener.batches == [batch]


async def test_what_comes_during_a_commit_is_the_next_batch() -> None:
    async with floor() as f:
        f.store.gate.clear()
        first = f.ask(BUY)
        await f.commit_is_under_way()
        more = [f.ask(BUY) for _ in range(5)]
        f.store.gate.set()
        await asyncio.wait_for(asyncio.gather(first, *more), 10)
        assert [len(batch.commands) for batch in f.store.batches] == [1, 5]


async def test_a_batch_has_a_bound() -> None:
    async with floor(batch_limit=3) as f:
        await f.answers(*[BUY] * 7)
        assert [len(batch.commands) for batch in f.store.batches] == [3, 3, 1]


async def test_batches_are_numbered_after_the_last_one_stored() -> None:
    async with floor() as f:
        await f.answers(BUY)
        await f.answers(BUY)
        assert [batch.number for batch in f.store.batches] == [8, 9]
        assert f.store.batches[1].last_id == f.worker.engine.state.last_id


async def test_a_batch_carries_all_that_was_touched() -> None:
    async with floor() as f:
        await f.answers(order(1, "BUY OPEN 2 @ 120"), order(2, "SELL OPEN 1 @ 120"), Deposit("user003", 5))
        (batch,) = f.store.batches
        assert len(batch.changes.orders) == 2
        assert set(batch.changes.accounts) == {1, 2, 3}
        assert set(batch.changes.positions) == {(1, "IX2301"), (2, "IX2301")}
        assert set(batch.changes.instruments) == {"IX2301"}


async def test_commits_happen_in_one_thread_that_is_not_the_loops() -> None:
    async with floor() as f:
        for _ in range(3):
            await f.answers(BUY)
        assert len(f.store.threads) == 1
        assert f.store.threads != {threading.current_thread().name}


# --- refusals need no commit


async def test_a_refused_command_leaves_no_trace_in_a_batch() -> None:
    async with floor() as f:
        answers = await f.answers(WRONG, BUY, cancel(1, 5))
        assert [answers[0].code, answers[2].code] == [Code.PRICE_LIMIT, Code.ORDER_NOT_FOUND]
        (batch,) = f.store.batches
        assert batch.commands == [BUY]
        assert [type(event) for event in batch.events] == [OrderAccepted]


async def test_a_refusal_touches_neither_the_store_nor_the_listeners() -> None:
    async with floor() as f:
        await f.answers(WRONG)
        assert f.log == ["refuse"]


async def test_a_repeated_answer_is_not_stored_again() -> None:
    async with floor() as f:
        named = order(1, "BUY OPEN 1 @ 119", own_id="mine")
        (first,) = await f.answers(named)
        (second,) = await f.answers(named)
        assert isinstance(second, OrderRepeated) and second.order_id == first.order_id
        assert len(f.store.batches) == 1


async def test_a_resend_that_the_engine_has_forgotten_is_looked_up() -> None:
    """Found: it is answered like any resend and leaves no trace. Not found: it is a new order, and known from then."""
    async with floor() as f:
        account = f.worker.engine.state.accounts[1]
        account.know({f"own-{number}": ClientOrder(number, NOTHING) for number in range(KEPT_IDS)})
        old, other, new = (order(1, "BUY OPEN 1 @ 119", own_id=name) for name in ("old", "other", "new"))
        f.store.used = {(1, "old"): ClientOrder(5, asked(old)), (1, "other"): ClientOrder(6, NOTHING)}
        answers = await f.answers(old, other, new, new, order(2, "BUY OPEN 1 @ 119", own_id="old"))
        kinds = [type(answer) for answer in answers]
        assert kinds == [OrderRepeated, Refused, OrderAccepted, OrderRepeated, OrderAccepted]
        assert answers[0] == OrderRepeated(5) and f.store.looked_up == ["old", "other", "new", "new"]
        (batch,) = f.store.batches
        assert [getattr(command, "client_order_id", None) for command in batch.commands] == ["new", "old"]


async def test_on_a_new_day_what_was_looked_up_is_free() -> None:
    async with floor(operator_poll=0.0) as f:
        f.worker.engine.state.accounts[1].know({f"own-{n}": ClientOrder(n, NOTHING) for n in range(KEPT_IDS)})
        old = order(1, "BUY OPEN 1 @ 119", own_id="old")
        f.store.used = {(1, "old"): ClientOrder(5, asked(old))}
        f.store.asks = [OperatorAsk(1, Settle(20231114, 20231115, {}))]
        (answer,) = await f.answers(old)
        assert isinstance(answer, OrderAccepted) and f.store.looked_up in ([], ["old"])


async def test_a_refusal_waits_for_the_commands_before_it() -> None:
    async with floor() as f:
        f.store.gate.clear()
        answers = [f.ask(BUY), f.ask(WRONG)]
        await f.commit_is_under_way()
        assert not any(answer.done() for answer in answers)
        f.store.gate.set()
        await asyncio.wait_for(asyncio.gather(*answers), 10)
        assert f.log[:3] == ["commit", "answer", "refuse"]
        assert f.store.batches[0].commands == [BUY]


# --- when storing fails


async def test_a_failed_commit_is_told_to_all_and_undone() -> None:
    async with floor() as f:
        before = f.worker.engine.state_hash()
        f.store.fails = [OSError("disk full")]
        answers = await f.answers(BUY, WRONG, BUY)
        assert answers == [Refused(Code.UNAVAILABLE, "The exchange could not store this; nothing was done")] * 3
        await f.until(lambda: f.worker.trouble is None)
        assert f.log[:5] == ["refuse"] * 3 + ["reconnect", "load"]
        assert f.worker.engine.state_hash() == before
        assert [batch.commands for batch in f.store.batches] == [[]], "an empty one, to see that it works again"


async def test_after_a_failed_commit_the_exchange_goes_on() -> None:
    async with floor() as f:
        f.store.fails = [OSError("disk full")]
        await f.answers(BUY)
        assert isinstance((await f.answers(BUY))[0], OrderAccepted)
        assert [batch.number for batch in f.store.batches] == [8]
        assert f.encoder.resumed == [{1: 3}, {1: 3}]
        assert len(f.listener.loaded) == 2


async def test_an_order_of_a_failed_commit_can_be_sent_again() -> None:
    async with floor() as f:
        named = order(1, "BUY OPEN 1 @ 119", own_id="mine")
        f.store.fails = [OSError("disk full")]
        assert isinstance((await f.answers(named))[0], Refused)
        assert isinstance((await f.answers(named))[0], OrderAccepted)


async def test_as_long_as_the_database_is_away_everybody_is_refused() -> None:
    async with floor(reload_seconds=0.001) as f:
        f.store.fails = [OSError("gone")]
        f.store.load_fails = [OSError("still gone")] * 3
        for _ in range(3):
            assert (await f.answers(BUY))[0].code == Code.UNAVAILABLE
        await f.until(lambda: "load" in f.log)
        assert isinstance((await f.answers(BUY))[0], OrderAccepted)


async def test_a_command_that_breaks_the_engine_is_refused_once_and_forgotten() -> None:
    async with floor() as f:
        poison = order(2, "BUY OPEN 7 @ 119")
        crash_on(f, poison)
        before = f.worker.engine.state_hash()
        answers = await f.answers(BUY, poison)
        assert [answer.code for answer in answers] == [Code.UNAVAILABLE] * 2
        assert f.store.batches == []
        await f.until(lambda: len(f.listener.loaded) == 2)
        assert f.worker.engine.state_hash() == before
        assert isinstance((await f.answers(BUY))[0], OrderAccepted)


async def test_a_superseded_engine_stops_and_says_so() -> None:
    async with floor() as f:
        f.store.fails = [Superseded("another engine")]
        assert (await f.answers(BUY))[0].code == Code.UNAVAILABLE
        assert f.task is not None
        with pytest.raises(Superseded):
            await asyncio.wait_for(f.task, 10)
        assert f.log == ["refuse"]


async def test_whoever_still_waits_when_the_engine_stops_is_answered() -> None:
    async with floor(batch_limit=1) as f:
        f.store.fails = [Superseded("another engine")]
        answers = [f.ask(BUY) for _ in range(3)]
        assert f.task is not None
        with pytest.raises(Superseded):
            await asyncio.wait_for(f.task, 10)
        assert [answer.done() for answer in answers] == [True] * 3


# --- when telling fails


async def test_a_reply_that_raises_hurts_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    async with floor() as f:

        def raises(event: Event) -> None:
            raise RuntimeError("the connection is gone")

        f.queue.put(Envelope(BUY, raises))
        assert isinstance((await f.answers(BUY))[0], OrderAccepted)
        await f.until(lambda: "listen" in f.log)
        assert f.log == ["commit", "answer", "push", "listen"]
        assert "an answer could not be given" in caplog.text


async def test_a_refusal_reply_that_raises_hurts_nobody_either() -> None:
    async with floor() as f:

        def raises(event: Event) -> None:
            raise RuntimeError("the connection is gone")

        f.store.fails = [OSError("disk full")]
        f.queue.put(Envelope(BUY, raises))
        assert (await f.answers(BUY))[0].code == Code.UNAVAILABLE
        assert isinstance((await f.answers(BUY))[0], OrderAccepted)


async def test_a_push_that_fails_undoes_nothing() -> None:
    async with floor() as f:
        f.encoder.fails = [RuntimeError("the layer is broken")]
        assert isinstance((await f.answers(BUY))[0], OrderAccepted)
        assert isinstance((await f.answers(BUY))[0], OrderAccepted)
        assert [batch.number for batch in f.store.batches] == [8, 9]
        await f.until(lambda: f.log.count("listen") == 2)  # who listens hears of both
        assert "load" not in f.log


# --- operators


def asks(*commands: object) -> list[OperatorAsk]:
    return [OperatorAsk(number, command) for number, command in enumerate(commands, start=1)]  # type: ignore[arg-type]


def results(f: Floor) -> list[tuple[int, str]]:
    """What was answered to whom, over all batches."""
    answered = [answer for batch in f.store.batches for answer in batch.operator_answers]
    return [
        (each.row_id, str(int(each.event.code)) if isinstance(each.event, Refused) else type(each.event).__name__)
        for each in answered
    ]


async def test_operators_commands_are_done_exactly_once() -> None:
    async with floor() as f:
        f.store.asks = asks(Deposit("user001", 5), Deposit("nobody", 5), None)
        await f.until(lambda: not f.store.asks)
        assert results(f) == [(1, "Deposited"), (2, "1003"), (3, "400")]
        assert f.store.batches[0].commands == [Deposit("user001", 5)]
        await f.answers(BUY)
        assert len(results(f)) == 3


async def test_operators_commands_of_a_failed_commit_are_done_once_it_works() -> None:
    async with floor() as f:
        deposits = f.worker.engine.state.by_user["user001"].deposits
        f.store.fails = [OSError("disk full")] * 2
        f.store.asks = asks(Deposit("user001", 5))
        await f.until(lambda: not f.store.asks)
        assert results(f) == [(1, "Deposited")]
        assert f.worker.engine.state.by_user["user001"].deposits == deposits + 5


async def test_an_operators_command_that_breaks_the_engine_is_refused_at_its_second_try() -> None:
    async with floor() as f:
        poison = Deposit("user001", 13)
        crash_on(f, poison)
        f.store.asks = asks(Deposit("user001", 5), poison, Deposit("user001", 7))
        await f.until(lambda: not f.store.asks)
        assert sorted(results(f)) == [(1, "Deposited"), (2, "503"), (3, "Deposited")]


async def test_an_operators_command_that_cannot_be_stored_is_found_and_refused() -> None:
    async with floor() as f:
        poison = Deposit("user001", 13)
        f.store.refuses = lambda batch: Unstorable("no such user") if poison in batch.commands else None
        f.store.asks = asks(Deposit("user001", 5), poison, Deposit("user001", 7))
        await f.until(lambda: not f.store.asks)
        assert results(f) == [(1, "Deposited"), (2, "503"), (3, "Deposited")]


async def test_an_operators_command_is_not_blamed_for_an_order_beside_it() -> None:
    async with floor(running=False) as f:
        poison = order(2, "BUY OPEN 7 @ 119")
        f.store.refuses = lambda batch: Unstorable("bad text") if poison in batch.commands else None
        f.store.asks = asks(Deposit("user001", 5))
        answer = f.ask(poison)
        f.run()
        assert (await asyncio.wait_for(answer, 10)).code == Code.UNAVAILABLE
        await f.until(lambda: not f.store.asks)
        assert results(f) == [(1, "Deposited")]


async def test_an_operators_command_is_served_while_nobody_trades_and_while_everybody_does() -> None:
    async with floor() as f:
        f.store.asks = asks(Deposit("user001", 5))
        await f.until(lambda: not f.store.asks)
        f.store.asks = asks(Deposit("user001", 5))
        while f.store.asks:
            await f.answers(BUY)
        assert len(results(f)) == 2


async def test_the_table_is_not_read_for_every_batch() -> None:
    async with floor(operator_poll=1_000.0) as f:
        reads: list[int] = []
        f.store.pending = lambda most: reads.append(most) or []  # type: ignore[method-assign,func-returns-value,redundant-expr]
        for _ in range(10):
            await f.answers(BUY)
        assert len(reads) <= 1


async def test_operators_rows_that_cannot_be_read_hurt_nobody() -> None:
    async with floor() as f:

        def pending(most: int) -> list[OperatorAsk]:
            raise OSError("no table")

        f.store.pending = pending  # type: ignore[method-assign]
        assert isinstance((await f.answers(BUY))[0], OrderAccepted)


async def test_a_shell_serves_all_that_waits_and_nothing_else() -> None:
    async with floor(running=False, batch_limit=2) as f:
        f.store.asks = asks(*[Deposit("user001", 5)] * 5)
        answer = f.ask(BUY)
        await f.worker.drain_operators()
        assert len(results(f)) == 5
        assert not answer.done()


# --- time and life


async def test_time_never_goes_back() -> None:
    async with floor() as f:
        times = []
        for now in (NOW + 50, NOW + 20, NOW - 10**9, NOW + 60):
            f.now = now
            (accepted,) = await f.answers(BUY)
            times.append(accepted.time)
        assert times == [NOW + 50, NOW + 50, NOW + 50, NOW + 60]
        assert [batch.time for batch in f.store.batches] == times


async def test_time_does_not_go_back_over_a_restart() -> None:
    async with floor() as f:
        f.now = NOW - 10**9
        (accepted,) = await f.answers(BUY)
        assert accepted.time == NOW
        assert f.listener.loaded == [NOW]


async def test_ids_grow_although_the_clock_stands_still() -> None:
    async with floor() as f:
        ids = [event.order_id for event in await f.answers(*[BUY] * 5)]
        assert ids == sorted(set(ids))


async def test_a_worker_looks_before_it_takes_the_market_over_and_after_it_has_loaded_it() -> None:
    f = Floor()
    await f.worker.start()
    assert f.log == ["examine", "take over", "load", "verify"]
    assert set(f.worker.engine.state.by_user) == set(TRADERS)
    await f.worker.close()


async def test_a_batch_under_way_is_finished_when_the_worker_is_stopped() -> None:
    async with floor() as f:
        f.store.gate.clear()
        answer = f.ask(BUY)
        await f.commit_is_under_way()
        assert f.task is not None
        f.worker.stop()
        f.store.gate.set()
        assert isinstance(await asyncio.wait_for(answer, 10), OrderAccepted)
        await asyncio.wait_for(f.task, 10)
        assert len(f.store.batches) == 1
