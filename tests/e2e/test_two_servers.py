"""Two servers on one database: only one engine, whatever happens to the servers. And other servers than daphne."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.client import signed_in
from tests.e2e.server import Server

REASON = "Another server runs the engine of market MAIN on this database; this one takes no orders."


def test_the_second_server_takes_no_orders_until_it_is_started_after_the_first(
    new_server: Callable[..., Server],
) -> None:
    first = new_server()
    with signed_in(first, "user001") as client:
        order = client.order("BUY", 1, 115)["order_id"]

        second = new_server(beside=first)
        with signed_in(second, "user002") as late:
            answer = late.order("BUY", 2, 115)
            assert (answer["success"], answer["error_code"], answer["error_message"]) == (False, 503, REASON)
            assert late.ask("cancel_order", order_id=order)["error_code"] == 503
            assert late.account()["frozen"] == 0.0
        told = [line for line in second.log().splitlines() if "CRITICAL" in line]
        assert len(told) == 1 and told[0].endswith(REASON), second.log()
        assert "Traceback" not in second.log()
        assert client.order("BUY", 3, 115)["success"], "the first goes on"

    first.kill()
    second.kill()
    second.start()
    with signed_in(second, "user001") as client:
        assert client.ask("query_order", order_id=order)["data"]["order"]["status"] == "Submitted"
        assert client.ask("cancel_order", order_id=order)["success"]
        assert "CRITICAL" not in second.log().split("Starting server")[-1]


def test_a_server_that_lost_its_market_by_force_writes_nothing(new_server: Callable[..., Server]) -> None:
    """Someone removes the lock file under a running server: the epoch in every commit still lets only one write."""
    first = new_server()
    with signed_in(first, "user001") as client:
        assert client.order("BUY", 1, 115)["success"]
        first.database.with_name(f"{first.database.name}.engine-MAIN.lock").unlink()
        second = new_server(beside=first)
        with signed_in(second, "user002") as late:
            bid = late.order("BUY", 2, 115)
            assert bid["success"]
            assert client.order("BUY", 3, 115)["error_code"] == 503
            late.ask("subscribe", channels=["orderbook"], instruments=["IX2301"])
            (level,) = late.until("orderbook")["bids"]
            assert (level["volume"], level["order_count"]) == (3.0, 2)
            assert late.ask("cancel_order", order_id=bid["order_id"])["success"]
        assert client.order("BUY", 3, 115)["error_code"] == 503
    assert "has taken market MAIN over" in first.log()


def test_uvicorn_serves_the_same(new_server: Callable[..., Server]) -> None:
    server = new_server(program="uvicorn")
    with signed_in(server, "user001") as seller, signed_in(server, "user002") as buyer:
        offer = seller.order("SELL", 2, 120)["order_id"]
        buyer.order("BUY", 2, 120)
        assert buyer.until("trade")["volume"] == 2.0
        assert seller.until("order_status", order_id=offer, status="Filled")
        seller.send_text("{")
        assert seller.until("error")["code"] == 400
        seller.socket.send_binary(b"{}")
        assert seller.until("error")["code"] == 400
    server.stop()
    assert "Finished server process" in server.log()
    assert "Traceback" not in server.log()
