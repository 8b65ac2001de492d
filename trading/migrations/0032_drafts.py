from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0031_price_sums")]

    operations = [
        migrations.AlterField(
            "scheduledcommand",
            "at",
            models.DateTimeField(null=True, help_text="When it is to be asked; empty: a draft."),
        ),
    ]
