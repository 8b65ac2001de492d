"""A handful of blows to a cluster under load, and a flood. The long run is `python -m tests.chaos.cluster`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.cluster.attack import Run
from tests.chaos.cluster.events import EVENTS
from tests.e2e.client import order_fields
from tests.e2e.cluster.conftest import NewCluster
from tests.e2e.cluster.test_failures import has_no_holes, live_orders
from tests.e2e.server import Market
from tests.services import Postgres, Redis, new_postgres

pytestmark = pytest.mark.slow

SHORT = ("engine: kill -9", "gateway: kill -9", "redis: kill -9", "clients: cut", "postgres: kill -9")
ENOUGH = 50
"""Orders acknowledged to each user: without them a load proves nothing."""

ORDERS = 400
USERS = ("user001", "user002")


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


def test_a_flood_over_two_gateways_is_answered_order_by_order(new_cluster: NewCluster) -> None:
    """More commands than a batch holds wait at the engine, which goes on while one is stored."""
    cluster = new_cluster(BATCH_LIMIT="3", PING_SECONDS="600", RATE_LIMITS="off")
    clients = [cluster.client(gateway, user) for gateway, user in enumerate(USERS)]
    for number in range(ORDERS):
        for client in clients:
            client.send("submit_order", request_id=f"r{number}", **order_fields("BUY", 1, 115 - number % 5))
    for user, client in zip(USERS, clients, strict=True):
        answers = [client.until("order_response", request_id=f"r{number}") for number in range(ORDERS)]
        assert not [answer for answer in answers if not answer["success"]]
        ids = [answer["order_id"] for answer in answers]
        assert ids == sorted(ids)
        assert {order["order_id"] for order in live_orders(cluster, user)} == set(ids)
        assert has_no_holes(client)
        client.close()
    cluster.manage("check_books")
