"""What a load balancer, Prometheus and the log are told is true, also by a server that takes no orders."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.client import Client, signed_in
from tests.e2e.server import BOTH, Server

pytestmark = pytest.mark.slow

SECRET = "never-in-a-log"


def ask(server: Server, path: str, token: str | None = None) -> tuple[int, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(server.http + path, headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_server_is_ready_when_its_books_are_loaded_without_anybody_else_asking(
    new_server: Callable[..., Server],
) -> None:
    server = new_server()
    assert ask(server, "/healthz") == (200, "ok\n")
    deadline = time.monotonic() + 60
    while (answer := ask(server, "/readyz"))[0] != 200:
        assert answer == (503, "The books are being loaded.\n")
        assert time.monotonic() < deadline
    assert answer == (200, "ok\n")


def test_a_server_beside_another_is_alive_and_not_ready(new_server: Callable[..., Server]) -> None:
    first = new_server()
    while ask(first, "/readyz")[0] != 200:
        time.sleep(0.01)
    second = new_server(beside=first)
    deadline = time.monotonic() + 60
    while "Another process" not in (answer := ask(second, "/readyz"))[1]:
        assert answer[0] == 503 and time.monotonic() < deadline
    assert answer[0] == 503
    assert ask(second, "/healthz") == (200, "ok\n")


@BOTH
def test_a_running_exchange_is_seen_from_outside(new_server: Callable[..., Server], program: str) -> None:
    """The metrics tell what happened to an order, the log has a line about it, and no secret is in either."""
    server = new_server(program=program, LOG_FORMAT="json", LOG_ORDERS="on", METRICS_TOKEN=SECRET)
    stranger = Client(f"{server.ws}?token={SECRET}")
    with signed_in(server, "user001") as client:
        order_id = client.order("BUY", 1, 115, client_order_id="mine")["order_id"]
        client.order("BUY", 1, 999)
        pages = [ask(server, f"{path}?token={SECRET}")[0] for path in ("/healthz", "/nowhere", "/metrics")]
        status, text = ask(server, "/metrics", SECRET)
    stranger.close()
    server.stop()
    assert (pages, status) == ([200, 404, 404], 200)
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    expected = {
        ("bourse_ready",): 1,
        ("bourse_connections_open",): 2,
        ("bourse_connections_opened_total",): 2,
        ("bourse_connections_authenticated",): 1,
        ("bourse_orders_live",): 1,
        ("bourse_commands_total", "SubmitOrder", "done"): 1,
        ("bourse_commands_total", "SubmitOrder", "1008"): 1,
        ("bourse_command_answer_seconds_count",): 2,
        ("bourse_batch_stage_seconds_count", "commit"): 1,
        ("bourse_books_sent_total",): 1,
    }
    assert {key: told.get(key) for key in expected} == expected
    assert told["process_resident_memory_bytes",] > 0

    log = server.log()
    assert SECRET not in log and server.token("user001") not in log
    lines = [json.loads(line) for line in log.splitlines()]
    answered = [line for line in lines if line["logger"] == "trading.order_log"]
    assert [(line.get("order_id"), line.get("client_order_id"), line["result"]) for line in answered] == [
        (order_id, "mine", "done"),
        (None, None, "1008"),
    ]
    assert any("/ws" in line["message"] for line in lines), "the requests are among the lines"
    assert not any("Traceback" in str(line) for line in lines)
