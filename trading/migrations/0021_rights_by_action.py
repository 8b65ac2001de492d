"""Whoever could change accounts could deposit, withdraw and freeze: they still can, now that each takes a right of its own."""

from typing import Any

from django.db import migrations

RIGHTS = {
    "deposit_funds": "Can deposit money",
    "withdraw_funds": "Can withdraw money",
    "freeze_account": "Can freeze and unfreeze accounts",
}


def keep_rights(apps: Any, schema_editor: Any) -> None:
    permissions = apps.get_model("auth", "Permission").objects
    old = permissions.filter(content_type__app_label="trading", codename="change_account").first()
    if old is None:
        return
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label="trading", model="desk")
    new = [
        permissions.get_or_create(content_type=kind, codename=codename, defaults={"name": name})[0]
        for codename, name in RIGHTS.items()
    ]
    for user in apps.get_model("trading", "User").objects.filter(user_permissions=old):
        user.user_permissions.add(*new)
    for group in apps.get_model("auth", "Group").objects.filter(permissions=old):
        group.permissions.add(*new)


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0020_desk"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(keep_rights, migrations.RunPython.noop)]
