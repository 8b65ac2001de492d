"""An order knows what its fills have cost: those of before get it from their trades, where all of them are there."""

from django.db import migrations, models

OF_TRADES = """
UPDATE trading_order SET price_sum = made.price_sum
FROM (SELECT order_id, CAST(SUM(price * volume) AS bigint) AS price_sum, SUM(volume) AS lots
      FROM trading_trade GROUP BY order_id) AS made
WHERE made.order_id = trading_order.id AND made.lots = trading_order.filled
"""
OF_NONE = "UPDATE trading_order SET price_sum = 0 WHERE filled = 0"


class Migration(migrations.Migration):
    dependencies = [("trading", "0030_corrections")]

    operations = [
        migrations.AddField(
            "order",
            "price_sum",
            models.BigIntegerField(
                null=True, help_text="Price times lots of its trades; empty where their trades are not all known."
            ),
        ),
        migrations.RunSQL([OF_TRADES, OF_NONE], migrations.RunSQL.noop),
    ]
