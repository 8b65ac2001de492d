"""Four eyes: what waits for whom, who decides, once, and in time."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.admin.desk.conftest import Officer
from tests.admin.pages import deposits, fresh, page, text_of
from tests.builders import Founded
from trading.admin.desk.page import address
from trading.core.commands import Deposit, Settle
from trading.models import OperatorCommand, User
from trading.operators import requests, settlement
from trading.operators.authority import approvals

DEPOSIT = page("account", "deposit", 1)
YES = {"post": "yes"}


@pytest.fixture(autouse=True)
def _limit(market: Founded, settings: Any) -> None:
    settings.FOUR_EYES_ABOVE = "1000"


@pytest.fixture
def treasurer(officer: Officer) -> Client:
    return officer("Treasurer")


def put_in(client: Client, amount: str) -> OperatorCommand:
    client.post(DEPOSIT, fresh(amount=amount, post="yes"))
    return OperatorCommand.objects.order_by("-id")[0]


def test_small_money_moves_at_once(treasurer: Client) -> None:
    assert put_in(treasurer, "1000").status == "DONE"


def test_much_money_waits_for_another(treasurer: Client, officer: Officer) -> None:
    said = text_of(treasurer.post(DEPOSIT, fresh(amount="1000.0001", post="yes"), follow=True))
    row = OperatorCommand.objects.get()
    assert f"Command #{row.pk} waits for the approval of another person" in said
    assert (row.status, deposits("user001")) == ("HELD", "1000000.00")
    second = officer("Treasurer", name="second")
    assert '"amount": "1,000.0001"' in text_of(second.get(address("approvals"))), "in the currency, not in our units"
    assert "Approved" in text_of(second.post(address("approve", row.pk), YES, follow=True))
    row.refresh_from_db()
    assert row.decided_by == User.objects.get(username="second")
    assert (row.status, deposits("user001")) == ("DONE", "1001000.0001")


def test_splitting_does_not_help(treasurer: Client) -> None:
    assert [put_in(treasurer, "400").status for _ in range(3)] == ["DONE", "DONE", "HELD"]


def test_what_another_has_approved_is_not_counted(treasurer: Client, officer: Officer) -> None:
    held = put_in(treasurer, "5000")
    officer("Treasurer", name="second").post(address("approve", held.pk), YES)
    assert put_in(treasurer, "1000").status == "DONE"


def test_yesterdays_money_is_not_counted(treasurer: Client) -> None:
    put_in(treasurer, "1000")
    OperatorCommand.objects.update(asked_at=timezone.now() - timedelta(hours=25))
    assert put_in(treasurer, "1000").status == "DONE"


def test_nobody_approves_their_own(treasurer: Client, root: Client) -> None:
    row = put_in(treasurer, "5000")
    assert "another person" in text_of(treasurer.post(address("approve", row.pk), YES, follow=True))
    assert not approvals.decide(row, User.objects.get(username="treasurer"), approve=True)
    own = put_in(root, "5000")
    assert "another person" in text_of(root.post(address("approve", own.pk), YES, follow=True))
    assert list(OperatorCommand.objects.values_list("status", flat=True)) == ["HELD", "HELD"]


def test_only_who_may_do_it_may_approve_it(treasurer: Client, officer: Officer) -> None:
    row = put_in(treasurer, "5000")
    said = text_of(officer("Risk officer").post(address("approve", row.pk), YES, follow=True))
    assert "Only somebody who may do it themselves can decide about it." in said
    assert officer("Viewer").post(address("approve", row.pk), YES).status_code == 403
    row.refresh_from_db()
    assert row.status == "HELD"


def test_it_is_asked_first(treasurer: Client, officer: Officer) -> None:
    row = put_in(treasurer, "5000")
    said = text_of(officer("Treasurer", name="second").post(address("approve", row.pk)))
    assert "Deposit, asked by treasurer." in said
    assert "amount: 5,000.00" in said
    row.refresh_from_db()
    assert row.status == "HELD"


def test_a_rejected_one_is_never_done(treasurer: Client, officer: Officer) -> None:
    row, second = put_in(treasurer, "5000"), officer("Treasurer", name="second")
    second.post(address("reject", row.pk), {**YES, "reason": "too much"})
    assert "no longer waits" in text_of(second.post(address("approve", row.pk), YES, follow=True))
    row.refresh_from_db()
    assert (row.status, row.result) == ("REFUSED", "Rejected by second: too much")
    assert deposits("user001") == "1000000.00"


def test_what_nobody_approves_in_time_is_refused(treasurer: Client, officer: Officer) -> None:
    row, second = put_in(treasurer, "5000"), officer("Treasurer", name="second")
    OperatorCommand.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "no longer waits" in text_of(second.post(address("approve", row.pk), YES, follow=True))
    row.refresh_from_db()
    assert (row.status, row.result) == ("REFUSED", "Nobody approved it in time.")


def test_two_who_approve_at_once_approve_once(treasurer: Client, officer: Officer) -> None:
    row = put_in(treasurer, "5000")
    for name in ("second", "third"):
        officer("Treasurer", name=name)
    gate, won = threading.Barrier(2), []

    def approve(name: str) -> None:
        user = User.objects.get(username=name)
        gate.wait(20)
        if approvals.decide(row, user, approve=True):
            won.append(name)
        connection.close()

    threads = [threading.Thread(target=approve, args=(name,)) for name in ("second", "third")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(won) == 1
    requests.wait(row)
    assert deposits("user001") == "1005000.00"


def test_a_kind_of_the_setting_always_waits(officer: Officer, settings: Any) -> None:
    settings.FOUR_EYES_KINDS = ["FreezeAccount"]
    officer("Risk officer").post(page("account", "freeze", 1), {"post": "yes"})
    assert [(row.kind, row.status) for row in OperatorCommand.objects.all()] == [("FreezeAccount", "HELD")]


def test_of_many_at_once_all_wait_or_none(treasurer: Client) -> None:
    user = User.objects.get(username="treasurer")
    commands = [Deposit("user001", 6_000_000), Deposit("user002", 6_000_000)]
    assert approvals.takes_two(commands, user)
    assert not approvals.takes_two(commands[:1], user)


def test_a_settlement_that_was_not_approved_can_be_asked_for_anew(officer: Officer, settings: Any) -> None:
    settings.FOUR_EYES_KINDS = ["Settle"]
    officer("Settlement officer")
    user, command = User.objects.get(username="settlement"), Settle(20231114, 20231115, {})
    first = settlement.ask(command, market="MAIN", asked_by=user)
    assert settlement.ask(command, market="MAIN", asked_by=user) == first
    OperatorCommand.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    second = settlement.ask(command, market="MAIN", asked_by=user)
    assert (second.pk != first.pk, second.status) == (True, "HELD")


def test_the_shell_and_traders_wait_for_nobody(market: Founded) -> None:
    for asked_by in (None, User.objects.get(username="user001")):
        assert requests.ask(Deposit("user001", 10**9), market="MAIN", asked_by=asked_by).status == "PENDING"


# --- the trail


def test_the_trail_knows_why_from_where_before_and_after(root: Client) -> None:
    root.post(DEPOSIT, fresh(amount="10", reason="a prize", post="yes"))
    row = OperatorCommand.objects.get()
    assert (row.reason, row.address) == ("a prize", "127.0.0.1")
    assert row.before is not None and row.after is not None
    assert (row.before["booked"], row.after["booked"]) == ("1000000.00", "1000010.00")
    text = text_of(root.get(page("operatorcommand", "change", row.pk)))
    assert all(word in text for word in ("a prize", "127.0.0.1", "1000010.00"))


def test_the_trail_is_a_file(root: Client) -> None:
    root.post(DEPOSIT, fresh(amount="10", reason="=1+1", post="yes"))
    root.post(page("instrument", "halt", "IF2301"), {"post": "yes"})
    today = f"{timezone.localdate()}"
    days = {"from_day": today, "to_day": today}
    whole = b"".join(root.get(address("audit"), days).streaming_content).decode()  # type: ignore[attr-defined]
    assert len(whole.splitlines()) == 3
    assert "'=1+1" in whole
    some = b"".join(root.get(address("audit"), {**days, "kind": "Deposit"}).streaming_content)  # type: ignore[attr-defined]
    assert len(some.splitlines()) == 2
