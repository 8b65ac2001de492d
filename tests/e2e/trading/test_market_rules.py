"""The rules of the market over a live socket, across kills and restarts of the server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.client import Client, order_fields, signed_in
from tests.e2e.server import ROOT, Server, environment_of

pytestmark = pytest.mark.long

ID = "IX2301"
DAYS = ("--day", "20260105", "--next-day", "20260106")


def settle(server: Server, *options: str) -> str:
    return server.manage("settle", *DAYS, *options)


def rows(server: Server, sql: str) -> list[Any]:
    return server.market.rows(sql)


def funded(server: Server, user_id: str, amount: str) -> Client:
    """A new user with an account."""
    server.manage("shell", "-v", "0", "-c", f"from trading.models import User; User.objects.create_user({user_id!r})")
    server.manage("open_account", user_id, "--deposit", amount)
    return signed_in(server, user_id)


# --- orders


def test_a_stop_waits_through_a_kill_and_fires_then(new_server: Callable[..., Server]) -> None:
    server = new_server()
    with signed_in(server, "user001") as client:
        waiting = client.order("BUY", 2, 130, stop_price=125, client_order_id="s1")
        assert waiting["success"]
        assert client.until("order_status")["status"] == "Waiting"
        assert client.account()["frozen"] == 0.0
    server.kill()
    server.start()
    with signed_in(server, "user001") as client, signed_in(server, "user002") as seller:
        assert client.order("BUY", 2, 130, stop_price=125, client_order_id="s1")["order_id"] == waiting["order_id"]
        with signed_in(server, "user003") as buyer:
            assert seller.order("SELL", 1, 125)["success"]
            assert seller.order("SELL", 2, 126)["success"]
            assert buyer.order("BUY", 1, 125)["success"]
        fired = client.until("order_status", order_id=waiting["order_id"])
        assert fired["status"] == "Submitted"
        assert client.until("trade", order_id=waiting["order_id"])["price"] == 126.0
        assert client.until("order_status", order_id=waiting["order_id"])["status"] == "Filled"
    assert "Traceback" not in server.log()


def test_an_iceberg_keeps_its_place_behind_the_others_after_a_kill(new_server: Callable[..., Server]) -> None:
    server = new_server()
    with signed_in(server, "user001") as one, signed_in(server, "user002") as two:
        iceberg = one.order("SELL", 10, 120, display_volume=3)["order_id"]
        other = two.order("SELL", 4, 120)["order_id"]
        with signed_in(server, "user003") as buyer:
            assert buyer.order("BUY", 3, 120)["success"]
    server.kill()
    server.start()
    with (
        signed_in(server, "user003") as buyer,
        signed_in(server, "user002") as two,
        signed_in(server, "user001") as one,
    ):
        book = Client(server.ws)
        book.ask("subscribe", channels=["orderbook"], instruments=[ID])
        assert book.until("orderbook")["asks"] == [{"price": 120.0, "volume": 7.0, "order_count": 2}]
        book.close()
        assert buyer.order("BUY", 5, 120)["success"]
        assert two.until("order_status", order_id=other)["status"] == "Filled"
        assert one.until("order_status", order_id=iceberg)["filled_volume"] == 4.0


def test_the_dead_mans_switch_survives_the_connection_and_the_server(new_server: Callable[..., Server]) -> None:
    server = new_server()
    with signed_in(server, "user001") as client:
        resting = client.order("BUY", 1, 115)["order_id"]
        seq = client.ask("resume", last_seq=None)["last_seq"]
        assert client.ask("cancel_after", timeout_ms=2_500)["success"]
    server.kill()
    server.start()
    with signed_in(server, "user001") as client:
        client.send("resume", last_seq=seq)  # it may have ended before anybody was back
        told = client.until("order_status", order_id=resting, status="Cancelled")
        assert told["reason"] == "COUNTDOWN"
        assert client.ask("query_order", order_id=resting)["data"]["order"]["status"] == "Cancelled"


def test_orders_go_when_their_connection_does(new_server: Callable[..., Server]) -> None:
    server = new_server()
    with signed_in(server, "user001") as watching:
        client = signed_in(server, "user001")
        assert client.ask("set_session", cancel_on_disconnect=True, grace_ms=200)["success"]
        resting = client.order("BUY", 1, 115)["order_id"]
        client.socket.shutdown()
        told = watching.until("order_status", order_id=resting, status="Cancelled")
        assert told["reason"] == "DISCONNECT"


def test_many_at_once_are_answered_each_in_order(new_server: Callable[..., Server]) -> None:
    server = new_server()
    with signed_in(server, "user001") as client:
        fields = [order_fields("BUY", 1, price) for price in (115, 115.25, 500, 116)]
        results = client.ask("submit_orders", orders=fields)["results"]
        assert [(each["success"], each["error_code"]) for each in results] == [
            (True, None),
            (False, 1007),
            (False, 1008),
            (True, None),
        ]
        first, last = results[0]["order_id"], results[3]["order_id"]
        cancelled = client.ask("cancel_orders", order_ids=[first, "O1", last])["results"]
        assert [each["error_code"] for each in cancelled] == [None, 1002, None]
        assert client.ask("cancel_all")["cancelled"] == 0


# --- the trading day


def test_a_day_is_settled_once_while_people_trade(new_server: Callable[..., Server]) -> None:
    server = new_server(IDLE_SECONDS="300")  # a settlement from the shell may take a busy machine a while
    with signed_in(server, "user001") as buyer, signed_in(server, "user002") as seller:
        day = buyer.order("BUY", 1, 115)["order_id"]
        stays = buyer.order("BUY", 1, 116, time_condition="GTC")["order_id"]
        assert seller.order("SELL", 3, 121)["success"]
        assert buyer.order("BUY", 3, 121)["success"]
        before = buyer.account()
        said = settle(server, "--price", f"{ID}=122")
        assert "10 statements" in said
        told = buyer.until("order_status", order_id=day)
        assert (told["status"], told["reason"]) == ("Cancelled", "SETTLEMENT")
        statement = buyer.until("statement")
        gain = 3 * 100 * 1.0
        assert statement["closing"] == before["balance"] + gain
        after = buyer.account()
        assert (after["pre_balance"], after["position_profit"]) == (statement["closing"], 0.0)
        assert buyer.ask("query_order", order_id=stays)["data"]["order"]["status"] == "Submitted"
        with pytest.raises(AssertionError, match="settled already"):
            settle(server)
        assert seller.order("SELL", 1, 134)["success"], "the new limits are 10 % around 122"
        assert seller.order("SELL", 1, 134.5)["error_code"] == 1008
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("after", [0.0, 0.1, 0.25])
def test_a_kill_in_the_middle_of_a_settlement_settles_wholly_and_once(
    new_server: Callable[..., Server], after: float
) -> None:
    server = new_server()
    with signed_in(server, "user001") as buyer, signed_in(server, "user002") as seller:
        assert seller.order("SELL", 3, 121)["success"]
        assert buyer.order("BUY", 3, 121)["success"]
        balances = buyer.account()["balance"], seller.account()["balance"]
    words = [
        sys.executable,
        "manage.py",
        "settle",
        "--day",
        "20260105",
        "--next-day",
        "20260106",
        "--price",
        f"{ID}=122",
    ]
    environment = environment_of(server.market.folder, server.extra)
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as asking:
        while not rows(server, "SELECT count(*) FROM trading_operatorcommand WHERE kind = 'Settle'")[0][0]:
            assert asking.poll() is None, asking.stdout and asking.stdout.read()
            time.sleep(0.005)
        time.sleep(after)
        server.kill()
        server.start()
        asking.wait(timeout=30)
    assert rows(server, "SELECT count(*), count(DISTINCT account_id) FROM trading_statement") == [(10, 10)]
    assert rows(server, "SELECT trading_day FROM trading_market") == [(20260106,)]
    with signed_in(server, "user001") as buyer, signed_in(server, "user002") as seller:
        gain = 3 * 100 * 1.0
        assert (buyer.account()["balance"], seller.account()["balance"]) == (balances[0] + gain, balances[1] - gain)


# --- risk


def test_an_account_is_warned_then_liquidated_and_told(new_server: Callable[..., Server]) -> None:
    server = new_server()
    with (
        funded(server, "daring", "16000") as daring,
        signed_in(server, "user001") as buyer,
        signed_in(server, "user002") as seller,
    ):
        assert seller.order("SELL", 10, 120)["success"]
        assert daring.order("BUY", 10, 120)["success"]
        daring.until("account_update", margin=12_000.0)
        assert buyer.order("BUY", 30, 115.5)["success"]
        assert seller.order("SELL", 1, 115.5)["success"]
        started = daring.until("liquidation")
        assert started["status"] == "STARTED"
        assert daring.until("trade")["direction"] == "SELL"
        assert daring.until("liquidation")["status"] == "ENDED"
        account = daring.account()
        assert 0 < account["risk_ratio"] < 1
        positions = daring.ask("query_position")["data"]["positions"]
        assert 0 < positions[0]["volume_long"] < 10
    kinds = [kind for (kind,) in rows(server, "SELECT kind FROM trading_riskevent ORDER BY id")]
    assert kinds[0] == "LIQUIDATION_STARTED" and "LIQUIDATION_ENDED" in kinds
    assert "Traceback" not in server.log()


def test_a_frozen_account_may_cancel_and_nothing_else(new_server: Callable[..., Server]) -> None:
    server = new_server()
    with signed_in(server, "user001") as client:
        resting = client.order("BUY", 1, 115)["order_id"]
        server.manage(
            *("shell", "-v", "0", "-c"),
            "from trading.operators import requests; from trading.core.commands import *;"
            "requests.carry_out(FreezeAccount('user001', True), market='MAIN')",
        )
        assert client.order("BUY", 1, 115)["error_code"] == 1012
        assert client.ask("amend_order", order_id=resting, price=116)["error_code"] == 1012
        assert client.ask("cancel_order", order_id=resting)["success"]
