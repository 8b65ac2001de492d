"""What is counted, where it happens: what became of each command and how long it took, connections, market data."""

import asyncio
import logging
from typing import Any

import pytest

from tests.builders import NOW, VirtualLoop, cancel, in_virtual_time, order
from tests.marketdata.test_feed import Street, bid, street
from tests.worker.making import floor
from trading import protocol
from trading.core.commands import CancelOrder, Deposit, SubmitOrder
from trading.core.events import Event, OrderAccepted
from trading.observability.counters import SECONDS, Counters, Histogram
from trading.observability.order_log import log_answers
from trading.transport.gateway import Envelope, Gateway
from trading.transport.in_process import InProcessQueue
from trading.websocket.heartbeat import Heartbeat
from trading.websocket.send_queue import SendQueue
from trading.worker.batch import OperatorAsk

BUY = order(1, "BUY OPEN 1 @ 119")
NAMED = order(1, "BUY OPEN 1 @ 119", own_id="mine 1")
WRONG = order(1, "BUY OPEN 1 @ 500")
PAY_IN = OperatorAsk(1, Deposit("user001", 5))
UNREADABLE = OperatorAsk(2, None)


# --- what became of commands


async def test_every_command_counts_once_with_its_result() -> None:
    async with floor() as f:
        counted = f.counters
        first, *_ = await f.answers(NAMED, NAMED, WRONG, WRONG, BUY)
        assert isinstance(first, OrderAccepted)
        await f.answers(cancel(1, first.order_id))
        await f.until(lambda: CancelOrder in counted.done)
    assert counted.done == {SubmitOrder: 2, CancelOrder: 1}
    assert counted.not_done == {(SubmitOrder, "repeated"): 1, (SubmitOrder, "1008"): 2}


async def test_what_is_not_stored_is_not_done() -> None:
    async with floor() as f:
        counted = f.counters
        f.store.fails = [OSError("disk full")]
        await f.answers(BUY, cancel(1, 1), WRONG)
        await f.until(lambda: "load" in f.log)
    assert not counted.done
    assert counted.not_done == {(SubmitOrder, "503"): 2, (CancelOrder, "503"): 1}
    assert counted.batches_failed == 1


def test_what_finds_no_room_or_no_exchange_is_not_done() -> None:
    counted = Counters()
    gateway = Gateway(InProcessQueue(1), counted)
    answers: list[Event] = []
    for _ in range(3):
        gateway.submit(BUY, answers.append)
    gateway.close("closed")
    gateway.submit(cancel(1, 1), answers.append)
    assert len(answers) == 3
    assert counted.not_done == {(SubmitOrder, "503"): 2, (CancelOrder, "503"): 1}


async def test_operators_commands_count_too() -> None:
    async with floor(running=False) as f:
        counted = f.counters
        f.store.asks = [PAY_IN, UNREADABLE]
        await f.worker.drain_operators()
    assert counted.done == {Deposit: 1} and not counted.not_done
    assert counted.batch_size.total == 2


# --- how long it took


async def test_a_command_took_what_its_stages_took() -> None:
    clock = [100.0]

    def passes(seconds: float) -> None:
        clock[0] += seconds

    async with floor(running=False, stopwatch=lambda: clock[0]) as f:
        counted = f.counters
        f.store.refuses = lambda batch: passes(2)
        for came in (97.0, 99.0):
            f.queue.put(Envelope(BUY, lambda event: passes(0.25), came))
        await f.worker._turn(await f.queue.take(500, 0))
    assert (counted.waited.total, sum(counted.waited.counts)) == (3 + 1, 2)
    assert (counted.answered.total, sum(counted.answered.counts)) == (5.5 + 3.5, 2)
    assert {stage: histogram.total for stage, histogram in counted.stages.items()} == {
        "apply": 0,
        "commit": 2,
        "answer": 0.5,
        "tell": 0,
    }
    assert counted.batch_size.total == 2


async def test_without_a_commit_there_is_no_time_of_one() -> None:
    async with floor() as f:
        counted = f.counters
        await f.answers(WRONG)
        await f.until(lambda: sum(counted.answered.counts) == 1)
    assert [sum(histogram.counts) for histogram in counted.stages.values()] == [1, 0, 1, 0]


@pytest.mark.parametrize(
    "values", [[3.0], [0.3, 0.3, 0.26], [11.0, 2.0, 1.0, 0.00001], [0.5, 0.25, 0.25], list(reversed(SECONDS))]
)
def test_many_values_at_once_are_noted_as_if_one_by_one(values: list[float]) -> None:
    single, together = Histogram(SECONDS), Histogram(SECONDS)
    for value in values:
        single.observe(value)
    together.note_falling(values)
    assert together.counts == single.counts
    assert together.total == pytest.approx(single.total)


def test_a_value_on_a_bound_counts_as_at_most_that() -> None:
    histogram = Histogram((1, 2))
    for value in (0, 1, 1.5, 2, 2.5):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]


# --- the log of orders


async def test_every_answer_has_a_line_after_its_commit(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trading.observability.order_log")

    def lines() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name == "trading.order_log"]

    async with floor(running=False, on_answers=log_answers) as f:
        f.store.asks = [PAY_IN, UNREADABLE]
        told: list[int] = []
        f.store.refuses = lambda batch: told.append(len(lines()))
        asked = [f.ask(command) for command in (NAMED, NAMED, WRONG)]
        await f.worker._turn(await f.queue.take(500, 0))
        accepted, *_ = await asyncio.gather(*asked)
        f.ask(cancel(1, accepted.order_id))
        f.ask(WRONG)
        await f.worker._turn(await f.queue.take(1, 0))
        await f.worker._turn(await f.queue.take(1, 0))
    order_id = protocol.order_id_text(accepted.order_id)
    keys = ("batch", "kind", "account_id", "order_id", "client_order_id", "result", "event_time")
    assert told == [0, 5]
    assert [tuple(record.__dict__["ids"].get(key) for key in keys) for record in lines()] == [
        (8, "Deposit", None, None, None, "done", NOW),
        (8, None, None, None, None, "400", NOW),
        (8, "SubmitOrder", 1, order_id, "mine 1", "done", NOW),
        (8, "SubmitOrder", 1, order_id, "mine 1", "repeated", NOW),
        (8, "SubmitOrder", 1, None, None, "1008", NOW),
        (9, "CancelOrder", 1, order_id, None, "done", NOW),
        (None, "SubmitOrder", 1, None, None, "1008", NOW),
    ]


# --- connections and market data


def test_a_connection_counts_when_it_comes_and_when_it_is_closed() -> None:
    counted = Counters()

    async def live() -> int:
        heartbeat = Heartbeat(5, 10, counted)
        for code in (4408, 4409):
            heartbeat.add(Silent())
            queue = SendQueue(1, keep, counted)
            queue.close(code)
            queue.close(1011)
        return heartbeat.connections

    assert in_virtual_time(live()) == 2
    assert counted.connections_opened == 2
    assert counted.connections_closed == {4408: 1, 4409: 1}


def test_a_reader_that_is_too_slow_counts_by_its_code() -> None:
    counted = Counters()

    async def live() -> None:
        queue = SendQueue(1, keep, counted)
        queue.put("one")
        queue.put("two")

    in_virtual_time(live())
    assert counted.connections_closed == {4409: 1}


def test_market_data_that_was_replaced_counts() -> None:
    async def hurry(s: Street) -> None:
        for _ in range(5):
            await s.do(bid())
        await asyncio.sleep(1)

    counted = street(hurry).counters
    assert (counted.books_sent, counted.books_conflated) == (2, 3)


def test_an_event_loop_that_was_held_up_is_seen() -> None:
    counted = Counters()

    async def hold_up() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        beating = asyncio.create_task(Heartbeat(5, 10, counted).run())  # looks every 0.5 s
        await asyncio.sleep(1.1)
        assert counted.loop_lag.total == pytest.approx(0)
        loop._skipper.skipped += 3
        await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        beating.cancel()

    in_virtual_time(hold_up())
    assert counted.loop_lag.total == pytest.approx(2.6)
    assert sum(counted.loop_lag.counts) == 3


class Silent:
    """A connection of which nothing comes."""

    heard_at = 0.0

    def ping(self) -> None: ...

    def push(self, frame: str) -> None: ...

    def close(self, code: int) -> None: ...


async def keep(message: dict[str, Any]) -> None: ...
