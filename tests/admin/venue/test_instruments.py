"""Instruments at once or at a time, one copied from another, and who higher margin would warn or liquidate, by name."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tests.admin.desk.conftest import Officer
from tests.admin.pages import YES, asked, content_of, page, text_of
from tests.admin.venue.conftest import soon
from tests.builders import Books, Founded, order
from trading.admin.desk.page import address
from trading.models import Instrument, OperatorCommand, ScheduledCommand
from trading.operators import at_a_time, requests


@pytest.fixture
def clerk(market: Founded, officer: Officer) -> Client:
    return officer("Administrator")


def send(clerk: Client, confirmed: bool = True, /, **values: str) -> Any:
    form = {"key": uuid.uuid4().hex, "instrument": "IX2301", "deed": "halt", "reason": "news", **values}
    return clerk.post(address("deed"), {**form, **(YES if confirmed else {})}, follow=True)


def phase() -> str:
    return Instrument.objects.get(pk="IX2301").phase


@pytest.mark.parametrize(("deed", "after"), [("halt", "halted"), ("closed", "closed"), ("auction", "auction")])
def test_at_once(clerk: Client, deed: str, after: str) -> None:
    Books().commit(order(1, "BUY OPEN 2 @ 119"))
    said = text_of(send(clerk, False, deed=deed))
    assert "1 live order of 1 account" in said and "It is done at once." in said and "Reason: news" in said
    assert not OperatorCommand.objects.exists()
    send(clerk, deed=deed)
    assert phase() == after and OperatorCommand.objects.get().reason == "news"


def test_at_a_time(clerk: Client) -> None:
    said = text_of(send(clerk, at=soon(hours=1)))
    assert "It will be done at" in said and "HaltInstrument IX2301" in said and "news" in said
    row = ScheduledCommand.objects.get()
    assert row.at is not None
    at_a_time.look("MAIN", row.at - timedelta(seconds=1))
    assert not OperatorCommand.objects.exists()
    at_a_time.look("MAIN", row.at)
    row.refresh_from_db()
    assert row.command is not None and requests.wait(row.command).status == "DONE"
    assert phase() == "halted"


def test_what_the_engine_refuses_is_said(clerk: Client) -> None:
    assert "Refused:" in text_of(send(clerk, deed="resume"))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"instrument": "none"}, "There is no instrument none"),
        ({"deed": "burn"}, "Select a valid choice"),
        ({"reason": ""}, "This field is required"),
        ({"at": soon(hours=-1)}, "It must be in the future"),
    ],
)
def test_what_makes_no_sense_is_said(clerk: Client, values: dict[str, str], problem: str) -> None:
    assert problem in text_of(send(clerk, **values))
    assert not OperatorCommand.objects.exists() and not ScheduledCommand.objects.exists()


@pytest.mark.parametrize("role", ["Viewer", "Support", "Treasurer", "Settlement officer"])
def test_who_may_not_is_refused(market: Founded, officer: Officer, role: str) -> None:
    client = officer(role)
    assert send(client).status_code == send(client, at=soon(hours=1)).status_code == 403
    assert not OperatorCommand.objects.exists() and not ScheduledCommand.objects.exists()


def test_one_is_copied_from_another(clerk: Client) -> None:
    where = page("instrument", "change", "IX2301")
    assert "Copy it" in text_of(clerk.get(where))
    link = next(tool.url for tool in clerk.get(where).context["tools"] if tool.label == "Copy it")
    values = {**content_of(clerk, link), "instrument_id": "IX2302", "name": "Another", **YES}
    assert "Listed IX2302" in text_of(clerk.post(page("instrument", "add"), values, follow=True))
    old, new = (set(Instrument.objects.filter(pk=name).values()[0].items()) for name in ("IX2301", "IX2302"))
    assert {name for name, _value in old ^ new} == {"instrument_id", "name"}


def test_higher_margin_says_who_would_be_warned_and_who_liquidated(clerk: Client, settings: Any) -> None:
    """user001 and user002 hold 50 lots of 12,000 each: 60,000 margin of a million at 10 %, 570,000 at 95 %."""
    Books().commit(order(1, "BUY OPEN 50 @ 120"), order(2, "SELL OPEN 50 @ 120"))
    settings.RISK_WARN, settings.RISK_LIMIT = 0.5, 0.7
    where = page("instrument", "change", "IX2301")
    values = {**content_of(clerk, where), "margin_long": "0.95", "margin_short": "0.11"}
    said = text_of(clerk.post(where, values))
    assert "Would be warned: user001." in said and "Would be liquidated" not in said
    settings.RISK_LIMIT = 0.55
    said = text_of(clerk.post(where, values))
    assert "Would be liquidated: user001." in said and "Would be warned" not in said
    assert not asked()
