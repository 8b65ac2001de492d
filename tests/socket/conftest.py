"""Clients of a running exchange."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from exchange_site.wiring import Exchange
from tests.builders import Founded
from tests.socket.client import Client
from trading.consumers import Venue

Join = Callable[..., Awaitable[Client]]


@pytest.fixture
async def join() -> AsyncIterator[Join]:
    """Connects to a venue; all connections are left in the end."""
    clients: list[Client] = []

    async def connect(venue: Venue, path: str = "/ws") -> Client:
        clients.append(Client(venue, path))
        return await clients[-1].connect()

    yield connect
    for client in clients:
        await client.leave()


@pytest.fixture
async def visitor(exchange: Exchange, join: Join) -> Client:
    """A connection that nobody has signed in on."""
    return await join(exchange.venue)


@pytest.fixture
async def alice(exchange: Exchange, market: Founded, join: Join) -> Client:
    """Account 1, user001."""
    client = await join(exchange.venue)
    return await client.sign_in("user001", market.tokens["user001"])


@pytest.fixture
async def bob(exchange: Exchange, market: Founded, join: Join) -> Client:
    """Account 2, user002."""
    client = await join(exchange.venue)
    return await client.sign_in("user002", market.tokens["user002"])
