"""From a day to a day: rows of a table that grows without end, found by an index that it has anyway.

Orders and trades have numbers that tell the time. Other tables number their rows as these come, so that in the order of
their numbers they are in the order of time: where a day begins is looked up by halves, some thirty rows by their keys.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.admin import ListFilter
from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.admin.lists import WrongFilter
from trading.core.numbers import number_at

FROM, TO = "day__gte", "day__lte"
DAY = timedelta(days=1)
SLACK = 60_000
"""Milliseconds that a number may be ahead of its row's time, or rows of several markets out of turn."""
LARGEST = 2**63 - 1


class Column(NamedTuple):
    """A column of numbers that grow with time, alone in an index, and the one with the time (Unix ms)."""

    key: str
    time: str
    tells_time: bool


def between(rows: QuerySet[Any], column: Column, request: HttpRequest) -> QuerySet[Any]:
    """Of some rows those of the days that were asked for, in the zone of the settings."""
    first, last = (_day(request.GET.getlist(name)) for name in (FROM, TO))
    if first is not None and last is not None and first > last:
        raise WrongFilter(_("The first day is after the last one."))
    if first is not None:
        begin = _moment(first)
        key = first_key(rows.model, column, begin - SLACK)
        rows = rows.filter(**{f"{column.key}__gte": key, f"{column.time}__gte": begin})
    if last is not None:
        end = _moment(last + DAY)
        key = first_key(rows.model, column, end + SLACK)
        rows = rows.filter(**{f"{column.key}__lt": key, f"{column.time}__lt": end})
    return rows


def _day(sent: list[str]) -> date | None:
    """A day as a date input sends it. What is there twice the list refuses itself."""
    if len(sent) != 1 or not sent[0]:
        return None
    text = sent[0]
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not 1970 < found.year < 9999:
        raise WrongFilter(_("{text} is no day; a day is written as 2026-01-31.").format(text=repr(text[:40])))
    return found


def _moment(day: date) -> int:
    """When a day begins."""
    return int(timezone.make_aware(datetime.combine(day, datetime.min.time())).timestamp() * 1000)


def first_key(model: Any, column: Column, moment: int) -> int:
    """The smallest number that a row of this moment, or a later one, may have."""
    if column.tells_time:
        return max(0, min(number_at(moment), LARGEST))
    rows = model._default_manager.order_by(column.key).values_list(column.key, column.time)
    lowest, highest = rows.first(), rows.last()
    low, high = (0, 0) if lowest is None else (lowest[0], highest[0] + 1)
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(**{f"{column.key}__gte": middle}).first()
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0] + 1
    return low


class PeriodFilter(ListFilter):
    """Two dates beside a list; `RecordAdmin.candidates` has found the rows."""

    title = "dates"
    template = "admin/period.html"
    parameter_names = (FROM, TO)

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.parameter_names:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameter_names)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """The one form: what stands in its fields, what else its address keeps, and the address without days."""
        others = {*self.parameter_names, PAGE_VAR, ERROR_FLAG}
        kept = [
            (name, value) for name, values in changelist.filter_params.items() if name not in others for value in values
        ]
        yield {
            "fields": [
                (name, label, self.used_parameters.get(name, ""))
                for name, label in zip(self.parameter_names, ("From day", "To day"), strict=True)
            ],
            "kept": kept,
            "query_string": changelist.get_query_string(remove=[*self.parameter_names, PAGE_VAR]),
            "selected": bool(self.used_parameters),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset
