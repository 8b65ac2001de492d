"""A list asks the database as often for many rows as for few, whatever is filtered, searched or saved as a file."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketdata.models import Bar
from tests.admin.pages import YES, page
from tests.builders import Books, Founded, order
from trading.models import AccessToken, Market, OperatorCommand, RiskEvent, SettlementPrice, Statement, Transfer, User

LISTS = (
    *("order", "trade", "ledgerentry", "statement", "riskevent", "operatorcommand", "settlementprice", "account"),
    *("user", "accesstoken", "position", "instrument", "tradingsession", "holiday", "transfer", "accessattempt", "bar"),
)
SHORT = {"market", "group", "desk", "watermark"}
"""Of these there are few rows, or none."""
MODELS = {str(model._meta.model_name): model for model in admin.site._registry}
MOST = 12
"""Queries of a list: the session, the user, the rows, their number, and what its filters offer."""


def queries(client: Client, model: str, **query: Any) -> int:
    with CaptureQueriesContext(connection) as asked:
        response = client.get(reverse(f"admin:{MODELS[model]._meta.app_label}_{model}_changelist"), query)
        b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
    assert response.status_code == 200, (model, query)
    return len(asked)


def test_every_list_is_looked_at() -> None:
    assert set(MODELS) == {*LISTS, *SHORT}


def knock(number: int) -> None:
    """A row of those that nobody makes by trading."""
    AccessAttempt.objects.create(username=f"x{number}", failures_since_start=1, get_data="", post_data="", path_info="")
    other, _ = Market.objects.get_or_create(code="OTHER")
    prices = dict.fromkeys(("open", "high", "low", "close", "volume", "turnover", "trades", "open_interest"), 1)
    Bar.objects.create(instrument_id="IX2301" if number % 2 else "IF2301", period="1m", start=number, **prices)
    Transfer.objects.create(
        id=f"t{number}", user_id="user001", source_id="MAIN", target=other, amount=7, status="IN_TRANSIT", sent_at=1
    )


def more() -> None:
    """Thirty rows of whatever grows, each of another account or user where there can be one."""
    books = Books()
    for _ in range(5):
        books.commit(order(1, "BUY OPEN 1 @ 120"), order(2, "SELL OPEN 1 @ 120"), order(3, "BUY OPEN 1 @ 110"))
    for number in range(30):
        user = User.objects.create_user(f"more{number}")
        AccessToken.objects.create(user)
        account = number % 3 + 1
        knock(number)
        RiskEvent.objects.create(account_id=account, kind="EASED", margin=1, balance=1, time=number)
        asked = {"type": "Deposit", "user_id": f"more{number}", "amount": 1}
        OperatorCommand.objects.create(market_id="MAIN", kind="Deposit", payload=asked, key=f"k{number}", asked_by=user)
    sums = ("opening", "deposits", "withdrawals", "close_profit", "position_profit", "commission", "closing", "margin")
    for account in (2, 3):
        nothing: dict[str, Any] = dict.fromkeys(sums, 0)
        Statement.objects.create(account_id=account, day=20231113, time=account, positions=[], **nothing)
    SettlementPrice.objects.create(instrument_id="IF2301", day=20231113, price=5, delisted=False, time=1)


@pytest.mark.parametrize("query", [{}, {"q": "user001"}, {"_csv": "1"}])
def test_more_rows_are_no_more_queries(traded: Founded, root: Client, query: dict[str, str]) -> None:
    root.post(page("instrument", "halt", "IF2301"), YES)  # one command is there
    knock(-1)
    with_file = list(LISTS[:7]) if "_csv" in query else LISTS
    for name in with_file:
        queries(root, name, **query)  # what is kept from the first time on
    few = {name: queries(root, name, **query) for name in with_file}
    more()
    many = {name: queries(root, name, **query) for name in with_file}
    assert many == few
    assert max(many.values()) <= MOST


def test_counts_of_every_filter_are_never_asked_for(traded: Founded, root: Client) -> None:
    """A count for each of 12,000 days was more than a database takes."""
    for name in LISTS:
        plain = [queries(root, name) for _ in range(2)][1]
        assert queries(root, name, _facets="True") == plain
