"""Whether the open files are the named ones: what was removed or replaced is noticed, what only grows is not."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from trading.storage.database_files import SUFFIXES, DatabaseFiles
from trading.worker.batch import FilesReplaced


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "some.sqlite3"


@pytest.fixture
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
        yield connection


@pytest.fixture
def files(database: Path, opened: sqlite3.Connection) -> DatabaseFiles:
    found = DatabaseFiles(database)
    found.remember()
    return found


def test_work_on_the_files_changes_nothing(files: DatabaseFiles, opened: sqlite3.Connection, database: Path) -> None:
    files.check()
    for _ in range(100):
        opened.execute("INSERT INTO t VALUES (randomblob(1000))")
    opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(sqlite3.connect(database)) as other:
        other.execute("SELECT count(*) FROM t").fetchone()
    files.check()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_removed_is_missed(files: DatabaseFiles, database: Path, suffix: str) -> None:
    name = f"{database}{suffix}"
    os.unlink(name)
    with pytest.raises(FilesReplaced, match=f"{name} was removed or replaced while it was in use"):
        files.check()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_of_the_same_content_is_another(files: DatabaseFiles, database: Path, suffix: str) -> None:
    name, copy = f"{database}{suffix}", f"{database}.copy"
    shutil.copy2(name, copy)
    os.replace(copy, name)
    with pytest.raises(FilesReplaced):
        files.check()


def test_after_a_commit_the_log_alone_is_looked_at(files: DatabaseFiles, database: Path) -> None:
    os.unlink(f"{database}-shm")
    files.check_log()
    os.unlink(f"{database}-wal")
    with pytest.raises(FilesReplaced):
        files.check_log()


def test_between_connections_only_the_database_must_stay(
    files: DatabaseFiles, opened: sqlite3.Connection, database: Path
) -> None:
    opened.close()
    assert not Path(f"{database}-wal").exists()
    files.forget_connection()
    files.check()
    database.rename(f"{database}.moved")
    with pytest.raises(FilesReplaced):
        files.check()


def test_what_is_gone_and_what_is_in_place(files: DatabaseFiles, opened: sqlite3.Connection, database: Path) -> None:
    """Where something new stands in the log's place, nobody knows which of the two is right."""
    log = Path(f"{database}-wal")
    opened.execute("INSERT INTO t VALUES (1)")
    assert files.in_place() and files.log_in_place() and not files.log_is_gone()
    log.unlink()
    assert files.in_place() and not files.log_in_place() and files.log_is_gone()
    log.touch()
    assert files.log_is_gone()
    log.write_bytes(b"frames")
    assert not files.log_is_gone() and not files.log_in_place()
    database.rename(f"{database}.moved")
    assert not files.in_place()
