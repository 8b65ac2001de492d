"""What all rows of a statement have in common is given once. They are the same rows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import TRADERS, Books, make_users, order
from tests.storage.histories import new_books
from trading.core.commands import Command
from trading.core.engine import Engine
from trading.models import LedgerEntry, Order, PushBatch, Trade
from trading.storage import mapping, postgres
from trading.storage.postgres import MANY, _alike
from trading.worker.batch import Unstorable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres_only]
ALL_ALIKE: list[Command] = [order(1, "BUY OPEN 1 @ 120")] * MANY
MIXED = [
    order(1 + number % 2, f"{('BUY', 'SELL')[number % 2]} OPEN {1 + number % 3} @ 120") for number in range(2 * MANY)
]


def rows() -> list[list[Any]]:
    """All but the numbers that the database gives."""
    trades = Trade.objects.order_by("trade_id", "direction").values()
    entries = LedgerEntry.objects.filter(trade_id__isnull=False).order_by("trade_id", "account_id", "id").values()
    return [
        list(Order.objects.order_by("id").values()),
        [{**trade, "id": None} for trade in trades],
        [{**entry, "id": None} for entry in entries],
    ]


@pytest.mark.parametrize("commands", [ALL_ALIKE, MIXED])
def test_they_are_stored_as_they_would_be_without(commands: list[Command], monkeypatch: pytest.MonkeyPatch) -> None:
    make_users(TRADERS)
    books = new_books()
    batch = books.batch(*commands)
    books.store.commit(batch)
    found, shapes = rows(), {shape for _, shape in books.store._rows._sql if any(shape)}
    assert len(found[0]) == len(commands) and shapes
    for table in (LedgerEntry, Trade, Order, PushBatch):
        table.objects.all().delete()
    monkeypatch.setattr(postgres, "MANY", 10_000)
    books.store._rows._sql.clear()
    books.number += 1
    batch.number += 1
    books.store.commit(batch)
    assert rows() == found and not {shape for _, shape in books.store._rows._sql if any(shape)}


def test_new_orders_are_told_from_those_that_are_there() -> None:
    make_users(TRADERS)
    books = new_books()
    old = [order(1, "BUY OPEN 1 @ 119")] * MANY
    books.commit(*old)
    books.load()
    tables = []
    for number in range(2):  # of a state that was just loaded it is not known
        sells = [order(2, "SELL OPEN 1 @ 119")] * (MANY // 4)
        batch = books.batch(*sells, *old)
        books.store._rows._sql.clear()
        books.store.commit(batch)
        books.number = batch.number
        tables.append({table for table, _ in books.store._rows._sql} & {mapping.NEW_ORDERS, mapping.PLAIN_ORDERS})
        assert Order.objects.count() == MANY + (number + 1) * (MANY + MANY // 4)
        state = books.engine.state_hash()
        assert Engine.restore(books.store.load()[0]).state_hash() == state
    assert tables == [{mapping.PLAIN_ORDERS}, {mapping.NEW_ORDERS, mapping.PLAIN_ORDERS}]


def test_no_more_statements_are_kept_than_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "MOST_SHAPES", 0)
    make_users(TRADERS)
    books = new_books()
    books.commit(*MIXED)
    assert Order.objects.count() == len(MIXED)
    assert not {shape for _, shape in books.store._rows._sql if any(shape)}


def test_there_is_always_one_column_that_tells_how_many_they_are() -> None:
    assert _alike([(1, 1, 1), (None, None, None), (2, 3, 2), (5, 5, 6)]) == (False, True, False, False)


@pytest.mark.usefixtures("market")
def test_a_value_that_all_have_and_is_too_long_is_refused_like_any_other() -> None:
    books = Books()
    batch = books.batch(*ALL_ALIKE)
    for changed in batch.changes.orders.values():
        changed.price_sum = 2**70
    with pytest.raises(Unstorable):
        books.store.commit(batch)
    assert Order.objects.count() == 0
