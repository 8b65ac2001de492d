"""Where the stream of commands stands is one with what was done."""

from __future__ import annotations

import pytest

from tests.builders import TRADERS, Books, make_users, order
from tests.storage.histories import new_books
from trading.storage.store import Store
from trading.worker.batch import Superseded

pytestmark = pytest.mark.django_db


@pytest.fixture
def books(db: None) -> Books:
    make_users(TRADERS)
    return new_books()


def stored(books: Books) -> str:
    return books.store.load()[1].position


def test_a_new_market_stands_before_everything(books: Books) -> None:
    assert stored(books) == "0-0"


def test_a_batch_takes_its_place_along(books: Books) -> None:
    books.store.note_position("5-0")
    books.commit(order(1, "BUY OPEN 5 @ 120"))  # of no stream
    assert stored(books) == "5-0"
    batch = books.batch(order(1, "BUY OPEN 5 @ 120"))
    batch.position = "1700000000000-12"
    books.store.commit(batch)
    assert stored(books) == "1700000000000-12"


def test_a_place_can_be_noted_alone(books: Books) -> None:
    books.store.note_position("1700000000000-13")
    assert stored(books) == "1700000000000-13"


def test_an_engine_that_was_replaced_notes_nothing(books: Books) -> None:
    books.store.note_position("5-0")
    Store("MAIN").take_over()
    with pytest.raises(Superseded):
        books.store.note_position("6-0")
    assert stored(books) == "5-0"
