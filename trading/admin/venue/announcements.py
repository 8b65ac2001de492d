"""Announcements: what is told to everybody or to one user, at once or at a time, until some time; a planned stop."""

import uuid
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from trading.access.office_address import office_of
from trading.admin import engine_requests
from trading.admin.columns import local_time, time_text
from trading.admin.confirmations import counted
from trading.admin.desk.page import Page, address, ask_first, show
from trading.admin.engine_requests import is_first, present_market
from trading.admin.venue import later
from trading.core.commands import Announce, WithdrawAnnouncement
from trading.core.rules.office.announcements import LONGEST_TEXT
from trading.core.types import Announcement, stored_name
from trading.models import Account, Market, OperatorCommand, ScheduledCommand
from trading.operators import at_a_time, requests
from trading.reads import announcements, pulses

NEEDS = ("announce",)
PLACE = "trading/desk/announcements/"


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


class AnnouncementForm(later.TimedForm):
    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea({"rows": 3, "maxlength": LONGEST_TEXT}),
    )
    user_id = forms.CharField(
        label=gettext_lazy("To the user"), max_length=64, required=False, help_text=gettext_lazy("Empty: to everybody.")
    )
    markets = forms.ChoiceField(label=gettext_lazy("Market"), required=False)
    ends = later.when(gettext_lazy("Shown until"), gettext_lazy("It is taken away by itself then."), required=True)
    stops = later.when(
        gettext_lazy("Planned stop"),
        gettext_lazy("Everybody sees how long it is until then. Nothing is stopped by it."),
        required=False,
    )
    field_order = ("text", "user_id", "markets", "at", "ends", "stops")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = list(Market.objects.order_by("code").values_list("code", flat=True))
        if len(codes) < 2:
            del self.fields["markets"]
        else:
            here = present_market()
            self.fields["markets"].choices = [(here, here), ("", _("All markets"))]  # type: ignore[attr-defined]
            self.fields["markets"].initial = here

    def clean_user_id(self) -> str | None:
        name: str = self.cleaned_data["user_id"]
        if name and not Account.objects.filter(user_id=name, market=present_market()).exists():
            raise ValidationError(_("{name} has no account.").format(name=name))
        return name or None

    def clean_ends(self) -> datetime | None:
        return later.future(self.cleaned_data["ends"])

    def clean_stops(self) -> datetime | None:
        return later.future(self.cleaned_data["stops"])

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        begins, ends = data.get("at"), data.get("ends")
        if begins and ends and ends <= begins:
            self.add_error("ends", _("It ends before it begins."))
        if data.get("user_id") and data.get("markets") == "":
            self.add_error("markets", _("A user is told in this market."))
        return data

    def command(self) -> Announce:
        data = self.cleaned_data
        until = _milliseconds(data["ends"])
        assert until is not None, "the field is required"
        return Announce(data["text"], until, data["user_id"], _milliseconds(data["stops"]))

    def codes(self) -> list[str]:
        """Of the markets in which it is told."""
        if self.cleaned_data.get("markets") == "" and "markets" in self.fields:
            return list(Market.objects.order_by("code").values_list("code", flat=True))
        return [present_market()]


def list_view(request: HttpRequest) -> HttpResponse:
    """What is announced and what will be, with a form for another one: in the first market's office, whose
    announcements every connection hears."""
    if not is_first(present_market()):
        return _page(request, elsewhere=settings.MARKET, there=f"{office_of(settings.MARKET, settings.MARKET)}{PLACE}")
    form: Any = AnnouncementForm(request.POST) if request.method == "POST" else AnnouncementForm.fresh()
    if request.method == "POST" and form.is_valid():
        command, at = form.command(), form.cleaned_data["at"]
        engine_requests.allowed(request, command)
        question = ask_first(request, gettext_noop("Announce"), gettext_noop("Announce it"), _sentences(form, command))
        if question is not None:
            return question
        if (
            _announce(request, form, command)
            if at is None
            else later.put(request, form, [command], at, markets=form.codes())
        ):
            return HttpResponseRedirect(address("announcements"))
    return _page(request, form=form)


def _page(request: HttpRequest, **context: Any) -> HttpResponse:
    now = int(timezone.now().timestamp() * 1000)
    return show(
        request,
        "market/announcements",
        _("Announcements"),
        present=[_line(each) for each in announcements.present(market=present_market(), time=now)],
        waiting=[_waiting_line(row) for row in _waiting()],
        now=later.now_text(),
        **context,
    )


def _waiting() -> Any:
    waiting = ScheduledCommand.objects.filter(market=present_market(), status=at_a_time.Status.WAITING)
    return waiting.filter(kind=stored_name(Announce)).order_by("at", "pk")[: later.MOST_SHOWN]


def _line(told: Announcement) -> tuple[int, str, str, str, str, str]:
    stop = "-" if told.stop_at is None else local_time(told.stop_at)
    return (
        told.number,
        told.text,
        told.user_id or _("everybody"),
        local_time(told.made_at),
        local_time(told.until),
        stop,
    )


def _waiting_line(row: ScheduledCommand) -> tuple[int, str, str, str]:
    at = "-" if row.at is None else time_text(row.at)
    return row.pk, row.payload["text"], row.payload.get("user_id") or _("everybody"), at


def _sentences(form: AnnouncementForm, command: Announce) -> list[str]:
    data = form.cleaned_data
    sentences = [f"“{command.text}”", _audience(form, command), later.said_when(data["at"])]
    sentences.append(_("It is shown until {time}.").format(time=time_text(data["ends"])))
    if data["stops"]:
        sentences.append(_("A stop is counted down to: {time}.").format(time=time_text(data["stops"])))
    return sentences


def _audience(form: AnnouncementForm, command: Announce) -> str:
    if command.user_id is not None:
        return _("Only {name} sees it, once signed in.").format(name=command.user_id)
    codes = form.codes()
    pulse = pulses.latest(market=present_market())
    return _("Everybody sees it, before signing in too: {accounts} in {markets}, {connections} open now.").format(
        accounts=counted(Account.objects.filter(market__in=codes).count(), "account"),
        markets=", ".join(codes),
        connections=counted(0 if pulse is None else pulse.present["connections"], "connection"),
    )


def _announce(request: HttpRequest, form: AnnouncementForm, command: Announce) -> bool:
    """In each of the markets, once however often the form is sent."""
    operator = engine_requests.allowed(request, command)
    rows = [
        requests.carry_out(
            command,
            market=code,
            asked_by=operator,
            key=f"admin:{operator.pk}:{form.cleaned_data['key'].hex}:{code}"[:64],
            address=engine_requests.client_address(request),
        )
        for code in form.codes()
    ]
    if not all(requests.is_of(row, command) for row in rows):
        form.add_error(None, _(engine_requests.USED_BEFORE))
        return False
    if all(row.status == OperatorCommand.Status.REFUSED for row in rows):
        form.add_error(None, engine_requests.refusal(rows[0]))
        form.data = {**form.data, "key": uuid.uuid4().hex}  # what is mended is a question of its own
        return False
    engine_requests.tell_all(request, rows, done=_("Announced."))
    return True


def withdraw_view(request: HttpRequest, number: int) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    command = WithdrawAnnouncement(number)
    engine_requests.allowed(request, command)
    now = int(timezone.now().timestamp() * 1000)
    texts = [each.text for each in announcements.present(market=present_market(), time=now) if each.number == number]
    sentences = [*(f"“{text}”" for text in texts), _("It is taken away from every page at once.")]
    question = ask_first(request, gettext_noop("Withdraw the announcement"), gettext_noop("Withdraw it"), sentences)
    if question is not None:
        return question
    engine_requests.tell(request, engine_requests.ask(request, command), done=_("Withdrawn."))
    return HttpResponseRedirect(address("announcements"))


PAGES: list[Page] = [
    Page(
        "announcements",
        "announcements/",
        NEEDS,
        list_view,
        gettext_noop("Announcements"),
        gettext_noop("To everybody or one user, at once or at a time; a planned stop."),
    ),
    Page("withdraw_announcement", "announcements/<int:number>/withdraw/", NEEDS, withdraw_view),
]
