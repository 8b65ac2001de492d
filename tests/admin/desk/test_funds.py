"""Money: put right, moved from a file, followed through the ledger, stated."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import AsyncClient, Client

from tests.admin.desk.conftest import Officer
from tests.admin.pages import deposits, page, text_of
from tests.builders import Books, Founded, order
from tests.operators.test_shell import shell
from trading.admin.desk import files, statements
from trading.admin.desk.page import address
from trading.core.commands import Deposit, Settle
from trading.core.money import UNIT
from trading.models import Account, ArchiveFile, LedgerEntry, OperatorCommand, Statement, User
from trading.operators import requests
from trading.storage import reconciliation

KEY = "0123456789abcdef0123456789abcdef"
BY_HALVES = 4 * 64
"""Where the ledger of a day begins and ends is looked up by keys, as often as they can be halved, at most."""


@pytest.fixture
def treasurer(market: Founded, officer: Officer) -> Client:
    return officer("Treasurer")


def confirmed(client: Client, url: str, **values: str) -> Any:
    """Send a form, read what it asks, and say yes to just that."""
    asked = client.post(url, {"key": KEY, "reason": "a test", **values})
    sent = dict(asked.context["sent"])
    return client.post(url, {**sent, "post": "yes"}, follow=True)


# --- corrected


@pytest.mark.parametrize(
    ("right", "kind", "amount"), [("1000010.5", "Deposit", 105_000), ("999990", "Withdraw", 100_000)]
)
def test_a_balance_is_put_right(treasurer: Client, right: str, kind: str, amount: int) -> None:
    said = text_of(confirmed(treasurer, address("correct"), user_id="user001", balance=right))
    assert "Corrected the balance of user001" in said
    row = OperatorCommand.objects.get()
    assert (row.kind, row.payload["amount"], row.reason) == (kind, amount, "Correction: a test")
    assert row.payload["correction"] is True
    entry = LedgerEntry.objects.order_by("-pk")[0]
    assert (entry.kind, entry.amount) == ("CORRECTION", amount if kind == "Deposit" else -amount)


@pytest.mark.parametrize(("codename", "status"), [("correct_balance", 302), ("deposit_funds", 403)])
def test_it_takes_the_right_to_correct_and_no_other(market: Founded, staff: Any, codename: str, status: int) -> None:
    sent = {"key": KEY, "reason": "x", "user_id": "user001", "balance": "1000001", "post": "yes"}
    assert staff(codename).post(address("correct"), sent).status_code == status
    assert OperatorCommand.objects.count() == (status == 302)


def test_corrections_are_named_in_ledger_and_statement_and_the_books_agree(treasurer: Client, officer: Officer) -> None:
    confirmed(treasurer, address("correct"), user_id="user001", balance="1000010")
    confirmed(treasurer, address("correct"), user_id="user001", balance="1000003.5", key="1" * 32)
    settlement = officer("Settlement officer")
    settlement.post(address("settle"), {"key": KEY, "day": "2023-11-14", "next_day": "2023-11-15", "post": "yes"})
    assert requests.wait(OperatorCommand.objects.get(kind="Settle")).status == "DONE"
    viewer = officer("Viewer")
    said = text_of(viewer.get(address("ledger_day", 1, 20231114)))
    assert "Correction - 10.00" in said and "Correction - -6.50" in said
    said = text_of(viewer.get(address("statement", 1, 20231114)))
    assert "Deposits 1,000,010.00 Withdrawals 6.50 Of which corrections 3.50" in said
    assert "corrections" not in text_of(viewer.get(address("statement", 2, 20231114)))
    for url in (address("statement", 1, 20231114) + "?csv=1", address("statements_day", 20231114)):
        answer: Any = viewer.get(url)
        whole = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
        found = {row["user"]: (row["deposits"], row["withdrawals"], row["corrections"]) for row in whole}
        assert found.pop("user001") == ("1000010.00", "6.50", "3.50")
        assert {amounts[2] for amounts in found.values()} <= {"0.00"}
    assert not reconciliation.check_books("MAIN")
    assert "The tables give the same." in shell("replay_journal")


def test_the_page_of_an_account_leads_to_it(treasurer: Client) -> None:
    tools = treasurer.get(page("account", "change", 1)).context["tools"]
    url = next(tool.url for tool in tools if tool.label == "Correct a balance")
    assert treasurer.get(url).context["form"]["user_id"].value() == "user001"


def test_the_difference_is_told_first_and_nothing_moves(treasurer: Client) -> None:
    values = {"key": KEY, "reason": "a test", "user_id": "user001", "balance": "5"}
    said = text_of(treasurer.post(address("correct"), values))
    assert "user001 has 1,000,000.00 without unrealised profit; that becomes 5.00." in said
    assert (
        "999,995.00 leaves the account of user001: its balance, with unrealised profit, goes from 1,000,000.00 to 5.00."
        in said
    )
    assert "Available now: 1,000,000.00; then: 5.00." in said
    assert not OperatorCommand.objects.exists()


def test_what_was_seen_is_what_is_meant(treasurer: Client) -> None:
    values = {"key": KEY, "reason": "a test", "user_id": "user001", "balance": "1000010", "seen": "9999990000"}
    said = text_of(treasurer.post(address("correct"), {**values, "post": "yes"}))
    assert "changed meanwhile, it is 1,000,000.00 now" in said
    assert not OperatorCommand.objects.exists()


def test_a_correction_sent_twice_is_done_once(treasurer: Client) -> None:
    asked = treasurer.post(
        address("correct"), {"key": KEY, "reason": "a test", "user_id": "user001", "balance": "1000010"}
    )
    sent = {**dict(asked.context["sent"]), "post": "yes"}
    for _ in range(3):
        treasurer.post(address("correct"), sent)
    assert deposits("user001") == "1000010.00"


@pytest.mark.parametrize("balance", ["", "x", "NaN", "1e400", "0.00001", "1000000", "9" * 39])
def test_a_balance_that_none_can_have(treasurer: Client, balance: str) -> None:
    values = {"key": KEY, "reason": "a test", "user_id": "user001", "balance": balance, "post": "yes"}
    assert treasurer.post(address("correct"), values).status_code == 200
    assert not OperatorCommand.objects.exists()


def test_a_reason_is_asked_for(treasurer: Client) -> None:
    values = {"key": KEY, "user_id": "user001", "balance": "5", "post": "yes"}
    assert "This field is required." in text_of(treasurer.post(address("correct"), values))
    assert not OperatorCommand.objects.exists()


# --- from a file

GOOD = "user001,10\nuser002,-20.5\n\nuser001,5\n"


def test_a_file_is_shown_line_by_line_and_then_moved_once(treasurer: Client) -> None:
    values = {"key": KEY, "rows": GOOD, "reason": "prizes"}
    said = text_of(treasurer.post(address("funds_file"), values))
    assert "Lines: 3, 15.00 in, 20.50 out. Nothing has moved yet." in said
    assert "1,000,010.00 1,000,015.00" in said
    assert not OperatorCommand.objects.exists()
    for _ in range(2):
        treasurer.post(address("funds_file"), {**values, "post": "yes"})
    assert deposits("user001") == "1000015.00"
    assert [row.reason for row in OperatorCommand.objects.all()] == ["prizes"] * 3


@pytest.mark.parametrize("head", ["user id,amount", "User,Amount", "用户名,金额", "账户,资金"])
def test_a_line_that_names_the_columns_is_no_money(treasurer: Client, head: str) -> None:
    values = {"key": KEY, "rows": f"{head}\n{GOOD}", "reason": "prizes"}
    assert "Lines: 3, 15.00 in, 20.50 out." in text_of(treasurer.post(address("funds_file"), values))
    treasurer.post(address("funds_file"), {**values, "post": "yes"})
    assert deposits("user001") == "1000015.00"


@pytest.mark.parametrize("rows", ["amount,user id\n", "user id,10\n", GOOD + "user id,amount\n"])
def test_only_a_first_line_of_names_is_left_out(treasurer: Client, rows: str) -> None:
    values = {"key": KEY, "rows": rows + GOOD, "reason": "prizes", "post": "yes"}
    assert "Wrong lines: 1" in text_of(treasurer.post(address("funds_file"), values))
    assert not OperatorCommand.objects.exists()


@pytest.mark.parametrize("mark", [";", "\t", "\N{FULLWIDTH SEMICOLON}", "\N{FULLWIDTH COMMA}"])
def test_cells_that_a_spreadsheet_separates_otherwise_are_read(treasurer: Client, mark: str) -> None:
    values = {"key": KEY, "rows": GOOD.replace(",", mark), "reason": "prizes", "post": "yes"}
    treasurer.post(address("funds_file"), values)
    assert deposits("user001") == "1000015.00"


@pytest.mark.parametrize(
    ("sent", "mark"),
    [
        ("a,1\nb,2", ","),
        ("a;1\n\nb;2\n", ";"),
        ("a\N{FULLWIDTH COMMA}1\nb\N{FULLWIDTH COMMA}2", "\N{FULLWIDTH COMMA}"),
        ("a,x\N{FULLWIDTH COMMA}y\nb,x\N{FULLWIDTH COMMA}z", ","),
        ("a\t1\nb\t2,5", "\t"),
        ("a;1\nb,2", ","),
        ('"x;y",1\n"z;z",2', ","),
        ("name", ","),
        ("", ","),
    ],
)
def test_what_stands_between_cells(sent: str, mark: str) -> None:
    assert files.separator(sent) == mark


WRONG = {
    "nobody,5": "nobody has no account.",
    "user001,x": "'x' is no amount.",
    "user001,1,2": "an amount. The cells of this file are parted by a comma; read was: user001 | 1 | 2.",
    "user001": "A line has a user id and an amount.",
    "user001,1e3": "'1e3' is no amount.",
    "user001,1_000": "'1_000' is no amount.",
    "user001;1;2\nuser002;2": "parted by a semicolon; read was: user001 | 1 | 2.",
    "user001,0": "An amount of nothing.",
    "user001,-1000001": "Only 1,000,000.00 can be withdrawn.",
    "user001,-600000\nuser001,-600000": "Only 400,000.00 can be withdrawn.",
    "user001,0.00001": "more than four decimals",
    '"user001': "This is no CSV",
    "user001;1000,5": "'1000,5' has a comma: write decimals with a point",
    "user001;1\nuser002,2": "an amount. The cells of this file are parted by a comma; read was: user001;1.",
    "": "There is no line in it.",
    "\n".join(["user001,1"] * 501): "501 lines are too many",
}


def test_while_a_line_is_wrong_nothing_moves(treasurer: Client, subtests: pytest.Subtests) -> None:
    for rows, sentence in WRONG.items():
        with subtests.test(rows=rows[:30]):
            values = {
                "key": KEY,
                "rows": f"{rows}\nuser002,1" if rows[:1] == "n" else rows,
                "reason": "x",
                "post": "yes",
            }
            assert sentence in text_of(treasurer.post(address("funds_file"), values))
    assert not OperatorCommand.objects.exists()


def test_a_used_key_with_other_lines_moves_nothing(treasurer: Client) -> None:
    values = {"key": KEY, "reason": "x", "post": "yes"}
    treasurer.post(address("funds_file"), {**values, "rows": "user001,1"})
    said = text_of(treasurer.post(address("funds_file"), {**values, "rows": "user001,2"}))
    assert "sent before with other values; nothing was done" in said
    assert deposits("user001") == "1000001.00"


def test_a_file_with_withdrawals_takes_that_right_too(market: Founded, staff: Any) -> None:
    client = staff("deposit_funds")
    values = {"key": KEY, "reason": "x", "post": "yes"}
    assert client.post(address("funds_file"), {**values, "rows": "user001,-1"}).status_code == 403
    assert client.post(address("funds_file"), {**values, "rows": "user001,1"}).status_code == 302


def test_a_large_file_waits_as_a_whole_for_a_second_person(treasurer: Client, settings: Any) -> None:
    settings.FOUR_EYES_ABOVE = "100"
    values = {"key": KEY, "reason": "x", "post": "yes", "rows": "user001,60\nuser002,60"}
    treasurer.post(address("funds_file"), values)
    assert list(OperatorCommand.objects.values_list("status", flat=True)) == ["HELD", "HELD"]


# --- ledger and statements


@pytest.fixture
def days(market: Founded) -> Books:
    """Two settled days with trades and deposits, and a day that runs."""
    books = Books()
    for day in (20231114, 20231115):
        books.commit(order(1, "BUY OPEN 2 @ 120"), order(2, "SELL OPEN 2 @ 120"), Deposit("user001", UNIT))
        books.now += 1000
        books.commit(Settle(day, day + 1, {"IX2301": 121 * UNIT}, confirmed=True))
        books.now += 1000
    books.commit(Deposit("user001", 7 * UNIT))
    return books


def test_the_running_balance_ends_where_the_day_ended(days: Books) -> None:
    for account in Account.objects.all():
        seen: list[int] = []
        for day in (20231114, 20231115, 0):
            found = statements.Day(account, day)
            balance = found.opening
            for entry in found.entries():
                balance += entry.amount
                seen.append(entry.pk)
            assert balance == found.closing, f"account {account.pk}, day {day}"
        assert seen == list(LedgerEntry.objects.filter(account=account).order_by("id").values_list("id", flat=True))


def test_the_ledger_of_a_day_is_a_page_and_a_file(days: Books, officer: Officer) -> None:
    client = officer("Viewer")
    said = text_of(client.get(address("ledger", 1)))
    assert "DEPOSIT - 7.00" in said.replace("Deposit", "DEPOSIT")
    url = address("ledger_day", 1, 20231114)
    lines = b"".join(client.get(url, {"csv": "1"}).streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 1 + len(list(statements.Day(Account.objects.get(pk=1), 20231114).entries()))
    assert client.get(address("ledger_day", 1, 20200101)).status_code == 404


def test_a_long_ledger_is_searched_by_halves(days: Books, django_assert_max_num_queries: Any) -> None:
    account = Account.objects.get(pk=1)
    rows = [LedgerEntry(account_id=1, kind="DEPOSIT", amount=1, time=9 * 10**12 + n) for n in range(5_000)]
    LedgerEntry.objects.bulk_create(rows)
    with django_assert_max_num_queries(70):
        assert list(statements.Day(account, 20231115).entries())


def test_a_statement_is_printed_and_saved(days: Books, officer: Officer) -> None:
    client = officer("Viewer")
    row = Statement.objects.get(account=1, day=20231114)
    said = text_of(client.get(address("statement", 1, 20231114)))
    assert "user001, trading day 2023-11-14" in said
    assert "IX2301 2 0 121.00" in said
    whole = b"".join(client.get(address("statement", 1, 20231114), {"csv": "1"}).streaming_content)  # type: ignore[attr-defined]
    assert len(whole.splitlines()) == 2 + len(row.positions)
    assert client.get(address("statement", 1, 20200101)).status_code == 404


def test_all_statements_of_a_day_are_one_file(
    days: Books, officer: Officer, django_assert_max_num_queries: Any
) -> None:
    client = officer("Viewer")
    client.get(address("statements"))
    with django_assert_max_num_queries(12 + BY_HALVES):
        answer: Any = client.get(address("statements_day", 20231115))
        whole = b"".join(answer.streaming_content).decode()
    assert {f"user00{number}" for number in (1, 2, 3)} <= {line.split(",")[1] for line in whole.splitlines()}
    assert client.get(address("statements_day", 20200101)).status_code == 404


def test_what_is_in_the_archive_is_not_told_as_nothing(days: Books, officer: Officer) -> None:
    """Of a day whose ledger is out of the tables nobody knows the corrections, and its entries are elsewhere."""
    sums = {"sha256": "0", "size": 1, "first_batch": 1, "last_batch": 2, "until": 1, "state_hash": "0"}
    ArchiveFile.objects.create(market_id="MAIN", day=20231114, name="first", removed=True, **sums)
    client = officer("Viewer")
    for day, cell in ((20231114, ""), (20231115, "0.00")):
        answer: Any = client.get(address("statements_day", day))
        rows = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
        assert {row["corrections"] for row in rows if row["closing"]} == {cell}
        for name in ("statement", "ledger_day"):
            assert ("in the archive" in text_of(client.get(address(name, 1, day)))) is (cell == "")


async def test_the_file_is_streamed_where_the_server_is_asynchronous(days: Books) -> None:
    user = await User.objects.acreate(username="viewer", is_staff=True)
    await user.user_permissions.aset(Permission.objects.filter(codename="view_statement"))
    client = AsyncClient()
    await client.aforce_login(user)
    answer: Any = await client.get(address("statements_day", 20231115))
    assert answer.is_async
    assert b"user003" in b"".join([part async for part in answer.streaming_content])
