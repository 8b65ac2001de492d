"""The calendar of a market: its rules, clocks and holidays, and what falls due when. Asks nobody for anything."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from trading.models import Holiday, Market, TradingSession

SETTLE = TradingSession.Action.SETTLE.value
CLOSED = TradingSession.Action.CLOSED.value
DAY = timedelta(days=1)


class Rule(msgspec.Struct, frozen=True):
    """At a time of day (the market's clocks), on weekdays (1 is Monday): a phase, or `settle`. It counts `since` it was
    saved."""

    weekdays: frozenset[int]
    time: time
    action: str
    since: datetime


class Action(msgspec.Struct, frozen=True, order=True):
    """What is due at a moment (UTC), on a day of the market's calendar."""

    at: datetime
    settles: bool
    action: str
    day: date


class Calendar(msgspec.Struct, frozen=True):
    """The rules of a market, its clocks and its holidays."""

    zone: ZoneInfo
    rules: Sequence[Rule]
    holidays: frozenset[date]

    def due(self, after: datetime, until: datetime) -> list[Action]:
        """What falls due after one moment until another, in order; a settlement comes after a phase of the same time.

        On a holiday nothing opens and nothing is settled. A time that the clocks skip comes as much later as they skip;
        one that they show twice comes at the first.
        """
        found = [action for day in self._days(after, until) for action in self._actions(day)]
        return sorted(action for action in found if after < action.at <= until)

    def _days(self, after: datetime, until: datetime) -> Iterator[date]:
        day, last = after.astimezone(self.zone).date() - DAY, until.astimezone(self.zone).date()
        while day <= last:
            yield day
            day += DAY

    def _actions(self, day: date) -> Iterator[Action]:
        for rule in self.rules:
            if day.isoweekday() in rule.weekdays and (day not in self.holidays or rule.action == CLOSED):
                moment = datetime.combine(day, rule.time, self.zone).astimezone(UTC)
                if moment > rule.since:
                    yield Action(moment, rule.action == SETTLE, rule.action, day)

    def day_after(self, day: date) -> date:
        """The next trading day: one that the rules settle, or without such rules the next weekday; no holiday."""
        settled = [rule.weekdays for rule in self.rules if rule.action == SETTLE]
        weekdays = frozenset().union(*settled) if settled else frozenset(range(1, 6))
        day += DAY
        while day.isoweekday() not in weekdays or day in self.holidays:
            day += DAY
        return day


def that_matter(actions: Sequence[Action]) -> list[Action]:
    """Of several actions that are due: every settlement, and of the phases the last."""
    phases = [action for action in actions if not action.settles]
    return [action for action in actions if action.settles or action is phases[-1]]


def number_of(day: date) -> int:
    """A date as trading days are written: 20240131."""
    return int(f"{day:%Y%m%d}")


def date_of(number: int) -> date:
    """ValueError when there is no such day."""
    return date.fromisoformat(f"{number:08}")


# --- the market's own


def calendar_of(market: Market) -> Calendar:
    """The schedule as it is in the tables."""
    rules = [
        Rule(frozenset(map(int, row.weekdays)), row.time, row.action, row.changed_at)
        for row in TradingSession.objects.filter(market=market)
    ]
    holidays = Holiday.objects.filter(market=market).values_list("date", flat=True)
    return Calendar(ZoneInfo(market.time_zone), rules, frozenset(holidays))


def today(market: Market, now: datetime) -> date:
    """The date that the market's clocks show."""
    return now.astimezone(ZoneInfo(market.time_zone)).date()


def days_to_settle(market: Market, on: date, day: int = 0) -> tuple[int, int]:
    """The trading day that a settlement on some date ends, if it is not named, and the one that it begins."""
    day = day or market.trading_day or number_of(on)
    return day, number_of(calendar_of(market).day_after(max(date_of(day), on)))
