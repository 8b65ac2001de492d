"""Instruments that are prepared and not listed yet: kept, seen by staff alone, changed, deleted, listed."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trading.admin import engine_requests
from trading.admin.columns import time_text
from trading.admin.desk.page import Page, address, ask_first, carry_out, show
from trading.admin.engine_requests import present_market
from trading.admin.forms.instruments import (
    CONTRACT_FIELDSETS,
    TERMS_FIELDSETS,
    ListInstrumentForm,
    contract_values,
    terms_values,
)
from trading.admin.office.refusals import said
from trading.admin.venue import later
from trading.admin.venue.instruments_file import columns, problems, sent, text_of
from trading.core.commands import ListInstrument
from trading.models import Instrument, ScheduledCommand, User
from trading.operators import at_a_time, what_if
from trading.operators.authority import approvals
from trading.operators.authority.rights import may

SEES = ("view_instrument",)
NEEDS = ("add_instrument",)
GONE = gettext_noop("It is no draft any more.")


def list_view(request: HttpRequest) -> HttpResponse:
    """The newest first; why the engine has refused one stands beside it."""
    rows = at_a_time.drafts(present_market()).order_by("-pk")[: later.MOST_SHOWN]
    lines = [_line(row, command) for row in rows if isinstance(command := approvals.command_of(row), ListInstrument)]
    mine = may(cast(User, request.user), *NEEDS)
    return show(request, "market/drafts", _("Drafts of instruments"), drafts=lines, mine=mine)


def _line(row: ScheduledCommand, command: ListInstrument) -> tuple[int, str, str, str, str, str]:
    refused = "" if row.command is None else said(row.command.result)
    name = command.contract.instrument_id
    return row.pk, name, command.terms.name, row.asked_by.username, time_text(row.made_at), refused


def _draft(number: int) -> tuple[ScheduledCommand, ListInstrument]:
    """404 where it is none, or none any more."""
    row = get_object_or_404(at_a_time.drafts(present_market()), pk=number)
    command = approvals.command_of(row)
    if not isinstance(command, ListInstrument):
        raise Http404
    return row, command


def _values(command: ListInstrument) -> dict[str, Any]:
    """As the form has them."""
    contract = command.contract
    return {"instrument_id": contract.instrument_id, **contract_values(contract), **terms_values(command.terms)}


# --- keep and change


def keep(request: HttpRequest, form: Any, old: ScheduledCommand | None = None) -> str | None:
    """Keep what a form stands for as a draft, in the place of an `old` one, once however often it is sent; or why it is
    not kept."""
    command: ListInstrument = form.command()
    operator = engine_requests.allowed(request, command)
    name, key = command.contract.instrument_id, f"admin:{operator.pk}:{form.cleaned_data['key'].hex}:0"
    before = ScheduledCommand.objects.filter(key=key).first()
    if before is None:
        if Instrument.objects.filter(pk=name).exists():
            return _("There is an instrument {name} already.").format(name=name)
        if _is_drafted(name, old):
            return _("There is a draft of {name} already.").format(name=name)
        where = engine_requests.client_address(request)
        with transaction.atomic():
            if old is not None and not at_a_time.close_draft(old, operator, note=at_a_time.CHANGED):
                return _(GONE)
            before = at_a_time.put(command, None, market=present_market(), asked_by=operator, key=key, address=where)
    if approvals.command_of(before) != command:
        return _(engine_requests.USED_BEFORE)
    messages.success(request, _("{name} is kept as a draft. Nobody but staff sees it.").format(name=name))
    return None


def _is_drafted(name: str, but: ScheduledCommand | None) -> bool:
    others = at_a_time.drafts(present_market()).filter(payload__contract__instrument_id=name)
    return any(row != but for row in others)


def change_view(request: HttpRequest, number: int) -> HttpResponse:
    """The same form as for a new instrument."""
    row, command = _draft(number)
    form: Any = ListInstrumentForm(request.POST) if request.method == "POST" else _fresh(command)
    if request.method == "POST" and form.is_valid():
        problem = keep(request, form, row)
        if problem is None:
            return HttpResponseRedirect(address("drafts"))
        form = form.again(problem)
    office: Any = admin.site.get_model_admin(Instrument)
    response: HttpResponse = office.form_response(
        request,
        form,
        title=gettext_noop("Change the draft"),
        button=gettext_noop("Keep the draft"),
        fieldsets=[*CONTRACT_FIELDSETS, *TERMS_FIELDSETS],
    )
    return response


def _fresh(command: ListInstrument) -> Any:
    form = ListInstrumentForm.of(None, initial={})
    form.initial.update(_values(command))
    return form


# --- list and delete


def live_view(request: HttpRequest, number: int) -> HttpResponse:
    """At once or at a time. What stands against it is said in the place of the form."""
    row, command = _draft(number)
    name = command.contract.instrument_id
    title = _("List {name}").format(name=name)
    form: Any = later.TimedForm(request.POST) if request.method == "POST" else later.TimedForm.fresh()
    problem = _problem(command)
    if request.method == "POST" and not problem and form.is_valid():
        at = form.cleaned_data["at"]
        sentence = _("{name} is traded as soon as it is listed, in the phase of the schedule; it stays for good.")
        question = ask_first(request, title, _("List it"), [sentence.format(name=name), later.said_when(at)])
        if question is not None:
            return question
        if at is None and _list_now(request, form, row, command):
            return HttpResponseRedirect(address("drafts"))
        if at is not None and _list_later(request, form, row, command):
            return HttpResponseRedirect(address("later"))
    values = _values(command)
    terms = [(label, _shown(values[column])) for column, label, _help in columns()]
    return show(request, "market/draft", title, form=form, problem=problem, terms=terms, now=later.now_text())


def _shown(value: Any) -> str:
    said_so = text_of(value) or "-"
    return _(said_so) if isinstance(value, bool) else said_so


def _problem(command: ListInstrument) -> str:
    """What the form would say today, or the engine."""
    form = ListInstrumentForm(sent(_values(command), {}))
    if not form.is_valid():
        return problems(form)
    refused = what_if.if_asked(present_market(), [command])[0]
    return "" if refused is None else said(refused.detail)


def _list_now(request: HttpRequest, form: Any, row: ScheduledCommand, command: ListInstrument) -> bool:
    done = _("Listed {}.").format(command.contract.instrument_id)
    rows = carry_out(request, form, [command], done=done)
    if rows is not None:
        at_a_time.close_draft(row, cast(User, request.user), command=rows[0])
    return rows is not None


def _list_later(request: HttpRequest, form: Any, row: ScheduledCommand, command: ListInstrument) -> bool:
    """Of two who do it at once, one does."""
    operator = engine_requests.allowed(request, command)
    with transaction.atomic():
        if not at_a_time.close_draft(row, operator, note=at_a_time.AT_A_TIME):
            form.add_error(None, _(GONE))
            return False
        kept = later.put(request, form, [command], form.cleaned_data["at"])
        if not kept:
            transaction.set_rollback(True)
    return kept


def delete_view(request: HttpRequest, number: int) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row, command = _draft(number)
    name = command.contract.instrument_id
    sentences = [_("The draft of {name} is taken away; nothing that is traded changes.").format(name=name)]
    question = ask_first(request, gettext_noop("Delete the draft"), gettext_noop("Delete it"), sentences)
    if question is not None:
        return question
    if at_a_time.close_draft(row, engine_requests.allowed(request, command)):
        messages.success(request, _("The draft of {name} is deleted.").format(name=name))
    else:
        messages.warning(request, _(GONE))
    return HttpResponseRedirect(address("drafts"))


PAGES: list[Page] = [
    Page(
        "drafts",
        "instruments/drafts/",
        SEES,
        list_view,
        gettext_noop("Drafts of instruments"),
        gettext_noop("Prepared and not listed yet: change, list at once or at a time, delete."),
    ),
    Page("change_draft", "instruments/drafts/<int:number>/", NEEDS, change_view),
    Page("list_draft", "instruments/drafts/<int:number>/list/", NEEDS, live_view),
    Page("delete_draft", "instruments/drafts/<int:number>/delete/", NEEDS, delete_view),
]
