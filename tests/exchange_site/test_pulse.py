"""The pulse: what is noted of the exchange, minute by minute."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from exchange_site.monitoring.pulse import Pulse, percentile
from marketdata.core.day import Statistics
from tests.exchange_site.test_metrics import Exchange as Counted
from tests.worker.making import Floor, floor
from trading.core.commands import SubmitOrder
from trading.models import Market
from trading.models import Pulse as Row
from trading.storage.pulses import MINUTE, Beat

START = 28_000_000 * MINUTE


class Recorder:
    def statistics(self, instrument_id: str, time: int) -> Statistics | None:
        figures: dict[str, Any] = dict.fromkeys(Statistics.__struct_fields__, 0)
        return Statistics(**{**figures, "instrument_id": instrument_id, "volume": 5, "open_interest": 3, "change": -1})


class Exchange(Counted):
    def __init__(self, f: Floor) -> None:
        super().__init__(f)
        self.recorder = Recorder()


@pytest.fixture
async def started() -> AsyncIterator[Floor]:
    async with floor() as made:
        yield made


class Clock:
    now = START

    def __call__(self) -> int:
        return self.now


async def test_it_counts_by_the_minute_and_by_the_second(started: Floor) -> None:
    exchange, clock = Exchange(started), Clock()
    pulse = Pulse(exchange, clock, lambda beat: None)
    exchange.counters.done[SubmitOrder] += 10
    exchange.counters.trades += 4
    exchange.counters.answers([0.0], 0.001, 0.002)
    clock.now += 5_000
    first = pulse.beat()
    assert (first.minute, first.orders, first.trades) == (START, 10, 4)
    assert (first.usual_answer, first.late_answer) == (0.0025, 0.0025)
    assert (first.present["orders_per_second"], first.present["trades_per_second"]) == (2.0, 0.8)
    exchange.counters.done[SubmitOrder] += 5
    clock.now += 5_000
    assert (pulse.beat().orders, pulse.beat().present["orders_per_second"]) == (15, 0.0)
    exchange.counters.done[SubmitOrder] += 1
    clock.now = START + MINUTE + 1
    following = pulse.beat()
    assert (following.minute, following.orders, following.usual_answer) == (START + MINUTE, 1, None)


async def test_it_tells_what_is_just_now(started: Floor) -> None:
    exchange, clock = Exchange(started), Clock()
    pulse = Pulse(exchange, clock, lambda beat: None)
    exchange.counters.errors += 1
    present = pulse.beat().present
    assert present["errors"] == 1 and present["queue"] == 0 and present["connections"] == 0
    assert set(present["instruments"]) == set(started.worker.engine.state.instruments)
    assert all(each == {"volume": 5, "open_interest": 3, "change": -1} for each in present["instruments"].values())
    assert pulse.beat().present["errors"] == 0


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ([0, 0, 0], 0.5, None),
        ([1, 1, 0], 0.5, 1.0),
        ([1, 1, 0], 0.99, 2.0),
        ([0, 0, 5], 0.5, 2.0),
        ([99, 1, 0], 0.99, 1.0),
    ],
)
def test_a_percentile_is_the_bound_of_its_values(counts: list[int], share: float, expected: float | None) -> None:
    assert percentile(counts, (1.0, 2.0), share) == expected


async def test_a_database_that_is_away_is_said_once(started: Floor, caplog: pytest.LogCaptureFixture) -> None:
    tried: list[Beat] = []
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()

    def note(beat: Beat) -> None:
        tried.append(beat)
        if len(tried) == 3:
            loop.call_soon_threadsafe(enough.set)
        raise OSError("no disk")

    task = asyncio.create_task(Pulse(Exchange(started), Clock(), note, seconds=0.001).run())
    await asyncio.wait_for(enough.wait(), 30)
    task.cancel()
    assert caplog.text.count("the pulse cannot be noted: no disk") == 1


async def test_nothing_is_noted_while_no_orders_are_taken(started: Floor) -> None:
    exchange, noted = Exchange(started), []  # type: ignore[var-annotated]
    exchange.not_ready_because = "another server has the engine"
    task = asyncio.create_task(Pulse(exchange, Clock(), noted.append, seconds=0.001).run())
    await asyncio.sleep(0.05)
    task.cancel()
    assert noted == []


async def test_a_running_exchange_notes_its_pulse(open_exchange: Any) -> None:
    await open_exchange(pulse_seconds=0.01)
    async with asyncio.timeout(60):
        while (row := await Row.objects.order_by("-minute").afirst()) is None:
            await asyncio.sleep(0.01)
    assert set(row.present["instruments"]) == {"IX2301", "IF2301"}


async def test_each_market_of_a_server_gives_its_own_sign_of_life(open_exchange: Any) -> None:
    await Market.objects.acreate(code="OTHER")
    await open_exchange(pulse_seconds=0.01, FURTHER_MARKETS=["OTHER"])
    async with asyncio.timeout(60):
        while (row := await Row.objects.filter(market="OTHER").afirst()) is None:
            await asyncio.sleep(0.01)
    assert row.present["instruments"] == {} and row.present["queue"] == 0
