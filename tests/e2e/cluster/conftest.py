"""A cluster for each test that asks for one, over copies of a market that is seeded once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.cluster.making import Cluster, OneOfMany
from tests.e2e.server import PATIENCE, Market
from tests.services import Postgres, Redis, new_redis

NewCluster = Callable[..., Cluster]


@pytest.fixture(scope="session")
def seeded(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[Market, str]:
    """The demo market, and the database that others are copied from."""
    template = postgres.create()
    return Market.seeded(tmp_path_factory.mktemp("seeded"), postgres.url(template)), template


def copy_of(seeded: tuple[Market, str], postgres: Postgres, folder: Path) -> tuple[Market, str]:
    """The same market in a folder and a database of its own, and where that is."""
    shutil.copy2(seeded[0].folder / "secret_key", folder / "secret_key")
    url = postgres.url(postgres.create(seeded[1]))
    market = Market(folder, url)
    market.tokens = dict(seeded[0].tokens)
    return market, url


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """One that may be killed."""
    server = new_redis()
    yield server
    server.remove()


@pytest.fixture
def new_cluster(
    postgres: Postgres, seeded: tuple[Market, str], own_redis: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewCluster]:
    """Makes a cluster that runs. `new_cluster(ANSWER_SECONDS="1")` sets its environment; `further` are the codes of
    further markets, which `prepare` has put into the database before anything runs."""
    made: list[Cluster] = []

    def make(
        gateways: int = 2,
        further: Sequence[str] = (),
        prepare: Callable[[Cluster], None] = lambda cluster: None,
        **extra: str,
    ) -> Cluster:
        market, url = copy_of(seeded, postgres, tmp_path_factory.mktemp("cluster"))
        environment = {"IDLE_SECONDS": str(PATIENCE), **extra}
        made.append(Cluster(market, url, own_redis, gateways, further, **environment))
        prepare(made[-1])
        made[-1].start()
        return made[-1]

    yield make
    for cluster in made:
        cluster.stop()


@pytest.fixture
def new_server(new_cluster: NewCluster) -> Callable[..., OneOfMany]:
    """In place of the fixture that makes one server."""

    def make(**extra: object) -> OneOfMany:
        server = OneOfMany(new_cluster(**{name: str(value) for name, value in extra.items()}))
        server.is_running = True
        return server

    return make


@pytest.fixture
def market(new_server: Callable[..., OneOfMany]) -> OneOfMany:
    return new_server()


@pytest.fixture
def cluster(new_cluster: NewCluster) -> Cluster:
    return new_cluster()
