"""How SQLite keeps what grows with orders: each tree of pages is one that every commit writes."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import QuerySet

from trading.models import IS_LIVE, JournalBatch, LedgerEntry, Order, PushBatch, Trade
from trading.storage.market_reader import WAITING
from trading.storage.sql import CHUNKS, chunks

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

TREES = """
ledger_of_account                     account_id
ledger_of_trade                       trade_id partial
order_client_id_once                  trading_day account_id client_order_id partial
order_known                           known_day account_id client_order_id partial
order_live                            account_id partial
order_of_account                      account_id
sqlite_autoindex_trading_journalbatch_1  market_id number
sqlite_autoindex_trading_pushbatch_1  account_id last_seq
sqlite_autoindex_trading_trade_1      trade_id direction
trade_of_account                      account_id trade_id
"""


def test_what_grows_with_orders_has_these_indexes_alone() -> None:
    found = {}
    with connection.cursor() as cursor:
        for model in (Order, Trade, LedgerEntry, JournalBatch, PushBatch):
            cursor.execute(f"SELECT name, partial FROM pragma_index_list('{model._meta.db_table}')")
            for name, partial in cursor.fetchall():
                cursor.execute(f"SELECT name FROM pragma_index_info('{name}')")
                found[name] = [*(column for (column,) in cursor.fetchall()), *(["partial"] if partial else [])]
    assert found == {name: words for name, *words in (line.split() for line in TREES.strip().splitlines())}


def test_rows_of_orders_are_held_against_none() -> None:
    with connection.cursor() as cursor:
        for model in (Order, Trade, LedgerEntry):
            cursor.execute(f"PRAGMA foreign_key_list({model._meta.db_table})")
            assert cursor.fetchall() == []


def test_to_judge_whether_an_order_is_live_makes_no_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN UPDATE trading_order SET status = 'Filled' WHERE id = 1")
        assert not [row for row in cursor.fetchall() if row[1] in ("OpenEphemeral", "OpenAutoindex")]


QUERIES: dict[str, tuple[Callable[[], QuerySet[Any]], str]] = {
    "live orders of an account": (
        lambda: Order.objects.filter(IS_LIVE, account_id=1).order_by("-id"),
        "USING INDEX order_live (account_id=?)",
    ),
    "all live orders": (lambda: Order.objects.filter(IS_LIVE).order_by(), "USING INDEX order_live"),
    "earlier orders of an account": (
        lambda: Order.objects.filter(account_id=1, id__lt=50).order_by("-id"),
        "USING INDEX order_of_account (account_id=? AND rowid<?)",
    ),
    "earlier entries of an account": (
        lambda: LedgerEntry.objects.filter(account_id=1, id__lt=50).order_by("-id"),
        "USING INDEX ledger_of_account (account_id=? AND rowid<?)",
    ),
    "an order": (lambda: Order.objects.filter(pk=1).order_by(), "USING INTEGER PRIMARY KEY (rowid=?)"),
    "the journal after a batch": (
        lambda: JournalBatch.objects.filter(market="MAIN", number__gt=5).order_by("number"),
        "USING INDEX sqlite_autoindex_trading_journalbatch_1 (market_id=? AND number>?)",
    ),
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_searches_an_index_in_its_order(name: str) -> None:
    query, way = QUERIES[name]
    plan = query().explain()
    assert way in plan
    assert "TEMP B-TREE" not in plan


def test_what_operators_ask_is_looked_for_among_what_waits_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {WAITING}")
        (plan,) = [row[-1] for row in cursor.fetchall()]
    assert "operator_command_pending" in plan


# --- statements


@pytest.mark.parametrize("length", [1, 2, 3, 93, 127, 128, 500])
def test_a_batch_takes_as_few_statements_as_its_rows_have_binary_digits(length: int) -> None:
    found = chunks(length)
    assert [at for _, at in found] == [sum(size for size, _ in found[:number]) for number in range(len(found))]
    assert sum(size for size, _ in found) == length
    whole, rest = divmod(length, CHUNKS[0])
    assert len(found) == whole + rest.bit_count()


def test_the_largest_statement_has_fewer_values_than_sqlite_takes() -> None:
    most = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    assert CHUNKS[0] * max(len(model._meta.concrete_fields) for model in apps.get_models()) <= most
