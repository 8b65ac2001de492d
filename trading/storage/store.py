"""The only writer of engine-owned rows: one transaction a batch, and the way back from rows to the engine's state.

Not for reading on behalf of users (that is `selectors.py`), and it knows nothing of frames, groups or sockets.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from operator import itemgetter
from time import monotonic
from typing import Any

import msgspec
from django.db import DataError, IntegrityError, connections, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from trading.core.accounts import ClientOrder
from trading.core.commands import AdminCommand, Command
from trading.core.engine import Engine
from trading.core.events import Refused
from trading.core.snapshot import (
    AccountRecord,
    InstrumentRecord,
    LegRecord,
    LotRecord,
    OrderRecord,
    PositionRecord,
    Snapshot,
)
from trading.core.state import Changes, Day
from trading.core.types import LIVE, stored_name
from trading.models import (
    Account,
    Instrument,
    JournalBatch,
    Market,
    OperatorCommand,
    Order,
    Position,
    PositionDetail,
)
from trading.storage import mapping, startup_checks
from trading.storage.sql import Table, json_text
from trading.worker.batch import Batch, OperatorAnswer, OperatorAsk, Restored, Superseded, Unstorable

CHUNKS = (64, 16, 4, 1)
"""Rows a statement: few sizes, so that every statement is prepared once; 64 rows stay below SQLite's 32,766 values."""
SMALL, QUICK = 4, 0.003
"""A batch of so few commands, and a commit of so few seconds, are over before a thread had been woken twice."""
PRUNED = 1_000
"""Pushes of an account that are forgotten at once when it has had too many: seldom enough to cost nothing."""
JOURNAL = msgspec.msgpack.Decoder(list[Command])
"""Reads the `commands` of a journal batch."""


class Store:
    """Reads and writes one market. All methods but `commit_here` block; call them from one thread, which owns the
    connection. Of each account at least `pushes_kept` pushes of the trading day are kept."""

    def __init__(self, market: str, using: str = "default", pushes_kept: int = 100_000) -> None:
        self.market = market
        self._using = using
        self._pushes_kept = pushes_kept
        self._epoch = 0
        self._push_seqs: dict[int, int] = {}
        self._trading_day = 0
        self._mark = ""
        self._sql: dict[tuple[Table, int], str] = {}
        self._quick: Any = None  # the connection, while it may be used by `commit_here`

    # -- write

    def commit(self, batch: Batch) -> None:
        """Make a batch durable. Raises Superseded, Unstorable or the database's error; then nothing was written."""
        began, connection = monotonic(), connections[self._using]
        with _unstorable(), transaction.atomic(using=self._using), self._driver(connection) as cursor:
            seqs = self._write_batch(cursor, batch)
            self._answer_operators(batch)
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
        with _unstorable(), self._driver(connection) as cursor:
            if not _begin_at_once(cursor, connection):
                return False
            try:
                seqs = self._write_batch(cursor, batch)
                cursor.execute("COMMIT")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
        self._stored(connection, batch, seqs, monotonic() - began)
        return True

    def _stored(self, connection: Any, batch: Batch, seqs: dict[int, int], seconds: float) -> None:
        self._push_seqs.update(seqs)
        self._trading_day = self._today(batch)
        self._quick = connection if connection.vendor == "sqlite" and seconds < QUICK else None

    def _write_batch(self, cursor: Any, batch: Batch) -> dict[int, int]:
        """Everything but operators' answers. The push numbers that are stored when this is."""
        changes, market = batch.changes, self.market
        seqs = {key: self._push_seqs.get(key, 0) for key in changes.accounts}
        seqs.update((kept.account_id, kept.last_seq) for kept in batch.pushes.kept)
        self._advance(batch, cursor)
        self._write(
            cursor, mapping.INSTRUMENTS, [mapping.instrument_row(market, i) for i in changes.instruments.values()]
        )
        self._write(
            cursor, mapping.ACCOUNTS, [mapping.account_row(market, a, seqs[key]) for key, a in changes.accounts.items()]
        )
        self._write(
            cursor, mapping.POSITIONS, [mapping.position_row(key[0], p) for key, p in changes.positions.items()]
        )
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
        self._keep_pushes(cursor, batch)
        journal = msgspec.msgpack.encode(batch.commands)
        self._write(cursor, mapping.JOURNAL, [(market, batch.number, self._epoch, batch.time, journal)])
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

    def _advance(self, batch: Batch, cursor: Any) -> None:
        """Move the market on, if this engine still runs it."""
        mark = self._mark
        cursor.execute(
            f"UPDATE trading_market SET batch = {mark}, last_id = {mark}"  # noqa: S608  # no value is in the text
            f" WHERE code = {mark} AND epoch = {mark} AND batch = {mark}",
            (batch.number, batch.last_id, self.market, self._epoch, batch.number - 1),
        )
        if not cursor.rowcount:
            raise Superseded(f"another engine has taken market {self.market} over")

    def _write_orders(self, cursor: Any, batch: Batch) -> None:
        """Most orders are plain, and written with half as many columns. On a new trading day all live ones are written:
        their own ids stay used up."""
        orders, today = batch.changes.orders, self._today(batch)
        if today != self._trading_day:
            orders = {**orders, **{key: o for a in batch.changes.accounts.values() for key, o in a.orders.items()}}
        plain: list[mapping.Row] = []
        others: list[mapping.Row] = []
        for order in orders.values():
            if mapping.is_plain(order, today):
                plain.append(mapping.plain_order_row(order))
            else:
                others.append(mapping.order_row(order, today))
        self._write(cursor, mapping.PLAIN_ORDERS, plain)
        self._write(cursor, mapping.ORDERS, others)

    def _write_details(self, cursor: Any, changes: Changes) -> None:
        """The lines of positions' details that are there, and those that are gone."""
        there: list[mapping.Row] = []
        gone: list[int] = []
        for account_id, instrument_id, lot in changes.lots.values():
            if lot.lots:
                there.append(mapping.detail_row(account_id, instrument_id, lot))
            else:
                gone.append(lot.number)
        self._write(cursor, mapping.DETAILS, there)
        for at in range(0, len(gone), CHUNKS[0]):
            some = gone[at : at + CHUNKS[0]]
            marks = ", ".join([self._mark] * len(some))
            cursor.execute(f"DELETE FROM trading_positiondetail WHERE id IN ({marks})", some)  # noqa: S608  # marks only

    def _write_day(self, cursor: Any, day: Day) -> None:
        mark = self._mark
        cursor.execute(
            f"UPDATE trading_market SET trading_day = {mark}, net_deposits = {mark}, commission = {mark},"  # noqa: S608
            f" fee_groups = {mark} WHERE code = {mark}",
            (day.trading_day, day.net_deposits, day.commission, json_text(day.fee_groups), self.market),
        )

    def _keep_pushes(self, cursor: Any, batch: Batch) -> None:
        """Keep what is told, forget what is too old."""
        mark, forget = self._mark, "DELETE FROM trading_pushbatch WHERE account_id"
        if self._today(batch) != self._trading_day:
            all_accounts = f"(SELECT id FROM trading_account WHERE market_id = {mark})"  # noqa: S608
            cursor.execute(f"{forget} IN {all_accounts}", (self.market,))
        self._write(cursor, mapping.PUSHES, [msgspec.structs.astuple(kept) for kept in batch.pushes.kept])
        for kept in batch.pushes.kept:
            if kept.last_seq // PRUNED > (kept.first_seq - 1) // PRUNED:
                end = kept.last_seq - self._pushes_kept
                cursor.execute(f"{forget} = {mark} AND last_seq <= {mark}", (kept.account_id, end))

    def _write(self, cursor: Any, table: Table, lines: list[mapping.Row]) -> None:
        """Write rows, many a statement: SQLite's driver gives the interpreter away once a statement, so `executemany`
        would stop at every row while the event loop is busy (measured: a third fewer orders a second)."""
        at, left = 0, len(lines)
        for size in CHUNKS:
            while left >= size:
                values = [value for line in lines[at : at + size] for value in line]
                cursor.execute(self._statement(table, size), values)
                at += size
                left -= size

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
            market, _ = markets.get_or_create(code=self.market)
            markets.filter(code=self.market).update(epoch=F("epoch") + 1)
            self._epoch = market.epoch + 1

    def load(self) -> tuple[Snapshot, Restored]:
        """The state of the last commit, and where its streams stand."""
        with transaction.atomic(using=self._using):
            market = Market.objects.using(self._using).get(code=self.market)
            accounts = Account.objects.using(self._using).filter(market=self.market)
            self._push_seqs = dict(accounts.values_list("id", "push_seq"))
            self._trading_day = market.trading_day
            records = Snapshot(
                last_id=market.last_id,
                day=Day(market.trading_day, market.net_deposits, market.commission, market.fee_groups),
                instruments=self._load_instruments(),
                accounts=self._load_accounts(),
                positions=self._load_positions(),
                orders=self._load_orders(),
                rules=market.rules,
            )
            journal = JournalBatch.objects.using(self._using).filter(market=self.market).order_by("-number")
            time = journal.values_list("time", flat=True).first() or 0
        return records, Restored(market.batch, time, dict(self._push_seqs))

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
        """The ids that are used up today: by today's orders, and by those that have lived until today."""
        by_account: dict[int, list[tuple[str, ClientOrder]]] = {}
        found = Order.objects.using(self._using).filter(account__market=self.market, client_order_id__isnull=False)
        known = found.filter(Q(trading_day=self._trading_day) | Q(known_day=self._trading_day))
        for row in known.values_list(*mapping.LOADED_CLIENT_ORDER_FIELDS):
            account_id, name, asked = mapping.client_order(row)
            by_account.setdefault(account_id, []).append((name, asked))
        return {account_id: sorted(orders, key=itemgetter(0)) for account_id, orders in by_account.items()}

    def _load_positions(self) -> list[PositionRecord]:
        fields = [field for field in mapping.POSITION_STATE if not field.endswith("_margin")]
        found = Position.objects.using(self._using).filter(account__market=self.market)
        details = self._load_details()
        return [
            PositionRecord(
                account,
                instrument,
                _leg(legs[:5], details.get((account, instrument, True), [])),
                _leg(legs[5:], details.get((account, instrument, False), [])),
            )
            for account, instrument, *legs in found.order_by("account_id", "instrument_id").values_list(
                "account_id", "instrument_id", *fields
            )
            if any(legs)
        ]

    def _load_details(self) -> dict[tuple[int, str, bool], list[LotRecord]]:
        """By account, instrument and whether they are long; the first opened first."""
        found = PositionDetail.objects.using(self._using).filter(account__market=self.market)
        details: dict[tuple[int, str, bool], list[LotRecord]] = {}
        rows = found.values_list("account_id", "instrument_id", "id", "lots", "cost")
        for account, instrument, number, lots, cost in sorted(rows, key=lambda row: abs(row[2])):
            details.setdefault((account, instrument, number > 0), []).append(LotRecord(number, lots, cost))
        return details

    def _load_orders(self) -> list[OrderRecord]:
        """Live orders in time priority."""
        found = Order.objects.using(self._using).filter(account__market=self.market, status__in=LIVE)
        ordered = found.order_by(Coalesce("priority", "id"))
        return [mapping.order_record(row) for row in ordered.values_list(*mapping.LOADED_ORDER_FIELDS)]

    def pending(self, most: int) -> list[OperatorAsk]:
        """Operators' commands that wait, oldest first."""
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
            yield made_at, JOURNAL.decode(bytes(commands))

    def close(self) -> None:
        """Give the connection of this thread back."""
        self._quick = None
        connections[self._using].close()


def _leg(sums: list[int], detail: list[LotRecord]) -> LegRecord:
    today, his, today_cost, his_cost, his_open_cost = sums
    return LegRecord(today, his, today_cost, his_cost, his_open_cost, detail)


@contextmanager
def _unstorable() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError, OverflowError) as error:
        raise Unstorable(str(error)) from error


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
