"""A backup is one moment, whole, checked and for its owner only; whatever goes wrong leaves nothing behind."""

import os
import re
import resource
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.builders import Founded
from trading.models import Market
from trading.storage import backup

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
def elsewhere(market: Founded, tmp_path: Path) -> Iterator[Path]:
    """A folder with a copy of the market's database, which is Django's for as long as the test takes."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "market.sqlite3")) as copy:
        connection.ensure_connection()
        connection.connection.backup(copy)
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(folder / "market.sqlite3")
    yield folder
    connection.close()
    connection.settings_dict["NAME"] = before


def ask(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


def test_a_backup_is_one_whole_file_for_its_owner_only(market: Founded, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "in" / "copy.sqlite3"
    out = StringIO()
    call_command("backup", str(target), stdout=out)
    batch = Market.objects.get().batch
    assert out.getvalue() == f"{target}  {target.stat().st_size:,} bytes  market MAIN at batch {batch}\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(target.parent.iterdir()) == [target], "nothing beside it"
    assert ask(target, "PRAGMA journal_mode") == [("delete",)], "it needs no file beside it"
    assert ask(target, "SELECT count(*) FROM trading_account") == [(3,)]


def test_without_a_name_it_goes_to_the_data_folder_under_the_time(
    market: Founded, tmp_path: Path, settings: Any
) -> None:
    settings.DATA_DIR = tmp_path
    call_command("backup", stdout=StringIO())
    (made,) = tmp_path.glob("backups/*")
    assert re.fullmatch(r"bourse-\d{8}T\d{6}Z\.sqlite3", made.name)
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    moment = datetime.fromisoformat("2024-01-31T23:30:00-05:00")
    assert backup.default_path(tmp_path, moment).name == "bourse-20240201T043000Z.sqlite3"


def test_it_is_one_moment_and_comes_to_an_end_however_much_is_committed_meanwhile(
    elsewhere: Path, tmp_path: Path
) -> None:
    source = elsewhere / "market.sqlite3"
    change(source, "PRAGMA journal_mode = WAL")
    (pages,), (batch,) = ask(source, "PRAGMA page_count")[0], ask(source, "SELECT batch FROM trading_market")[0]
    steps: list[float] = []

    def commit_meanwhile(seconds: float) -> None:
        steps.append(seconds)
        assert len(steps) <= pages + 1, "it begins anew with every commit"
        change(source, "UPDATE trading_market SET batch = batch + 1")

    made = backup.back_up(tmp_path / "copy.sqlite3", "MAIN", pages=1, sleep=commit_meanwhile)
    assert len(steps) >= pages
    assert (made.batch, ask(made.path, "SELECT batch FROM trading_market")) == (batch, [(batch,)])
    assert ask(source, "SELECT batch FROM trading_market") == [(batch + len(steps),)]


def test_it_has_its_name_when_it_is_on_the_disk_and_not_before(
    market: Founded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, told = tmp_path / "copy.sqlite3", []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (told.append(target.exists()), fsync(number)))  # type: ignore[func-returns-value]
    backup.back_up(target, "MAIN")
    assert told == [False, True], "first the file, then, under its name, the folder"


# --- refusals


def refused(target: Path, why: str) -> None:
    before = sorted(target.parent.iterdir()) if target.parent.is_dir() else None
    with pytest.raises(CommandError, match=why):
        call_command("backup", str(target))
    assert (sorted(target.parent.iterdir()) if target.parent.is_dir() else None) == before, "something was left behind"


def test_nothing_is_overwritten(market: Founded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "copy.sqlite3"
    target.write_text("mine")
    refused(target, "exists already; nothing is overwritten")
    refused(Path(connection.settings_dict["NAME"]), "exists already")
    target.unlink()
    monkeypatch.setattr(backup, "_check", lambda copy: target.write_text("somebody's"))
    with pytest.raises(backup.BackupFailed, match="meanwhile"):
        backup.back_up(target, "MAIN")
    assert target.read_text() == "somebody's"


def test_where_it_cannot_be_written_it_says_so(market: Founded, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    refused(tmp_path / "file" / "copy.sqlite3", "could not be made")


def test_a_full_disk_leaves_nothing_behind(market: Founded, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    try:
        refused(tmp_path / "copy.sqlite3", "could not be made: .*(disk|full)")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_database_that_is_not_there_is_not_made(elsewhere: Path, tmp_path: Path) -> None:
    (elsewhere / "market.sqlite3").unlink()
    refused(tmp_path / "copy.sqlite3", "There is no database")
    assert list(elsewhere.iterdir()) == []


def test_a_database_without_tables_is_no_exchange(elsewhere: Path, tmp_path: Path) -> None:
    change(elsewhere / "market.sqlite3", "DROP TABLE trading_market")
    refused(tmp_path / "copy.sqlite3", "no such table: trading_market")


def test_a_damaged_database_is_not_taken_for_a_backup(elsewhere: Path, tmp_path: Path) -> None:
    source = elsewhere / "market.sqlite3"
    ((page,),) = ask(source, "SELECT rootpage FROM sqlite_master WHERE name = 'order_of_account'")
    ((size,),) = ask(source, "PRAGMA page_size")
    with source.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 64)
    refused(tmp_path / "copy.sqlite3", "The database is damaged, keep the backups that you have")


def test_a_row_that_refers_to_nothing_is_damage(elsewhere: Path, tmp_path: Path) -> None:
    change(elsewhere / "market.sqlite3", "DELETE FROM trading_instrument", "DELETE FROM trading_market")
    refused(tmp_path / "copy.sqlite3", r"row \d+ of trading_account refers to nothing")


def test_postgresql_has_its_own_tool(market: Founded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "vendor", "postgresql")
    database = {"NAME": "bourse", "USER": "me", "PASSWORD": "secret", "HOST": "db", "PORT": 5433}
    for name, value in database.items():
        monkeypatch.setitem(connection.settings_dict, name, value)
    with pytest.raises(backup.BackupFailed) as error:
        backup.back_up(tmp_path / "copy.sqlite3", "MAIN")
    command = "pg_dump --format=custom --file=bourse.dump --host=db --port=5433 --username=me bourse"
    assert str(error.value).endswith(command)


def test_a_market_that_is_yet_to_be_founded_stands_at_nothing(elsewhere: Path, tmp_path: Path) -> None:
    assert backup.back_up(tmp_path / "copy.sqlite3", "OTHER").batch == 0
