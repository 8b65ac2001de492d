"""Whatever the folder and the umask are: the database and all that lies beside it is its owner's alone."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from exchange_site.security.private_files import keep_private
from tests.e2e.server import ROOT, environment_of

pytestmark = pytest.mark.slow


def modes(folder: Path) -> dict[str, str]:
    return {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in folder.iterdir() if file.is_file()}


def test_a_new_database_and_what_sqlite_puts_beside_it(tmp_path: Path) -> None:
    database = tmp_path / "some.sqlite3"
    before = os.umask(0)
    try:
        keep_private(database)
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE t (x)")
            assert modes(tmp_path) == dict.fromkeys(("some.sqlite3", "some.sqlite3-wal", "some.sqlite3-shm"), "0o600")
    finally:
        os.umask(before)


def test_one_of_an_earlier_release_loses_what_others_may(tmp_path: Path) -> None:
    names = [f"some.sqlite3{suffix}" for suffix in ("", "-wal", "-shm", "-journal")]
    for name in names:
        (tmp_path / name).write_bytes(b"kept")
        (tmp_path / name).chmod(0o664)
    (tmp_path / "another").write_bytes(b"")
    (tmp_path / "another").chmod(0o644)
    keep_private(tmp_path / "some.sqlite3")
    assert modes(tmp_path) == {**dict.fromkeys(names, "0o600"), "another": "0o644"}
    assert all((tmp_path / name).read_bytes() == b"kept" for name in names)


def test_one_that_is_read_only_stays_so(tmp_path: Path) -> None:
    (tmp_path / "some.sqlite3").touch()
    (tmp_path / "some.sqlite3").chmod(0o444)
    keep_private(tmp_path / "some.sqlite3")
    assert modes(tmp_path) == {"some.sqlite3": "0o400"}


def test_where_there_is_no_folder_nothing_is_made(tmp_path: Path) -> None:
    keep_private(tmp_path / "nowhere" / "some.sqlite3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", [None, "sqlite:///{folder}/elsewhere.sqlite3"])
def test_the_commands_make_private_files_in_a_folder_for_everybody(url: str | None, tmp_path: Path) -> None:
    """A database, a backup and the engine's lock, under a umask that forbids nothing."""
    tmp_path.chmod(0o777)
    extra = {} if url is None else {"DATABASE_URL": url.format(folder=tmp_path)}
    for words in (("migrate", "--verbosity", "0"), ("open_account", "user001"), ("backup", str(tmp_path / "copy"))):
        subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=environment_of(tmp_path, extra),
            check=True,
            umask=0,
            timeout=120,
            stdout=subprocess.DEVNULL,
        )
    found = modes(tmp_path)
    assert set(found.values()) == {"0o600"}, found
    assert {"copy", "secret_key"} < set(found) and len(found) == 4, found
