"""What a contest holds everybody to, and its beginning by itself; and a class of 200 that plays one from end to end."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.admin.conftest import Staff
from tests.admin.desk.conftest import Officer
from tests.admin.pages import fresh, text_of
from tests.builders import Books, Founded, order
from trading.admin.desk import files
from trading.admin.desk.page import address
from trading.models import AccessToken, Account, Contest, OperatorCommand, User
from trading.operators import contest_rules, contests, requests
from trading.operators.scheduler import Scheduler
from trading.storage.mapping import rules_of

YES = {"post": "yes"}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
"""Before the clock of the books in tests."""


@pytest.fixture
def host(market: Founded, officer: Officer) -> Client:
    return officer("Administrator")


def later(**how: int) -> str:
    return (timezone.localtime() + timedelta(**how)).strftime("%Y-%m-%dT%H:%M")


def prepared(host: Client, **values: str) -> Contest:
    form = {"name": "Rules", "start_balance": "50000", "ends_at": later(hours=2), "every_minutes": "5"}
    said = host.post(address("contests"), {**form, **values})
    assert Contest.objects.exists(), text_of(said)
    return Contest.objects.get()


def running(host: Client, **values: str) -> Contest:
    contest = prepared(host, **values)
    host.post(address("level_contest", contest.pk), YES)
    host.post(address("start_contest", contest.pk), YES)
    answered()
    Contest.objects.filter(pk=contest.pk).update(looked_at=LONG_AGO)
    contest.refresh_from_db()
    assert contest.status == "RUNNING"
    return contest


def answered() -> None:
    """Everything that was asked of the engine is done."""
    for row in OperatorCommand.objects.filter(status="PENDING"):
        requests.wait(row)
    assert not OperatorCommand.objects.filter(status="PENDING").exists()


def limits(user_id: str) -> tuple[int | None, int | None]:
    rules = rules_of(Account.objects.get(user_id=user_id).rules)
    return rules.max_position, rules.max_orders


def test_limits_are_rules_of_the_accounts_from_the_start_to_the_end(host: Client) -> None:
    contest = running(host, max_position="3", max_orders="2", enforced="on")
    assert limits("user001") == limits("user003") == (3, 2)
    with pytest.raises(AssertionError, match="limit"):
        Books().commit(order(1, "BUY OPEN 4 @ 110"))
    assert contests.end(contest, timezone.now())
    answered()
    assert limits("user001") == limits("user003") == (None, None)


def test_rules_that_are_not_enforced_are_only_written_down_once(host: Client) -> None:
    contest = running(host, max_position="1", max_orders="1", instruments="IF2301")
    asked = OperatorCommand.objects.count()
    books = Books()
    books.commit(order(2, "SELL OPEN 2 @ 120"), order(1, "BUY OPEN 2 @ 120"))
    books.commit(order(3, "BUY OPEN 1 @ 109"), order(3, "BUY OPEN 1 @ 110"))
    for _ in range(2):
        contests.measure(contest, timezone.now())
        Contest.objects.filter(pk=contest.pk).update(looked_at=LONG_AGO)
    found = contest.breaches.values_list("account__user__username", "rule", "instrument_id")
    assert set(found) == {
        *((user, rule, "IX2301") for user in ("user001", "user002") for rule in ("POSITION", "INSTRUMENT")),
        ("user003", "ORDERS", "IX2301"),
    }
    assert OperatorCommand.objects.count() == asked
    assert limits("user001") == (None, None)
    assert {rank.user_id: rank.breaches for rank in contests.ranking(contest)} == {
        "user001": 2, "user002": 2, "user003": 1
    }  # fmt: skip
    assert "Too many live orders" in text_of(host.get(address("contest", contest.pk)))


def test_who_trades_what_is_not_allowed_may_only_close_until_the_end(host: Client) -> None:
    contest = running(host, instruments="IF2301", enforced="on")
    Books().commit(order(2, "SELL OPEN 2 @ 120"), order(1, "BUY OPEN 2 @ 120"))
    contests.measure(contest, timezone.now())
    answered()
    closing = OperatorCommand.objects.filter(kind="SetCloseOnly", status="DONE")
    assert {(row.payload["user_id"], row.payload["close_only"]) for row in closing} == {
        ("user001", True), ("user002", True)
    }  # fmt: skip
    assert contests.end(contest, timezone.now())
    answered()
    assert closing.filter(payload__close_only=False).count() == 2


def test_rules_name_what_is_there_and_a_contest_starts_before_it_ends(host: Client) -> None:
    form = {"name": "R", "start_balance": "5", "ends_at": later(hours=2), "every_minutes": "5"}
    said = text_of(host.post(address("contests"), {**form, "instruments": "IX2301, NONE"}))
    assert "There is no instrument NONE." in said
    assert "before it ends" in text_of(host.post(address("contests"), {**form, "starts_at": later(hours=3)}))
    assert not Contest.objects.exists()


def test_it_begins_by_itself_with_those_who_are_ready(host: Client) -> None:
    contest = prepared(host, starts_at=later(hours=1))
    Books().commit(order(3, "BUY OPEN 1 @ 109"))
    due = timezone.now() + timedelta(hours=1, minutes=1)
    early = Scheduler("MAIN", lambda: int(timezone.now().timestamp() * 1000))
    early.look()
    assert not OperatorCommand.objects.exists()
    on_time = Scheduler("MAIN", lambda: int(due.timestamp() * 1000))
    on_time.look()
    answered()
    assert OperatorCommand.objects.count() == 2
    on_time.look()
    contest.refresh_from_db()
    assert contest.status == "RUNNING"
    assert [row.account.user_id for row in contest.entries.order_by("pk")] == ["user001", "user002"]


def test_by_itself_it_moves_no_money_that_its_host_may_not(market: Founded, staff: Staff) -> None:
    """Whoever may only run contests begins with those who have the balance already: nobody, here."""
    contest = prepared(staff("run_contest"), starts_at=later(hours=1))
    due = timezone.now() + timedelta(hours=1, minutes=1)
    Scheduler("MAIN", lambda: int(due.timestamp() * 1000)).look()
    contest.refresh_from_db()
    assert contest.host == User.objects.get(username="clerk")
    assert (contest.status, contest.starts_at) == ("DRAFT", None)
    assert not OperatorCommand.objects.exists()


def test_by_itself_it_waits_for_the_second_person(host: Client, settings: Any) -> None:
    settings.FOUR_EYES_ABOVE = "1"
    contest = prepared(host, starts_at=later(hours=1))
    due = timezone.now() + timedelta(hours=1, minutes=1)
    for _ in range(2):
        Scheduler("MAIN", lambda: int(due.timestamp() * 1000)).look()
    contest.refresh_from_db()
    assert contest.status == "DRAFT" and contest.starts_at is not None
    rows = list(OperatorCommand.objects.all())
    assert rows and all((row.status, row.asked_by) == ("HELD", contest.host) for row in rows)


def test_it_can_be_kept_from_beginning_by_itself(host: Client) -> None:
    contest = prepared(host, starts_at=later(hours=1))
    assert "Do not begin by itself" in host.get(address("contest", contest.pk)).content.decode()
    asked = text_of(host.post(address("unschedule_contest", contest.pk)))
    assert "Somebody has to press the button then." in asked
    contest.refresh_from_db()
    assert contest.starts_at is not None
    said = text_of(host.post(address("unschedule_contest", contest.pk), YES, follow=True))
    contest.refresh_from_db()
    assert contest.starts_at is None and "does not begin by itself any more" in said
    assert "There was nothing to do." in text_of(host.post(address("unschedule_contest", contest.pk), follow=True))


def test_it_gives_up_where_nobody_is_ready(host: Client) -> None:
    contest = prepared(host, starts_at=later(hours=1), beginning="nobody")
    due = timezone.now() + timedelta(hours=1, minutes=1)
    Scheduler("MAIN", lambda: int(due.timestamp() * 1000)).look()
    contest.refresh_from_db()
    assert (contest.status, contest.starts_at) == ("DRAFT", None)


@pytest.mark.slow
def test_a_class_of_200_plays_a_contest(host: Client) -> None:
    """From a list of names to the file with the results, through the pages."""
    names = "\n".join(f"Student {number}" for number in range(200))
    sent = fresh(rows=names, start="class", amount="50000", scope="TRADE", days="30")
    slips = host.post(address("class"), sent)
    assert len(set(re.findall(r'<code id="token-\d+">([^<]+)</code>', slips.content.decode()))) == 200
    assert AccessToken.objects.filter(user__username__startswith="class").count() == 200
    answered()
    contest = running(host, beginning="class", public="on", freeze_at_end="on", max_position="50", enforced="on")
    assert contest.entries.count() == 200
    assert limits("class200") == (50, None)
    number = {name: Account.objects.get(user_id=name).pk for name in ("class001", "class002", "class003")}
    books = Books()
    books.commit(order(number["class002"], "SELL OPEN 10 @ 120"), order(number["class001"], "BUY OPEN 10 @ 120"))
    books.commit(order(number["class003"], "SELL OPEN 1 @ 125"), order(1, "BUY OPEN 1 @ 125"))
    host.post(address("end_contest", contest.pk), YES)
    answered()
    assert Account.objects.filter(user__username__startswith="class", frozen=True).count() == 200
    lines = list(csv.reader(io.StringIO(b"".join(exported(host, contest)).decode("utf-8-sig"))))
    assert len(lines) == 201
    assert (lines[1][1], lines[-1][1]) == ("class001", "class002")
    assert float(lines[1][2]) > 50_000 > float(lines[-1][2])
    assert "1 class001" in text_of(Client().get("/contest/"))


def exported(host: Client, contest: Contest) -> list[bytes]:
    response = host.get(address("export_contest", contest.pk))
    streamed = getattr(response, "streaming_content", None)
    assert streamed is not None
    return list(streamed)


def test_no_limit_is_taken_from_whoever_has_another_by_now(host: Client) -> None:
    """An operator's own rule of meanwhile stays."""
    contest = running(host, max_position="3", enforced="on")
    row = Account.objects.get(user_id="user001")
    changed = contest_rules._bound(Contest(max_position=7), row)
    requests.carry_out(changed, market="MAIN")
    contests.end(contest, timezone.now())
    answered()
    assert limits("user001") == (7, None) and limits("user002") == (None, None)


def test_a_fall_that_was_made_good_again_is_told_alike_everywhere(host: Client) -> None:
    """On the host's page, on the public one and in the file: the drawdown of the worst look, and what broke a rule."""
    contest, books = running(host, public="on", max_position="5"), Books()
    books.commit(order(2, "SELL OPEN 10 @ 120"), order(1, "BUY OPEN 10 @ 120"))
    for price in (115, 125):
        books.commit(order(2, f"SELL OPEN 1 @ {price}"), order(3, f"BUY OPEN 1 @ {price}"))
        contests.measure(contest, timezone.now())
    rank = contests.ranking(contest)[0]
    assert (rank.user_id, rank.breaches) == ("user001", 1)
    assert rank.gain == pytest.approx(0.1, abs=0.001)
    assert rank.drawdown == pytest.approx(0.1, abs=0.001)
    gain, drawdown = f"{rank.gain:+.2%}", f"{rank.drawdown:.2%}"
    for client, where in ((host, address("contest", contest.pk)), (Client(), "/contest/")):
        said = text_of(client.get(where))
        assert re.search(rf"1 user001 [\d,.]+ {re.escape(gain)} {re.escape(drawdown)} ", said), where
    lines = list(csv.reader(io.StringIO(b"".join(exported(host, contest)).decode("utf-8-sig"))))
    assert lines[0] == ["place", "user", "worth", "return", "drawdown", "sharpe", "breaches"]
    assert (lines[1][1], lines[1][3], lines[1][4], lines[1][6]) == ("user001", gain, drawdown, "1")


@pytest.mark.parametrize("number", ["-1", "+1.5", "-9.96%", "+0.00%", "-"])
def test_a_number_of_a_file_is_no_word(number: str) -> None:
    assert files.text([[number]]) == f"{number}\r\n"


@pytest.mark.parametrize("word", ["+A1", "-A1", "+1+1", "-1%%", "+", "=1", "@x", "+%", "-1-1%"])
def test_a_word_of_a_file_is_no_formula(word: str) -> None:
    assert files.text([[word]]) == f"'{word}\r\n"
