"""Two operators, or one who presses twice, send the same form at the same moment: it is done once."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.admin.desk.conftest import Officer
from tests.admin.desk.test_contest import prepared
from tests.admin.desk.test_settlement import DAYS
from tests.admin.pages import YES, deposits, fresh, page
from tests.builders import Founded
from trading.admin.desk.page import address
from trading.models import ContestEntry, Market, OperatorCommand
from trading.operators import requests


def at_once(*presses: Callable[[], Any]) -> list[Any]:
    """What each of them was answered; they go through one gate together."""
    gate, answers = threading.Barrier(len(presses)), []

    def press(one: Callable[[], Any]) -> None:
        try:
            gate.wait(20)
            answers.append(one())
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(one,)) for one in presses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == len(presses), "one of them failed"
    return answers


def answered() -> None:
    for row in OperatorCommand.objects.filter(status="PENDING"):
        requests.wait(row)


def twice(client: Client, url: str, sent: dict[str, Any]) -> list[int]:
    return [each.status_code for each in at_once(*(lambda: client.post(url, sent) for _ in range(2)))]


@pytest.mark.parametrize("name", ["deposit", "withdraw"])
def test_money_moves_once(market: Founded, officer: Officer, name: str) -> None:
    client = officer("Treasurer")
    assert twice(client, page("account", name, 1), fresh(amount="7")) == [302, 302]
    answered()
    assert OperatorCommand.objects.count() == 1
    assert deposits("user001") == ("1000007.00" if name == "deposit" else "1000000.00")


def test_a_file_of_money_moves_once(market: Founded, officer: Officer) -> None:
    client = officer("Treasurer")
    sent = fresh(rows="user001,5\nuser002,7", reason="Prizes")
    assert twice(client, address("funds_file"), sent) == [302, 302]
    answered()
    assert OperatorCommand.objects.count() == 2
    assert (deposits("user001"), deposits("user002")) == ("1000005.00", "1000007.00")


def test_a_day_is_settled_once_by_two_officers(market: Founded, officer: Officer) -> None:
    first, second = officer("Settlement officer"), officer("Settlement officer", name="second")
    day = Market.objects.get().trading_day
    at_once(*(lambda one=one: one.post(address("settle"), {**DAYS, **YES}) for one in (first, second)))
    answered()
    assert OperatorCommand.objects.filter(kind="Settle").count() == 1
    row = OperatorCommand.objects.get(kind="Settle")
    assert row.status == "DONE", row.result
    assert Market.objects.get().trading_day > day


def test_a_contest_begins_once_by_two_hosts(market: Founded, officer: Officer) -> None:
    first, second = officer("Administrator"), officer("Administrator", name="second")
    contest = prepared(first)
    first.post(address("level_contest", contest.pk), YES)
    answered()
    begin = address("start_contest", contest.pk)
    at_once(*(lambda one=one: one.post(begin, YES).status_code for one in (first, second)))
    assert ContestEntry.objects.count() == 3
