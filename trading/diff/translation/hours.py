"""Hours of trading as the client counts them.

Its trading day begins at 18:00 in Beijing, and Saturday and Sunday belong to Monday's. `day` counts from midnight of
the trading day; `night` from midnight of the one before, with hours above 24 for what is later. There is one list for
all days: what is open on any of them is in it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from trading.diff.translation.words import BEIJING, Patch
from trading.protocol import TradingHoursData
from trading.protocol.day_times import day_time, seconds_of

HOUR = 60 * 60
DAY = 24 * HOUR
WEEK = 7 * DAY
WORKING_DAYS = range(5)
MORNING, EVENING = 6 * HOUR, 18 * HOUR
"""Night sessions are over in the one; trading days begin in the other. A session is cut at both."""
EVENINGS = [day * DAY + EVENING for day in (-3, *WORKING_DAYS)]
CUTS = [day * DAY + clock for day in WORKING_DAYS for clock in (MORNING, EVENING)]

Span = tuple[int, int]
"""Seconds, from and until."""
ANY_HOUR: list[Span] = [(0, WEEK)]


def trading_time(hours: TradingHoursData | msgspec.UnsetType, now: int) -> Patch:
    """`now`: Unix ms, for clocks that are put forward and back."""
    day, night = [], []
    for begin, end in _in_beijing(hours, now):
        for first, last in _pieces(begin, end):
            if first // DAY in WORKING_DAYS and MORNING <= first % DAY < EVENING:
                day.append((first % DAY, first % DAY + last - first))
            else:
                midnight = max(each for each in EVENINGS if each <= first) - EVENING
                night.append((first - midnight, last - midnight))
    return {"day": _texts(day), "night": _texts(night)}


def _in_beijing(hours: TradingHoursData | msgspec.UnsetType, now: int) -> Iterator[Span]:
    """Seconds of Beijing's week at which each session begins and ends."""
    if isinstance(hours, msgspec.UnsetType):
        yield from ANY_HOUR
        return
    offset = datetime.fromtimestamp(now / 1000, ZoneInfo(hours.time_zone)).utcoffset() or timedelta()
    ahead = int((BEIJING.utcoffset(None) - offset).total_seconds())
    for session in hours.sessions:
        begins, ends = seconds_of(session.begins), seconds_of(session.ends)
        for weekday in map(int, session.weekdays):
            begin = ((weekday - 1) * DAY + begins + ahead) % WEEK
            yield begin, begin + ends - begins


def _pieces(begin: int, end: int) -> Iterator[Span]:
    cuts = [cut + week for week in (0, WEEK) for cut in CUTS if begin < cut + week < end]
    for first, last in pairwise([begin, *cuts, end]):
        yield first % WEEK, first % WEEK + last - first


def _texts(spans: list[Span]) -> list[list[str]]:
    """In order; those that meet are one."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return [[day_time(begin), day_time(end)] for begin, end in joined]
