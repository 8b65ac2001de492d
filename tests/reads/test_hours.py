"""The sessions that the schedule of a market names."""

from datetime import time

import msgspec
import pytest

from trading.models import Market, TradingSession
from trading.protocol import SessionData
from trading.reads.hours import trading_hours

pytestmark = pytest.mark.django_db
OPENS, CLOSES, AUCTION, SETTLES = "continuous", "closed", "auction", "settle"
Rule = tuple[str, str, str]


def told(*rules: Rule) -> list[tuple[str, str, str]] | None:
    market = Market.objects.create(code="CFFEX", time_zone="Asia/Shanghai")
    other = Market.objects.create(code="SHFE")
    TradingSession.objects.create(market=other, time=time(3), action=OPENS)
    for weekdays, clock, action in rules:
        TradingSession.objects.create(market=market, weekdays=weekdays, time=time.fromisoformat(clock), action=action)
    hours = trading_hours("CFFEX")
    if isinstance(hours, msgspec.UnsetType):
        return None
    assert hours.time_zone == "Asia/Shanghai"
    assert all(isinstance(session, SessionData) for session in hours.sessions)
    return [(session.weekdays, session.begins, session.ends) for session in hours.sessions]


@pytest.mark.parametrize(
    ("rules", "sessions"),
    [
        ([], None),
        ([("12345", "15:30", SETTLES)], None),
        ([("12345", "15:00", CLOSES), ("12345", "15:30", SETTLES)], None),
        (
            [
                ("12345", "08:55", AUCTION),
                ("12345", "09:00", OPENS),
                ("12345", "10:15", CLOSES),
                ("12345", "10:30", OPENS),
                ("12345", "15:00", CLOSES),
                ("12345", "15:30", SETTLES),
                ("12345", "21:00", OPENS),
                ("23456", "02:30:30", CLOSES),
            ],
            [("12345", "09:00:00", "10:15:00"), ("12345", "10:30:00", "15:00:00"), ("12345", "21:00:00", "26:30:30")],
        ),
        # Not every day is like the others.
        (
            [("1234", "09:00", OPENS), ("1234", "15:00", CLOSES), ("5", "09:00", OPENS), ("5", "11:00", CLOSES)],
            [("5", "09:00:00", "11:00:00"), ("1234", "09:00:00", "15:00:00")],
        ),
        # From Friday to Monday, through the end of the week; opened twice.
        (
            [("5", "21:00", OPENS), ("1", "09:00", OPENS), ("1", "15:00", CLOSES)],
            [("5", "21:00:00", "87:00:00")],
        ),
        ([("7", "18:00", OPENS), ("5", "17:00", CLOSES)], [("7", "18:00:00", "137:00:00")]),
        # It opens, and is never closed.
        ([("12345", "09:00", OPENS)], [("1", "00:00:00", "168:00:00")]),
        # At one time of two phases the second by name holds, as when it is due.
        ([("1", "09:00", OPENS), ("1", "09:00", CLOSES), ("1", "15:00", CLOSES)], [("1", "09:00:00", "15:00:00")]),
    ],
)
def test_sessions_are_when_the_schedule_has_continuous_trading(
    rules: list[Rule], sessions: list[tuple[str, str, str]] | None
) -> None:
    assert told(*rules) == sessions
