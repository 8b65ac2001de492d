"""The command as somebody types it, in this process, with settings of its own: against the server that all share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bourse_client.command_line.main import main

from tests.e2e.server import Server

PATIENCE = "60"
INSTRUMENT = "IX2301"


class Said(NamedTuple):
    """What a command has left: its exit code, and what it has written."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Its lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


Type = Callable[..., Said]


@pytest.fixture
def settings_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command keeps its file; empty, and nothing is set in the environment."""
    for name in ("BOURSE_URL", "BOURSE_USER", "BOURSE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("BOURSE_TIMEOUT", PATIENCE)
    return tmp_path / "bourse"


@pytest.fixture
def types(
    settings_folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Type]:
    """`types("account", user="user002")`; afterwards nobody has an order or a position."""

    def run(*words: str, user: str = "user001") -> Said:
        monkeypatch.setenv("BOURSE_URL", server.http)
        monkeypatch.setenv("BOURSE_USER", user)
        monkeypatch.setenv("BOURSE_TOKEN", server.token(user))
        code = main(words)
        return Said(code, *capsys.readouterr())

    yield run
    for user in ("user001", "user002"):
        assert run("cancel", "--all", "--yes", user=user).code == 0
    held = {user: run("positions", "--json", user=user).lines for user in ("user001", "user002")}
    for user, side in (("user001", "volume_long"), ("user002", "volume_short")):
        for position in held[user]:
            assert run("close", position["instrument_id"], str(position[side]), "@119.5", user=user).code == 0


def until_shown(types: Type, levels: list[tuple[float, float]]) -> Any:
    """The book as soon as it has these levels (price and lots, the best bid first): it is told some milliseconds
    after an order is acknowledged."""
    deadline, seen = time.monotonic() + float(PATIENCE), None
    while seen != levels:
        assert time.monotonic() < deadline, seen
        book = types("book", INSTRUMENT, "--json").lines[0]
        seen = [(level["price"], level["volume"]) for level in book["bids"] + book["asks"]]
    return book
