"""The market data app."""

from django.apps import AppConfig


class MarketDataConfig(AppConfig):
    name = "marketdata"
    default_auto_field = "django.db.models.BigAutoField"
