"""Real servers for the end-to-end tests: one that all share, and as many fresh ones as a test asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.server import PATIENT, Market, Server, started
from tests.made_once import made_once
from tests.run_folder import RUN_FOLDER


@pytest.fixture(scope="session")
def seeded_market() -> Market:
    """The demo market, made once; servers get copies."""
    return Market.at(made_once(RUN_FOLDER, "seeded", Market.seeded))


@pytest.fixture(scope="session")
def server(seeded_market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that all tests share: leave its books as you found them, and never stop it."""
    with started(seeded_market.copy(tmp_path_factory.mktemp("server"))) as shared:
        yield shared


@pytest.fixture
def new_server(seeded_market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Makes a started server. `new_server(PING_SECONDS=0.2)` sets its environment, `beside=` shares a market."""
    made: list[Server] = []

    def make(
        *,
        beside: Server | None = None,
        program: str = "daphne",
        start: bool = True,
        files: int | None = None,
        **extra: Any,
    ) -> Server:
        market = beside.market if beside else seeded_market.copy(tmp_path_factory.mktemp("server"))
        environment = PATIENT | {name: str(value) for name, value in extra.items()}
        made.append(Server(market, extra=environment, program=program, files=files))
        if start:
            made[-1].start()
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.kill()
