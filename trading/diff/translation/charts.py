"""Bars of any length, and ticks, numbered as the client wants them: each number is one more than the one before.

Where nothing was traded there is no bar, so there are none of nights and weekends. The numbers begin at the time when a
client asks, far above those that it was told before: who comes again takes every bar anew, and mixes none up.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

from trading.diff.translation.words import NANOSECONDS, Patch
from trading.protocol import BarData

MINUTE, DAY = 60_000, 86_400_000
PERIODS = {MINUTE: "1m", 5 * MINUTE: "5m", 15 * MINUTE: "15m", 60 * MINUTE: "1h", DAY: "1d"}
BEIJING_MS = 8 * 3_600_000
MOST = 10_000
"""Bars that a client can see at once."""
KEPT = 2 * MOST
NUMBERS_PER_MS = 1_000
"""In the ten milliseconds that it takes a client to come again there are as many as it can see."""


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
        self._first: int | None = None
        """The number of the first bar, once it is settled."""
        self._keys: list[int] = []
        self._groups: dict[int, dict[int, BarData]] = {}
        self._days: list[int] = []
        self._made_up: int | None = None

    @property
    def period(self) -> str | None:
        """What to follow; None: trades."""
        return PERIODS.get(self.part)

    @property
    def first(self) -> int:
        """The number of the first bar; -1: there is none."""
        return (self._first or 0) if self._keys else -1

    @property
    def last(self) -> int:
        return self.first + len(self._keys) - 1 if self._keys else -1

    # -- in

    def learn(self, parts: Iterable[BarData]) -> None:
        """Stored bars, in any order. Bars that have numbers keep them: what is older comes before them."""
        found = sorted(parts, key=lambda part: part.start)
        numbered = len(self._keys) if self._first is not None else 0
        if self.part == DAY:
            self._days = sorted({*self._days, *(part.start for part in found)})
            known = [part for group in self._groups.values() for part in group.values()]
            self._groups.clear()
            found = [*known, *found]
        elif numbered:
            found = [part for part in found if self._key(part.start) < self._keys[0]]
        for part in found:
            told = self._groups.get(self._key(part.start), {}).get(part.start)
            if told is None or told.trades <= part.trades:  # what is stored may be behind what was told
                self._put(part)
        self._keys = sorted(self._groups)
        if numbered:
            self._first = max(0, self.first - (len(self._keys) - numbered))

    def number(self, time: int) -> None:
        """Settle the numbers, at a time (Unix ms): those of who comes again later are far above."""
        if self._first is None:
            self._first = max(0, time * NUMBERS_PER_MS - len(self._keys))

    def begin_flat(self, price: float, time: int) -> None:
        """Where nothing was ever traded there is one bar without volume, now: a client that comes again waits for some
        bar before it goes on."""
        if not self._keys:
            bar = dict.fromkeys(("open", "high", "low", "close"), price)
            none = dict.fromkeys(("volume", "turnover", "open_interest"), 0.0)
            start = time - time % (self.part or self.duration)
            self.put(BarData(start=start, trades=0, **bar, **none))
            self._made_up = self._key(start)

    def put(self, part: BarData) -> Sequence[int]:
        """A bar so far; the numbers of the bars that are new or otherwise now."""
        if self.part == DAY and part.start not in self._days:
            insort(self._days, part.start)
        key = self._key(part.start)
        if key not in self._groups:
            if self._first is not None and self._keys and key < self._keys[-1]:
                return ()  # a number between two others there is not
            insort(self._keys, key)
        self._put(part)
        self._forget()
        return (self.first + bisect_left(self._keys, key),)

    def newest(self) -> BarData | None:
        """The last part that is known."""
        last = self._groups[self._keys[-1]] if self._keys else {}
        return last[max(last)] if last else None

    def put_trade(self, price: float, volume: float, time: int, open_interest: float) -> Sequence[int]:
        """A trade, for bars that are made from trades."""
        start = time - time % self.duration
        known = self._groups.get(start, {}).get(start)
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

    def _put(self, part: BarData) -> None:
        key = self._key(part.start)
        if key == self._made_up:
            self._groups[key], self._made_up = {}, None
        self._groups.setdefault(key, {})[part.start] = part

    def _key(self, start: int) -> int:
        """Which bar a part belongs to: its start; of days, which of those that are known."""
        if self.part == DAY:
            return self._days.index(start) // (self.duration // DAY)
        return start - start % self.duration

    def _forget(self) -> None:
        """What nobody can see any more; days are few."""
        if self.part != DAY and len(self._keys) > KEPT:
            gone = len(self._keys) - MOST
            for key in self._keys[:gone]:
                del self._groups[key]
            self._keys = self._keys[gone:]
            self._first = (self._first or 0) + gone

    # -- out

    def bars(self, numbers: Sequence[int]) -> dict[str, Patch]:
        """Bars by their numbers, which come one after the other."""
        told: dict[str, Patch] = {}
        before = self._bar(numbers[0] - 1, None) if numbers and numbers[0] > self.first else None
        for number in numbers:
            told[str(number)] = before = self._bar(number, before)
        return told

    def _bar(self, number: int, before: Patch | None) -> Patch:
        key = self._keys[number - self.first]
        group = self._groups[key]
        parts = [group[start] for start in sorted(group)]
        close_oi = round(parts[-1].open_interest)
        start = parts[0].start - BEIJING_MS if self.part == DAY else key
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

    def same_time(self, number: int, other: "Series") -> int | None:
        """The number that another series has for the time of a bar of this one, if it has that bar."""
        key = self._keys[number - self.first]
        if self.part == DAY:
            starts = [start for start in self._groups[key] if start in other._days]
            found = other._key(starts[0]) if starts else -1
        else:
            found = key
        return other.first + bisect_left(other._keys, found) if found in other._groups else None


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
