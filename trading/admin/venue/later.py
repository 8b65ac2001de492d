"""What is to be done at a time: a field for it, the list of what waits, and its cancelling."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from trading.admin import engine_requests
from trading.admin.columns import time_text
from trading.admin.desk.page import DeskForm, Page, address, ask_first, show
from trading.admin.engine_requests import present_market
from trading.admin.records.operator_commands import subject_of
from trading.core.commands import AdminCommand
from trading.models import ScheduledCommand, User
from trading.operators import at_a_time
from trading.operators.authority import approvals
from trading.operators.authority.rights import may_ask

NEEDS = ("view_operatorcommand",)
MOST_SHOWN = 200
SHOWN_AS = "%Y-%m-%dT%H:%M"


def when(label: Any, help_text: Any, *, required: bool) -> forms.DateTimeField:
    """A field for a moment in the future, in the zone of the settings."""
    return forms.DateTimeField(
        label=label,
        required=required,
        help_text=help_text,
        widget=forms.DateTimeInput({"type": "datetime-local"}, SHOWN_AS),
    )


def future(moment: datetime | None) -> datetime | None:
    """ValidationError where it has passed."""
    if moment is not None and moment <= timezone.now():
        raise ValidationError(_("It must be in the future; it is {now} now.").format(now=now_text()))
    return moment


def now_text() -> str:
    return f"{time_text(timezone.now())} {get_current_timezone_name()}"


class TimedForm(DeskForm):
    """A form whose command is asked for at once, or at a time."""

    at = when(gettext_lazy("At"), gettext_lazy("Empty: at once."), required=False)

    def clean_at(self) -> datetime | None:
        return future(self.cleaned_data["at"])


def said_when(at: datetime | None) -> str:
    """The sentence of a question."""
    if at is None:
        return _("It is done at once.")
    return _("It is done at {time} ({zone}). Until then it can be cancelled under At a time.").format(
        time=time_text(at), zone=get_current_timezone_name()
    )


def put(
    request: HttpRequest,
    form: DeskForm,
    commands: Sequence[AdminCommand],
    at: datetime,
    *,
    reason: str = "",
    markets: Sequence[str] = (),
) -> bool:
    """Keep what a form stands for until its time, once however often it is sent, and say so. False, and an error of the
    form, where its key was used for something else."""
    operator = engine_requests.allowed(request, *commands)
    rows = [
        at_a_time.put(
            command,
            at,
            market=market,
            asked_by=operator,
            key=f"admin:{operator.pk}:{form.cleaned_data['key'].hex}:{number}",
            reason=reason,
            address=engine_requests.client_address(request),
        )
        for number, (market, command) in enumerate(
            (market, command) for market in markets or [present_market()] for command in commands
        )
    ]
    wanted = [command for _market in markets or [""] for command in commands]
    if any(approvals.command_of(row) != command or row.at != at for row, command in zip(rows, wanted, strict=True)):
        form.add_error(None, _(engine_requests.USED_BEFORE))
        return False
    messages.success(request, _("It will be done at {time}.").format(time=time_text(at)))
    return True


# --- the list


def list_view(request: HttpRequest) -> HttpResponse:
    """What waits, the next first; then what was, the newest first."""
    operator = cast(User, request.user)
    rows = ScheduledCommand.objects.filter(market=present_market()).select_related(
        "asked_by", "command", "cancelled_by"
    )
    waiting = rows.filter(status=at_a_time.Status.WAITING, at__isnull=False).order_by("at", "pk")[:MOST_SHOWN]
    past = rows.exclude(status=at_a_time.Status.WAITING).order_by("-decided_at", "-pk")[:MOST_SHOWN]
    return show(
        request,
        "market/later",
        _("At a time"),
        waiting=[(*_line(row), _may_cancel(operator, row)) for row in waiting],
        past=[(*_line(row), _outcome(row)) for row in past],
        now=now_text(),
    )


def _line(row: ScheduledCommand) -> tuple[int, str, str, str, str, str]:
    at = _("Draft") if row.at is None else time_text(row.at)
    return row.pk, at, row.kind, subject_of(row), row.asked_by.username, row.reason


def _outcome(row: ScheduledCommand) -> str:
    """The words of states are in the catalogue."""
    status = _(row.get_status_display())
    if row.command is not None:
        return f"{status}: #{row.command_id} {_(row.command.get_status_display())} {row.command.result}"
    by = "" if row.cancelled_by is None else row.cancelled_by.username
    return " ".join(filter(None, (status, by, _(row.note) if row.note else "")))


def _may_cancel(operator: User, row: ScheduledCommand) -> bool:
    command = approvals.command_of(row)
    return command is not None and may_ask(operator, command)


def cancel_view(request: HttpRequest, number: int) -> HttpResponse:
    """Whoever may ask for a thing may say that it is not to be done."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row = get_object_or_404(ScheduledCommand, pk=number, market=present_market(), at__isnull=False)
    command = approvals.command_of(row)
    operator = cast(User, request.user) if command is None else engine_requests.allowed(request, command)
    sentences = [
        _("{kind} ({subject}) will not be done at {time}.").format(
            kind=row.kind, subject=subject_of(row), time=time_text(cast(datetime, row.at))
        )
    ]
    title = gettext_noop("Cancel what is to be done")
    question = ask_first(request, title, gettext_noop("Cancel it"), sentences)
    if question is not None:
        return question
    if at_a_time.cancel(row, operator):
        messages.success(request, _("It will not be done."))
    else:
        messages.warning(request, _("It does not wait any more."))
    return HttpResponseRedirect(address("later"))


PAGES: list[Page] = [
    Page(
        "later",
        "later/",
        NEEDS,
        list_view,
        gettext_noop("At a time"),
        gettext_noop("What will be done at a time, and what was; cancel it."),
    ),
    Page("cancel_later", "later/<int:number>/cancel/", NEEDS, cancel_view),
]
