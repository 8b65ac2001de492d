"""What has happened on the exchange: orders, trades, positions, the ledger, operators' commands. Shown only."""

import json
from typing import Any, ClassVar

import msgspec
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from trading import protocol, selectors
from trading.admin.base import ShownAdmin, Tool
from trading.admin.columns import date, moment, money, number, order_id, trade_id
from trading.core.commands import (
    ChangeTerms,
    Deposit,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    OperatorOrder,
    ResumeInstrument,
    Withdraw,
)
from trading.core.money import to_text
from trading.models import LedgerEntry, OperatorCommand, Order, Position, Trade

SEARCH_USERS = "^account__user__username"


def number_of(text: str) -> int | None:
    """The number in an order id or a trade id."""
    return protocol.order_number(f"O{text[1:]}") if text[:1] in {"O", "T"} else None


class RecordAdmin(ShownAdmin):
    """Rows that are found by user, by protocol id, or by the fields in `number_fields`."""

    search_fields: ClassVar[tuple[str, ...]] = (SEARCH_USERS,)
    number_fields: ClassVar[tuple[str, ...]] = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        number = number_of(search_term.strip())
        if number is None or not self.number_fields:
            return super().get_search_results(request, queryset, search_term)
        condition = Q()
        for field in self.number_fields:
            condition |= Q(**{field: number})
        return queryset.filter(condition), False


@admin.register(Order)
class OrderAdmin(RecordAdmin):
    list_display = (
        order_id("id"),
        "account",
        "instrument",
        "direction",
        "offset",
        money("price"),
        number("volume"),
        number("filled"),
        "status",
        moment("accepted_at", "accepted"),
    )
    list_filter = ("status", "direction", "offset", "order_type", "instrument")
    list_select_related = ("account",)
    search_fields = (SEARCH_USERS, "=client_order_id")
    search_help_text = "The beginning of a user id, an order id (O...), or the client's own order id."
    number_fields = ("id",)
    sections = (
        (None, {"fields": (order_id("id"), "account", "instrument", "status", "client_order_id")}),
        (
            "Asked",
            {"fields": ("direction", "offset", "order_type", "time_condition", money("price"), number("volume"))},
        ),
        ("Done", {"fields": (number("filled"), moment("accepted_at", "accepted"), moment("updated_at", "updated"))}),
        ("Lots held for closing", {"fields": (number("his_held", "yesterday's"), number("today_held", "today's"))}),
    )

    def heading(self, obj: Any) -> str:
        return protocol.order_id_text(obj.pk)

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        return self.list_of(request, "trade", "Trades", order__id__exact=obj.pk)


@admin.register(Trade)
class TradeAdmin(RecordAdmin):
    list_display = (
        trade_id(),
        "account",
        "instrument",
        "direction",
        "offset",
        money("price"),
        number("volume"),
        money("commission"),
        money("close_profit"),
        moment("time"),
    )
    list_filter = ("direction", "offset", "is_maker", "instrument")
    list_select_related = ("account",)
    search_help_text = "The beginning of a user id, a trade id (T...) or an order id (O...)."
    number_fields = ("trade_id", "order_id")
    sections = (
        (None, {"fields": (trade_id(), order_id("order_id"), "account", "instrument", moment("time"))}),
        ("Side", {"fields": ("direction", "offset", "is_maker")}),
        ("Amounts", {"fields": (money("price"), number("volume"), money("commission"), money("close_profit"))}),
    )

    def heading(self, obj: Any) -> str:
        return protocol.trade_id_text(obj.trade_id)

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        return self.list_of(request, "trade", "Both sides", trade_id__exact=obj.trade_id)


class HoldingFilter(admin.SimpleListFilter):
    """Rows of flat positions stay; operators mostly look for the others."""

    title = "holding"
    parameter_name = "holding"
    lots = Q(long_today__gt=0) | Q(long_his__gt=0) | Q(short_today__gt=0) | Q(short_his__gt=0)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("flat", "Flat")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "open":
                return queryset.filter(self.lots)
            case "flat":
                return queryset.exclude(self.lots)
            case _:
                return queryset


@admin.display(description="profit")
def profit_number(row: Position) -> str:
    return to_text(selectors.position_of(row).profit)


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
class PositionAdmin(RecordAdmin):
    ordering = ("account", "instrument")
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
    list_filter = (HoldingFilter, "instrument")
    list_select_related = ("account", "instrument")
    search_help_text = "The beginning of a user id."
    sections = (
        (None, {"fields": ("account", "instrument", profit_number)}),
        ("Long", {"fields": _leg("long")}),
        ("Short", {"fields": _leg("short")}),
    )

    def heading(self, obj: Any) -> str:
        return f"{obj.account} {obj.instrument_id}"


@admin.register(LedgerEntry)
class LedgerAdmin(RecordAdmin):
    list_display = (moment("time"), "account", "kind", money("amount"), trade_id())
    list_filter = ("kind",)
    list_select_related = ("account",)
    search_help_text = "The beginning of a user id, or a trade id (T...)."
    number_fields = ("trade_id",)

    sections = ((None, {"fields": ("account", "kind", money("amount"), trade_id(), moment("time"))}),)

    def heading(self, obj: Any) -> str:
        return f"{obj.get_kind_display()} {to_text(obj.amount)}"


def command_of(row: OperatorCommand) -> OperatorOrder | None:
    """What a row asks for; None when nobody can read it, as the engine will say too."""
    try:
        command: OperatorOrder = msgspec.convert(row.payload, OperatorOrder)
    except msgspec.ValidationError:
        return None
    return command


@admin.register(OperatorCommand)
class OperatorCommandAdmin(ShownAdmin):
    list_display = ("id", "kind", "about", "amount_number", "asked_by", date("asked_at"), "status", "outcome")
    list_filter = ("status", "kind", "asked_at")
    list_select_related = ("asked_by",)
    search_fields = (
        "=payload__user_id",
        "=payload__instrument_id",
        "=payload__contract__instrument_id",
        "=asked_by__username",
    )
    search_help_text = "A user id or an instrument id it is about, or the operator who asked."
    sections = (
        (None, {"fields": ("kind", "about", "amount_number", "content", "key")}),
        ("Asked", {"fields": ("asked_by", date("asked_at"))}),
        ("Result", {"fields": ("status", "outcome", moment("finished_at", "finished"))}),
    )

    @admin.display(description="about")
    def about(self, row: OperatorCommand) -> str:
        match command_of(row):
            case OpenAccount() | Deposit() | Withdraw() as command:
                return command.user_id
            case ListInstrument() as command:
                return command.contract.instrument_id
            case ChangeTerms() | HaltInstrument() | ResumeInstrument() as command:
                return command.instrument_id
        return "-"

    @admin.display(description="amount")
    def amount_number(self, row: OperatorCommand) -> str:
        command = command_of(row)
        return to_text(command.amount) if isinstance(command, Deposit | Withdraw) else "-"

    @admin.display(description="outcome")
    def outcome(self, row: OperatorCommand) -> str:
        return f"{row.result} (code {row.code})" if row.code else row.result or "-"

    @admin.display(description="as the engine gets it")
    def content(self, row: OperatorCommand) -> str:
        return format_html("<pre>{}</pre>", json.dumps(row.payload, indent=2, ensure_ascii=False))
