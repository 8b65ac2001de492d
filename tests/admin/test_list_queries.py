"""A list asks the database as often for many rows as for few, whatever is filtered, searched or saved as a file."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketdata.models import Bar
from tests.admin.pages import YES, page, text_of
from tests.builders import NOW, Books, Founded, order
from trading.admin.records.period import FROM, TO, Column, between
from trading.core.numbers import number_at
from trading.models import (
    AccessToken,
    LedgerEntry,
    Market,
    OperatorCommand,
    RiskEvent,
    SettlementPrice,
    Statement,
    Transfer,
    User,
)

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_counts_of_every_filter_are_never_asked_for(traded: Founded, root: Client) -> None:
    """A count for each of 12,000 days was more than a database takes."""
    for name in LISTS:
        plain = [queries(root, name) for _ in range(2)][1]
        assert queries(root, name, _facets="True") == plain


DATED = ("order", "trade", "ledgerentry", "riskevent")
BY_HALVES = {"ledgerentry": 2 * 64, "riskevent": 2 * 64}
"""Where a day begins and ends is looked up by the keys of rows: as often as the keys can be halved, at most."""


@pytest.mark.parametrize("name", DATED)
def test_days_are_found_by_an_index(traded: Founded, root: Client, name: str) -> None:
    """No count and no order of a whole table: each query is bounded by keys, or takes one row."""
    more()
    model = MODELS[name]
    days = {"day__gte": "2023-11-14", "day__lte": "2023-11-15"}
    plain, dated = [(queries(root, name), queries(root, name, **days)) for _ in range(2)][1]
    assert dated <= plain + BY_HALVES.get(name, 0)
    with CaptureQueriesContext(connection) as asked:
        root.get(page(name), days)
    table = model._meta.db_table
    for query in (each["sql"] for each in asked if f'FROM "{table}"' in each["sql"]):
        assert (">= " in query and "< " in query) or "LIMIT 1" in query, query


LONG_AGO, MIDNIGHT = "2001-01-01", 1_700_006_400_000
"""A day before all, and when the 15th of November 2023 begins (UTC)."""
MIDNIGHT_NUMBER = number_at(MIDNIGHT)


@pytest.mark.parametrize("name", DATED)
def test_a_list_shows_the_days_that_were_asked_for(traded: Founded, root: Client, settings: Any, name: str) -> None:
    model = MODELS[name]
    RiskEvent.objects.update(time=NOW)
    RiskEvent.objects.create(account_id=1, kind="EASED", margin=1, balance=1, time=NOW)
    later: Any = model._default_manager.first()
    column = "accepted_at" if name == "order" else "time"
    later.pk = MIDNIGHT_NUMBER if name == "order" else None
    if name == "trade":
        later.trade_id = MIDNIGHT_NUMBER
    if name == "order":
        later.client_order_id = "later"
    setattr(later, column, MIDNIGHT)
    later.save(force_insert=True)

    def shown(**days: str) -> int:
        return len(root.get(page(name), days).context["cl"].result_list)

    whole = shown()
    assert whole >= 2
    assert shown(day__gte="2023-11-15") == shown(day__gte="2023-11-15", day__lte="2023-11-15") == 1
    assert shown(day__lte="2023-11-14") == shown(day__gte="2023-11-14", day__lte="2023-11-14") == whole - 1
    assert shown(day__gte=LONG_AGO) == shown(day__gte="", day__lte="") == whole
    assert shown(day__lte=LONG_AGO) == shown(day__gte="2023-11-16") == 0
    other = "user001" if later.account_id != 1 else "user002"
    assert shown(day__gte="2023-11-15", q=other) == 0, "with what was searched"


def test_dates_stand_in_the_form_and_keep_the_other_filters(traded: Founded, root: Client) -> None:
    query = {"kind__exact": "DEPOSIT", "q": "user001", "day__gte": "2023-11-14"}
    html = root.get(page("ledgerentry"), query).content.decode()
    form = html[html.index('class="period"') :]
    form = form[: form.index("</form>")]
    assert '<input type="date" name="day__gte" value="2023-11-14">' in form
    assert '<input type="hidden" name="kind__exact" value="DEPOSIT">' in form
    assert '<input type="hidden" name="q" value="user001">' in form
    assert 'href="?kind__exact=DEPOSIT&amp;q=user001"' in form


@pytest.mark.parametrize("day", ["x", "2023-02-30", "0001-01-01", "9999-12-31", "20231114; --", "-1"])
def test_what_is_no_day_is_said_to_be_none(traded: Founded, root: Client, day: str) -> None:
    for name in DATED:
        response = root.get(page(name), {"day__gte": day})
        assert "is no day; a day is written as 2026-01-31. Nothing is shown." in text_of(response)
        assert list(response.context["cl"].result_list) == []


WRONG = [
    ("order", "day__gte=2023-11-15&day__lte=2023-11-14", "The first day is after the last one."),
    ("order", f"{FROM}=2023-11-14&{FROM}=2023-11-15", "This list cannot be filtered by 'day__gte=2023-11-14'."),
    ("order", "state=junk", "There is no 'junk' to filter by."),
    ("order", "account__id__exact=junk", "The address asks for what cannot be."),
    ("statement", "day=junk", "The address asks for what cannot be."),
    ("account", "standing=junk", "There is no 'junk' to filter by."),
    ("position", "holding=junk", "There is no 'junk' to filter by."),
    ("operatorcommand", "kind=junk", "There is no 'junk' to filter by."),
    ("operatorcommand", "asked_at__gte=junk", "The address asks for what cannot be."),
]


@pytest.mark.parametrize(("name", "query", "fault"), WRONG)
def test_a_filter_that_cannot_be_shows_nothing_and_says_why(
    traded: Founded, root: Client, name: str, query: str, fault: str
) -> None:
    """As a page, as a file, and for what is done with chosen rows."""
    address = f"{page(name)}?{query}"
    response = root.get(address)
    assert list(response.context["cl"].result_list) == []
    assert f"{fault} Nothing is shown." in text_of(response)
    if root.get(page(name)).context.get("csv"):
        file = root.get(f"{address}&_csv=1")
        assert file.status_code == 400 and f"{fault} Nothing is shown." in text_of(file)
    if name == "account":
        chosen = {"action": "freeze_selected", "_selected_action": ["1"], "post": "yes"}
        root.post(address, chosen)
        assert not OperatorCommand.objects.exists()


def test_a_page_that_is_not_there_is_empty_and_says_so(traded: Founded, root: Client) -> None:
    assert len(root.get(page("account"), {"p": "9"}).context["cl"].result_list) == 3, "one page is all there is"
    LedgerEntry.objects.bulk_create(
        [LedgerEntry(account_id=1, kind="DEPOSIT", amount=1, time=NOW + n) for n in range(60)]
    )
    response = root.get(page("ledgerentry"), {"p": "9"})
    assert "There is no page 9. Nothing is shown." in text_of(response)
    assert list(response.context["cl"].result_list) == []


def test_rows_of_several_markets_may_be_out_of_turn(traded: Founded) -> None:
    """Some seconds between their processes lose nothing: one row is early and one is late."""
    odd = {10: MIDNIGHT + 5, 190: MIDNIGHT - 1_000}
    RiskEvent.objects.all().delete()
    for number in range(200):
        time = odd.get(number, MIDNIGHT - 50_000 + number * 300)
        RiskEvent.objects.create(account_id=1, kind="EASED", margin=1, balance=1, time=time)
    column = Column("id", "time", tells_time=False)
    for day, wanted in (({FROM: "2023-11-15"}, {"time__gte": MIDNIGHT}), ({TO: "2023-11-14"}, {"time__lt": MIDNIGHT})):
        found = between(RiskEvent.objects.all(), column, RequestFactory().get("/", day))
        assert set(found) == set(RiskEvent.objects.filter(**wanted))
