"""On PostgreSQL the rows of orders, trades and the ledger are not held against those that they refer to.

Six look-ups an order, two fifths of the database's work for it; and to archive an order was to read all trades. The
engine writes an account together with whatever refers to it, it takes orders for instruments that it has only, and
`check_books` looks for rows of nobody.
"""

from collections.abc import Callable
from typing import Any

from django.db import migrations

REFERENCES = {
    "trading_order_account_id_2113cd4c_fk_trading_account_id": "account_id",
    "trading_order_instrument_id_d8b5ad95_fk_trading_i": "instrument_id",
    "trading_trade_order_id_bb7b4a2c_fk_trading_order_id": "order_id",
    "trading_trade_account_id_8b02a6ba_fk_trading_account_id": "account_id",
    "trading_trade_instrument_id_2a8c4e04_fk_trading_i": "instrument_id",
    "trading_ledgerentry_account_id_912daafb_fk_trading_account_id": "account_id",
}
"""Constraints, each with its column; the second word is that of its table."""
REFERRED = {
    "account_id": "trading_account (id)",
    "instrument_id": "trading_instrument (instrument_id)",
    "order_id": "trading_order (id)",
}


def _table(name: str) -> str:
    return f"trading_{name.split('_')[1]}"


GONE = [f"ALTER TABLE {_table(name)} DROP CONSTRAINT {name}" for name in REFERENCES]
BACK = [
    f"ALTER TABLE {_table(name)} ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {REFERRED[column]}"
    " DEFERRABLE INITIALLY DEFERRED"
    for name, column in REFERENCES.items()
]


def on_postgresql(statements: list[str]) -> Callable[[Any, Any], None]:
    def run(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            for statement in statements:
                schema_editor.execute(statement)

    return run


class Migration(migrations.Migration):
    dependencies = [("trading", "0033_lean_tables")]

    operations = [migrations.RunPython(on_postgresql(GONE), on_postgresql(BACK))]
