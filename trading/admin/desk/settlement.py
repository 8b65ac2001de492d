"""The end of a trading day: prices proposed, edited, checked, looked at before it is done; and the calendar."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.admin import engine_requests
from trading.admin.columns import amount_text, change_text, day_text
from trading.admin.desk import settlement_progress
from trading.admin.desk.page import Page, address, show
from trading.admin.desk.risk import risk_settings, told
from trading.admin.engine_requests import present_market
from trading.admin.forms.market import SettleForm
from trading.admin.office.days import trading_days
from trading.admin.office.refusals import answer_text
from trading.core.commands import Settle
from trading.core.types import Phase
from trading.models import Holiday, Instrument, Market
from trading.operators import calendar, requests, what_if

FAR = 0.05
"""How far a price may be from the last settlement price, or from the last trade, before it is pointed at."""
MOST_HOLIDAYS = 60


# --- settling


def settle_view(request: HttpRequest) -> HttpResponseBase:
    """Prices, then what they would do, then it is done: once a day, whoever asks. While one is under way nothing else
    can be asked for, so its page is shown."""
    market = get_object_or_404(Market, pk=present_market())
    if request.method != "POST":
        present = settlement_progress.under_way()
        if present is not None:
            return HttpResponseRedirect(address("settlement", present.pk))
        return _form(request, SettleForm.of(market, initial={}))
    form = SettleForm(request.POST, instance=market)
    if not form.is_valid():
        return _form(request, form)
    command = form.command()
    reason = request.POST.get("reason", "")[:200]
    if request.POST.get("post") != "yes":
        return _preview(request, form, command, reason)
    row = engine_requests.ask_settlement(request, command, reason=reason)
    if not requests.is_of(row, command):
        messages.error(request, engine_requests.used_before(row))
        return _form(request, form)
    return HttpResponseRedirect(address("settlement", row.pk))


def _form(request: HttpRequest, form: SettleForm) -> HttpResponseBase:
    return show(request, "form", _("Settle the trading day"), form=form, button=_("See what it would do"))


def _preview(request: HttpRequest, form: SettleForm, command: Settle, reason: str) -> HttpResponseBase:
    day = what_if.if_settled(present_market(), command, risk_settings())
    sent = [(name, value) for name, value in request.POST.items() if name not in {"csrfmiddlewaretoken", "reason"}]
    return show(
        request,
        "market/settle",
        _("Settle the trading day"),
        sent=sent,
        reason=reason,
        day=day,
        days=(day_text(command.day), day_text(command.next_day)),
        usual_next=_usual_next(form, command),
        prices=outliers(command),
        expired=sorted(day.expired.items()),
        outcome=told(day.outcome),
        refused=day.refused and answer_text(day.refused),
        unlikely=day.unlikely and answer_text(day.unlikely),
    )


def _usual_next(form: SettleForm, command: Settle) -> str:
    """The day that the calendar would begin, where another one was chosen."""
    market = form.instance
    _present, usual = calendar.days_to_settle(market, calendar.today(market, timezone.now()), command.day)
    return "" if usual == command.next_day else day_text(usual)


def outliers(command: Settle) -> list[tuple[str, str, str, str, str, str]]:
    """Each instrument with its price, the one before, the last trade's, how far it moves, and what is odd about it."""
    listed = Instrument.objects.filter(market=present_market()).exclude(phase=Phase.DELISTED)
    return [_price_line(row, command.prices.get(row.pk)) for row in listed]


def _price_line(row: Instrument, given: int | None) -> tuple[str, str, str, str, str, str]:
    price = given if given is not None else row.mark_price or row.settlement
    move = price / row.settlement - 1
    odd = []
    if row.limit_up is not None and row.limit_down is not None and not row.limit_down <= price <= row.limit_up:
        odd.append(_("outside the day's limits"))
    if abs(move) > FAR:
        odd.append(_("more than {far} from the last settlement").format(far=f"{FAR:.0%}"))
    if row.last_price and abs(price / row.last_price - 1) > FAR:
        odd.append(_("more than {far} from the last trade").format(far=f"{FAR:.0%}"))
    last = amount_text(row.last_price) if row.last_price else "-"
    return row.pk, amount_text(price), amount_text(row.settlement), last, change_text(move), ", ".join(odd)


# --- the calendar


class HolidaysForm(forms.Form):
    """All holidays of the market that are yet to come, a date a line."""

    holidays = forms.CharField(
        widget=forms.Textarea({"rows": 12}), required=False, max_length=2_000, help_text="A date a line: 2026-10-01."
    )

    def clean_holidays(self) -> frozenset[date]:
        found = set()
        lines = self.cleaned_data["holidays"].split()
        if len(lines) > MOST_HOLIDAYS:
            raise forms.ValidationError(_("At most {count} days at once.").format(count=MOST_HOLIDAYS))
        for text in lines:
            try:
                found.add(date.fromisoformat(text))
            except ValueError:
                raise forms.ValidationError(_("{text} is no date.").format(text=text[:20])) from None
        return frozenset(found)


def calendar_view(request: HttpRequest) -> HttpResponseBase:
    """Holidays are saved only after the next ten trading days that they make were shown."""
    market = get_object_or_404(Market, pk=present_market())
    today = calendar.today(market, timezone.now())
    present = calendar.calendar_of(market)
    coming = sorted(day for day in present.holidays if day >= today)
    form: Any = HolidaysForm(request.POST or None, initial={"holidays": "\n".join(map(str, coming))})
    wanted = present
    if form.is_bound and form.is_valid():
        chosen = {day for day in form.cleaned_data["holidays"] if day >= today}
        wanted = calendar.Calendar(present.zone, present.rules, frozenset(chosen))
        if request.POST.get("post") == "yes":
            _keep(request, market, set(coming), chosen)
            return HttpResponseRedirect(address("calendar"))
    return show(
        request,
        "market/calendar",
        _("Calendar"),
        form=form,
        zone=str(present.zone),
        days=trading_days(wanted, today),
        changed=form.is_bound and form.is_valid(),
    )


def _keep(request: HttpRequest, market: Market, before: set[date], chosen: set[date]) -> None:
    Holiday.objects.filter(market=market, date__in=before - chosen).delete()
    Holiday.objects.bulk_create([Holiday(market=market, date=day) for day in sorted(chosen - before)])
    messages.success(
        request,
        _("Holidays: {more} added, {fewer} taken away.").format(more=len(chosen - before), fewer=len(before - chosen)),
    )


PAGES = [
    Page(
        *("settle", "settle/", ("settle_market",), settle_view),
        *("Settle the trading day", "Prices, outliers, and what it would do, before it is done."),
    ),
    *settlement_progress.PAGES,
    Page(
        *("calendar", "calendar/", ("add_holiday", "delete_holiday"), calendar_view),
        *("Calendar", "Holidays, and the next ten trading days that they make."),
    ),
]
