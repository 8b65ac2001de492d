"""Heartbeat, idle close and origins, as a client on the other side of a real server sees them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from http.client import HTTPConnection

import pytest
import websocket

from tests.e2e.client import Client, signed_in
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

IDLE_CLOSE = 4408
UNREADABLE = 400
"""daphne refuses such a header itself, before the application sees it."""


def test_the_server_pings_and_closes_whoever_stays_silent(new_server: Callable[..., Server]) -> None:
    ping, idle = 0.4, 3.0
    server = new_server(PING_SECONDS=ping, IDLE_SECONDS=idle)
    began = time.monotonic()
    with Client(server.ws) as silent, signed_in(server, "user001") as alive:
        started = time.monotonic()
        while time.monotonic() < started + 1.2 * idle:
            if alive.hear()["type"] == "ping":
                alive.send("pong")
        assert 2 <= len(alive.of("ping")) <= (time.monotonic() - began) / ping + 1
        assert silent.close_code() == IDLE_CLOSE
        assert len(silent.of("ping")) >= 2
        assert alive.ask("ping")["type"] == "pong", "an answered ping counts as life"
        stopped = time.monotonic()
        assert alive.close_code() == IDLE_CLOSE
        assert time.monotonic() - stopped > idle / 2


def handshake(server: Server, origin: str | None, path: str = "/ws") -> int:
    """The status of a handshake with this Origin header."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    try:
        connection.request("GET", path, headers=headers | ({} if origin is None else {"Origin": origin}))
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 101),
        ("http://127.0.0.1:{port}", 101),
        ("http://localhost:{port}", 101),
        ("https://evil.example", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("http://evil.example:{port}", 403),
        ("http://localhost@evil.example", 403),
        ("http://127.0.0.1:99999", UNREADABLE),
        ("http://[::1", UNREADABLE),
        ("", UNREADABLE),
    ],
)
def test_only_our_own_pages_may_open_the_socket(server: Server, origin: str | None, status: int) -> None:
    origin = origin and origin.format(port=server.port)
    assert handshake(server, origin) == status


def test_a_page_opened_from_a_file_is_let_into_the_demo_only(server: Server, new_server: Callable[..., Server]) -> None:
    assert handshake(server, "null") == 101
    assert handshake(new_server(DEMO="off"), "null") == 403


@pytest.mark.parametrize(("path", "status"), [("/ws/", 101), ("/ws?user_id=user001", 101), ("/wss", 403), ("/", 403)])
def test_the_socket_is_at_its_path_only(server: Server, path: str, status: int) -> None:
    assert handshake(server, None, path) == status


def test_a_websocket_client_is_told_why(server: Server) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(server.ws, origin="https://evil.example", timeout=60)
    assert refused.value.status_code == 403


def test_a_wrong_token_is_told_and_the_socket_lives(server: Server) -> None:
    with Client(server.ws, "user003") as client:
        assert client.ask("auth", user_id="user003", token="wrong")["message"] == "Invalid credentials"
        assert client.ask("auth", user_id="user004", token=server.token("user004"))["success"] is False
        assert client.ask("query_account")["code"] == 401
        assert client.ask("auth", user_id="user003", token=server.token("user003"))["success"]
        assert client.account()["user_id"] == "user003"


@pytest.mark.parametrize("program", ["daphne", "uvicorn"])
def test_a_crowd_that_comes_at_once_may_wait_and_is_not_dropped(
    new_server: Callable[..., Server], program: str
) -> None:
    """Nobody is taken in meanwhile: who has no room to wait would not be connected."""
    server = new_server(program=program)
    server.freeze()
    crowd = []
    try:
        for _ in range(100):
            crowd.append(socket.create_connection(("127.0.0.1", server.port), timeout=60))
    finally:
        os.kill(server.pid, signal.SIGCONT)
        for each in crowd:
            each.close()
    with signed_in(server, "user001") as client:
        assert client.ask("ping")["type"] == "pong"
