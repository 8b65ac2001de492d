"""Desks: a market and a recorder that does what a test says."""

from collections.abc import Callable, Iterator

import pytest

from marketdata.recorder import Publisher
from tests.builders import Founded
from tests.marketdata.making import Desk

OpenDesk = Callable[..., Desk]


@pytest.fixture
def open_desk(market: Founded) -> Iterator[OpenDesk]:
    desks: list[Desk] = []

    def make(publisher: Publisher | None = None) -> Desk:
        desks.append(Desk(publisher))
        return desks[-1]

    yield make
    for desk in desks:
        desk.stop()
        desk.runner.close()


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    return open_desk()
