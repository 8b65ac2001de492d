"""Instruments as drafts: kept without the engine, seen by staff alone, changed, deleted, listed."""

import uuid
from typing import Any

import pytest
from django.test import Client

from tests.admin.desk.conftest import Officer
from tests.admin.pages import YES, content_of, page, text_of
from tests.admin.test_instruments import NEW
from tests.admin.venue.conftest import soon
from tests.builders import Books, Founded
from trading.admin.desk.page import address
from trading.models import Instrument, OperatorCommand, ScheduledCommand
from trading.operators import at_a_time, requests
from trading.operators.authority import approvals

ADD = page("instrument", "add")
NAME = NEW["instrument_id"]


@pytest.fixture
def clerk(market: Founded, officer: Officer) -> Client:
    return officer("Administrator")


def keep(clerk: Client, **values: str) -> Any:
    return clerk.post(ADD, {**content_of(clerk, ADD), **NEW, "also": "Keep it as a draft", **values}, follow=True)


def draft() -> ScheduledCommand:
    return at_a_time.drafts("MAIN").get()


def listed(clerk: Client, row: ScheduledCommand, **values: str) -> Any:
    form = {"key": uuid.uuid4().hex, **YES, **values}
    return clerk.post(address("list_draft", row.pk), form, follow=True)


def test_a_draft_is_kept_and_the_engine_hears_nothing_of_it(clerk: Client) -> None:
    said = text_of(keep(clerk))
    assert f"{NAME} is kept as a draft" in said and "铜 future" in said and "administrator" in said
    assert not OperatorCommand.objects.exists() and not Instrument.objects.filter(pk=NAME).exists()
    at_a_time.look("MAIN", draft().made_at.replace(year=2999))
    assert not OperatorCommand.objects.exists(), "no time ever comes for a draft"
    later = text_of(clerk.get(address("later")))
    assert NAME not in later, "it does not wait for a time"
    assert clerk.post(address("cancel_later", draft().pk), YES).status_code == 404


def test_its_form_sent_twice_keeps_one(clerk: Client) -> None:
    values = {**content_of(clerk, ADD), **NEW, "also": "yes"}
    for _ in range(2):
        clerk.post(ADD, values)
    assert at_a_time.drafts("MAIN").count() == 1
    said = text_of(clerk.post(ADD, {**values, "tick": "5"}))
    assert "was sent before with other values" in said and at_a_time.drafts("MAIN").count() == 1


def test_what_is_wrong_or_there_already_is_not_kept(clerk: Client) -> None:
    assert "Enter a number" in text_of(keep(clerk, tick="ten"))
    assert "There is an instrument IX2301 already." in text_of(keep(clerk, instrument_id="IX2301"))
    assert not ScheduledCommand.objects.exists()
    keep(clerk)
    assert f"There is a draft of {NAME} already." in text_of(keep(clerk))
    assert ScheduledCommand.objects.count() == 1


def test_a_draft_is_changed_and_what_it_was_can_be_seen(clerk: Client) -> None:
    keep(clerk)
    first = draft()
    where = address("change_draft", first.pk)
    values = content_of(clerk, where)
    assert values["tick"] == "10.00" and values["fee_close_rate"] == "0.00000001" and values["name"] == "铜 future"
    clerk.post(where, {**values, "tick": "20"})
    second = draft()
    command: Any = approvals.command_of(second)
    assert second.pk != first.pk and command.contract.tick == 200_000
    first.refresh_from_db()
    assert first.status == "CANCELLED" and first.cancelled_by is not None
    assert first.cancelled_by.username == "administrator"
    assert clerk.get(where).status_code == clerk.post(where, {**values, "tick": "5"}).status_code == 404
    assert "Draft ListInstrument" in text_of(clerk.get(address("later"))), "what it was stands at the end"


def test_a_draft_is_deleted_after_a_question(clerk: Client) -> None:
    keep(clerk)
    row = draft()
    assert "will be" not in text_of(clerk.post(address("delete_draft", row.pk)))
    assert draft() == row
    said = text_of(clerk.post(address("delete_draft", row.pk), YES, follow=True))
    assert f"The draft of {NAME} is deleted." in said and not at_a_time.drafts("MAIN").exists()
    assert "Cancelled administrator" in text_of(clerk.get(address("later")))
    assert clerk.post(address("delete_draft", row.pk), YES).status_code == 404


def test_a_draft_is_listed_at_once(clerk: Client) -> None:
    keep(clerk)
    row = draft()
    said = text_of(listed(clerk, row, post=""))
    assert "it stays for good" in said and "It is done at once." in said and not OperatorCommand.objects.exists()
    assert f"Listed {NAME}." in text_of(listed(clerk, row))
    assert Instrument.objects.get(pk=NAME).tick == 100_000
    row.refresh_from_db()
    assert row.status == "ASKED" and row.command == OperatorCommand.objects.get(kind="ListInstrument")
    assert listed(clerk, row).status_code == 404 and OperatorCommand.objects.count() == 1


def test_a_draft_is_listed_at_a_time(clerk: Client) -> None:
    keep(clerk)
    row = draft()
    assert "It will be done at" in text_of(listed(clerk, row, at=soon(hours=1)))
    assert not at_a_time.drafts("MAIN").exists()
    waiting = ScheduledCommand.objects.get(status="WAITING")
    assert waiting.at is not None and not OperatorCommand.objects.exists()
    at_a_time.look("MAIN", waiting.at)
    assert requests.wait(OperatorCommand.objects.get()).status == "DONE"
    assert Instrument.objects.filter(pk=NAME).exists()


def test_where_the_name_is_taken_by_then_it_is_said_and_the_draft_stays(clerk: Client) -> None:
    keep(clerk)
    row = draft()
    command: Any = approvals.command_of(row)
    Books().commit(command)
    said = text_of(listed(clerk, row))
    assert "It cannot be listed:" in said and "is listed already" in said
    assert draft() == row and not OperatorCommand.objects.exists()


def test_what_was_refused_or_rejected_is_a_draft_again(clerk: Client, settings: Any) -> None:
    settings.FOUR_EYES_KINDS = ["ListInstrument"]
    keep(clerk)
    row = draft()
    listed(clerk, row)
    asked = OperatorCommand.objects.get()
    assert asked.status == "HELD" and not at_a_time.drafts("MAIN").exists()
    OperatorCommand.objects.update(status="REFUSED", result="Rejected by boss: not yet")
    assert draft() == row and "not yet" in text_of(clerk.get(address("drafts")))
    settings.FOUR_EYES_KINDS = []
    assert f"Listed {NAME}." in text_of(listed(clerk, row)) and not at_a_time.drafts("MAIN").exists()


def test_of_two_who_change_it_at_once_one_does(clerk: Client) -> None:
    keep(clerk)
    row = draft()
    assert at_a_time.close_draft(row, row.asked_by)
    assert not at_a_time.close_draft(row, row.asked_by)


@pytest.mark.parametrize("role", ["Viewer", "Support", "Risk officer", "Treasurer", "Settlement officer"])
def test_others_see_drafts_and_touch_none(clerk: Client, officer: Officer, role: str) -> None:
    keep(clerk)
    row, other = draft(), officer(role)
    said = text_of(other.get(address("drafts")))
    assert NAME in said
    for name in ("change_draft", "list_draft", "delete_draft"):
        assert other.get(address(name, row.pk)).status_code == 403
        assert other.post(address(name, row.pk), {**NEW, **YES, "key": uuid.uuid4().hex}).status_code == 403
    assert other.post(ADD, {**NEW, "also": "yes", "key": uuid.uuid4().hex}).status_code == 403
    assert draft() == row and not OperatorCommand.objects.exists()


def test_another_markets_drafts_are_not_here(clerk: Client) -> None:
    keep(clerk)
    row = draft()
    at_a_time.put(
        approvals.command_of(row),  # type: ignore[arg-type]
        None,
        market="OTHER",
        asked_by=row.asked_by,
        key="other",
    )
    row.delete()
    other = ScheduledCommand.objects.get()
    assert NAME not in text_of(clerk.get(address("drafts")))
    assert clerk.get(address("change_draft", other.pk)).status_code == 404
    assert listed(clerk, other).status_code == 404


def test_the_list_of_instruments_leads_to_them(clerk: Client) -> None:
    assert address("drafts") in clerk.get(page("instrument")).content.decode()
