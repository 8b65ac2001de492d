"""The servers of the end-to-end tests, for clients too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.cluster.where import seeded, somewhere, where
from tests.e2e.conftest import new_server, seeded_market
from tests.e2e.server import Market, Server, started

__all__ = ["new_server", "seeded", "seeded_market", "somewhere", "where"]


@pytest.fixture(scope="module")
def server(seeded_market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for each file: clients look at whole books and at all of their orders, which others must not have left."""
    with started(seeded_market.copy(tmp_path_factory.mktemp("server"))) as own:
        yield own
