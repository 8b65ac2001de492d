"""Settled days go into files: written, put on the disk, named, recorded, and only then taken out of the tables.

Killed at any step it loses nothing and does nothing twice: a file that nobody has recorded is made anew, and one that
is recorded is what the rest of its rows are removed by.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.models import Model

from trading.core.commands import Settle
from trading.core.engine import Engine
from trading.core.snapshot.records import Snapshot
from trading.models import ArchiveFile, JournalBatch, LedgerEntry, Order, SettlementPrice, Trade
from trading.storage import mapping
from trading.storage.archive import files
from trading.storage.archive.files import ArchiveFailed, Part
from trading.storage.archive.history import History, Played, play
from trading.storage.archive.removal import PORTION, archived, portions, remove

FORMAT = 1
MANY = 1_000
"""Rows of a part of a file."""
TABLES: dict[type[Model], tuple[str, str]] = {
    JournalBatch: ("journal", "number"),
    Order: ("orders", "id"),
    Trade: ("trades", "trade_id"),
    LedgerEntry: ("ledger", "id"),
}
"""What the tables are called in a file, and the key of their rows."""


class Archiver:
    """Archives one market. `portion`: rows that are removed at once; then the database is left to others for as long as
    that took, by `sleep`. `step` hears of every other step before it is taken."""

    def __init__(
        self,
        market: str,
        folder: Path,
        using: str = "default",
        *,
        portion: int = PORTION,
        sleep: Callable[[float], object] = time.sleep,
        step: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.market = market
        self.history = History(market, folder, using)
        self._using = using
        self._portion = portion
        self._sleep = sleep
        self._step = step

    def run(self, keep: int) -> list[ArchiveFile]:
        """Finish what was begun, then archive the settled days but the newest `keep`; the files that were made."""
        made = []
        with self._alone():
            for file in self.history.files():
                if not file.removed:
                    self._remove(file)
            while (next_file := self._next(keep)) is not None:
                self._remove(next_file)
                made.append(next_file)
        return made

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process archives this market here."""
        path = self.history.path(".lock")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ArchiveFailed(f"market {self.market} is being archived by another process") from None
            yield

    def _remove(self, file: ArchiveFile) -> None:
        self.history.checked(file)
        remove(file, self._using, self._portion, self._sleep)

    # -- one file

    def _next(self, keep: int) -> ArchiveFile | None:
        """Make the file of the next day that may be archived, and record it."""
        may_go = _days_to_go(self.market, keep, self._using)
        if not may_go:
            return None
        engine, last = self.history.newest_state()
        opening = engine.snapshot()
        file = self._play(engine, last, may_go[-1])
        if file is None:
            return None
        closing = engine.snapshot()
        if Engine.restore(closing).state_hash() != file.state_hash:
            raise ArchiveFailed(f"the state after day {file.day} is not restored as it was; nothing was archived")
        self._step("write")
        path = self.history.path(file.name)
        file.sha256 = files.write(path, self._parts(file, opening, closing))
        file.size = path.stat().st_size
        self._step("record")
        file.save(using=self._using)
        return file

    def _play(self, engine: Engine, last: int, latest_day: int) -> ArchiveFile | None:
        """Play the journal up to the commit that settled a day. What it needs to know of it, if the market has gone on
        since: the next commit says what came before it."""
        settled: tuple[int, Played] | None = None
        for batch in self.history.batches(after=last):
            if settled is not None:
                day, end = settled
                return ArchiveFile(
                    market_id=self.market,
                    day=day,
                    name=f"{self.market}-{day}.msgpack.zst",
                    first_batch=last + 1,
                    last_batch=end.number,
                    until=batch.time,
                    state_hash=engine.state_hash(),
                )
            play(engine, batch)
            days = [command.day for command in batch.commands if isinstance(command, Settle)]
            if days and days[-1] <= latest_day:
                settled = days[-1], batch
            elif days:
                return None
        return None

    def _parts(self, file: ArchiveFile, opening: Snapshot, closing: Snapshot) -> Iterator[Part]:
        about = {
            "format": FORMAT,
            "market": self.market,
            "day": file.day,
            "first_batch": file.first_batch,
            "last_batch": file.last_batch,
            "until": file.until,
            "state_hash": file.state_hash,
        }
        yield "about", list(about), [list(about.values())]
        yield files.snapshot_part("opening", opening)
        for model, rows in archived(file, self._using).items():
            name, key = TABLES[model]
            columns = _columns(model, key)
            for found in portions(rows, key, columns, MANY):
                yield name, columns, _commands_read(found) if model is JournalBatch else found
        yield files.snapshot_part("closing", closing)


def is_due(market: str, keep: int, using: str = "default") -> bool:
    """Whether settled days are in the tables beside the newest `keep`, or rows of one that has its file."""
    half_done = ArchiveFile.objects.using(using).filter(market=market, removed=False)
    return half_done.exists() or bool(_days_to_go(market, keep, using))


def _days_to_go(market: str, keep: int, using: str) -> list[int]:
    days = SettlementPrice.objects.using(using).filter(instrument__market=market)
    newest = ArchiveFile.objects.using(using).filter(market=market).order_by("-day").first()
    open_days = sorted(set(days.filter(day__gt=newest.day if newest else 0).values_list("day", flat=True)))
    return open_days[: max(0, len(open_days) - keep)]


def _columns(model: type[Model], key: str) -> list[str]:
    """All columns, the key first; the journal without what the file says of it anyway."""
    if model is JournalBatch:
        return ["number", "epoch", "time", "commands"]
    others = [field.attname for field in model._meta.concrete_fields if field.attname != key]
    return [key, *others]


def _commands_read(rows: list[tuple[Any, ...]]) -> list[Any]:
    return [(*row[:-1], mapping.commands_of(row[-1])) for row in rows]


def give_back(using: str) -> int | None:
    """Give the space of removed rows back to the file system: SQLite writes its file anew, and nobody can commit
    meanwhile. The bytes that were given back; None on PostgreSQL, which uses the space again by itself."""
    connection: Any = connections[using]
    if connection.vendor != "sqlite":
        return None
    with connection.cursor() as cursor:
        size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        cursor.execute(size)
        (before,) = cursor.fetchone()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute(size)
        (after,) = cursor.fetchone()
    return int(before - after)
