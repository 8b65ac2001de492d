"""An engine that is cut off from the database, and not from Redis, knows nothing of the one in its place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.cluster.parts import Parts
from tests.e2e.client import signed_in
from tests.e2e.cluster.conftest import copy_of
from tests.e2e.server import Market
from tests.e2e.servers.losses.test_postgres import until
from tests.services import Postgres, Redis
from trading.worker.refusals import TROUBLE

pytestmark = pytest.mark.long
LOOK_SECONDS = 8.0
"""Long enough for an engine to find out that its line is dead, and to say for seconds that it cannot store."""
KNOWN_SECONDS = 1.5
"""After which an engine knows that it may have been replaced."""


FEW = 4
"""On a busy machine the other engine may be silent for a moment."""


def told_of_trouble(parts: Parts) -> int:
    """How often gateways have closed because an engine could not store."""
    return sum(front.server.log().count(TROUBLE) for front in parts.fronts)


@pytest.fixture
def parts(seeded: tuple[Market, str], postgres: Postgres, own_redis: Redis, tmp_path: Path) -> Iterator[Parts]:
    market, _ = copy_of(seeded, postgres, tmp_path)
    made = Parts(tmp_path, market, postgres, own_redis)
    try:
        made.start()
        yield made
    finally:
        made.remove()


def test_who_is_cut_off_leaves_gateways_and_present_frames_to_the_other(parts: Parts) -> None:
    engine, epoch = parts.serving(), parts.epoch()
    with signed_in(parts.fronts[0].server, "user001") as client:
        assert client.order("BUY", 1, 115)["success"]
        engine.to_database.flowing.clear()
        until(lambda: client.order("BUY", 1, 115)["success"] and parts.epoch() > epoch)
        time.sleep(KNOWN_SECONDS)
        before = told_of_trouble(parts)
        writers, ends = set(), time.monotonic() + LOOK_SECONDS
        while time.monotonic() < ends:
            writers.add(parts.redis.command("HGET", "bourse:MAIN:present", "generation").partition(b".")[0])
            time.sleep(0.02)
        assert "trying again" in engine.process.log(), "it has tried to reach the database"
        assert len(writers) == 1
        assert told_of_trouble(parts) - before <= FEW, "it says so four times a second"
        until(lambda: client.order("BUY", 1, 115)["success"])
        engine.to_database.flowing.set()
        engine.until_it_stands_by()
    parts.fronts[0].server.manage("check_books")
