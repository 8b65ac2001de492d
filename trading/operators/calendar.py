"""The calendar of a market: its rules, clocks and holidays, and what falls due when. Asks nobody for anything."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from trading.models import Holiday, Market, TradingSession

SETTLE = TradingSession.Action.SETTLE.value
CLOSED = TradingSession.Action.CLOSED.value
DAY = timedelta(days=1)


class Rule(msgspec.Struct, frozen=True):
    """At a time of day (the market's clocks), on weekdays (1 is Monday): a phase, or `settle`. It counts `since` it was
    saved. `before_holidays`: also on a day after which a holiday comes before the next trading day."""

    weekdays: frozenset[int]
    time: time
    action: str
    since: datetime
    before_holidays: bool = True


class Action(msgspec.Struct, frozen=True, order=True):
    """What is due at a moment (UTC), on a day of the market's calendar; `clock`: when the rule says."""

    at: datetime
    clock: time
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

        On a holiday nothing opens and nothing is settled. Times that the clocks skip come when they have skipped them,
        in their order; one that they show twice comes at the first.
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
            if day.isoweekday() in rule.weekdays and self._holds(rule, day):
                moment = instant(day, rule.time, self.zone)
                if moment > rule.since:
                    yield Action(moment, rule.time, rule.action == SETTLE, rule.action, day)

    def _holds(self, rule: Rule, day: date) -> bool:
        """Holidays leave only what closes."""
        if rule.action == CLOSED:
            return True
        return day not in self.holidays and (rule.before_holidays or not self._holiday_follows(day))

    def _holiday_follows(self, day: date) -> bool:
        """Whether a holiday comes before the next trading day."""
        following = self.day_after(day)
        return any(day < holiday < following for holiday in self.holidays)

    def day_after(self, day: date) -> date:
        """The next trading day: one that the rules settle, or without such rules the next weekday; no holiday."""
        settled = [rule.weekdays for rule in self.rules if rule.action == SETTLE]
        weekdays = frozenset().union(*settled) if settled else frozenset(range(1, 6))
        day += DAY
        while day.isoweekday() not in weekdays or day in self.holidays:
            day += DAY
        return day

    def day_of(self, trading_day: date, on: date) -> date:
        """The trading day that a settlement on some date ends, where the market is in `trading_day`. Where that was
        declared a holiday meanwhile, nothing was traded in it: it is the next one, but none that is yet to come."""
        return max(trading_day, min(self.day_after(trading_day), on)) if trading_day in self.holidays else trading_day


def instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """When (UTC) the clocks show a time. Where they skip it: the moment when they do."""
    local = datetime.combine(day, clock, zone)
    after, before = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if after <= before:  # it is shown, perhaps twice
        return after
    offset = local.utcoffset()
    while after - before > timedelta(seconds=1):  # the skip lies between
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


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
    return _calendar(market, TradingSession.objects.filter(market=market), Holiday.objects.filter(market=market))


def calendar_with(market: Market, row: TradingSession | Holiday, now: datetime) -> Calendar:
    """The schedule as it would be with a row that is not saved yet, in the place of the one that it was."""
    rules, holidays = _but(market, [row])
    if isinstance(row, TradingSession):
        row.changed_at = now
        rules.append(row)
    else:
        holidays.append(row)
    return _calendar(market, rules, holidays)


def calendar_without(market: Market, rows: Sequence[TradingSession | Holiday]) -> Calendar:
    """The schedule as it would be where some rows are deleted."""
    return _calendar(market, *_but(market, rows))


def _but(market: Market, rows: Sequence[TradingSession | Holiday]) -> tuple[list[TradingSession], list[Holiday]]:
    rules = [each for each in TradingSession.objects.filter(market=market) if each not in rows]
    return rules, [each for each in Holiday.objects.filter(market=market) if each not in rows]


def _calendar(market: Market, sessions: Iterable[TradingSession], holidays: Iterable[Holiday]) -> Calendar:
    rules = [
        Rule(frozenset(map(int, row.weekdays)), row.time, row.action, row.changed_at, row.before_holidays)
        for row in sessions
    ]
    return Calendar(ZoneInfo(market.time_zone), rules, frozenset(row.date for row in holidays))


def today(market: Market, now: datetime) -> date:
    """The date that the market's clocks show."""
    return now.astimezone(ZoneInfo(market.time_zone)).date()


def trading_day(market: Market, now: datetime) -> date:
    """The trading day that the market is in; before its first settlement the date."""
    return date_of(days_to_settle(market, today(market, now))[0])


def days_to_settle(market: Market, on: date, day: int = 0) -> tuple[int, int]:
    """The trading day that a settlement on some date ends, if it is not named, and the one that it begins."""
    calendar = calendar_of(market)
    if not day:
        day = number_of(calendar.day_of(date_of(market.trading_day), on) if market.trading_day else on)
    return day, number_of(calendar.day_after(max(date_of(day), on)))
