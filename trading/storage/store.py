"""The only writer of engine-owned rows: one transaction a batch, and the way back from rows to the engine's state.

Not for reading on behalf of users (that is `selectors.py`), and it knows nothing of frames, groups or sockets.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from operator import itemgetter
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

import msgspec
from django.db import DataError, Error, IntegrityError, connections, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Abs, Coalesce

from trading.core.accounts import KEPT_IDS, ClientOrder
from trading.core.commands import AdminCommand, Command, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import Refused, TransferReceived
from trading.core.snapshot import AccountRecord, InstrumentRecord, OrderRecord, PositionRecord, Snapshot
from trading.core.state import Changes, Day
from trading.core.types import stored_name
from trading.models import (
    IS_LIVE,
    Account,
    Instrument,
    JournalBatch,
    Market,
    OperatorCommand,
    Order,
    Position,
    PositionDetail,
    Transfer,
)
from trading.storage import mapping, startup_checks
from trading.storage.database_files import DatabaseFiles
from trading.storage.engine_lock import PATIENCE, EngineLock, engine_lock
from trading.storage.sql import Row, Table, json_text
from trading.worker.batch import Batch, OperatorAnswer, OperatorAsk, OutcomeUnknown, Restored, Superseded, Unstorable
from trading.worker.follower import JournalEntry

logger = logging.getLogger(__name__)

CHUNKS = (64, 16, 4, 1)
"""Rows a statement: few sizes, so that every statement is prepared once; 64 rows stay below SQLite's 32,766 values."""
SMALL, QUICK = 4, 0.003
"""A batch of so few commands, and a commit of so few seconds, are over before a thread had been woken twice."""
PRUNED = 1_000
"""Pushes of an account that are forgotten at once when it has had too many: seldom enough to cost nothing."""


class Store:
    """Reads and writes one market. All methods but `commit_here` block; call them from one thread, which owns the
    connection. Of each account at least `pushes_kept` pushes of the trading day are kept. After a commit of fewer than
    `quick` seconds the next one may be made in the event loop. `lock`: of the market's own engine, if it is not this
    one's to make; `patience`: with a silent one (`engine_lock.py`)."""

    def __init__(
        self,
        market: str,
        using: str = "default",
        pushes_kept: int = 100_000,
        quick: float = QUICK,
        lock: EngineLock | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.market = market
        self._using = using
        self._pushes_kept = pushes_kept
        self._quick_seconds = quick
        self._lock = lock or engine_lock(market, using, patience)
        self.leave_asked = False
        """Whether somebody wants another process to be the engine, as the last `beat` was told."""
        self._locked = self._at_commit = False
        self._files = _files(using)
        self._epoch = 0
        self._push_seqs: dict[int, int] = {}
        self._trading_day = 0
        self._mark = ""
        self._sql: dict[tuple[Table, int], str] = {}
        self._postgres = _postgres() if connections[using].vendor == "postgresql" else None
        self._returning = "" if self._postgres is None else " RETURNING batch"
        self._quick: Any = None  # the connection, while it may be used by `commit_here`

    # -- write

    def commit(self, batch: Batch) -> None:
        """Make a batch durable. Raises Superseded, Unstorable or the database's error, and then nothing was written; or
        OutcomeUnknown or FilesReplaced, and then nobody knows."""
        began, connection = monotonic(), connections[self._using]
        with self._named_errors(), transaction.atomic(using=self._using):
            with self._writer(connection) as cursor:
                seqs = self._write_batch(cursor, batch)
            self._answer_operators(batch)
            self._at_commit = True
        self._stored(connection, batch, seqs, monotonic() - began)

    def commit_here(self, batch: Batch) -> bool:
        """Make a small batch durable in the event loop, while no other call is under way and only where that takes no
        waiting: SQLite, no lock of others, a disk that was quick last time. False where it might, and then nothing was
        done: use `commit`. Raises as `commit` does. (The way to a thread and back makes a lone order a sixth slower.)
        """
        connection = self._quick
        if connection is None or len(batch.commands) > SMALL or batch.operator_answers:
            return False
        began = monotonic()
        with self._named_errors(), self._driver(connection) as cursor:
            if not _begin_at_once(cursor, connection):
                return False
            try:
                seqs = self._write_batch(cursor, batch)
                self._at_commit = True
                cursor.execute("COMMIT")
            except BaseException:
                if connection.connection.in_transaction:  # SQLite itself has ended some that failed
                    cursor.execute("ROLLBACK")
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
        except Error as error:
            if self._at_commit:
                raise OutcomeUnknown(str(error)) from error
            raise

    def holds(self, batch: Batch) -> bool:
        """Whether a batch of OutcomeUnknown is stored. Opens a new connection; the old one's transaction is over, or is
        waited for: it has changed the market's row."""
        self._disconnect()
        self._check_files()
        found = JournalBatch.objects.using(self._using)
        if connections[self._using].vendor == "sqlite":
            return found.filter(market=self.market, number=batch.number, epoch=self._epoch).exists()
        with transaction.atomic(using=self._using):
            Market.objects.using(self._using).select_for_update().get(code=self.market)
            return found.filter(market=self.market, number=batch.number, epoch=self._epoch).exists()

    def _stored(self, connection: Any, batch: Batch, seqs: dict[int, int], seconds: float) -> None:
        if self._files is not None:
            self._files.check_log()  # the other files are looked at by `pending`: that is often enough
        self._push_seqs.update(seqs)
        self._trading_day = self._today(batch)
        self._quick = connection if connection.vendor == "sqlite" and seconds < self._quick_seconds else None

    def _write_batch(self, cursor: Any, batch: Batch) -> dict[int, int]:
        """Everything but operators' answers. The push numbers that are stored when this is."""
        changes, market = batch.changes, self.market
        seqs = {key: self._push_seqs.get(key, 0) for key in changes.accounts}
        seqs.update((kept.account_id, kept.last_seq) for kept in batch.pushes.kept)
        self._advance(batch, cursor)
        row = mapping.INSTRUMENT.row
        self._write(cursor, mapping.INSTRUMENTS, [row(each, market) for each in changes.instruments.values()])
        row = mapping.ACCOUNT.row
        self._write(cursor, mapping.ACCOUNTS, [row(each, market, seqs[key]) for key, each in changes.accounts.items()])
        row = mapping.POSITION.row
        self._write(cursor, mapping.POSITIONS, [row(each, key[0]) for key, each in changes.positions.items()])
        if changes.lots:
            self._write_details(cursor, changes)
        self._write_orders(cursor, batch)
        if changes.day is not None:
            self._write_day(cursor, changes.day)
        if changes.rules is not None:
            mark = self._mark
            cursor.execute(
                f"UPDATE trading_market SET rules = {mark} WHERE code = {mark}",  # noqa: S608  # no value is in the text
                (changes.rules, market),
            )
        for table, lines in mapping.event_rows(batch.events, batch.time).items():
            self._write(cursor, table, lines)
        self._end_transfers(cursor, [each for each in batch.events if type(each) is TransferReceived])
        self._keep_pushes(cursor, batch)
        self._write(cursor, mapping.JOURNAL, [mapping.BATCH.row(batch, market, self._epoch)])
        return seqs

    def _today(self, batch: Batch) -> int:
        """The trading day after a batch."""
        return self._trading_day if batch.changes.day is None else batch.changes.day.trading_day

    @contextmanager
    def _driver(self, connection: Any) -> Iterator[Any]:
        """A cursor of the database's own driver, with Django's errors. Django's cursors rewrite every statement anew,
        and its query compiler made up a third of a small commit."""
        self._mark = "?" if connection.Database.paramstyle == "qmark" else "%s"
        with connection.wrap_database_errors, closing(connection.connection.cursor()) as cursor:
            yield cursor

    @contextmanager
    def _writer(self, connection: Any) -> Iterator[Any]:
        """A cursor for the statements of a batch."""
        if self._postgres is None:
            with self._driver(connection) as cursor:
                yield cursor
            return
        self._mark = "%s"
        connection.ensure_connection()
        with connection.wrap_database_errors, self._postgres.pipelined(connection.connection) as cursor:
            yield cursor

    def _advance(self, batch: Batch, cursor: Any) -> None:
        """Move the market on, if this engine still runs it. Else nothing more is sent."""
        mark = self._mark
        where = f"WHERE code = {mark} AND epoch = {mark} AND batch = {mark}"
        stream, position = ("", ()) if batch.position is None else (f", stream_id = {mark}", (batch.position,))
        cursor.execute(
            f"UPDATE trading_market SET batch = {mark}, last_id = {mark}{stream} {where}"  # noqa: S608  # marks only
            f"{self._returning}",
            (batch.number, batch.last_id, *position, self.market, self._epoch, batch.number - 1),
        )
        if not (cursor.fetchone() if self._returning else cursor.rowcount):
            raise Superseded(f"another engine has taken market {self.market} over")

    def note_position(self, position: str) -> None:
        """Commands of the stream up to here had no effect: they are not done later either. Raises as `commit` does."""
        found = Market.objects.using(self._using).filter(code=self.market, epoch=self._epoch)
        with self._named_errors():
            if not found.update(stream_id=position):
                raise Superseded(f"another engine has taken market {self.market} over")

    def _write_orders(self, cursor: Any, batch: Batch) -> None:
        """Most orders are plain, and written with half as many columns. On a new trading day all live ones are written:
        their own ids stay used up."""
        orders, today = batch.changes.orders, self._today(batch)
        if today != self._trading_day:
            orders = {**orders, **{key: o for a in batch.changes.accounts.values() for key, o in a.orders.items()}}
        plain: list[Row] = []
        others: list[Row] = []
        for order in orders.values():
            row, further = mapping.PLAIN_ORDER.row(order), mapping.further_row(order, today)
            if further:
                others.append(row + further)
            else:
                plain.append(row)
        self._write(cursor, mapping.PLAIN_ORDERS, plain)
        self._write(cursor, mapping.ORDERS, others)

    def _write_details(self, cursor: Any, changes: Changes) -> None:
        """The lines of positions' details that are there, and those that are gone."""
        row = mapping.DETAIL.row
        there = [row(lot, account, instrument) for account, instrument, lot in changes.lots.values() if lot.lots]
        self._write(cursor, mapping.DETAILS, there)
        gone = [lot.number for _, _, lot in changes.lots.values() if not lot.lots]
        for at in range(0, len(gone), CHUNKS[0]):
            some = gone[at : at + CHUNKS[0]]
            marks = ", ".join([self._mark] * len(some))
            cursor.execute(f"DELETE FROM trading_positiondetail WHERE id IN ({marks})", some)  # noqa: S608  # marks only

    def _write_day(self, cursor: Any, day: Day) -> None:
        mark = self._mark
        cursor.execute(
            f"UPDATE trading_market SET trading_day = {mark}, net_deposits = {mark}, commission = {mark},"  # noqa: S608
            f" fee_groups = {mark}, limits = {mark}, restrictions = {mark} WHERE code = {mark}",
            (
                *(day.trading_day, day.net_deposits, day.commission),
                *(json_text(day.fee_groups), json_text(day.limits), json_text(day.restrictions), self.market),
            ),
        )

    def _end_transfers(self, cursor: Any, received: list[TransferReceived]) -> None:
        """Money that was in transit has come in. Unstorable where it was not in transit: none comes in twice."""
        mark, returning = self._mark, "" if self._postgres is None else " RETURNING id"
        for event in received:
            transfer = event.transfer
            cursor.execute(
                f"UPDATE trading_transfer SET status = {mark}, ended_at = {mark}"  # noqa: S608  # marks only
                f" WHERE id = {mark} AND status = {mark} AND user_id = {mark} AND amount = {mark}"
                f" AND source_id = {mark} AND target_id = {mark}{returning}",
                (
                    *(Transfer.Status.RETURNED if event.returned else Transfer.Status.ARRIVED, event.time),
                    *(transfer.transfer_id, Transfer.Status.IN_TRANSIT, transfer.user_id, transfer.amount),
                    *(transfer.source, transfer.target),
                ),
            )
            if not (cursor.fetchone() if returning else cursor.rowcount):
                raise Unstorable(f"transfer {transfer.transfer_id} is not in transit")

    def _keep_pushes(self, cursor: Any, batch: Batch) -> None:
        """Keep what is told, forget what is too old."""
        mark, forget = self._mark, "DELETE FROM trading_pushbatch WHERE account_id"
        if self._today(batch) != self._trading_day:
            all_accounts = f"(SELECT id FROM trading_account WHERE market_id = {mark})"  # noqa: S608
            cursor.execute(f"{forget} IN {all_accounts}", (self.market,))
        self._write(cursor, mapping.PUSHES, [mapping.PUSH.row(kept) for kept in batch.pushes.kept])
        for kept in batch.pushes.kept:
            if kept.last_seq // PRUNED > (kept.first_seq - 1) // PRUNED:
                end = kept.last_seq - self._pushes_kept
                cursor.execute(f"{forget} = {mark} AND last_seq <= {mark}", (kept.account_id, end))

    def _write(self, cursor: Any, table: Table, lines: list[Row]) -> None:
        """Write rows, many a statement: SQLite's driver gives the interpreter away once a statement, so `executemany`
        would stop at every row while the event loop is busy (measured: a third fewer orders a second)."""
        if self._postgres is not None:
            self._postgres.write_rows(cursor, table, lines, self._sql)
            return
        for size, at in _chunks(len(lines)):
            values = [value for line in lines[at : at + size] for value in line]
            cursor.execute(self._statement(table, size), values)

    def _statement(self, table: Table, size: int) -> str:
        sql = self._sql.get((table, size))
        if sql is None:
            sql = self._sql[table, size] = table.sql(connections[self._using].ops.quote_name, self._mark, size)
        return sql

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
        self._epoch = epoch

    def load(self) -> tuple[Snapshot, Restored]:
        """The state of the last commit, and where its streams stand."""
        with transaction.atomic(using=self._using):
            market = Market.objects.using(self._using).get(code=self.market)
            accounts = Account.objects.using(self._using).filter(market=self.market)
            self._push_seqs = dict(accounts.values_list("id", "push_seq"))
            self._trading_day = market.trading_day
            records = Snapshot(
                last_id=market.last_id,
                day=mapping.day_record(market),
                instruments=self._load_instruments(),
                accounts=self._load_accounts(),
                positions=self._load_positions(),
                orders=self._load_orders(),
                rules=market.rules,
                shard=market.shard,
            )
            journal = JournalBatch.objects.using(self._using).filter(market=self.market).order_by("-number")
            time = journal.values_list("time", flat=True).first() or 0
        if self._files is not None:
            self._files.remember()
        return records, Restored(market.batch, time, dict(self._push_seqs), market.stream_id)

    def resume(self) -> Restored:
        """Where the streams of the last commit stand, for whoever has the books already."""
        market = Market.objects.using(self._using).get(code=self.market)
        accounts = Account.objects.using(self._using).filter(market=self.market)
        self._push_seqs = dict(accounts.values_list("id", "push_seq"))
        self._trading_day = market.trading_day
        last = JournalBatch.objects.using(self._using).filter(market=self.market, number=market.batch)
        time = last.values_list("time", flat=True).first() or 0
        return Restored(market.batch, time, dict(self._push_seqs), market.stream_id)

    def _load_instruments(self) -> list[InstrumentRecord]:
        found = Instrument.objects.using(self._using).filter(market=self.market)
        return [mapping.instrument_record(row) for row in found]

    def _load_accounts(self) -> list[AccountRecord]:
        client_orders = self._load_client_orders()
        found = Account.objects.using(self._using).filter(market=self.market).order_by("id")
        return [
            mapping.account_record(row, client_orders.get(row[0], []))
            for row in found.values_list(*mapping.LOADED_ACCOUNT_FIELDS)
        ]

    def _load_client_orders(self) -> dict[int, list[tuple[str, ClientOrder]]]:
        """The ids that are used up today: by today's orders, and by those that have lived until today. Of an account's
        as many as the engine keeps: the newest, and those of live orders."""
        known = self._used_today().order_by("-id").annotate(live=IS_LIVE)
        by_account: dict[int, list[tuple[str, ClientOrder]]] = {}
        newer: Counter[int] = Counter()
        for *row, live in known.values_list(*mapping.LOADED_CLIENT_ORDER_FIELDS, "live").iterator():
            newer[row[0]] += 1
            if live or newer[row[0]] <= KEPT_IDS:
                account_id, name, asked = mapping.client_order(tuple(row))
                by_account.setdefault(account_id, []).append((name, asked))
        return {account_id: sorted(orders, key=itemgetter(0)) for account_id, orders in by_account.items()}

    def _used_today(self) -> QuerySet[Order]:
        found = Order.objects.using(self._using).filter(account__market=self.market, client_order_id__isnull=False)
        return found.filter(Q(trading_day=self._trading_day) | Q(known_day=self._trading_day))

    def used_ids(self, asked: list[SubmitOrder]) -> dict[tuple[int, str], ClientOrder]:
        """Those own ids of orders, by account, that are used up today, and what for."""
        names: dict[int, list[str]] = {}
        for order in asked:
            names.setdefault(order.account_id, []).append(order.client_order_id or "")
        found: dict[tuple[int, str], ClientOrder] = {}
        connection = connections[self._using]
        connection.ensure_connection()
        with self._driver(connection) as cursor:
            for account_id, own in names.items():
                for size, at in _chunks(len(own)):
                    for day in ("trading_day", "known_day"):  # each has its index
                        values = (self._trading_day, account_id, *own[at : at + size])
                        cursor.execute(self._own_ids_sql(day, size), values)
                        for row in cursor.fetchall():
                            _, name, known = mapping.client_order(row)
                            found[account_id, name] = known
        return found

    def _own_ids_sql(self, day: str, size: int) -> str:
        quote, mark = connections[self._using].ops.quote_name, self._mark
        columns = ", ".join(map(quote, mapping.LOADED_CLIENT_ORDER_FIELDS))
        marks = ", ".join([mark] * size)
        return (
            f"SELECT {columns} FROM trading_order"  # noqa: S608  # no value is in the text
            f" WHERE {day} = {mark} AND account_id = {mark} AND client_order_id IN ({marks})"
        )

    def _load_positions(self) -> list[PositionRecord]:
        found = Position.objects.using(self._using).filter(account__market=self.market)
        details = self._load_details()
        ordered = found.order_by("account_id", "instrument_id").values_list(*mapping.LOADED_POSITION_FIELDS)
        return [mapping.position_record(row, details) for row in ordered if any(row[2:])]

    def _load_details(self) -> mapping.Details:
        """The lines of all positions' details, in each leg the first opened first."""
        found = PositionDetail.objects.using(self._using).filter(account__market=self.market)
        rows = found.order_by(Abs("id")).values_list(*mapping.LOADED_DETAIL_FIELDS)
        return mapping.details(rows.iterator())

    def _load_orders(self) -> list[OrderRecord]:
        """Live orders in time priority."""
        found = Order.objects.using(self._using).filter(IS_LIVE, account__market=self.market)
        ordered = found.order_by(Coalesce("priority", "id"))
        return [mapping.order_record(row) for row in ordered.values_list(*mapping.LOADED_ORDER_FIELDS)]

    def pending(self, most: int) -> list[OperatorAsk]:
        """Operators' commands that wait, oldest first. Raises as `commit` does where this is no place to write."""
        self._keep_lock()
        self._check_files()
        found = OperatorCommand.objects.using(self._using).filter(
            market=self.market, status=OperatorCommand.Status.PENDING
        )
        return [
            OperatorAsk(pk, _command(payload))
            for pk, payload in found.order_by("id").values_list("pk", "payload")[:most]
        ]

    def journal(self) -> Iterable[tuple[int, list[Command]]]:
        """All journalled batches from the first, as (time, commands)."""
        found = JournalBatch.objects.using(self._using).filter(market=self.market).order_by("number")
        for made_at, commands in found.values_list("time", "commands").iterator():
            yield made_at, mapping.commands_of(commands)

    def entries_after(self, number: int, most: int) -> list[JournalEntry]:
        """The first batches of the journal after a number."""
        found = JournalBatch.objects.using(self._using).filter(market=self.market, number__gt=number)
        rows = found.order_by("number").values_list("number", "time", "commands")[:most]
        return [JournalEntry(at, time, mapping.commands_of(commands)) for at, time, commands in rows]

    def close(self) -> None:
        """Give the lock and the connection of this thread back. It may be taken again later."""
        self._locked = self.leave_asked = False
        self._lock.release()
        self._disconnect()

    def _disconnect(self) -> None:
        self._quick = None
        connections[self._using].close()
        if self._files is not None:
            self._files.forget_connection()


def _chunks(length: int) -> Iterator[tuple[int, int]]:
    """Sizes of statements, and where each begins, that cover so many things."""
    at = 0
    for size in CHUNKS:
        while length - at >= size:
            yield size, at
            at += size


def _postgres() -> ModuleType:
    """Where it is not the database, its driver is not loaded."""
    from trading.storage import postgres

    return postgres


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


def _command(payload: object) -> Command | None:
    try:
        command: AdminCommand = msgspec.convert(payload, AdminCommand)
        return command
    except msgspec.ValidationError:
        return None
