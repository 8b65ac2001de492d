"""A settlement is looked at before it is done, and done once; holidays are saved after their ten days were shown."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from tests.admin.desk.conftest import Officer
from tests.admin.pages import logged_in, text_of
from tests.builders import Books, Founded, order
from trading.admin.columns import change_text
from trading.admin.desk.page import address
from trading.admin.office.days import trading_days
from trading.models import Holiday, OperatorCommand, Statement, User
from trading.operators import requests
from trading.operators.calendar import Calendar, Rule
from trading.storage.engine_lock import engine_lock

KEY = "0123456789abcdef0123456789abcdef"
DAYS = {"key": KEY, "day": "2023-11-14", "next_day": "2023-11-15"}


@pytest.fixture
def client(market: Founded, officer: Officer) -> Client:
    Books().commit(order(2, "SELL OPEN 5 @ 120"), order(1, "BUY OPEN 5 @ 120"), order(1, "BUY OPEN 1 @ 110"))
    return officer("Settlement officer")


@pytest.fixture
def desk_without_engine(market: Founded) -> Client:
    user = User.objects.create_user("officer", is_staff=True)
    user.groups.set(Group.objects.filter(name="Settlement officer"))
    return logged_in(user)


def test_the_form_proposes_prices(client: Client) -> None:
    assert client.get(address("settle")).status_code == 200


def test_it_is_looked_at_before_it_is_done(client: Client) -> None:
    said = text_of(client.post(address("settle"), {**DAYS, "price:IX2301": "121"}))
    assert "Trading day 2023-11-14 ends, 2023-11-15 begins. Nothing has been done yet" in said
    assert "IX2301 121.00 120.00 120.00 +0.83% -" in said
    assert "Orders that end: 1." in said
    assert not OperatorCommand.objects.exists()
    assert not Statement.objects.exists()


FAR_OFF = {**DAYS, "price:IX2301": "1200"}


def test_a_price_that_would_be_refused_is_foretold_and_can_be_confirmed(client: Client) -> None:
    """What it would do is told all the same: that is how one sees whether it is meant."""
    response = client.post(address("settle"), FAR_OFF)
    said, asked = text_of(response), response.content.decode()
    assert "The engine would refuse it: The settlement price of IX2301, 1200" in said and "(code 1008)" in said
    assert "Orders that end: 1." in said and 'name="confirmed" required' in asked
    client.post(address("settle"), {**FAR_OFF, "post": "yes", "reason": "meant", "confirmed": "on"})
    assert requests.wait(OperatorCommand.objects.get()).status == "DONE"


def test_a_price_that_is_confirmed_or_likely_is_asked_about_without_a_warning(client: Client) -> None:
    for values in ({**FAR_OFF, "confirmed": "on"}, {**DAYS, "price:IX2301": "121"}):
        response = client.post(address("settle"), values)
        assert "would refuse" not in text_of(response)
        assert 'type="checkbox" id="confirmed"' not in response.content.decode()


def test_it_is_done_once(client: Client) -> None:
    values = {**DAYS, "price:IX2301": "121", "post": "yes", "reason": "the evening"}
    for _ in range(3):
        client.post(address("settle"), values)
    row = requests.wait(OperatorCommand.objects.get())
    assert (row.kind, row.status, row.reason) == ("Settle", "DONE", "the evening")
    assert Statement.objects.count() == 3


def test_other_prices_for_a_settled_day_do_nothing(client: Client) -> None:
    client.post(address("settle"), {**DAYS, "price:IX2301": "121", "post": "yes"})
    said = text_of(client.post(address("settle"), {**DAYS, "price:IX2301": "122", "post": "yes"}))
    assert "was asked to be settled before" in said
    assert OperatorCommand.objects.count() == 1


@pytest.mark.parametrize(
    ("price", "odd"),
    [
        ("120.5", "-"),
        ("127", "more than 5% from the last settlement, more than 5% from the last trade"),
        ("140", "outside the day's limits, more than 5% from the last settlement, more than 5% from the last trade"),
    ],
)
def test_odd_prices_are_pointed_at(client: Client, price: str, odd: str) -> None:
    answer = client.post(address("settle"), {**DAYS, "price:IX2301": price})
    lines = {line[0]: line[5] for line in answer.context["prices"]}
    assert (lines["IX2301"] or "-") == odd


def test_what_the_engine_would_refuse_is_told_before(client: Client) -> None:
    said = text_of(client.post(address("settle"), {**DAYS, "price:IX2301": "120.3"}))
    assert "The engine would refuse it: The settlement price of IX2301 must be a positive multiple of 0.50" in said
    said = text_of(client.post(address("settle"), {**DAYS, "next_day": "2023-11-13"}))
    assert "The engine would refuse it" in said


# --- how far it is


def press(client: Client) -> OperatorCommand:
    """Settle, and be led to the page that keeps up with it."""
    led = client.post(address("settle"), {**DAYS, "price:IX2301": "121", "post": "yes"})
    row = OperatorCommand.objects.get()
    assert led["Location"] == address("settlement", row.pk)
    return row


def test_its_page_tells_what_came_of_it(client: Client) -> None:
    row = requests.wait(press(client))
    answer: Any = client.get(address("settlement", row.pk))
    said = text_of(answer)
    assert [look for look, _text in answer.context["told"]["steps"]] == ["done"] * 3
    assert "Settled 2023-11-14; 2023-11-15 has begun. Statements as a file: 3 Accounts" in said
    assert "Accounts in debt now: 0; warned or liquidated now: 0." in said
    assert "IX2301 121.00" in said and "Asked for by settlement at" in said
    assert "settlement.js" not in answer.content.decode()
    assert client.get(address("settlement", row.pk), {"json": "1"}).json()["running"] is False
    assert OperatorCommand.objects.get().after is not None, "the audit has what it has made of the market"
    assert client.get(address("settle")).status_code == 200  # the next day's


def test_while_it_waits_every_officer_is_led_to_its_page(client: Client, officer: Officer, settings: Any) -> None:
    settings.FOUR_EYES_KINDS = "Settle"
    row = press(client)
    second = officer("Settlement officer", name="second")
    for one in (client, second):
        assert one.get(address("settle"))["Location"] == address("settlement", row.pk)
        answer: Any = one.get(address("settlement", row.pk))
        assert "It waits for the approval of another person. " in text_of(answer)
        assert [look for look, _text in answer.context["told"]["steps"]] == ["done", "now", ""]
        assert "settlement.js" in answer.content.decode()
    OperatorCommand.objects.update(status="REFUSED", result="Rejected by second.")
    answer = client.get(address("settlement", row.pk))
    assert "Refused: Rejected by second." in text_of(answer) and "settlement.js" not in answer.content.decode()
    assert "Begin again" in text_of(answer)


def test_what_no_engine_takes_is_said(market: Founded, desk_without_engine: Client) -> None:
    row = press(desk_without_engine)
    answer: Any = desk_without_engine.get(address("settlement", row.pk))
    assert "No engine runs. The settlement is kept, and done when one starts." in text_of(answer)
    lock = engine_lock("MAIN")
    assert lock.acquire()
    try:
        answer = desk_without_engine.get(address("settlement", row.pk))
        assert "The engine settles 3 accounts in 2 instruments, for " in text_of(answer)
    finally:
        lock.release()


def test_only_settlements_have_such_a_page(client: Client) -> None:
    row = OperatorCommand.objects.create(market_id="MAIN", kind="Deposit", payload={}, key="k")
    assert client.get(address("settlement", row.pk)).status_code == 404


# --- the calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
LONG_AGO = datetime(2020, 1, 1, tzinfo=SHANGHAI)
RULES = [
    Rule(frozenset({1, 2, 3, 4, 5}), time(9), "continuous", LONG_AGO),
    Rule(frozenset({1, 2, 3, 4, 5}), time(15), "settle", LONG_AGO),
]


def test_ten_trading_days_leave_out_weekends_and_holidays() -> None:
    found = trading_days(
        Calendar(SHANGHAI, RULES, frozenset({date(2026, 10, 1), date(2026, 10, 2)})), date(2026, 9, 28)
    )
    assert [day[-2:] for day, _, _ in found] == ["28", "29", "30", "05", "06", "07", "08", "09", "12", "13"]
    assert found[0] == ("2026-09-28", "Mon", ["09:00 continuous", "15:00 settle"])


def test_holidays_are_saved_after_they_were_shown(client: Client) -> None:
    monday = timezone.localdate() + timedelta(days=7 - timezone.localdate().weekday())
    assert str(monday) in text_of(client.get(address("calendar")))
    answer: Any = client.post(address("calendar"), {"holidays": f"{monday}"})
    assert str(monday) not in [day for day, _, _ in answer.context["days"]]
    assert not Holiday.objects.exists()
    client.post(address("calendar"), {"holidays": f"{monday}", "post": "yes"})
    assert list(Holiday.objects.values_list("date", flat=True)) == [monday]
    client.post(address("calendar"), {"holidays": "", "post": "yes"})
    assert not Holiday.objects.exists()


def test_past_holidays_stay(client: Client) -> None:
    Holiday.objects.create(market_id="MAIN", date="2023-10-01")
    client.post(address("calendar"), {"holidays": "", "post": "yes"})
    assert Holiday.objects.count() == 1


@pytest.mark.parametrize("text", ["x", "2026-02-30", "2026-1-1 " * 2, "2026-10-01 " * 61])
def test_what_is_no_date(client: Client, text: str) -> None:
    client.post(address("calendar"), {"holidays": text, "post": "yes"})
    assert not Holiday.objects.exists()


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0123, "+1.23%"), (-0.00006, "-0.01%"), (-0.00004, "0.00%"), (0.00004, "0.00%"), (0.0, "0.00%")],
)
def test_a_change_that_rounds_to_nothing_has_no_sign(share: float, text: str) -> None:
    assert change_text(share) == text
