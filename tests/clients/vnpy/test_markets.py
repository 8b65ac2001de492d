"""An exchange with a second market: a gateway trades at the first, and says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bourse_client import SyncClient
from vnpy.trader.constant import Exchange, OrderType, Status
from vnpy.trader.object import OrderRequest

from tests.clients.vnpy.desk import LONG, OPEN, VT_SYMBOL, desk_of
from tests.e2e.server import Server

pytestmark = pytest.mark.long

THERE = "CU2301"
FOUND = f"""
from tests.builders import FUNDS, listing
from trading.core.commands import Deposit, OpenAccount
from trading.models import Market
from trading.operators import inline_engine
Market.objects.create(code="OTHER")
for command in (listing("{THERE}"), OpenAccount("user001"), Deposit("user001", FUNDS)):
    inline_engine.carry_out(command, market="OTHER")
"""


def test_what_is_at_another_market_is_left_alone(new_server: Callable[..., Server]) -> None:
    server = new_server(start=False, FURTHER_MARKETS="OTHER")
    server.manage("shell", "-c", FOUND)
    server.start()
    order = {"instrument_id": THERE, "direction": "BUY", "offset": "OPEN", "volume": 1, "price": 119.0}
    with SyncClient(server.http, "user001", server.token("user001"), patience=60.0) as exchange:
        assert exchange.ask("submit_order", **order, order_type="LIMIT")["success"]
        assert [each.instrument_id for each in exchange.query_orders()] == [THERE]
    with desk_of(server, G="user001") as desk:
        assert [each.symbol for each in desk.main.get_all_contracts()].count(THERE) == 0
        assert desk.main.get_contract(VT_SYMBOL) is not None
        assert desk.main.get_all_orders() == []
        req = OrderRequest(THERE, Exchange.LOCAL, LONG, OrderType.LIMIT, 1, 119.0, OPEN)
        desk.until_status(desk.main.send_order(req, "G"), Status.REJECTED)
        assert desk.says(f"{THERE} is traded at another market", "G")
        desk.placed("G", LONG, 1, 118.0)
