"""Orders and trades. A live order can be cancelled."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from trading import protocol
from trading.admin import confirmations
from trading.admin.base import Tool, url_of
from trading.admin.columns import day, moment, money, number, order_id, trade_id
from trading.admin.command_pages import CommandAdmin
from trading.admin.records.base import SEARCH_USERS, RecordAdmin
from trading.admin.records.period import Column, PeriodFilter
from trading.admin.scope import InstrumentFilter
from trading.core.codes import Code
from trading.core.commands import ForceCancelOrder
from trading.core.types import LIVE
from trading.models import IS_LIVE, Order, Trade
from trading.reads import histories

RULES = {code.value: code.text for code in Code}


class LiveFilter(admin.SimpleListFilter):
    """Orders that are not finished, whatever state they are in; an index has just them."""

    title = "live or finished"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("finished", "Finished")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """`indexed` has found the live ones already."""
        return queryset.exclude(status__in=LIVE) if self.value() == "finished" else queryset


@admin.display(description="why it was cancelled")
def cancelled_why(row: Order) -> str:
    """The reason, and the rule that took it."""
    if row.cancel_reason is None:
        return "-"
    why = _(row.cancel_reason)
    return why if row.cancel_code is None else f"{why}: {_(RULES[row.cancel_code])}"


@admin.display(description="average price")
def average_price(row: Order) -> str:
    """Of its trades; a dash where there are none, or they are not all known."""
    average = protocol.average_price(row.price_sum, row.filled)
    return "-" if average is None else f"{average:,}"


@admin.display(description="options")
def options_text(row: Order) -> str:
    """What is not plain about it."""
    return "-" if row.options is None else format_html("<pre>{}</pre>", row.options)


@admin.register(Order)
class OrderAdmin(RecordAdmin, CommandAdmin):
    actions = ("cancel_selected",)
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
    in_time = Column("id", "accepted_at", tells_time=True)
    list_filter = (
        PeriodFilter,
        LiveFilter,
        "status",
        "direction",
        "offset",
        "order_type",
        ("instrument", InstrumentFilter),
    )
    list_select_related = ("account", "instrument")
    search_fields = (SEARCH_USERS, "=client_order_id")
    search_help_text = "A user id or its beginning, an order id (O...), or the client's own order id."
    sections = (
        (None, {"fields": (order_id("id"), "account", "instrument", "status", "client_order_id")}),
        (
            "Asked",
            {
                "fields": (
                    "direction",
                    "offset",
                    "order_type",
                    "time_condition",
                    money("price"),
                    number("volume"),
                    options_text,
                    "forced",
                )
            },
        ),
        ("Waits", {"fields": (money("stop", "fires at"),)}),
        (
            "Done",
            {
                "fields": (
                    number("filled"),
                    average_price,
                    day("trading_day"),
                    moment("accepted_at", "accepted"),
                    moment("changed_at", "updated"),
                    cancelled_why,
                )
            },
        ),
        ("Lots held for closing", {"fields": (number("his_held", "yesterday's"), number("today_held", "today's"))}),
    )

    def candidates(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().candidates(request)
        return rows.filter(IS_LIVE) if request.GET.get(LiveFilter.parameter_name) == "live" else rows

    def of_number(self, number: int) -> dict[str, Any]:
        return {"id": number}

    def heading(self, obj: Any) -> str:
        return protocol.order_id_text(obj.pk)

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        links = self.list_of(request, "trade", "Trades", q=protocol.order_id_text(obj.pk))
        links.append(Tool("Its whole life", reverse("admin:trading_desk_order", args=[obj.pk])))
        if obj.status not in LIVE or not self.has_cancel_permission(request):
            return links
        return [Tool("Cancel this order", url_of(self, "cancel", obj.pk), post=True), *links]

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.change_order")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.cancel_view)
        return [path("<path:object_id>/cancel/", view, name="trading_order_cancel"), *super().get_urls()]

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, "change_order")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.object_at(request, object_id)
        if not confirmations.said_yes(request):
            title = _("Cancel {}").format(self.heading(row))
            sentences = [confirmations.about_orders([row])]
            return confirmations.ask(request, self, title=title, button=_("Cancel this order"), sentences=sentences)
        done = _("Cancelled {}.").format(self.heading(row))
        return self.serve_button(request, ForceCancelOrder(row.pk), done=done, back=url_of(self, "change", row.pk))

    @admin.action(description="Cancel the selected orders", permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        rows = confirmations.chosen(queryset)
        return confirmations.carry_out(
            request,
            self,
            [self.heading(row) for row in rows],
            [ForceCancelOrder(row.pk) for row in rows],
            question=_("Cancel {orders}").format(orders=confirmations.counted(len(rows), "order")),
            sentences=[confirmations.about_orders(rows), _("What is finished is refused.")],
            done=_("Orders cancelled: {count}."),
        )


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
    in_time = Column("trade_id", "time", tells_time=True)
    list_filter = (PeriodFilter, "direction", "offset", "is_maker", ("instrument", InstrumentFilter))
    list_select_related = ("account", "instrument")
    ordering = ("-trade_id", "-direction")
    newest_by = "trade_id"
    linked_lookups = ("account__id__exact", "trade_id__exact")
    indexed_lookups = linked_lookups
    search_help_text = "A user id or its beginning, a trade id (T...) or an order id (O...)."
    sections = (
        (None, {"fields": (trade_id(), order_id("order_id"), "account", "instrument", moment("time"))}),
        ("Side", {"fields": ("direction", "offset", "is_maker")}),
        ("Amounts", {"fields": (money("price"), number("volume"), money("commission"), money("close_profit"))}),
    )

    def of_number(self, number: int) -> dict[str, Any]:
        """Orders and trades have their numbers from one sequence: a number is that of one or the other."""
        found = histories.trades_of(number)
        if found is None:
            return {"trade_id": number}
        numbers = {"trade_id__gte": found.first, "trade_id__lt": found.end}
        return {"account_id": found.account_id, **numbers, "order_id": number}

    def heading(self, obj: Any) -> str:
        return protocol.trade_id_text(obj.trade_id)

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        both = Tool("The trade, and to break it", reverse("admin:trading_desk_trade", args=[obj.trade_id]))
        return [*self.list_of(request, "trade", "Both sides", trade_id__exact=obj.trade_id), both]
