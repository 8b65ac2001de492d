"""The books at a button, and what was found."""

import threading

import pytest
from django.test import Client

from tests.admin.desk.conftest import Officer
from tests.admin.pages import text_of
from tests.builders import Founded
from trading.admin.desk import checks
from trading.admin.desk.page import address
from trading.models import Account, HealthCheck


def pressed(client: Client, kind: str) -> HealthCheck:
    """Press the button and wait until the check has ended."""
    client.post(address("start_check"), {"kind": kind})
    for thread in threading.enumerate():
        if thread.name.startswith("check "):
            thread.join(60)
    return HealthCheck.objects.order_by("-id")[0]


@pytest.mark.parametrize("kind", ["books", "journal"])
def test_books_that_are_all_right(traded: Founded, officer: Officer, kind: str) -> None:
    client = officer("Settlement officer")
    Account.objects.filter(pk=1)
    from trading.models import Statement

    Statement.objects.all().delete()  # made up by the fixture, without a day in the journal
    row = pressed(client, kind)
    assert (row.status, row.finished_at is not None) == ("FINE", True), row.result
    assert row.result in text_of(client.get(address("checks")))


def test_what_is_wrong_is_kept(traded: Founded, officer: Officer) -> None:
    Account.objects.filter(pk=1).update(deposits=1)
    row = pressed(officer("Settlement officer"), "books")
    assert row.status == "FOUND"
    assert "account 1" in row.result


def test_one_check_at_a_time(market: Founded, officer: Officer) -> None:
    client = officer("Settlement officer")
    with checks.ONE:
        said = text_of(client.post(address("start_check"), {"kind": "books"}, follow=True))
    assert "A check is running already." in said
    assert not HealthCheck.objects.exists()


def test_there_is_no_other_check(market: Founded, officer: Officer) -> None:
    assert officer("Settlement officer").post(address("start_check"), {"kind": "rm"}).status_code == 400
