"""Commands at a time: asked once when it has come, in the name of whoever put them there, unless cancelled before."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from tests.builders import Founded
from trading.core.commands import HaltInstrument
from trading.models import OperatorCommand, ScheduledCommand, User
from trading.operators import at_a_time
from trading.operators.scheduler import Scheduler

AT = datetime(2024, 1, 4, 8, tzinfo=UTC)
HALT = HaltInstrument("IX2301")


@pytest.fixture
def clerk(market: Founded) -> User:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="change_instrument"))
    return user


def put(clerk: User, at: datetime = AT, key: str = "one") -> ScheduledCommand:
    return at_a_time.put(HALT, at, market="MAIN", asked_by=clerk, key=key, reason="lunch", address="10.0.0.1")


def look(after: timedelta = timedelta()) -> None:
    at_a_time.look("MAIN", AT + after)


def test_nothing_happens_before_its_time(clerk: User) -> None:
    row = put(clerk)
    look(-timedelta(seconds=1))
    row.refresh_from_db()
    assert row.status == "WAITING" and not OperatorCommand.objects.exists()


def test_it_is_asked_once_as_whoever_put_it_there(clerk: User) -> None:
    row = put(clerk)
    for _ in range(3):
        look()
    (command,) = OperatorCommand.objects.all()
    assert (command.kind, command.asked_by, command.reason, command.address) == (
        "HaltInstrument",
        clerk,
        "lunch",
        "10.0.0.1",
    )
    row.refresh_from_db()
    assert (row.status, row.command) == ("ASKED", command)


def test_those_that_are_due_come_in_the_order_of_their_times(clerk: User) -> None:
    late, early = put(clerk, AT, "late"), put(clerk, AT - timedelta(minutes=1), "early")
    look()
    found = [command.key for command in OperatorCommand.objects.order_by("pk")]
    assert found == [f"at:{early.pk}", f"at:{late.pk}"]


def test_the_schedule_asks_for_them(clerk: User) -> None:
    put(clerk)
    Scheduler("MAIN", lambda: int(AT.timestamp() * 1000)).look()
    assert OperatorCommand.objects.get().kind == "HaltInstrument"


def test_the_same_key_is_one_command(clerk: User) -> None:
    assert put(clerk) == put(clerk)


def test_what_is_cancelled_is_not_asked(clerk: User) -> None:
    row = put(clerk)
    assert at_a_time.cancel(row, clerk)
    assert not at_a_time.cancel(row, clerk)
    look()
    row.refresh_from_db()
    assert (row.status, row.cancelled_by) == ("CANCELLED", clerk) and not OperatorCommand.objects.exists()


def test_what_was_asked_cannot_be_cancelled(clerk: User) -> None:
    row = put(clerk)
    look()
    assert not at_a_time.cancel(row, clerk)


def not_asked(row: ScheduledCommand) -> str:
    row.refresh_from_db()
    assert row.status == "NOT_ASKED" and not OperatorCommand.objects.exists()
    return row.note


def test_what_is_more_than_an_hour_late_is_not_done(clerk: User, caplog: pytest.LogCaptureFixture) -> None:
    row = put(clerk)
    look(at_a_time.LATEST + timedelta(seconds=1))
    assert not_asked(row) == at_a_time.TOO_LATE
    assert "was not asked" in caplog.text


def test_what_is_an_hour_late_is_still_done(clerk: User) -> None:
    put(clerk)
    look(at_a_time.LATEST)
    assert OperatorCommand.objects.count() == 1


@pytest.mark.parametrize("lost", ["right", "place"])
def test_who_may_not_ask_any_more_has_nothing_asked(clerk: User, lost: str) -> None:
    row = put(clerk)
    if lost == "right":
        clerk.user_permissions.clear()
    else:
        User.objects.filter(pk=clerk.pk).update(is_active=False)
    look()
    assert not_asked(row) == at_a_time.NO_RIGHT


def test_one_that_nobody_can_read_does_not_stop_the_others(clerk: User) -> None:
    odd = put(clerk, AT - timedelta(minutes=1), "odd")
    ScheduledCommand.objects.filter(pk=odd.pk).update(payload={"type": "Unheard"})
    put(clerk)
    look()
    odd.refresh_from_db()
    assert odd.note == at_a_time.NOT_KNOWN
    assert OperatorCommand.objects.get().kind == "HaltInstrument"


def test_a_second_person_is_asked_where_that_is_the_rule(clerk: User, settings: object) -> None:
    settings.FOUR_EYES_KINDS = ["HaltInstrument"]  # type: ignore[attr-defined]
    put(clerk)
    look()
    assert OperatorCommand.objects.get().status == "HELD"


def test_a_look_reads_what_waits_by_an_index(clerk: User) -> None:
    put(clerk)
    if connection.vendor == "sqlite":
        due = ScheduledCommand.objects.filter(status="WAITING", at__lte=AT).order_by("at", "pk")
        assert "scheduled_command_waiting" in due.explain()
