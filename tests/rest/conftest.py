"""Whoever asks over REST."""

import pytest

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.rest.client import Client
from tests.websocket.conftest import alice, clock, join

__all__ = ["alice", "clock", "join"]


@pytest.fixture
def anybody(exchange: Exchange) -> Client:
    """Without a token."""
    return Client(exchange.services)


@pytest.fixture
def ann(anybody: Client, market: Founded) -> Client:
    """Account 1, user001."""
    return anybody.as_(market.tokens["user001"])


@pytest.fixture
def ben(anybody: Client, market: Founded) -> Client:
    """Account 2, user002."""
    return anybody.as_(market.tokens["user002"])
