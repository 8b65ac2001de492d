"""Instruments: listed, changed in what may change, halted and resumed."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path

from trading.admin import door
from trading.admin.base import CommandAdmin, FormPage, Tool, url_of
from trading.admin.columns import moment, money, number, rate
from trading.admin.forms import CONTRACT_FIELDSETS, TERMS_FIELDSETS, ChangeTermsForm, ListInstrumentForm
from trading.core.commands import HaltInstrument, ResumeInstrument
from trading.core.types import Phase
from trading.models import Instrument

STATE = (
    "phase",
    money("last_price"),
    number("last_volume"),
    moment("last_time", "last trade"),
    money("limit_up"),
    money("limit_down"),
)
CONTRACT = (
    "instrument_id",
    "product_id",
    money("tick"),
    number("multiplier"),
    money("reference_price"),
    rate("limit_rate", "price limit"),
)
TERMS = (
    "name",
    rate("margin_long", "margin rate, long"),
    rate("margin_short", "margin rate, short"),
    money("fee_open_per_lot", "open, per lot"),
    rate("fee_open_rate", "open, of the value"),
    money("fee_close_per_lot", "close, per lot"),
    rate("fee_close_rate", "close, of the value"),
    money("fee_close_today_per_lot", "close today, per lot"),
    rate("fee_close_today_rate", "close today, of the value"),
    number("min_volume", "smallest order"),
    number("max_volume", "largest order"),
)


@admin.register(Instrument)
class InstrumentAdmin(CommandAdmin):
    add_label = "List an instrument"
    actions = ("halt_selected", "resume_selected")
    list_display = (
        "instrument_id",
        "name",
        "phase",
        money("last_price"),
        money("limit_down"),
        money("limit_up"),
        money("tick"),
        number("multiplier"),
        rate("margin_long", "margin, long"),
        rate("margin_short", "margin, short"),
    )
    list_filter = ("phase", "product_id")
    search_fields = ("instrument_id", "name")
    sections = (
        ("Now", {"fields": STATE}),
        ("Contract", {"fields": CONTRACT}),
        ("Terms", {"fields": TERMS}),
    )

    # -- who may do what

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("trading.add_instrument")

    def has_halt_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.change_instrument")

    # -- pages

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/halt/", view(self.halt_view), name="trading_instrument_halt"),
            path("<path:object_id>/resume/", view(self.resume_view), name="trading_instrument_resume"),
            *super().get_urls(),
        ]

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        links = [
            *self.list_of(request, "order", "Orders", instrument__instrument_id__exact=obj.pk),
            *self.list_of(request, "trade", "Trades", instrument__instrument_id__exact=obj.pk),
            *self.list_of(request, "operatorcommand", "Operator commands", q=obj.pk),
        ]
        if not self.has_halt_permission(request):
            return links
        page, label = ("resume", "Resume trading") if obj.phase == Phase.HALTED else ("halt", "Halt trading")
        return [Tool(label, url_of(self, page, obj.pk), post=True), *links]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        self.require(request, "add_instrument")
        page = FormPage(
            form=ListInstrumentForm,
            title="List an instrument",
            button="List it",
            fieldsets=[*CONTRACT_FIELDSETS, *TERMS_FIELDSETS],
            done=lambda form: f"Listed {form.cleaned_data['instrument_id']}.",
            back=lambda form: url_of(self, "change", form.cleaned_data["instrument_id"]),
        )
        return self.serve_form(request, page)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The terms can be edited by those who may; others see them."""
        if not request.user.has_perm("trading.change_instrument"):
            return super().change_view(request, object_id, form_url, extra_context)
        page = FormPage(
            form=ChangeTermsForm,
            title="Change instrument",
            button="Change the terms",
            fieldsets=[
                ("Now", {"fields": STATE}),
                ("Contract", {"fields": CONTRACT}),
                ("Terms", {"fields": ["name"], "description": "New terms hold at once, for live orders too."}),
                *TERMS_FIELDSETS,
            ],
            shown=(*STATE, *CONTRACT),
            done=lambda form: f"Changed the terms of {form.instance.pk}.",
        )
        return self.serve_form(request, page, obj=self.object_at(request, object_id))

    # -- halt and resume

    def halt_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._button(request, object_id, HaltInstrument, "Halted {}: only cancels are taken.")

    def resume_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._button(request, object_id, ResumeInstrument, "Trading of {} goes on.")

    def _button(self, request: HttpRequest, object_id: str, command: Any, done: str) -> HttpResponse:
        if not self.has_halt_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.object_at(request, object_id)
        back = url_of(self, "change", row.pk)
        return self.serve_button(request, command(row.pk), done=done.format(row.pk), back=back)

    @admin.action(description="Halt trading of the selected instruments", permissions=["halt"])
    def halt_selected(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> None:
        rows = door.ask_all(request, [HaltInstrument(row.pk) for row in queryset])
        door.tell_all(request, rows, done="Instruments halted: {count}. They take only cancels.")

    @admin.action(description="Resume trading of the selected instruments", permissions=["halt"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> None:
        rows = door.ask_all(request, [ResumeInstrument(row.pk) for row in queryset])
        door.tell_all(request, rows, done="Instruments that trade again: {count}.")
