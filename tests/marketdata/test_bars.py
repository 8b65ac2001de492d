"""Bars by example, and against a naive count of the same trades."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.core.bars import DAY, MINUTE, MOST, Bar, Bars, Days, Match, Period, day_start, match_of, opened
from tests.marketdata.making import match
from trading.core.events import DaySettled, Fill, Traded
from trading.core.types import Direction, Offset, OrderStatus

MIDNIGHT = 1_700_006_400_000
"""2023-11-15T00:00Z."""
LENGTHS = {
    Period.MINUTE: MINUTE,
    Period.FIVE_MINUTES: 5 * MINUTE,
    Period.QUARTER: 15 * MINUTE,
    Period.HOUR: 60 * MINUTE,
    Period.DAY: DAY,
}


def bars_of(happened: Iterable[Match | DaySettled], period: Period) -> list[Bar]:
    bars = Bars()
    bars.take_in(happened)
    return [bar for bar in bars.take_changed() if bar.period is period]


def at(text: str) -> int:
    """Unix ms of a time near midnight, such as "14 23:59:59.999"."""
    moment = datetime.strptime(f"2023-11-{text}+0000", "%Y-%m-%d %H:%M:%S.%f%z")
    return round(moment.timestamp() * 1000)


# --- boundaries


@pytest.mark.parametrize(
    ("times", "period", "starts"),
    [
        (["15 10:00:00.000", "15 10:00:59.999"], "1m", ["15 10:00:00.000"]),
        (["15 10:00:59.999", "15 10:01:00.000"], "1m", ["15 10:00:00.000", "15 10:01:00.000"]),
        (["15 10:01:00.000"], "1m", ["15 10:01:00.000"]),
        (["15 10:01:00.000"], "5m", ["15 10:00:00.000"]),
        (["15 10:04:59.999", "15 10:05:00.000"], "5m", ["15 10:00:00.000", "15 10:05:00.000"]),
        (["15 10:14:59.999", "15 10:15:00.000"], "15m", ["15 10:00:00.000", "15 10:15:00.000"]),
        (["15 10:59:59.999", "15 11:00:00.000"], "1h", ["15 10:00:00.000", "15 11:00:00.000"]),
        (["14 23:59:59.999", "15 00:00:00.000"], "1m", ["14 23:59:00.000", "15 00:00:00.000"]),
        (["14 23:59:59.999", "15 00:00:00.000"], "1h", ["14 23:00:00.000", "15 00:00:00.000"]),
        (["14 23:59:59.999", "15 00:00:00.000"], "1d", ["14 00:00:00.000", "15 00:00:00.000"]),
        (["15 00:00:00.000", "15 23:59:59.999"], "1d", ["15 00:00:00.000"]),
        (["15 10:00:30.000", "15 13:07:01.000"], "1m", ["15 10:00:00.000", "15 13:07:00.000"]),  # no bar in between
        (["15 10:00:30.000", "17 13:07:01.000"], "1d", ["15 00:00:00.000", "17 00:00:00.000"]),
    ],
)
def test_a_trade_belongs_to_the_bar_that_its_time_is_in(times: list[str], period: str, starts: list[str]) -> None:
    trades = [match(number, at(time)) for number, time in enumerate(times, 1)]
    assert [bar.start for bar in bars_of(trades, Period(period))] == [at(start) for start in starts]


def test_a_bar_holds_what_was_traded() -> None:
    trades = [
        match(1, MIDNIGHT, price=100, volume=3, multiplier=10),
        match(2, MIDNIGHT + 1, price=104, volume=1, multiplier=10),
        match(3, MIDNIGHT + 2, price=98, volume=2, opened=0, multiplier=10),
        match(4, MIDNIGHT + 3, price=101, volume=5, opened=1, multiplier=10),
    ]
    for period in Period:
        assert bars_of(trades, period) == [
            Bar("IX2301", period, MIDNIGHT, 100, 104, 98, 101, 11, 10 * (300 + 104 + 196 + 505), 4, 2)
        ]


def test_each_bar_of_an_instrument_begins_with_its_own_first_trade() -> None:
    trades = [match(1, MIDNIGHT, 100), match(2, MIDNIGHT + MINUTE, 90), match(3, MIDNIGHT + MINUTE + 1, 95)]
    first, second = bars_of(trades, Period.MINUTE)
    assert (first.open, first.high, first.low, first.close) == (100, 100, 100, 100)
    assert (second.open, second.high, second.low, second.close) == (90, 95, 90, 95)


def test_instruments_have_bars_of_their_own() -> None:
    trades = [match(1, MIDNIGHT, 100), match(2, MIDNIGHT, 50, opened=2, name="IF2301", volume=4)]
    found = {bar.instrument_id: (bar.close, bar.volume, bar.open_interest) for bar in bars_of(trades, Period.HOUR)}
    assert found == {"IX2301": (100, 1, 1), "IF2301": (50, 4, 4)}


# --- open interest


@pytest.mark.parametrize(
    ("taker", "maker", "change"),
    [
        ("OPEN", "OPEN", 3),
        ("OPEN", "CLOSE", 0),
        ("CLOSE", "OPEN", 0),
        ("OPEN", "CLOSETODAY", 0),
        ("CLOSEYESTERDAY", "OPEN", 0),
        ("CLOSE", "CLOSE", -3),
        ("CLOSETODAY", "CLOSEYESTERDAY", -3),
    ],
)
def test_open_interest_follows_from_both_sides(taker: str, maker: str, change: int) -> None:
    def side(direction: Direction, offset: str) -> Fill:
        return Fill(1, 1, direction, Offset(offset), OrderStatus.FILLED, 3, 0, 0, 0)

    traded = Traded(2, "IX2301", 100, 3, MIDNIGHT, side(Direction.BUY, taker), side(Direction.SELL, maker))
    bars = Bars()
    bars.take_in([match(1, MIDNIGHT, volume=10), match_of(traded, 1)])
    assert bars.open_interest("IX2301") == 10 + change
    assert opened(taker, maker) == change // 3 + 1  # as they are in the table


def test_open_interest_goes_on_from_bar_to_bar() -> None:
    trades = [match(1, MIDNIGHT, volume=10), match(2, MIDNIGHT + MINUTE, volume=4, opened=0), match(3, MIDNIGHT + DAY)]
    assert [bar.open_interest for bar in bars_of(trades, Period.MINUTE)] == [10, 6, 7]
    assert [bar.open_interest for bar in bars_of(trades, Period.DAY)] == [6, 7]


# --- days


def test_before_the_first_settlement_days_are_the_calendars() -> None:
    days = Days()
    assert days.start(MIDNIGHT - 1) == MIDNIGHT - DAY
    assert days.start(MIDNIGHT) == days.present(MIDNIGHT + DAY - 1) == MIDNIGHT


SETTLED = MIDNIGHT + 15 * 60 * MINUTE


@pytest.mark.parametrize(
    ("time", "start"),
    [
        (SETTLED - 1, MIDNIGHT),
        (SETTLED, MIDNIGHT),
        (SETTLED + 1, MIDNIGHT + DAY),
        (SETTLED + DAY, MIDNIGHT + DAY),
        (SETTLED + DAY + 1, MIDNIGHT + 5 * DAY),  # over a weekend
        (SETTLED + 90 * DAY, MIDNIGHT + 5 * DAY),  # until somebody settles
    ],
)
def test_afterwards_a_day_is_what_is_between_two_settlements(time: int, start: int) -> None:
    days = Days()
    for ended, next_day in [(SETTLED, 20231116), (SETTLED + DAY, 20231120)] * 2:  # told twice, known once
        days.settled(ended, next_day)
    assert days.start(time) == start


def test_two_settlements_at_one_moment() -> None:
    days = Days()
    days.settled(SETTLED, 20231116)
    days.settled(SETTLED, 20231117)
    assert [days.start(SETTLED), days.start(SETTLED + 1)] == [MIDNIGHT, MIDNIGHT + 2 * DAY]


@pytest.mark.parametrize(("day", "start"), [(19700101, 0), (20231115, MIDNIGHT), (20231131, MIDNIGHT + 16 * DAY)])
def test_any_day_that_the_core_takes_has_a_start(day: int, start: int) -> None:
    assert day_start(day) == start


def test_a_daily_bar_ends_with_the_settlement() -> None:
    happened: list[Match | DaySettled] = [
        match(1, SETTLED - 1, 100),
        DaySettled(20231115, 20231116, SETTLED),
        match(2, SETTLED, 101),
        match(3, SETTLED + 1, 102),
        match(4, SETTLED + 2 * DAY, 103),
    ]
    found = [(bar.start, bar.open, bar.close) for bar in bars_of(happened, Period.DAY)]
    assert found == [(MIDNIGHT, 100, 101), (MIDNIGHT + DAY, 102, 103)]


def test_a_bar_never_goes_back() -> None:
    """A late first settlement names a day that the calendar has left behind: the bar goes on until days catch up."""
    happened: list[Match | DaySettled] = [
        match(1, MIDNIGHT + 60 * MINUTE, 100),
        DaySettled(20231110, 20231113, MIDNIGHT + 61 * MINUTE),
        match(2, MIDNIGHT + 62 * MINUTE, 101),
        match(3, MIDNIGHT, 102),
    ]
    assert [(bar.start, bar.close) for bar in bars_of(happened, Period.DAY)] == [(MIDNIGHT, 102)]
    assert [bar.trades for bar in bars_of(happened, Period.MINUTE)] == [1, 2]


# --- sums, and what was taken


def test_turnover_stops_at_what_a_column_holds() -> None:
    largest = match(1, MIDNIGHT, price=10**13, volume=10**5, multiplier=1)
    bars = Bars()
    bars.take_in([match(number, MIDNIGHT, 10**13, 10**5) for number in range(1, 12)])
    assert [bar.turnover for bar in bars.present("IX2301")] == [MOST] * 5
    assert largest.price * largest.volume * 11 > MOST


def test_a_trade_counts_once() -> None:
    bars = Bars()
    bars.take_in([match(5, MIDNIGHT), match(5, MIDNIGHT), match(4, MIDNIGHT), match(6, MIDNIGHT)])
    assert bars.last == 6
    assert {bar.trades for bar in bars.take_changed()} == {2}


def test_what_was_taken_changes_no_more_and_is_not_taken_again() -> None:
    bars = Bars()
    bars.take_in([match(1, MIDNIGHT, 100)])
    taken, shown = bars.take_changed(), bars.present("IX2301")
    bars.take_in([match(2, MIDNIGHT, 200)])
    assert {bar.high for bar in taken + shown} == {100}
    assert {bar.high for bar in bars.take_changed()} == {200}
    assert bars.take_changed() == []
    bars.take_in([match(3, MIDNIGHT + MINUTE, 300)])
    assert {bar.high for bar in bars.take_changed()} == {300}


def test_only_the_present_bars_are_kept() -> None:
    bars = Bars()
    for number in range(1, 1_000):
        bars.take_in([match(number, MIDNIGHT + number * MINUTE)])
        bars.take_changed()
    assert len(bars.present("IX2301")) == len(Period)
    assert not bars.take_ended()


def test_nothing_is_known_of_what_has_not_traded() -> None:
    bars = Bars()
    assert bars.present("IX2301") == []
    assert bars.present_day("IX2301", MIDNIGHT) is None
    assert bars.open_interest("IX2301") == 0


# --- any trades

STEPS = [0, 0, 1, 999, MINUTE - 1, MINUTE, 5 * MINUTE, 61 * MINUTE, DAY]


@st.composite
def happenings(draw: Any) -> list[Match | DaySettled]:
    """Trades and settlements in the order of their time."""
    found: list[Match | DaySettled] = []
    time, day = MIDNIGHT, 20231115
    for number in range(1, draw(st.integers(1, 40))):
        time += draw(st.sampled_from(STEPS))
        if draw(st.integers(0, 9)) == 0:
            found.append(DaySettled(day, day + 1, time))
            day += 1
        else:
            price, volume = draw(st.integers(1, 10**6)), draw(st.integers(1, 500))
            name = draw(st.sampled_from(["IF2301", "IX2301"]))
            found.append(match(number, time, price, volume, draw(st.sampled_from([0, 1, 2, 2])), name, 7))
    return found


def merged(bars: Sequence[Bar], period: Period, start: int) -> Bar:
    """One bar out of shorter ones."""
    return Bar(
        bars[0].instrument_id,
        period,
        start,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
        sum(bar.turnover for bar in bars),
        sum(bar.trades for bar in bars),
        bars[-1].open_interest,
    )


def collected(happened: Sequence[Match | DaySettled], cuts: Sequence[int] = ()) -> dict[tuple[str, Period], list[Bar]]:
    """All bars, taken at the cuts, with a restart at every other one."""
    bars, latest = Bars(), dict[Any, Any]()
    for begin, end in pairwise([0, *sorted(cut % (len(happened) + 1) for cut in cuts), len(happened)]):
        bars.take_in(happened[begin:end])
        latest |= {(bar.instrument_id, bar.period, bar.start): bar for bar in bars.take_changed()}
        if end % 2:
            last = {(bar.instrument_id, bar.period): bar for bar in latest.values()}
            bars = Bars(bars.last, [bar.copy() for bar in last.values()])
            bars.take_in([event for event in happened[:end] if isinstance(event, DaySettled)])
            bars.take_in(happened[max(0, end - 3) : end])  # read again
    found: dict[tuple[str, Period], list[Bar]] = {}
    for bar in sorted(latest.values(), key=lambda bar: bar.start):
        found.setdefault((bar.instrument_id, bar.period), []).append(bar)
    return found


@given(happenings())
def test_longer_bars_are_merged_shorter_ones(happened: list[Match | DaySettled]) -> None:
    found = collected(happened)
    for (name, period), bars in found.items():
        if period is Period.DAY:
            continue
        length = LENGTHS[period]
        groups = groupby(found[name, Period.MINUTE], lambda bar: bar.start - bar.start % length)
        assert bars == [merged(list(group), period, start) for start, group in groups]


@given(happenings())
def test_bars_are_what_a_naive_count_makes_of_the_trades(happened: list[Match | DaySettled]) -> None:
    found = collected(happened)
    for name in ("IF2301", "IX2301"):
        for period in Period:
            assert found.get((name, period), []) == naive(happened, name, period)


def naive(happened: Sequence[Match | DaySettled], name: str, period: Period) -> list[Bar]:
    """Every trade a bar, in groups of the same start."""
    settled = [event for event in happened if isinstance(event, DaySettled)]
    lots, bars = 0, list[Bar]()
    for trade in happened:
        if isinstance(trade, DaySettled) or trade.instrument_id != name:
            continue
        start = trade.time - trade.time % LENGTHS[period]
        if period is Period.DAY:
            before = [event for event in settled if event.time < trade.time]
            start = max(day_start(before[-1].next_day) if before else start, bars[-1].start if bars else 0)
        lots += {0: -1, 1: 0, 2: 1}[trade.opened] * trade.volume
        prices = (trade.price,) * 4
        value = trade.price * trade.volume * trade.multiplier
        bars.append(Bar(name, period, start, *prices, trade.volume, value, 1, lots))
    return [merged(list(group), period, start) for start, group in groupby(bars, lambda bar: bar.start)]


@given(happenings(), st.lists(st.integers(0, 100), max_size=6))
def test_it_does_not_matter_when_bars_are_taken_or_restored(
    happened: list[Match | DaySettled], cuts: list[int]
) -> None:
    assert collected(happened, cuts) == collected(happened)
