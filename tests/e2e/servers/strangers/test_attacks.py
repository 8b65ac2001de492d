"""The attacks of `make attack` for a moment each: the honest are answered, the server stays small, and whoever does not
stop is closed. How long the honest wait depends on the machine: that is what `make attack` is for."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection

import pytest
from websocket import ABNF

from exchange_site.security.request_bounds import BODY_BYTES
from exchange_site.servers.intake import FLOOD_SECONDS
from tests.attack.__main__ import Row, under
from tests.attack.attacks import MIB, PING, TEXT, Attack, block, empty_fragments, endless, frame
from tests.e2e.client import Client, signed_in
from tests.e2e.server import BOTH, Server

pytestmark = pytest.mark.slow

LIMITS = {"RATE_LIMITS": "on", "IDLE_SECONDS": 60}
MOST_MIB = 80
"""Beyond what it has: a server without bounds takes hundreds in this time."""
PATIENCE = 60.0


def hold(server: Server, attack: str) -> Row:
    row = asyncio.run(under(attack, server, 1.0))
    assert not row.waits.closed and not row.waits.unanswered, f"{attack}: the honest were not answered"
    assert row.most - row.before < MOST_MIB, f"{attack}: {row.before:.0f} MiB became {row.most:.0f}"
    return row


@BOTH
def test_the_honest_are_answered_whatever_strangers_send(new_server: Callable[..., Server], program: str) -> None:
    server = new_server(program=program, **LIMITS)
    for attack in ("pings", "empty_fragments", "nothings", "bombs", "large_frames", "connects", "bodies", "pages"):
        hold(server, attack)
    assert "Traceback" not in server.log()


@pytest.mark.long
@BOTH
@pytest.mark.parametrize("flood", [PING, TEXT], ids=["pings", "texts"])
def test_a_flooding_stranger_is_not_read_and_then_closed(
    new_server: Callable[..., Server], program: str, flood: int
) -> None:
    server = new_server(program=program, **LIMITS)
    attack = Attack(server.port, PATIENCE)
    asyncio.run(attack.pour(endless(block(frame(flood, b"{}" if flood == TEXT else b"")))))
    assert sum(attack.ends.values()) == 1, "it was closed, not left"
    assert attack.until - time.monotonic() < PATIENCE - FLOOD_SECONDS + 1
    assert attack.sent < 64 * MIB, "what is not read stays with the sender"


@pytest.mark.long
@BOTH
def test_empty_fragments_too(new_server: Callable[..., Server], program: str) -> None:
    server = new_server(program=program, **LIMITS)
    attack = Attack(server.port, PATIENCE)
    asyncio.run(empty_fragments(attack))
    assert attack.ends


@BOTH
def test_a_pause_of_the_server_is_not_the_clients_silence(new_server: Callable[..., Server], program: str) -> None:
    server = new_server(program=program, PING_SECONDS=60, IDLE_SECONDS=4)
    with signed_in(server, "user001") as client:
        os.kill(server.pid, signal.SIGSTOP)
        until = time.monotonic() + 6
        while time.monotonic() < until:
            client.send("ping")
            time.sleep(0.2)
        os.kill(server.pid, signal.SIGCONT)
        assert client.order("BUY", 1, 115)["success"]


@BOTH
def test_a_client_that_only_answers_pings_of_the_protocol_stays(
    new_server: Callable[..., Server], program: str
) -> None:
    """As a browser's page does that sends nothing of its own."""
    server = new_server(program=program, PING_SECONDS=0.3, IDLE_SECONDS=4)
    with Client(server.ws) as client:
        until = time.monotonic() + 6
        while time.monotonic() < until:
            client.hear()  # the library answers pings meanwhile
        assert client.ask("ping")["type"] == "pong"


@BOTH
def test_a_client_that_only_sends_pings_of_the_protocol_stays(new_server: Callable[..., Server], program: str) -> None:
    """One that sends nothing is closed meanwhile. The server sends no pings that could be answered."""
    server = new_server(program=program, PING_SECONDS=600, IDLE_SECONDS=6)
    with Client(server.ws) as client, Client(server.ws) as silent, ThreadPoolExecutor() as beside:
        closed = beside.submit(silent.close_code)
        while not closed.done():
            client.socket.ping()
            opcode, _ = client.socket.recv_data(control_frame=True)
            assert opcode == ABNF.OPCODE_PONG
        assert closed.result() == 4408
        assert client.ask("ping")["type"] == "pong"


@BOTH
@pytest.mark.parametrize(
    "offer", ["permessage-deflate", "permessage-deflate; server_max_window_bits=8", "nonsense; x=1"]
)
def test_compression_is_declined(new_server: Callable[..., Server], program: str, offer: str) -> None:
    server = new_server(program=program)
    with Client(server.ws, header=[f"Sec-WebSocket-Extensions: {offer}"]) as client:
        assert "sec-websocket-extensions" not in client.socket.headers
        assert client.ask("ping")["type"] == "pong"


@BOTH
def test_a_body_that_is_too_large_is_413(new_server: Callable[..., Server], program: str) -> None:
    server = new_server(program=program)
    for size, status in ((BODY_BYTES + 1, 413), (BODY_BYTES, 403)):  # without a token of the page it is refused anyway
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("POST", "/session", b"x" * size, {"Host": "localhost", "Content-Type": "application/json"})
        assert connection.getresponse().status == status
        connection.close()


@BOTH
def test_a_forwarded_address_is_believed_of_nobody_unless_there_is_a_proxy(
    new_server: Callable[..., Server], program: str
) -> None:
    server = new_server(program=program, LOGIN_ATTEMPTS=2)
    statuses = []
    for number in range(4):
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        secret = "a" * 32
        connection.request(
            "POST",
            "/session",
            f'{{"user_id": "nobody{number}", "password": "wrong"}}',
            {
                "Content-Type": "application/json",
                "X-Forwarded-For": f"10.0.0.{number}",
                "Cookie": f"csrftoken={secret}",
                "X-CSRFToken": secret,
            },
        )
        statuses.append(connection.getresponse().status)
        connection.close()
    assert statuses[0] == 401 and statuses[-1] == 429


@pytest.mark.long
@BOTH
def test_half_a_request_does_not_wait_for_ever(
    new_server: Callable[..., Server], program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = new_server(program=program)
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as half:
        half.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        assert half.recv(65_536).startswith(b"HTTP/1.1 408 ")
        with suppress(ConnectionResetError):  # closed, with or without leave
            assert half.recv(1) == b""
