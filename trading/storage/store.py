"""The only writer of engine-owned rows: one transaction a batch, and the way back from rows to the engine's state.

Not for reading on behalf of users (that is `trading/reads/`), and it knows nothing of frames, groups or sockets.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from django.db import DataError, Error, IntegrityError, connections, transaction
from django.db.models import F

from trading.core.commands import ClientOrder, Command, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import Refused
from trading.core.snapshot.records import Snapshot
from trading.core.types import stored_name
from trading.models import JournalBatch, Market, OperatorCommand
from trading.storage import startup_checks
from trading.storage.batch_writer import BatchWriter, MadeRows
from trading.storage.consistent_read import consistent_read
from trading.storage.database_files import DatabaseFiles
from trading.storage.engine_lock import PATIENCE, EngineLock, engine_lock
from trading.storage.market_reader import MarketReader
from trading.storage.sql import driver
from trading.worker.batch import Batch, OperatorAnswer, OperatorAsk, OutcomeUnknown, Restored, Superseded, Unstorable
from trading.worker.follower import JournalEntry

logger = logging.getLogger(__name__)

SMALL, QUICK = 4, 0.003
"""A batch of so few commands, and a commit of so few seconds, are over before a thread had been woken twice."""

DECIDED_MS = 1_000
"""The longest wait for a transaction that is being decided, before those who wait are told that nobody knows yet."""


class Store:
    """Reads and writes one market. All methods but `commit_here` and `commit_by_loop` block; call them from one thread,
    which owns the connection. Of each account at least `pushes_kept` pushes of the trading day are kept. After a commit
    of fewer than `quick` seconds the next one may be made in the event loop; on PostgreSQL, where it is of at most
    `most_by_loop` commands. `lock`: of the market's own engine, if it is not this one's to make; `patience`: with a
    silent one (`engine_lock.py`)."""

    def __init__(
        self,
        market: str,
        using: str = "default",
        pushes_kept: int = 100_000,
        quick: float = QUICK,
        lock: EngineLock | None = None,
        patience: float = PATIENCE,
        most_by_loop: int = SMALL,
    ) -> None:
        self.market = market
        self._using = using
        self._quick_seconds = quick
        self._lock = lock or engine_lock(market, using, patience)
        self.leave_asked = False
        """Whether somebody wants another process to be the engine, as the last `beat` was told."""
        self._locked = self._at_commit = False
        self._files = _files(using)
        self._rows = BatchWriter(market, using, pushes_kept)
        self._reader = MarketReader(market, using)
        self._quick: Any = None  # the connection, while it may be used by `commit_here`
        self._most_by_loop = most_by_loop
        self._by_loop: Any = None  # the connection, where it may be used by `commit_by_loop`

    # -- write

    def made(self, batch: Batch) -> MadeRows | None:
        """The rows of a batch as they are now, so that the engine may go on before `commit` or `commit_by_loop` writes
        them. None where the rows of a batch cannot wait. Unstorable where none can be made."""
        if len(batch.commands) > self._most_by_loop:
            return None
        with self._named_errors(), connections[self._using].wrap_database_errors:
            return self._rows.made(batch)

    def commit(self, batch: Batch, made: MadeRows | None = None) -> None:
        """Make a batch durable. `made`: its rows, if they are. Raises Superseded, Unstorable or the database's error,
        and then nothing was written; or OutcomeUnknown or FilesReplaced, and then nobody knows."""
        began, connection = monotonic(), connections[self._using]
        at_once = self._rows.at_once and not (batch.operator_answers or connection.in_atomic_block)
        with self._named_errors():
            seqs = (self._write_at_once if at_once else self._write)(connection, batch, made)
        self._stored(connection, batch, seqs, monotonic() - began)

    def _write(self, connection: Any, batch: Batch, made: MadeRows | None) -> dict[int, int]:
        with transaction.atomic(using=self._using):
            with self._rows.cursor(connection) as cursor:
                seqs = self._rows.write(cursor, batch, made)
            self._answer_operators(batch)
            self._at_commit = True
        return seqs

    def _write_at_once(self, connection: Any, batch: Batch, made: MadeRows | None) -> dict[int, int]:
        """One round trip."""
        connection.ensure_connection()
        session = connection.connection
        try:
            with self._rows.cursor(connection) as cursor:
                return self._rows.write_whole(cursor, batch, made)
        except BaseException:
            if not self._lost(session):
                with connection.wrap_database_errors:
                    session.rollback()
            raise

    def _lost(self, session: Any) -> bool:
        """After a failure. While the session lives, what fails is told by the database, and then nothing is stored."""
        self._at_commit = bool(session.closed)
        return self._at_commit

    def commit_here(self, batch: Batch) -> bool:
        """Make a small batch durable in the event loop, while no other call is under way and only where that takes no
        waiting: SQLite, no lock of others, a disk that was quick last time. False where it might, and then nothing was
        done: use `commit`. Raises as `commit` does. (The way to a thread and back makes a lone order a sixth slower.)
        """
        connection = self._quick
        if connection is None or len(batch.commands) > SMALL or batch.operator_answers:
            return False
        began = monotonic()
        with self._named_errors(), driver(connection) as cursor:
            if not _begin_at_once(cursor, connection):
                return False
            try:
                seqs = self._rows.write(cursor, batch)
                self._at_commit = True
                cursor.execute("COMMIT")
            except BaseException:
                if connection.connection.in_transaction:  # SQLite itself has ended some that failed
                    cursor.execute("ROLLBACK")
                raise
        self._stored(connection, batch, seqs, monotonic() - began)
        return True

    async def commit_by_loop(self, batch: Batch, made: MadeRows | None = None) -> bool:
        """Make a batch durable on PostgreSQL, in the event loop, which does other things until the answer comes; no
        other call may be under way. `made`: its rows, if they are. False where it cannot be done so, and then nothing
        was done: use `commit`. Raises as `commit` does. (Two threads that wake each other make a lone order slower.)"""
        connection = self._by_loop
        if connection is None or len(batch.commands) > self._most_by_loop:
            return False
        if connection.in_atomic_block or not self._rows.can_write_here(connection, batch):
            return False
        began = monotonic()
        session = connection.connection
        with self._named_errors():
            try:
                seqs = await self._rows.write_here(connection, batch, made)
            except BaseException:
                if not self._lost(session):
                    with connection.wrap_database_errors:
                        await asyncio.to_thread(session.rollback)
                raise
        self._stored(connection, batch, seqs, monotonic() - began)
        return True

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """What an error says about its batch."""
        self._at_commit = False
        try:
            yield
        except (IntegrityError, DataError, OverflowError) as error:
            raise Unstorable(str(error)) from error
        except (TypeError, ValueError) as error:
            if self._at_commit:
                raise
            raise Unstorable(f"no row can be made of it: {error}") from error
        except Error as error:
            if self._at_commit:
                raise OutcomeUnknown(str(error)) from error
            raise

    def holds(self, batch: Batch) -> bool:
        """Whether a batch of OutcomeUnknown is stored. Opens a new connection; the old one's transaction is ended, or
        waited for: it has changed the market's row. Raises the database's error where that is not soon."""
        self._disconnect()
        self._check_files()
        found = JournalBatch.objects.using(self._using)
        if connections[self._using].vendor == "sqlite":
            return found.filter(market=self.market, number=batch.number, epoch=self._rows.epoch).exists()
        self._lock.decide()
        with transaction.atomic(using=self._using):
            with connections[self._using].cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {DECIDED_MS}")
            Market.objects.using(self._using).select_for_update().get(code=self.market)
            return found.filter(market=self.market, number=batch.number, epoch=self._rows.epoch).exists()

    def _stored(self, connection: Any, batch: Batch, seqs: dict[int, int], seconds: float) -> None:
        if self._files is not None:
            self._files.check_log()  # the other files are looked at by `pending`: that is often enough
        self._rows.push_seqs.update(seqs)
        self._rows.trading_day = self._rows.today(batch)
        self._quick = connection if connection.vendor == "sqlite" and seconds < self._quick_seconds else None
        self._by_loop = connection if connection.vendor == "postgresql" else None

    def note_position(self, position: str) -> None:
        """Commands of the stream up to here had no effect: they are not done later either. Raises as `commit` does."""
        found = Market.objects.using(self._using).filter(code=self.market, epoch=self._rows.epoch)
        with self._named_errors():
            if not found.update(stream_id=position):
                raise Superseded(f"another engine has taken market {self.market} over")

    def _answer_operators(self, batch: Batch) -> None:
        for answer in batch.operator_answers:
            OperatorCommand.objects.using(self._using).filter(pk=answer.row_id).update(
                finished_at=batch.time, **_outcome(answer)
            )

    # -- the market's only engine

    def lock(self) -> bool:
        """Become the market's only engine, until `close`. False when another process is."""
        self._locked = self._lock.acquire()
        return self._locked

    def taken(self) -> bool:
        """Whether any process is the market's engine."""
        return self._lock.taken()

    def reconnect(self) -> None:
        """After an error: a new connection. Where the lock went with the old one it is taken again, for a new epoch.
        Superseded when another engine has it."""
        self._disconnect()
        self._check_files()
        if self._keep_lock():
            self.take_over()

    def _keep_lock(self) -> bool:
        """See that the lock is still ours, without asking the database. One that was lost is taken again (then True):
        an engine that had it meanwhile has begun an epoch of its own. Superseded when another has it now."""
        if not self._locked or self._lock.held():
            return False
        if not self._lock.acquire():
            raise Superseded(f"another engine has taken market {self.market} over")
        return True

    @property
    def can_follow(self) -> bool:
        """Whether another process may be the engine while this one follows it."""
        return self._lock.shared

    def stand_by(self) -> None:
        """Say that this process follows the engine and can take its place."""
        self._lock.stand_by()

    def beat(self) -> None:
        """Say that the engine lives."""
        if self._locked:
            try:
                self.leave_asked = self._lock.beat()
            except Error as error:  # whoever commits or looks for operators' commands next finds it, too
                logger.warning("the engine could not say that it lives: %s", error)

    def rescue(self) -> bool:
        """After FilesReplaced: True when all commits are in files that have their names. Where the write-ahead log is
        gone, or the database was moved, this connection can still read both, and no other: its commits are written into
        the database, whatever its name is now."""
        files = self._files
        if files is None or connections[self._using].connection is None:
            return False
        if files.in_place() and files.log_in_place():
            return True
        if not (files.log_in_place() or files.log_is_gone()):
            return False
        with connections[self._using].cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            busy, _, _ = cursor.fetchone()
        return not busy and files.in_place()

    def _check_files(self) -> None:
        if self._files is not None:
            self._files.check()

    # -- read

    def examine(self) -> None:
        """Damaged where the database is not fit to be read, let alone written."""
        startup_checks.check_database(self._using)

    def verify(self, engine: Engine) -> None:
        """Damaged where the tables and the engine that was loaded from them disagree."""
        startup_checks.check_market(self.market, engine, self._using)

    def take_over(self) -> None:
        """Begin a new epoch: from now on no earlier engine can commit. Makes the market if it is new."""
        markets = Market.objects.using(self._using)
        with transaction.atomic(using=self._using):
            markets.get_or_create(code=self.market)
            markets.filter(code=self.market).update(epoch=F("epoch") + 1)
            epoch = markets.values_list("epoch", flat=True).get(code=self.market)
        self._rows.epoch = epoch

    def load(self) -> tuple[Snapshot, Restored]:
        """The state of the last commit, and where its streams stand. Another engine may commit meanwhile."""
        with consistent_read(self._using):
            market = self._reader.row()
            records, restored = self._reader.snapshot(market), self._go_on(market)
        if self._files is not None:
            self._files.remember()
        return records, restored

    def resume(self) -> Restored:
        """Where the streams of the last commit stand, for whoever has the books already."""
        return self._go_on(self._reader.row())

    def _go_on(self, market: Market) -> Restored:
        """The next batch comes after what the rows say."""
        rows = self._rows
        rows.push_seqs, rows.trading_day = self._reader.push_seqs(), market.trading_day
        return Restored(market.batch, self._reader.time_of(market.batch), dict(rows.push_seqs), market.stream_id)

    def used_ids(self, asked: list[SubmitOrder]) -> dict[tuple[int, str], ClientOrder]:
        """Those own ids of orders, by account, that are used up today, and what for."""
        return self._reader.used_ids(asked, self._rows.trading_day)

    def pending(self, most: int) -> list[OperatorAsk]:
        """Operators' commands that wait, oldest first. Raises as `commit` does where this is no place to write."""
        self._keep_lock()
        self._check_files()
        return self._reader.asks(most)

    def journal(self) -> Iterable[tuple[int, list[Command]]]:
        """All journalled batches from the first, as (time, commands)."""
        return self._reader.journal()

    def entries_after(self, number: int, most: int) -> list[JournalEntry]:
        """The first batches of the journal after a number."""
        return self._reader.entries_after(number, most)

    def close(self) -> None:
        """Give the lock and the connection of this thread back. It may be taken again later."""
        self._locked = self.leave_asked = False
        self._lock.release()
        self._disconnect()

    def _disconnect(self) -> None:
        self._quick = self._by_loop = None
        connections[self._using].close()
        if self._files is not None:
            self._files.forget_connection()


def _files(using: str) -> DatabaseFiles | None:
    """Those of a SQLite database that is in files."""
    connection = connections[using]
    path = Path(str(connection.settings_dict["NAME"]))
    return DatabaseFiles(path) if connection.vendor == "sqlite" and path.is_file() else None


def _begin_at_once(cursor: Any, connection: Any) -> bool:
    """Begin a transaction on SQLite if nobody else is writing."""
    patience = int(connection.settings_dict["OPTIONS"].get("timeout", 5.0) * 1000)
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except connection.Database.OperationalError:
        return False
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {patience}")
    return True


def _outcome(answer: OperatorAnswer) -> dict[str, object]:
    if isinstance(answer.event, Refused):
        return {
            "status": OperatorCommand.Status.REFUSED,
            "code": int(answer.event.code),
            "result": answer.event.detail[:256],
        }
    return {"status": OperatorCommand.Status.DONE, "result": stored_name(answer.event)}
