"""A server that is asked to stop finishes what it has taken, says so to everybody, and loses nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from tests.e2e.client import Client, order_fields, signed_in
from tests.e2e.server import PATIENCE, Server

pytestmark = pytest.mark.slow


def test_everybody_is_told_and_every_order_is_answered_and_stored(new_server: Callable[..., Server]) -> None:
    server = new_server()
    stranger = Client(server.ws)
    with signed_in(server, "user001") as client:
        for number in range(300):
            client.send("submit_order", request_id=number, **order_fields("BUY", 1, 115))
        client.hear()
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        answers = {}
        while True:
            frame = client.hear()
            if frame["type"] == "order_response":
                answers[frame["request_id"]] = frame
            if frame["type"] == "announcement":
                break
        assert client.close_code() == 1012
    assert stranger.until("announcement")["message"].startswith("The exchange stops")
    assert stranger.close_code() == 1012
    stranger.close()
    acknowledged = {answer["order_id"] for answer in answers.values() if answer["success"]}
    refused = [answer for answer in answers.values() if not answer["success"]]
    assert acknowledged and {answer["error_code"] for answer in refused} <= {503}
    stopping.join(20)
    server.start()
    with signed_in(server, "user001") as client:
        stored = {order["order_id"] for order in client.ask("query_orders", limit=200)["data"]["orders"]}
        page = client.ask("query_orders", limit=200)["data"]
        while page["next"]:
            page = client.ask("query_orders", limit=200, before=page["next"])["data"]
            stored |= {order["order_id"] for order in page["orders"]}
        assert acknowledged <= stored
    assert "Traceback" not in server.log(), server.log()[-3000:]


def test_a_stopped_server_ends_soon_even_when_a_client_does_not(new_server: Callable[..., Server]) -> None:
    server = new_server()
    client = signed_in(server, "user001")
    process = server._process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=PATIENCE)
    client.socket.shutdown()


def test_uvicorn_closes_with_the_same_code(new_server: Callable[..., Server]) -> None:
    server = new_server(program="uvicorn")
    client = signed_in(server, "user001")
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    assert client.close_code() == 1012
    client.close()
    stopping.join(20)
