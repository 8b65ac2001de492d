"""The store against the sqlite3 module: writing the same rows, reading the same rows, and what a long history costs.

Every database is a file of its own, WAL, synchronous=FULL.
"""

import gc
import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from django.core.management import call_command
from django.db import connections

from exchange_site.wiring.process import calm_garbage_collector
from tests.bench.figures import Figure, at_least, at_most
from tests.bench.flow import Message, workloads
from tests.bench.rows.core import START, commands, funded_engine
from trading.core.commands import CancelOrder, SubmitOrder
from trading.core.events import Event, OrderAccepted, Refused
from trading.core.money import UNIT
from trading.core.types import Direction, Offset, OrderType
from trading.models import User
from trading.storage.batch_writer import BatchWriter, MadeRows
from trading.storage.sql import Row, Table
from trading.storage.store import Store
from trading.worker.batch import Batch, KeptPushes
from trading.worker.follower import load

BATCH = 100
LIVE_ORDERS, ACCOUNTS = 100_000, 10_000


@contextmanager
def fresh_database(users: int) -> Iterator[Path]:
    """An empty, migrated database with users, as Django's default connection."""
    with tempfile.TemporaryDirectory(prefix="bourse-bench-") as folder:
        path = Path(folder) / "bench.sqlite3"
        connection = connections["default"]
        connection.close()
        connection.settings_dict["NAME"] = str(path)
        call_command("migrate", verbosity=0)
        User.objects.bulk_create(User(username=f"user{number:05}", password="!") for number in range(1, users + 1))
        yield path
        connection.close()


class RecordingWriter(BatchWriter):
    """Keeps a copy of what it writes, to have the very same rows written by others."""

    def __init__(self) -> None:
        super().__init__("MAIN", "default", 100_000)
        self.batches: list[list[tuple[str, list[Row]]]] = []

    def write(self, cursor: Any, batch: Batch, made: MadeRows | None = None) -> dict[int, int]:
        self.batches.append([])
        return super().write(cursor, batch, made)

    def _write(self, cursor: Any, table: Table, lines: list[Row]) -> None:
        if lines:
            sql = table.sql(connections["default"].ops.quote_name, "?", 1)
            self.batches[-1].append((sql, lines))
        super()._write(cursor, table, lines)


class RecordingStore(Store):
    """A store whose writer keeps a copy."""

    def __init__(self) -> None:
        super().__init__("MAIN")
        self._rows = self.recorded = RecordingWriter()


class Unsent(msgspec.Struct):
    """No pushes: they are the socket's business."""

    kept: list[KeptPushes] = []

    async def send(self) -> None: ...


class Market:
    """Engine and store, driven batch by batch without a loop."""

    def __init__(self, store: Store, accounts: int) -> None:
        self.store = store
        store.take_over()
        self.engine = funded_engine(accounts)
        self.number = 0
        self.commit([], [], START)

    def commit(self, done: list[Any], events: list[Event], now: int) -> None:
        self.number += 1
        changes = self.engine.take_changes()
        self.store.commit(
            Batch(
                number=self.number,
                time=now,
                last_id=self.engine.state.last_id,
                commands=done,
                events=events,
                changes=changes,
                pushes=Unsent(),
                operator_answers=[],
            )
        )

    def play(self, messages: list[Message], ids: dict[int, CancelOrder], now: int) -> None:
        """Apply one batch and commit it."""
        done: list[Any] = []
        events: list[Event] = []
        for message in messages:
            for command, oid in commands(message, ids):
                found = self.engine.apply(command, now)
                if type(found[0]) is Refused:
                    continue
                done.append(command)
                events += found
                if type(found[0]) is OrderAccepted:
                    ids[oid] = CancelOrder(found[0].account_id, found[0].order_id)
        self.commit(done, events, now)


def batches(messages: list[Message]) -> Iterator[list[Message]]:
    for at in range(0, len(messages), BATCH):
        yield messages[at : at + BATCH]


def write_figure() -> Figure:
    """Engine and store, against the bare writing of the rows that they wrote."""
    name, messages = next(iter(workloads().items()))
    messages = messages[:30_000]
    with fresh_database(2):
        store = RecordingStore()
        seconds, recorded = _play(store, messages), store.recorded.batches
    with fresh_database(2):
        seconds = _play(Store("MAIN"), messages)
    with fresh_database(2) as path:
        Market(Store("MAIN"), 2)
        bare = _write_bare(path, recorded[1:])
    written = sum(len(lines) for batch in recorded for _, lines in batch)
    return at_least(
        f"engine + store, batches of {BATCH}, workload {name}",
        f"{len(messages) / seconds:,.0f} messages/s ({written / len(messages):.1f} rows each)",
        f"{len(messages) / bare:,.0f} by executemany and commit of the same rows",
        bare / seconds,
        1 / 3,
    )


def _play(store: Store, messages: list[Message]) -> float:
    market = Market(store, 2)
    ids: dict[int, CancelOrder] = {}
    start = time.perf_counter()
    for number, batch in enumerate(batches(messages)):
        market.play(batch, ids, START + number)
    return time.perf_counter() - start


def _write_bare(path: Path, recorded: list[list[tuple[str, list[Row]]]]) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    start = time.perf_counter()
    for batch in recorded:
        connection.execute("BEGIN IMMEDIATE")
        for sql, lines in batch:
            connection.executemany(sql, lines)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.close()
    return seconds


def restart_figure() -> Figure:
    """Load and restore, against reading the same tables with the sqlite3 module."""
    with fresh_database(ACCOUNTS) as path:
        market = Market(Store("MAIN"), ACCOUNTS)
        for at in range(0, LIVE_ORDERS, 5_000):
            _rest(market, range(at, at + 5_000))
        bare = min(_read_bare(path) for _ in range(3))
        ours = min(_restart() for _ in range(3))
    return at_most(
        f"restart with {LIVE_ORDERS:,} live orders, {ACCOUNTS:,} accounts",
        f"{ours:.2f} s",
        f"{bare:.2f} s to read the same rows with sqlite3",
        ours / bare,
        3,
    )


def _rest(market: Market, numbers: range) -> None:
    """Orders that rest: every account buys and sells away from the middle."""
    done: list[Any] = []
    events: list[Event] = []
    for number in numbers:
        is_buy = number % 2 == 0
        price = (33_000 + (-1 if is_buy else 1) * (1 + number % 997)) * UNIT
        side = Direction.BUY if is_buy else Direction.SELL
        account = 1 + (number // 2) % ACCOUNTS
        command = SubmitOrder(account, "X", side, Offset.OPEN, OrderType.LIMIT, 1, price)
        done.append(command)
        events += market.engine.apply(command, START + number)
    market.commit(done, events, START + numbers[-1])


def _restart() -> float:
    """As a server does it: looks, loads, looks again, and searches for garbage rarely."""
    gc.collect()
    searches = gc.get_threshold()
    calm_garbage_collector()
    store = Store("MAIN")
    start = time.perf_counter()
    store.examine()
    engine, _ = load(store)
    store.verify(engine)
    seconds = time.perf_counter() - start
    gc.set_threshold(*searches)
    assert len(engine.state.orders) == LIVE_ORDERS
    return seconds


def _read_bare(path: Path) -> float:
    connection = sqlite3.connect(path)
    start = time.perf_counter()
    for table in ("account", "order", "position", "instrument"):
        where = "WHERE status IN ('Submitted', 'PartiallyFilled')" if table == "order" else ""
        connection.execute(f'SELECT * FROM "trading_{table}" {where}').fetchall()
    seconds = time.perf_counter() - start
    connection.close()
    return seconds


def growth_figures(total: int = 1_000_000, window: int = 50_000) -> list[Figure]:
    """Cost of an order late in a long history against early in it, and what memory the history takes.

    Orders come in pairs that trade or are cancelled, so that few are ever live; engine and store, batches of 500.
    """
    with fresh_database(10):
        market = Market(Store("MAIN"), 10)
        costs, memory = [], []
        for at in range(0, total, window):
            start = time.process_time()
            for first in range(at, at + window, 500):
                _trade_and_cancel(market, range(first, first + 500))
            costs.append((time.process_time() - start) / window)
            memory.append(resident_mb())
        live = len(market.engine.state.orders)
    return [
        at_most(
            f"cost of an order after {total:,} orders",
            f"{costs[-1] * 1e6:.0f} µs of processor",
            f"{costs[0] * 1e6:.0f} µs in the first {window:,}",
            costs[-1] / costs[0],
            1.2,
        ),
        at_most(
            f"memory after {total:,} orders ({live} live)",
            f"{memory[-1]:.0f} MB",
            f"{memory[0]:.0f} MB after the first {window:,}",
            memory[-1] / memory[0],
            1.05,
        ),
    ]


def _trade_and_cancel(market: Market, numbers: range) -> None:
    done: list[Any] = []
    events: list[Event] = []
    for number in numbers:
        turn, lap = number % 4, number // 4
        now = START + number // 10
        if turn == 3:
            command: Any = CancelOrder(1 + lap % 10, events[-1].order_id)
        else:
            side = Direction.SELL if (turn == 1) == (lap % 2 == 0) else Direction.BUY
            price = (33_000 if turn < 2 else 32_000 if side is Direction.BUY else 34_000) * UNIT
            account = 1 + (lap + (turn == 1) * (1 + lap % 9)) % 10
            command = SubmitOrder(account, "X", side, Offset.OPEN, OrderType.LIMIT, 1, price)
        done.append(command)
        events += market.engine.apply(command, now)
    market.commit(done, events, START + numbers[-1] // 10)


def resident_mb() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def measure() -> list[Figure]:
    return [write_figure(), restart_figure(), *growth_figures()]
