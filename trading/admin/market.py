"""The market itself: its trading day, its fee groups, its clocks and its schedule."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from trading.admin.base import CommandAdmin, FormPage, PlainAdmin, Tool, url_of
from trading.admin.columns import day, money, number
from trading.admin.engine_requests import present_market
from trading.admin.forms.market import FeeGroupForm, HolidayForm, SessionForm, TimeZoneForm
from trading.core.money import RATE, to_text
from trading.models import Holiday, Market, TradingSession

SETTLE = "admin:trading_desk_settle"
"""The page where a trading day ends."""


@admin.display(description="fee groups")
def fee_groups_text(market: Market) -> str:
    """What the accounts of each group pay of the commission."""
    if not market.fee_groups:
        return "-"
    lines = ((name, to_text(factor, scale=RATE)) for name, factor in sorted(market.fee_groups.items()))
    return format_html("<table>{}</table>", format_html_join("", "<tr><td>{}</td><td>{}</td></tr>", lines))


FEE_GROUP = FormPage(
    form=FeeGroupForm,
    title="Fee group",
    button="Set the fee group",
    fieldsets=[(None, {"fields": ["name", "factor"]})],
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


class TimetableAdmin(PlainAdmin):
    """Rows that are made for the present market."""

    list_per_page = 50

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


@admin.register(Holiday)
class HolidayAdmin(TimetableAdmin):
    form = HolidayForm
    ordering = ("-date",)
    list_display = ("date",)
