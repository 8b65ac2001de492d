"""The indexes that are other ones on PostgreSQL are those that queries look into."""

from typing import Any

import pytest
from django.db import connection

from tests.builders import Books, order
from trading.models import IN_DEBT, Account, JournalBatch, LedgerEntry, Order, PushBatch, Trade
from trading.reads import histories
from trading.storage import sql
from trading.storage.sql import used_as

pytestmark = [pytest.mark.django_db, pytest.mark.postgres_only]


def plan(sql: str, values: tuple[Any, ...]) -> str:
    """How a query is done where it may not read the whole table, which is quicker while that is small."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}", values)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_an_own_id_is_looked_up_by_its_hash() -> None:
    condition, values = used_as(connection, "%s", "trading_day", 20270104, 1, ["mine"])
    found = plan(f"SELECT id FROM trading_order WHERE {condition}", values)
    assert "order_client_id_once" in found and "Index Cond: (hashtextextended(" in found
    assert "order_of_account" not in found and "order_of_day" not in found


def test_the_day_of_orders_and_the_ledger_of_a_trade_are_looked_up_in_summaries() -> None:
    day = plan("SELECT id FROM trading_order WHERE trading_day = %s OR known_day = %s", (20270104, 20270104))
    assert "order_of_day" in day and "order_known" in day
    assert "ledger_of_trade" in plan("SELECT id FROM trading_ledgerentry WHERE trade_id = %s", (1,))


def test_a_side_of_a_trade_is_looked_up_by_the_number_of_its_row() -> None:
    sql, values = Trade.objects.filter(pk__in=[1, 2]).order_by().query.sql_with_params()
    assert "trade_id" in plan(sql, values).split("Bitmap Index Scan on ")[1]


def test_rows_that_come_by_the_order_are_not_held_against_those_they_refer_to() -> None:
    """Other tables are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
            " AND confrelid = 'trading_account'::regclass"
        )
        referring = {name for (name,) in cursor.fetchall()}
    assert referring.isdisjoint({"trading_order", "trading_trade", "trading_ledgerentry"})
    assert {"trading_position", "trading_pushbatch", "trading_statement"} <= referring


def test_who_is_in_debt_is_found_by_an_index() -> None:
    query, values = Account.objects.filter(IN_DEBT, market="MAIN").query.sql_with_params()
    assert "account_in_debt" in plan(query, values)


INDEXES = """
ledger_of_account          btree 100
ledger_of_trade            brin
order_client_id_once       btree partial
order_known                btree partial
order_live                 btree partial
order_of_account           btree 97
order_of_day               brin
trade_id                   brin
trade_of_account           btree 100
trade_once_a_side          btree unique 100
trading_journalbatch_pkey  btree unique
trading_ledgerentry_pkey   btree unique 100
trading_order_pkey         btree unique 97
trading_pushbatch_pkey     btree unique 100
"""
"""Of the tables that grow with orders: what each is, and how full its pages are."""


def test_what_grows_with_orders_has_these_indexes_alone() -> None:
    tables = [model._meta.db_table for model in (Order, Trade, LedgerEntry, JournalBatch, PushBatch)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT index.relname, method.amname, indisunique, indpred IS NOT NULL, index.reloptions FROM pg_index"
            " JOIN pg_class AS index ON index.oid = indexrelid JOIN pg_am AS method ON method.oid = index.relam"
            " JOIN pg_class AS owner ON owner.oid = indrelid WHERE owner.relname = ANY(%s)"
            " AND owner.relnamespace = 'public'::regnamespace",
            [tables],
        )
        found = {}
        for name, method, unique, partial, options in cursor.fetchall():
            filled = [each.partition("=")[2] for each in options or ()]
            found[name] = [method, *(["unique"] if unique else []), *(["partial"] if partial else []), *filled]
    wanted = (line.split() for line in INDEXES.strip().splitlines())
    assert found == {name: words for name, *words in wanted}


def test_own_ids_with_the_same_hash_are_different_ones(market: object, monkeypatch: pytest.MonkeyPatch) -> None:
    books = Books()
    first, _, other = books.commit(
        order(1, "BUY OPEN 1 @ 109", own_id="a"),
        order(1, "BUY OPEN 1 @ 109", own_id="b"),
        order(2, "BUY OPEN 1 @ 109", own_id="a"),
    )
    Order.objects.filter(pk=other.order_id).update(account_id=3)
    monkeypatch.setattr(sql, "OWN_ID", f"0 * {sql.OWN_ID}")
    assert histories.order_known_as(account_id=1, client_order_id="a") == first.order_id
    assert histories.order_known_as(account_id=2, client_order_id="a") is None
    assert histories.order_known_as(account_id=1, client_order_id="c") is None
    Order.objects.filter(pk=first.order_id).update(trading_day=20270104)
    assert histories.order_known_as(account_id=1, client_order_id="a") is None
    asked = [order(1, "BUY OPEN 1 @ 109", own_id=own_id) for own_id in ("a", "b", "c")]
    assert set(books.store.used_ids(asked)) == {(1, "b")}
