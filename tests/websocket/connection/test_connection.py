"""A connection has all its parts from the moment it is made."""

import asyncio
import json
from typing import Any

from exchange_site.wiring.exchange import Exchange
from tests.websocket.client import PATIENCE
from trading.websocket.connection import REVOKED_CLOSE, Connection


class Wire:
    """What the server has of a client."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.closed = asyncio.Event()

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if message["type"] == "websocket.close":
            self.closed.set()


def connection_of(exchange: Exchange, wire: Wire) -> Connection:
    return Connection(
        exchange.services,
        channel="specific.inprocess!test",
        owner=None,
        address="192.0.2.1",
        send=wire.send,
        line=None,
    )


async def test_no_part_comes_later(exchange: Exchange) -> None:
    wire = Wire()
    connection = connection_of(exchange, wire)
    parts = set(vars(connection))
    wire.inbox.put_nowait({"type": "websocket.receive", "text": '{"type":"query_instruments"}'})
    wire.inbox.put_nowait({"type": "websocket.receive", "text": '{"type":"auth","user_id":"user001","token":"x"}'})
    wire.inbox.put_nowait({"type": "websocket.disconnect"})
    await asyncio.wait_for(connection.serve(wire.inbox.get), PATIENCE)
    assert set(vars(connection)) == parts


async def test_one_that_is_revoked_before_it_is_served_says_so_and_ends(exchange: Exchange) -> None:
    wire = Wire()
    connection = connection_of(exchange, wire)
    connection.revoke()
    serving = asyncio.create_task(connection.serve(wire.inbox.get))
    await asyncio.wait_for(wire.closed.wait(), PATIENCE)
    wire.inbox.put_nowait({"type": "websocket.disconnect"})
    await asyncio.wait_for(serving, PATIENCE)
    error, close = wire.sent
    assert json.loads(error["text"])["code"] == 401
    assert close == {"type": "websocket.close", "code": REVOKED_CLOSE}
