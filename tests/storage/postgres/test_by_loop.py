"""On PostgreSQL a batch may be stored by the event loop, which goes on meanwhile: just as safely as in the thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import Error, connection, transaction

from tests.builders import NO_ACCOUNT, TRADERS, Books, listing, make_users, order
from tests.storage.histories import new_books
from tests.storage.postgres.test_at_once import elsewhere, stored
from trading.core.commands import Deposit
from trading.core.events import Deposited
from trading.storage.batch_writer import MadeRows
from trading.storage.postgres import SOON
from trading.storage.store import SMALL, Store
from trading.worker.batch import Batch, OperatorAnswer, OutcomeUnknown, Superseded, Unstorable

__all__ = ["elsewhere"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]
Elsewhere = Callable[[str], Any]


@pytest.fixture
def books() -> Books:
    make_users([*TRADERS, NO_ACCOUNT])
    books = new_books()
    books.commit(order(1, "BUY OPEN 5 @ 120"))
    return books


def by_loop(books: Books, batch: Batch) -> bool:
    return asyncio.run(books.store.commit_by_loop(batch))


def trade(books: Books) -> Batch:
    return books.batch(order(2, "SELL OPEN 2 @ 120"))


def test_it_is_stored_as_any_other(books: Books, elsewhere: Elsewhere) -> None:
    batch, before = trade(books), stored()
    assert by_loop(books, batch)
    assert stored() == (before[0] + 1, before[1] + 1)
    elsewhere("SELECT code FROM trading_market FOR UPDATE NOWAIT")
    state = books.engine.state_hash()
    books.load()
    assert books.engine.state_hash() == state
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    assert by_loop(books, books.batch(order(1, "BUY OPEN 1 @ 118")))


@pytest.mark.parametrize("why", ["large", "answers an operator", "asks for a row", "closed", "in a transaction"])
def test_others_are_left_to_the_thread(why: str, books: Books) -> None:
    if why == "large":
        batch = books.batch(*(order(1, "BUY OPEN 1 @ 119") for _ in range(SMALL + 1)))
    elif why == "asks for a row":
        batch = books.batch(listing("IX2399"))
    else:
        batch = books.batch(Deposit("user001", 5))
    if why == "answers an operator":
        batch.operator_answers.append(OperatorAnswer(1, Deposited(1, 1, 1)))
    if why == "closed":
        books.store.close()
    before = stored()
    if why == "in a transaction":
        with transaction.atomic():
            assert not by_loop(books, batch)
    else:
        assert not by_loop(books, batch)
    assert stored() == before


@pytest.mark.parametrize("who", ["the event loop", "the thread"])
def test_rows_that_were_made_are_those_of_their_batch(who: str, books: Books) -> None:
    """However far the engine has gone on since."""
    store = Store("MAIN", most_by_loop=500)
    books.store = store
    books.store.take_over()
    books.load()
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    first = trade(books)
    state, made = books.engine.state_hash(), store.made(first)
    assert made is not None
    books.number = first.number
    second = books.batch(*(order(1, "BUY OPEN 1 @ 119") for _ in range(9)), order(2, "SELL OPEN 3 @ 120"))
    later, made_later = books.engine.state_hash(), store.made(second)

    def write(batch: Batch, rows: MadeRows | None) -> None:
        if who == "the thread":
            store.commit(batch, rows)
        else:
            assert asyncio.run(store.commit_by_loop(batch, rows))

    write(first, made)
    books.load()
    assert books.engine.state_hash() == state
    write(second, made_later)
    books.load()
    assert books.engine.state_hash() == later


def test_rows_behind_a_batch_that_is_not_stored_are_not_stored_either(books: Books) -> None:
    books.number += 1
    batch, before = trade(books), stored()
    made = books.store.made(batch)
    with pytest.raises(Superseded):
        books.store.commit(batch, made)
    assert stored() == before


def test_what_no_row_can_be_made_of_is_known_when_it_is_made(books: Books) -> None:
    batch = trade(books)
    batch.changes.accounts[2].deposits = "\0"  # type: ignore[assignment]
    with pytest.raises(Unstorable):
        books.store.made(batch)


@pytest.mark.parametrize("why", ["large", "answers an operator", "asks for a row"])
def test_rows_that_cannot_wait_are_not_made(why: str, books: Books) -> None:
    batch = books.batch(*(order(1, "BUY OPEN 1 @ 119") for _ in range(SMALL + (why == "large"))))
    if why == "asks for a row":
        batch.events += books.batch(listing("IX2399")).events
    if why == "answers an operator":
        batch.operator_answers.append(OperatorAnswer(1, Deposited(1, 1, 1)))
    assert books.store.made(batch) is None


def test_what_is_refused_is_known_to_be_nothing_and_the_session_goes_on(books: Books, elsewhere: Elsewhere) -> None:
    batch, before = trade(books), stored()
    elsewhere("ALTER TABLE trading_journalbatch ADD CONSTRAINT nothing_more CHECK (number < 0) NOT VALID")
    with pytest.raises(Unstorable):
        by_loop(books, batch)
    elsewhere("ALTER TABLE trading_journalbatch DROP CONSTRAINT nothing_more")
    assert stored() == before
    deposits, batch.changes.accounts[2].deposits = batch.changes.accounts[2].deposits, 2**70
    with pytest.raises(Unstorable):
        by_loop(books, batch)
    batch.changes.accounts[2].deposits = deposits
    with pytest.raises(Unstorable), pytest.MonkeyPatch.context() as patch:
        patch.setattr("trading.storage.mapping.BATCH.row", lambda *_: (None, "a\0b"))
        by_loop(books, batch)
    elsewhere("BEGIN")
    elsewhere("SELECT code FROM trading_market FOR UPDATE")
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 50")
    with pytest.raises(Error) as refused:
        by_loop(books, batch)
    assert not isinstance(refused.value, OutcomeUnknown)
    elsewhere("ROLLBACK")
    assert stored() == before
    assert by_loop(books, batch)
    assert stored() == (before[0] + 1, before[1] + 1)


def test_who_is_not_the_engine_any_more_stores_nothing(books: Books) -> None:
    batch, before = trade(books), stored()
    Store("MAIN").take_over()
    with pytest.raises(Superseded):
        by_loop(books, batch)
    assert stored() == before
    assert connection.connection.info.transaction_status.name == "IDLE"


def test_where_the_session_ends_nobody_knows_and_it_is_found_out(books: Books, elsewhere: Elsewhere) -> None:
    batch, before = trade(books), stored()
    session = connection.connection.info.backend_pid
    elsewhere(f"SELECT pg_terminate_backend({session}, 60000)")
    with pytest.raises(OutcomeUnknown):
        by_loop(books, batch)
    assert not books.store.holds(batch)
    assert stored() == before


def test_the_event_loop_goes_on_while_the_database_does_not(books: Books, elsewhere: Elsewhere) -> None:
    """Also when it takes long, and a thread waits on."""
    batch, before = trade(books), stored()
    elsewhere("BEGIN")
    elsewhere("SELECT code FROM trading_market FOR UPDATE")

    async def commit() -> None:
        committing = asyncio.create_task(books.store.commit_by_loop(batch))
        for _ in range(20):
            await asyncio.sleep(SOON / 10)
            assert not committing.done()
        elsewhere("ROLLBACK")
        assert await committing

    asyncio.run(commit())
    assert stored() == (before[0] + 1, before[1] + 1)
    books.number = batch.number
    assert by_loop(books, books.batch(order(1, "BUY OPEN 1 @ 119")))


@pytest.mark.parametrize("waits", [0.0, 2.0])
def test_who_is_cancelled_leaves_no_session_in_the_middle(waits: float, books: Books, elsewhere: Elsewhere) -> None:
    """Neither in the event loop nor in the thread that waits on. What was sent is done all the same, or not at all."""
    batch = trade(books)
    elsewhere("BEGIN")
    elsewhere("SELECT code FROM trading_market FOR UPDATE")

    async def give_up() -> None:
        committing = asyncio.create_task(books.store.commit_by_loop(batch))
        await asyncio.sleep(0.01 + waits * SOON)
        committing.cancel()
        await asyncio.sleep(0.01)
        elsewhere("ROLLBACK")
        with pytest.raises(asyncio.CancelledError):
            await committing

    asyncio.run(give_up())
    assert connection.connection.closed or connection.connection.info.transaction_status.name == "IDLE"
    assert books.store.holds(batch)
    books.store.reconnect()
    books.load()
    books.commit(order(1, "BUY OPEN 1 @ 119"))
