"""The indexes that are other ones on PostgreSQL are those that queries look into."""

from typing import Any

import pytest
from django.db import connection

from trading.models import Trade
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
    assert "order_client_id_once" in found and "order_of_account" not in found and "order_of_day" not in found


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
