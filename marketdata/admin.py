"""Stored bars, shown only."""

from typing import Any

from django.contrib import admin

from marketdata.models import Bar, Watermark
from trading.admin.base import GrowingAdmin, ShownAdmin
from trading.admin.columns import local_time, moment, money, number, trade_id
from trading.admin.scope import InstrumentFilter


@admin.register(Bar)
class BarAdmin(GrowingAdmin):
    list_display = (
        moment("start"),
        "instrument",
        "period",
        money("open"),
        money("high"),
        money("low"),
        money("close"),
        number("volume"),
        money("turnover"),
        number("open_interest"),
    )
    list_filter = ("period", ("instrument", InstrumentFilter))
    search_fields = ("=instrument__instrument_id",)
    search_help_text = "An instrument."
    sections = (
        (None, {"fields": ("instrument", "period", moment("start"))}),
        ("Prices", {"fields": (money("open"), money("high"), money("low"), money("close"))}),
        ("Amounts", {"fields": (number("volume"), money("turnover"), number("trades"), number("open_interest"))}),
    )

    def heading(self, obj: Any) -> str:
        return f"{obj.instrument_id} {obj.period} {local_time(obj.start)}"


@admin.register(Watermark)
class WatermarkAdmin(ShownAdmin):
    list_display = ("market", trade_id("trade", "last trade inside"), number("rebuilds"))
    sections = ((None, {"fields": ("market", trade_id("trade", "last trade inside"), number("rebuilds"))}),)

    def heading(self, obj: Any) -> str:
        return str(obj.market_id)
