"""Settled days leave the tables for files: nothing is lost or doubled, and the books go on across the cut."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.builders import NO_ACCOUNT, TRADERS, Books, cancel, make_users, order
from tests.storage.histories import History, new_books
from trading import protocol
from trading.core.commands import Settle
from trading.core.engine import Engine
from trading.core.state import State
from trading.core.types import FIRST_RULES
from trading.models import ArchiveFile, CarriedForward, JournalBatch, LedgerEntry, Order, Trade
from trading.reads import answers
from trading.storage.archive import files
from trading.storage.archive.archiver import Archiver, give_back
from trading.storage.archive.files import ArchiveFailed
from trading.storage.archive.history import History as StoredHistory
from trading.storage.reconciliation import check_books, replay_journal

TABLES = {"orders": Order, "trades": Trade, "ledger": LedgerEntry}
PORTION = 50
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def books(transactional_db: None) -> Books:
    make_users([*TRADERS, NO_ACCOUNT])
    return new_books()


def archive(folder: Path, keep: int = 0, **others: Any) -> list[ArchiveFile]:
    others = {"portion": PORTION, "sleep": lambda _: None, **others}
    return Archiver("MAIN", folder, **others).run(keep)


def play(books: Books, seed: int, batches: int = 150) -> None:
    """Some days of everything that can happen; the last day goes on."""
    History(books, seed).play(batches)
    settle(books)
    History(books, seed + 1).play(10)


def settle(books: Books) -> int:
    day = books.engine.state.day.trading_day or 20240101
    books.commit(Settle(day, day + 1, {}))
    return day


def stored() -> dict[str, set[Any]]:
    """All rows of the tables that are archived."""
    return {name: set(model.objects.values_list()) for name, model in TABLES.items()}  # type: ignore[attr-defined]


def filed(folder: Path) -> dict[str, list[Any]]:
    """All rows that are in files, as they were in the tables."""
    found: dict[str, list[Any]] = {name: [] for name in TABLES}
    history = StoredHistory("MAIN", folder)
    for file in history.files():
        for name, columns, rows in files.read(history.checked(file)):
            if name in TABLES:
                order_of = [columns.index(field.attname) for field in TABLES[name]._meta.concrete_fields]
                found[name] += [tuple(row[at] for at in order_of) for row in rows]
    return found


def everything(folder: Path) -> dict[str, set[Any]]:
    """All rows, wherever they are."""
    there = filed(folder)
    return {name: rows | set(there[name]) for name, rows in stored().items()}


def assert_nothing_lost(before: dict[str, set[Any]], folder: Path) -> None:
    now, there = stored(), filed(folder)
    for name, rows in before.items():
        assert len(there[name]) == len(set(there[name])), "nothing is filed twice"
        assert not now[name] & set(there[name]), "what is filed is not in the tables"
        assert now[name] | set(there[name]) == rows, "all is in one of them"


def assert_books_agree(folder: Path) -> None:
    assert check_books("MAIN") == []
    for whole in (False, True):
        assert replay_journal("MAIN", folder=folder, whole=whole).difference is None


def assert_it_starts(books: Books) -> None:
    """A restart loads the same engine and finds nothing."""
    before = books.engine.state_hash()
    books.load()
    assert books.engine.state_hash() == before
    books.store.examine()
    books.store.verify(books.engine)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_the_books_go_on_across_the_cut(books: Books, seed: int, tmp_path: Path) -> None:
    play(books, seed)
    before = stored()
    made = archive(tmp_path)
    assert made and all(file.removed for file in ArchiveFile.objects.all())
    assert len(Trade.objects.all()) < len(before["trades"]) and len(Order.objects.all()) < len(before["orders"])
    assert JournalBatch.objects.order_by("number").first().number == made[-1].last_batch + 1
    assert_nothing_lost(before, tmp_path)
    assert_books_agree(tmp_path)
    assert_it_starts(books)

    play(books, seed + 100)
    before = everything(tmp_path)
    assert archive(tmp_path)[0].first_batch == made[-1].last_batch + 1
    assert_nothing_lost(before, tmp_path)
    assert_books_agree(tmp_path)
    assert_it_starts(books)


def test_an_order_that_lives_on_has_its_trades_carried(books: Books, tmp_path: Path) -> None:
    books.commit(order(1, "BUY OPEN 5 @ 120 GTC"))
    number = books.engine.state.last_id
    books.commit(order(2, "SELL OPEN 2 @ 120"))
    settle(books)
    books.commit(order(3, "SELL OPEN 1 @ 120"))
    archive(tmp_path)
    assert Order.objects.filter(pk=number).exists() and Trade.objects.count() == 2
    assert CarriedForward.objects.get(kind="FILLED").amount == 2
    assert_books_agree(tmp_path)
    books.commit(cancel(1, number))
    settle(books)
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    archive(tmp_path)
    assert not Order.objects.filter(pk=number).exists()
    assert not CarriedForward.objects.filter(kind="FILLED").exists()
    assert_books_agree(tmp_path)


def test_what_the_settling_commit_does_after_the_settlement_stays_in_order(books: Books, tmp_path: Path) -> None:
    """The cut is between two commits; own ids of the new day stay used up, and both may be of one millisecond."""
    day = 20240101
    first = order(1, "BUY OPEN 1 @ 119 IOC", own_id="mine")
    books.commit(Settle(day, day + 1, {}), first, order(2, "BUY OPEN 1 @ 120"), order(3, "SELL OPEN 1 @ 120"))
    books.now -= 1
    books.commit(order(2, "BUY OPEN 2 @ 120"), order(3, "SELL OPEN 1 @ 120"))
    before = stored()
    archive(tmp_path)
    assert_nothing_lost(before, tmp_path)
    assert_books_agree(tmp_path)
    assert_it_starts(books)
    assert "mine" in books.engine.state.accounts[1].client_orders
    books.now += 1
    settle(books)
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    archive(tmp_path)
    assert_nothing_lost(
        before | {name: rows for name, rows in everything(tmp_path).items() if name == "orders"}, tmp_path
    )
    assert_books_agree(tmp_path)


def test_the_newest_days_stay(books: Books, tmp_path: Path) -> None:
    days = []
    for _ in range(4):
        books.commit(order(1, "BUY OPEN 1 @ 119"))
        days.append(settle(books))
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    assert archive(tmp_path, keep=4) == []
    assert [file.day for file in archive(tmp_path, keep=2)] == days[:2]
    assert archive(tmp_path, keep=2) == []


def test_the_last_settlement_waits_until_the_market_goes_on(books: Books, tmp_path: Path) -> None:
    settle(books)
    assert archive(tmp_path) == []
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    assert len(archive(tmp_path)) == 1


# --- killed


def in_a_child(work: Callable[[], object]) -> int:
    """Do it in a process of its own; the signal that ended it."""
    connection.close()
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status)


class KilledAt:
    """Kills its process at the n-th step or pause."""

    def __init__(self, turn: int) -> None:
        self._left = turn

    def __call__(self, _: object) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_killed_at_any_step_it_loses_nothing_and_doubles_nothing(books: Books, tmp_path: Path) -> None:
    for _ in range(20):
        books.commit(order(1, "BUY OPEN 2 @ 120"), order(2, "SELL OPEN 1 @ 120"))
    settle(books)
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    before, signals = stored(), []
    for turn in (1, 2, 3, 1, 2, 3, 4, 1, 50):
        die = KilledAt(turn)
        signals.append(in_a_child(lambda: archive(tmp_path, portion=10, sleep=die, step=die)))
        assert check_books("MAIN") == []
    assert signals == [signal.SIGKILL] * 8 + [0]
    assert_nothing_lost(before, tmp_path)
    assert_books_agree(tmp_path)
    assert_it_starts(books)
    assert {path.name for path in (tmp_path / "MAIN").iterdir()} == {".lock", ArchiveFile.objects.get().name}


@pytest.mark.parametrize("model", ["ledgerentry", "trade", "order"])
def test_killed_before_a_row_is_deleted_it_has_carried_nothing(books: Books, model: str, tmp_path: Path) -> None:
    books.commit(order(1, "BUY OPEN 2 @ 120"), order(2, "SELL OPEN 2 @ 120"))
    settle(books)
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    before = stored()

    def die(execute: Any, sql: str, *others: Any) -> Any:
        if sql.startswith(f'DELETE FROM "trading_{model}"'):
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, *others)

    def work() -> None:
        with connection.execute_wrapper(die):
            archive(tmp_path)

    assert in_a_child(work) == signal.SIGKILL
    assert check_books("MAIN") == []
    archive(tmp_path)
    assert_nothing_lost(before, tmp_path)
    assert_books_agree(tmp_path)


def test_own_ids_of_the_day_that_a_commit_began_stay_used_up(books: Books, tmp_path: Path) -> None:
    books.commit(Settle(20240101, 20240102, {}), order(1, "BUY OPEN 1 @ 119 IOC", own_id="mine"))
    books.commit(order(2, "BUY OPEN 1 @ 119"))
    archive(tmp_path)
    assert_it_starts(books)
    assert "mine" in books.engine.state.accounts[1].client_orders


# --- what is wrong is said


def test_a_file_that_is_gone_or_changed_is_named(books: Books, tmp_path: Path) -> None:
    play(books, 1, batches=40)
    file = archive(tmp_path)[-1]
    path = tmp_path / "MAIN" / file.name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArchiveFailed, match="is not what it was"):
        replay_journal("MAIN", folder=tmp_path)
    path.unlink()
    with pytest.raises(ArchiveFailed, match="is not there"):
        replay_journal("MAIN", folder=tmp_path, whole=True)
    with pytest.raises(CommandError, match="is not there"):
        call_command("replay_journal", folder=tmp_path)
    ArchiveFile.objects.filter(pk=file.pk).update(removed=False)
    with pytest.raises(ArchiveFailed, match="is not there"):
        archive(tmp_path)
    path.write_bytes(content)
    assert_books_agree(tmp_path)


def test_a_file_of_a_history_that_was_lost_is_kept(books: Books, tmp_path: Path) -> None:
    settle(books)
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    (tmp_path / "MAIN").mkdir()
    (tmp_path / "MAIN" / "MAIN-20240101.msgpack.zst").write_text("of before the restore")
    (file,) = archive(tmp_path)
    assert_books_agree(tmp_path)
    (kept,) = (tmp_path / "MAIN").glob(f"{file.name}.*")
    assert kept.read_text() == "of before the restore"


def test_a_disk_that_is_full_leaves_nothing_behind(books: Books, tmp_path: Path) -> None:
    play(books, 1, batches=20)
    (tmp_path / "MAIN").write_text("no folder")
    with pytest.raises((ArchiveFailed, OSError)):
        archive(tmp_path)
    assert not ArchiveFile.objects.exists()


@pytest.mark.parametrize("model", [CarriedForward, LedgerEntry, Trade])
def test_a_row_that_is_lost_after_the_cut_is_found(books: Books, model: Any, tmp_path: Path) -> None:
    for _ in range(2):
        books.commit(order(1, "BUY OPEN 5 @ 120"), order(2, "SELL OPEN 3 @ 120"))
        settle(books)
    books.commit(order(1, "BUY OPEN 5 @ 120"), order(2, "SELL OPEN 5 @ 120"))
    archive(tmp_path)
    assert check_books("MAIN") == []
    lost = model.objects.latest("pk")
    lost.delete()
    assert check_books("MAIN") != []


def test_two_do_not_archive_at_once(books: Books, tmp_path: Path) -> None:
    play(books, 1, batches=20)
    said = []

    def other(_: str) -> None:
        with pytest.raises(ArchiveFailed, match="another process"):
            archive(tmp_path)
        said.append(True)

    archive(tmp_path, step=other)
    assert said


# --- as a user


def test_the_command_says_what_it_made(books: Books, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    play(books, 1, batches=60)
    call_command("archive", folder=tmp_path, keep=0, vacuum=True)
    said = capsys.readouterr().out
    file = ArchiveFile.objects.latest("day")
    assert file.name in said and file.sha256 in said
    assert ("bytes freed" if connection.vendor == "sqlite" else "uses the space again by itself") in said
    call_command("replay_journal", folder=tmp_path, whole=True)
    call_command("check_books")
    call_command("archive", folder=tmp_path, keep=0)
    assert "Nothing to archive" in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("archive", folder=tmp_path, keep=-1)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL uses it again by itself")
def test_the_space_is_given_back(books: Books, tmp_path: Path) -> None:
    play(books, 1)
    archive(tmp_path)
    freed = give_back("default")
    assert freed is not None and freed > 0
    assert_books_agree(tmp_path)


def test_the_whole_history_is_played_from_empty(books: Books, tmp_path: Path) -> None:
    play(books, 3)
    archive(tmp_path)
    engine = Engine(State(FIRST_RULES))
    assert StoredHistory("MAIN", tmp_path).whole(engine) > 100
    assert engine.state_hash() == ArchiveFile.objects.latest("day").state_hash


def test_a_file_is_read_with_pandas_as_the_documents_say(books: Books, tmp_path: Path) -> None:
    books.commit(order(1, "BUY OPEN 5 @ 120"), order(2, "SELL OPEN 5 @ 120"))
    trades = list(Trade.objects.order_by("id").values_list("trade_id", "price", "volume"))
    settle(books)
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    (file,) = archive(tmp_path)
    (lines,) = re.findall(r"```python\n(import msgpack.*?)```", (ROOT / "docs/operations.md").read_text(), re.DOTALL)
    known: dict[str, Any] = {}
    exec(lines.replace("data/archive/MAIN/MAIN-20240131.msgpack.zst", str(tmp_path / "MAIN" / file.name)), known)
    found = known["trades"][["trade_id", "price", "volume"]].itertuples(index=False, name=None)
    assert sorted(found) == sorted(trades)


def test_queries_say_what_is_archived(books: Books, tmp_path: Path) -> None:
    def ask(query: Any) -> Any:
        return answers.answer(answers.Asker("user001", "MAIN"), query)

    books.commit(order(1, "BUY OPEN 1 @ 119"), order(2, "BUY OPEN 1 @ 120"), order(1, "SELL OPEN 1 @ 120"))
    (old,) = Order.objects.filter(account_id=1, direction="BUY").values_list("id", flat=True)
    assert ask(protocol.QueryOrders()).data.archived_until is None
    settle(books)
    books.now += 1_000
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    new = books.engine.state.last_id
    (file,) = archive(tmp_path)
    for query in (protocol.QueryOrders(), protocol.QueryTrades(), protocol.QueryOrders(from_time=file.until - 1)):
        assert ask(query).data.archived_until == file.until
    for query in (
        protocol.QueryOrders(status="LIVE"),
        protocol.QueryOrders(from_time=file.until),
        protocol.QueryTrades(from_time=file.until),
    ):
        assert ask(query).data.archived_until is None
    archived, never = (ask(protocol.QueryOrder(order_id=protocol.order_id_text(number))) for number in (old, new + 1))
    assert (archived.code, archived.message) == (
        1002,
        f"Order not found: finished orders of the days up to {file.day} are in the archive",
    )
    assert (never.code, never.message) == (1002, "Order not found")
