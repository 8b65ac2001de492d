"""The keeper of the engine: it waits for whoever is the engine, comes back when it can, and says why none is taken."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from tests.builders import NOW, order
from tests.worker.making import Floor
from trading.core.engine import Engine
from trading.core.events import Event, OrderAccepted
from trading.observability.counters import Counters
from trading.transport.gateway import Gateway
from trading.worker.batch import FilesReplaced, Superseded
from trading.worker.engine_keeper import LOADING, EngineKeeper
from trading.worker.refusals import HANDED_OVER, TROUBLE

BUY = order(1, "BUY OPEN 1 @ 119")
ELSEWHERE = (
    "Another process runs the engine of market MAIN on this database; this server takes no orders until it ends."
)


class Finding(msgspec.Struct):
    check: str
    may_pass: bool


class House(Floor):
    """A worker with its keeper and its gateway. Errors that are OSErrors may pass."""

    def __init__(self, can_follow: bool = False) -> None:
        super().__init__(can_follow=can_follow)
        self.prepared = self.warmed = 0
        self.gateway = Gateway(self.queue, Counters())
        self.keeper = EngineKeeper(
            self.worker,
            self.gateway,
            "MAIN",
            prepare=self._prepare,
            diagnose=lambda error: Finding(type(error).__name__, isinstance(error, OSError)),
            on_warm=self._note_warm,
        )

    async def _prepare(self) -> None:
        self.prepared += 1

    def _note_warm(self) -> None:
        self.warmed += 1

    async def submit(self) -> Event:
        answer: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self.gateway.submit(BUY, answer.set_result)
        return await asyncio.wait_for(answer, 60)


@asynccontextmanager
async def house(can_follow: bool = False, **fields: object) -> AsyncIterator[House]:
    """The keeper runs. `fields` are set on the store first."""
    made = House(can_follow)
    for name, value in fields.items():
        setattr(made.store, name, value)
    made.task = asyncio.create_task(made.keeper.run())
    try:
        yield made
    finally:
        made.keeper.stop("The exchange is stopping; nothing was done")
        await asyncio.wait_for(made.task, 60)
        await made.worker.close()


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.worker.engine_keeper.PAUSE", 0.001)
    monkeypatch.setattr("trading.worker.engine_keeper.ACCESS_PAUSE", 0.001)
    monkeypatch.setattr("trading.worker.engine_keeper.HAND_OVER_SECONDS", 0.001)
    monkeypatch.setattr("trading.worker.worker.RELOAD_SECONDS", 0.001)


async def test_it_loads_and_serves() -> None:
    async with house() as h:
        assert h.keeper.not_ready_because == LOADING
        await h.keeper.decided.wait()
        assert h.keeper.not_ready_because is None
        assert isinstance(await h.submit(), OrderAccepted)
    assert h.keeper.not_ready_because == "The exchange is stopping; nothing was done"


async def test_it_waits_for_whoever_is_the_engine_says_so_once_and_takes_over(caplog: pytest.LogCaptureFixture) -> None:
    """However long that takes."""
    async with house(elsewhere=True) as h:
        await h.keeper.decided.wait()
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert h.keeper.not_ready_because == ELSEWHERE
        assert (await h.submit()).detail == ELSEWHERE
        h.store.elsewhere = False
        await h.until(lambda: h.keeper.not_ready_because is None)
        assert isinstance(await h.submit(), OrderAccepted)
    assert caplog.text.count(ELSEWHERE) == 1


async def test_a_moment_of_waiting_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    async with house(elsewhere=True) as h:
        await asyncio.sleep(0)
        h.store.elsewhere = False
        await h.keeper.decided.wait()
        assert h.keeper.not_ready_because is None
    assert ELSEWHERE not in caplog.text


async def test_a_superseded_engine_steps_back_reloads_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async with house() as h:
        assert isinstance(await h.submit(), OrderAccepted)
        h.store.elsewhere = True
        h.store.fails = [Superseded("another engine has taken market MAIN over")]
        assert (await h.submit()).code == 503
        reason = "The engine stopped: another engine has taken market MAIN over; this server waits until it can go on."
        await h.until(lambda: h.keeper.not_ready_because == reason)
        assert (await h.submit()).detail == reason
        await h.until(lambda: "close" in h.log)  # lock and connection are given back
        h.store.elsewhere = False
        await h.until(lambda: h.keeper.not_ready_because is None)
        assert isinstance(await h.submit(), OrderAccepted)
        assert (len(h.listener.loaded), h.prepared) == (2, 2)
    assert caplog.text.count(reason) == 1


async def test_who_hands_over_waits_until_another_is_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow they are: whoever takes the market back at once has handed nothing over."""
    monkeypatch.setattr("trading.worker.engine_keeper.HAND_OVER_SECONDS", 60)
    async with house() as h:
        await h.keeper.decided.wait()
        h.store.leave_asked = True
        await h.until(lambda: h.log.count("taken") > 20)
        h.store.leave_asked = False
        assert h.keeper.not_ready_because == ELSEWHERE
        assert len(h.listener.loaded) == 1, "it has not taken the market back"
        h.store.elsewhere = True
        asked = len(h.log)
        await h.until(lambda: "taken" in h.log[asked:])
        h.store.elsewhere = False
        await h.until(lambda: h.keeper.not_ready_because is None)
        assert len(h.listener.loaded) == 2


async def test_a_database_that_cannot_be_used_is_looked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    async with house(load_fails=[OSError("away")] * 5) as h:
        await h.keeper.decided.wait()
        await h.until(lambda: h.keeper.not_ready_because is None)
        assert isinstance(await h.submit(), OrderAccepted)
    assert caplog.text.count("the market cannot be loaded") == 1


async def test_a_damaged_database_is_not_tried_again() -> None:
    async with house(load_fails=[ValueError("odd rows")]) as h:
        assert h.task is not None
        await asyncio.wait_for(asyncio.shield(h.task), 10)
        reason = "The engine did not start: check ValueError failed; see the server's log."
        assert h.keeper.not_ready_because == reason
        assert (await h.submit()).detail == reason
        assert h.log[-1] == "close"


async def test_an_engine_that_may_not_go_on_stops_for_good() -> None:
    reason = "The engine stopped: a file of its database was removed or replaced; see the server's log."
    async with house() as h:
        await h.keeper.decided.wait()
        h.store.fails = [FilesReplaced("x.sqlite3 was removed")]
        await h.submit()
        assert h.task is not None
        await asyncio.wait_for(asyncio.shield(h.task), 10)
        assert h.keeper.not_ready_because == reason
        assert (await h.submit()).detail == reason


async def test_after_a_commit_that_failed_it_is_not_ready_until_one_succeeds() -> None:
    async with house() as h:
        await h.keeper.decided.wait()
        h.store.refuses = lambda batch: OSError("disk full")
        assert (await h.submit()).code == 503
        for _ in range(20):
            assert h.keeper.not_ready_because == TROUBLE
            await asyncio.sleep(0.001)
        h.store.refuses = lambda batch: None
        await h.until(lambda: h.keeper.not_ready_because is None)


async def test_a_stop_while_it_waits_is_at_once() -> None:
    async with house(elsewhere=True) as h:
        await h.keeper.decided.wait()
    assert h.keeper.not_ready_because == "The exchange is stopping; nothing was done"


# --- where another process can be followed


async def test_who_stands_by_takes_over_without_loading(caplog: pytest.LogCaptureFixture) -> None:
    """What the other engine does meanwhile is done here, too: its commits are read, not the tables."""
    caplog.set_level("INFO", logger="trading.worker.engine_keeper")
    async with house(can_follow=True, elsewhere=True) as h:
        await h.until(lambda: "stand by" in h.log)
        engine = Engine.restore(h.store.state)
        for number, words in enumerate(("SELL OPEN 2 @ 120", "BUY OPEN 1 @ 120"), 8):
            command = order(1 + number % 2, words)
            events = engine.apply(command, NOW + number)
            h.store.commit_elsewhere(number, command, engine.snapshot())
            assert isinstance(events[0], OrderAccepted)
        h.store.elsewhere = False
        await h.until(lambda: h.keeper.not_ready_because is None)
        assert h.log.count("load") == 1 and "verify" not in h.log
        assert h.log.index("load") < h.log.index("take over")
        assert (h.worker.number, h.worker.time) == (9, NOW + 9)
        assert h.worker.engine.state_hash() == engine.state_hash()
        assert h.warmed == 1 and h.listener.loaded == [NOW + 9] and h.encoder.resumed == [{1: 3}]
        assert isinstance(await h.submit(), OrderAccepted)
    assert caplog.text.count("stands by for market MAIN") == 1


async def test_books_that_cannot_be_brought_up_to_date_are_loaded() -> None:
    async with house(can_follow=True, elsewhere=True) as h:
        await h.until(lambda: "stand by" in h.log)
        h.store.where = msgspec.structs.replace(h.store.where, number=12)  # 8 to 11 were put away
        h.store.commit_elsewhere(12, order(1, "SELL OPEN 2 @ 120"), h.store.state)
        h.store.elsewhere = False
        await h.until(lambda: h.keeper.not_ready_because is None)
        assert h.log.count("load") >= 2 and h.log[-1] != "load"
        assert h.worker.number == 12
        assert isinstance(await h.submit(), OrderAccepted)


async def test_it_says_that_it_lives_while_it_is_the_engine_and_computes() -> None:
    async with house(can_follow=True) as h:
        await h.until(lambda: h.keeper.not_ready_because is None)
        before, deadline = h.store.beats, time.monotonic() + 60
        while h.store.beats < before + 3:  # the loop is busy all the time
            assert time.monotonic() < deadline
    after = h.store.beats
    assert h.store.threads_of_beats == {"store_0"}
    await asyncio.sleep(0.05)
    assert h.store.beats == after, "it is no engine any more"


async def test_it_lets_go_when_it_is_asked_to_and_follows(caplog: pytest.LogCaptureFixture) -> None:
    async with house(can_follow=True) as h:
        await h.until(lambda: h.keeper.not_ready_because is None)
        h.store.elsewhere = h.store.leave_asked = True
        h.queue.wake()
        await h.until(lambda: h.keeper.not_ready_because == ELSEWHERE)
        assert (await h.submit()).detail == ELSEWHERE
        await h.until(lambda: "stand by" in h.log)
        assert h.log.index("close") < h.log.index("stand by")
        h.store.elsewhere = False
        await h.until(lambda: h.keeper.not_ready_because is None)
        assert isinstance(await h.submit(), OrderAccepted)
    assert "CRITICAL" not in caplog.text


async def test_what_waits_when_it_lets_go_is_told_so() -> None:
    async with house(can_follow=True) as h:
        await h.until(lambda: h.keeper.not_ready_because is None)
        h.store.gate.clear()
        under_way = h.ask(BUY)
        await h.commit_is_under_way()
        waiting = h.ask(BUY)
        h.store.elsewhere = h.store.leave_asked = True
        h.store.gate.set()
        assert isinstance(await asyncio.wait_for(under_way, 10), OrderAccepted), "the batch is finished"
        assert (await asyncio.wait_for(waiting, 10)) == HANDED_OVER
