"""The audit trail as a file: every command with who, when, from where, what, before and after, result, approval."""

import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.admin.columns import local_time, time_text
from trading.admin.desk import files
from trading.admin.desk.page import Page, show
from trading.admin.engine_requests import present_market
from trading.admin.records.operator_commands import kinds
from trading.models import OperatorCommand

DAY = timedelta(days=1)
DAY_INPUT = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
"""Browsers take no other form of a date, whatever the language."""
HEAD = (
    *("number", "kind", "asked_by", "asked_at", "address", "reason", "what", "before", "after", "status", "code"),
    *("result", "finished_at", "decided_by", "decided_at"),
)


class AuditForm(forms.Form):
    """What of the trail is wanted. Days are those of the settings' time zone."""

    from_day = forms.DateField(label="From", widget=DAY_INPUT)
    to_day = forms.DateField(label="To", widget=DAY_INPUT)
    operator = forms.CharField(label="Operator", max_length=64, required=False)
    kind = forms.ChoiceField(label="Kind", choices=lambda: [("", "All"), *kinds()], required=False)

    def clean_to_day(self) -> date:
        """Nothing was asked on days that are yet to come."""
        asked: date = self.cleaned_data["to_day"]
        return min(asked, timezone.localdate())


def view(request: HttpRequest) -> HttpResponseBase:
    today = timezone.localdate()
    if not request.GET:
        form = AuditForm(initial={"from_day": today - 7 * DAY, "to_day": today})
        return show(request, "staff/audit", _("Audit trail"), form=form)
    form = AuditForm(request.GET)
    if not form.is_valid():
        return show(request, "staff/audit", _("Audit trail"), form=form)
    data = form.cleaned_data
    name = f"audit-{data['from_day']}-{data['to_day']}.csv"
    rows = _rows(present_market(), data["from_day"], data["to_day"], data)  # read when the page is done
    return files.csv_response(request, name, HEAD, map(_line, rows))


def _rows(market: str, from_day: date, to_day: date, data: dict[str, Any]) -> Iterator[OperatorCommand]:
    """In order, a thousand at a time, by the primary key: rows are never deleted, and their times grow with it."""
    first, end = (timezone.make_aware(datetime.combine(day, time.min)) for day in (from_day, to_day + DAY))
    rows = OperatorCommand.objects.filter(market=market, asked_at__gte=first, asked_at__lt=end)
    if data["operator"]:
        rows = rows.filter(asked_by__username=data["operator"])
    if data["kind"]:
        rows = rows.filter(kind=data["kind"])
    chosen: QuerySet[OperatorCommand] = rows.select_related("asked_by", "decided_by")
    yield from files.by_key(chosen)


def _line(row: OperatorCommand) -> tuple[Any, ...]:
    return (
        row.pk,
        row.kind,
        row.asked_by.username if row.asked_by else "shell",
        time_text(row.asked_at),
        row.address,
        row.reason,
        *(
            json.dumps(facts, ensure_ascii=False) if facts is not None else ""
            for facts in (row.payload, row.before, row.after)
        ),
        row.status,
        row.code or "",
        row.result,
        local_time(row.finished_at) if row.finished_at else "",
        row.decided_by.username if row.decided_by else "",
        time_text(row.decided_at) if row.decided_at else "",
    )


PAGES = [Page("audit", "audit/", ("view_operatorcommand",), view, "Audit trail as a file", "Every command, as CSV.")]
