"""The checks of the books find what is off, name it, and disturb nobody."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F, Model

from tests.builders import NO_ACCOUNT, TRADERS, Books, make_users
from tests.storage.histories import History, new_books
from trading.models import Account, JournalBatch, LedgerEntry, Order, Position, Statement, Trade
from trading.storage import reconciliation

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def books(transactional_db: None) -> Books:
    """A few settled days and a bit, with everything that can happen."""
    make_users([*TRADERS, NO_ACCOUNT])
    books = new_books()
    History(books, 1).play(150)
    assert Trade.objects.count() > 20 and Statement.objects.count() >= 2 * len(TRADERS)
    return books


def test_books_that_agree_pass(books: Books, capsys: Any) -> None:
    assert reconciliation.check_books("MAIN") == []
    call_command("check_books")
    call_command("replay_journal")
    said = capsys.readouterr().out
    assert "agree" in said and "the same" in said and books.engine.state_hash() in said


FAULTS: dict[str, tuple[Callable[[], object], str]] = {
    "a ledger entry is gone": (lambda: LedgerEntry.objects.filter(kind="COMMISSION").first().delete(), "account"),
    "a trade has one side": (lambda: Trade.objects.first().delete(), "trade"),
    "a trade has two prices": (
        lambda: Trade.objects.filter(pk=Trade.objects.first().pk).update(price=F("price") + 5_000),
        "trade",
    ),
    "an order is filled less than it traded": (
        lambda: Order.objects.filter(filled__gt=1, status="Filled").update(filled=F("filled") - 1),
        "order",
    ),
    "the sum of an order's fills is off": (
        lambda: Order.objects.filter(filled__gt=0).update(price_sum=F("price_sum") + 1),
        "order",
    ),
    "a position has a lot too many": (
        lambda: Position.objects.filter(long_his__gt=0).update(long_his=F("long_his") + 1),
        "position",
    ),
    "money appears": (lambda: Account.objects.filter(pk=1).update(deposits=F("deposits") + 1), "account 1"),
    "a margin is off": (lambda: Account.objects.filter(pk=2).update(margin=F("margin") + 1), "account 2"),
    "an opening balance is off": (
        lambda: Account.objects.filter(pk=1).update(pre_balance=F("pre_balance") + 1, withdrawals=F("withdrawals") + 1),
        "account 1",
    ),
    "a statement is off": (
        lambda: Statement.objects.filter(pk=Statement.objects.latest("pk").pk).update(
            opening=F("opening") + 1, deposits=F("deposits") - 1
        ),
        "statement",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_named(books: Books, fault: str) -> None:
    make, named = FAULTS[fault]
    make()
    found = reconciliation.check_books("MAIN")
    assert any(finding.startswith(named) for finding in found), found
    with pytest.raises(CommandError, match="contradict"):
        call_command("check_books")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (Order, "account_id"),
        (Order, "instrument_id"),
        (Trade, "order_id"),
        (Trade, "account_id"),
        (Trade, "instrument_id"),
        (LedgerEntry, "account_id"),
    ],
)
def test_a_row_of_nobody_is_found_and_named(books: Books, table: type[Model], column: str) -> None:
    """Databases can be told not to look at references, and PostgreSQL is, for these tables."""
    row = table._default_manager.earliest("id")
    nobody = "9999" if column == "instrument_id" else 9999
    with connection.constraint_checks_disabled():
        table._default_manager.filter(pk=row.pk).update(**{column: nobody})
    word = f"row {row.pk} of {table.__name__.lower()}: there is no {column.removesuffix('_id')} 9999"
    for found in (reconciliation.check_books("MAIN"), reconciliation.check_all_books()):
        assert found.count(word) == 1


def test_a_journal_that_lost_batches_is_found(books: Books) -> None:
    JournalBatch.objects.filter(number__range=(10, 20)).delete()
    with pytest.raises(CommandError, match="differ"):
        call_command("replay_journal")


@pytest.mark.sqlite_only
def test_nobody_has_to_wait_for_a_check(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, timeout=0)
    findings = reconciliation._Books.findings

    def slow(self: Any) -> Any:
        yield from findings(self)
        other.execute("UPDATE trading_account SET deposits = deposits + 1")
        yield from findings(self)

    monkeypatch.setattr(reconciliation._Books, "findings", slow)
    assert reconciliation.check_books("MAIN") == [], "the check sees one moment, while somebody writes"
    other.close()
