"""A server on what the first release left: traders of then find everything as it was, and trade on."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import Client, Frame
from tests.e2e.server import Market, Server, manage
from tests.earlier_release.past import (
    KNOWN,
    TRADERS,
    is_told_the_same,
    left_behind,
    of_then,
    replayed_hash,
    rows,
    start,
    told,
)
from trading.core.commands import AdoptRules
from trading.core.types import PRESENT_RULES
from trading.storage import mapping

pytestmark = [pytest.mark.sqlite_only, pytest.mark.long]

ALICE, BOB, CAROL, DAVE, ERIN = TRADERS[:5]
THEN: dict[str, Any] = KNOWN["database"]
WAIT = """
from trading.operators import requests
from trading.models import OperatorCommand
row = requests.wait(OperatorCommand.objects.get(key="left-waiting"), timeout=60)
print(row.status, row.result)
"""


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """The database, migrated once; servers get copies."""
    market = left_behind("database", tmp_path_factory.mktemp("migrated"))
    manage(market.folder, "migrate", "--verbosity", "0")
    return market


@pytest.fixture
def server(migrated: Market, tmp_path: Path) -> Iterator[Server]:
    """On the database."""
    started = Server(migrated.copy(tmp_path))
    try:
        start(started)
        yield started
    finally:
        started.kill()


def order_of(user_id: str, own_id: str) -> Frame:
    """A live order, as the first release told it."""
    (found,) = [order for order in THEN["traders"][user_id]["orders"] if order["client_order_id"] == own_id]
    return dict(found)


def agree(server: Server) -> None:
    """The books, and the journal with the tables, while the server runs."""
    server.manage("check_books")
    replayed_hash(server.market.folder)


def test_traders_find_everything_as_it_was(server: Server) -> None:
    for user_id in TRADERS:
        with of_then(server, user_id) as client:
            is_told_the_same(client, THEN["traders"][user_id])
    with Client(server.ws) as visitor:
        bars = visitor.ask("query_bars", instrument_id="IX2301", period="1d")["data"]["bars"]
        assert bars == THEN["market"]["bars"]
        assert visitor.ask("query_statistics")["data"]["statistics"] == THEN["market"]["statistics"]
        assert visitor.ask("query_instruments")["data"]["instruments"] == THEN["market"]["instruments"]


def test_an_order_whose_time_is_over_goes_at_the_start(server: Server) -> None:
    expired = order_of(BOB, "expires")
    with of_then(server, BOB) as client:
        client.send("resume", last_seq=THEN["pushes"][BOB][-1]["seq"])
        client.until("order_status", order_id=expired["order_id"], status="Cancelled")
        account = client.account()
        assert account["balance"] == THEN["traders"][BOB]["account"]["balance"]
        assert account["frozen_orders"] < THEN["traders"][BOB]["account"]["frozen_orders"]
    agree(server)


def test_pushes_of_then_are_resumed(server: Server) -> None:
    missed = THEN["pushes"][ALICE]
    with of_then(server, ALICE) as client:
        client.send("resume", last_seq=missed[0]["seq"])
        assert client.until("resume_response")["last_seq"] == missed[-1]["seq"]
        assert [client.until(frame["type"], seq=frame["seq"]) for frame in missed[1:]] == missed[1:]
        assert client.ask("cancel_order", order_id=order_of(ALICE, "resting-2")["order_id"])["success"]
        status = client.until("order_status", status="Cancelled")
        assert status["seq"] == missed[-1]["seq"] + 1


def test_an_own_id_of_then_is_used_up(server: Server) -> None:
    """Also one of an order that has lived over a settlement."""
    with of_then(server, ALICE) as alice, of_then(server, ERIN) as erin:
        first = order_of(ALICE, "resting-1")
        again = alice.order("SELL", 9, 123, time_condition="GTC", client_order_id="resting-1")
        assert (again["success"], again["order_id"]) == (True, first["order_id"])
        assert alice.order("SELL", 8, 123, time_condition="GTC", client_order_id="resting-1")["error_code"] == 409
        second = order_of(ERIN, "day-2")
        again = erin.order("BUY", 1, 112, time_condition="GTC", client_order_id="day-2")
        assert (again["success"], again["order_id"]) == (True, second["order_id"])


def test_old_orders_are_cancelled_and_traded_with(server: Server) -> None:
    first, second = order_of(ALICE, "resting-1"), order_of(ALICE, "resting-2")
    cheaper = [
        order["remaining_volume"]
        for trader in THEN["traders"].values()
        for order in trader["orders"]
        if order["instrument_id"] == "IX2301" and order["direction"] == "SELL" and order["status"] != "Waiting"
        if order["price"] < first["price"]
    ]
    with of_then(server, ALICE) as alice, of_then(server, DAVE) as dave:
        assert alice.ask("cancel_order", order_id=second["order_id"])["success"]
        alice.until("order_status", order_id=second["order_id"], status="Cancelled")
        taken = dave.order("BUY", sum(cheaper) + 2, first["price"], time_condition="IOC")
        assert taken["success"]
        trade = alice.until("trade")
        assert (trade["order_id"], trade["price"], trade["volume"]) == (first["order_id"], first["price"], 2)
        status = alice.until("order_status", order_id=first["order_id"])
        assert (status["status"], status["remaining_volume"]) == ("PartiallyFilled", 7)
    agree(server)


def test_an_old_stop_fires_and_cancels_its_old_group(server: Server) -> None:
    group = order_of(DAVE, "oco-1"), order_of(DAVE, "oco-2")
    with of_then(server, DAVE) as dave, of_then(server, ALICE) as alice, of_then(server, BOB) as bob:
        assert alice.order("SELL", 5, 124.5)["success"]
        assert bob.order("BUY", 500, 124.5, time_condition="IOC")["success"]
        wanted = {(group[0]["order_id"], "Cancelled"), (group[1]["order_id"], "Submitted")}
        while wanted:
            frame = dave.hear()
            wanted.discard((frame.get("order_id"), frame.get("status")))
    agree(server)


def test_what_an_operator_asked_before_the_end_is_done(server: Server) -> None:
    with of_then(server, ALICE):
        assert server.manage("shell", "-v", "0", "-c", WAIT).strip() == "DONE Deposited"
    agree(server)


def test_a_day_of_then_is_settled(server: Server) -> None:
    with of_then(server, ALICE) as client:
        server.manage("settle", "--day", str(THEN["trading_day"]), "--next-day", "20240308")
        opening = client.until("statement", day=THEN["trading_day"])["opening"]
        assert opening == THEN["traders"][ALICE]["account"]["pre_balance"]
        assert not any(order["client_order_id"] == "resting-2" for order in told(client)["orders"])
    agree(server)


def test_the_market_adopts_the_present_rules_with_its_first_command(server: Server) -> None:
    """What was an average becomes a line of the detail; nobody's figures change, and the journal replays over it."""
    folder = server.market.folder
    ((first, *_),) = rows(folder, f"SELECT commands FROM trading_journalbatch WHERE number = {THEN['batch'] + 1}")
    assert mapping.commands_of(first)[0] == AdoptRules(PRESENT_RULES)
    assert rows(folder, "SELECT rules FROM trading_market WHERE code = 'MAIN'") == [(1,)]
    held = rows(
        folder,
        """SELECT sum((long_today > 0) + (long_his > 0) + (short_today > 0) + (short_his > 0)),
                  sum(long_today + long_his + short_today + short_his),
                  sum(long_today_cost + long_his_open_cost + short_today_cost + short_his_open_cost)
           FROM trading_position""",
    )
    assert held == rows(folder, "SELECT count(*), sum(lots), sum(cost) FROM trading_positiondetail")
    with of_then(server, ALICE) as client:
        is_told_the_same(client, THEN["traders"][ALICE])
    agree(server)


def test_a_token_of_then_may_only_read_where_it_might_only_read(server: Server) -> None:
    with Client(server.ws, ALICE, KNOWN["tokens"]["read-only"]) as client:
        assert client.account() == THEN["traders"][ALICE]["account"]
        assert client.order("BUY", 1, 110)["error_code"] == 403


def test_a_backup_is_restored_and_served(tmp_path: Path) -> None:
    """As docs/operations.md says."""
    then = KNOWN["backup"]
    server = Server(left_behind("backup", tmp_path))
    try:
        server.manage("migrate", "--verbosity", "0")
        agree(server)
        start(server)
        for user_id in TRADERS:
            with of_then(server, user_id) as client:
                is_told_the_same(client, then["traders"][user_id])
        with urllib.request.urlopen(f"{server.http}/readyz") as answer:
            assert answer.read() == b"ok\n"
        with of_then(server, CAROL) as client:
            order_id = then["traders"][CAROL]["orders"][0]["order_id"]
            assert client.ask("cancel_order", order_id=order_id)["success"]
        agree(server)
    finally:
        server.kill()
