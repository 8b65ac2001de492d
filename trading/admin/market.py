"""The market itself: its trading day, its fee groups, its clocks and its schedule."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from trading.admin import confirmations
from trading.admin.base import AskedDeletion, PlainAdmin, Question, Tool, url_of
from trading.admin.columns import day, money, number
from trading.admin.command_pages import CommandAdmin, FormPage
from trading.admin.engine_requests import present_market
from trading.admin.forms.fields import rate_units
from trading.admin.forms.market import FeeGroupForm, HolidayForm, SessionForm, TimeZoneForm
from trading.admin.office import days
from trading.core.money import RATE, to_text
from trading.models import Account, Holiday, Market, TradingSession
from trading.operators import calendar

SETTLE = "admin:trading_desk_settle"
"""The page where a trading day ends."""


@admin.display(description="fee groups")
def fee_groups_text(market: Market) -> str:
    """What the accounts of each group pay of the commission."""
    if not market.fee_groups:
        return "-"
    lines = ((name, to_text(factor, scale=RATE)) for name, factor in sorted(market.fee_groups.items()))
    return format_html("<table>{}</table>", format_html_join("", "<tr><td>{}</td><td>{}</td></tr>", lines))


def _fee_group_change(form: FeeGroupForm) -> list[str]:
    """What its accounts pay now and then, and how many they are."""
    name, factor = form.cleaned_data["name"], rate_units(form.cleaned_data["factor"])
    before = form.instance.fee_groups.get(name)
    members = Account.objects.filter(market=form.instance, rules__fee_group=name).count()
    words = (
        _("Fee group {name} is new: it pays {after} of the commission.")
        if before is None
        else _("Fee group {name} pays {before} of the commission; it becomes {after}.")
    )
    said = words.format(name=name, before=to_text(before or 0, scale=RATE), after=to_text(factor, scale=RATE))
    return [said, _("It has {accounts}.").format(accounts=confirmations.counted(members, "account"))]


FEE_GROUP = FormPage(
    form=FeeGroupForm,
    title="Fee group",
    button="Set the fee group",
    fieldsets=[(None, {"fields": ["name", "factor"]})],
    question=_fee_group_change,
    done=lambda form: _("Fee group {name} pays {factor} of the commission.").format(**form.cleaned_data),
)


@admin.register(Market)
class MarketAdmin(CommandAdmin):
    list_display = ("code", day("trading_day"), "time_zone")
    sections = (
        (None, {"fields": ("code", day("trading_day"), "time_zone", fee_groups_text)}),
        (
            "Settled days",
            {"fields": (money("net_deposits", "deposits less withdrawals"), money("commission"))},
        ),
        ("Engine", {"fields": (number("epoch", "starts"), number("batch", "commits"))}),
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/settle/", view(self.settle_view), name="trading_market_settle"),
            path("<path:object_id>/fee-group/", view(self.fee_group_view), name="trading_market_fee_group"),
            path("<path:object_id>/time-zone/", view(self.time_zone_view), name="trading_market_time_zone"),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        found = []
        if request.user.has_perm("trading.settle_market"):
            found.append(Tool("Settle the trading day", reverse(SETTLE)))
        if request.user.has_perm("trading.change_market"):
            found.append(Tool("Set a fee group", url_of(self, "fee_group", obj.pk)))
            found.append(Tool("Time zone", url_of(self, "time_zone", obj.pk)))
        return [
            *found,
            *self.list_of(request, "tradingsession", "Schedule"),
            *self.list_of(request, "holiday", "Holidays"),
            *self.list_of(request, "statement", "Statements"),
            *self.list_of(request, "settlementprice", "Settlement prices"),
        ]

    # -- what the engine is asked

    def fee_group_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, "change_market")
        return self.serve_form(request, FEE_GROUP, obj=self.object_at(request, object_id))

    def settle_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Where settling was before it had a page of the desk."""
        self.require(request, "settle_market")
        self.object_at(request, object_id)
        return HttpResponseRedirect(reverse(SETTLE))

    # -- what is the operators' own

    def time_zone_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, "change_market")
        market = self.object_at(request, object_id)
        if request.method != "POST":
            return self._time_zone_form(request, TimeZoneForm.of(market, initial={"time_zone": market.time_zone}))
        form = TimeZoneForm(request.POST, instance=market)
        if not form.is_valid():
            return self._time_zone_form(request, form)
        zone = form.cleaned_data["time_zone"]
        if not confirmations.said_yes(request):
            sentences = _days_told(calendar.calendar_of(Market(code=market.code, time_zone=zone)), zone)
            return confirmations.ask(
                request, self, title=_("Time zone"), button=_("Set the time zone"), sentences=sentences
            )
        Market.objects.filter(pk=market.pk).update(time_zone=zone)
        self.log_change(request, market, f"Time zone {zone}")
        messages.success(request, _("The clocks of the schedule are those of {zone}.").format(zone=zone))
        back = url_of(self, "change", market.pk) if self.has_view_permission(request) else reverse("admin:index")
        return HttpResponseRedirect(back)

    def _time_zone_form(self, request: HttpRequest, form: TimeZoneForm) -> HttpResponse:
        return self.form_response(
            request,
            form,
            title="Time zone",
            button="Set the time zone",
            fieldsets=[(None, {"fields": ["time_zone"]})],
            obj=form.instance,
        )


# --- the schedule: rows that nobody but operators writes


def _days_told(found: calendar.Calendar, zone: str) -> list[str]:
    """What the schedule does then, by which clocks."""
    today = timezone.now().astimezone(found.zone).date()
    return [_("The next ten trading days, by the clocks of {zone}:").format(zone=zone), *days.told(found, today)]


def _market_here() -> Market:
    return Market.objects.filter(code=present_market()).first() or Market(code=present_market())


class TimetableAdmin(AskedDeletion, PlainAdmin):
    """Rows that are made for the present market. Before one is saved or deleted the next ten trading days are shown."""

    list_per_page = 50

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if request.method == "POST" and not confirmations.said_yes(request):
            foreseen = self._foreseen(request, object_id)
            if foreseen:
                title = _("Save the schedule")
                return confirmations.ask(request, self, title=title, button=_("Save"), sentences=foreseen)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _foreseen(self, request: HttpRequest, object_id: str | None) -> list[str]:
        """What the form would make of the schedule; nothing where it is wrong, or not theirs to send."""
        row = None if object_id is None else self.get_object(request, unquote(object_id))
        may = self.has_add_permission(request) if object_id is None else self.has_change_permission(request, row)
        if not may or (object_id is not None and row is None):
            return []
        form = self.get_form(request, row, change=row is not None)(request.POST, instance=row)
        if not form.is_valid():
            return []
        market = _market_here()
        return _days_told(calendar.calendar_with(market, form.instance, timezone.now()), market.time_zone)

    def delete_question(self, rows: list[Any]) -> Question:
        market = _market_here()
        sentences = _days_told(calendar.calendar_without(market, rows), market.time_zone)
        names = _("Deleted: {names}.").format(names="; ".join(map(self.described, rows)))
        return Question(_("Delete from the schedule"), _("Delete"), [names, *sentences])

    def described(self, row: Any) -> str:
        return str(row)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.market, _made = Market.objects.get_or_create(code=present_market())
        super().save_model(request, obj, form, change)


@admin.display(description="time", ordering="time")
def clock_text(row: TradingSession) -> str:
    return f"{row.time:%H:%M:%S}"


@admin.display(description="days")
def days_text(row: TradingSession) -> str:
    names = dict(SessionForm.base_fields["weekdays"].choices)  # type: ignore[attr-defined]
    return " ".join(_(names[number]) for number in row.weekdays)


@admin.register(TradingSession)
class TradingSessionAdmin(TimetableAdmin):
    form = SessionForm
    add_label = "Add a rule"
    ordering = ("time", "pk")
    list_display = (clock_text, "action", days_text)
    list_filter = ("action",)

    def described(self, row: TradingSession) -> str:
        return f"{clock_text(row)} {_(row.get_action_display())}, {days_text(row)}"


@admin.register(Holiday)
class HolidayAdmin(TimetableAdmin):
    form = HolidayForm
    ordering = ("-date",)
    list_display = ("date",)
