"""Instruments from a file: listed and changed as written, all or none, once, at once or at a time."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.admin.desk.conftest import Officer
from tests.admin.pages import YES, asked, choose, text_of
from tests.admin.venue.conftest import soon
from tests.builders import Books, Founded, order
from trading.admin.desk.page import address
from trading.core.commands import Settle, StopLiquidation
from trading.models import Instrument, Market, OperatorCommand, ScheduledCommand
from trading.operators import at_a_time, requests

HEAD = "instrument_id,name,product_id,tick,multiplier,reference_price,limit_rate,margin_long,margin_short,last_day\n"
NEW = "AA2701,First,AA,0.5,10,100,0.1,0.1,0.12,2099-01-15\n"
OTHER = "BB2701,Second,BB,1,5,200,0,0.2,0.2,\n"


@pytest.fixture
def clerk(market: Founded, officer: Officer) -> Client:
    return officer("Administrator")


def send(clerk: Client, rows: str, confirmed: bool = True, /, **values: Any) -> Any:
    form = {"key": uuid.uuid4().hex, "rows": rows, "reason": "new season", **(YES if confirmed else {}), **values}
    return clerk.post(address("instruments_file"), form, follow=True)


def downloaded(clerk: Client, name: str) -> str:
    answer: Any = clerk.get(address(name))
    assert "attachment" in answer["Content-Disposition"]
    return b"".join(answer.streaming_content).decode().removeprefix("\ufeff")


def test_several_are_listed_after_a_preview_and_once(clerk: Client) -> None:
    said = text_of(send(clerk, HEAD + NEW + OTHER, False))
    assert "Commands: 2. Nothing has been asked for yet. It is done at once." in said
    assert "2 AA2701 is listed" in said and "3 BB2701 is listed" in said
    assert not OperatorCommand.objects.exists()
    assert "Instruments done: 2." in text_of(send(clerk, HEAD + NEW + OTHER))
    assert [each[:2] for each in asked()] == [("ListInstrument", "DONE")] * 2
    assert {row.reason for row in OperatorCommand.objects.all()} == {"new season"}
    row = Instrument.objects.get(pk="AA2701")
    assert (row.name, row.tick, row.multiplier, row.margin_short, row.last_day) == (
        "First",
        5_000,
        10,
        12_000_000,
        20990115,
    )
    assert (row.fee_open_per_lot, row.min_volume) == (0, 1)
    assert "Nothing would change." in text_of(send(clerk, HEAD + NEW + OTHER))
    assert OperatorCommand.objects.count() == 2


def test_a_file_of_a_spreadsheet_that_writes_semicolons_is_read(clerk: Client) -> None:
    assert "Instruments done: 2." in text_of(send(clerk, (HEAD + NEW + OTHER).replace(",", ";")))


def test_the_same_form_twice_asks_once(clerk: Client) -> None:
    for _ in range(2):
        send(clerk, HEAD + NEW, key="0" * 32)
    assert OperatorCommand.objects.count() == 1


WRONG = {
    "CC2701,First,CC,0.5,10,100.2,0.1,0.1,0.12,": "the reference price must lie on the tick",
    "CC2701,First,CC,0.5,10,100,0.1,0.0001,0.12,": "margin rates must be from 0.001 to 1",
    "CC2701,First,CC,0.5,10,100,0.1,,0.12,": "margin_long: This field is required.",
    "CC2701,First,CC,x,10,100,0.1,0.1,0.12,": "tick: Enter a number.",
    "A A,First,AA,0.5,10,100,0.1,0.1,0.12,": "instrument_id: Use letters, digits",
    "CC2701,First,CC,0.5,10,100,0.1,0.1,0.12,2020-01-15": "last_day: This day has passed.",
    "CC2701,First,CC,0.5": "4 cells, but there are 10 columns.",
    "IX2301,a future,IX,0.25,100,120,0.1,0.1,0.1,": "tick: it cannot be changed.",
    NEW.strip(): "It is named in line 2 already.",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_told_in_words_and_nothing_is_asked_for(clerk: Client, line: str) -> None:
    """Not even where the operator has said yes to what stood there before."""
    for confirmed in (False, True):
        said = text_of(send(clerk, HEAD + NEW + line + "\n", confirmed))
        assert WRONG[line] in said and "Wrong lines: 1. Nothing is done until all are right." in said
    assert not OperatorCommand.objects.exists() and Instrument.objects.count() == 2


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("", "There is no line in it."),
        (HEAD, "There is no line below the names of the columns."),
        ("instrument_id,colour\nA,red", "There is no column colour."),
        ("name\nA", "The first line must name each column once"),
        ("instrument_id,name,name\nA,B,C", "The first line must name each column once"),
        (HEAD + NEW * 501, "501 lines are too many: at most 500"),
        ('instrument_id\n"A', "This is no CSV"),
    ],
)
def test_what_is_no_list_of_instruments(clerk: Client, rows: str, problem: str) -> None:
    assert problem in text_of(send(clerk, rows))
    assert not OperatorCommand.objects.exists()


def test_an_instrument_that_is_named_twice_is_not_changed_twice(clerk: Client) -> None:
    said = text_of(send(clerk, "instrument_id,margin_long\nIX2301,0.3\nIX2301,0.4\n", True))
    assert "It is named in line 2 already." in said
    assert not OperatorCommand.objects.exists()


def test_one_of_another_market_is_refused_beforehand(clerk: Client) -> None:
    Instrument.objects.filter(pk="IF2301").update(market=Market.objects.create(code="OTHER"))
    line = "IF2301,First,IF,0.5,10,100,0.1,0.1,0.12,"
    assert "IF2301 is listed at another market" in text_of(send(clerk, HEAD + line))
    assert not OperatorCommand.objects.exists()


def test_terms_of_several_are_changed_and_other_columns_stay(clerk: Client) -> None:
    Books().commit(order(1, "BUY OPEN 5 @ 120"), order(2, "SELL OPEN 5 @ 120"))
    rows = "instrument_id,margin_long,last_day\nIX2301,0.2,2099-06-01\nIF2301,0.10,\n"
    said = text_of(send(clerk, rows, False))
    assert "margin_long 0.10 → 0.20, last_day - → 2099-06-01" in said and "IF2301 stays as it is" in said
    assert "2 accounts with positions will pay" in said and "Commands: 1." in said
    before = set(Instrument.objects.values().get(pk="IX2301").items())
    send(clerk, rows)
    after = set(Instrument.objects.values().get(pk="IX2301").items())
    assert {name for name, _value in before - after} == {"margin_long", "last_day"}
    assert [each[0] for each in asked()] == ["ChangeTerms"]


def test_margins_of_several_lines_are_summed(clerk: Client, settings: Any) -> None:
    """user001 is long 20 lots of 12,000 each in both, and has a million: one rate alone warns nobody, both do."""
    settings.RISK_WARN, settings.RISK_LIMIT = 0.3, 0.55
    Books().commit(order(1, "BUY OPEN 20 @ 120"), order(2, "SELL OPEN 20 @ 120"))
    Books().commit(order(1, "BUY OPEN 20 @ 120", "IF2301"), order(3, "SELL OPEN 20 @ 120", "IF2301"))
    both = "instrument_id,margin_long\nIX2301,{}\nIF2301,{}\n"
    for first, second in ((0.9, 0.1), (0.1, 0.9)):
        assert "Would be" not in text_of(send(clerk, both.format(first, second), False))
    said = text_of(send(clerk, both.format(0.9, 0.9), False))
    assert "Would be warned: user001." in said and "Would be liquidated" not in said
    assert "The margin rates of IX2301, IF2301 go up at once" in said
    settings.RISK_LIMIT = 0.4
    assert "Would be liquidated: user001." in text_of(send(clerk, both.format(0.9, 0.9), False))
    Books().commit(StopLiquidation("user001", stopped=True))
    said = text_of(send(clerk, both.format(0.9, 0.9), False))
    assert "Would be liquidated" not in said
    assert "Would not be, for their liquidation is stopped: user001." in said
    assert not OperatorCommand.objects.exists()


def test_at_a_time_they_wait_and_can_be_seen(clerk: Client) -> None:
    said = text_of(send(clerk, HEAD + NEW + OTHER, at=soon(hours=1)))
    assert "It will be done at" in said and "ListInstrument AA2701" in said
    rows = list(ScheduledCommand.objects.all())
    assert len(rows) == 2 and not OperatorCommand.objects.exists()
    assert rows[0].at is not None
    at_a_time.look("MAIN", rows[0].at - timedelta(seconds=1))
    assert not OperatorCommand.objects.exists()
    at_a_time.look("MAIN", rows[0].at)
    for row in OperatorCommand.objects.all():
        assert requests.wait(row).status == "DONE"
    assert Instrument.objects.filter(pk__in=("AA2701", "BB2701")).count() == 2


def test_a_second_person_approves_all_of_them(clerk: Client, settings: Any) -> None:
    settings.FOUR_EYES_KINDS = ["ListInstrument"]
    send(clerk, HEAD + NEW + OTHER)
    assert [each[1] for each in asked()] == ["HELD", "HELD"]
    assert Instrument.objects.count() == 2


def test_a_file_is_taken_and_what_is_listed_comes_back_as_it_was(clerk: Client) -> None:
    send(clerk, HEAD + NEW.replace("First", "=1+1"))
    text = downloaded(clerk, "instruments_present")
    assert "'=1+1" in text and text.count("\n") == 4
    sent = SimpleUploadedFile("x.csv", ("\ufeff" + text).encode())
    said = text_of(send(clerk, "", False, file=sent))
    assert said.count("stays as it is") == 3 and "Nothing would change." in said
    assert downloaded(clerk, "instruments_template").strip() == text.splitlines()[0]


def test_it_begins_with_those_that_were_chosen(clerk: Client) -> None:
    rows = clerk.get(address("instruments_file"), {"instruments": "IX2301,none"}).context["form"]["rows"].value()
    assert len(rows.splitlines()) == 2 and "IX2301" in rows
    assert "stays as it is" in text_of(send(clerk, rows, False))


def test_who_may_only_change_lists_nothing(market: Founded, officer: Officer) -> None:
    risk = officer("Risk officer")
    may_list = risk.get("/admin/trading/instrument/add/").status_code == 200
    said = text_of(send(risk, HEAD + NEW))
    assert ("Instruments done: 1." in said) if may_list else ("You may not do this." in said)
    assert "Instruments done: 1." in text_of(send(risk, "instrument_id,margin_long\nIX2301,0.2"))


@pytest.mark.parametrize("role", ["Viewer", "Support", "Treasurer", "Settlement officer"])
def test_who_may_not_is_refused(market: Founded, officer: Officer, role: str) -> None:
    client = officer(role)
    assert send(client, HEAD + NEW).status_code == 403
    for name in ("instruments_file", "instruments_template", "instruments_present"):
        assert client.get(address(name)).status_code == 403
    assert not OperatorCommand.objects.exists() and not ScheduledCommand.objects.exists()


def test_a_large_file_is_looked_at_with_few_queries(clerk: Client, django_assert_max_num_queries: Any) -> None:
    lines = "".join(f"A{number},First,AA,0.5,10,100,0.1,0.1,0.12,\n" for number in range(100))
    with django_assert_max_num_queries(30):
        assert "Commands: 100." in text_of(send(clerk, HEAD + lines, False))


# --- chosen in the list


def test_chosen_ones_lead_to_the_page_with_their_terms(clerk: Client) -> None:
    page = choose(clerk, "instrument", "change_selected", "IX2301", "IF2301", confirmed=False)
    rows = page.context["form"]["rows"].value().splitlines()
    assert rows[0].startswith("instrument_id,") and [row.split(",")[0] for row in rows[1:]] == ["IF2301", "IX2301"]


def test_chosen_ones_expire_with_the_next_settlement_after_a_question(clerk: Client) -> None:
    books = Books()
    books.commit(Settle(20231114, 20231115, {}))
    books.commit(order(1, "BUY OPEN 5 @ 120"), order(2, "SELL OPEN 5 @ 120"), order(3, "BUY OPEN 1 @ 119"))
    said = text_of(choose(clerk, "instrument", "expire_selected", "IX2301", confirmed=False))
    assert "With the settlement of trading day 2023-11-15 they are delisted, for good." in said
    assert "Positions of 2 accounts are closed" in said and "1 live order of 1 account" in said
    assert not OperatorCommand.objects.exists()
    done = text_of(choose(clerk, "instrument", "expire_selected", "IX2301"))
    assert "Instruments that expire with the next settlement: 1." in done
    Books().commit(Settle(20231115, 20231116, {}))
    assert dict(Instrument.objects.values_list("pk", "phase")) == {"IX2301": "delisted", "IF2301": "continuous"}


def test_who_may_not_lets_nothing_expire(market: Founded, officer: Officer) -> None:
    choose(officer("Viewer"), "instrument", "expire_selected", "IX2301")
    assert not OperatorCommand.objects.exists()
