"""The past of a fresh demo market: the same for a seed, inside the rules of the market, and true in every table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from marketdata.models import Bar
from tests.marketdata.making import Desk
from tests.operators.test_shell import shell
from trading.core.types import LIVE
from trading.management.commands.open_account import make_user
from trading.models import (
    Account,
    Instrument,
    JournalBatch,
    LedgerEntry,
    Market,
    OperatorCommand,
    Order,
    SettlementPrice,
    Statement,
    Trade,
)
from trading.operators import calendar, demo_market, demo_past
from trading.operators.calendar import number_of
from trading.storage.engine_lock import engine_lock

pytestmark = pytest.mark.slow

END = datetime(2024, 3, 6, 10, 30, tzinfo=UTC)
"""A Wednesday, long after the day's session: what has been since 06:30 is the present trading day's."""
DAYS, SEED = 6, 7
PAST = [20240227, 20240228, 20240229, 20240301, 20240304, 20240305]


def play(seed: int = SEED, end: datetime = END) -> list[str]:
    """What is told while it is played."""
    told: list[str] = []
    for user_id in demo_market.USERS:
        make_user(user_id)
    assert demo_past.play("MAIN", seed, end, told.append, days=DAYS)
    return told


@pytest.fixture
def told(transactional_db: None) -> list[str]:
    return play()


def test_the_past_is_true_in_every_table(told: list[str]) -> None:
    assert told[0] == "2024-02-27" and told[-1] == "2024-03-06"
    assert Market.objects.get().trading_day == 20240306
    for user_id in demo_market.USERS:
        days = Statement.objects.filter(account__user_id=user_id).order_by("day").values_list("day", flat=True)
        assert list(days) == PAST
    assert SettlementPrice.objects.count() == len(PAST) * len(demo_market.INSTRUMENTS)
    assert set(OperatorCommand.objects.values_list("status", flat=True)) == {"DONE"}
    assert "agree" in shell("check_books")
    assert "The tables give the same." in shell("replay_journal")


def test_traders_have_gained_and_lost_and_the_chart_shows_it(told: list[str]) -> None:
    """Nobody has much at stake, and what the documents' examples trade at is inside the day's limits."""
    last = Statement.objects.filter(day=PAST[-1])
    funds = demo_market.DEPOSIT
    assert last.filter(closing__gt=funds).exists() and last.filter(closing__lt=funds).exists()
    assert not last.filter(closing__lt=funds * 8 // 10).exists()
    assert not Order.objects.filter(status__in=LIVE).exists()
    desk = Desk()  # a server starts
    desk.stop()
    desk.runner.close()
    assert shell("rebuild_bars") == f"{Bar.objects.count():,} bars, 0 of them corrected.\n"
    busy = demo_past.BUSY_DAYS * len(demo_past.SESSION) + demo_past.PRESENT_MINUTES
    quiet = (DAYS - demo_past.BUSY_DAYS) * len(demo_past.MOMENTS)
    for listing in demo_market.INSTRUMENTS:
        row = Instrument.objects.get(pk=listing.contract.instrument_id)
        assert row.limit_down is not None and row.limit_up is not None and row.last_price is not None
        home = listing.contract.reference_price
        assert row.limit_down < home < row.limit_up and abs(row.last_price - home) <= home // 33
        bars = Bar.objects.filter(instrument=row)
        assert bars.filter(period="1m").count() == busy + quiet
        assert bars.filter(period="1d").count() == DAYS + 1
        newest = bars.filter(period="1m").latest("start")
        assert datetime.fromtimestamp(newest.start / 1000, UTC) == END - timedelta(minutes=1)
        assert len(set(bars.filter(period="1m").values_list("close", flat=True))) > 5


TABLES = (Account, Instrument, JournalBatch, LedgerEntry, Order, SettlementPrice, Statement, Trade)


def contents() -> list[Sequence[object]]:
    return [list(table.objects.order_by("pk").values()) for table in TABLES]


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    story = list(demo_past.moments(SEED, END, DAYS))
    assert story == list(demo_past.moments(SEED, END, DAYS))
    assert story != list(demo_past.moments(SEED + 1, END, DAYS))
    later = list(demo_past.moments(SEED, END + timedelta(days=1), DAYS))
    assert [one.trades for one in later] == [one.trades for one in story]


def test_a_market_with_a_past_gets_no_other(told: list[str]) -> None:
    before = contents()
    assert not demo_past.play("MAIN", SEED + 1, END, told.append, days=DAYS)
    assert "it has one already" in shell("seed_demo", "--past")
    assert contents() == before


def test_where_an_engine_runs_nothing_is_played(transactional_db: None) -> None:
    lock = engine_lock("MAIN")
    assert lock.acquire()
    try:
        assert not demo_past.play("MAIN", SEED, END, lambda _: None, days=DAYS)
    finally:
        lock.release()
    assert not JournalBatch.objects.exists()


@pytest.mark.parametrize("day", range(7))
@pytest.mark.parametrize("hour", [0, 3, 5, 12, 23])
def test_time_goes_one_way_whenever_it_is_played(day: int, hour: int) -> None:
    end = datetime(2024, 3, 4 + day, hour, 1, tzinfo=UTC)
    story = list(demo_past.moments(SEED, end, DAYS))
    times = [each.time for each in story]
    assert times == sorted(times) and times[-1] < end.timestamp() * 1000
    settled = [each.settles for each in story if each.settles]
    assert [following for _, following in settled[:-1]] == [day for day, _ in settled[1:]]
    assert all(day < following for day, following in settled)
    monday = date(2024, 3, 11)
    assert settled[-1][1] == number_of(end.date() if end.isoweekday() <= 5 else monday)  # whatever the hour
    assert settled[-1][0] < number_of(end.date())


def test_just_after_midnight_the_date_is_the_trading_day(db: None) -> None:
    """The next settlement ends the date's own day: none is left out."""
    for day in (4, 5):  # a Monday, and a day after another
        end = datetime(2024, 3, day, 0, 5, tzinfo=UTC)
        _, present = [each.settles for each in demo_past.moments(SEED, end, DAYS) if each.settles][-1]
        market = Market(code="MAIN", trading_day=present)
        assert calendar.days_to_settle(market, end.date()) == (20240300 + day, 20240301 + day)
