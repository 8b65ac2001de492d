"""Fewer bytes an order. What is mostly nothing is empty, and what follows from the rest is not kept.

On PostgreSQL keys are smaller, too: `order_client_id_once` is an index of a hash (see `trading.storage.sql.OWN_ID`),
`ledger_of_trade` and the ids of trades, which only a human asks for, are summaries of pages (BRIN). Indexes fill their
pages where entries only come at the end; those of orders nearly, since the rows of an order may change: on a full page
there must be an old version that can go, or the page is split. What takes long comes first and lets others read; all of
it is done, or nothing.
"""

from collections.abc import Callable
from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

OWN_ID = "hashtextextended(client_order_id, hashint8extended(account_id, trading_day))"
FILLED = {
    **dict.fromkeys(("trading_order_pkey", "order_of_account"), 97),
    **dict.fromkeys(("trade_once_a_side", "trade_of_account", "trading_pushbatch_pkey"), 100),
    **dict.fromkeys(("trading_ledgerentry_pkey", "ledger_of_account"), 100),
}
"""Percent of their pages."""
BUILT = (
    f"CREATE INDEX order_client_id_new ON trading_order (({OWN_ID})) WHERE client_order_id IS NOT NULL",
    "CREATE INDEX order_of_day ON trading_order USING brin (trading_day)",
    "CREATE INDEX ledger_of_trade_new ON trading_ledgerentry USING brin (trade_id)",
    "CREATE INDEX trade_id ON trading_trade USING brin (id)",
)
PUT_IN_PLACE = (
    "DROP INDEX order_client_id_once",
    "ALTER INDEX order_client_id_new RENAME TO order_client_id_once",
    "DROP INDEX ledger_of_trade",
    "ALTER INDEX ledger_of_trade_new RENAME TO ledger_of_trade",
    "ALTER TABLE trading_trade DROP CONSTRAINT trading_trade_pkey",
    *(f"ALTER INDEX {name} SET (fillfactor = {percent})" for name, percent in FILLED.items()),
)
AS_BEFORE = (
    *("DROP INDEX order_of_day", "DROP INDEX order_client_id_once", "DROP INDEX ledger_of_trade", "DROP INDEX trade_id"),
    "CREATE UNIQUE INDEX order_client_id_once ON trading_order (trading_day, account_id, client_order_id)"
    " WHERE client_order_id IS NOT NULL",
    "CREATE INDEX ledger_of_trade ON trading_ledgerentry (trade_id) WHERE trade_id IS NOT NULL",
    "ALTER TABLE trading_trade ADD PRIMARY KEY (id)",
    *(f"ALTER INDEX {name} RESET (fillfactor)" for name in FILLED),
)


def on_postgresql(*statements: str) -> Callable[[Any, Any], None]:
    def run(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            for statement in statements:
                schema_editor.execute(statement)

    return run


def none_held(apps: Any, schema_editor: Any) -> None:
    """Whoever goes back: what is empty is 0 again. Kept pushes say no more where they begin, so they go."""
    orders = apps.get_model("trading", "Order").objects.using(schema_editor.connection.alias)
    orders.filter(his_held=None).update(his_held=0)
    orders.filter(today_held=None).update(today_held=0)
    orders.filter(updated_at=None).update(updated_at=F("accepted_at"))
    apps.get_model("trading", "PushBatch").objects.using(schema_editor.connection.alias).all().delete()
    on_postgresql("SET CONSTRAINTS ALL IMMEDIATE")(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("trading", "0032_drafts")]

    operations = [
        migrations.AlterModelOptions("trade", {"ordering": ["-trade_id", "-direction"]}),
        migrations.RunPython(on_postgresql(*BUILT), migrations.RunPython.noop),
        migrations.RemoveIndex("account", "account_in_debt"),
        migrations.AddField(
            "account",
            "in_debt",
            models.GeneratedField(
                expression=Q(pre_balance__lt=F("withdrawals") + F("commission") - F("deposits") - F("close_profit")),
                output_field=models.BooleanField(),
                db_persist=True,
            ),
        ),
        migrations.AddIndex(
            "account", models.Index(name="account_in_debt", fields=["market"], condition=Q(in_debt=True))
        ),
        migrations.AlterField(
            "journalbatch",
            "market",
            models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to="trading.market"),
        ),
        migrations.RemoveConstraint("pushbatch", "push_batch_in_order"),
        migrations.RemoveField("pushbatch", "first_seq"),
        migrations.AlterField(
            "order",
            "his_held",
            models.BigIntegerField(null=True, help_text="Yesterday's lots that a live closing holds; empty: none."),
        ),
        migrations.AlterField(
            "order",
            "today_held",
            models.BigIntegerField(null=True, help_text="Today's lots that a live closing holds; empty: none."),
        ),
        migrations.AlterField(
            "order",
            "updated_at",
            models.BigIntegerField(null=True, help_text="Empty where that was when it was accepted."),
        ),
        migrations.RunPython(on_postgresql(*PUT_IN_PLACE), on_postgresql(*AS_BEFORE)),
        migrations.RunPython(migrations.RunPython.noop, none_held),
    ]
