"""A server that we know nothing of: what ASGI promises is enough to sign in, trade, read slowly and be closed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.client import Client, signed_in
from tests.e2e.server import PATIENT, Server

pytestmark = pytest.mark.long

NAMES = [f"{number:060}" for number in range(20)]
FRAMES = 4_000
"""Ten megabytes of answers: more than the system's buffers take for a client that does not read."""


def test_granian_serves_the_same(new_server: Callable[..., Server]) -> None:
    server = new_server(program="granian")
    with signed_in(server, "user001") as seller, signed_in(server, "user002") as buyer:
        assert buyer.ask("subscribe", channels=["orderbook", "ticker"], instruments=["IX2301"])["success"]
        offer = seller.order("SELL", 2, 120)["order_id"]
        while not buyer.until("orderbook")["asks"]:
            pass
        buyer.order("BUY", 2, 120)
        assert buyer.until("trade")["volume"] == 2.0
        assert seller.until("order_status", order_id=offer, status="Filled")
        assert buyer.until("ticker")["last_price"] == 120
        seller.send_wrong("{")
        assert seller.until("error")["code"] == 400
        seller.socket.send_binary(b"{}")
        assert seller.until("error")["code"] == 400
    assert "Traceback" not in server.log()


def test_a_late_reader_under_granian_gets_every_frame_in_order(new_server: Callable[..., Server]) -> None:
    server = new_server(program="granian", **PATIENT)
    with signed_in(server, "user001") as client:
        for number in range(FRAMES):
            client.send("subscribe", channels=NAMES, instruments=[], request_id=number)
        time.sleep(0.5)  # while it does not read
        with signed_in(server, "user002") as other:
            assert other.order("BUY", 1, 115)["success"], "nobody else is held up"
        for number in range(FRAMES):
            answer = client.until("subscribe_response")
            assert (answer["request_id"], answer["channels"]) == (number, NAMES)
    assert "Traceback" not in server.log()


def test_granian_closes_whoever_stays_silent(new_server: Callable[..., Server]) -> None:
    server = new_server(program="granian", PING_SECONDS=0.2, IDLE_SECONDS=0.5)
    client = Client(server.ws)
    assert client.until("ping")
    assert client.close_code() == 4408
    client.close()
    assert "Traceback" not in server.log()
