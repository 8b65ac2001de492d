"""The ledger names corrections of a balance. Nothing in the database changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0029_contest_host")]

    operations = [
        migrations.AlterField(
            "ledgerentry",
            "kind",
            models.CharField(
                choices=[
                    ("DEPOSIT", "Deposit"),
                    ("WITHDRAWAL", "Withdrawal"),
                    ("COMMISSION", "Commission"),
                    ("CLOSE_PROFIT", "Close Profit"),
                    ("SETTLEMENT", "Settlement"),
                    ("EXPIRY", "Expiry"),
                    ("TRANSFER", "Transfer"),
                    ("CORRECTION", "Correction"),
                ],
                max_length=16,
            ),
        ),
    ]
