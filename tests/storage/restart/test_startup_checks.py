"""No engine starts on a damaged or half-restored database: it names the check that failed, and what to do."""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from channels.layers import channel_layers
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from exchange_site.wiring.exchange import Exchange
from tests.builders import NO_ACCOUNT, TRADERS, Books, founding, make_users
from tests.documents.test_docs import OPERATIONS, rows_of
from tests.made_once import migrated_database
from tests.storage.histories import History, new_books
from trading.core.codes import Code
from trading.core.commands import Deposit
from trading.core.events import Refused
from trading.delivery.channel_layer import InProcessLayer
from trading.models import Instrument, JournalBatch, Market, Order, Position, Trade
from trading.operators import inline_engine, requests
from trading.storage import startup_checks
from trading.storage.reconciliation import replay_journal
from trading.storage.startup_checks import Check, Damaged, diagnosis
from trading.storage.store import Store
from trading.worker.batch import OperatorAnswer

RELIABILITY = (Path(__file__).resolve().parents[3] / "docs/reliability.md").read_text()
pytestmark = pytest.mark.sqlite_only


# --- databases


@contextmanager
def at(path: Path) -> Iterator[Path]:
    """Django's database is this file."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(path)
    try:
        yield path
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


class Histories(msgspec.Struct):
    """Two backups of one market, and one of tables without rows."""

    empty: Path
    older: Path
    newer: Path


SEED = 9
"""Of a history in which each table differs from its older self as `DAMAGES` tells, and live orders can be damaged."""


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> Histories:
    folder = tmp_path_factory.mktemp("histories")
    found = Histories(folder / "empty", folder / "older", folder / "newer")
    shutil.copy(migrated_database(), folder / "market")
    with django_db_blocker.unblock(), at(folder / "market"):
        copy(folder / "market", found.empty)
        make_users([*TRADERS, NO_ACCOUNT])
        history = History(new_books(), SEED)
        while not found.newer.exists():
            history.play(40)
            if history.seen["Settle"] and Trade.objects.exists() and not found.older.exists():
                copy(folder / "market", found.older)
            elif Position.objects.exclude(long_today=0, long_his=0).exists() and history.books.engine.state.orders:
                copy(folder / "market", found.newer)
    return found


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as made:
        original.backup(made)
        made.execute("PRAGMA journal_mode = DELETE")


@pytest.fixture
def database(histories: Histories, tmp_path: Path, django_db_blocker: Any) -> Iterator[Path]:
    """The newer history, to be damaged."""
    path = tmp_path / "market.sqlite3"
    shutil.copy(histories.newer, path)
    with django_db_blocker.unblock(), at(path):
        yield path


async def start(caplog: pytest.LogCaptureFixture) -> tuple[str | None, list[str]]:
    """What an exchange says that is started: why it is not ready, and what its log calls critical."""
    caplog.clear()
    channel_layers.set("default", InProcessLayer(100))
    exchange = Exchange.from_settings()
    await exchange.ensure_started()
    try:
        said = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
        return exchange.not_ready_because, said
    finally:
        await exchange.stop()


# --- damages


def run(path: Path, *statements: str, **attached: Path) -> None:
    """Statements without foreign keys, as `sqlite3` in a shell would run them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        for name, other in attached.items():
            file.execute(f"ATTACH '{other}' AS {name}")
        for statement in statements:
            assert file.execute(statement).rowcount != 0, f"{statement} changes nothing"


Damage = Callable[[Path, Histories], object]


def from_older(table: str) -> Damage:
    """One table as it was in an older backup."""
    name = f"trading_{table}"

    def restore(path: Path, histories: Histories) -> None:
        with closing(sqlite3.connect(path)) as file:
            columns = ", ".join(column for _, column, *_ in file.execute(f"PRAGMA table_info({name})"))
        copied = f"INSERT INTO {name} ({columns}) SELECT {columns} FROM older.{name}"
        run(path, f"DELETE FROM {name}", copied, older=histories.older)

    return restore


def sql(*statements: str) -> Damage:
    return lambda path, _: run(path, *statements)


def overwritten(at_page_of: str) -> Damage:
    """Garbage in the middle of a page: all but the head of the first one of a table or an index."""

    def damage(path: Path, _: Histories) -> None:
        with closing(sqlite3.connect(path)) as file:
            ((size,),) = file.execute("PRAGMA page_size")
            ((page,),) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (at_page_of,))
        write(path, (page - 1) * size + 16, b"\xa5" * (size - 16))

    return damage


def write(path: Path, place: int, words: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(words)


def garbage_at_the_end_of_pushes(path: Path, _: Histories) -> None:
    """The pages that the newest kept pushes lie on; nothing that an engine loads is there."""
    with closing(sqlite3.connect(path)) as file:
        ((size,),) = file.execute("PRAGMA page_size")
        pages = file.execute(
            "SELECT pageno FROM dbstat WHERE name = 'trading_pushbatch' AND pagetype = 'leaf' ORDER BY path DESC"
        ).fetchmany(3)
    assert pages
    for (page,) in pages:
        write(path, (page - 1) * size, b"\xa5" * size)


def cut(share: float) -> Damage:
    def damage(path: Path, _: Histories) -> None:
        with path.open("r+b") as file:
            file.truncate(int(path.stat().st_size * share))

    return damage


def a_folder_instead(path: Path, _: Histories) -> None:
    path.unlink()
    path.mkdir()


LAST = "(SELECT max(number) FROM trading_journalbatch)"
DAMAGES: dict[str, tuple[Damage, Check, str]] = {
    "the accounts are older": (from_older("account"), Check.STATE, "gains and losses do not cancel out"),
    "the orders are older": (from_older("order"), Check.STATE, "lots are held than there are"),
    "the positions are older": (from_older("position"), Check.STATE, ""),
    "the trades are older": (from_older("trade"), Check.HISTORY, "the newest trade is of"),
    "the instruments are older": (from_older("instrument"), Check.ACCOUNTS, "margin and hold of account"),
    "the market is older": (from_older("market"), Check.JOURNAL, "the journal ends at batch"),
    "the journal is older": (from_older("journalbatch"), Check.JOURNAL, "the journal ends at batch"),
    "the ledger is older": (from_older("ledgerentry"), Check.HISTORY, "is not booked"),
    "the last batch is gone": (
        sql(f"DELETE FROM trading_journalbatch WHERE number = {LAST}"), Check.JOURNAL, "the journal ends at batch",
    ),
    "a batch is gone": (
        sql(f"DELETE FROM trading_journalbatch WHERE number = {LAST} - 7"), Check.JOURNAL, "is missing, the last one",
    ),
    "the whole journal is gone": (sql("DELETE FROM trading_journalbatch"), Check.JOURNAL, "ends at batch 0"),
    "an account's margin is another": (
        sql("UPDATE trading_account SET margin = margin + 1"), Check.ACCOUNTS, "margin and hold of account 1 are",
    ),
    "an account's hold is another": (
        sql("UPDATE trading_account SET hold = hold + 1 WHERE id = 2"), Check.ACCOUNTS, "of account 2 are",
    ),
    "an account opened with something else": (
        sql("UPDATE trading_account SET pre_balance = pre_balance + 1 WHERE id = 3"), Check.STATE, "opening balances",
    ),
    "an account is gone": (sql("DELETE FROM trading_account WHERE id = 1"), Check.STATE, "long lots are not short"),
    "an instrument is gone": (sql("DELETE FROM trading_instrument"), Check.ROWS, "KeyError: 'I"),
    "lots come from nowhere": (
        sql("UPDATE trading_position SET long_today = long_today + 1, long_today_cost = long_today_cost + 1"),
        Check.STATE, "long lots are not short lots",
    ),
    "a position's margin is another": (
        sql("UPDATE trading_position SET short_margin = short_margin + 1"), Check.POSITIONS, "follow as",
    ),
    "an order is filled that was not": (
        sql("UPDATE trading_order SET filled = filled + 1 WHERE status = 'Submitted' AND volume > 1"), Check.STATE, "",
    ),
    "an order is gone": (
        sql("DELETE FROM trading_order WHERE status = 'Submitted' AND offset = 'OPEN'"), Check.ACCOUNTS, "hold",
    ),
    "an order has a status of no version": (
        sql("PRAGMA ignore_check_constraints = on", "UPDATE trading_order SET order_type = 'ICE'"), Check.ROWS, "'ICE'",
    ),
    "an order is younger than the market": (
        sql("UPDATE trading_market SET last_id = (SELECT max(id) FROM trading_order) - 1"), Check.NUMBERS, "counted to",
    ),
    "a table is gone": (sql("DROP TABLE trading_holiday"), Check.TABLES, "there is no table trading_holiday"),
    "a migration is to come": (
        sql("DELETE FROM django_migrations WHERE app = 'trading' AND name = '0002_trading_days'"),
        Check.TABLES, "not applied: trading.0002_trading_days",
    ),
    "the file is empty": (cut(0), Check.TABLES, "not applied: "),
    "the file is cut in half": (cut(0.5), Check.FILE, ""),
    "the file lacks its end": (cut(0.98), Check.FILE, ""),
    "the head of the file is garbage": (lambda path, _: write(path, 0, b"garbage " * 8), Check.FILE, "not a database"),
    "a page of the orders is garbage": (overwritten("trading_order"), Check.FILE, ""),
    "a page of the journal is garbage": (overwritten("trading_journalbatch"), Check.FILE, ""),
    "a page of an index is garbage": (overwritten("order_live"), Check.FILE, ""),
    "the head of the kept pushes is garbage": (overwritten("trading_pushbatch"), Check.FILE, ""),
    "the last pages of the kept pushes are garbage": (garbage_at_the_end_of_pushes, Check.FILE, ""),
    "it is a folder": (a_folder_instead, Check.ACCESS, "unable to open"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
async def test_no_engine_starts_on_a_damaged_database(
    database: Path, histories: Histories, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    make, check, found = DAMAGES[damage]
    make(database, histories)
    reason, said = await start(caplog)
    assert reason == f"The engine did not start: check {check} failed; see the server's log.", said
    (line,) = said
    assert line.startswith("the market cannot be loaded: check ")
    assert found in line and line.endswith(f"{check.advice}.")


@pytest.mark.parametrize("history", ["empty", "older", "newer"])
async def test_an_engine_starts_on_a_whole_backup(
    database: Path, histories: Histories, history: str, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(getattr(histories, history), database)
    assert await start(caplog) == (None, [])


async def test_when_the_cause_is_gone_the_next_start_is_as_ever(
    database: Path, histories: Histories, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(database, database.with_suffix(".good"))
    cut(0.5)(database, histories)
    assert (await start(caplog))[0] is not None
    for beside in ("-wal", "-shm"):
        Path(f"{database}{beside}").unlink(missing_ok=True)
    shutil.copy(database.with_suffix(".good"), database)
    assert await start(caplog) == (None, [])


async def test_a_database_that_others_hold_is_said_to_be_held(
    database: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.01)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        reason, (line,) = await start(caplog)
        other.execute("ROLLBACK")
    assert reason is not None and "check access failed" in reason
    assert "database is locked" in line


def test_nothing_is_written_to_a_file_that_is_damaged(database: Path, histories: Histories) -> None:
    overwritten("trading_trade")(database, histories)
    before = database.read_bytes()
    with pytest.raises(Damaged, match="check file failed"):
        Store("MAIN").examine()
    connection.close()
    assert database.read_bytes()[100:] == before[100:], "all but the head, which says how it is journalled"


def test_a_large_file_is_not_read_page_by_page(database: Path, histories: Histories) -> None:
    overwritten("trading_riskevent")(database, histories)
    startup_checks.check_database(quick_check_bytes=database.stat().st_size - 1)
    with pytest.raises(Damaged):
        startup_checks.check_database(quick_check_bytes=database.stat().st_size)


def test_what_stands_in_a_name_is_out_of_reach(database: Path) -> None:
    """SQLite has no checksums: a letter that became another one is seen by whoever reads it (docs/reliability.md)."""
    name = Instrument.objects.latest("pk").name
    connection.close()
    content = database.read_bytes()
    place = content.index(name.encode())
    write(database, place, b"X")
    books = Books()
    books.store.examine()
    books.store.verify(books.engine)
    assert Instrument.objects.filter(name=f"X{name[1:]}").exists()
    assert "out of their reach" in RELIABILITY


def test_only_the_end_of_the_journal_is_looked_at(database: Path) -> None:
    books, batch = Books(), Market.objects.get().batch
    JournalBatch.objects.filter(number=batch - 5).delete()
    startup_checks.check_market("MAIN", books.engine, look_back=5)
    with pytest.raises(Damaged, match=f"batch {batch - 5} is missing"):
        startup_checks.check_market("MAIN", books.engine, look_back=6)


def test_the_shell_is_no_engine_on_a_damaged_database(database: Path) -> None:
    run(database, f"DELETE FROM trading_journalbatch WHERE number = {LAST}")
    row = requests.ask(Deposit("user001", 5), market="MAIN")
    with pytest.raises(Damaged, match="check journal failed"):
        inline_engine.run_engine_inline("MAIN")
    row.refresh_from_db()
    assert row.status == "PENDING"


# --- what is whole passes


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(6))
def test_every_commit_leaves_a_database_that_passes(seed: int) -> None:
    make_users([*TRADERS, NO_ACCOUNT])
    books = new_books()
    history = History(books, seed)
    for _ in range(25):
        history.play(3)
        books.load()
        books.store.verify(books.engine)


@pytest.mark.django_db
def test_a_commit_without_commands_has_its_row_in_the_journal_too() -> None:
    make_users([*TRADERS, NO_ACCOUNT])
    books = new_books()
    row = requests.ask(Deposit("nobody", 5), market="MAIN")
    batch = books.batch_of([], [])
    batch.operator_answers.append(OperatorAnswer(row.pk, Refused(Code.ACCOUNT_NOT_FOUND, "nobody")))
    books.store.commit(batch)
    books.store.verify(books.engine)
    assert JournalBatch.objects.latest("number").number == batch.number


@pytest.mark.django_db
def test_another_market_beside_it_is_no_damage() -> None:
    make_users([*TRADERS, NO_ACCOUNT])
    books = new_books()
    History(books, 1).play(40)
    assert Order.objects.exists() and Trade.objects.exists()
    other = Books("OTHER")
    other.store.verify(other.engine)


def batches_without_commands(books: Books) -> list[int]:
    return [number for number, (_, commands) in enumerate(books.store.journal(), start=1) if not commands]


@pytest.mark.slow
def test_holes_of_refused_commands_in_an_old_journal_are_filled(transactional_db: None) -> None:
    make_users([*TRADERS, NO_ACCOUNT])
    books = Books()
    books.commit(*founding()[1:])  # under the rules of then
    history = History(books, 1)
    for holes in (1, 2, 1):
        history.play(3)
        for _ in range(holes):
            books.commit()
    refused = batches_without_commands(books)
    assert len(refused) >= 4 and books.number in refused
    executor = MigrationExecutor(connection)
    executor.migrate([("trading", "0003_pushes")])
    JournalBatch.objects.filter(number__in=refused).delete()
    MigrationExecutor(connection).migrate([key for key in executor.loader.graph.leaf_nodes() if key[0] == "trading"])
    assert batches_without_commands(books) == refused
    assert replay_journal("MAIN").difference is None
    books.store.verify(books.engine)


# --- words


def test_every_check_is_in_the_docs() -> None:
    assert set(rows_of(OPERATIONS, "When the engine does not start")) == {check.value for check in Check}


@pytest.mark.parametrize(
    ("error", "check"),
    [
        (OperationalError("attempt to write a readonly database"), Check.ACCESS),
        (OperationalError("database or disk is full"), Check.ACCESS),
        (PermissionError("the lock file"), Check.ACCESS),
        (OperationalError("database disk image is malformed"), Check.FILE),
        (ValueError("'ICE' is not a valid OrderType"), Check.ROWS),
        (Damaged(Check.STATE, "crossed"), Check.STATE),
    ],
)
def test_every_error_of_a_start_belongs_to_a_check(error: Exception, check: Check) -> None:
    assert diagnosis(error).check is check
