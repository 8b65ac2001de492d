"""Lists as CSV, and the filter of live orders."""

import csv
import html
import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.admin.conftest import Staff
from tests.admin.pages import page, text_of
from tests.builders import Books, Founded, order
from trading.admin import lists
from trading.admin.office import export
from trading.models import LedgerEntry, Order


def rows_of(client: Client, model: str, **query: Any) -> list[list[str]]:
    response = client.get(page(model), {"_csv": "1", **query})
    assert response.status_code == 200 and response["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(text)))


def test_a_csv_has_what_the_list_has(traded: Founded, root: Client) -> None:
    head, *rows = rows_of(root, "order")
    assert head[:3] == ["order id", "account", "instrument"] and len(rows) == 3
    (mine,) = [row for row in rows if row[1] == "user001"]
    assert mine[2:9] == ["IX2301", "BUY", "OPEN", "120.50", "5", "3", "PartiallyFilled"]


@pytest.mark.parametrize("query", [{"status__exact": "Cancelled"}, {"q": "user003"}, {"account__id__exact": "3"}])
def test_it_has_what_is_filtered_and_searched(traded: Founded, root: Client, query: dict[str, str]) -> None:
    assert [row[1] for row in rows_of(root, "order", **query)[1:]] == ["user003"]


def test_numbers_are_numbers_and_words_are_no_formulas(traded: Founded, root: Client) -> None:
    amounts = {row[3] for row in rows_of(root, "ledgerentry")[1:]}
    assert {"1000000.00", "-6.00"} <= amounts
    LedgerEntry.objects.filter(kind="DEPOSIT").update(kind="=1+1")
    assert "'=1+1" in {row[2] for row in rows_of(root, "ledgerentry")[1:]}


def test_it_takes_the_same_queries_for_many_rows(
    traded: Founded, root: Client, django_assert_max_num_queries: Any
) -> None:
    one = Order.objects.first()
    assert one is not None
    for number in range(60):
        one.pk, one.client_order_id = 10_000 + number, None
        one.save(force_insert=True)
    rows_of(root, "order")  # the first request of a session is noted
    with django_assert_max_num_queries(9):
        assert len(rows_of(root, "order")) == 64


def test_accounts_and_instruments_are_files_too(traded: Founded, root: Client) -> None:
    """Sorted and filtered as the list is, with figures that are read for many accounts at once."""
    rows_of(root, "account")  # the first request of a session is noted
    with CaptureQueriesContext(connection) as for_one:
        rows_of(root, "account", q="user001")
    with CaptureQueriesContext(connection) as for_three:
        head, *rows = rows_of(root, "account", o="-1")
    assert len(for_three) <= len(for_one)
    assert head[:3] == ["user", "balance", "available"]
    assert [row[0] for row in rows] == ["user003", "user002", "user001"]
    assert rows[2][1] == "999994.00" and rows[2][3] == "3615.00"
    assert [row[0] for row in rows_of(root, "account", standing="frozen")[1:]] == []
    assert {row[0] for row in rows_of(root, "instrument")[1:]} == {"IF2301", "IX2301"}


def test_a_file_that_would_be_too_long_is_refused_in_words(
    traded: Founded, root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MOST_ROWS", 2)
    refused = root.get(page("account"), {"_csv": "1"})
    assert refused.status_code == 400 and "Content-Disposition" not in refused
    assert "More than 2 rows are too many for a file: filter the list." in text_of(refused)
    assert len(rows_of(root, "account", q="user001")) == 2


def test_whoever_may_not_see_a_list_gets_no_csv(traded: Founded, staff: Staff) -> None:
    clerk = staff("view_trade")
    for model in ("order", "account", "instrument", "ledgerentry"):
        assert clerk.get(page(model), {"_csv": "1"}).status_code == 403
    assert len(rows_of(clerk, "trade")) == 3


@pytest.mark.parametrize("model", ["order", "account"])
def test_an_odd_address_gives_no_file_and_says_why(traded: Founded, root: Client, model: str) -> None:
    """A program that saves what comes must not save the page for the rows."""
    refused = root.get(page(model), {"_csv": "1", "foo": "1"})
    assert refused.status_code == 400 and "Content-Disposition" not in refused
    assert "This list cannot be filtered by 'foo=1'. Nothing is shown." in html.unescape(text_of(refused))
    assert root.get(page("order"), {"_csv": "1", "account__id__exact": "x"}).status_code == 400


def test_a_file_looks_through_more_rows_than_a_list(
    traded: Founded, root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are older ones still, its name says so."""
    monkeypatch.setattr(lists, "LOOKED_THROUGH", 2)
    shown = text_of(root.get(page("order")))
    assert "Among the newest 2 rows" in shown and "the newest 2 orders" in shown and " 3 orders" not in shown
    none = text_of(root.get(page("order"), {"offset": "CLOSEYESTERDAY"}))
    assert "0 orders, among the newest 2" in none
    assert len(rows_of(root, "order")) == 4
    assert name_of(root, "order") == "order.csv"
    monkeypatch.setattr(export, "MOST_ROWS", 2)
    assert len(rows_of(root, "order")) == 3
    assert name_of(root, "order") == "order-of-the-newest-2.csv"
    assert name_of(root, "order", account__id__exact="3") == "order.csv"


def name_of(client: Client, model: str, **query: Any) -> str:
    head = client.get(page(model), {"_csv": "1", **query})["Content-Disposition"]
    return str(head.partition("filename=")[2].strip('"'))


def test_live_orders_are_one_filter(traded: Founded, root: Client) -> None:
    Books().commit(order(3, "BUY OPEN 1 @ 118"))
    live = rows_of(root, "order", state="live")[1:]
    assert {row[8] for row in live} == {"Submitted", "PartiallyFilled"} and len(live) == 2
    finished = rows_of(root, "order", state="finished")[1:]
    assert {row[8] for row in finished} == {"Filled", "Cancelled"} and len(finished) == 2
    assert len(root.get(page("order"), {"state": "live"}).context["cl"].result_list) == 2
