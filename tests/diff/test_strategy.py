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
from bourse_client import SyncClient

from tests.e2e.cluster.making import OneOfMany
from tests.e2e.cluster.where import Where, seeded, where  # noqa: F401  # fixtures
from tests.e2e.conftest import new_server, seeded_market  # noqa: F401  # fixtures
from tests.e2e.server import PATIENCE, Server, environment_of
from tests.processes import end_with_parent

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("tqsdk") is None, reason="tqsdk is not installed")]
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


def begin(server: Server, name: str, *words: str) -> subprocess.Popen[str]:
    """A strategy that is talked to."""
    return subprocess.Popen(
        [sys.executable, STRATEGIES / name, *words],
        cwd=server.market.folder,
        env=environment_of(server.market.folder, addresses(server)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=end_with_parent,
    )


def wait_for_line(program: subprocess.Popen[str], line: str) -> None:
    assert program.stdout is not None
    heard = []
    for each in program.stdout:
        if each.strip() == line:
            return
        heard.append(each)
    raise AssertionError("".join(heard))


def of(server: Server, *users: str) -> list[str]:
    return [word for user in users for word in (user, server.market.tokens[user])]


def over_the_loss(server: Server, name: str, lost: int, *users: str) -> Any:
    """What a program says last that lives on while the exchange is killed; `lost`: how many connections go with it."""
    program = begin(server, name, SYMBOL, *of(server, *users), str(lost))
    try:
        wait_for_line(program, "now")
        server.kill()
        server.start()
        told, _ = program.communicate("it is back\n", timeout=5 * PATIENCE)
    finally:
        program.kill()
    assert program.returncode == 0, f"{told}\n{server.log()}"
    return json.loads(told.splitlines()[-1])


def test_two_accounts_of_a_program_trade_with_each_other(where: Where) -> None:  # noqa: F811
    server = where(RATE_LIMITS="on")
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
    assert seen["best"] == [["BEST", [0], 8], ["FIVELEVEL", [1, 2, 3, 4, 5], 4]]


@pytest.mark.long
def test_bars_of_any_length_and_ticks_follow_the_trades(where: Where) -> None:  # noqa: F811
    server = where(RATE_LIMITS="on")
    seen = run(server, "watch.py", SYMBOL, "CFFEX.IF2301", *of(server, "user003", "user004"))
    lengths = {"second": 1, "five": 5, "minute": 60, "three": 180, "quarter": 900, "two hours": 7200, "day": 86400}
    assert set(seen["charts"]) == set(lengths)
    for word, length in lengths.items():
        steps, volume, held, start = seen["charts"][word]
        assert (steps, volume, held) == ([1], 3.0, True), word
        assert (start + (8 * 3600 * 10**9 if word == "day" else 0)) % (length * 10**9) == 0, word
    assert seen["both"] is True


@pytest.mark.long
def test_a_target_is_reached_and_the_next_program_finds_what_was(where: Where) -> None:  # noqa: F811
    server = where(RATE_LIMITS="on")
    seen = run(server, "target.py", SYMBOL, *of(server, "user003", "user004"))
    assert seen == {"begun": 0, "seen": [[3, 0], [0, 2]], "again": [-2, True, True], "trades": 8}


@pytest.mark.long
def test_a_program_outlives_its_server(where: Where) -> None:  # noqa: F811
    """The client itself waits ten seconds or more before it connects again. An engine that goes takes no connection
    along."""
    server = where(RATE_LIMITS="on")
    lost = 0 if type(server) is OneOfMany else 2
    seen = over_the_loss(server, "come_back.py", lost, "user003")
    assert seen == {"orders": [1, 2, 3], "ids": [1]}


@pytest.mark.long
def test_a_target_is_followed_over_the_loss_of_the_exchange(where: Where) -> None:  # noqa: F811
    """Each order is there once, under the id that the program gave it, and what it was told is what was stored."""
    server = where(RATE_LIMITS="on")
    lost = 0 if type(server) is OneOfMany else 3
    seen = over_the_loss(server, "work_on.py", lost, "user003", "user004")
    assert seen["turns"] >= 6
    with SyncClient(server.http, "user004", server.token("user004"), patience=PATIENCE) as exchange:
        orders, trades = exchange.query_orders(), exchange.query_trades()
    names = {order.order_id: order.client_order_id for order in orders}
    stored = [(order.client_order_id, [order.volume, order.volume - order.filled_volume]) for order in orders]
    assert sorted(stored) == sorted((key, volumes) for key, volumes in seen["orders"].items())
    filled = [(trade.trade_id, [names[trade.order_id], trade.volume]) for trade in trades]
    assert sorted(filled) == sorted((trade_id, of_order) for trade_id, of_order in seen["trades"].items())
    server.manage("check_books")


@pytest.mark.long
def test_an_order_that_is_on_its_way_at_a_kill(new_server: Callable[..., Server]) -> None:  # noqa: F811
    """It is lost, whoever has placed it; its task can be cancelled, and another one goes on."""
    server = new_server(RATE_LIMITS="on")
    program = begin(server, "lost_order.py", SYMBOL, *of(server, "user003", "user004"), "3")
    assert program.stdin is not None
    try:
        wait_for_line(program, "ready")
        server.freeze()
        program.stdin.write("it hears no more\n")
        program.stdin.flush()
        wait_for_line(program, "under way")
        server.kill()
        server.start()
        told, _ = program.communicate("it is back\n", timeout=5 * PATIENCE)
    finally:
        program.kill()
    assert program.returncode == 0, f"{told}\n{server.log()}"
    seen = json.loads(told.splitlines()[-1])
    assert (seen["before"], seen["after"]) == (["ALIVE", "", 0], ["FINISHED", "", 0])
    with SyncClient(server.http, "user004", server.token("user004"), patience=PATIENCE) as exchange:
        (stored,) = exchange.query_orders()
    assert stored.client_order_id in seen["orders"] and len(seen["orders"]) == 2


LISTING = """
from trading.core.commands import ListInstrument
from trading.core.money import RATE, UNIT
from trading.core.types import Contract, Fee, Terms
from trading.operators import inline_engine

fee = Fee(3 * UNIT, 0)
contract = Contract(
    instrument_id="DCE.i2701", product_id="i", tick=UNIT // 2, multiplier=100, reference_price=800 * UNIT
)
terms = Terms(
    name="Iron ore", margin_long=RATE // 10, margin_short=RATE // 10, fee_open=fee, fee_close=fee, fee_close_today=fee
)
print(inline_engine.carry_out(ListInstrument(contract, terms), market="MAIN").status)
"""
"""Commission per lot, for TqSim knows no other."""


@pytest.mark.long
def test_an_account_here_and_one_of_tqsim_agree_on_the_same_fills(where: Where) -> None:  # noqa: F811
    server = where(RATE_LIMITS="on", start=False)
    assert server.manage("shell", "--verbosity", "0", "-c", LISTING).split() == ["DONE"]
    server.start()
    seen = run(server, "same_fills.py", "DCE.i2701", *of(server, "user003", "user004"))
    assert [each["commission"] for each in seen] == [15, 21, 33, 36, 45]
    assert [(each["long"], each["short"]) for each in seen] == [(5, 0), (3, 0), (3, 4), (3, 3), (0, 3)]
    assert [each["margin"] for each in seen[:2]] == [40_000, 24_000]
    assert seen[1]["close_profit"] == 300
