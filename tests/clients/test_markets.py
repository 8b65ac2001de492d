"""An exchange with a second market: a client hears of it as of the first, and each has numbers of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bourse_client import Client
from bourse_client.messages import Account, OrderState, Trade

from tests.e2e.server import Server

pytestmark = pytest.mark.long

PATIENCE = 60.0
HERE, THERE = "IX2301", "CU2301"
FOUND = f"""
from tests.builders import FUNDS, listing
from trading.core.commands import Deposit, OpenAccount
from trading.models import Market
from trading.operators import inline_engine
Market.objects.create(code="OTHER")
for command in (listing("{THERE}"), *(c(u, *a) for u in USERS for c, a in ((OpenAccount, ()), (Deposit, (FUNDS,))))):
    inline_engine.carry_out(command, market="OTHER")
"""
OPENED = """
from trading.core.commands import OpenAccount
from trading.operators import requests
from tests.builders import FUNDS
from trading.core.commands import Deposit
from trading.operators import inline_engine
for command in (OpenAccount("user002"), Deposit("user002", FUNDS)):
    inline_engine.wait(requests.ask(command, market="OTHER"))
"""


def founded(new_server: Callable[..., Server], *users: str) -> Server:
    server = new_server(start=False, FURTHER_MARKETS="OTHER")
    server.manage("shell", "-c", f"USERS = {users}\n{FOUND}")
    server.start()
    return server


def of(server: Server, user_id: str) -> Client:
    return Client(server.ws, user_id, server.token(user_id), patience=PATIENCE)


async def test_orders_at_another_market_are_told_of_and_outlive_a_restart(new_server: Callable[..., Server]) -> None:
    server = founded(new_server, "user001", "user002")
    async with asyncio.timeout(3 * PATIENCE), of(server, "user001") as buyer, of(server, "user002") as seller:
        pushes = buyer.pushes()
        here = await buyer.buy(HERE, 1, 119.0)
        first = await buyer.buy(THERE, 2, 119.0)
        assert {order.order_id for order in buyer.live_orders} == {here.order_id, first.order_id}
        await seller.sell(THERE, 1, 119.0)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await seller.sell(THERE, 1, 119.0)
        assert (await buyer.finished(first.order_id)).status == "Filled"
        assert buyer.positions[THERE].net == 2 and HERE not in buyer.positions
        assert seller.positions[THERE].net == -2
        there, account = buyer.account_at("OTHER"), buyer.account
        assert there is not None and there.market == "OTHER" and there.margin
        assert account is not None and account.market is None and not account.margin
        await buyer.cancel_all()
        await buyer.finished(here.order_id)
        heard: list[Any] = []
        while len([push for push in heard if isinstance(push, OrderState) and push.status == "Cancelled"]) < 1:
            heard.append(await anext(pushes))
        trades = [push for push in heard if isinstance(push, Trade)]
        assert [(push.market, push.seq) for push in trades] == [("OTHER", None)] * 2
        numbers = [push.market_seq or 0 for push in heard if isinstance(push, OrderState | Trade) and push.market]
        assert numbers == sorted(set(numbers)) and len(numbers) == 5
        assert any(push.market == "OTHER" for push in heard if isinstance(push, Account))


async def test_an_account_that_is_opened_while_a_client_is_there(new_server: Callable[..., Server]) -> None:
    server = founded(new_server, "user001")
    async with asyncio.timeout(3 * PATIENCE), of(server, "user001") as buyer, of(server, "user002") as seller:
        states = seller.order_states()
        await buyer.buy(THERE, 1, 119.0)
        assert seller.account_at("OTHER") is None
        await asyncio.to_thread(server.manage, "shell", "-c", OPENED)
        sold = await seller.sell(THERE, 1, 119.0)
        assert (await seller.finished(sold.order_id)).status == "Filled"
        assert [(await anext(states)).status for _ in range(2)] == ["Submitted", "Filled"]
        assert seller.positions[THERE].net == -1
        assert seller.account_at("OTHER") is not None
