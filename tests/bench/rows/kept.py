"""How many bytes an accepted order leaves in the database, by table, on SQLite and on PostgreSQL.

Two flows, both in commits of twenty messages, every order with an own id, with all private pushes: the first workload
of the bench from a hundred accounts (half new orders, the rest cancels and changes; few trade), and ten accounts of
whose orders every second one trades, as `tests.bench.load` pours them. The write-ahead log is not counted: it is used
again and again.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, islice

import environ
import msgspec
from django.core.management import call_command
from django.db import connections

from tests.bench.figures import Figure, at_most
from tests.bench.flow import Message, workloads
from tests.bench.rows.core import START, commands, funded_engine
from tests.services import POSTGRES_FOLDERS, Postgres
from trading.core.commands import CancelOrder, Command, SubmitOrder
from trading.core.events import Event, OrderAccepted, Refused
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.push_encoder import PushEncoder
from trading.models import User
from trading.storage.store import Store
from trading.worker.batch import Batch

MESSAGES, ACCOUNTS, TRADERS, BATCH = 40_000, 100, 10, 20
GOAL = 700
"""Bytes an order."""
GROWING = {
    "journal": "trading_journalbatch",
    "pushes": "trading_pushbatch",
    "orders": "trading_order",
    "trades": "trading_trade",
    "ledger": "trading_ledgerentry",
}
"""What grows with every order."""


class Flow:
    """The workload as a hundred accounts would send it, applied and committed batch by batch."""

    def __init__(self, using: str, accounts: int) -> None:
        self.accounts = accounts
        users = [User(username=f"user{number:05}", password="!") for number in range(1, accounts + 1)]
        User.objects.using(using).bulk_create(users)
        self.store = Store("MAIN", using)
        self.store.take_over()
        self.engine = funded_engine(accounts)
        self.pushes = PushEncoder(InProcessLayer())
        self.ids: dict[int, CancelOrder] = {}
        self.accepted = self.number = 0
        self.commit([], [], START)

    def play(self, messages: list[Message]) -> None:
        """One batch."""
        done: list[Command] = []
        events: list[Event] = []
        now = START + self.number
        for message in messages:
            for asked, oid in commands(message, self.ids):
                command = self._own(asked, oid)
                found = self.engine.apply(command, now)
                if type(found[0]) is Refused:
                    continue
                done.append(command)
                events += found
                if type(found[0]) is OrderAccepted:
                    self.accepted += 1
                    self.ids[oid] = CancelOrder(found[0].account_id, found[0].order_id)
        self.commit(done, events, now)

    def _own(self, command: Command, oid: int) -> Command:
        """An order of one of the accounts, with an id of its own."""
        if not isinstance(command, SubmitOrder):
            return command
        return msgspec.structs.replace(
            command,
            account_id=1 + (oid * 2 + command.account_id) % self.accounts,
            client_order_id=f"mine-{self.accepted}",
        )

    def commit(self, done: list[Command], events: list[Event], now: int) -> None:
        self.number += 1
        changes = self.engine.take_changes()
        pushes = self.pushes.encode(events, changes, now)
        last_id = self.engine.state.last_id
        self.store.commit(Batch(self.number, now, last_id, done, events, changes, pushes, []))


def sizes(using: str) -> dict[str, int]:
    """Bytes of every table and index, in whole pages."""
    with connections[using].cursor() as cursor:
        if connections[using].vendor == "sqlite":
            cursor.execute("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name")
        else:
            cursor.execute(
                "SELECT relname, pg_table_size(oid) FROM pg_class"  # with what is stored beside it
                " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"
            )
        return dict(cursor.fetchall())


def owners(using: str) -> dict[str, str]:
    """The table of every index."""
    sql = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'"
    if connections[using].vendor != "sqlite":
        sql = "SELECT indexname, tablename FROM pg_indexes WHERE schemaname = 'public'"
    with connections[using].cursor() as cursor:
        cursor.execute(sql)
        return dict(cursor.fetchall())


def trading(orders: int) -> list[Message]:
    """Orders of one lot at one price: every second one trades. The accounts of a pair are next to each other."""
    return [(0, number, number // 2, number % 2, 33_000, 1, 0) for number in range(orders)]


def bytes_an_order(using: str, accounts: int, flow_of: list[Message]) -> tuple[int, dict[str, float]]:
    """Play; the orders that were accepted, and what each has left in every table and index that grows."""
    call_command("migrate", database=using, verbosity=0)
    flow = Flow(using, accounts)
    before = sizes(using)
    messages = iter(flow_of)
    while some := list(islice(messages, BATCH)):
        flow.play(some)
    names, tables = {name: label for label, name in GROWING.items()}, owners(using)
    kept: dict[str, float] = {}
    for name, size in sizes(using).items():
        grown = (size - before.get(name, 0)) / flow.accepted
        label = names.get(tables.get(name, name), "other")
        part = f"{label}, indexes" if name in tables else label
        kept[part] = kept.get(part, 0) + grown
    flow.store.close()
    return flow.accepted, kept


@contextmanager
def database(url: str) -> Iterator[str]:
    """The database at an address in the place of the exchange's own; its alias."""
    before = connections["default"].settings_dict
    config = {**before, "OPTIONS": {}, **environ.Env.db_url_config(url)}
    if config["ENGINE"] == before["ENGINE"]:
        config["OPTIONS"] = before["OPTIONS"]
    try:
        _connect(config)
        yield "default"
    finally:
        _connect(before)


def _connect(config: dict[str, object]) -> None:
    connections["default"].close()
    del connections["default"]
    connections.settings = connections.configure_settings({**connections.settings, "default": config})


def figures(name: str, make: Callable[[], str]) -> Iterator[Figure]:
    """Those of one kind of database; `make`: the address of an empty one."""
    quiet = next(iter(workloads().items()))
    flows = {f"workload {quiet[0]}": (ACCOUNTS, quiet[1][:MESSAGES]), "half trading": (TRADERS, trading(MESSAGES))}
    for what, (accounts, messages) in flows.items():
        with database(make()) as using:
            accepted, kept = bytes_an_order(using, accounts, messages)
        parts = ", ".join(f"{part} {size:,.0f}" for part, size in sorted(kept.items(), key=lambda item: -item[1]))
        total = sum(kept.values())
        yield at_most(
            f"kept of an order on {name}, {what} ({accepted:,} orders, {BATCH} messages a commit)",
            f"{total:,.0f} bytes ({parts})",
            f"{GOAL} bytes",
            total / GOAL,
            1,
        )


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="bourse-bench-") as folder:
        names = (f"sqlite:///{folder}/{number}.sqlite3" for number in count())
        found = list(figures("SQLite", lambda: next(names)))
    binaries = next((folder for folder in POSTGRES_FOLDERS if (folder / "initdb").exists()), None)
    if binaries is not None:
        server = Postgres(binaries)
        try:
            found += figures("PostgreSQL", lambda: server.url(server.create()))
        finally:
            server.remove()
    return found
