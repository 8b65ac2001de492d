"""What is sent to PostgreSQL together arrives as it was meant, and an error leaves the session in order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.services import Postgres
from trading.storage.heard_postgres.driver import HeardConnection
from trading.storage.postgres import NoRow, Pipeline, Session, array, for_a_row

IDLE = psycopg.pq.TransactionStatus.IDLE
TEXTS = ["", "NULL", "null", 'say "no"', "back\\slash", "{a,b}", "a, b", " two  lines\nand a\ttab ", "期货", None]
NUMBERS = [0, -1, 2**63 - 1, -(2**63), None]


@pytest.fixture
def connection(postgres: Postgres) -> Iterator[HeardConnection]:
    where: dict[str, Any] = {"host": "127.0.0.1", "port": postgres.port, "user": postgres.user, "dbname": "postgres"}
    with HeardConnection.connect(**where, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE kept (n bigint, t text, b boolean, y bytea)")
        yield connection


@pytest.fixture
def session(connection: HeardConnection) -> Session:
    return Session(connection)


def kept(session: Session) -> list[tuple[Any, ...]]:
    return session.connection.execute("SELECT n, t, b, y FROM kept ORDER BY ctid").fetchall()


def keep(session: Session, *numbers: int) -> None:
    with session.pipelined() as pipeline:
        for number in numbers:
            pipeline.execute("INSERT INTO kept (n) VALUES (%s)", (number,))
        pipeline.execute("COMMIT")


ROWS = [
    *((None, text, None, None) for text in TEXTS),
    *((number, None, None, None) for number in NUMBERS),
    *((None, None, flag, None) for flag in (True, False)),
    *((None, None, None, data) for data in (b"", b"\0\xff\\x'\"", bytes(range(256)))),
]


def test_values_arrive_as_they_are(session: Session) -> None:
    with session.pipelined() as pipeline:
        for row in ROWS:
            pipeline.execute("INSERT INTO kept (n, t, b, y) VALUES (%s, %s, %s, %s)", row)
        pipeline.execute("COMMIT")
    assert kept(session) == ROWS


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("text", TEXTS),
        ("bigint", NUMBERS),
        ("boolean", [True, False, None]),
        ("bytea", [b"", b"\0\xff\\x'\"", bytes(range(256))]),
        ("text", [None, None]),
        ("bigint", [None]),
    ],
)
def test_arrays_arrive_as_they_are(session: Session, kind: str, column: list[Any]) -> None:
    found = session.connection.execute(f"SELECT unnest(%s::{kind}[])", [array(column)]).fetchall()
    assert [value for (value,) in found] == column


def test_a_text_that_would_end_too_early_is_refused(session: Session) -> None:
    for value in ("a\0b", array(["a\0b"])):
        with pytest.raises(psycopg.DataError, match="NUL"), session.pipelined() as pipeline:
            pipeline.execute("INSERT INTO kept (t) VALUES (%s)", (value,))
        session.connection.rollback()
    assert kept(session) == []


def test_after_an_error_nothing_is_done_and_the_session_goes_on(session: Session) -> None:
    """Statements behind the error, that nobody had prepared before, are known again when they are needed."""
    keep(session, 1)
    with pytest.raises(psycopg.errors.NumericValueOutOfRange), session.pipelined() as pipeline:
        pipeline.execute("INSERT INTO kept (n) VALUES (%s)", (2**63,))
        pipeline.execute("INSERT INTO kept (t) VALUES (%s)", ("behind",))
        pipeline.execute("COMMIT")
    assert session.connection.info.transaction_status != IDLE
    session.connection.rollback()
    with session.pipelined() as pipeline:
        pipeline.execute("INSERT INTO kept (t) VALUES (%s)", ("again",))
        pipeline.execute("COMMIT")
    assert [row[:2] for row in kept(session)] == [(1, None), (None, "again")]


def test_what_was_not_sent_completely_is_not_done(session: Session) -> None:
    with pytest.raises(KeyError), session.pipelined() as pipeline:
        pipeline.execute("INSERT INTO kept (n) VALUES (%s)", (1,))
        raise KeyError
    session.connection.rollback()
    keep(session, 2)
    assert [row[0] for row in kept(session)] == [2]


def test_two_writers_of_one_session_do_not_meet(session: Session) -> None:
    keep(session, 1)
    keep(Session(session.connection), 2)
    assert [row[0] for row in kept(session)] == [1, 2]


def test_it_joins_a_transaction_that_has_begun(session: Session) -> None:
    with pytest.raises(KeyError), session.connection.transaction():
        with session.pipelined() as pipeline:
            pipeline.execute("INSERT INTO kept (n) VALUES (%s)", (1,))
        raise KeyError
    assert kept(session) == []


def test_a_row_can_be_asked_for(session: Session) -> None:
    keep(session, 7)
    with session.pipelined() as pipeline:
        pipeline.execute("UPDATE kept SET n = 8 WHERE n = %s RETURNING n, n + 1", (7,))
        assert pipeline.fetchone() == (8, 9)
        pipeline.execute("UPDATE kept SET n = 9 WHERE n = %s RETURNING n", (7,))
        assert pipeline.fetchone() is None
        pipeline.execute("COMMIT")
    with pytest.raises(NoRow), session.pipelined() as pipeline:
        pipeline.execute(for_a_row("UPDATE kept SET n = 9 WHERE n = %s RETURNING n"), (7,))


async def test_much_goes_both_ways_in_the_event_loop(session: Session) -> None:
    """More than fits into the sockets on the way: both sides would wait for each other."""
    texts = [str(number % 10) * 400_000 for number in range(40)]

    def write(pipeline: Pipeline) -> int:
        for text in texts:
            pipeline.execute("INSERT INTO kept (t) VALUES (%s) RETURNING t", (text,))
        pipeline.execute("COMMIT")
        return len(texts)

    assert await session.pipelined_here(write) == len(texts)
    assert session.is_idle
    assert [row[1] for row in kept(session)] == texts


async def test_an_error_in_the_event_loop_leaves_the_session_in_order(session: Session) -> None:
    def write(pipeline: Pipeline, *, ends: bool) -> None:
        pipeline.execute("INSERT INTO kept (n) VALUES (%s)", (1,))
        if ends:
            raise KeyError
        pipeline.execute("INSERT INTO kept (n) VALUES (%s)", (2**63,))
        pipeline.execute("COMMIT")

    for ends, expected in ((True, KeyError), (False, psycopg.errors.NumericValueOutOfRange)):
        with pytest.raises(expected):
            await session.pipelined_here(partial(write, ends=ends))
        session.connection.rollback()
        assert session.is_idle
    keep(session, 2)
    assert [row[0] for row in kept(session)] == [2]


def test_a_session_that_ends_in_the_middle_is_an_error(session: Session, postgres: Postgres) -> None:
    pid = session.connection.info.backend_pid
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError), session.pipelined() as pipeline:
            pipeline.execute("SELECT pg_terminate_backend(%s)", (pid,))
            pipeline.execute("COMMIT")
    assert session.connection.closed


def test_few_statements_wake_the_database_once(session: Session, connection: HeardConnection) -> None:
    """What does not fill a packet of the driver is sent when all is there."""
    keep(session, 1)
    watcher = psycopg.connect(connection.info.dsn, autocommit=True)
    busy = "SELECT state FROM pg_stat_activity WHERE pid = %s"
    with watcher, session.pipelined() as pipeline:
        pipeline.execute("INSERT INTO kept (n) VALUES (%s)", (2,))
        assert watcher.execute(busy, [connection.info.backend_pid]).fetchone() == ("idle",)
        pipeline.execute("COMMIT")
    assert [row[0] for row in kept(session)] == [1, 2]
