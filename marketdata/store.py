"""The only writer of stored bars. Bars and the mark that tells how far they go change in one transaction.

Whatever is in here can be made again from the trades, so a write does not wait for the disk: it holds the database for
a moment only, and a power cut that takes it away takes bars and mark alike.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction
from django.db.models import F

from marketdata import selectors
from marketdata.core.bars import Bar, Bars, Period
from marketdata.models import Bar as BarRow
from marketdata.models import Watermark
from marketdata.selectors import BAR_FIELDS, Mark
from trading.storage.consistent_read import consistent_read
from trading.storage.sql import Columns, Table

KEY = ("instrument", "period", "start")
BAR = Columns(
    fixed={"instrument": "instrument_id", "period": "period", "start": "start"},
    changing={name: name for name in BAR_FIELDS[len(KEY) :]},
)
TABLE = Table(BarRow, BAR, key=KEY)
ROWS = 64
"""Rows a statement."""
CHUNK = 5_000
"""Trades that are read at once: a few hundredths of a second."""


class BarStore:
    """The stored bars of one market. All methods block; call them from one thread, which owns the connection. `chunk`:
    trades that are read at once."""

    def __init__(self, market: str, using: str = "default", chunk: int = CHUNK) -> None:
        self.market = market
        self.chunk = chunk
        self._using = using
        self._mark = Mark()

    # -- for whoever keeps bars

    def load(self) -> Bars:
        """The bars as they are stored; `read_on` brings them up to date."""
        self._ensure_mark()
        with consistent_read(self._using):
            self._mark = self.mark()
            return Bars(self._mark.trade, selectors.present_bars(market=self.market, using=self._using))

    def read_on(self, bars: Bars) -> bool:
        """Fold the next stored trades into bars. False when there were no more than that."""
        found = selectors.matches(market=self.market, after=bars.last, until=None, most=self.chunk, using=self._using)
        bars.take_in(selectors.settled_days(market=self.market, using=self._using))  # all that came before the trades
        bars.take_in(found)
        return len(found) == self.chunk

    def write(self, bars: Sequence[Bar], trade: int) -> bool:
        """Store bars, which go up to a trade now. False when somebody else has written since this one loaded or wrote
        last; then nothing was written."""
        with self._write():
            rows = Watermark.objects.using(self._using).filter(market=self.market, trade=self._mark.trade)
            if not rows.filter(rebuilds=self._mark.rebuilds).update(trade=trade):
                return False
            self._upsert(bars)
        self._mark = Mark(trade, self._mark.rebuilds)
        return True

    def close(self) -> None:
        """Give the connection of this thread back."""
        connections[self._using].close()

    # -- for rebuilds

    def mark(self) -> Mark:
        """How far stored bars go."""
        return selectors.mark(market=self.market, using=self._using)

    def correct(self, instrument_id: str, period: Period, after: int, until: int | None, right: Sequence[Bar]) -> int:
        """Make the stored bars that start after one moment, up to another (None: all), what is right; returns how many
        were not. Where all are, nobody has to wait."""
        rows = BarRow.objects.using(self._using).filter(instrument=instrument_id, period=period, start__gt=after)
        if until is not None:
            rows = rows.filter(start__lte=until)
        stored = {bar.start: bar for bar in selectors.bars_of(rows)}
        wrong = [bar for bar in right if stored.get(bar.start) != bar]
        strange = stored.keys() - {bar.start for bar in right}
        if wrong or strange:
            with self._write():
                self._upsert(wrong)
                for start in strange:
                    rows.filter(start=start).delete()
        return len(wrong) + len(strange)

    @contextmanager
    def alone(self) -> Iterator[Mark]:
        """Nobody else stores bars meanwhile. Yields how far they go."""
        self._ensure_mark()
        with self._write():
            Watermark.objects.using(self._using).select_for_update().get(market=self.market)
            yield self.mark()

    def rebuilt(self, trade: int) -> None:
        """The stored bars are right up to a trade: whoever keeps them reads them anew."""
        rows = Watermark.objects.using(self._using).filter(market=self.market)
        rows.update(trade=trade, rebuilds=F("rebuilds") + 1)

    # -- within

    def _ensure_mark(self) -> None:
        Watermark.objects.using(self._using).get_or_create(market_id=self.market)

    @contextmanager
    def _write(self) -> Iterator[None]:
        """A transaction that does not wait for the disk."""
        connection: Any = connections[self._using]
        sqlite = connection.vendor == "sqlite"
        if sqlite and not connection.in_atomic_block:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA synchronous = NORMAL")
        with transaction.atomic(using=self._using):
            if not sqlite:
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL synchronous_commit = OFF")
            yield

    def _upsert(self, bars: Sequence[Bar]) -> None:
        quote = connections[self._using].ops.quote_name
        with connections[self._using].cursor() as cursor:
            for at in range(0, len(bars), ROWS):
                part = bars[at : at + ROWS]
                values = [value for bar in part for value in BAR.row(bar)]
                cursor.execute(TABLE.sql(quote, "%s", len(part)), values)
