"""What has happened on the exchange: orders, trades, positions, money, statements, operators' commands. Shown only; a
live order can be cancelled."""

import json
from typing import Any, ClassVar, get_args

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from trading import protocol
from trading.admin import confirmations
from trading.admin.base import CommandAdmin, GrowingAdmin, ShownAdmin, Tool, url_of
from trading.admin.columns import date, day, day_text, moment, money, number, order_id, time_text, trade_id
from trading.admin.lists import MOST_WORDS
from trading.core.codes import Code
from trading.core.commands import (
    AdminCommand,
    ChangeTerms,
    Deposit,
    ForceCancelAll,
    ForceCancelOrder,
    ForceClose,
    FreezeAccount,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    ReceiveTransfer,
    RefuseConnections,
    ResumeInstrument,
    ReturnTransfer,
    SendTransfer,
    SetAccountRules,
    SetCloseOnly,
    SetFeeGroup,
    SetInstrumentPhase,
    SetMarketPhase,
    Settle,
    Withdraw,
)
from trading.core.money import to_text
from trading.core.types import LIVE, stored_name
from trading.models import (
    IS_LIVE,
    Account,
    LedgerEntry,
    OperatorCommand,
    Order,
    Position,
    RiskEvent,
    SettlementPrice,
    Statement,
    Trade,
)
from trading.operators.authority import approvals
from trading.reads import selectors

RULES = {code.value: code.text for code in Code}
SEARCH_USERS = "^account__user__username"


def number_of(text: str) -> int | None:
    """The number in an order id or a trade id."""
    return protocol.order_number(f"O{text[1:]}") if text[:1] in {"O", "T"} else None


class RecordAdmin(GrowingAdmin):
    """Rows of accounts. A whole user id or an id of the protocol finds all of its rows; the beginning of a user id, and
    whatever else is searched, those among the newest."""

    linked_lookups: ClassVar[tuple[str, ...]] = ("account__id__exact",)
    indexed_lookups: ClassVar[tuple[str, ...]] = ("account__id__exact",)
    search_fields: ClassVar[tuple[str, ...]] = (SEARCH_USERS,)

    def of_number(self, number: int) -> dict[str, Any] | None:
        """The rows of an order or a trade, as lookups that an index serves; None where there is no such thing."""
        return None

    def indexed(self, rows: QuerySet[Any], search_term: str) -> QuerySet[Any]:
        for word in search_term.split()[:MOST_WORDS]:
            number = number_of(word)
            lookups = None if number is None else self.of_number(number)
            accounts = list(Account.objects.filter(user_id=word).values_list("pk", flat=True))
            if lookups is not None:
                rows = rows.filter(**lookups)
            elif accounts:
                rows = rows.filter(account_id__in=accounts)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """What `indexed` has found by its number needs no further search."""
        words = [word for word in search_term.split() if not self._is_number(word)]
        return super().get_search_results(request, queryset, " ".join(words))

    def _is_number(self, word: str) -> bool:
        number = number_of(word)
        return number is not None and self.of_number(number) is not None


class DayFilter(admin.SimpleListFilter):
    """Trading days, the newest to choose from. Each is found by an index."""

    title = "day"
    parameter_name = "day"
    offered = 30

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        days: list[int] = []
        rows = model_admin.model.objects.order_by("-day").values_list("day", flat=True)
        while len(days) < self.offered:
            found = (rows.filter(day__lt=days[-1]) if days else rows).first()
            if found is None:
                break
            days.append(found)
        return [(str(day), day_text(day)) for day in days]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """`newest` has filtered already."""
        return queryset


class LiveFilter(admin.SimpleListFilter):
    """Orders that are not finished, whatever state they are in; an index has just them."""

    title = "state"
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
    return row.cancel_reason if row.cancel_code is None else f"{row.cancel_reason}: {RULES[row.cancel_code]}"


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
    list_filter = (LiveFilter, "status", "direction", "offset", "order_type", "instrument")
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
                    day("trading_day"),
                    moment("accepted_at", "accepted"),
                    moment("updated_at", "updated"),
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
    list_filter = ("direction", "offset", "is_maker", "instrument")
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
        found = selectors.trades_of(number)
        if found is None:
            return {"trade_id": number}
        numbers = {"trade_id__gte": found.first, "trade_id__lt": found.end}
        return {"account_id": found.account_id, **numbers, "order_id": number}

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
    list_filter = (HoldingFilter, "instrument")
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


@admin.register(LedgerEntry)
class LedgerAdmin(RecordAdmin):
    list_display = (moment("time"), "account", "kind", money("amount"), trade_id())
    list_filter = ("kind",)
    list_select_related = ("account",)
    search_help_text = "A user id or its beginning, or a trade id (T...)."
    sections = ((None, {"fields": ("account", "kind", money("amount"), trade_id(), moment("time"))}),)

    def of_number(self, number: int) -> dict[str, Any]:
        return {"trade_id": number}

    def heading(self, obj: Any) -> str:
        return f"{obj.get_kind_display()} {to_text(obj.amount)}"


@admin.display(description="positions")
def positions_text(row: Statement) -> str:
    """A table of what the account held after the settlement."""
    if not row.positions:
        return "-"
    lines = [
        (line["instrument_id"], line["long"], line["short"], to_text(line["price"]), to_text(line["margin"]))
        for line in row.positions
    ]
    cells = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"
    head = "<tr><th>instrument</th><th>long</th><th>short</th><th>price</th><th>margin</th></tr>"
    table = '<div class="wide"><table>' + head + "{}</table></div>"
    return format_html(table, format_html_join("", cells, lines))


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
    list_filter = (DayFilter, "instrument")
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
    list_filter = ("kind",)
    list_select_related = ("account",)
    search_help_text = "A user id or its beginning."
    sections = ((None, {"fields": ("account", "kind", money("margin"), money("balance"), moment("time"))}),)


def subject_of(row: OperatorCommand) -> str:
    """Whom or what a command is about."""
    match approvals.command_of(row):
        case OpenAccount() | Deposit() | Withdraw() | FreezeAccount() | SetAccountRules() | ForceClose() as command:
            return command.user_id
        case SendTransfer() | ReceiveTransfer() | ReturnTransfer() as command:
            return command.transfer.user_id
        case ListInstrument() as command:
            return command.contract.instrument_id
        case ChangeTerms() | HaltInstrument() | ResumeInstrument() | SetInstrumentPhase() as command:
            return command.instrument_id
        case ForceCancelOrder() as command:
            return protocol.order_id_text(command.order_id)
        case SetFeeGroup() as command:
            return command.name
        case SetMarketPhase() as command:
            return command.phase.value
        case ForceCancelAll() as command:
            return " ".join(filter(None, (command.user_id, command.instrument_id))) or _("everybody")
        case SetCloseOnly() as command:
            return f"{command.user_id or _('everybody')} ({_('on') if command.close_only else _('off')})"
        case RefuseConnections() as command:
            return _("on") if command.refused else _("off")
        case Settle() as command:
            return day_text(command.day)
        case None:
            return "-"


class KindFilter(admin.SimpleListFilter):
    """What can be asked for, whether it was or not."""

    title = parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(map(stored_name, get_args(AdminCommand)))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(kind=self.value())


@admin.register(OperatorCommand)
class OperatorCommandAdmin(GrowingAdmin):
    list_display = ("id", "kind", "about", "amount_number", "asked_by", date("asked_at"), "status", "outcome")
    list_filter = ("status", KindFilter, "asked_at")
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
        ("Asked", {"fields": ("asked_by", date("asked_at"), "address", "why")}),
        ("Approval", {"fields": ("decision", "valid_until")}),
        ("Result", {"fields": ("status", "outcome", moment("finished_at", "finished"), "was", "became")}),
    )

    @admin.display(description="about")
    def about(self, row: OperatorCommand) -> str:
        return subject_of(row)

    @admin.display(description="amount")
    def amount_number(self, row: OperatorCommand) -> str:
        command = approvals.command_of(row)
        if isinstance(command, SendTransfer | ReceiveTransfer | ReturnTransfer):
            return to_text(command.transfer.amount)
        return to_text(command.amount) if isinstance(command, Deposit | Withdraw) else "-"

    @admin.display(description="outcome")
    def outcome(self, row: OperatorCommand) -> str:
        return f"{row.result} (code {row.code})" if row.code else row.result or "-"

    @admin.display(description="reason")
    def why(self, row: OperatorCommand) -> str:
        return row.reason or "-"

    @admin.display(description="approved or rejected")
    def decision(self, row: OperatorCommand) -> str:
        if row.decided_by is None or row.decided_at is None:
            return "-"
        return f"{row.decided_by.username}, {time_text(row.decided_at)}"

    @admin.display(description="waits until")
    def valid_until(self, row: OperatorCommand) -> str:
        return time_text(row.expires_at) if row.expires_at is not None else "-"

    @admin.display(description="before")
    def was(self, row: OperatorCommand) -> str:
        return _indented(row.before)

    @admin.display(description="after")
    def became(self, row: OperatorCommand) -> str:
        return _indented(row.after)

    @admin.display(description="as the engine gets it")
    def content(self, row: OperatorCommand) -> str:
        return _indented(row.payload)


def _indented(content: Any) -> str:
    if content is None:
        return "-"
    return format_html("<pre>{}</pre>", json.dumps(content, indent=2, ensure_ascii=False))
