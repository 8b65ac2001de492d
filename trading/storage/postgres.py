"""How a batch is written to PostgreSQL: all its statements in one round trip, BEGIN and COMMIT too, the rows of a table
in one statement. None may need the answer to another: what has to be so is asked in a way that fails where it is not.

Measured (docs/performance.md): what costs is to wait for an answer a statement, and to read long statements anew.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connections
from psycopg.types.numeric import Int8Dumper

from trading.storage.sql import Row, Table

FEW = 4
"""Rows from which on arrays are cheaper than a statement for each row."""


class PreparedCursor(psycopg.Cursor[Any]):
    """Prepares every statement, once a session. All whole numbers are sent as the same type, or each mixture of small
    and large ones would be a statement of its own."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        super().__init__(connection)
        self.adapters.register_dumper(int, Int8Dumper)

    def execute(self, query: Any, params: Any = None, **options: Any) -> "PreparedCursor":
        return super().execute(query, params, **{"prepare": True, **options})


@contextmanager
def pipelined(connection: "psycopg.Connection[Any]") -> Iterator[PreparedCursor]:
    """A cursor whose statements are sent together. What fails is known at the end, and what came behind it is not done.
    NoRow where a statement `for_a_row` has found none."""
    try:
        with connection.pipeline(), PreparedCursor(connection) as cursor:
            yield cursor
    except psycopg.errors.DivisionByZero as error:  # nothing else divides
        raise NoRow from error


class NoRow(Exception):
    """What had to be there is not."""


def for_a_row(statement: str) -> str:
    """A statement that returns a row, as one that fails where it returns none."""
    return f"WITH found AS ({statement}) SELECT 1 / COUNT(*) FROM found"  # noqa: S608  # statements of ours


def write_rows(
    cursor: Any, table: Table, lines: list[Row], statements: dict[tuple[Table, int], str], using: str
) -> None:
    """Write rows; the statements that were made for the database `using` are kept in `statements`."""
    if len(lines) < FEW:
        sql = statements.get((table, 1)) or statements.setdefault((table, 1), table.sql(_quote(using), "%s", 1))
        for line in lines:
            cursor.execute(sql, line)
    elif lines:
        sql = statements.get((table, 0)) or statements.setdefault((table, 0), _array_sql(table, using))
        cursor.execute(sql, [list(column) for column in zip(*lines, strict=True)])


def _quote(using: str) -> Callable[[str], str]:
    quote: Callable[[str], str] = connections[using].ops.quote_name
    return quote


def _array_sql(table: Table, using: str) -> str:
    connection = connections[using]

    def type_of(field: Any) -> str:
        """The type of a column."""
        found: str = field.rel_db_type(connection) if field.is_relation else field.db_type(connection)
        return found

    return table.array_sql(_quote(using), "%s", type_of)
