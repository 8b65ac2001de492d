"""Who asks for the lots of a position does not look through those of everybody."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0023_account_indexes")]
    operations = [
        migrations.AddIndex(
            model_name="positiondetail",
            index=models.Index(fields=["account"], name="detail_account"),
        ),
    ]
