"""Orders from the command line, and what the exchange makes of them."""

from __future__ import annotations

import io
import sys

import pytest

from tests.clients.command_line.conftest import INSTRUMENT, Type

pytestmark = pytest.mark.slow


def test_an_order_is_placed_shown_and_cancelled(types: Type) -> None:
    placed = types("buy", INSTRUMENT, "3", "@119.5", "--time", "GTC", "--id", "cli-mine", "--json")
    assert (placed.code, placed.err) == (0, "")
    order = placed.lines[0]
    assert (order["direction"], order["offset"], order["volume"], order["price"]) == ("BUY", "OPEN", 3.0, 119.5)
    assert (order["status"], order["client_order_id"]) == ("Submitted", "cli-mine")
    assert types("orders", "--json").lines == [order]
    again = types("buy", INSTRUMENT, "3", "@119.5", "--time", "GTC", "--id", "cli-mine", "--json")
    assert again.lines == [order]
    table = types("orders").out
    assert order["order_id"] in table and "119.5" in table and "cli-mine" in table
    cancelled = types("cancel", order["order_id"])
    assert (cancelled.code, cancelled.out) == (0, f"{order['order_id']} cancelled\n")
    assert types("orders", "--json").out == ""
    assert types("orders", "--all", "--most", "1", "--json").lines[0]["status"] == "Cancelled"


def test_a_trade_from_both_sides_and_its_closing(types: Type) -> None:
    assert types("buy", INSTRUMENT, "5", "@119.5").code == 0
    sold = types("sell", INSTRUMENT, "2", "--json", user="user002")
    assert (sold.code, sold.lines[0]["status"], sold.lines[0]["price"]) == (0, "Filled", None)
    held = types("positions", "--json").lines[0]
    assert (held["volume_long"], held["open_price_long"]) == (2.0, 119.5)
    assert "LONG" in types("positions").out and "SHORT" in types("positions", user="user002").out
    types("cancel", "--all", "--yes")

    assert types("close", INSTRUMENT, "@119.5", "--today", "--json").lines[0]["offset"] == "CLOSETODAY"
    bought = types("close", INSTRUMENT, "1", "@119.5", "--json", user="user002").lines[0]
    assert (bought["direction"], bought["offset"], bought["volume"]) == ("BUY", "CLOSE", 1.0)
    assert types("close", INSTRUMENT, "--json", user="user002").lines[0]["volume"] == 1.0
    assert types("positions", "--json").out == "" == types("positions", "--json", user="user002").out


def test_a_waiting_order_tells_what_it_waits_for(types: Type) -> None:
    """As its first push tells it, and as a query does."""
    placed = types("buy", INSTRUMENT, "2", "--stop", "121", "--levels", "5", "--json").lines[0]
    told = {"status": "Waiting", "price": None, "stop_price": 121.0, "trigger": "LAST", "price_levels": 5}
    assert placed.items() >= told.items()
    assert types("orders", "--json").lines[0].items() >= told.items()
    table = types("orders").out
    assert "waits for" in table and "LAST >= 121" in table and "best 5" in table
    types("cancel", placed["order_id"])
    assert "waits for" not in types("orders").out


def test_nothing_to_close(types: Type) -> None:
    said = types("close", INSTRUMENT)
    assert (said.code, said.err) == (1, f"bourse: there is nothing to close in {INSTRUMENT}\n")
    unknown = types("close", "NOPE")
    assert (unknown.code, unknown.err) == (1, "bourse: 1004 Unknown instrument NOPE\n")


def test_an_own_id_that_is_none_is_refused_and_no_other_is_made_up(types: Type) -> None:
    said = types("buy", INSTRUMENT, "1", "@119.5", "--id", "")
    assert said.code == 1 and said.err.startswith("bourse: 400 ")
    assert types("orders").out.count(INSTRUMENT) == 0


def test_long_and_short_must_be_told_apart(types: Type) -> None:
    types("buy", INSTRUMENT, "1", "@119.5")
    types("sell", INSTRUMENT, "1", "@119.5", user="user002")
    types("sell", INSTRUMENT, "1", "@119.5")
    types("buy", INSTRUMENT, "1", "@119.5", user="user002")
    both = types("close", INSTRUMENT)
    assert both.code == 2 and "--long or --short" in both.err
    assert types("close", INSTRUMENT, "@119.5", "--short", "--json").lines[0]["direction"] == "BUY"
    assert types("close", INSTRUMENT, "@119.5", "--long", "--json", user="user002").lines[0]["direction"] == "SELL"


def test_an_order_that_ends_unfilled_has_a_code_of_its_own(types: Type) -> None:
    nobody = types("buy", INSTRUMENT, "1", "--json")
    assert nobody.code == 6 and nobody.lines[0]["status"] == "Cancelled"
    assert '"error":"UNFILLED"' in nobody.err and "NO_TRADE" in nobody.err
    types("sell", INSTRUMENT, "1", "@119.5", user="user002")
    part = types("buy", INSTRUMENT, "4", "@119.5", "--time", "IOC")
    assert part.code == 6 and part.err == "bourse: 1 of 4 lots were filled (UNFILLED)\n"


def test_a_market_order_takes_the_best_prices_alone(types: Type) -> None:
    for price in ("@119.5", "@120", "@120.5"):
        types("sell", INSTRUMENT, "1", price, user="user002")
    one = types("buy", INSTRUMENT, "3", "--levels", "1", "--json")
    assert (one.code, one.lines[0]["filled_volume"]) == (6, 1.0)
    both = types("buy", INSTRUMENT, "3", "--levels", "2", "--json")
    assert (both.code, both.lines[0]["filled_volume"]) == (6, 2.0)
    priced = types("buy", INSTRUMENT, "1", "@119.5", "--levels", "1")
    assert priced.code == 1 and priced.err == "bourse: 400 price_levels is for MARKET orders\n"
    types("buy", INSTRUMENT, "2", "@119")
    closed = types("close", INSTRUMENT, "3", "--levels", "1", "--json")
    assert (closed.code, closed.lines[0]["filled_volume"]) == (6, 0.0), "its best price is its own order's"


def test_an_order_is_waited_for(types: Type) -> None:
    types("sell", INSTRUMENT, "1", "@119.5", user="user002")
    waited = types("buy", INSTRUMENT, "1", "@119.5", "--wait", "--json")
    assert waited.code == 0 and waited.lines[0]["status"] == "Filled"


@pytest.mark.parametrize(
    ("words", "code"),
    [(("1", "@119.7"), 1007), (("10000", "@119.5"), 1006), (("1", "@1"), 1008)],
)
def test_a_refusal_is_one_line_with_its_code(types: Type, words: tuple[str, str], code: int) -> None:
    said = types("buy", INSTRUMENT, *words)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"bourse: {code} ") and said.err.count("\n") == 1
    as_json = types("buy", INSTRUMENT, *words, "--json")
    assert as_json.code == 1 and f'"error":"REFUSED","code":{code},' in as_json.err


def test_all_are_cancelled_after_a_yes(types: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    types("buy", INSTRUMENT, "1", "@119")
    types("buy", INSTRUMENT, "1", "@118.5")
    unanswered = types("cancel", "--all")
    assert unanswered.code == 2 and unanswered.err.endswith("bourse: nobody is there to answer\n")
    assert len(types("orders", "--json").lines) == 2
    assert types("cancel", "--all", "--instrument", INSTRUMENT, "--yes").out == "2 cancelled\n"
    assert types("cancel", "--all", "--yes", "--json").lines == [{"cancelled": 0}]


def test_a_cancel_that_comes_too_late_is_refused(types: Type) -> None:
    order = types("buy", INSTRUMENT, "1", "@119", "--json").lines[0]["order_id"]
    assert types("cancel", order, "--json").lines == [{"order_id": order, "status": "Cancelled"}]
    late = types("cancel", order)
    assert late.code == 1 and late.err.startswith("bourse: 1011 ")


@pytest.mark.parametrize(
    "words",
    [
        ("buy", INSTRUMENT),
        ("buy", INSTRUMENT, "1", "119.5"),
        ("buy", INSTRUMENT, "one", "@119.5"),
        ("buy", INSTRUMENT, "1", "@dear"),
        ("buy", INSTRUMENT, "1", "@119.5", "--colour"),
        ("buy", INSTRUMENT, "nan", "@119.5"),
        ("buy", INSTRUMENT, "-1", "@119.5"),
        ("buy", INSTRUMENT, "1", "@11_9"),
        ("buy", INSTRUMENT, "1", "@119.5", "--stop", "nan"),
        ("buy", INSTRUMENT, "1", "@119.5", "--time", "soon"),
        ("buy", INSTRUMENT, "1", "--levels", "0"),
        ("bars", INSTRUMENT, "--period", "7m"),
        ("--timeout", "nan", "account"),
        ("record", INSTRUMENT, "--to", "nowhere", "--for", "nan"),
        ("replay", "none.csv", "--into", INSTRUMENT, "--speed", "nan"),
        ("close", INSTRUMENT, "one"),
        ("close", INSTRUMENT, "1", "2", "@119.5"),
        ("close", INSTRUMENT, "--long", "--short"),
        ("cancel",),
        ("cancel", "O1", "--all"),
        ("ticker", "--live"),
        ("login", "--token-stdin"),
        ("dance",),
    ],
)
def test_wrong_usage_is_told_in_one_line(types: Type, words: tuple[str, ...]) -> None:
    said = types(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("bourse: ") and said.err.count("\n") == 1
