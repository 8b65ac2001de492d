"""The ledger, statements and settlement prices of days, and what the watch over risk found."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from trading.admin.base import GrowingAdmin, Tool
from trading.admin.columns import amount_text, day, day_text, moment, money, trade_id
from trading.admin.records.base import DayFilter, RecordAdmin
from trading.admin.records.period import Column, PeriodFilter
from trading.admin.scope import InstrumentFilter
from trading.models import LedgerEntry, RiskEvent, SettlementPrice, Statement, Transfer


@admin.register(LedgerEntry)
class LedgerAdmin(RecordAdmin):
    list_display = (moment("time"), "account", "kind", money("amount"), trade_id())
    in_time = Column("id", "time", tells_time=False)
    list_filter = (PeriodFilter, "kind")
    list_select_related = ("account",)
    search_help_text = "A user id or its beginning, or a trade id (T...)."
    sections = ((None, {"fields": ("account", "kind", money("amount"), trade_id(), moment("time"))}),)

    def of_number(self, number: int) -> dict[str, Any]:
        return {"trade_id": number}

    def heading(self, obj: Any) -> str:
        return f"{_(obj.get_kind_display())} {amount_text(obj.amount)}"


@admin.display(description="positions")
def positions_text(row: Statement) -> str:
    """A table of what the account held after the settlement."""
    if not row.positions:
        return "-"
    lines = [
        (line["instrument_id"], line["long"], line["short"], amount_text(line["price"]), amount_text(line["margin"]))
        for line in row.positions
    ]
    cells = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"
    names = [(_(name),) for name in ("instrument", "long", "short", "price", "margin")]
    table = '<div class="wide"><table><tr>{}</tr>{}</table></div>'
    return format_html(table, format_html_join("", "<th>{}</th>", names), format_html_join("", cells, lines))


@admin.register(Statement)
class StatementAdmin(RecordAdmin):
    list_display = (
        day("day"),
        "account",
        money("opening"),
        money("deposits"),
        money("withdrawals"),
        money("close_profit", "realised"),
        money("position_profit", "marked"),
        money("commission"),
        money("closing"),
        money("margin"),
    )
    list_filter = (DayFilter,)
    list_select_related = ("account",)
    ordering = ("-id",)
    indexed_lookups = ("account__id__exact", "day")
    search_help_text = "A user id or its beginning."
    sections = (
        (None, {"fields": ("account", day("day"), moment("time"))}),
        (
            "Balance",
            {
                "fields": (
                    money("opening"),
                    money("deposits"),
                    money("withdrawals"),
                    money("close_profit", "realised"),
                    money("position_profit", "marked"),
                    money("commission"),
                    money("closing"),
                )
            },
        ),
        ("Positions", {"fields": (positions_text, money("margin"))}),
    )

    def heading(self, obj: Any) -> str:
        return f"{obj.account} {day_text(obj.day)}"

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        return [Tool("To print", reverse("admin:trading_desk_statement", args=[obj.account_id, obj.day]))]


@admin.register(SettlementPrice)
class SettlementPriceAdmin(GrowingAdmin):
    list_display = (day("day"), "instrument", money("price"), "delisted", moment("time"))
    list_filter = (DayFilter, ("instrument", InstrumentFilter))
    list_select_related = ("instrument",)
    ordering = ("-id",)
    indexed_lookups = ("day",)
    search_fields = ("=instrument__instrument_id",)
    search_help_text = "An instrument."
    sections = ((None, {"fields": ("instrument", day("day"), money("price"), "delisted", moment("time"))}),)

    def heading(self, obj: Any) -> str:
        return f"{obj.instrument_id} {day_text(obj.day)}"


@admin.register(RiskEvent)
class RiskEventAdmin(RecordAdmin):
    list_display = (moment("time"), "account", "kind", money("margin"), money("balance"))
    in_time = Column("id", "time", tells_time=False)
    list_filter = (PeriodFilter, "kind")
    list_select_related = ("account",)
    search_help_text = "A user id or its beginning."
    sections = ((None, {"fields": ("account", "kind", money("margin"), money("balance"), moment("time"))}),)

    def heading(self, obj: Any) -> str:
        return f"{obj.account} {obj.get_kind_display()}"


@admin.register(Transfer)
class TransferAdmin(GrowingAdmin):
    newest_by = "sent_at"
    list_display = (
        moment("sent_at", "sent"),
        "user",
        "source",
        "target",
        money("amount"),
        "status",
        moment("ended_at", "ended"),
    )
    list_filter = ("status",)
    list_select_related = ("user", "source", "target")
    search_fields = ("=user__username", "=id")
    search_help_text = "A user id, or the id of a transfer."
    sections = (
        (None, {"fields": ("id", "user", "source", "target", money("amount"))}),
        ("Result", {"fields": ("status", moment("sent_at", "sent"), moment("ended_at", "ended"))}),
    )
