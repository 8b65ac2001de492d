"""Settlement prices from trades, and the command that ends a day: once, in words, and again when it was refused."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from time import monotonic, sleep
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from tests.admin.pages import logged_in
from tests.builders import NOW, Books, Founded, order, terms
from tests.engine_beside import EngineBeside
from tests.operators.test_shell import shell
from trading.admin.desk.page import address
from trading.core.commands import ChangeTerms, SetMarketPhase, Settle
from trading.core.money import UNIT
from trading.core.types import Phase
from trading.models import (
    Holiday,
    Instrument,
    Market,
    OperatorCommand,
    SettlementPrice,
    Statement,
    TradingSession,
    User,
)
from trading.models import Trade as Trades
from trading.operators import calendar, inline_engine, requests, settlement, trade_breaks
from trading.operators.scheduler import Scheduler

MINUTE, HOUR = 60_000, 3_600_000
TICK = UNIT // 2
FRIDAY, MONDAY, TUESDAY = 20240105, 20240108, 20240109
Trade = Callable[..., None]


@pytest.fixture
def trade(market: Founded) -> Trade:
    """Makes a trade at a price, so many milliseconds after the founding of the market."""

    def make(price: float, lots: int = 1, *, at: int = 0, of: str = "IX2301") -> None:
        books = Books()
        books.now = NOW + at
        books.commit(order(1, f"BUY OPEN {lots} @ {price}", of), order(2, f"SELL OPEN {lots} @ {price}", of))

    return make


def prices(at: int = 15 * MINUTE) -> dict[str, float]:
    """What a settlement would take the instruments at, of those that have traded."""
    command = settlement.settle("MAIN", FRIDAY, MONDAY, {}, now=NOW + at)
    return {name: price / UNIT for name, price in command.prices.items()}


def end(day: int, next_day: int, at: int) -> None:
    books = Books()
    books.now = NOW + at
    books.commit(settlement.settle("MAIN", day, next_day, {}, now=NOW + at))


# --- the average


def test_who_has_not_traded_has_no_price(market: Founded) -> None:
    assert prices() == {}
    assert [(row.instrument_id, row.price, row.previous) for row in settlement.preview("MAIN")] == [
        ("IF2301", None, 120 * UNIT),
        ("IX2301", None, 120 * UNIT),
    ]


def test_each_instrument_has_the_price_of_its_own_trades(trade: Trade) -> None:
    trade(121)
    trade(119, of="IF2301")
    assert prices() == {"IX2301": 121.0, "IF2301": 119.0}


def test_lots_weigh(trade: Trade) -> None:
    trade(120, 10)
    trade(124, 30)
    assert prices() == {"IX2301": 123.0}
    assert settlement.preview("MAIN")[1].lots == 40


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(10, 10, 120.5), (11, 10, 120.0), (10, 11, 120.5), (100, 99, 120.0), (1, 0, 120.0)],
)
def test_half_a_tick_is_rounded_up(trade: Trade, low: int, high: int, expected: float) -> None:
    trade(120, low)
    if high:
        trade(120.5, high)
    assert prices() == {"IX2301": expected}


@given(st.dictionaries(st.integers(1, 10**13 // TICK).map(lambda n: n * TICK), st.integers(1, 10**6), min_size=1))
def test_the_average_is_the_nearest_tick(volumes: dict[int, int]) -> None:
    """However large the sums: they do not fit 63 bits."""
    exact = Fraction(sum(price * lots for price, lots in volumes.items()), sum(volumes.values()))
    found = settlement.average(volumes, TICK)
    assert found % TICK == 0
    assert -Fraction(TICK, 2) < found - exact <= Fraction(TICK, 2)


# --- the hour and the day


def phase(at: int, phase: Phase) -> None:
    """The market has gone into a phase, because somebody asked for it."""
    row = requests.ask(SetMarketPhase(phase), market="MAIN", key=f"{at}")
    OperatorCommand.objects.filter(pk=row.pk).update(status="DONE", finished_at=NOW + at)


@pytest.mark.parametrize(("now", "expected"), [(HOUR - 1, 121.0), (HOUR, 121.0), (HOUR + 1, 122.0)])
def test_without_a_session_the_hour_ends_now(trade: Trade, now: int, expected: float) -> None:
    trade(120, at=0)
    trade(122, at=MINUTE)
    assert prices(at=now) == {"IX2301": expected}


def test_the_hours_are_those_of_the_session(trade: Trade) -> None:
    """9 lots at ten to two, 1 at five past, the close at three: the last hour is that from two to three."""
    close = 2 * HOUR
    phase(close, Phase.CLOSED)
    trade(119, 9, at=50 * MINUTE)
    trade(121, 1, at=65 * MINUTE)
    assert prices(at=close + 40 * MINUTE) == {"IX2301": 121.0}


def test_without_trades_in_the_last_hour_the_hour_before_it_counts(trade: Trade) -> None:
    phase(5 * HOUR, Phase.CLOSED)
    trade(118, 5, at=HOUR - 1)
    trade(119, 1, at=HOUR)
    trade(121, 1, at=2 * HOUR - 1)
    trade(125, 1, at=5 * HOUR - 1, of="IF2301")
    assert prices(at=6 * HOUR) == {"IX2301": 120.0, "IF2301": 125.0}


def test_a_break_is_no_part_of_an_hour(trade: Trade) -> None:
    """Half an hour after the break, and so half an hour before it."""
    phase(2 * HOUR, Phase.CLOSED)
    phase(4 * HOUR, Phase.CONTINUOUS)
    phase(4 * HOUR + HOUR // 2, Phase.CLOSED)
    trade(118, 1, at=2 * HOUR - HOUR // 2 - 1)
    trade(119, 1, at=2 * HOUR - HOUR // 2)
    trade(121, 1, at=4 * HOUR)
    trade(125, 1, at=HOUR, of="IF2301")
    trade(119, 1, at=110 * MINUTE, of="IF2301")
    assert prices(at=5 * HOUR) == {"IX2301": 120.0, "IF2301": 119.0}


def test_where_nobody_asked_for_phases_the_schedule_tells_them(trade: Trade) -> None:
    for at, action in ((0, Phase.CONTINUOUS), (2 * HOUR, Phase.CLOSED)):
        time = datetime.fromtimestamp((NOW + at) / 1000, UTC).time()
        TradingSession.objects.create(market_id="MAIN", weekdays="1234567", time=time, action=action.value)
    TradingSession.objects.update(changed_at=datetime(2020, 1, 1, tzinfo=UTC))
    trade(119, 9, at=50 * MINUTE)
    trade(121, 1, at=65 * MINUTE)
    assert prices(at=3 * HOUR) == {"IX2301": 121.0}


START = datetime(2024, 1, 5, tzinfo=UTC)
"""A Friday."""
MINUTES = 4 * 24 * 60
RULES = st.lists(
    st.builds(
        calendar.Rule,
        weekdays=st.frozensets(st.integers(1, 7), min_size=3),
        time=st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59])),
        action=st.sampled_from(["continuous", "closed", "continuous", "closed", "auction"]),
        since=st.just(datetime(2020, 1, 1, tzinfo=UTC)),
    ),
    max_size=8,
    unique_by=lambda rule: rule.time,
)


def open_minutes(rules: list[calendar.Rule], holidays: frozenset[date]) -> list[bool]:
    """Minute by minute: whether trading is continuous."""
    found, is_open = [], True
    for number in range(MINUTES):
        now = START + timedelta(minutes=number)
        for rule in rules:
            comes = number > 0 and now.time() == rule.time and now.isoweekday() in rule.weekdays
            if comes and (rule.action == "closed" or now.date() not in holidays):
                is_open = rule.action == "continuous"
        found.append(is_open)
    return found


@given(RULES, st.integers(0, MINUTES - 1), st.sampled_from([frozenset(), frozenset({date(2024, 1, 8)})]))
def test_the_hours_of_a_schedule_are_those_of_a_count_by_minutes(
    rules: list[calendar.Rule], moment: int, holidays: frozenset[date]
) -> None:
    """Sessions over midnight, breaks, weekends, holidays, and none at all."""
    due = calendar.Calendar(ZoneInfo("UTC"), rules, holidays).due(START, START + timedelta(minutes=MINUTES - 1))
    phases = [(int((action.at - START).total_seconds()) * 1000, action.action) for action in due]
    hours = settlement.Hours(0, MINUTES * MINUTE, phases)
    opened = [number for number, is_open in enumerate(open_minutes(rules, holidays)) if is_open]
    left = sum(number >= moment for number in opened)
    wanted = max(60, -(-left // 60) * 60)
    assert hours.begins(moment * MINUTE) == opened[-wanted:][0] * MINUTE


def test_each_instrument_has_its_own_hour(trade: Trade) -> None:
    trade(120, at=0, of="IF2301")
    trade(120, at=0)
    trade(122, at=10 * MINUTE, of="IF2301")
    trade(124, at=3 * HOUR)
    assert prices(at=3 * HOUR) == {"IX2301": 124.0, "IF2301": 121.0}


def break_last(of: str = "IX2301") -> None:
    number = Trades.objects.filter(instrument=of).order_by("-trade_id").values_list("trade_id", flat=True)[0]
    sides = trade_breaks.sides(number, "MAIN")
    assert sides is not None
    Books().commit(trade_breaks.command(*sides, give_back_fees=True))


def test_a_trade_that_was_broken_does_not_count(trade: Trade) -> None:
    """Not even for the hour: the last trade that is left says which it is."""
    trade(121, 3, at=10 * MINUTE)
    trade(119, 1, at=20 * MINUTE, of="IF2301")
    trade(130, 5, at=2 * HOUR)
    assert prices(at=150 * MINUTE) == {"IX2301": 130, "IF2301": 119}
    break_last()
    assert prices(at=150 * MINUTE) == {"IX2301": 121, "IF2301": 119}


def test_where_all_trades_were_broken_it_is_the_price_of_the_day_before(trade: Trade) -> None:
    """The engine has seen the trade, so it must be told."""
    trade(130)
    break_last()
    assert prices() == {"IX2301": 120}
    end(FRIDAY, MONDAY, 20 * MINUTE)
    assert Instrument.objects.get(pk="IX2301").settlement == 120 * UNIT
    trade(125, at=30 * MINUTE)
    assert prices(at=40 * MINUTE) == {"IX2301": 125}


def test_trades_of_a_settled_day_do_not_count(trade: Trade) -> None:
    trade(120, at=0)
    trade(120, at=0, of="IF2301")
    end(FRIDAY, MONDAY, at=5 * MINUTE)
    assert prices() == {}
    trade(126, at=10 * MINUTE)
    assert prices() == {"IX2301": 126.0}
    assert {row.instrument_id: row.lots for row in settlement.preview("MAIN")} == {"IX2301": 1, "IF2301": 0}


def test_given_prices_stand_before_those_of_trades(trade: Trade) -> None:
    trade(120)
    command = settlement.settle("MAIN", FRIDAY, MONDAY, {"IX2301": 5, "IF2301": 6})
    assert command == Settle(FRIDAY, MONDAY, {"IX2301": 5, "IF2301": 6})


def test_what_is_delisted_needs_no_price(trade: Trade) -> None:
    Books().commit(ChangeTerms("IX2301", terms(last_day=FRIDAY)))
    trade(121)
    end(FRIDAY, MONDAY, at=MINUTE)
    assert [row.instrument_id for row in settlement.preview("MAIN")] == ["IF2301"]


# --- once


def carry_out(command: Settle) -> OperatorCommand:
    return inline_engine.wait(settlement.ask(command, market="MAIN"))


def test_whoever_asks_for_the_same_day_meanwhile_waits_for_the_same_command(market: Founded) -> None:
    """Whatever prices they have in mind."""
    rows = [settlement.ask(Settle(FRIDAY, MONDAY, prices), market="MAIN") for prices in ({}, {"IX2301": 121 * UNIT})]
    assert rows[0].pk == rows[1].pk
    assert carry_out(Settle(FRIDAY, MONDAY, {})).pk == rows[0].pk
    assert OperatorCommand.objects.count() == 1


def test_a_day_is_settled_once(market: Founded) -> None:
    command = settlement.settle("MAIN", FRIDAY, MONDAY, {})
    first, second = (carry_out(command) for _ in range(2))
    assert (first.status, first.result) == ("DONE", "DaySettled")
    assert second.pk == first.pk
    assert Statement.objects.count() == 3


def test_what_was_refused_can_be_asked_again(market: Founded) -> None:
    wrong = settlement.settle("MAIN", FRIDAY, MONDAY, {"IX2301": 120 * UNIT + 1})
    assert [carry_out(wrong).code for _ in range(2)] == [1007, 1007]
    done = carry_out(settlement.settle("MAIN", FRIDAY, MONDAY, {}))
    assert done.status == "DONE"
    assert list(OperatorCommand.objects.order_by("id").values_list("key", flat=True)) == [
        f"settle:MAIN:{FRIDAY}",
        f"settle:MAIN:{FRIDAY}:1",
        f"settle:MAIN:{FRIDAY}:2",
    ]


def test_days_do_not_meet_in_their_keys(market: Founded) -> None:
    assert carry_out(Settle(FRIDAY, MONDAY, {})).status == "DONE"
    assert carry_out(Settle(MONDAY, TUESDAY, {})).status == "DONE"
    assert OperatorCommand.objects.count() == 2


def test_a_day_that_an_earlier_release_has_settled_is_not_settled_again(market: Founded) -> None:
    """Its key was of the form in the admin, or of the moment in the schedule: the engine refuses the second."""
    inline_engine.carry_out(Settle(FRIDAY, MONDAY, {}), market="MAIN", key="admin:1:0123456789abcdef")
    again = carry_out(Settle(FRIDAY, MONDAY, {}))
    assert (again.status, again.code) == ("REFUSED", 409)
    assert Statement.objects.count() == 3


def test_the_same_prices_are_the_same_settlement_confirmed_or_not(market: Founded) -> None:
    row = settlement.ask(Settle(FRIDAY, MONDAY, {}, confirmed=True), market="MAIN")
    assert requests.is_of(row, Settle(FRIDAY, MONDAY, {}))
    assert not requests.is_of(row, Settle(FRIDAY, MONDAY, {"IX2301": 120 * UNIT}))


def test_the_shell_and_the_admin_and_the_schedule_ask_for_one_command(market: Founded, engine: EngineBeside) -> None:
    """At the same time, each for the same day."""
    engine.busy = True
    root = logged_in(User.objects.create_superuser("root"))
    have_rule = TradingSession(market_id="MAIN", time=time(15, 15), action="settle", weekdays="12345")
    have_rule.save()
    TradingSession.objects.update(changed_at=datetime(2024, 1, 4, 16, tzinfo=UTC))
    by_schedule = Scheduler("MAIN", lambda: int(datetime(2024, 1, 5, 15, 20, tzinfo=UTC).timestamp() * 1000))
    form = {"key": "0" * 32, "day": "2024-01-05", "next_day": "2024-01-08", "post": "yes"}
    with ThreadPoolExecutor(2) as threads:
        by_admin = threads.submit(in_thread, lambda: root.post(address("settle"), form, follow=True))
        by_shell = threads.submit(in_thread, lambda: shell("settle", "--day", "20240105", "--next-day", "20240108"))
        by_schedule.look()
        until(lambda: OperatorCommand.objects.filter(kind="Settle").exists())
        engine.busy = False
        row = OperatorCommand.objects.get(kind="Settle")
        assert [to for to, _ in by_admin.result(30).redirect_chain] == [f"{address('settle')}{row.pk}/"]
        assert "Trading day 20240105 is settled: 3 statements." in by_shell.result(30)
    assert requests.wait(row).key == f"settle:MAIN:{FRIDAY}"
    assert OperatorCommand.objects.filter(kind="Settle").count() == 1


def in_thread(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connection.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 60
    while not condition():
        assert monotonic() < deadline
        sleep(0.005)


# --- the shell


@pytest.fixture
def on_friday(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Friday, 5 January 2024, 15:30 UTC; or another day of that month."""

    def set_day(day: int = 5) -> None:
        monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2024, 1, day, 15, 30, tzinfo=UTC))

    set_day()
    return set_day


def test_the_shell_settles_and_tells(trade: Trade, on_friday: Callable[[int], None]) -> None:
    trade(121)
    said = shell("settle", "--price", "IF2301=118.5")
    assert said == (
        "IF2301  118.50\nIX2301  121.00\nTrading day 20240105 is settled: 3 statements. The next one is 20240108.\n"
    )
    assert dict(SettlementPrice.objects.values_list("instrument", "price")) == {
        "IF2301": 1_185_000,
        "IX2301": 1_210_000,
    }
    assert Market.objects.get(pk="MAIN").trading_day == MONDAY


def test_the_shell_takes_a_price_outside_the_limits_only_when_it_is_confirmed(
    market: Founded, on_friday: Callable[[int], None]
) -> None:
    with pytest.raises(CommandError, match=r"refused: 1008 .* of IF2301, 1200\.00, is not from 108\.00"):
        shell("settle", "--price", "IF2301=1200")
    assert not Statement.objects.exists()
    assert "IF2301  1200.00" in shell("settle", "--price", "IF2301=1200", "--confirm-prices")


def test_the_shell_takes_one_price_of_an_instrument(market: Founded, on_friday: Callable[[int], None]) -> None:
    with pytest.raises(CommandError, match="--price: IF2301 is named twice"):
        shell("settle", "--price", "IF2301=120", "IX2301=120", "--price", "IF2301=121")
    assert not Statement.objects.exists()


def test_prices_that_only_trades_have_made_need_no_confirmation(trade: Trade) -> None:
    trade(121)
    assert settlement.settle("MAIN", FRIDAY, MONDAY, {}).confirmed
    assert not settlement.settle("MAIN", FRIDAY, MONDAY, {"IX2301": 120 * UNIT}).confirmed


def test_the_shell_settles_each_day_once(market: Founded, on_friday: Callable[[int], None]) -> None:
    shell("settle")
    with pytest.raises(CommandError, match="All days until today are settled, 20240108 is yet to come"):
        shell("settle")
    with pytest.raises(CommandError, match="Trading day 20240105 is settled already, now is 20240108"):
        shell("settle", "--day", "20240105")
    assert Statement.objects.count() == 3
    on_friday(8)
    assert "Trading day 20240108 is settled" in shell("settle")


def test_a_day_can_be_settled_early_by_its_name(market: Founded, on_friday: Callable[[int], None]) -> None:
    shell("settle")
    assert "20240108 is settled: 3 statements. The next one is 20240109." in shell("settle", "--day", "20240108")


def test_the_next_day_is_no_holiday_and_no_weekend(market: Founded, on_friday: Callable[[int], None]) -> None:
    for on in ("2024-01-08", "2024-01-10"):
        Holiday.objects.create(market_id="MAIN", date=on)
    assert "The next one is 20240109" in shell("settle")
    on_friday(9)
    assert "The next one is 20240111" in shell("settle")


def test_the_next_day_can_be_named(market: Founded, on_friday: Callable[[int], None]) -> None:
    assert "The next one is 20240215" in shell("settle", "--next-day", "2024-02-15")


def test_the_clocks_are_the_markets(market: Founded, monkeypatch: pytest.MonkeyPatch) -> None:
    Market.objects.update(time_zone="Asia/Shanghai")
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2024, 1, 4, 16, 30, tzinfo=UTC))
    assert "Trading day 20240105 is settled" in shell("settle")


def test_a_settlement_that_comes_late_begins_a_day_that_is_still_to_come(
    market: Founded, on_friday: Callable[[int], None]
) -> None:
    shell("settle")
    on_friday(10)
    assert "Trading day 20240108 is settled: 3 statements. The next one is 20240111." in shell("settle")


BAD = [
    (["--price", "NONE=5"], "--price: there is no instrument NONE"),
    (["--price", "IX2301"], "--price IX2301: '' is not a number"),
    (["--price", "IX2301=five"], "--price IX2301: 'five' is not a number"),
    (["--price", "IX2301=120.00001"], "has more than 4 decimals"),
    (["--price", "IX2301=120.25"], "Settle was refused: 1007"),
    (["--price", "IX2301=0"], "Settle was refused: 1007"),
    (["--day", "20240230"], "20240230 is not a day such as 20240131"),
    (["--day", "tomorrow"], "tomorrow is not a day such as 20240131"),
    (["--next-day", "20240105"], "Settle was refused: 400"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD)
def test_a_wrong_settlement_says_why(
    market: Founded, on_friday: Callable[[int], None], words: list[str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=re.escape(sentence)):
        shell("settle", *words)
    assert not Statement.objects.exists()
    assert not OperatorCommand.objects.filter(status="DONE").exists()
    assert set(Instrument.objects.values_list("settlement", flat=True)) == {120 * UNIT}
