"""Announcements through the admin's forms: asked about once, at once or at a time, withdrawn, one for a user."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.admin.desk.conftest import Officer
from tests.admin.pages import YES, asked, text_of
from tests.admin.venue.conftest import soon
from tests.builders import Founded
from tests.engine_beside import EngineBeside
from trading.admin.desk.page import address
from trading.core.commands import Announce
from trading.models import Market, OperatorCommand, ScheduledCommand, User
from trading.operators import at_a_time, requests
from trading.reads import announcements


@pytest.fixture
def clerk(market: Founded, officer: Officer) -> Client:
    return officer("Risk officer")


def form(**values: str) -> dict[str, str]:
    return {"key": uuid.uuid4().hex, "text": "Maintenance at ten", "ends": soon(hours=2), **values}


def send(clerk: Client, values: dict[str, str], *, confirmed: bool = True) -> Any:
    return clerk.post(address("announcements"), {**values, **(YES if confirmed else {})}, follow=True)


def present() -> list[tuple[str, str | None]]:
    now = int(timezone.now().timestamp() * 1000)
    return [(each.text, each.user_id) for each in announcements.present(market="MAIN", time=now)]


def test_it_asks_first_and_says_who_will_see_it(clerk: Client) -> None:
    values = form(stops=soon(hours=1))
    said = text_of(send(clerk, values, confirmed=False))
    assert "Maintenance at ten" in said and "3 accounts in MAIN" in said and "A stop is counted down to" in said
    assert not OperatorCommand.objects.exists()
    said = text_of(send(clerk, values))
    assert "Announced." in said and "Maintenance at ten" in said
    assert present() == [("Maintenance at ten", None)]
    assert asked() == [("Announce", "DONE", "risk")]


def test_sent_twice_it_is_announced_once(clerk: Client) -> None:
    values = form()
    for _ in range(2):
        send(clerk, values)
    assert len(present()) == 1
    assert "was sent before with other values" in text_of(send(clerk, {**values, "text": "Other words"}))
    assert len(present()) == 1


def test_to_one_user(clerk: Client) -> None:
    assert "Only user002 sees it" in text_of(send(clerk, form(user_id="user002"), confirmed=False))
    send(clerk, form(user_id="user002"))
    assert present() == [("Maintenance at ten", "user002")]


def test_it_is_withdrawn_with_the_button_beside_it(clerk: Client) -> None:
    send(clerk, form())
    number = Market.objects.get().announcements[0]["number"]
    where = address("withdraw_announcement", number)
    assert where in clerk.get(address("announcements")).content.decode()
    assert "Maintenance at ten" in text_of(clerk.post(where))
    assert present()
    assert "Withdrawn." in text_of(clerk.post(where, YES, follow=True))
    assert not present()
    assert "perhaps it is over" in text_of(clerk.post(where, YES, follow=True))


def test_at_a_time_it_waits_and_can_be_cancelled(clerk: Client) -> None:
    values = form(at=soon(hours=1))
    assert "Until then it can be cancelled" in text_of(send(clerk, values, confirmed=False))
    for _ in range(2):
        said = text_of(send(clerk, values))
    assert "It will be done at" in said and "Will be shown" in said
    (row,) = ScheduledCommand.objects.all()
    assert not OperatorCommand.objects.exists()
    assert "Maintenance at ten" not in text_of(clerk.post(address("cancel_later", row.pk)))
    clerk.post(address("cancel_later", row.pk), YES)
    assert row.at is not None
    at_a_time.look("MAIN", row.at)
    assert not OperatorCommand.objects.exists()
    assert "does not wait any more" in text_of(clerk.post(address("cancel_later", row.pk), YES, follow=True))


def test_when_its_time_has_come_it_is_shown(clerk: Client, engine: EngineBeside) -> None:
    send(clerk, form(at=soon(hours=1)))
    row = ScheduledCommand.objects.get()
    ScheduledCommand.objects.filter(pk=row.pk).update(at=timezone.now() - timedelta(seconds=1))
    at_a_time.look("MAIN", timezone.now())
    row.refresh_from_db()
    assert row.command is not None
    assert requests.wait(row.command).status == "DONE"
    assert present() == [("Maintenance at ten", None)]
    assert f"Asked: #{row.command_id} Done" in text_of(clerk.get(address("later")))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"text": " "}, "This field is required"),
        ({"ends": ""}, "This field is required"),
        ({"ends": soon(hours=-1)}, "It must be in the future"),
        ({"stops": soon(hours=-1)}, "It must be in the future"),
        ({"at": soon(hours=3)}, "It ends before it begins"),
        ({"at": soon(hours=-1)}, "It must be in the future"),
        ({"user_id": "nobody"}, "nobody has no account"),
        ({"ends": "soon"}, "Enter a valid date/time"),
        ({"text": "x" * 501}, "at most 500 characters"),
    ],
)
def test_what_makes_no_sense_is_said_and_not_asked(clerk: Client, values: dict[str, str], problem: str) -> None:
    assert problem in text_of(send(clerk, form(**values)))
    assert not OperatorCommand.objects.exists() and not ScheduledCommand.objects.exists()


def test_in_all_markets_each_has_its_own(clerk: Client) -> None:
    Market.objects.create(code="OTHER")
    assert "in MAIN, OTHER" in text_of(send(clerk, form(markets=""), confirmed=False))
    send(clerk, form(markets=""))
    rows = OperatorCommand.objects.order_by("market_id")
    assert [(row.market_id, row.status) for row in rows] == [("MAIN", "DONE"), ("OTHER", "PENDING")]
    send(clerk, form(markets="MAIN", text="Here"))
    assert OperatorCommand.objects.filter(market="OTHER").count() == 1


@pytest.mark.parametrize("role", ["Viewer", "Treasurer", "Settlement officer"])
def test_who_may_not_is_refused(market: Founded, officer: Officer, role: str) -> None:
    client = officer(role)
    assert client.post(address("announcements"), {**form(), **YES}).status_code == 403
    assert client.post(address("withdraw_announcement", 1), YES).status_code == 403
    row = at_a_time.put(
        Announce("x", 4_000_000_000_000),
        timezone.now() + timedelta(hours=1),
        market="MAIN",
        asked_by=User.objects.get(username="user001"),
        key="k",
    )
    assert client.post(address("cancel_later", row.pk), YES).status_code == 403
    row.refresh_from_db()
    assert row.status == "WAITING"
