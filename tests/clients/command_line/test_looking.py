"""What a command shows: the market, the account, and what is told while one looks on."""

from __future__ import annotations

import csv
import io
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.clients.command_line.conftest import INSTRUMENT, Type, until_shown
from tests.e2e.server import PATIENCE, ROOT

pytestmark = pytest.mark.slow

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(types: Type, settings_folder: Path) -> Start:
    """Starts the command in a process of its own, as user001."""
    types("ticker")

    def run(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "bourse_client", *words],
            cwd=ROOT / "clients/python",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


def test_a_book(types: Type) -> None:
    types("buy", INSTRUMENT, "12", "@119")
    types("buy", INSTRUMENT, "3", "@118.5")
    types("sell", INSTRUMENT, "2", "@120.5")
    until_shown(types, [(119.0, 12.0), (118.5, 3.0), (120.5, 2.0)])
    book = types("book", INSTRUMENT, "--depth", "1", "--json").lines[0]
    assert book["bids"] == [{"price": 119.0, "volume": 12.0, "order_count": 1}]
    assert book["asks"] == [{"price": 120.5, "volume": 2.0, "order_count": 1}]
    rows = types("book", INSTRUMENT).out
    assert "spread 1.5" in rows and re.search(r"120\.5 +2.*\n.*12 +119 .*\n.*3 +118\.5", rows), rows


def test_an_instrument_that_is_none(types: Type) -> None:
    for words in (("book", "NONE"), ("ticker", "NONE"), ("bars", "NONE"), ("book", "NONE", "--live")):
        said = types(*words)
        assert said.code == 1 and said.err.count("\n") == 1, words


def test_a_book_that_lives(types: Type, start: Start) -> None:
    types("buy", INSTRUMENT, "1", "@119")
    until_shown(types, [(119.0, 1.0)])
    with start("book", INSTRUMENT, "--live", "--count", "2", "--json") as following:
        assert following.stdout is not None
        assert '"bids":[{"price":119.0,"volume":1.0' in following.stdout.readline()
        types("buy", INSTRUMENT, "4", "@119")
        assert '"bids":[{"price":119.0,"volume":5.0' in following.communicate(timeout=PATIENCE)[0]
        assert following.returncode == 0
    with start("book", INSTRUMENT, "--live") as following:  # In a pipe one picture comes after the other.
        assert following.stdout is not None and any("119" in line for line in following.stdout)
        following.send_signal(signal.SIGINT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here is always full")
@pytest.mark.parametrize("words", [("account",), ("bars", INSTRUMENT, "--csv"), ("book", INSTRUMENT)])
def test_what_cannot_be_written_is_told(types: Type, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched, suppress(OSError), open("/dev/full", "w") as full:
        patched.setattr(sys, "stdout", full)
        said = types(*words)
    assert (said.code, said.err) == (7, "bourse: the outcome cannot be written: No space left on device\n")


def test_the_day_and_every_trade(types: Type) -> None:
    types("buy", INSTRUMENT, "2", "@119.5")
    types("sell", INSTRUMENT, "2", "@119.5", user="user002")
    day = types("ticker", INSTRUMENT, "--json").lines[0]
    assert (day["instrument_id"], day["last_price"]) == (INSTRUMENT, 119.5) and day["volume"] >= 2
    assert INSTRUMENT in types("ticker").out
    trade = types("ticker", INSTRUMENT, "--live", "--count", "1", "--json").lines[0]
    assert (trade["last_price"], trade["volume"], trade["direction"]) == (119.5, 2.0, "SELL")
    assert "SELL" in types("ticker", INSTRUMENT, "--live", "--count", "1").out


def test_bars_for_a_spreadsheet(types: Type) -> None:
    types("buy", INSTRUMENT, "2", "@119.5")
    types("sell", INSTRUMENT, "2", "@119.5", user="user002")
    rows = list(csv.DictReader(io.StringIO(types("bars", INSTRUMENT, "--period", "1d", "--csv").out)))
    bars = types("bars", INSTRUMENT, "--period", "1d", "--most", "1001", "--json").lines
    assert [float(row["close"]) for row in rows] == [bar["close"] for bar in bars]
    assert rows[-1]["close"] == "119.5" and bars == sorted(bars, key=lambda bar: bar["start"])
    assert "open interest" in types("bars", INSTRUMENT, "--period", "1d").out
    assert types("bars", INSTRUMENT, "--period", "7m").code == 2
    assert types("bars", INSTRUMENT, "--csv", "--json").code == 2


def test_an_account_with_grouped_numbers(types: Type) -> None:
    account = types("account", "--json").lines[0]
    assert account["user_id"] == "user001" and account["balance"] > 1000
    assert f"{account['balance']:,.2f}" in types("account").out


def test_what_is_told_is_told_at_once(types: Type, start: Start) -> None:
    with start("watch", "--count", "2", "--json") as watching, start("watch", "--count", "2") as beside:
        for each in (watching, beside):
            assert each.stderr is not None and each.stderr.readline() == "watching user001; Ctrl-C ends it\n"
        order = types("buy", INSTRUMENT, "2", "@119", "--json").lines[0]
        out, err = watching.communicate(timeout=PATIENCE)
        assert (watching.returncode, err) == (0, "")
        assert f'"type":"order_status","order_id":"{order["order_id"]}","status":"Submitted"' in out
        assert '"type":"account_update","balance":' in out
        told = beside.communicate(timeout=PATIENCE)[0]
        assert f"order    {order['order_id']}  BUY IX2301 OPEN Submitted 0 of 2 @ 119" in told
        assert "account  balance" in told


@pytest.mark.parametrize("words", [("watch",), ("book", INSTRUMENT, "--live", "--json")])
def test_ctrl_c_ends_it_quietly(types: Type, start: Start, words: tuple[str, ...]) -> None:
    types("buy", INSTRUMENT, "2", "@119")
    with start(*words) as following:
        first = following.stderr if words[0] == "watch" else following.stdout
        assert first is not None and first.readline()
        following.send_signal(signal.SIGINT)
        assert following.communicate(timeout=PATIENCE)[1] == "" and following.returncode == 0


def test_a_reader_who_has_read_enough_ends_it_quietly(types: Type, start: Start) -> None:
    with start("book", INSTRUMENT, "--live", "--json") as following:
        assert following.stdout is not None and following.stderr is not None and following.stdout.readline()
        following.stdout.close()
        for volume in ("1", "2", "3"):
            types("buy", INSTRUMENT, volume, "@119")
        assert following.wait(timeout=PATIENCE) == 0 and following.stderr.read() == ""
