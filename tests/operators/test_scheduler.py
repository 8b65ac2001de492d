"""The schedule: what is due when, on whatever clocks; and each of it done once, whenever the server was away."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from tests.builders import Books, Founded, order
from trading.core.commands import HaltInstrument, Settle
from trading.core.money import UNIT
from trading.models import Holiday, Instrument, Market, OperatorCommand, Statement, TradingSession
from trading.operators import inline_engine, requests, settlement
from trading.operators.calendar import Calendar, Rule, that_matter
from trading.operators.scheduler import LOOK_BACK, Scheduler

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
OPENING = datetime(2024, 1, 4, 8, tzinfo=UTC)
"""A Thursday."""
WEEKDAYS = "12345"
DAY_SHIFT = [("09:00", "auction"), ("09:15", "continuous"), ("15:00", "closed"), ("15:15", "settle")]


def rule(at: str, action: str, days: str = WEEKDAYS, since: datetime = LONG_AGO) -> Rule:
    return Rule(frozenset(map(int, days)), time.fromisoformat(at), action, since)


def calendar(*rules: Rule, zone: str = "UTC", holidays: tuple[str, ...] = ()) -> Calendar:
    return Calendar(ZoneInfo(zone), rules, frozenset(map(date.fromisoformat, holidays)))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(found: Calendar, after: str, until: str) -> list[str]:
    """What is due, as "05 09:00 auction" in UTC."""
    return [f"{each.at:%d %H:%M} {each.action}" for each in found.due(moment(after), moment(until))]


# --- the calendar


def test_a_day_has_its_actions_in_order() -> None:
    found = calendar(*(rule(*words) for words in reversed(DAY_SHIFT)))
    assert due(found, "2024-01-05", "2024-01-06") == [
        "05 09:00 auction",
        "05 09:15 continuous",
        "05 15:00 closed",
        "05 15:15 settle",
    ]


def test_moments_belong_to_the_look_that_ends_with_them() -> None:
    found = calendar(rule("09:00", "auction"))
    assert due(found, "2024-01-05T08:59:59", "2024-01-05T09:00:00") == ["05 09:00 auction"]
    assert due(found, "2024-01-05T09:00:00", "2024-01-05T09:00:01") == []
    assert due(found, "2024-01-05T08:59:58", "2024-01-05T08:59:59") == []


def test_rules_have_their_weekdays() -> None:
    """5 January 2024 is a Friday."""
    assert due(calendar(rule("09:00", "auction")), "2024-01-05", "2024-01-09") == [
        "05 09:00 auction",
        "08 09:00 auction",
    ]
    assert due(calendar(rule("09:00", "closed", "67")), "2024-01-05", "2024-01-09") == [
        "06 09:00 closed",
        "07 09:00 closed",
    ]


def test_a_settlement_comes_after_a_phase_of_the_same_time() -> None:
    found = calendar(rule("15:00", "settle"), rule("15:00", "closed"))
    assert due(found, "2024-01-05", "2024-01-06") == ["05 15:00 closed", "05 15:00 settle"]


def test_on_a_holiday_nothing_opens_and_nothing_is_settled() -> None:
    """What was opened the evening before is closed all the same."""
    night = [rule("21:00", "continuous", "1234"), rule("02:30", "closed", "2345"), rule("15:15", "settle")]
    found = calendar(*night, holidays=("2024-01-09",))
    assert due(found, "2024-01-08T15:00", "2024-01-10T12:00") == [
        "08 15:15 settle",
        "08 21:00 continuous",
        "09 02:30 closed",
        "10 02:30 closed",
    ]


def test_a_rule_counts_from_when_it_was_saved() -> None:
    found = calendar(rule("09:00", "auction", since=moment("2024-01-05T09:00")))
    assert due(found, "2024-01-04", "2024-01-09") == ["08 09:00 auction"]


def test_times_are_of_the_markets_clocks() -> None:
    found = calendar(rule("09:00", "auction", "1"), zone="Asia/Shanghai")
    assert due(found, "2024-01-05", "2024-01-09") == ["08 01:00 auction"]
    found = calendar(rule("09:00", "auction", "1"), zone="Pacific/Auckland")
    assert due(found, "2024-01-05", "2024-01-09") == ["07 20:00 auction"]
    found = calendar(rule("18:00", "auction", "7"), zone="America/Chicago")
    assert due(found, "2024-01-05", "2024-01-09") == ["08 00:00 auction"]


def test_summer_time_moves_the_moments() -> None:
    """New York: 10 March 2024 has 23 hours, 3 November 25."""
    found = calendar(rule("09:30", "continuous", "1234567"), zone="America/New_York")
    assert due(found, "2024-03-09", "2024-03-11") == ["09 14:30 continuous", "10 13:30 continuous"]
    assert due(found, "2024-11-02", "2024-11-04") == ["02 13:30 continuous", "03 14:30 continuous"]


def test_a_time_that_is_skipped_or_comes_twice_is_due_once() -> None:
    found = calendar(rule("02:30", "closed", "1234567"), zone="America/New_York")
    assert due(found, "2024-03-10", "2024-03-11") == ["10 07:00 closed"]
    found = calendar(rule("01:30", "closed", "1234567"), zone="America/New_York")
    assert due(found, "2024-11-03", "2024-11-04") == ["03 05:30 closed"]


@pytest.mark.parametrize(
    ("zone", "day", "skip"),
    [("America/New_York", "2024-03-10", "2024-03-10T07:00"), ("Australia/Lord_Howe", "2024-10-06", "2024-10-05T15:30")],
)
def test_times_that_are_skipped_keep_their_order(zone: str, day: str, skip: str) -> None:
    """New York skips an hour from 02:00 on, Lord Howe half an hour."""
    rules = [
        ("02:10", "continuous"),
        ("02:15", "closed"),
        ("02:20", "settle"),
        ("02:25", "auction"),
        ("03:10", "closed"),
    ]
    found = calendar(*(rule(at, action, "1234567") for at, action in rules), zone=zone)
    changed = [each for each in found.due(moment("2024-01-01"), moment("2025-01-01")) if f"{each.day}" == day]
    assert [each.action for each in changed] == [action for _, action in rules]
    assert {each.at for each in changed[:-1]} == {moment(skip)}


def test_an_evening_before_a_holiday_opens_no_night_session() -> None:
    """12 January 2024 is a Friday; the Monday after it is a holiday, and so is the Thursday before."""
    night = msgspec.structs.replace(rule("21:00", "continuous"), before_holidays=False)
    rules = [night, rule("02:30", "closed", "23456"), rule("15:15", "settle")]
    found = calendar(*rules, holidays=("2024-01-11", "2024-01-15"))
    opened = [each for each in due(found, "2024-01-08", "2024-01-20") if "continuous" in each]
    assert opened == [f"{day} 21:00 continuous" for day in ("08", "09", "16", "17", "18", "19")]
    assert len([each for each in due(found, "2024-01-08", "2024-01-20") if "closed" in each]) == 9


@pytest.mark.parametrize(
    ("on", "day"), [("2024-01-09", "2024-01-09"), ("2024-01-10", "2024-01-10"), ("2024-01-11", "2024-01-10")]
)
def test_a_day_that_becomes_a_holiday_while_it_lasts_is_no_trading_day(on: str, day: str) -> None:
    """What is traded on Wednesday is not booked under a Tuesday that was none."""
    found = calendar(rule("15:15", "settle"), holidays=("2024-01-09",))
    assert found.day_of(date(2024, 1, 9), date.fromisoformat(on)) == date.fromisoformat(day)
    assert found.day_of(date(2024, 1, 8), date.fromisoformat(on)) == date(2024, 1, 8)


@pytest.mark.parametrize(
    "zone", ["UTC", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/London"]
)
def test_looks_in_between_find_the_same(zone: str) -> None:
    """Over a year, in steps of 7 hours, nothing is missed and nothing found twice."""
    rules = [rule(at, action, "1234567") for at, action in [*DAY_SHIFT, ("00:00", "closed"), ("02:30", "auction")]]
    found = calendar(*rules, zone=zone, holidays=("2024-01-01", "2024-12-25"))
    at, end = moment("2024-01-01"), moment("2025-01-01")
    straight, in_steps = found.due(at, end), []
    while at < end:
        step = min(at + timedelta(hours=7), end)
        in_steps += found.due(at, step)
        at = step
    assert in_steps == straight
    assert len(straight) in range(366 * 6 - 12, 366 * 6 + 1)


def test_after_a_pause_the_last_phase_and_every_settlement_matter() -> None:
    found = calendar(*(rule(*words) for words in DAY_SHIFT))
    actions = that_matter(found.due(moment("2024-01-04T10:00"), moment("2024-01-08T09:05")))
    assert [f"{each.at:%d %H:%M} {each.action}" for each in actions] == [
        "04 15:15 settle",
        "05 15:15 settle",
        "08 09:00 auction",
    ]
    assert that_matter([]) == []


@pytest.mark.parametrize(
    ("day", "expected"), [("2024-01-04", "2024-01-05"), ("2024-01-05", "2024-01-10"), ("2024-01-06", "2024-01-10")]
)
def test_the_next_trading_day_is_a_weekday_and_no_holiday(day: str, expected: str) -> None:
    holidays = ("2024-01-08", "2024-01-09")
    for found in (calendar(holidays=holidays), calendar(rule("15:15", "settle"), holidays=holidays)):
        assert found.day_after(date.fromisoformat(day)) == date.fromisoformat(expected)


def test_where_the_weekend_is_settled_it_trades() -> None:
    found = calendar(rule("08:00", "settle", "12345"), rule("09:00", "settle", "67"))
    assert found.day_after(date(2024, 1, 5)) == date(2024, 1, 6)


# --- the driver


class Town:
    """A market with a clock on the wall, and a server that can be away. Nobody else's engine runs."""

    def __init__(self) -> None:
        self.now = OPENING
        self.start()

    def start(self) -> None:
        """The server starts, perhaps again."""
        self.scheduler = Scheduler("MAIN", lambda: round(self.now.timestamp() * 1000))

    def at(self, text: str) -> str:
        """It is that time; the scheduler looks, the engine does what it is asked, until nothing more is. The phase."""
        self.now = moment(text)
        for _ in range(6):
            self.scheduler.look()
            inline_engine.run_engine_inline("MAIN")
        return Instrument.objects.get(pk="IX2301").phase


@pytest.fixture
def town(market: Founded) -> Iterator[Town]:
    yield Town()


def have_rules(*rules: tuple[str, str], days: str = WEEKDAYS, since: datetime = OPENING) -> None:
    for at, action in rules:
        TradingSession.objects.create(market_id="MAIN", time=at, action=action, weekdays=days)
    TradingSession.objects.update(changed_at=since)


def asked() -> list[str]:
    """What the schedule has asked for: phases by their moment, settlements by their day."""
    return [row.key.removeprefix("schedule:MAIN:") for row in OperatorCommand.objects.order_by("id")]


def test_without_rules_nothing_ever_happens(town: Town) -> None:
    assert town.at("2024-01-08T20:00") == "continuous"
    Holiday.objects.create(market_id="MAIN", date="2024-01-09")
    town.at("2024-01-09T20:00")
    Scheduler("NONE", lambda: 0).look()
    assert asked() == []
    assert not Market.objects.filter(pk="NONE").exists()


def test_a_day_goes_by(town: Town) -> None:
    have_rules(*DAY_SHIFT)
    assert town.at("2024-01-05T09:00:00") == "auction"
    assert town.at("2024-01-05T09:14:59") == "auction"
    assert town.at("2024-01-05T09:15:01") == "continuous"
    assert town.at("2024-01-05T15:10:00") == "closed"
    assert set(Statement.objects.values_list("day", flat=True)) == {20240104}
    assert town.at("2024-01-05T15:15:00") == "closed"
    assert set(Statement.objects.values_list("day", flat=True)) == {20240104, 20240105}
    assert Market.objects.get(pk="MAIN").trading_day == 20240108
    assert asked()[-4:] == [
        "20240105T090000Z:auction",
        "20240105T091500Z:continuous",
        "20240105T150000Z:closed",
        "settle:MAIN:20240105",
    ]


def test_wednesday_is_not_settled_as_a_tuesday_that_became_a_holiday(town: Town) -> None:
    have_rules(*DAY_SHIFT)
    town.at("2024-01-08T16:00")
    assert Market.objects.get(pk="MAIN").trading_day == 20240109
    Holiday.objects.create(market_id="MAIN", date="2024-01-09")
    town.at("2024-01-09T16:00")
    assert Market.objects.get(pk="MAIN").trading_day == 20240109
    town.at("2024-01-10T16:00")
    assert set(Statement.objects.values_list("day", flat=True)) == {20240104, 20240105, 20240108, 20240110}
    assert Market.objects.get(pk="MAIN").trading_day == 20240111


def test_each_action_is_done_once_however_often_the_server_starts(town: Town) -> None:
    have_rules(*DAY_SHIFT)
    town.at("2024-01-05T16:00")
    first = asked()
    for _ in range(3):
        town.start()
        town.at("2024-01-05T16:00")
    assert asked() == first
    assert OperatorCommand.objects.exclude(status="DONE").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("back", ["2024-01-05T09:05", "2024-01-05T08:30", "2024-01-03T12:00", "1970-01-01T00:00"])
def test_a_clock_that_goes_back_and_forth_does_nothing_twice_and_nothing_late(town: Town, back: str) -> None:
    """The auction was over when the server started: a clock that is set back must not make up for it."""
    have_rules(*DAY_SHIFT)
    town.now = moment("2024-01-05T09:20")
    town.start()
    assert town.at("2024-01-05T09:20") == "continuous"
    before = asked()
    assert "20240105T090000Z:auction" not in before
    for at in (back, "2024-01-05T09:00:01", "2024-01-05T09:14", "2024-01-05T09:21", back, "2024-01-05T14:59"):
        assert town.at(at) == "continuous", at
    assert asked() == before
    assert town.at("2024-01-05T15:20") == "closed"
    assert asked()[len(before) :] == ["20240105T150000Z:closed", "settle:MAIN:20240105"]


def test_what_is_done_is_not_asked_again_at_every_look(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    have_rules(*DAY_SHIFT)
    town.at("2024-01-05T10:00")
    monkeypatch.setattr("trading.operators.scheduler.requests.ask", None)
    town.at("2024-01-05T10:00")
    town.at("2024-01-05T10:01")


def test_what_an_operator_has_set_since_stays_after_a_restart(town: Town) -> None:
    have_rules(*DAY_SHIFT)
    town.at("2024-01-05T10:00")
    inline_engine.carry_out(HaltInstrument("IX2301"), market="MAIN")
    town.start()
    assert town.at("2024-01-05T11:00") == "halted"
    assert town.at("2024-01-05T15:05") == "halted"
    assert Instrument.objects.get(pk="IF2301").phase == "closed"
    assert Instrument.objects.get(pk="IX2301").scheduled == "closed"


def test_after_a_pause_only_the_last_phase_is_set_but_every_day_is_settled(town: Town) -> None:
    have_rules(*DAY_SHIFT)
    town.at("2024-01-04T16:00")
    before = len(asked())
    town.start()
    assert town.at("2024-01-09T09:05") == "auction"
    assert asked()[before:] == ["settle:MAIN:20240105", "settle:MAIN:20240108", "20240109T090000Z:auction"]
    days = Statement.objects.filter(account=1).order_by("day").values_list("day", flat=True)
    assert list(days)[-3:] == [20240104, 20240105, 20240108]
    assert Market.objects.get(pk="MAIN").trading_day == 20240109


def test_a_running_server_makes_up_for_a_pause_too(town: Town) -> None:
    """The machine slept."""
    have_rules(*DAY_SHIFT)
    town.at("2024-01-04T16:00")
    before = len(asked())
    town.at("2024-01-08T09:20")
    assert asked()[before:] == ["settle:MAIN:20240105", "20240108T091500Z:continuous"]


def test_a_day_that_an_operator_has_settled_is_not_settled_again(town: Town) -> None:
    have_rules(*DAY_SHIFT)
    town.at("2024-01-05T15:10")
    Books().commit(Settle(20240105, 20240108, {}))
    town.at("2024-01-05T15:20")
    assert "settle:MAIN:20240105" not in asked()
    town.at("2024-01-08T15:20")
    assert Market.objects.get(pk="MAIN").trading_day == 20240109


def test_a_settlement_that_an_operator_has_asked_for_is_not_asked_for_again(town: Town) -> None:
    """It waits for the engine when its time comes: both are one command, with the operator's prices."""
    have_rules(*DAY_SHIFT)
    town.at("2024-01-05T15:10")
    row = settlement.ask(Settle(20240105, 20240108, {"IX2301": 121 * UNIT}), market="MAIN")
    before = asked()
    town.at("2024-01-05T15:20")
    assert asked() == before
    row.refresh_from_db()
    assert row.status == "DONE"
    assert Instrument.objects.get(pk="IX2301").settlement == 121 * UNIT


def test_a_day_that_waits_under_a_key_of_an_earlier_release_is_settled_once(town: Town) -> None:
    """That had a key for each moment of the schedule and each form of the admin."""
    have_rules(*DAY_SHIFT)
    town.at("2024-01-05T15:10")
    command = Settle(20240105, 20240108, {})
    old = [
        requests.ask(command, market="MAIN", key=key) for key in ("schedule:MAIN:20240105T151500Z:settle", "admin:1:x")
    ]
    town.at("2024-01-05T15:20")
    for row in old:
        row.refresh_from_db()
    ours = OperatorCommand.objects.get(key="settle:MAIN:20240105")
    assert [(row.status, row.code) for row in (*old, ours)] == [("DONE", None), ("REFUSED", 409), ("REFUSED", 409)]
    assert Statement.objects.filter(day=20240105, account=1).count() == 1
    town.start()
    town.at("2024-01-05T16:00")
    assert Market.objects.get(pk="MAIN").trading_day == 20240108
    town.at("2024-01-08T15:20")
    assert Market.objects.get(pk="MAIN").trading_day == 20240109


def test_a_day_whose_settlement_was_refused_is_settled_with_the_next(town: Town) -> None:
    have_rules(*DAY_SHIFT)
    town.at("2024-01-05T15:10")
    settlement.ask(Settle(20240105, 20240108, {"IX2301": 1}), market="MAIN")
    town.at("2024-01-05T15:20")
    assert Market.objects.get(pk="MAIN").trading_day == 20240105
    town.at("2024-01-08T15:20")
    assert asked()[-1] == "settle:MAIN:20240105:1"
    assert Market.objects.get(pk="MAIN").trading_day == 20240109


def test_a_settlement_has_the_prices_of_the_day(town: Town) -> None:
    have_rules(*DAY_SHIFT)
    books = Books()
    books.commit(order(1, "BUY OPEN 1 @ 123"), order(2, "SELL OPEN 1 @ 123"))
    town.at("2024-01-05T15:20")
    assert Instrument.objects.get(pk="IX2301").settlement == 123 * UNIT
    assert Instrument.objects.get(pk="IF2301").settlement == 120 * UNIT


def test_nothing_more_is_asked_before_the_engine_has_answered(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    have_rules(*DAY_SHIFT)
    town.at("2024-01-04T16:00")
    before = len(asked())
    town.now = moment("2024-01-08T09:05")
    for _ in range(3):
        town.scheduler.look()
        assert len(asked()) == before + 1
    town.now = moment("2024-01-08T09:20")
    assert town.at("2024-01-08T09:20") == "continuous"
    assert asked()[before:] == ["settle:MAIN:20240105", "20240108T091500Z:continuous"]


def test_a_new_rule_acts_from_its_next_time_on(town: Town) -> None:
    town.now = timezone.now()
    later = (town.now + timedelta(hours=1)).time().isoformat("minutes")
    earlier = (town.now - timedelta(hours=1)).time().isoformat("minutes")
    for at in (earlier, later):
        TradingSession.objects.create(market_id="MAIN", time=at, action="closed", weekdays="1234567")
    town.start()
    town.scheduler.look()
    assert asked() == []
    town.now += timedelta(hours=2)
    town.scheduler.look()
    assert len(asked()) == 1


def test_a_refusal_is_logged_and_not_repeated(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    have_rules(*DAY_SHIFT)
    monkeypatch.setattr("trading.operators.scheduler.settlement.settle", lambda *_, **__: Settle(1, 1, {}))
    town.at("2024-01-04T15:20")
    assert "the schedule's settle:MAIN:1 was refused: Days are written YYYYMMDD" in caplog.text
    assert town.at("2024-01-05T09:00") == "auction"
    assert OperatorCommand.objects.filter(status="REFUSED").count() == 1


def test_a_server_looks_back_two_weeks(town: Town) -> None:
    have_rules(("15:15", "settle"))
    town.now = moment("2024-03-01T16:00")
    town.start()
    town.scheduler.look()
    assert asked() == ["settle:MAIN:20240219"]
    assert moment("2024-02-16T15:15") < town.now - LOOK_BACK < moment("2024-02-19T15:15")


async def test_it_looks_again_and_again_and_survives_a_database_that_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks: list[Scheduler] = []

    class Looking(Scheduler):
        def look(self) -> None:
            looks.append(self)
            if len(looks) == 1:
                raise OSError("the database is away")

    task = asyncio.create_task(Looking("MAIN", lambda: 0, seconds=0.01).run())
    while len(looks) < 3 and not task.done():
        await asyncio.sleep(0.01)
    task.cancel()
    assert "the schedule cannot be read" in caplog.text


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "utc0", "../etc/passwd"])
def test_a_time_zone_must_exist(market: Founded, name: str) -> None:
    row = Market.objects.get(pk="MAIN")
    row.time_zone = name
    with pytest.raises(ValidationError):
        row.full_clean()


@pytest.mark.parametrize("days", ["", "0", "8", "12345671", "ab"])
def test_weekdays_are_numbers_of_days(market: Founded, days: str) -> None:
    with pytest.raises(ValidationError):
        TradingSession(market_id="MAIN", time=time(9), action="closed", weekdays=days).full_clean()
