"""Numbers of orders, trades and accounts are unique over all markets. The market that has accounts keeps its numbers."""

from typing import Any

from django.db import migrations, models


def number_markets(apps: Any, schema_editor: Any) -> None:
    using = schema_editor.connection.alias
    accounts = apps.get_model("trading", "Account").objects.using(using)
    markets = apps.get_model("trading", "Market").objects.using(using)
    codes = markets.order_by("code").values_list("code", flat=True)
    in_use = sorted(codes, key=lambda code: -accounts.filter(market_id=code).count())
    for shard, code in enumerate(in_use):
        markets.filter(code=code).update(shard=shard)


class Migration(migrations.Migration):
    dependencies = [("trading", "0026_detail_account")]

    operations = [
        migrations.AddField("market", "shard", models.SmallIntegerField(editable=False, null=True)),
        migrations.RunPython(number_markets, migrations.RunPython.noop),
        migrations.AlterField(
            "market",
            "shard",
            models.SmallIntegerField(
                editable=False,
                help_text="Which of all numbers of orders, trades and accounts are this market's.",
                unique=True,
            ),
        ),
    ]
