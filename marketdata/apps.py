"""The market data app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from trading.apps import translate_models


class MarketDataConfig(AppConfig):
    name = "marketdata"
    verbose_name = _("Market data")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        translate_models(self)
