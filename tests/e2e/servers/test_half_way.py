"""A download that fails half-way: the browser hears that it is over and not whole, and the log says why."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.server import ROOT, environment_of
from tests.processes import free_port

pytestmark = pytest.mark.slow

APPLICATION = "tests.e2e.servers.half_way:application"
COMMANDS = {
    "daphne": ("daphne", "-p", "{port}", APPLICATION),
    "uvicorn": ("uvicorn", "--port", "{port}", APPLICATION),
}


def connect(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    """As soon as it listens."""
    while True:
        assert process.poll() is None, "the server ended"
        with suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port), timeout=60)


def heard_of(connection: socket.socket) -> bytes:
    """All that comes until the server hangs up, however it does."""
    heard = b""
    with suppress(ConnectionResetError):
        while read := connection.recv(65_536):
            heard += read
    return heard


@pytest.mark.parametrize("program", COMMANDS)
def test_what_fails_half_way_ends_without_an_end(tmp_path: Path, program: str) -> None:
    port, log = free_port(), tmp_path / "log"
    words = [word.format(port=port) for word in COMMANDS[program]]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=ROOT, env=environment_of(tmp_path), stdout=out, stderr=out
        )
    try:
        with connect(port, process) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            heard = heard_of(connection)
    finally:
        process.kill()
        process.wait()
    assert b"first line" in heard and not heard.endswith(b"0\r\n\r\n")
    assert "the second line cannot be read" in log.read_text()
