"""Two markets behind the same gateways: each has its engine, and one that is away takes nobody along."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.client import Client
from tests.e2e.cluster.making import Cluster, EngineProcess, until
from tests.e2e.cluster.test_failures import every_gateway_has_told_of, has_no_holes
from tests.e2e.servers.test_probes import ask

pytestmark = pytest.mark.long

HERE, THERE = "IX2301", "CU2301"
"""Listed at the first market, and at the other."""
FOUND = f"""
from tests.builders import FUNDS, listing
from trading.core.commands import Deposit, OpenAccount
from trading.models import Market
from trading.operators.inline_engine import carry_out
Market.objects.create(code="OTHER")
told = [carry_out(listing("{THERE}"), market="OTHER")]
for user_id in ("user001", "user002"):
    told += [carry_out(command, market="OTHER") for command in (OpenAccount(user_id), Deposit(user_id, FUNDS))]
assert all(row.status == "DONE" for row in told), [row.result for row in told]
"""


def found(cluster: Cluster) -> None:
    """A further market with an instrument, and money of two users."""
    cluster.manage("shell", "-c", FOUND)


@pytest.fixture
def cluster(new_cluster: Callable[..., Cluster]) -> Cluster:
    return new_cluster(further=["OTHER"], prepare=found)


def place(client: Client, name: str, direction: str = "BUY", price: float = 115, **more: Any) -> str:
    """The id of an order that was taken."""
    answer = client.order(direction, 1, price, instrument_id=name, **more)
    assert answer["success"], answer
    return str(answer["order_id"])


def numbers_there(client: Client) -> list[int]:
    return [frame["market_seq"] for frame in client.heard if frame.get("market") == "OTHER" and "market_seq" in frame]


def balances(client: Client) -> list[float]:
    return [client.ask("query_account", market=code)["data"]["account"]["balance"] for code in ("MAIN", "OTHER")]


def positions(client: Client) -> list[tuple[str, float, float]]:
    told = client.ask("query_position")["data"]["positions"]
    return [(each["instrument_id"], each["volume_long"], each["volume_short"]) for each in told]


def test_one_connection_trades_at_both(cluster: Cluster) -> None:
    with cluster.client(0, "user001") as one, cluster.client(1, "user002") as two, cluster.client(0) as visitor:
        listed = visitor.ask("query_instruments")["data"]["instruments"]
        assert {row["instrument_id"]: row.get("market") for row in listed}.items() >= {
            HERE: None,
            THERE: "OTHER",
        }.items()
        channels = ["orderbook", "instruments"]
        assert visitor.ask("subscribe", channels=channels, instruments=[HERE, THERE])["success"]
        for client in (one, two):
            client.ask("query_account", market="OTHER")
        for name in (THERE, HERE):
            order = place(one, name)
            level = {"price": 115.0, "volume": 1.0, "order_count": 1}
            visitor.until("orderbook", instrument_id=name, bids=[level])
            place(two, name, "SELL")
            for client in (one, two):
                assert client.until("trade", instrument_id=name).get("market") == (None if name == HERE else "OTHER")
            assert one.ask("query_order", order_id=order)["data"]["order"]["status"] == "Filled"
        assert positions(one) == [(THERE, 1, 0), (HERE, 1, 0)]
        assert positions(two) == [(THERE, 0, 1), (HERE, 0, 1)]
        for name in (HERE, THERE, THERE):
            place(one, name, price=110)
        assert one.ask("cancel_all")["cancelled"] == 3
        before = balances(one)
        cluster.manage("transfer", "user001", "1000", "--to", "OTHER")
        until(lambda: balances(one) == [before[0] - 1_000, before[1] + 1_000])
        again = cluster.client(1, "user001")
        again.send("resume", last_seq=0, market="OTHER")
        again.until("account_update", market_seq=numbers_there(one)[-1])
        again.close()
        for client in (one, two):
            told = numbers_there(client)
            assert told == sorted(set(told)) and has_no_holes(client)
    cluster.manage("check_books")


def test_a_market_whose_engine_is_away_takes_nobody_along(cluster: Cluster) -> None:
    engines = {HERE: ("MAIN", cluster.engine), THERE: ("OTHER", cluster.further["OTHER"])}
    with cluster.client(0, "user001") as one, cluster.client(1, "user002") as two:
        two.ask("query_account", market="OTHER")
        for gone, other in ((THERE, HERE), (HERE, THERE)):
            code, engine = engines[gone]
            kept = place(one, gone, price=112)
            engine.end(signal.SIGKILL)
            cluster.until_market(code, is_ready=False)
            for client, gateway in ((one, 0), (two, 1)):
                refused = client.order("BUY", 1, 115, instrument_id=gone)
                assert refused["error_code"] == 503 and f"No engine of market {code}" in refused["error_message"]
                assert ask(cluster.gateways[gateway], "/readyz")[0] == 200
            place(one, other)
            place(two, other, "SELL")
            two.until("trade", instrument_id=other)
            assert two.ask("subscribe", channels=["orderbook"], instruments=[other])["success"]
            told = two.ask("subscribe", channels=["orderbook"], instruments=[gone])
            assert not told["success"] and f"No engine of market {code}" in told["message"]
            assert one.ask("query_order", order_id=kept)["data"]["order"]["status"] == "Submitted"
            engine.start()
            cluster.until_market(code, is_ready=True)
            assert one.ask("cancel_order", order_id=kept)["success"]
            place(one, gone)
            place(two, gone, "SELL")
            two.until("trade", instrument_id=gone)
        assert positions(one) == [(THERE, 2, 0), (HERE, 2, 0)]
        assert has_no_holes(one) and has_no_holes(two)
    cluster.manage("check_books")
    assert "Traceback" not in cluster.logs()


def test_what_was_under_way_at_one_market_is_done_once(cluster: Cluster) -> None:
    with cluster.client(0, "user001") as client, cluster.client(1, "user001") as other:
        for each in (client, other):
            each.ask("query_account", market="OTHER")
        names = [f"c{number}" for number in range(40)]
        for number, name in enumerate(names):
            if number == 20:
                cluster.further["OTHER"].end(signal.SIGKILL)
            where = (HERE, THERE)[number % 2]
            fields = {"direction": "BUY", "volume": 1, "price": 115, "offset": "OPEN", "order_type": "LIMIT"}
            client.send("submit_order", request_id=name, client_order_id=name, instrument_id=where, **fields)
        cluster.further["OTHER"].start()
        first = [client.until("order_response", request_id=name) for name in names]
        assert all(answer["success"] for answer in first[::2]), first
        cluster.until_ready()
        again = [place(client, (HERE, THERE)[at % 2], client_order_id=name) for at, name in enumerate(names)]
        assert [a["order_id"] for a in first if a["success"]] == [
            o for o, a in zip(again, first, strict=True) if a["success"]
        ]
        live = client.ask("query_orders", limit=100)["data"]["orders"]
        assert sorted(row["order_id"] for row in live) == sorted(again)
        last = client.ask("resume", last_seq=None, market="OTHER")["last_seq"]
        until(lambda: other.hear() and numbers_there(other)[-1:] == [last])
        told = numbers_there(other)
        assert told == list(range(told[0], told[0] + len(told)))
    cluster.manage("check_books")


def test_orders_at_both_go_with_a_gateway_that_is_killed(cluster: Cluster) -> None:
    watching, gone = cluster.client(1, "user001"), cluster.client(0, "user001")
    assert gone.ask("set_session", cancel_on_disconnect=True, grace_ms=0)["success"]
    orders = {place(watching, name) for name in (HERE, THERE)}
    every_gateway_has_told_of(cluster)
    cluster.gateways[0].kill()
    while orders:
        told = watching.until("order_status", status="Cancelled")
        assert told["reason"] == "DISCONNECT"
        orders.remove(told["order_id"])
    for client in (watching, gone):
        client.close()


def test_one_market_is_handed_over(cluster: Cluster) -> None:
    standby = EngineProcess(cluster.market, cluster.environment, "--market", "OTHER")
    standby.start()
    try:
        until(lambda: "stands by for market OTHER" in standby.log())
        with cluster.client(0, "user001") as client:
            before = [place(client, name) for name in (HERE, THERE)]
            cluster.manage("hand_over", "--market", "OTHER")
            after = [place(client, name) for name in (HERE, THERE)]
            assert client.ask("cancel_all")["cancelled"] == len(before + after)
        cluster.manage("check_books")
    finally:
        standby.end(signal.SIGKILL)
