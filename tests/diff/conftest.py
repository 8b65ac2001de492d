"""DIFF clients of a running exchange."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.diff.client import DiffClient

Connect = Callable[[str], Awaitable[DiffClient]]


@pytest.fixture
async def connect(exchange: Exchange) -> AsyncIterator[Connect]:
    clients: list[DiffClient] = []

    async def connect(path: str) -> DiffClient:
        clients.append(DiffClient(exchange.services, path))
        return await clients[-1].connect()

    yield connect
    for client in clients:
        await client.leave()


@pytest.fixture
async def md(connect: Connect) -> DiffClient:
    return await connect("/diff/md")


@pytest.fixture
async def alice(connect: Connect, market: Founded) -> DiffClient:
    """user001, with all that a login tells."""
    client = await (await connect("/diff/td")).log_in("user001", market.tokens["user001"])
    await client.until(lambda: client.mine("trade_more_data") is False)
    return client


@pytest.fixture
async def bob(connect: Connect, market: Founded) -> DiffClient:
    client = await (await connect("/diff/td")).log_in("user002", market.tokens["user002"])
    await client.until(lambda: client.mine("trade_more_data") is False)
    return client
