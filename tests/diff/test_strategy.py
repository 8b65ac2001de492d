"""Programs written with tqsdk, as it is installed, against a real server: only their environment says where it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import new_server, seeded_market  # noqa: F401  # fixtures
from tests.e2e.server import PATIENCE, Server, environment_of

pytestmark = pytest.mark.skipif(find_spec("tqsdk") is None, reason="tqsdk is not installed")
STRATEGIES = Path(__file__).parent / "strategies"
SYMBOL = "CFFEX.IX2301"


def addresses(server: Server) -> dict[str, str]:
    web, socket = f"{server.http}/diff", f"{server.http.replace('http', 'ws')}/diff"
    return {
        "TQ_AUTH_URL": web,
        "TQ_INS_URL": f"{web}/symbols.json",
        "TQ_MD_URL": f"{socket}/md",
        "TQ_TD_URL": f"{socket}/td",
    }


def run(server: Server, name: str, *words: str) -> Any:
    """What a strategy has seen."""
    done = subprocess.run(
        [sys.executable, STRATEGIES / name, *words],
        cwd=server.market.folder,
        env=environment_of(server.market.folder, addresses(server)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{server.log()}"
    return json.loads(done.stdout.splitlines()[-1])


def of(server: Server, *users: str) -> list[str]:
    return [word for user in users for word in (user, server.market.tokens[user])]


def test_two_accounts_of_a_program_trade_with_each_other(new_server: Callable[..., Server]) -> None:  # noqa: F811
    server = new_server(RATE_LIMITS="on")
    seen = run(server, "trade.py", SYMBOL, *of(server, "user003", "user004"))
    price = seen["price"]
    assert SYMBOL in seen["symbols"] and seen["tick"] == 0.5
    assert seen["cancelled"] == [3, False]
    assert seen["taken"] == [0, [[price, 2]], price]
    assert seen["position"] == [2, True]
    assert seen["offer"] == [3, "ALIVE"]
    assert seen["greedy"] == 50
    assert seen["refused"][0] is True and seen["refused"][1].startswith("Price must be from")
    assert seen["again"] == 1
