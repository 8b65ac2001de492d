"""Where a client trades: at one server, or at a cluster with two engines, of which one waits, and two gateways.

A test that asks for `where` runs three times, the last two by hand: at one server; through one gateway of a cluster,
where what is killed is that gateway; and with every connection at the next of two gateways, where what is killed is the
engine. `where` makes servers as `new_server` does; `somewhere` is one for all tests of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.cluster.conftest import copy_of, seeded
from tests.e2e.cluster.making import Cluster, FirstOfMany, OneOfMany
from tests.e2e.server import PATIENT, Server
from tests.services import Redis, new_redis

__all__ = ["seeded", "somewhere", "where"]

Where = Callable[..., Server]
ONE, ONE_GATEWAY, BOTH_GATEWAYS = "one server", "one gateway", "both gateways"
CLUSTERS: dict[str, type[OneOfMany]] = {ONE_GATEWAY: FirstOfMany, BOTH_GATEWAYS: OneOfMany}
KINDS = [ONE, *(pytest.param(kind, marks=pytest.mark.long) for kind in CLUSTERS)]


@contextmanager
def place(request: pytest.FixtureRequest) -> Iterator[Where]:
    """Makes servers of the kind that the request says."""
    folders: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    servers: list[Server] = []
    clusters: list[Cluster] = []
    stores: list[Redis] = []

    def one(extra: dict[str, str]) -> Server:
        servers.append(Server(request.getfixturevalue("seeded_market").copy(folders.mktemp("server")), extra=extra))
        return servers[-1]

    def one_of_many(extra: dict[str, str]) -> Server:
        folder, postgres = folders.mktemp("cluster"), request.getfixturevalue("postgres")
        market, url = copy_of(request.getfixturevalue("seeded"), postgres, folder)
        stores.append(new_redis())
        clusters.append(Cluster(market, url, stores[-1], 2, (), **extra).with_standby())
        return CLUSTERS[request.param](clusters[-1])

    def make(*, start: bool = True, **extra: Any) -> Server:
        environment = PATIENT | {name: str(value) for name, value in extra.items()}
        server = (one if request.param == ONE else one_of_many)(environment)
        if start:
            server.start()
        return server

    try:
        yield make
    finally:
        for each in servers:
            each.kill()
        for cluster in clusters:
            cluster.stop()
        for store in stores:
            store.remove()


@pytest.fixture(params=KINDS)
def where(request: pytest.FixtureRequest) -> Iterator[Where]:
    with place(request) as make:
        yield make


@pytest.fixture(scope="module", params=KINDS)
def somewhere(request: pytest.FixtureRequest) -> Iterator[Where]:
    """As `where`, for the servers of a whole file."""
    with place(request) as make:
        yield make
