"""The trading days that a calendar makes, in words."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from trading.operators import calendar

DAY = timedelta(days=1)
DAYS_SHOWN = 10


def trading_days(found: calendar.Calendar, today: date) -> list[tuple[str, str, list[str]]]:
    """The next trading days: the date, the weekday, and what the schedule does on it, by the market's clocks."""
    days: list[tuple[str, str, list[str]]] = []
    day = found.day_after(today - DAY)
    while len(days) < DAYS_SHOWN:
        days.append((f"{day}", f"{day:%a}", list(_said(found, day))))
        day = found.day_after(day)
    return days


def _said(found: calendar.Calendar, day: date) -> Iterable[str]:
    zone: ZoneInfo = found.zone
    start = datetime.combine(day, datetime.min.time(), zone)
    for action in found.due(start - timedelta(seconds=1), start + DAY):
        if action.day == day:
            yield f"{action.clock:%H:%M} {_(action.action)}"


def told(found: calendar.Calendar, today: date) -> list[str]:
    """A sentence for each of the next trading days."""
    return [f"{day} {_(weekday)}: {', '.join(actions) or '-'}" for day, weekday, actions in trading_days(found, today)]
