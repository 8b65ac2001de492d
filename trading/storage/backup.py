"""A backup of a running exchange: one moment of its SQLite database, copied while the engine goes on committing.

The copy gets its name only when it is complete, checked and on the disk.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from django.db import connections

PAGES = 1_000
"""Pages (4 kB each) that are copied between two pauses: a few milliseconds of a disk."""
PAUSE = 0.005
"""Seconds between two steps, in which the disk is the engine's alone."""
PATIENCE = 30.0
"""Seconds to wait for whoever holds the database."""


class BackupFailed(Exception):
    """There is no backup; nothing was left behind."""


class Backup(msgspec.Struct, frozen=True):
    """A finished one. `batch`: the market's last commit that is in it."""

    path: Path
    size: int
    batch: int


def default_path(folder: Path, now: datetime) -> Path:
    """Where a backup goes that is given no name."""
    return folder / "backups" / f"bourse-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.sqlite3"


def back_up(
    target: Path,
    market: str,
    using: str = "default",
    *,
    pages: int = PAGES,
    sleep: Callable[[float], object] = time.sleep,
) -> Backup:
    """Copy the database to `target`, which must not be there yet."""
    source = _database(using)
    if target.exists():
        raise BackupFailed(f"{target} exists already; nothing is overwritten")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _unnamed(target) as unfinished:
            batch = _copy(source, unfinished, market, pages, sleep)
            put_on_disk(unfinished)
            if target.exists():
                raise BackupFailed(f"{target} was made by somebody else meanwhile; nothing is overwritten")
            unfinished.rename(target)
            put_on_disk(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"{target} could not be made: {error}") from error
    return Backup(target, target.stat().st_size, batch)


def _database(using: str) -> Path:
    connection: Any = connections[using]
    if connection.vendor != "sqlite":
        raise BackupFailed(f"This database is not SQLite; use its own tool: {_dump_command(connection.settings_dict)}")
    path = Path(str(connection.settings_dict["NAME"]))
    if not path.is_file():
        raise BackupFailed(f"There is no database {path}")
    return path


def _dump_command(database: dict[str, Any]) -> str:
    """The password is asked for, or comes from ~/.pgpass."""
    options = {"host": database["HOST"], "port": database["PORT"], "username": database["USER"]}
    words = [f"--{name}={value}" for name, value in options.items() if value]
    return " ".join(["pg_dump --format=custom --file=bourse.dump", *words, str(database["NAME"])])


@contextmanager
def _unnamed(target: Path) -> Iterator[Path]:
    """An empty file beside `target`, for its owner only; gone afterwards, unless it has got its name."""
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(number)
    unfinished = Path(name)
    try:
        yield unfinished
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            Path(f"{unfinished}{suffix}").unlink(missing_ok=True)


def _copy(source: Path, target: Path, market: str, pages: int, sleep: Callable[[float], object]) -> int:
    """Copy one moment; the market's batch number in it."""
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, timeout=PATIENCE)) as original,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        # A transaction of its own keeps the moment. Without it every commit of the engine would start the copy anew.
        original.execute("BEGIN")
        batch = _batch(original, market)
        copy.execute("PRAGMA synchronous = OFF")  # it is put on the disk at the end, once
        original.backup(copy, pages=pages, progress=lambda *_: sleep(PAUSE))
        _check(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without others beside it
    return batch


def _batch(database: sqlite3.Connection, market: str) -> int:
    row = database.execute("SELECT batch FROM trading_market WHERE code = ?", (market,)).fetchone()
    return int(row[0]) if row else 0


def _check(copy: sqlite3.Connection) -> None:
    """The copy has every page of the original: what is broken here is broken there."""
    try:
        found = [line for (line,) in copy.execute("PRAGMA integrity_check(3)") if line != "ok"]
        broken = copy.execute("PRAGMA foreign_key_check").fetchmany(3)
    except sqlite3.DatabaseError as error:
        found, broken = [str(error)], []
    found += [f"row {row} of {name} refers to nothing" for name, row, *_ in broken]
    if found:
        raise BackupFailed(
            f"The database is damaged, keep the backups that you have: {'; '.join(found[:3])}"
            " (docs/operations.md, Backup and restore)"
        )


def put_on_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
