"""More clients than a server may have open files: those beyond are told so, and nobody else notices."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from urllib.request import urlopen

import pytest

from tests.e2e.client import Client, signed_in
from tests.e2e.server import Server

pytestmark = pytest.mark.slow

FILES, CROWD = 256, 400
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + b"a" * 22 + b"==\r\n\r\n"
)


@pytest.mark.parametrize("program", ["daphne", "uvicorn"])
def test_with_few_open_files_the_market_goes_on(new_server: Callable[..., Server], program: str) -> None:
    server = new_server(program=program, files=FILES, IDLE_SECONDS=600)
    with signed_in(server, "user001") as trader, ExitStack() as crowd:
        connections = [crowd.enter_context(socket.socket()) for _ in range(CROWD)]
        for connection in connections:  # all at once: none waits for the one before to be taken in
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", server.port))
        assert trader.order("BUY", 1, 115)["success"]
        answers = Counter(answer_to(connection) for connection in connections)
        assert set(answers) == {b"101", b"503"}, answers
        assert answers[b"101"] > FILES // 4, answers
        placed = [trader.order("BUY", 1, 115)["order_id"] for _ in range(20)]
        known = trader.ask("query_orders", limit=20)["data"]["orders"]
        assert [each["order_id"] for each in reversed(known)] == placed
    for path in ("/healthz", "/readyz", "/"):
        assert urlopen(server.http + path, timeout=60).status == 200
    with Client(server.ws) as newcomer:
        newcomer.send("ping")
        newcomer.until("pong")
    said = server.log()
    assert said.count(" ERROR ") == 1 and "no room for more connections" in said, said


def answer_to(connection: socket.socket) -> bytes:
    """The status of the handshake."""
    connection.settimeout(60)
    with suppress(BrokenPipeError, ConnectionResetError):  # it was told before it asked
        connection.sendall(HANDSHAKE)
    return connection.recv(12).rpartition(b" ")[2]
