"""When a market means to trade: its schedule as sessions of a week."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from trading.models import Market, TradingSession
from trading.protocol import SessionData, TradingHoursData
from trading.protocol.day_times import day_time

DAY = 24 * 60 * 60
WEEK = 7 * DAY


def trading_hours(market: str) -> TradingHoursData | msgspec.UnsetType:
    """The sessions of a market. Unset where its schedule opens nothing: it may trade at any hour then."""
    rules = TradingSession.objects.filter(market=market).exclude(action=TradingSession.Action.SETTLE)
    sessions = _sessions(rules)
    if not sessions:
        return msgspec.UNSET
    zone = Market.objects.values_list("time_zone", flat=True).get(pk=market)
    return TradingHoursData(time_zone=zone, sessions=sessions)


def _sessions(rules: Iterable[TradingSession]) -> list[SessionData]:
    """Those that begin and end at the same times of day are one."""
    weekdays: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for begin, end in _open(sorted(_changes(rules))):
        weekday, clock = divmod(begin, DAY)
        weekdays[clock, clock + end - begin].add(weekday + 1)
    return [
        SessionData("".join(map(str, sorted(days))), day_time(begin), day_time(end))
        for (begin, end), days in sorted(weekdays.items())
    ]


def _changes(rules: Iterable[TradingSession]) -> Iterable[tuple[int, str]]:
    """Phases of a week, each with the second at which it begins; holidays are no part of it."""
    for rule in rules:
        clock = rule.time.hour * 3600 + rule.time.minute * 60 + rule.time.second
        for weekday in map(int, set(rule.weekdays)):
            yield (weekday - 1) * DAY + clock, rule.action


def _open(changes: list[tuple[int, str]]) -> Iterable[tuple[int, int]]:
    """From when to when there is continuous trading, of what begins in the week; it may last into the next."""
    phases = {phase for _, phase in changes}
    opens = TradingSession.Action.CONTINUOUS.value
    if phases == {opens}:
        yield 0, WEEK
    if opens not in phases or len(phases) == 1:
        return
    begun: int | None = -1 if changes[-1][1] == opens else None  # since the week before
    for moment, phase in [*changes, *((moment + WEEK, phase) for moment, phase in changes)]:
        if phase == opens:
            begun = moment if begun is None else begun
        elif begun is not None:
            if 0 <= begun < WEEK:
                yield begun, moment
            begun = None
