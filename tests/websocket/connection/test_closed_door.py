"""While operators let nobody else connect: who is there stays, who comes is turned away."""

from channels.db import database_sync_to_async

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.websocket.client import Client, assert_frames
from tests.websocket.conftest import Join
from trading.core.commands import RefuseConnections
from trading.operators import requests


async def refuse(refused: bool) -> None:
    row = await database_sync_to_async(requests.carry_out)(RefuseConnections(refused), market="MAIN")
    assert row.status == "DONE"


async def test_who_is_there_stays_and_who_comes_is_turned_away(exchange: Exchange, market: Founded, join: Join) -> None:
    there = await join(exchange.services)
    await refuse(True)
    late = await Client(exchange.services).connect()
    told = await late.hear()
    assert_frames([told], {"type": "error", "code": 429, "message": "The exchange takes no new connections now"})
    assert await late.close_code() == 4429
    assert (await there.ask(type="ping"))["type"] == "pong"
    await refuse(False)
    again = await join(exchange.services)
    assert (await again.sign_in("user001", market.tokens["user001"])) is again
    assert exchange.counters.connections_refused["connections"] == 1
