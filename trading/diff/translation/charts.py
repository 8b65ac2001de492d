"""Bars of any length, and ticks, numbered as the client wants them: each number is one more than the one before.

Within a day a bar's number is its time, counted in its own length, so that it is the same for whoever comes again, and
for two instruments; where nothing was traded there is a flat bar without volume. Days are counted from the first that
is known, so that there are none in between.
"""

from bisect import insort
from collections.abc import Iterable, Sequence

from trading.diff.translation.words import NANOSECONDS, Patch
from trading.protocol import BarData

MINUTE, DAY = 60_000, 86_400_000
PERIODS = {MINUTE: "1m", 5 * MINUTE: "5m", 15 * MINUTE: "15m", 60 * MINUTE: "1h", DAY: "1d"}
BEIJING_MS = 8 * 3_600_000
MOST = 10_000
"""Bars that a client can see at once."""
KEPT = 2 * MOST
LONGEST_MS = 10 * 365 * DAY


def part_of(duration: int) -> int:
    """The longest stored bar of which so many ms are made of; 0 where it must be made from trades."""
    return max((length for length in PERIODS if duration % length == 0), default=0)


class Series:
    """The bars of one instrument and length (in ms), from the stored bars or the trades that each is made of."""

    def __init__(self, duration: int) -> None:
        self.duration = duration
        self.part = part_of(duration)
        self.loaded = False
        self.known_until = 0
        """Unix ms of the last trade of the past: what is told of then and before is inside."""
        self.first = self.last = -1
        """Numbers of the first and the last bar; -1: there is none."""
        self._groups: dict[int, dict[int, BarData]] = {}
        self._days: list[int] = []
        self._made_up: int | None = None

    @property
    def period(self) -> str | None:
        """What to follow; None: trades."""
        return PERIODS.get(self.part)

    # -- in

    def learn(self, parts: Iterable[BarData]) -> None:
        """Stored bars, in any order, before any number is told."""
        found = sorted(parts, key=lambda part: part.start)
        if self.part == DAY:
            self._days = sorted({*self._days, *(part.start for part in found)})
            known = [part for group in self._groups.values() for part in group.values()]
            self._groups.clear()
            found = [*known, *found]
        for part in found:
            self._put(part)
        self.first, self.last = min(self._groups, default=-1), max(self._groups, default=-1)

    def begin_flat(self, price: float, time: int) -> None:
        """Where nothing was ever traded there is one bar without volume, now: a client that comes again waits for some
        bar before it goes on."""
        if self.last == -1:
            bar = dict.fromkeys(("open", "high", "low", "close"), price)
            none = dict.fromkeys(("volume", "turnover", "open_interest"), 0.0)
            start = time - time % (self.part or self.duration)
            self.put(BarData(start=start, trades=0, **bar, **none))
            self._made_up = self.last

    def put(self, part: BarData) -> Sequence[int]:
        """A bar so far; the numbers of the bars that are new or otherwise now."""
        if self.part == DAY and part.start not in self._days:
            insort(self._days, part.start)
        number = self._put(part)
        before, self.last = self.last, max(self.last, number)
        if self.first == -1:
            self.first = number
        if before == -1 or number <= before:
            return (number,)
        self._forget()
        return range(max(before + 1, number - MOST + 1), number + 1)

    def put_trade(self, price: float, volume: float, time: int, open_interest: float) -> Sequence[int]:
        """A trade, for bars that are made from trades."""
        start = time - time % self.duration
        known = self._groups.get(start // self.duration, {}).get(start)
        high, low = (price, price) if known is None else (max(known.high, price), min(known.low, price))
        return self.put(
            BarData(
                start=start,
                open=price if known is None else known.open,
                high=high,
                low=low,
                close=price,
                volume=volume + (0.0 if known is None else known.volume),
                turnover=0.0,
                trades=1 + (0 if known is None else known.trades),
                open_interest=open_interest,
            )
        )

    def _put(self, part: BarData) -> int:
        number = self._number(part.start)
        if number == self._made_up:
            self._groups[number], self._made_up = {}, None
        self._groups.setdefault(number, {})[part.start] = part
        return number

    def _number(self, start: int) -> int:
        if self.part == DAY:
            return self._days.index(start) // (self.duration // DAY)
        return start // self.duration

    def _forget(self) -> None:
        """What nobody can see any more; days are few."""
        if self.part != DAY and self.last - self.first > KEPT:
            oldest = self.last - MOST
            self._groups = {number: group for number, group in self._groups.items() if number >= oldest}
            self.first = min(self._groups)

    # -- out

    def bars(self, numbers: Sequence[int]) -> dict[str, Patch]:
        """Bars by their numbers, which come one after the other."""
        told: dict[str, Patch] = {}
        before = self._bar_before(numbers[0]) if numbers else None
        for number in numbers:
            bar = self._bar(number, before)
            if bar is not None:
                told[str(number)] = before = bar
        return told

    def _bar_before(self, number: int) -> Patch | None:
        nearest = next((each for each in range(number - 1, self.first - 1, -1) if each in self._groups), None)
        return None if nearest is None else self._bar(nearest, None)

    def _bar(self, number: int, before: Patch | None) -> Patch | None:
        group = self._groups.get(number)
        if group is None:
            return None if before is None else self._flat(number, before)
        parts = [group[start] for start in sorted(group)]
        close_oi = round(parts[-1].open_interest)
        start = parts[0].start - BEIJING_MS if self.part == DAY else number * self.duration
        return {
            "datetime": start * NANOSECONDS,
            "open": parts[0].open,
            "high": max(part.high for part in parts),
            "low": min(part.low for part in parts),
            "close": parts[-1].close,
            "volume": round(sum(part.volume for part in parts)),
            "open_oi": close_oi if before is None else before["close_oi"],
            "close_oi": close_oi,
        }

    def _flat(self, number: int, before: Patch) -> Patch:
        price, held = before["close"], before["close_oi"]
        prices = dict.fromkeys(("open", "high", "low", "close"), price)
        start = number * self.duration * NANOSECONDS
        return {"datetime": start, **prices, "volume": 0, "open_oi": held, "close_oi": held}

    def same_time(self, number: int, other: "Series") -> int | None:
        """The number that another series has for the time of a bar of this one, if it has that bar."""
        if self.part == DAY:
            starts = self._groups.get(number, {})
            found = next((other._number(start) for start in starts if start in other._days), None)
        else:
            found = number
        return found if found is not None and other.first <= found <= other.last and other.last >= 0 else None


TICK_FIELDS = (
    *("datetime", "last_price", "average", "highest", "lowest", "volume", "amount", "open_interest"),
    *(f"{side}_{what}{place}" for side in ("ask", "bid") for what in ("price", "volume") for place in range(1, 6)),
)
"""What a tick has of a quote."""
TICKS_PER_SECOND = 100
"""More than there are: by it the numbers of who comes again are higher than those of before."""


class Ticks:
    """What a quote was, each time it has changed. `time`: Unix ms, when the first is numbered."""

    def __init__(self) -> None:
        self.loaded = False
        self.first = self.last = -1

    def begin(self, time: int, count: int) -> None:
        """So many are there to begin with."""
        if count:
            self.last = time * TICKS_PER_SECOND // 1000
            self.first = self.last - count + 1

    def add(self, time: int) -> int:
        """The number of one more."""
        self.last = max(self.last + 1, time * TICKS_PER_SECOND // 1000 if self.last == -1 else 0)
        self.first = self.last if self.first == -1 else self.first
        return self.last
