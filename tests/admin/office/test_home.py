"""The home page: what it tells, to whom, and at what price."""

import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.admin.conftest import Staff
from tests.admin.pages import YES, logged_in, page, text_of
from tests.builders import FUNDS, Founded
from trading.admin.office import home
from trading.models import Account, Instrument, Market, OperatorCommand, Pulse, User
from trading.storage.pulses import KEPT, MINUTE, Beat, note

HOME, FIGURES = reverse("admin:index"), reverse("admin:home_figures")
PRESENT: dict[str, Any] = {
    "orders_per_second": 12.5,
    "trades_per_second": 3.25,
    "lag": 0.001,
    "queue": 7,
    "queue_limit": 10_000,
    "connections": 1_234,
    "authenticated": 56,
    "errors": 0,
    "batches_failed": 0,
    "instruments": {"IX2301": {"volume": 12_345, "open_interest": 678, "change": -5_000}},
}


def beat(*, ago: int = 0, late: float = 0.025, **present: Any) -> Beat:
    now = time.time_ns() // 1_000_000 - ago
    return Beat(now, orders=75, trades=20, usual_answer=0.01, late_answer=late, present={**PRESENT, **present})


def figures(client: Client, **query: Any) -> Any:
    response = client.get(FIGURES, query)
    assert response.status_code == 200
    return response.json()


def alarms(client: Client) -> str:
    return " ".join(figures(client)["alarms"])


def test_it_tells_how_the_exchange_fares(traded: Founded, root: Client) -> None:
    note("MAIN", beat())
    said = text_of(root.get(HOME))
    for shown in ("MAIN", "Engine runs", "Lag ≤ 1 ms", "Queue 7 / 10,000", "Orders a second 12.5", "≤ 25 ms", "1,234"):
        assert shown in said, shown
    assert "IX2301 continuous 120.50 -0.50 12,345 678" in said
    assert "No engine runs" not in said


def test_the_figures_are_those_of_the_page(traded: Founded, root: Client) -> None:
    note("MAIN", beat())
    shown = root.get(HOME).context["home"]
    told = figures(root)
    assert [list(card) for card in shown["cards"]] == told["cards"]
    assert [table["title"] for table in shown["tables"]] == [table["title"] for table in told["tables"]]


def test_the_minutes_come_once(market: Founded, root: Client) -> None:
    for ago in (3, 2, 1):
        note("MAIN", beat(ago=ago * MINUTE))
    told = figures(root)["minutes"]
    assert len(told) == 3 and [line[1:] for line in told] == [[75, 20, 0.01, 0.025]] * 3
    assert figures(root, since=told[1][0])["minutes"] == told[1:]


@pytest.mark.parametrize("since", ["", "-1", "x", "9" * 40, "٣", "1.5"])
def test_odd_questions_get_the_whole_day(market: Founded, root: Client, since: str) -> None:
    note("MAIN", beat())
    assert len(figures(root, since=since)["minutes"]) == 1


def test_a_minute_is_one_row_and_a_week_is_kept(market: Founded) -> None:
    note("MAIN", beat(ago=KEPT + 2 * MINUTE))
    note("MAIN", beat())
    note("MAIN", beat(queue=9))
    assert [row.present["queue"] for row in Pulse.objects.all()][-1] == 9
    assert Pulse.objects.count() <= 2  # the last two may stand in two minutes
    assert not Pulse.objects.filter(minute__lt=time.time_ns() // 1_000_000 - KEPT).exists()


# --- alarms


def test_an_engine_that_is_silent_is_an_alarm(market: Founded, root: Client) -> None:
    note("MAIN", beat(ago=25_000))
    assert "has said nothing for a while" in alarms(root)


def test_no_engine_is_an_alarm(market: Founded) -> None:
    client = logged_in(User.objects.create_superuser("root"))
    note("MAIN", beat())
    assert "No engine runs" in alarms(client)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"queue": 5_000}, "queue is half full"),
        ({"lag": 0.5}, "event loop is late"),
        ({"late": 1.0}, "wait long for their answer"),
        ({"errors": 1}, "errors just now"),
        ({"batches_failed": 1}, "could not be stored"),
    ],
)
def test_what_should_not_be_is_an_alarm(market: Founded, root: Client, trouble: dict[str, Any], words: str) -> None:
    note("MAIN", beat())
    assert words not in alarms(root)
    note("MAIN", beat(**trouble))
    assert words in alarms(root)


def test_halts_debts_and_waiting_commands_are_alarms(traded: Founded, root: Client) -> None:
    note("MAIN", beat())
    assert alarms(root) == ""
    root.post(page("instrument", "halt", "IF2301"), YES)
    Account.objects.filter(user_id="user003").update(withdrawals=FUNDS + 1)
    said = alarms(root)
    assert "Halted: IF2301" in said and "1 account is in debt." in said


def test_a_command_that_waits_is_an_alarm(traded: Founded, root: Client, engine: Any) -> None:
    engine.busy = True
    OperatorCommand.objects.create(market_id="MAIN", kind="HaltInstrument", payload={}, key="waits")
    assert "1 command waits for the engine." in alarms(root)
    engine.busy = False


def test_what_is_switched_off_is_an_alarm(traded: Founded, root: Client) -> None:
    Market.objects.update(restrictions={"close_only": True, "closing": [1, 3], "no_connections": True})
    said = alarms(root)
    assert "Close only: the whole market." in said and "Close only: 2 accounts." in said
    assert "New connections are refused." in said


def test_accounts_in_trouble_are_listed_the_worst_first(traded: Founded, root: Client) -> None:
    Account.objects.filter(user_id="user001").update(warned=True)
    Account.objects.filter(user_id="user003").update(withdrawals=FUNDS + 100 * 10_000)
    (table,) = [table for table in figures(root)["tables"] if table["title"].startswith("Accounts near")]
    assert [row[0][0] for row in table["rows"]] == ["user003", "user001"]
    assert table["rows"][0][1][0] == "debt 100.00" and table["rows"][0][3][0].startswith("-100.00")


def test_only_what_operators_asked_is_told(traded: Founded, root: Client) -> None:
    OperatorCommand.objects.create(market_id="MAIN", kind="ChangePhase", payload={}, key="schedule:1", status="DONE")
    root.post(page("instrument", "halt", "IX2301"), YES)
    (table,) = [table for table in figures(root)["tables"] if table["title"] == "What operators did last"]
    assert [(row[1][0], row[2][0], row[3][0]) for row in table["rows"]] == [("root", "HaltInstrument IX2301", "Done")]


# --- who may see it


def test_each_part_needs_its_permission(traded: Founded, staff: Staff) -> None:
    note("MAIN", beat())
    nobody = staff(name="nobody")
    assert nobody.get(FIGURES).status_code == 403
    assert "Orders a second" not in text_of(nobody.get(HOME))
    viewer = staff("view_market", name="viewer")
    assert figures(viewer)["tables"] == []
    one = staff("view_market", "view_account", name="one")
    assert [table["title"] for table in figures(one)["tables"]] == ["Accounts near liquidation or in debt"]


def test_strangers_are_sent_to_the_door(market: Founded) -> None:
    assert Client().get(FIGURES).status_code == 302


# --- its price


def test_it_asks_the_database_the_same_however_much_there_is(
    traded: Founded, root: Client, django_assert_max_num_queries: Any
) -> None:
    note("MAIN", beat())
    row = Instrument.objects.get(pk="IX2301")
    for number in range(30):
        row.pk = f"IX{number:04}"
        row.save(force_insert=True)
    Account.objects.update(warned=True)
    root.get(FIGURES)  # the first look of a session is written down
    lock = 0 if connection.vendor == "sqlite" else 2  # who has the market: a file knows, or the database
    with django_assert_max_num_queries(14 + lock):
        assert root.get(FIGURES).status_code == 200


def test_what_waits_for_a_second_person_is_counted(traded: Founded, root: Client) -> None:
    for number in range(3):
        OperatorCommand.objects.create(market_id="MAIN", kind="Deposit", payload={}, key=f"h{number}", status="HELD")
    assert ["Waiting approvals", "3", "bad"] in figures(root)["cards"]


def test_before_the_first_settlement_the_trading_day_is_the_date(market: Founded, root: Client) -> None:
    """A Tuesday evening in London is a Wednesday in Shanghai."""
    Market.objects.update(trading_day=0, time_zone="Asia/Shanghai")
    request = RequestFactory().get(HOME)
    request.user = User.objects.get(username="root")
    cards = home.Home(request, now=1_700_000_000_000).figures()["cards"]
    assert home.Card("Trading day", "2023-11-15") in cards
    Market.objects.update(trading_day=20231120)
    assert home.Card("Trading day", "2023-11-20") in home.Home(request, now=1_700_000_000_000).figures()["cards"]


def test_more_debts_than_are_shown_are_counted(traded: Founded, root: Client) -> None:
    for number in range(home.MOST_ACCOUNTS + 5):
        user = User.objects.create_user(f"poor{number}")
        Account.objects.create(id=1_000 + number, user=user, market_id="MAIN", pre_balance=-1)  # engines number them
    assert f"{home.MOST_ACCOUNTS + 5} accounts are in debt." in alarms(root)
