"""A handful of blows to a cluster under load. The long run is `python -m tests.chaos.cluster`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.cluster.attack import Run
from tests.chaos.cluster.events import EVENTS
from tests.e2e.server import Market
from tests.services import Postgres, Redis, new_postgres

pytestmark = pytest.mark.slow

SHORT = ("engine: kill -9", "gateway: kill -9", "redis: kill -9", "clients: cut", "postgres: kill -9")
ENOUGH = 50
"""Orders acknowledged to each user: without them a load proves nothing."""


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """One that may be killed."""
    server = new_postgres()
    yield server
    server.remove()


@pytest.fixture
def folder() -> Iterator[Path]:
    """PostgreSQL, which does not run as root, must get through it."""
    with tempfile.TemporaryDirectory(prefix="bourse-tests-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def test_nothing_acknowledged_is_lost_whatever_part_is_killed(
    own_postgres: Postgres, own_redis: Redis, folder: Path
) -> None:
    seeded = Market.seeded(folder / "seeded", own_postgres.url(own_postgres.create()))
    events = {event.name: event for event in EVENTS}
    with Run(folder / "market", seeded, own_postgres, own_redis, seed=3) as run:
        rows = [run.cycle(events[name]) for name in SHORT]
        assert [(row.lost, row.doubled) for row in rows] == [(0, 0)] * len(SHORT)
        assert min(len(memory.accepted) for memory in run.memories) > ENOUGH, "a load that proves nothing"
