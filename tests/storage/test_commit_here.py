"""A small batch may be stored in the event loop: only where that needs no waiting, and then just as safely."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from tests.builders import NO_ACCOUNT, TRADERS, Books, make_users, order
from tests.storage.histories import new_books
from trading.core.commands import Deposit
from trading.core.events import Deposited
from trading.models import Account, JournalBatch, Order, Trade
from trading.storage.store import SMALL, Store
from trading.worker.batch import Batch, OperatorAnswer, OutcomeUnknown, Superseded, Unstorable

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.sqlite_only,
]


@pytest.fixture
def quick() -> float:
    """Seconds, of which every commit takes fewer."""
    return 10.0


@pytest.fixture
def books(transactional_db: None, quick: float) -> Books:
    make_users([*TRADERS, NO_ACCOUNT])
    books = new_books(quick)
    books.commit(order(1, "BUY OPEN 5 @ 120"))
    return books


@pytest.fixture
def other() -> Iterator[sqlite3.Connection]:
    """Another program on the same file."""
    found = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    yield found
    found.close()


def trade(books: Books) -> Batch:
    return books.batch(order(2, "SELL OPEN 2 @ 120"))


def test_a_small_batch_is_stored_as_any_other(books: Books, other: sqlite3.Connection) -> None:
    batch = trade(books)
    assert books.store.commit_here(batch)
    assert other.execute("SELECT batch FROM trading_market").fetchall() == [(batch.number,)]
    assert other.execute("SELECT count(*) FROM trading_trade").fetchall() == [(2,)]
    before = books.engine.state_hash()
    books.load()
    assert books.engine.state_hash() == before


def test_a_locked_database_is_left_to_the_one_who_waits(books: Books, other: sqlite3.Connection) -> None:
    batch = trade(books)
    other.execute("BEGIN IMMEDIATE")
    assert not books.store.commit_here(batch)
    other.execute("ROLLBACK")
    assert not Trade.objects.exists()
    books.store.commit(batch)
    assert Trade.objects.count() == 2


def test_the_patience_of_the_connection_is_given_back(books: Books, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    books.store.commit_here(trade(books))
    other.execute("ROLLBACK")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (connection.settings_dict["OPTIONS"]["timeout"] * 1000,)


def test_after_a_slow_commit_the_next_one_is_not_made_here(books: Books) -> None:
    books.store._quick_seconds = 0.0
    assert books.store.commit_here(trade(books))
    assert not books.store.commit_here(books.batch(order(1, "BUY OPEN 1 @ 119")))
    assert Order.objects.count() == 2


@pytest.mark.parametrize("why", ["large", "answers an operator"])
def test_other_batches_are_not_stored_here(books: Books, why: str) -> None:
    if why == "large":
        batch = books.batch(*(order(1, "BUY OPEN 1 @ 119") for _ in range(SMALL + 1)))
    else:
        batch = books.batch(Deposit("user001", 5))
        batch.operator_answers.append(OperatorAnswer(1, Deposited(1, 1, 1)))
    assert not books.store.commit_here(batch)
    assert JournalBatch.objects.count() == batch.number - 1


def test_a_failure_leaves_nothing(books: Books) -> None:
    batch = trade(books)
    batch.changes.accounts[2].deposits = 2**70
    before = list(Account.objects.values())
    with pytest.raises(Unstorable):
        books.store.commit_here(batch)
    assert not Trade.objects.exists()
    assert list(Account.objects.values()) == before
    batch.changes.accounts[2].deposits = 0
    assert books.store.commit_here(batch)


def test_an_engine_that_was_replaced_cannot_write(books: Books) -> None:
    batch = trade(books)
    Store("MAIN").take_over()
    with pytest.raises(Superseded):
        books.store.commit_here(batch)
    assert not Trade.objects.exists()


def test_a_store_that_was_closed_begins_with_the_thread(books: Books) -> None:
    books.store.close()
    assert not books.store.commit_here(trade(books))


def test_within_a_transaction_of_others_nothing_is_begun(books: Books) -> None:
    batch = trade(books)
    with transaction.atomic():
        assert not books.store.commit_here(batch)
    assert not Trade.objects.exists()


# --- a COMMIT that fails


@contextmanager
def no_commit() -> Iterator[None]:
    """SQLite refuses COMMIT alone, as a disk does that is full by then."""

    def judge(action: int, word: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (action, word) == (sqlite3.SQLITE_TRANSACTION, "COMMIT") else sqlite3.SQLITE_OK

    connection.connection.set_authorizer(judge)
    try:
        yield
    finally:
        connection.connection.set_authorizer(None)


@contextmanager
def unheard_commit() -> Iterator[None]:
    """COMMIT is done, and an error comes back all the same."""
    real = connection.connection

    class Deaf:
        def __init__(self, cursor: Any) -> None:
            self._cursor = cursor

        def execute(self, statement: str, *values: Any) -> Any:
            found = self._cursor.execute(statement, *values)
            if statement == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return found

        def __getattr__(self, name: str) -> Any:
            return getattr(self._cursor, name)

    class Line:
        def cursor(self, *arguments: Any, **options: Any) -> Any:
            return real.cursor(**options) if options else Deaf(real.cursor(*arguments))

        def commit(self) -> None:
            real.commit()
            raise sqlite3.OperationalError("disk I/O error")

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    connection.connection = Line()
    try:
        yield
    finally:
        if connection.connection is not None:
            connection.connection = real


WAYS = {"here": lambda store, batch: store.commit_here(batch), "in a thread": lambda store, batch: store.commit(batch)}


@pytest.mark.parametrize("way", WAYS)
def test_a_commit_that_fails_is_nothing_done_and_that_can_be_asked(books: Books, way: str) -> None:
    batch, before = trade(books), Order.objects.count()
    with no_commit(), pytest.raises(OutcomeUnknown, match="not authorized"):
        WAYS[way](books.store, batch)
    assert not books.store.holds(batch)
    assert Order.objects.count() == before
    books.store.reconnect()
    books.load()
    books.commit(order(2, "SELL OPEN 2 @ 120"))


@pytest.mark.parametrize("way", WAYS)
def test_a_commit_that_was_done_although_an_error_came_back_is_found(books: Books, way: str) -> None:
    batch = trade(books)
    with unheard_commit(), pytest.raises(OutcomeUnknown, match="disk I/O error"):
        WAYS[way](books.store, batch)
    assert books.store.holds(batch)
    books.load()
    assert (books.number, Trade.objects.count()) == (batch.number, 2)


def test_a_batch_of_another_engine_under_the_same_number_is_not_ours(books: Books) -> None:
    batch = trade(books)
    Books().commit(order(3, "BUY OPEN 1 @ 119"))
    assert JournalBatch.objects.filter(number=batch.number).exists()
    assert not books.store.holds(batch)
