"""The trading app: protocol, engine, store, socket and back office."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TradingConfig(AppConfig):
    name = "trading"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Roles are there as soon as the permissions are."""
        from trading.operators.authority.rights import ensure_roles

        post_migrate.connect(ensure_roles, sender=self, dispatch_uid="trading.roles")
