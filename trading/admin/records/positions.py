"""Positions of accounts, with what they are worth."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from trading.admin.base import ShownAdmin
from trading.admin.columns import amount_text, money, number
from trading.admin.records.base import SEARCH_USERS
from trading.admin.scope import InstrumentFilter
from trading.models import IS_HELD, Position
from trading.reads import holdings


class HoldingFilter(admin.SimpleListFilter):
    """Rows of flat positions stay; operators mostly look for the others."""

    title = "holding"
    parameter_name = "holding"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("flat", "Flat")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "open":
                return queryset.filter(IS_HELD)
            case "flat":
                return queryset.exclude(IS_HELD)
            case _:
                return queryset


@admin.display(description="profit")
def profit_number(row: Position) -> str:
    return amount_text(holdings.position_of(row).profit)


def _leg(side: str) -> tuple[Any, ...]:
    return (
        number(f"{side}_today", "lots of today"),
        number(f"{side}_his", "lots of yesterday"),
        money(f"{side}_today_cost", "cost of today's lots"),
        money(f"{side}_his_cost", "cost of yesterday's lots"),
        money(f"{side}_his_open_cost", "paid for yesterday's lots"),
        money(f"{side}_margin", "margin"),
    )


@admin.register(Position)
class PositionAdmin(ShownAdmin):
    ordering = ("account_id", "instrument_id")
    list_display_links = ("account", "instrument")
    list_display = (
        "account",
        "instrument",
        profit_number,
        number("long_today"),
        number("long_his", "long yesterday"),
        money("long_margin"),
        number("short_today"),
        number("short_his", "short yesterday"),
        money("short_margin"),
    )
    list_filter = (HoldingFilter, ("instrument", InstrumentFilter))
    list_select_related = ("account", "instrument")
    linked_lookups = ("account__id__exact",)
    search_fields = (SEARCH_USERS,)
    search_help_text = "The beginning of a user id."
    sections = (
        (None, {"fields": ("account", "instrument", profit_number)}),
        ("Long", {"fields": _leg("long")}),
        ("Short", {"fields": _leg("short")}),
    )

    def heading(self, obj: Any) -> str:
        return f"{obj.account} {obj.instrument_id}"
