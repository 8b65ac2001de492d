"""A gateway takes orders while it hears an engine that does, whatever one says that was replaced and cannot know it."""

import asyncio
from collections.abc import Iterator

import pytest

from trading.observability.counters import Counters
from trading.transport.engine_watch import STARTING, EngineWatch
from trading.transport.gateway import Gateway
from trading.transport.in_process import InProcessQueue

TROUBLE = "The last commit failed"
LOST_SECONDS = 2.0


class Loop:
    """Its time is what a test says."""

    now = 100.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    made = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    yield made


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(InProcessQueue(10), Counters())


def test_one_engine_opens_and_closes(loop: Loop, gateway: Gateway) -> None:
    watch = EngineWatch(gateway, "MAIN", LOST_SECONDS)
    assert gateway.closed_because == STARTING
    assert watch.heard("a", None)
    assert gateway.closed_because is None
    assert watch.heard("a", TROUBLE)
    assert gateway.closed_because == TROUBLE
    assert watch.heard("a", None)
    assert gateway.closed_because is None


def test_who_was_replaced_closes_nothing_while_the_other_is_heard(loop: Loop, gateway: Gateway) -> None:
    watch = EngineWatch(gateway, "MAIN", LOST_SECONDS)
    watch.heard("a", None)
    watch.heard("b", None)
    for _ in range(10):
        loop.now += LOST_SECONDS / 2
        watch.heard("b", None)
        assert not watch.heard("a", TROUBLE)
        assert gateway.closed_because is None
    loop.now += LOST_SECONDS
    assert watch.heard("a", TROUBLE), "the other is silent"
    assert gateway.closed_because == TROUBLE


def test_the_trouble_of_whoever_served_lets_others_speak(loop: Loop, gateway: Gateway) -> None:
    watch = EngineWatch(gateway, "MAIN", LOST_SECONDS)
    watch.heard("b", None)
    assert watch.heard("b", TROUBLE)
    assert watch.heard("a", "another trouble")
    assert gateway.closed_because == "another trouble"
