"""Operators' commands from the shell while the server runs: they take effect at once, and once."""

from __future__ import annotations

import pytest

from tests.e2e.client import Client, signed_in
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

USER = "newcomer"
NEWCOMER = f"""
from trading.models import AccessToken, User
print(AccessToken.objects.create(User.objects.create_user({USER!r}))[1])
"""
AFTER_THE_HALT = (
    "ResumeInstrument('IC2301')",
    "Withdraw('user004', 10**15)",
    "Deposit('nobody', 1)",
    "HaltInstrument('NONE')",
    "OpenAccount('user004')",
)


def shell(server: Server, *expressions: str) -> list[str]:
    """What operators' commands of the core came to."""
    code = f"""
from django.conf import settings
from trading.operators import requests
from trading.core.commands import *
for command in [{", ".join(expressions)}]:
    row = requests.carry_out(command, market=settings.MARKET)
    print(row.status, row.code, row.result)
"""
    return server.manage("shell", "-v", "0", "-c", code).splitlines()


def test_an_account_opened_and_funded_while_the_server_runs_can_trade_at_once(server: Server) -> None:
    """The user has signed in before there is an account."""
    token = server.manage("shell", "-v", "0", "-c", NEWCOMER).strip()
    with Client(server.ws, USER, token) as client:
        assert client.order("BUY", 1, 110)["error_code"] == 1003
        assert "1000.50 deposited" in server.manage("open_account", USER, "--deposit", "1000.5")
        client.until("account_update", balance=1000.5)
        assert client.order("BUY", 1, 110)["error_code"] == 1001

        server.manage("open_account", USER, "--deposit", "1000")
        assert client.until("account_update")["balance"] == 2000.5
        assert client.account()["deposit"] == 2000.5
        order = client.order("BUY", 1, 110)
        assert order["success"]
        assert client.ask("cancel_order", order_id=order["order_id"])["success"]


def test_a_halt_is_felt_at_once_and_cancels_still_go(server: Server) -> None:
    with signed_in(server, "user004") as client:
        resting = client.order("BUY", 1, 5500, instrument_id="IC2301")["order_id"]
        assert shell(server, "HaltInstrument('IC2301')") == ["DONE None PhaseChanged"]
        assert client.order("BUY", 1, 5500, instrument_id="IC2301")["error_code"] == 1009
        assert client.ask("cancel_order", order_id=resting)["success"]
        assert [line.split()[:2] for line in shell(server, *AFTER_THE_HALT)] == [
            ["DONE", "None"],
            ["REFUSED", "1001"],
            ["REFUSED", "1003"],
            ["REFUSED", "1004"],
            ["REFUSED", "409"],
        ]
        again = client.order("BUY", 1, 5500, instrument_id="IC2301")
        assert client.ask("cancel_order", order_id=again["order_id"])["success"]
