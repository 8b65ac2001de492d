"""Clients of a running exchange."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.websocket.client import Client
from trading.websocket.connection import ConnectionServices

Join = Callable[..., Awaitable[Client]]


class Clock:
    """Unix milliseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now

    def reach(self, time: int) -> None:
        self.now = max(self.now, time)

    def pass_by(self, milliseconds: int) -> None:
        self.now += milliseconds


@pytest.fixture
def clock() -> Clock:
    """For exchanges that are opened with it."""
    return Clock()


@pytest.fixture
async def join() -> AsyncIterator[Join]:
    """Connects to a venue; all connections are left in the end."""
    clients: list[Client] = []

    async def connect(services: ConnectionServices, path: str = "/ws") -> Client:
        clients.append(Client(services, path))
        return await clients[-1].connect()

    yield connect
    for client in clients:
        await client.leave()


@pytest.fixture
async def visitor(exchange: Exchange, join: Join) -> Client:
    """A connection that nobody has signed in on."""
    return await join(exchange.services)


@pytest.fixture
async def alice(exchange: Exchange, market: Founded, join: Join) -> Client:
    """Account 1, user001."""
    client = await join(exchange.services)
    return await client.sign_in("user001", market.tokens["user001"])


@pytest.fixture
async def bob(exchange: Exchange, market: Founded, join: Join) -> Client:
    """Account 2, user002."""
    client = await join(exchange.services)
    return await client.sign_in("user002", market.tokens["user002"])


@pytest.fixture
async def other(exchange: Exchange, market: Founded, join: Join) -> Client:
    """Account 3, user003."""
    client = await join(exchange.services)
    return await client.sign_in("user003", market.tokens["user003"])
