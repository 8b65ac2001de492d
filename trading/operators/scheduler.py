"""The schedule of a market: what its rules ask for at which moment, and the driver that asks for it.

The calendar is pure. The driver (`Scheduler`) asks the engine through the operators' door, under a key that names the
moment: each action is done once, however often the server is started.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from channels.db import database_sync_to_async

from trading.core.commands import AdminCommand, SetMarketPhase
from trading.core.types import Phase
from trading.models import Holiday, Market, OperatorCommand, TradingSession
from trading.operators import requests, settlement

logger = logging.getLogger(__name__)

SETTLE = TradingSession.Action.SETTLE.value
CLOSED = TradingSession.Action.CLOSED.value
DAY = timedelta(days=1)
LOOK_BACK = 14 * DAY
"""How long a server may have been away and still make up for what it has missed."""
LOOK_SECONDS = 1.0


# --- the calendar


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


# --- the driver


class Scheduler:
    """Asks for what the schedule of a market says, each action once. After a pause only the last phase matters, but
    every settlement is made up for. `clock`: Unix ms."""

    def __init__(self, market: str, clock: Callable[[], int]) -> None:
        self._market = market
        self._clock = clock
        self._until = self._now() - LOOK_BACK
        self._due: list[Action] = []
        self._asked: OperatorCommand | None = None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1000, UTC)

    async def run(self) -> None:
        """Look every second, until cancelled. A database that is away is looked for again."""
        while True:
            try:
                await database_sync_to_async(self.look, thread_sensitive=False)()
            except Exception:
                logger.exception("the schedule cannot be read")
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Ask for what is due, one action after the other is done. Blocks on the database."""
        market = Market.objects.filter(code=self._market).first()
        if market is None:
            return
        now = self._now()
        self._due = that_matter([*self._due, *calendar_of(market).due(self._until, now)])
        self._until = max(self._until, now)
        while not self._waiting() and self._due:
            market.refresh_from_db()
            self._ask(market, self._due[0])
            self._due.pop(0)

    def _waiting(self) -> bool:
        """Whether the engine is yet to answer what was asked last."""
        row = self._asked
        if row is None:
            return False
        row.refresh_from_db()
        if row.status == OperatorCommand.Status.PENDING:
            return True
        if row.status == OperatorCommand.Status.REFUSED:
            logger.error("the schedule's %s was refused: %s", row.key, row.result)
        self._asked = None
        return False

    def _ask(self, market: Market, action: Action) -> None:
        command = self._command(market, action)
        if command is not None:
            key = f"schedule:{market.code}:{action.at:%Y%m%dT%H%M%SZ}:{action.action}"
            self._asked = requests.ask(command, market=market.code, key=key)

    def _command(self, market: Market, action: Action) -> AdminCommand | None:
        """None for a settlement that an operator was quicker with."""
        if not action.settles:
            return SetMarketPhase(Phase(action.action))
        day, next_day = days_to_settle(market, action.day)
        return None if day > number_of(action.day) else settlement.settle(market.code, day, next_day, {})
