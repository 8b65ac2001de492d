from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("trading", "0005_token_scope")]

    operations = [migrations.RenameField("order", "handling", "options")]
