"""Makes the bars of a market again, from all trades in its tables, beside whoever keeps them. Bars that began before
the oldest of them, when others were archived, stay as they are.

Bars that have ended are corrected few at a time, so that nobody waits long for the database. At the end the bars since
the beginning of the rebuild are corrected all at once, and a recorder that runs reads its bars anew. What a recorder
has not stored yet does not count as wrong.
"""

import time
from collections.abc import Sequence

import msgspec

from marketdata import selectors
from marketdata.core.bars import MINUTE, PERIODS, Bar, Bars, Period
from marketdata.store import BarStore
from trading.models import Instrument

MANY = 500
"""Ended bars that are corrected together."""


class Report(msgspec.Struct, frozen=True):
    """How many bars there are, and how many of them were missing or not as they should be, or should not be."""

    bars: int
    corrected: int


class Rebuild:
    """A rebuild of a market's bars, or of those of one instrument, as far as they go. At the end those of a market go
    on to the last trade; one instrument's must not be ahead of the others. `many`: bars that have ended
    are corrected together."""

    def __init__(self, store: BarStore, instrument_id: str | None = None, many: int = MANY) -> None:
        self._store = store
        self._many = many
        self._instrument_id = instrument_id
        self._bars = Bars(present=_before_all_trades(store.market))
        self._begin = selectors.archived_until(market=store.market) - 1
        self._done: dict[tuple[str, Period], int] = {}  # the start of the last bar that is right
        self._count = self._corrected = 0

    def run(self) -> Report:
        """Do it all. Safe to repeat, and to break off."""
        ended: list[Bar] = []
        until = self._store.mark().trade
        if not until and self._instrument_id is None:
            until = selectors.last_trade(market=self._store.market)
        while self._read(until):
            ended += self._bars.take_ended()
            if len(ended) >= self._many:
                self._correct_gently(ended)
                ended = []
        self._correct_gently(ended + self._bars.take_ended())
        while self._read(self._store.mark().trade):
            pass
        with self._store.alone() as mark:
            self._finish(mark.trade)
            corrected = self._corrected
            if self._instrument_id is None:
                self._complete()
            self._store.rebuilt(mark.trade if self._instrument_id else self._bars.last)
        return Report(self._count, corrected)

    def _read(self, until: int | None) -> bool:
        """Fold the next trades. False when there were no more than that."""
        market = self._store.market
        found = selectors.matches(
            market=market, after=self._bars.last, until=until, most=self._store.chunk, instrument_id=self._instrument_id
        )
        self._bars.take_in(selectors.settled_days(market=market))
        self._bars.take_in(found)
        return len(found) == self._store.chunk

    def _correct_gently(self, ended: Sequence[Bar]) -> None:
        """Correct some, and leave the database to the others for as long as that took."""
        began = time.monotonic()
        self._correct_some(ended)
        time.sleep(time.monotonic() - began)

    def _correct_some(self, bars: Sequence[Bar]) -> None:
        for key, found in _by_key(bars).items():
            self._correct(key, found, found[-1].start)

    def _finish(self, mark: int) -> None:
        """Correct all the rest of what is stored."""
        while self._read(mark):
            pass
        rest = _by_key(self._bars.take_changed())
        instruments = Instrument.objects.filter(market=self._store.market)
        if self._instrument_id is not None:
            instruments = instruments.filter(pk=self._instrument_id)
        for name in instruments.values_list("pk", flat=True):
            for period in Period:
                self._correct((name, period), rest.get((name, period), []), None)

    def _complete(self) -> None:
        """Let the bars go on to the last trade."""
        more = True
        while more:
            more = self._read(None)
            self._correct_some(self._bars.take_changed())

    def _correct(self, key: tuple[str, Period], bars: Sequence[Bar], until: int | None) -> None:
        done = self._done.get(key, self._begin)
        bars = [bar for bar in bars if bar.start > self._begin]
        self._corrected += self._store.correct(*key, done, until, bars)
        self._count += sum(bar.start > done for bar in bars)
        if bars:
            self._done[key] = bars[-1].start


def _before_all_trades(market: str) -> list[Bar]:
    """Bars without trades, that say how many lots the archived ones have left open."""
    found = selectors.archived_open_interest(market=market)
    return [Bar(name, PERIODS[0], -MINUTE, 0, 0, 0, 0, 0, 0, 0, lots) for name, lots in found.items()]


def _by_key(bars: Sequence[Bar]) -> dict[tuple[str, Period], list[Bar]]:
    """Bars of each instrument and period, in their order."""
    found: dict[tuple[str, Period], list[Bar]] = {}
    for bar in bars:
        found.setdefault((bar.instrument_id, bar.period), []).append(bar)
    return found
