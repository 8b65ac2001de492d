"""Commands that wait for a second person: seen, approved, rejected."""

import json
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trading.admin import engine_requests
from trading.admin.columns import amount_text, time_text
from trading.admin.desk.page import Page, address, ask_first, show
from trading.admin.engine_requests import present_market
from trading.models import OperatorCommand, User
from trading.operators import requests
from trading.operators.authority import approvals

MONEY = ("amount", "price", "reference_price", "tick")
"""Fields of commands in 1/10,000 of the currency."""
PRICES = "prices"
"""A field that has such a price by instrument."""
MOST = 200
"""Commands on the page; the oldest first, so none is forgotten."""
TOO_LATE = gettext_noop("Command #{pk} no longer waits: somebody decided before, or its time is over.")


def list_view(request: HttpRequest) -> HttpResponse:
    approvals.expire(present_market())
    operator = cast(User, request.user)
    rows = [
        {
            "row": row,
            "content": json.dumps(_readable(row.payload), indent=1, ensure_ascii=False),
            "asked": time_text(row.asked_at),
            "until": time_text(row.expires_at) if row.expires_at else "-",
            "why_not": _said(approvals.why_not(row, operator)),
            "approve": address("approve", row.pk),
            "reject": address("reject", row.pk),
        }
        for row in approvals.held(present_market())[:MOST]
    ]
    return show(request, "staff/approvals", _("Approvals"), rows=rows)


def _readable(payload: dict[str, Any]) -> dict[str, Any]:
    """What a command asks for, money in the currency: nobody approves 1/10,000 of it."""
    found = dict(payload)
    for name, value in payload.items():
        if isinstance(value, dict):
            prices = name == PRICES
            found[name] = {key: amount_text(each) for key, each in value.items()} if prices else _readable(value)
        elif name in MONEY and isinstance(value, int):
            found[name] = amount_text(value)
    return found


def _said(why_not: str | None) -> str | None:
    return None if why_not is None else _(why_not)


def approve_view(request: HttpRequest, number: int) -> HttpResponse:
    return _decide(request, number, approve=True)


def reject_view(request: HttpRequest, number: int) -> HttpResponse:
    return _decide(request, number, approve=False)


def _decide(request: HttpRequest, number: int, *, approve: bool) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    operator, back = cast(User, request.user), HttpResponseRedirect(address("approvals"))
    row = get_object_or_404(OperatorCommand.objects.select_related("asked_by"), pk=number, market=present_market())
    why_not = approvals.why_not(row, operator)
    if why_not is not None:
        messages.error(request, _(why_not))
        return back
    word = _("Approve") if approve else _("Reject")
    title = _("Approve command #{pk}") if approve else _("Reject command #{pk}")
    question = ask_first(request, title.format(pk=row.pk), word, _sentences(row))
    if question is not None:
        return question
    if not approvals.decide(row, operator, approve=approve, reason=request.POST.get("reason", "")[:200]):
        messages.error(request, _(TOO_LATE).format(pk=row.pk))
    elif approve:
        engine_requests.tell(request, requests.wait(row), done=_("Approved: command #{pk} is done.").format(pk=row.pk))
    else:
        messages.success(request, _("Rejected command #{pk}; nothing was done.").format(pk=row.pk))
    return back


def _sentences(row: OperatorCommand) -> list[str]:
    asked_by = row.asked_by.username if row.asked_by else _("the shell")
    content = ", ".join(f"{name}: {value}" for name, value in _readable(row.payload).items() if name != "type")
    return [
        _("{kind}, asked by {name}.").format(kind=_(row.kind), name=asked_by),
        _("Reason: {reason}").format(reason=row.reason or _("none given")),
        content,
    ]


PAGES = [
    Page(
        "approvals",
        "approvals/",
        ("approve_command",),
        list_view,
        "Approvals",
        "Commands that wait for a second person.",
    ),
    Page("approve", "approvals/<int:number>/approve/", ("approve_command",), approve_view),
    Page("reject", "approvals/<int:number>/reject/", ("approve_command",), reject_view),
]
