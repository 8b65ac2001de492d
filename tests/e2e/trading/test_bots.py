"""Bots make a real market alive: trades everywhere, books that always have two sides, and nothing left behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.e2e.client import Client, Frame
from tests.e2e.server import PATIENCE, ROOT, Server, environment_of
from tests.processes import end_with_parent
from trading.operators.demo_market import INSTRUMENTS

pytestmark = pytest.mark.long

NAMES = {listing.contract.instrument_id for listing in INSTRUMENTS}
SECONDS = 6.0
EXPECTED = {"1005", "1006", "1011", "1015"}
"""Refusals of bots that were overtaken by a trade: lots already closed, as many filled as an amendment leaves, an order
already filled, a price taken."""


def two_sided(book: Frame) -> bool:
    return bool(book["bids"] and book["asks"]) and book["bids"][0]["price"] < book["asks"][0]["price"]


def watch(server: Server) -> tuple[Counter[str], list[Frame]]:
    """Trades by instrument, and all books from the moment at which every instrument had two sides."""
    trades: Counter[str] = Counter()
    books: dict[str, Frame] = {}
    seen: list[Frame] = []
    ends = time.monotonic() + PATIENCE
    with Client(server.ws) as client:
        client.ask("subscribe", channels=["orderbook", "ticker"], instruments=sorted(NAMES))
        while time.monotonic() < ends:
            frame = client.hear()
            if frame["type"] == "ping":
                client.send("pong")
            elif frame["type"] == "ticker":
                trades[frame["instrument_id"]] += 1
            elif frame["type"] == "orderbook":
                books[frame["instrument_id"]] = frame
                if seen:
                    seen.append(frame)
                elif set(books) == NAMES and all(two_sided(book) for book in books.values()):
                    seen += books.values()
                    ends = time.monotonic() + SECONDS
    return trades, seen


def test_bots_make_a_market_and_leave_it_clean(new_server: Callable[..., Server]) -> None:
    server = new_server(RATE_LIMITS="on")
    words = [sys.executable, "manage.py", "run_bots", "--url", server.ws, "--seed", "7", "--speed", "15"]
    environment = environment_of(server.market.folder, server.extra)
    with subprocess.Popen(
        words,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=end_with_parent,
    ) as bots:
        try:
            trades, books = watch(server)
            bots.send_signal(signal.SIGTERM)
            said, _ = bots.communicate(timeout=PATIENCE)
        finally:
            bots.kill()
    assert books, f"the books never had two sides:\n{said}"
    assert set(trades) == NAMES
    assert [book for book in books if not two_sided(book)] == []
    assert bots.returncode == 0
    assert "ERROR" not in said and "Traceback" not in said and "WARNING" not in said, said
    assert set(re.findall(r"(\d+): [\d,]+", said.partition("refusals by code")[2])) <= EXPECTED, said
    assert server.market.rows("SELECT count(*) FROM trading_order WHERE status NOT IN ('Filled', 'Cancelled')") == [
        (0,)
    ]
    assert "agree" in server.manage("check_books")
    assert "The tables give the same." in server.manage("replay_journal")
    assert "ERROR" not in server.log() and "Traceback" not in server.log(), server.log()[-3000:]
