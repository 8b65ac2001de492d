"""Instruments: listed, changed in what may change, halted and resumed."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trading.admin import confirmations, margins
from trading.admin.base import Tool, url_of
from trading.admin.columns import day, day_text, limit, moment, money, number, rate
from trading.admin.command_pages import CommandAdmin, FormPage
from trading.admin.engine_requests import present_market
from trading.admin.forms.instruments import (
    CONTRACT_FIELDSETS,
    TERMS_FIELDSETS,
    ChangeTermsForm,
    ListInstrumentForm,
)
from trading.admin.venue import drafts
from trading.core.commands import AdminCommand, ChangeTerms, HaltInstrument, ResumeInstrument, SetInstrumentPhase
from trading.core.money import to_text
from trading.core.types import Phase
from trading.models import IS_HELD, Instrument, Market, Position
from trading.operators import calendar
from trading.storage.mapping import terms_of

STATE = (
    "phase",
    "scheduled",
    money("settlement", "last settlement price"),
    money("mark_price", "positions are worth"),
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
    limit("max_position", "lots in one direction"),
    limit("max_orders", "live orders"),
    "larger_side",
    day("last_day"),
)
PHASES = {
    Phase.AUCTION: (gettext_noop("Auction"), gettext_noop("{} is in auction: orders gather.")),
    Phase.CONTINUOUS: (gettext_noop("Continuous trading"), gettext_noop("{} trades.")),
    Phase.CLOSED: (gettext_noop("Close trading"), gettext_noop("{} is closed: only cancels are taken.")),
}
"""What an operator may set, the button for it, and what to say when it is done."""


@admin.register(Instrument)
class InstrumentAdmin(CommandAdmin):
    add_label = "List an instrument"
    exported = True
    actions = (
        *("halt_selected", "resume_selected", "auction_selected", "continuous_selected", "close_selected"),
        *("change_selected", "expire_selected"),
    )
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
    search_fields = ("^instrument_id", "^name")
    search_help_text = "The beginning of an instrument id or of a name."
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
            path("<path:object_id>/phase/<str:phase>/", view(self.phase_view), name="trading_instrument_phase"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        link = Tool("Drafts", reverse("admin:trading_desk_drafts"))
        return super().changelist_view(request, {"list_tools": [link], **(extra_context or {})})

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        links = [
            *self.list_of(request, "order", "Orders", instrument__instrument_id__exact=obj.pk),
            *self.list_of(request, "trade", "Trades", instrument__instrument_id__exact=obj.pk),
            *self.list_of(request, "operatorcommand", "Operator commands", q=obj.pk),
        ]
        if self.has_add_permission(request):
            links.append(Tool("Copy it", f"{reverse('admin:trading_instrument_add')}?{urlencode({'copy': obj.pk})}"))
        if not self.has_halt_permission(request) or obj.phase == Phase.DELISTED:
            return links
        links.append(Tool("At a time", f"{reverse('admin:trading_desk_deed')}?{urlencode({'instrument': obj.pk})}"))
        if obj.phase == Phase.HALTED:
            return [Tool("Resume trading", url_of(self, "resume", obj.pk), post=True), *links]
        buttons = [Tool("Halt trading", url_of(self, "halt", obj.pk), post=True)]
        for phase, words in PHASES.items():
            if phase != obj.phase:
                buttons.append(Tool(words[0], url_of(self, "phase", obj.pk, phase.value), post=True))
        return [*buttons, *links]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """The page of one that can trade follows its book and its trades over the public socket."""
        row = kwargs.get("obj")
        if row is not None and row.phase != Phase.DELISTED:
            pace = {"pings": settings.PING_SECONDS, "idle": settings.IDLE_SECONDS}
            context["live"] = {"instrument": row.pk, "tick": to_text(row.tick), **pace}
        return super().render_change_form(request, context, *args, **kwargs)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        self.require(request, "add_instrument")
        page = FormPage(
            form=ListInstrumentForm,
            title="List an instrument",
            button="List it",
            fieldsets=[*CONTRACT_FIELDSETS, *TERMS_FIELDSETS],
            question=lambda form: [
                _("{name} is traded as soon as it is listed, in the phase of the schedule; it stays for good.").format(
                    name=form.cleaned_data["instrument_id"]
                )
            ],
            done=lambda form: _("Listed {}.").format(form.cleaned_data["instrument_id"]),
            back=lambda form: url_of(self, "change", form.cleaned_data["instrument_id"]),
            also=gettext_noop("Keep it as a draft"),
        )
        if request.method != "POST" or "also" not in request.POST:
            return self.serve_form(request, page)
        form: Any = ListInstrumentForm(request.POST)
        if form.is_valid():
            problem = drafts.keep(request, form)
            if problem is None:
                return HttpResponseRedirect(reverse("admin:trading_desk_drafts"))
            form = form.again(problem)
        return self._show(request, page, form, None)

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
            done=lambda form: _("Changed the terms of {}.").format(form.instance.pk),
            question=margins.question,
        )
        return self.serve_form(request, page, obj=self.object_at(request, object_id))

    # -- phases

    def halt_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequence = _("Only cancels are taken until trading is resumed. Live orders stay.")
        return self._button(
            request, object_id, HaltInstrument, _("Halt trading"), consequence, _("Halted {}: only cancels are taken.")
        )

    def phase_view(self, request: HttpRequest, object_id: str, phase: str) -> HttpResponse:
        if phase not in PHASES:
            raise Http404
        chosen = Phase(phase)
        label, done = PHASES[chosen]
        command = partial(SetInstrumentPhase, phase=chosen)
        consequence = _("Whatever the schedule says, it is {phase} from now on. What an auction ends with, trades.")
        return self._button(request, object_id, command, _(label), consequence.format(phase=_(phase)), _(done))

    def resume_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequence = _("It goes on in the phase that the schedule has.")
        return self._button(
            request, object_id, ResumeInstrument, _("Resume trading"), consequence, _("Trading of {} goes on.")
        )

    def _button(
        self, request: HttpRequest, object_id: str, command: Any, label: str, consequence: str, done: str
    ) -> HttpResponse:
        if not self.has_halt_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.object_at(request, object_id)
        if not confirmations.said_yes(request):
            sentences = [consequence, confirmations.about_instruments([row])]
            return confirmations.ask(request, self, title=f"{label}: {row.pk}", button=label, sentences=sentences)
        back = url_of(self, "change", row.pk)
        return self.serve_button(request, command(row.pk), done=done.format(row.pk), back=back)

    @admin.action(description="Halt trading of the selected instruments", permissions=["halt"])
    def halt_selected(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> HttpResponse | None:
        return self._many(
            request,
            queryset,
            HaltInstrument,
            _("Halt trading of"),
            _("Only cancels are taken until they are resumed."),
            _("Instruments halted: {count}. They take only cancels."),
        )

    @admin.action(description="Resume trading of the selected instruments", permissions=["halt"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> HttpResponse | None:
        return self._many(
            request,
            queryset,
            ResumeInstrument,
            _("Resume trading of"),
            _("Each goes on in the phase that the schedule has."),
            _("Instruments that trade again: {count}."),
        )

    @admin.action(description="Put the selected instruments in auction", permissions=["halt"])
    def auction_selected(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> HttpResponse | None:
        return self._set_phase(request, queryset, Phase.AUCTION)

    @admin.action(description="Begin continuous trading of the selected instruments", permissions=["halt"])
    def continuous_selected(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> HttpResponse | None:
        return self._set_phase(request, queryset, Phase.CONTINUOUS)

    @admin.action(description="Close the selected instruments", permissions=["halt"])
    def close_selected(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> HttpResponse | None:
        return self._set_phase(request, queryset, Phase.CLOSED)

    @admin.action(description="Change the terms of the selected instruments", permissions=["halt"])
    def change_selected(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> HttpResponse | None:
        rows = confirmations.chosen(queryset)
        if confirmations.too_many(request, rows):
            return None
        names = ",".join(row.pk for row in rows)
        return HttpResponseRedirect(
            f"{reverse('admin:trading_desk_instruments_file')}?{urlencode({'instruments': names})}"
        )

    @admin.action(description="Let the selected instruments expire with the next settlement", permissions=["halt"])
    def expire_selected(self, request: HttpRequest, queryset: QuerySet[Instrument]) -> HttpResponse | None:
        """Their last trading day becomes the present one."""
        rows = confirmations.chosen(queryset.exclude(phase=Phase.DELISTED.value))
        market, _made = Market.objects.get_or_create(code=present_market())
        last_day = calendar.number_of(calendar.trading_day(market, timezone.now()))
        held = Position.objects.filter(IS_HELD, instrument__in=rows).values("account").distinct().count()
        return confirmations.carry_out(
            request,
            self,
            rows,
            [ChangeTerms(row.pk, msgspec.structs.replace(terms_of(row), last_day=last_day)) for row in rows],
            question=f"{_('Let expire')}: {confirmations.counted(len(rows), 'instrument')}",
            sentences=[
                _("With the settlement of trading day {day} they are delisted, for good.").format(
                    day=day_text(last_day)
                ),
                _("Positions of {accounts} are closed at the settlement price; live orders end.").format(
                    accounts=confirmations.counted(held, "account")
                ),
                confirmations.about_instruments(rows),
            ],
            done=_("Instruments that expire with the next settlement: {count}."),
        )

    def _set_phase(self, request: HttpRequest, queryset: QuerySet[Instrument], phase: Phase) -> HttpResponse | None:
        return self._many(
            request,
            queryset,
            lambda name: SetInstrumentPhase(name, phase),
            f"{_(PHASES[phase][0])}:",
            _("Whatever the schedule says, they are {phase} from now on. What an auction ends with, trades.").format(
                phase=_(phase.value)
            ),
            _("Instruments that are {phase} now: {count}.").replace("{phase}", _(phase.value)),
        )

    def _many(
        self,
        request: HttpRequest,
        queryset: QuerySet[Instrument],
        command: Callable[[str], AdminCommand],
        verb: str,
        consequence: str,
        done: str,
    ) -> HttpResponse | None:
        rows = confirmations.chosen(queryset)
        return confirmations.carry_out(
            request,
            self,
            rows,
            [command(row.pk) for row in rows],
            question=f"{verb} {confirmations.counted(len(rows), 'instrument')}",
            sentences=[consequence, confirmations.about_instruments(rows)],
            done=done,
        )
