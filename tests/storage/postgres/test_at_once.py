"""A batch that is sent with its BEGIN and its COMMIT is whole or not at all, and what is said of it is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import Error, connection, connections

from tests.builders import TRADERS, Books, make_users, order
from tests.storage.histories import new_books
from trading.models import JournalBatch, Order
from trading.storage.store import Store
from trading.worker.batch import OutcomeUnknown, Superseded, Unstorable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]


@pytest.fixture
def books() -> Books:
    make_users(TRADERS)
    books = new_books()
    books.commit(order(1, "BUY OPEN 5 @ 120"))
    return books


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], Any]]:
    """Does a statement in another session."""
    thread = ThreadPoolExecutor(1)

    def execute(statement: str) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute(statement)

    yield lambda statement: thread.submit(execute, statement).result(60)
    thread.submit(connections.close_all).result(60)
    thread.shutdown()


def stored() -> tuple[int, int]:
    return JournalBatch.objects.count(), Order.objects.count()


def test_it_is_there_when_it_has_been_committed(books: Books, elsewhere: Callable[[str], Any]) -> None:
    before = stored()
    books.commit(order(2, "SELL OPEN 2 @ 121"))
    assert stored() == (before[0] + 1, before[1] + 1)
    elsewhere("SELECT code FROM trading_market FOR UPDATE NOWAIT")


def test_who_is_not_the_engine_any_more_stores_nothing(books: Books) -> None:
    batch, before = books.batch(order(2, "SELL OPEN 2 @ 121")), stored()
    Store("MAIN").take_over()
    with pytest.raises(Superseded):
        books.store.commit(batch)
    assert stored() == before
    assert connection.connection.info.transaction_status.name == "IDLE"


def test_what_the_database_refuses_is_known_to_be_nothing(books: Books, elsewhere: Callable[[str], Any]) -> None:
    """A row that may not be, and a lock that is not had in time: the session lives, and goes on."""
    batch, before = books.batch(order(2, "SELL OPEN 2 @ 121")), stored()
    elsewhere("ALTER TABLE trading_journalbatch ADD CONSTRAINT nothing_more CHECK (number < 0) NOT VALID")
    with pytest.raises(Unstorable):
        books.store.commit(batch)
    elsewhere("ALTER TABLE trading_journalbatch DROP CONSTRAINT nothing_more")
    elsewhere("BEGIN")
    elsewhere("SELECT code FROM trading_market FOR UPDATE")
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 50")
    with pytest.raises(Error) as refused:
        books.store.commit(batch)
    assert not isinstance(refused.value, OutcomeUnknown)
    elsewhere("ROLLBACK")
    assert stored() == before
    books.store.commit(batch)
    assert stored() == (before[0] + 1, before[1] + 1)


def test_where_the_session_ends_nobody_knows_and_it_is_found_out(books: Books, elsewhere: Callable[[str], Any]) -> None:
    batch, before = books.batch(order(2, "SELL OPEN 2 @ 121")), stored()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (session,) = cursor.fetchone()
    elsewhere(f"SELECT pg_terminate_backend({session}, 60000)")
    with pytest.raises(OutcomeUnknown):
        books.store.commit(batch)
    assert not books.store.holds(batch)
    assert stored() == before
