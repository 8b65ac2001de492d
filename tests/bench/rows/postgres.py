"""`python -m tests.bench.rows.postgres`: what a batch costs on PostgreSQL, with other ways to write the very same rows.

A server of its own that waits for the disk (fsync). Each way plays the same orders; the time is that
of the commits alone, the processor's that of everything in this process.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.services import postgres_here

SIZES = {1: 400, 20: 2_000, 200: 6_000, 500: 6_000}
"""Commands in a batch, and of how many commands it is measured."""
ROUNDS = 3


def main() -> None:
    os.environ.update(
        DJANGO_SETTINGS_MODULE="exchange_site.settings", DATA_DIR=tempfile.mkdtemp(prefix="bourse-bench-")
    )
    server = postgres_here(fsync=True)
    os.environ["DATABASE_URL"] = server.url("bourse")
    try:
        import django

        django.setup()
        _measure()
    finally:
        server.remove()


def _measure() -> None:
    from django.core.management import call_command
    from django.db import connection
    from psycopg import Connection, Cursor

    from tests.bench.flow import workloads
    from tests.bench.rows import database
    from tests.bench.rows.core import START
    from trading.models import User
    from trading.storage.batch_writer import BatchWriter
    from trading.storage.sql import Row, Table
    from trading.storage.store import Store

    class Statements(BatchWriter):
        """Many rows a statement, text made by the driver, an answer for each: as SQLite is written."""

        def __init__(self, market: str, using: str, pushes_kept: int) -> None:
            super().__init__(market, using, pushes_kept)
            self._postgres = None

    class InThree(BatchWriter):
        """A round trip for BEGIN and the check of the epoch, one for the rows, one for COMMIT."""

        at_once = False

        def _advance(self, batch: Any, cursor: Any) -> None:
            super()._advance(batch, cursor)
            cursor.fetchone()

    class OneByOne(BatchWriter):
        """A pipeline of prepared statements, one a row."""

        def _write(self, cursor: Any, table: Table, lines: list[Row]) -> None:
            for line in lines:
                cursor.execute(table.sql(connection.ops.quote_name, "%s", 1), line)

    class Prepared(Cursor[Any]):
        """The driver's own, with every statement prepared, and lists as it sends them."""

        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            return super().execute(query, params, **{"prepare": True, **options})

        def flush(self) -> None:
            """It sends at once."""

    class Apart(BatchWriter):
        """Prepared statements and arrays, each waited for."""

        at_once = False

        @contextmanager
        def cursor(self, connection: Any) -> Iterator[Any]:
            connection.ensure_connection()
            raw: Connection[Any] = connection.connection
            with connection.wrap_database_errors, Prepared(raw) as cursor:
                yield cursor

    class Timed(Store):
        """Counts the seconds of its commits."""

        def __init__(self, way: type[BatchWriter]) -> None:
            super().__init__("MAIN")
            self._rows = way("MAIN", "default", 100_000)
            self.seconds: list[float] = []

        def commit(self, batch: Any, made: Any = None) -> None:
            began = time.perf_counter()
            super().commit(batch, made)
            self.seconds.append(time.perf_counter() - began)

    call_command("migrate", verbosity=0)
    User.objects.bulk_create(User(username=f"user{number:05}", password="!") for number in range(1, 3))
    messages = next(iter(workloads().values()))
    ways = {
        "as it is": BatchWriter,
        "in three": InThree,
        "statements": Statements,
        "one by one": OneByOne,
        "apart": Apart,
    }
    for turn in range(ROUNDS):
        for size, total in SIZES.items():
            for name, way in ways.items():
                with connection.cursor() as cursor:
                    cursor.execute("TRUNCATE trading_market, trading_account CASCADE")
                connection.close()
                store = Timed(way)
                market, ids = database.Market(store, 2), dict[int, Any]()
                store.seconds.clear()
                began = time.process_time()
                for at in range(0, total, size):
                    market.play(messages[at : at + size], ids, START + at)
                processor = (time.process_time() - began) / total
                took = sorted(store.seconds)
                print(
                    f"round {turn + 1}, batches of {size:3}, {name:10}: {sum(took) / total * 1e6:7.0f} µs a command,"
                    f" p50 of a batch {took[len(took) // 2] * 1e3:6.2f} ms, processor {processor * 1e6:5.0f} µs",
                    flush=True,
                )


if __name__ == "__main__":
    main()
