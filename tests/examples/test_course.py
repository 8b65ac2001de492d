"""Each step of the course runs against a live server, alone in its market, so that what it says is known."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from bourse_client import Client

from tests.e2e.server import PATIENCE, ROOT, Server

NAME = "IX2301"
COURSE = ROOT / "examples/course"
SAYS = [
    r".*: a tick is 0.5, a point is worth 100 a lot\nbids \[.*\]\nasks \[.*\]\nthe middle is 120.0\n",
    r"(O\d{20}) Submitted\n\1 Cancelled\nrefused: 1007 .*\n",
    r"BUY 2.0 @ 119.0 Submitted\nSELL 2.0 @ 121.0 Submitted\n2 cancelled\n",
]


def taken(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(COURSE / "maker.py"), *words],
        env={"PYTHONPATH": str(ROOT / "clients/python")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


async def step(server: Server, number: int, seconds: float = 1.0) -> str:
    words = [server.token("user001"), "--step", str(number), "--url", server.http, "--seconds", str(seconds)]
    done = await asyncio.to_thread(taken, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("number", [1, 5])
def test_a_step_with_a_wrong_token_ends_with_one_sentence(server: Server, number: int) -> None:
    done = taken("wrong", "--step", str(number), "--url", server.http)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "NotAuthenticated: 401 Invalid credentials\n"


@pytest.mark.long
async def test_each_step_runs_and_the_maker_leans_against_its_position(new_server: Callable[..., Server]) -> None:
    server = new_server()
    for number, says in enumerate(SAYS, 1):
        said = await step(server, number)
        assert re.fullmatch(says, said), said
    assert await step(server, 4) == "quoted 1 times; position 0.0\n"
    users = [Client(server.ws, user, server.token(user), patience=PATIENCE) for user in ("user001", "user002")]
    async with users[0] as maker, users[1] as other:
        await other.sell(NAME, 6, 120.0)
        await maker.finished((await maker.buy(NAME, 6, 120.0)).order_id)
        assert await step(server, 5) == "quoted 1 times; position 6.0\n"
        quoted = [(order.direction, order.offset, order.price) for order in await maker.query_orders(most=2)]
        assert quoted == [("SELL", "CLOSE", 120.0), ("BUY", "OPEN", 118.0)], "two ticks lower than without a position"
        assert await maker.query_orders(status="LIVE") == []
    assert re.fullmatch(
        r"1 trades, 6.0 lots\nbalance [\d.]+ of which profit of the day -?[\d.]+\n", await step(server, 6)
    )


def test_both_texts_tell_of_every_step() -> None:
    texts = [(COURSE / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")]
    commands = [re.findall(r"maker\.py .*", text) for text in texts]
    assert commands[0] == commands[1] and [line.split("--step ")[1][0] for line in commands[0]] == list("123456")
