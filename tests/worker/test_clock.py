"""Clocks that jump: the exchange's time goes on as if they had not, and whatever it is, ids and times never go back."""

import logging
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange_site.clock import LARGEST_LEAP, MILLISECOND, SECOND, SLOWER, Clock
from tests.builders import NOW, cancel, founding, order
from tests.worker.making import Floor, floor
from tests.worker.test_own_commands import good_till
from trading.core.codes import Code
from trading.core.commands import CancelAfter, ExpireDue
from trading.core.engine import Engine
from trading.core.events import Event, OrderAccepted, OrderCancelled, Refused, Traded
from trading.core.types import CancelReason
from trading.protocol import order_id_text, order_number

HOUR, DAY, YEAR = 3_600, 86_400, 365 * 86_400
LEAP = LARGEST_LEAP // SECOND


class Machine:
    """A machine whose clock can be set, and that can sleep. In seconds."""

    def __init__(self, wall: float = NOW / 1000) -> None:
        self.wall = round(wall * SECOND)
        self.steady = 5 * SECOND
        self.restart()
        self.began = self.clock()

    def restart(self) -> None:
        """A new process knows nothing of the one before."""
        self.clock = Clock(lambda: self.wall, lambda: self.steady)

    def pass_by(self, seconds: float) -> None:
        self.wall += round(seconds * SECOND)
        self.steady += round(seconds * SECOND)

    def set_by(self, seconds: float) -> None:
        self.wall += round(seconds * SECOND)

    def told(self) -> float:
        """The exchange's time, in seconds since it began."""
        return (self.clock() - self.began) / 1000


# --- the exchange's time


@pytest.mark.parametrize(
    ("jump", "told"),
    [
        pytest.param(0, 100, id="none"),
        pytest.param(0.25, 100.25, id="a step ahead"),
        pytest.param(LEAP, 100 + LEAP, id="as far ahead as is believed"),
        pytest.param(LEAP + 1, 100, id="too far ahead"),
        pytest.param(DAY, 100, id="a day ahead"),
        pytest.param(YEAR, 100, id="a year ahead"),
        pytest.param(-0.25, 99.75, id="a step back"),
        pytest.param(-HOUR, 90, id="an hour back"),
        pytest.param(-NOW / 1000, 90, id="1970"),
        pytest.param(-NOW / 1000 - DAY, 90, id="before 1970"),
    ],
)
def test_after_a_jump_and_a_hundred_seconds(jump: float, told: float) -> None:
    machine = Machine()
    machine.set_by(jump)
    machine.pass_by(100)
    assert machine.told() == pytest.approx(told, abs=0.001)


def test_time_that_the_machine_slept_through_has_passed() -> None:
    machine = Machine()
    machine.pass_by(3 * DAY)
    assert machine.told() == 3 * DAY


def test_behind_time_goes_slower_until_the_machine_has_caught_up() -> None:
    machine = Machine()
    machine.set_by(-60)
    for _ in range(60 * SLOWER):
        before = machine.told()
        machine.pass_by(1)
        assert machine.told() - before == pytest.approx(0.9, abs=0.001)
    machine.pass_by(1)
    assert machine.clock() == machine.wall // MILLISECOND


def test_while_the_machines_clock_stands_still_time_passes() -> None:
    machine = Machine()
    for _ in range(5_000):
        machine.steady += SECOND // 1000
        machine.clock()
    assert machine.told() == pytest.approx(5 * 0.9, abs=0.001)


def test_a_mistake_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    for jump in (YEAR, -YEAR):
        machine.set_by(jump)
        for _ in range(3):
            machine.pass_by(1)
            machine.clock()
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (
            logging.ERROR,
            "the machine's clock says 2024-11-13 22:13:21+00:00; the exchange's time, 2023-11-14 22:13:21+00:00, goes "
            "on without it",
        ),
        (logging.WARNING, "the machine's clock says 2023-11-14 22:13:24+00:00 and is followed again"),
    ]
    assert machine.told() == 6


def test_a_clock_that_was_set_back_and_right_again_has_done_nothing(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.set_by(-HOUR)
    machine.pass_by(60)
    assert machine.told() == 54
    machine.set_by(HOUR)
    assert machine.told() == 60
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


@pytest.mark.parametrize("ahead", [1, HOUR, YEAR])
def test_what_is_stored_was_before_now(ahead: int) -> None:
    machine = Machine()
    machine.clock.reach(NOW + ahead * 1000)
    assert machine.told() == ahead
    machine.pass_by(1)
    assert machine.told() == pytest.approx(ahead + 0.9 if ahead > 1 else 1.9)
    machine.clock.reach(NOW)
    assert machine.told() >= ahead


@pytest.mark.parametrize("waited", [1, 60, HOUR])
def test_what_passed_while_nobody_looked_does_not_pass_again(waited: int) -> None:
    """A standby looks at its clock for the first time when it takes over, and is told when the last batch was."""
    machine = Machine()
    machine.pass_by(waited)
    machine.clock.reach(NOW + waited * 1000)
    assert machine.told() == waited


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(-2 * YEAR, 2 * YEAR) | st.integers(-5, 5), st.integers(0, 5_000)), max_size=30))
def test_whatever_is_done_to_the_machine_time_neither_goes_back_nor_stands_nor_leaps(
    moves: list[tuple[int, int]],
) -> None:
    machine = Machine()
    for jump, passed in moves:
        before = machine.told()
        machine.set_by(jump)
        machine.pass_by(passed)
        step = machine.told() - before
        assert passed * 0.9 - 0.001 <= step <= passed + LEAP + 0.001


def test_the_real_clocks() -> None:
    clock = Clock()
    before, found, after = time.time_ns(), clock(), time.time_ns()
    assert before // MILLISECOND <= found <= after // MILLISECOND
    assert datetime.fromtimestamp(found / 1000, UTC).year >= 2024


# --- the engine, whatever time it is told

JUMPS = {
    "back an hour": [0, -HOUR, -HOUR + 1, 10],
    "ahead a day and back": [0, DAY, 1, DAY + 1],
    "back and forth": [0, 5, -5, 7, -7, 9],
    "to 1970": [0, -NOW // 1000, 1],
    "below zero": [0, -NOW // 1000 - DAY, 1],
    "still": [0] * 30,
}


@pytest.mark.parametrize("jumps", JUMPS.values(), ids=JUMPS)
async def test_ids_and_times_never_go_back(jumps: list[int]) -> None:
    async with floor() as f:
        for jump in jumps:
            f.now = NOW + jump * 1000
            answers = await f.answers(order(1, "BUY OPEN 2 @ 120"), order(2, "SELL OPEN 1 @ 120"))
            assert all(isinstance(answer, OrderAccepted) for answer in answers)
        await f.until(lambda: sum(len(batch.commands) for batch in f.store.batches) == 2 * len(jumps))
        assert_in_order(f)


def assert_in_order(f: Floor) -> None:
    """Batches, events and numbers, all as they came."""
    events = [event for batch in f.store.batches for event in batch.events]
    times = [batch.time for batch in f.store.batches]
    told = [event.time for event in events if hasattr(event, "time")]
    assert times == sorted(times) and told == sorted(told) and min(told) >= NOW
    numbers = [number for event in events for number in numbers_of(event)]
    assert len(numbers) > 2 and all(map(int.__lt__, numbers, numbers[1:]))
    assert f.store.batches[-1].last_id == numbers[-1]


def numbers_of(event: Event) -> list[int]:
    if isinstance(event, OrderAccepted):
        return [event.order_id]
    return [event.trade_id] if isinstance(event, Traded) else []


@pytest.mark.parametrize("now", [0, -1, -NOW, 1, NOW])
def test_a_clock_that_stands_still_from_the_beginning_gives_every_order_its_own_number(now: int) -> None:
    engine = Engine()
    for command in founding():
        engine.apply(command, now)
    numbers = []
    for _ in range(3_000):
        (accepted, *_) = engine.apply(order(1, "BUY OPEN 1 @ 110"), now)
        assert isinstance(accepted, OrderAccepted)
        numbers.append(accepted.order_id)
        engine.apply(cancel(1, accepted.order_id), now)
    assert numbers == sorted(set(numbers))
    assert [order_number(order_id_text(number)) for number in numbers] == numbers


async def test_what_names_a_time_is_judged_by_the_exchanges_and_not_by_a_clock_that_was_set_back() -> None:
    async with floor() as f:
        f.now = NOW + 100
        await f.answers(order(2, "BUY OPEN 1 @ 118"))
        f.now = NOW - HOUR * 1000
        late, early = await f.answers(good_till(NOW + 100), good_till(NOW + 101))
        assert isinstance(late, Refused) and late.code is Code.MALFORMED
        assert isinstance(early, OrderAccepted)


async def test_after_a_clock_was_set_back_nothing_expires_twice_and_nothing_that_is_due_is_forgotten() -> None:
    async with floor() as f:
        await f.answers(good_till(NOW + 50), CancelAfter(2, NOW + 60), order(2, "BUY OPEN 1 @ 118"))
        for now in (NOW + 49, NOW - HOUR * 1000, NOW + 50, 0, NOW + 59, NOW + 60, NOW, NOW + 60):
            f.now = now
            await f.answers(order(3, "BUY OPEN 1 @ 110"))
        events = [event for batch in f.store.batches for event in batch.events]
        cancelled = [(event.reason, event.time) for event in events if isinstance(event, OrderCancelled)]
        assert cancelled == [(CancelReason.EXPIRED, NOW + 50), (CancelReason.COUNTDOWN, NOW + 60)]
        assert [command for batch in f.store.batches for command in batch.commands].count(ExpireDue()) == 2


async def test_a_restart_after_a_clock_was_set_back_goes_on_from_what_is_stored() -> None:
    async with floor(running=False) as f:
        f.now = NOW - DAY * 1000
        await f.worker.load()
        assert f.worker.time == NOW
        f.run()
        await f.answers(order(1, "BUY OPEN 2 @ 120"), order(2, "SELL OPEN 1 @ 120"))
        await f.until(lambda: bool(f.store.batches))
        assert_in_order(f)
        assert f.store.batches[0].time == NOW
