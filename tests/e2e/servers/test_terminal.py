"""Where the log goes: to the terminal as ever, or to a file of JSON lines, and then the terminal is for a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.client import Client
from tests.e2e.server import Server

pytestmark = pytest.mark.slow


def visited(server: Server) -> None:
    """Somebody was there, and the server has ended."""
    with Client(server.ws, "user001", server.token("user001")):
        pass
    server.stop()


def test_everything_goes_to_the_terminal_unless_a_file_is_named(new_server: Callable[..., Server]) -> None:
    server = new_server()
    visited(server)
    assert " INFO " in server.log() and "/ws" in server.log()


def test_a_terminal_for_a_person_has_no_line_for_each_connection(
    new_server: Callable[..., Server], tmp_path: Path
) -> None:
    log = tmp_path / "log" / "server.jsonl"
    server = new_server(LOG_FILE=log)
    visited(server)
    assert server.log() == ""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("/ws" in line["message"] for line in lines)
    assert any(line["message"] == "the exchange stops" for line in lines)
    assert log.parent.stat().st_mode & 0o077 == 0
