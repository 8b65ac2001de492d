"""A contest from its preparation to the export: everybody begins with the same, gains are gains, and it ends once."""

import statistics
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.admin.desk.conftest import Officer
from tests.admin.pages import text_of
from tests.builders import Books, Founded, order
from trading.admin.desk.page import address
from trading.core.commands import AdminCommand, Deposit, OpenAccount, ReceiveTransfer, ReturnTransfer, SendTransfer
from trading.core.money import UNIT
from trading.core.types import Transfer
from trading.models import Account, Contest, ContestEntry, Market, OperatorCommand, User
from trading.operators import contests, inline_engine, requests
from trading.operators.scheduler import Scheduler

YES = {"post": "yes"}


@pytest.fixture
def host(market: Founded, officer: Officer) -> Client:
    return officer("Administrator")


def prepared(host: Client, **values: str) -> Contest:
    ends = (timezone.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    form = {"name": "Autumn", "start_balance": "50000", "ends_at": ends, "every_minutes": "5", "freeze_at_end": "on"}
    host.post(address("contests"), {**form, **values})
    return Contest.objects.get()


def running(host: Client, **values: str) -> Contest:
    contest = prepared(host, **values)
    host.post(address("level_contest", contest.pk), YES)
    host.post(address("start_contest", contest.pk), YES)
    contest.refresh_from_db()
    assert contest.status == "RUNNING"
    return contest


def trade() -> None:
    """user001 gains 5,000 from user002, commission apart."""
    books = Books()
    books.commit(order(2, "SELL OPEN 10 @ 120"), order(1, "BUY OPEN 10 @ 120"))
    books.commit(order(2, "SELL OPEN 1 @ 125"), order(3, "BUY OPEN 1 @ 125"))


def test_everybody_begins_with_the_same(host: Client) -> None:
    contest = prepared(host)
    said = text_of(host.get(address("contest", contest.pk)))
    assert "3 accounts take part" in said and "user001 has another balance" in said
    assert "not ready" in text_of(host.post(address("start_contest", contest.pk), YES, follow=True))
    asked = text_of(host.post(address("level_contest", contest.pk)))
    assert "3 accounts get the balance 50,000.00." in asked
    assert not OperatorCommand.objects.exists()
    for _ in range(2):
        host.post(address("level_contest", contest.pk), YES)
    assert OperatorCommand.objects.count() == 3
    assert contests.unready(contest) == []


def test_who_trades_is_not_ready_and_is_left_alone(host: Client) -> None:
    contest = prepared(host)
    Books().commit(order(1, "BUY OPEN 1 @ 110"), order(2, "SELL OPEN 1 @ 120"), order(3, "BUY OPEN 1 @ 120"))
    commands, busy = contests.levelling(contest)
    assert commands == []
    assert {(each.user_id, each.why) for each in busy} == {
        ("user001", "has live orders"),
        ("user002", "has positions"),
        ("user003", "has positions"),
    }


def test_only_those_whose_names_begin_so_take_part(host: Client) -> None:
    contest = running(host, beginning="user001")
    assert [row.account.user_id for row in contest.entries.all()] == ["user001"]


def test_gains_are_ranked_and_money_that_was_moved_is_none(host: Client) -> None:
    contest = running(host)
    trade()
    requests.carry_out(Deposit("user003", 777 * UNIT), market="MAIN")
    contests.measure(contest, timezone.now())
    ranks = contests.ranking(contest)
    assert [rank.user_id for rank in ranks] == ["user001", "user003", "user002"]
    assert ranks[0].gain == pytest.approx(0.1, abs=0.001)
    assert ranks[1].worth == 50_000 * UNIT - 2 * UNIT
    assert ranks[2].drawdown == pytest.approx(0.1, abs=0.002)
    assert "1 user001" in text_of(host.get(address("contest", contest.pk)))


def test_money_that_goes_to_another_market_or_comes_from_there_is_neither(host: Client) -> None:
    Market.objects.create(code="OTHER")
    contest = running(host)
    inline_engine.carry_out(OpenAccount("user001"), market="OTHER")
    there = Transfer("there", "user001", "MAIN", "OTHER", 777 * UNIT)
    returned = Transfer("returned", "user002", "MAIN", "OTHER", 5 * UNIT)
    back = Transfer("back", "user001", "OTHER", "MAIN", 77 * UNIT)
    steps: list[tuple[AdminCommand, str]] = [
        (SendTransfer(there), "MAIN"),
        (ReceiveTransfer(there), "OTHER"),
        (SendTransfer(returned), "MAIN"),
        (ReturnTransfer(returned), "MAIN"),
        (SendTransfer(back), "OTHER"),
        (ReceiveTransfer(back), "MAIN"),
    ]
    for step, (command, market) in enumerate(steps):
        row = inline_engine.carry_out(command, market=market)
        assert row.status == "DONE", row.result
        contests.measure(contest, timezone.now())
        assert {rank.worth for rank in contests.ranking(contest)} == {50_000 * UNIT}, step


def test_money_that_was_held_since_before_the_start_is_no_gain(host: Client, settings: Any) -> None:
    contest = prepared(host)
    host.post(address("level_contest", contest.pk), YES)
    settings.FOUR_EYES_KINDS = ["Deposit"]
    held = requests.ask(Deposit("user001", UNIT), market="MAIN", asked_by=User.objects.get(username="administrator"))
    host.post(address("start_contest", contest.pk), YES)
    OperatorCommand.objects.filter(pk=held.pk).update(status="PENDING")
    requests.wait(held)
    contest.refresh_from_db()
    contests.measure(contest, timezone.now())
    assert {rank.worth for rank in contests.ranking(contest)} == {50_000 * UNIT}


def test_returns_drawdown_and_sharpe_are_those_of_the_looks() -> None:
    worths = [100, 110, 99, 104, 104, 130]
    entry = ContestEntry(worth=worths[0], peak=worths[0])
    for worth in worths[1:]:
        contests.add_look(entry, worth)
    returns = [after / before - 1 for before, after in pairwise(worths)]
    assert contests._sharpe(entry) == pytest.approx(statistics.mean(returns) / statistics.stdev(returns))
    assert entry.drawdown == pytest.approx(0.1)
    assert contests._sharpe(ContestEntry(worth=1, peak=1)) is None


def test_who_has_lost_everything_is_still_counted() -> None:
    entry = ContestEntry(worth=100, peak=100)
    for worth in (0, -50, 20):
        contests.add_look(entry, worth)
    assert (entry.worth, entry.drawdown) == (20, 1.5)


def test_it_ends_once_and_all_are_frozen(host: Client) -> None:
    contest = running(host)
    asked = text_of(host.post(address("end_contest", contest.pk)))
    assert "3 accounts are ranked and frozen." in asked
    for _ in range(2):
        host.post(address("end_contest", contest.pk), YES)
    contest.refresh_from_db()
    assert contest.status == "ENDED"
    for row in OperatorCommand.objects.filter(kind="FreezeAccount"):
        requests.wait(row)
    assert OperatorCommand.objects.filter(kind="FreezeAccount").count() == 3
    assert Account.objects.filter(frozen=True).count() == 3


def test_the_schedule_looks_after_it(host: Client) -> None:
    contest = running(host)
    assert contest.started_at is not None

    def look(after: timedelta) -> None:
        at = int((contest.started_at + after).timestamp() * 1000) + 1  # type: ignore[operator]
        Scheduler("MAIN", lambda: at).look()
        contest.refresh_from_db()

    for minutes, looks in ((1, 0), (5, 1), (6, 1), (10, 2)):
        look(timedelta(minutes=minutes))
        assert contest.entries.all()[0].looks == looks
    look(timedelta(hours=3))
    assert contest.status == "ENDED"
    assert OperatorCommand.objects.filter(kind="FreezeAccount").count() == 3


def test_one_runs_at_a_time(host: Client) -> None:
    running(host)
    other = Contest.objects.create(market_id="MAIN", name="B", start_balance=50_000 * UNIT, ends_at=timezone.now())
    said = text_of(host.post(address("start_contest", other.pk), YES, follow=True))
    assert "Another contest is running." in said


def test_the_public_sees_it_where_that_is_switched_on(host: Client) -> None:
    contest, anybody = running(host), Client()
    assert anybody.get("/contest/").status_code == 404
    asked = text_of(host.post(address("publish_contest", contest.pk), {"public": "yes"}))
    assert "sees the user ids and results of" in asked and not Contest.objects.get(pk=contest.pk).public
    host.post(address("publish_contest", contest.pk), {"public": "yes", "post": "yes"})
    answer = anybody.get("/contest/")
    assert "user001" in text_of(answer)
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    asked = text_of(host.post(address("publish_contest", contest.pk)))
    assert "Nobody but staff sees the user ids and results of" in asked and anybody.get("/contest/").status_code == 200
    host.post(address("publish_contest", contest.pk), YES)
    assert anybody.get("/contest/").status_code == 404


def test_what_is_over_is_told_as_over(host: Client) -> None:
    contest = running(host, enforced="on", public="on")
    during = text_of(host.get(address("contest", contest.pk)))
    assert "Its rules are enforced. All its accounts are frozen when it ends." in during
    assert " Ends " in during and "Ranking as of the last look" in during
    assert ", ends " in text_of(Client().get("/contest/"))
    host.post(address("end_contest", contest.pk), YES)
    after = text_of(host.get(address("contest", contest.pk)))
    assert "Its rules were enforced until the end. All its accounts were frozen when it ended." in after
    assert "Ranking at the end" in after and " Ended 20" in after
    assert not any(each in after for each in (" Ends ", "when it ends", "Last look", "as of the last look"))
    public = text_of(Client().get("/contest/"))
    assert "The ranking at its end, 20" in public and "ends " not in public


def test_the_results_are_a_file(host: Client) -> None:
    contest = running(host)
    trade()
    contests.measure(contest, timezone.now())
    answer: Any = host.get(address("export_contest", contest.pk))
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("1,user001,")


@pytest.mark.parametrize(
    "values", [{"start_balance": "0"}, {"start_balance": "x"}, {"ends_at": "2020-01-01T00:00"}, {"every_minutes": "0"}]
)
def test_a_contest_that_makes_no_sense(market: Founded, officer: Officer, values: dict[str, str]) -> None:
    client = officer("Administrator")
    with pytest.raises(Contest.DoesNotExist):
        prepared(client, **values)


def test_a_look_takes_few_queries(host: Client, django_assert_max_num_queries: Any) -> None:
    contest = running(host)
    with django_assert_max_num_queries(9):
        contests.measure(contest, timezone.now())
