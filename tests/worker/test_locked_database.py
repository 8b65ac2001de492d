"""A real database that another program locks: the exchange says 503 and comes back when it can."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.builders import Founded
from tests.websocket.client import Client
from trading.models import Order

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
def quickly(settings: Any) -> Iterator[None]:
    """Connections give up on a locked file after 50 ms."""
    options = connection.settings_dict["OPTIONS"]
    before, options["timeout"] = options["timeout"], 0.05
    yield
    options["timeout"] = before


async def test_while_the_database_is_locked_orders_are_refused_and_then_not(
    quickly: None, open_exchange: Any, market: Founded
) -> None:
    exchange = await open_exchange(reload_seconds=0.01)
    client = await (await Client(exchange.services).connect()).sign_in("user001", market.tokens["user001"])
    before = exchange.worker.engine.state_hash()
    locker = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    refused = [await client.place("BUY OPEN 1 @ 119", client_order_id=f"c{number}") for number in range(3)]
    locker.execute("ROLLBACK")
    locker.close()
    assert {answer["error_code"] for answer in refused} == {503}
    assert not any(answer["success"] for answer in refused)
    answer = refused[-1]
    while not answer["success"]:
        assert answer["error_code"] == 503
        answer = await client.place("BUY OPEN 1 @ 119", client_order_id="c0")
    assert await Order.objects.acount() == 1
    assert exchange.worker.engine.state_hash() != before
    pushed = await client.hear_until("account_update")
    assert pushed["frozen"] == 1_192.0
    await client.leave()
