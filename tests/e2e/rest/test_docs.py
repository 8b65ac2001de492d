"""The examples of docs/rest.md, run by a shell against a server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.server import Server
from tests.services import missing

TEXT = (Path(__file__).resolve().parents[3] / "docs/rest.md").read_text()
EXAMPLES = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
SHOWN = [json.loads(shown) for shown in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]


@pytest.fixture
def curl() -> str:
    return shutil.which("curl") or missing("curl")


def test_the_examples_do_what_the_page_says(new_server: Callable[..., Server], curl: str) -> None:
    server = new_server()
    answers: list[dict[str, object]] = []
    for example in EXAMPLES:
        done = subprocess.run(
            ["sh", "-euc", example],
            env={"BOURSE": server.http, "TOKEN": server.market.tokens["user001"], "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        decoder, rest = json.JSONDecoder(), done.stdout
        while rest:
            answer, end = decoder.raw_decode(rest)
            answers.append(answer)
            rest = rest[end:]
    assert not [answer for answer in answers if "code" in answer]
    assert len(answers) == "".join(EXAMPLES).count("curl") - 1
    _, placed, amended, cancelled, *_ = answers
    assert _alike(placed, SHOWN[0])
    assert [each["order"]["status"] for each in (placed, amended, cancelled)] == ["Submitted", "Submitted", "Cancelled"]  # type: ignore[index]


def _alike(one: object, other: object) -> bool:
    """With the same fields, all the way down."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    return type(one) is type(other)


def test_a_refusal_looks_as_the_page_shows_it(new_server: Callable[..., Server], curl: str) -> None:
    server = new_server()
    order = re.search(r"-d '(\{\"instrument_id.*?\})'", TEXT, re.DOTALL)
    assert order is not None
    words = ["-H", f"Authorization: Bearer {server.market.tokens['user001']}", "-H", "Content-Type: application/json"]
    body = order[1].replace("119.5", "119.3")
    command = [curl, "-s", f"{server.http}/api/v1/orders/", *words, "-d", body]
    answer = json.loads(subprocess.run(command, capture_output=True, timeout=60, check=True).stdout)
    assert {**answer, "request_id": SHOWN[1]["request_id"]} == SHOWN[1]
