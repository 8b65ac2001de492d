"""The statements of a batch: every row that it changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import msgspec
from django.db import connections

from trading.core.events import InstrumentListed, TransferReceived
from trading.core.state import Changes, Day
from trading.models import Transfer
from trading.storage import mapping
from trading.storage.sql import CHUNKS, Row, Table, chunks, driver, json_text, mark_of
from trading.worker.batch import Batch, Superseded, Unstorable

ASKED_FOR = {InstrumentListed, TransferReceived}
"""Events for which a row is asked for before the others are written."""
PRUNED = 1_000
"""Pushes of an account that are forgotten at once when it has had too many: seldom enough to cost nothing."""


class MadeRows(msgspec.Struct, frozen=True):
    """The statements of a batch (of `postgres.py`), and the push numbers that are stored with them."""

    statements: Any
    seqs: dict[int, int]


class BatchWriter:
    """Writes the rows of one market, in a transaction that its store has begun and ends. Where the market stands is
    kept here, because the next rows depend on it: `epoch` of the engine, `push_seqs` by account, `trading_day`."""

    def __init__(self, market: str, using: str, pushes_kept: int) -> None:
        self._market = market
        self._using = using
        self._pushes_kept = pushes_kept
        self.epoch = 0
        self.push_seqs: dict[int, int] = {}
        self.trading_day = 0
        self._mark = mark_of(connections[using])
        self._sql: dict[tuple[Table, Any], str] = {}
        self._postgres = _postgres() if connections[using].vendor == "postgresql" else None
        self._session: Any = None

    def write(self, cursor: Any, batch: Batch, made: MadeRows | None = None) -> dict[int, int]:
        """Everything but operators' answers. The push numbers that are stored when this is. `made`: its rows, if they
        are."""
        if made is not None:
            made.statements.sent(cursor)
            return made.seqs
        changes, market = batch.changes, self._market
        seqs = {key: self.push_seqs.get(key, 0) for key in changes.accounts}
        seqs.update((kept.account_id, kept.last_seq) for kept in batch.pushes.kept)
        self._advance(batch, cursor)
        row = mapping.INSTRUMENT.row
        self._write(cursor, mapping.INSTRUMENTS, [row(each, market) for each in changes.instruments.values()])
        kinds = set(map(type, batch.events))
        if InstrumentListed in kinds:
            self._keep_apart(cursor, [each for each in batch.events if type(each) is InstrumentListed])
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
        if TransferReceived in kinds:
            self._end_transfers(cursor, [each for each in batch.events if type(each) is TransferReceived])
        self._keep_pushes(cursor, batch)
        self._write(cursor, mapping.JOURNAL, [mapping.BATCH.row(batch, market, self.epoch)])
        return seqs

    def today(self, batch: Batch) -> int:
        """The trading day after a batch."""
        return self.trading_day if batch.changes.day is None else batch.changes.day.trading_day

    @contextmanager
    def cursor(self, connection: Any) -> Iterator[Any]:
        """A cursor for the statements of a batch."""
        if self._postgres is None:
            with driver(connection) as cursor:
                yield cursor
            return
        connection.ensure_connection()
        if self._session is None or self._session.connection is not connection.connection:
            self._session = self._postgres.Session(connection.connection)
        with self._superseded_without_row(), connection.wrap_database_errors, self._session.pipelined() as cursor:
            yield cursor

    def made(self, batch: Batch) -> MadeRows | None:
        """Its rows as they are now, to be written later. None where that cannot be."""
        if self._postgres is None or not _is_plain(batch):
            return None
        statements = self._postgres.Statements()
        return MadeRows(statements, self.write(statements, batch))

    def write_whole(self, cursor: Any, batch: Batch, made: MadeRows | None = None) -> dict[int, int]:
        """Where a whole transaction is sent `at_once`: up to the COMMIT."""
        seqs = self.write(cursor, batch, made)
        cursor.execute("COMMIT")
        return seqs

    async def write_here(self, connection: Any, batch: Batch, made: MadeRows | None) -> dict[int, int]:
        """The same in the event loop, where `can_write_here`."""
        write = partial(self.write_whole, batch=batch, made=made)
        with self._superseded_without_row(), connection.wrap_database_errors:
            seqs: dict[int, int] = await self._session.pipelined_here(write)
        return seqs

    def can_write_here(self, connection: Any, batch: Batch) -> bool:
        """Whether the session is there, in order, and asked for no row in the middle."""
        session = self._session
        return (
            session is not None and session.connection is connection.connection and session.is_idle and _is_plain(batch)
        )

    @property
    def at_once(self) -> bool:
        """Whether a whole transaction is sent together, with its BEGIN and its COMMIT."""
        return self._postgres is not None

    @contextmanager
    def _superseded_without_row(self) -> Iterator[None]:
        assert self._postgres is not None
        try:
            yield
        except self._postgres.NoRow as error:
            raise self._superseded() from error

    def _superseded(self) -> Superseded:
        return Superseded(f"another engine has taken market {self._market} over")

    def _advance(self, batch: Batch, cursor: Any) -> None:
        """Move the market on, if this engine still runs it. Else nothing more is done."""
        mark = self._mark
        where = f"WHERE code = {mark} AND epoch = {mark} AND batch = {mark}"
        stream, position = ("", ()) if batch.position is None else (f", stream_id = {mark}", (batch.position,))
        sql = f"UPDATE trading_market SET batch = {mark}, last_id = {mark}{stream} {where}"  # noqa: S608  # marks only
        values = (batch.number, batch.last_id, *position, self._market, self.epoch, batch.number - 1)
        if self._postgres is not None:
            cursor.execute(self._postgres.for_a_row(f"{sql} RETURNING batch"), values)
            return
        cursor.execute(sql, values)
        if not cursor.rowcount:
            raise self._superseded()

    def _keep_apart(self, cursor: Any, listed: list[InstrumentListed]) -> None:
        """An instrument is one market's. Unstorable where another market has listed it in the same moment: the row is
        that market's, however this batch has written it."""
        names = [each.instrument_id for each in listed]
        marks = ", ".join([self._mark] * len(names))
        cursor.execute(
            f"SELECT COUNT(*) FROM trading_instrument WHERE market_id <> {self._mark}"  # noqa: S608  # marks only
            f" AND instrument_id IN ({marks})",
            (self._market, *names),
        )
        (elsewhere,) = cursor.fetchone()
        if elsewhere:
            raise Unstorable(f"of {', '.join(names)} {elsewhere} are listed at another market")

    def _write_orders(self, cursor: Any, batch: Batch) -> None:
        """Most orders are plain, and written with half as many columns. On a new trading day all live ones are written:
        their own ids stay used up. PostgreSQL need not look for many new ones whether they are there."""
        orders, today = batch.changes.orders, self.today(batch)
        if today != self.trading_day:
            orders = {**orders, **{key: o for a in batch.changes.accounts.values() for key, o in a.orders.items()}}
        plain: list[Row] = []
        others: list[Row] = []
        for order in orders.values():
            row, further = mapping.PLAIN_ORDER.row(order), mapping.further_row(order, today)
            if further:
                others.append(row + further)
            else:
                plain.append(row)
        if self._postgres is not None and len(plain) >= self._postgres.MANY:
            after = batch.changes.after
            self._write(cursor, mapping.NEW_ORDERS, [row for row in plain if row[0] > after])
            plain = [row for row in plain if row[0] <= after]
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
            f" fee_groups = {mark}, limits = {mark}, restrictions = {mark},"
            f" announcements = {mark}, broken_trades = {mark} WHERE code = {mark}",
            (
                *(day.trading_day, day.net_deposits, day.commission),
                *(json_text(day.fee_groups), json_text(day.limits), json_text(day.restrictions)),
                *(json_text(day.announcements), json_text(day.broken), self._market),
            ),
        )

    def _end_transfers(self, cursor: Any, received: list[TransferReceived]) -> None:
        """Money that was in transit has come in. Unstorable where it was not in transit: none comes in twice."""
        mark, returning = self._mark, "" if self._postgres is None else " RETURNING 1"
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
        if self.today(batch) != self.trading_day:
            all_accounts = f"(SELECT id FROM trading_account WHERE market_id = {mark})"  # noqa: S608
            cursor.execute(f"{forget} IN {all_accounts}", (self._market,))
        self._write(cursor, mapping.PUSHES, [mapping.PUSH.row(kept) for kept in batch.pushes.kept])
        for kept in batch.pushes.kept:
            if kept.last_seq // PRUNED > (kept.first_seq - 1) // PRUNED:
                end = kept.last_seq - self._pushes_kept
                cursor.execute(f"{forget} = {mark} AND last_seq <= {mark}", (kept.account_id, end))

    def _write(self, cursor: Any, table: Table, lines: list[Row]) -> None:
        """Write rows, many a statement: SQLite's driver gives the interpreter away once a statement, so `executemany`
        would stop at every row while the event loop is busy (measured: a third fewer orders a second)."""
        if not lines:
            return
        if self._postgres is not None:
            self._postgres.write_rows(cursor, table, lines, self._sql, self._using)
            return
        for size, at in chunks(len(lines)):
            values = [value for line in lines[at : at + size] for value in line]
            cursor.execute(self._sql.get((table, size)) or self._statement(table, size), values)

    def _statement(self, table: Table, size: int) -> str:
        """Made once."""
        sql = self._sql[table, size] = table.sql(connections[self._using].ops.quote_name, self._mark, size)
        return sql


def _is_plain(batch: Batch) -> bool:
    """Whether its rows need no answer of the database, and go into tables that are the engine's alone."""
    return not batch.operator_answers and ASKED_FOR.isdisjoint(map(type, batch.events))


def _postgres() -> ModuleType:
    """Where it is not the database, its driver is not loaded."""
    from trading.storage import postgres

    return postgres
