"""The documents for traders: frames are frames, and samples run as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
from bourse_client import SyncClient

from exchange_site.documents.shelf import ROOT
from tests.e2e.conftest import new_server, seeded_market, server
from tests.e2e.server import PATIENCE, Server, environment_of
from trading import protocol
from trading.core.types import NEXT_STATUS, CancelReason, OrderStatus

__all__ = ["new_server", "seeded_market", "server"]

NAMES = ("first-trade", "reconnecting", "life-of-an-order", "tqsdk", "ccxt")
SAYS = {
    "first-trade": r"it waits in the book: Submitted\ncancelled: 1\nI have [\d.]+ and hold \{\}\n",
    "reconnecting": r"True\nO\d{20} Submitted\nO\d{20} Cancelled\nFalse\n",
}


def text(name: str) -> str:
    return (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")


def samples(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text(name), re.DOTALL)


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_is_one_that_is_sent(name: str) -> None:
    kinds = {kind.__struct_config__.tag: kind for kind in protocol.ServerMessage.__args__}
    for frame in (line for block in samples(name, "json") for line in block.splitlines()):
        kind = kinds.get(json.loads(frame)["type"])
        if kind is None:
            protocol.decode(frame)
        else:
            assert protocol.encode(msgspec.json.decode(frame, type=kind)) == frame


def rows(name: str, heading: str) -> dict[str, str]:
    section = text(name).split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    below_the_head = section.split("|---|", 1)[1]
    return dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", below_the_head, re.MULTILINE))


def test_every_state_and_every_way_between_states_is_told() -> None:
    told = {
        state: re.findall(r"`(\w+)`", row.split("|")[1])
        for state, row in rows("life-of-an-order", "The states").items()
    }
    assert {state: sorted(ways) for state, ways in told.items()} == {
        state.value: sorted(to.value for to in ways) for state, ways in NEXT_STATUS.items()
    }
    picture = (ROOT / "docs/pictures/life-of-an-order.svg").read_text()
    assert {state for state in OrderStatus if f">{state}<" not in picture} == set()
    moves = sum(len(ways) for ways in NEXT_STATUS.values())
    beginnings = 2
    assert picture.count('<path d="') == moves + beginnings


def test_every_reason_is_told() -> None:
    assert set(rows("life-of-an-order", "Why it was cancelled")) == set(CancelReason) - {CancelReason.ASKED}


@pytest.mark.long
@pytest.mark.parametrize("name", SAYS)
def test_the_python_runs(server: Server, name: str) -> None:
    (sample,) = samples(name, "python")
    program = sample.replace("http://localhost:8081", server.http).replace("TOKEN", server.token("user001"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "clients/python")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0 and re.fullmatch(SAYS[name], done.stdout), done.stdout + done.stderr


@pytest.mark.long
def test_the_shell_lines_run(server: Server) -> None:
    answers: list[dict[str, object]] = []
    for sample in samples("first-trade", "sh"):
        done = subprocess.run(
            ["sh", "-euc", sample],
            env={"BOURSE": server.http, "TOKEN": server.token("user002"), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        decoder, rest = json.JSONDecoder(), done.stdout
        while rest:
            answer, end = decoder.raw_decode(rest)
            answers.append(answer)
            rest = rest[end:]
    assert not [answer for answer in answers if "code" in answer]
    book, placed, asked, account, cancelled = answers
    assert placed["order"] == asked["order"] and placed["order"]["status"] == "Submitted"  # type: ignore[index]
    assert cancelled["cancelled"] == 1 and "bids" in book and "account" in account


@pytest.mark.long
@pytest.mark.skipif(find_spec("tqsdk") is None, reason="tqsdk is not installed")
def test_the_program_for_tqsdk_runs(new_server: Callable[..., Server], tmp_path: Path) -> None:
    """Somebody sells what it buys at the upper limit, so it ends."""
    server = new_server()
    (sample,) = samples("tqsdk", "python")
    told = dict(each.split("=") for each in re.findall(r"TQ_\S+", text("tqsdk").split("```")[1]))
    host = server.http.removeprefix("http://")
    with SyncClient(server.http, "user002", server.token("user002"), patience=PATIENCE) as other:
        price = other.place("IX2301", "SELL", 2, 120.0).price
        done = subprocess.run(
            [sys.executable, "-c", sample.replace("TOKEN", server.token("user001"))],
            cwd=tmp_path,
            env=environment_of(tmp_path, {name: at.replace("localhost:8081", host) for name, at in told.items()}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=5 * PATIENCE,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"[({price}, 2)]"
