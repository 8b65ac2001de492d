"""A contest knows who prepared it. One of before knows nobody, so it moves no money by itself."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0028_transfers")]

    operations = [
        migrations.AddField(
            "contest",
            "host",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
