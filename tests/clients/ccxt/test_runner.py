"""The tests that ccxt brings along for every exchange, run by its own runner against a live server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.clients.ccxt.people import DATED, ENDLESS, list_dated, user
from tests.e2e.cluster.where import Where
from tests.e2e.server import COMMAND_PATIENCE, ROOT, Server

pytestmark = pytest.mark.long

PROGRAM = """
import runpy, sys
sys.path[:0] = ["python/ccxt/test", "python"]
import ccxt_bourse, tests_helpers
ccxt_bourse.register()
tests_helpers.ROOT_DIR = "./"
sys.argv[0] = "python/ccxt/test/tests_init.py"
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""The runner does not run from `site-packages`, so it is shown ccxt by another path. Its settings are beside it."""

SAID = "said.txt"
NOT_KEPT = "the exchange does not keep it"
NO_CHAIN = "money is booked by operators: there is no chain that it comes over"
SKIPPED = {
    "ledger": {"before": NOT_KEPT, "after": NOT_KEPT, "fee": "a fee is an entry of its own"},
    "fetchDeposits": dict.fromkeys(
        ("txid", "network", "address", "addressTo", "addressFrom", "tag", "tagTo", "tagFrom", "updated", "fee"),
        NO_CHAIN,
    ),
}
"""All that is left out. `createOrder`, which runs with a flag only, needs a balance in the base currency, and a
contract has none: `test_trading.py` places orders."""

PUBLIC = {
    "afterConstruct",
    "features",
    "fetchOHLCV",
    "fetchOrderBook",
    "fetchStatus",
    "fetchTicker",
    "fetchTickers",
    "fetchTrades",
    "loadMarkets",
}
PRIVATE = {
    "fetchBalance",
    "fetchClosedOrders",
    "fetchDeposits",
    "fetchLedger",
    "fetchMyTrades",
    "fetchOpenOrders",
    "fetchOrders",
    "fetchPositions",
    "fetchTradingFees",
    "fetchWithdrawals",
}
WATCHED = {
    "loadMarkets",
    "watchBalance",
    "watchMyTrades",
    "watchOHLCV",
    "watchOrderBook",
    "watchOrders",
    "watchPositions",
    "watchTicker",
    "watchTrades",
}


@pytest.fixture(scope="module")
def server(somewhere: Where) -> Server:
    own = somewhere(start=False)
    list_dated(own)
    own.start()
    with user(own, "user001") as buyer, user(own, "user002") as seller:
        for symbol, price in ((ENDLESS, 120), (DATED, 800)):
            trade(buyer, seller, symbol, price)
            buyer.create_order(symbol, "limit", "buy", 2, price - 1)
            seller.create_order(symbol, "limit", "sell", 2, price + 1)
    return own


def trade(buyer: Any, seller: Any, symbol: str, price: float) -> None:
    buyer.create_order(symbol, "limit", "buy", 1, price)
    seller.create_order(symbol, "limit", "sell", 1, price)


def begin(server: Server, folder: Path, symbol: str, *flags: str) -> subprocess.Popen[bytes]:
    """Its settings are beside it: whose keys, and what is left out."""
    (folder / "python").mkdir()
    (folder / "python/ccxt").symlink_to(Path(ccxt.__file__).parent)
    keys = {"apiKey": "user001", "secret": server.token("user001"), "hostname": server.http}
    (folder / "keys.json").write_text(json.dumps({"bourse": keys | {"options": {"currency": "USDT"}}}))
    skips = {"bourse": {"preferredSwapSymbol": symbol.replace("CNY", "USDT"), "skipMethods": SKIPPED}}
    (folder / "skip-tests.json").write_text(json.dumps(skips))
    with (folder / SAID).open("w") as said:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--private", *flags, "bourse"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT / "clients/ccxt_bourse")},
            stdout=said,
            stderr=subprocess.STDOUT,
        )


def passed(runner: subprocess.Popen[bytes], folder: Path) -> set[str]:
    """The tests that it has ended well; none may fail or be given up."""
    try:
        runner.wait(COMMAND_PATIENCE)
    finally:
        runner.kill()
    said = (folder / SAID).read_text()
    assert runner.returncode == 0 and "[TEST_FAILURE]" not in said and "[TEST_WARNING]" not in said, said
    return set(re.findall(r"TESTING DONE +bourse (\w+)", said))


@pytest.mark.parametrize("flags", [["--sync"], []], ids=["blocking", "asyncio"])
@pytest.mark.parametrize("symbol", [ENDLESS, DATED])
def test_over_rest(server: Server, tmp_path: Path, symbol: str, flags: list[str]) -> None:
    assert passed(begin(server, tmp_path, symbol, *flags), tmp_path) >= PUBLIC | PRIVATE


def test_over_the_socket(server: Server, tmp_path: Path) -> None:
    """What it watches has to happen meanwhile."""
    runner = begin(server, tmp_path, ENDLESS, "--ws")
    with user(server, "user001") as buyer, user(server, "user002") as seller:
        while runner.poll() is None:
            trade(buyer, seller, ENDLESS, 120)
    assert passed(runner, tmp_path) >= WATCHED
