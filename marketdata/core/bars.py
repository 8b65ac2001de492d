"""Bars (open, high, low, close) from trades, trade by trade. Whoever folds the same trades gets the same bars.

Prices and turnover are integers of 1/10,000 of the currency, volumes whole lots, times Unix milliseconds.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Literal

import msgspec

from trading.core.events import DaySettled, Traded
from trading.core.types import Offset

OPEN = Offset.OPEN  # looked up once: see "What helped" in docs/performance.md
MINUTE = 60_000
DAY = 1_440 * MINUTE
MOST = 2**63 - 1
"""What a column can hold. Turnover stops there: ten of the largest trades that the core lets in would exceed it."""


class Period(StrEnum):
    """How long a bar is. Those within a day begin at whole multiples of it (UTC); DAY is the trading day."""

    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    QUARTER = "15m"
    HOUR = "1h"
    DAY = "1d"


PERIODS = tuple(Period)
INTRADAY = (MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE)
"""Lengths of all but the last of them."""

Opened = Literal[0, 1, 2]


class Match(msgspec.Struct, frozen=True, gc=False):
    """Two orders that met, as bars need it. `opened`: how many of its two sides opened a position."""

    number: int
    instrument_id: str
    multiplier: int
    price: int
    volume: int
    time: int
    opened: Opened


def match_of(traded: Traded, multiplier: int) -> Match:
    """A trade as the engine tells it."""
    return Match(
        traded.trade_id,
        traded.instrument_id,
        multiplier,
        traded.price,
        traded.volume,
        traded.time,
        opened(traded.taker.offset, traded.maker.offset),
    )


def opened(one: Offset | str, other: Offset | str) -> Opened:
    """How many of two sides open a position."""
    if one == OPEN:
        return 2 if other == OPEN else 1
    return 1 if other == OPEN else 0


class Bar(msgspec.Struct, gc=False):
    """What an instrument has traded from `start` on, for a period. `trades` counts matches; `open_interest`: lots held
    long (and as many short) after the last of them."""

    instrument_id: str
    period: Period
    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    trades: int
    open_interest: int

    def copy(self) -> "Bar":
        """As it is now, for whoever must not see it change."""
        return Bar(*msgspec.structs.astuple(self))


def day_start(day: int) -> int:
    """Where the bar of a trading day (YYYYMMDD) starts: its midnight, UTC. (The core asks of days only that they look
    like days, so there may be a 31st of every month.)"""
    first = date(day // 10_000, day // 100 % 100, 1).toordinal() - date(1970, 1, 1).toordinal()
    return (first + day % 100 - 1) * DAY


def calendar_day(time: int) -> int:
    """The start of the calendar's day (UTC) of a moment."""
    return time - time % DAY


class Days:
    """Which trading day a moment belongs to. Before the first settlement: the day of the calendar (UTC). Afterwards
    the day that the last settlement began; the millisecond of a settlement still belongs to the day that it ended."""

    def __init__(self) -> None:
        self._settled_at: list[int] = []
        self._starts: list[int] = []

    def settled(self, time: int, next_day: int) -> None:
        """A settlement began another day. One that is known already changes nothing: days only go on."""
        start = day_start(next_day)
        if not self._starts or start > self._starts[-1]:
            self._settled_at.append(time)
            self._starts.append(start)

    def start(self, time: int) -> int:
        """The start of the daily bar that a trade of this time belongs to."""
        ended = bisect_left(self._settled_at, time)
        return self._starts[ended - 1] if ended else calendar_day(time)

    def present(self, time: int) -> int:
        """The start of the day that the market is in, at a time that no settlement has come after."""
        return self._starts[-1] if self._starts else calendar_day(time)


class Bars:
    """The present bar of each instrument and period, up to trade number `last`, and what has changed since it was last
    taken. A bar never goes back: a trade that is older than the present bar counts to it."""

    def __init__(self, last: int = 0, present: Iterable[Bar] = ()) -> None:
        self.last = last
        self.days = Days()
        self._present: dict[str, list[Bar | None]] = {}  # in the order of PERIODS
        self._changed: set[str] = set()
        self._ended: list[Bar] = []
        self._starts: list[int] = [-MINUTE] * len(PERIODS)  # of the bars that the last trade was in
        for bar in present:
            self._bars_of(bar.instrument_id)[PERIODS.index(bar.period)] = bar

    def _bars_of(self, instrument_id: str) -> list[Bar | None]:
        found = self._present.get(instrument_id)
        if found is None:
            found = self._present[instrument_id] = [None] * len(PERIODS)
        return found

    # -- what happens

    def take_in(self, happened: Iterable[Match | DaySettled]) -> None:
        """Fold what has happened, in its order. What is inside already is not counted again. Matches of one moment go
        in together: a batch has many, and each belongs to a bar of every period."""
        moment: Bar | None = None
        for event in happened:
            if isinstance(event, DaySettled):
                self._add(moment)
                moment = None
                self.days.settled(event.time, event.next_day)
            elif event.number > self.last:
                self.last = event.number
                if moment is not None and moment.start == event.time and moment.instrument_id == event.instrument_id:
                    _extend(moment, event)
                else:
                    self._add(moment)
                    moment = _begun(event)
        self._add(moment)

    def _add(self, moment: Bar | None) -> None:
        """Let the matches of one moment into the bars that they belong to. `open_interest`: what they add to it."""
        if moment is None:
            return
        name, high, low, close = moment.instrument_id, moment.high, moment.low, moment.close
        open_interest = self.open_interest(name) + moment.open_interest
        bars = self._bars_of(name)
        for place, start in enumerate(self._starts_at(moment.start)):
            bar = bars[place]
            if bar is None or start > bar.start:
                self._end(bar)
                worth = min(moment.turnover, MOST)
                bars[place] = Bar(
                    *(name, PERIODS[place], start, moment.open, high, low, close),
                    *(moment.volume, worth, moment.trades, open_interest),
                )
                continue
            if high > bar.high:  # noqa: PLR1730  # `max` takes twice as long, once a trade on the engine's time
                bar.high = high
            if low < bar.low:  # noqa: PLR1730
                bar.low = low
            bar.close = close
            bar.volume += moment.volume
            bar.turnover = min(bar.turnover + moment.turnover, MOST)
            bar.trades += moment.trades
            bar.open_interest = open_interest
        self._changed.add(name)

    def _starts_at(self, time: int) -> list[int]:
        """Where the bars start that a moment belongs to."""
        if not 0 <= time - self._starts[0] < MINUTE:
            self._starts[:-1] = [time - time % length for length in INTRADAY]
        self._starts[-1] = self.days.start(time)
        return self._starts

    def _end(self, bar: Bar | None) -> None:
        """Another bar follows; this one is still to be taken if it has changed."""
        if bar is not None and bar.instrument_id in self._changed:
            self._ended.append(bar)

    # -- what is now

    def present(self, instrument_id: str) -> list[Bar]:
        """The present bar of each period; none before the first trade."""
        return [bar.copy() for bar in self._present.get(instrument_id, ()) if bar is not None]

    def present_day(self, instrument_id: str, time: int) -> Bar | None:
        """The bar of the trading day that the market is in; None when the instrument has not traded in it."""
        *_, bar = self._present.get(instrument_id, [None])
        return None if bar is None or bar.start < self.days.present(time) else bar.copy()

    def open_interest(self, instrument_id: str) -> int:
        """Lots held long (and as many short) after the last trade."""
        for bar in self._present.get(instrument_id, ()):
            if bar is not None:
                return bar.open_interest
        return 0

    # -- what is to be stored

    def ended(self, instrument_id: str) -> list[Bar]:
        """Bars that have ended and are yet to be taken."""
        return [bar.copy() for bar in self._ended if bar.instrument_id == instrument_id]

    def take_ended(self) -> list[Bar]:
        """Bars that have ended and have not been taken before."""
        ended, self._ended = self._ended, []
        return ended

    def take_changed(self) -> list[Bar]:
        """All bars that have changed and have not been taken since."""
        changed, self._changed = self._changed, set()
        return self.take_ended() + [bar for name in sorted(changed) for bar in self.present(name)]


def _begun(match: Match) -> Bar:
    """The bar of a moment, with its first match. It has no period of its own."""
    price, volume = match.price, match.volume
    turnover, added = price * volume * match.multiplier, (match.opened - 1) * volume
    return Bar(match.instrument_id, Period.MINUTE, match.time, price, price, price, price, volume, turnover, 1, added)


def _extend(moment: Bar, match: Match) -> None:
    price, volume = match.price, match.volume
    if price > moment.high:
        moment.high = price
    elif price < moment.low:
        moment.low = price
    moment.close = price
    moment.volume += volume
    moment.turnover += price * volume * match.multiplier
    moment.trades += 1
    moment.open_interest += (match.opened - 1) * volume
