"""A connection to PostgreSQL on which nothing comes any more is not waited for; one that the database works for is."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from typing import Any

import psycopg
import pytest

from tests.services import Postgres, Proxy
from trading.storage.heard_postgres.driver import HeardConnection, SilentLine, heard
from trading.storage.postgres import Session

NOTHING, SOMETHING = 0, 1
SILENCE = 3.0


class Line:
    """What the driver would wait for: it is over with the second thing that comes."""

    def __init__(self, works: list[bool]) -> None:
        self.now = 0.0
        self.looks = 0
        self._works = works
        self.wait = heard(self._read(), SILENCE, self._is_worked_for, lambda: self.now)

    def _read(self) -> Generator[str, int, str]:
        for _ in range(2):
            while not (yield "reading"):
                pass
        return "read"

    def _is_worked_for(self) -> bool:
        self.looks += 1
        return self._works.pop(0)

    def after(self, seconds: float, ready: int) -> str:
        """What is waited for then."""
        self.now += seconds
        wanted: str = self.wait.send(ready)
        return wanted


@pytest.fixture
def line() -> Line:
    """The database works for it at the first look, and not at the second."""
    made = Line([True, False])
    assert next(made.wait) == "reading"
    return made


def test_whoever_is_answered_is_never_looked_at(line: Line) -> None:
    for _ in range(29):
        assert line.after(0.1, NOTHING) == "reading"
    assert line.after(0.05, SOMETHING) == "reading"
    for _ in range(29):
        assert line.after(0.1, NOTHING) == "reading"
    with pytest.raises(StopIteration) as end:
        line.after(0.05, SOMETHING)
    assert (end.value.value, line.looks) == ("read", 0)


def test_a_database_that_works_is_waited_for_and_one_that_does_not_is_not(line: Line) -> None:
    assert line.after(SILENCE, NOTHING) == "reading"
    assert line.looks == 1
    assert line.after(SILENCE - 0.1, NOTHING) == "reading"
    assert line.looks == 1, "it has just been seen to work"
    assert line.after(0.1, NOTHING) == "reading"
    assert line.looks == 2
    with pytest.raises(SilentLine, match=r"nothing for 3\.5 s"):
        line.after(0.5, NOTHING)


def test_what_came_while_the_other_line_was_asked_counts(line: Line) -> None:
    line.after(SILENCE, NOTHING)
    line.after(SILENCE, NOTHING)
    assert line.looks == 2
    assert line.after(0.5, SOMETHING) == "reading"
    with pytest.raises(StopIteration):
        line.after(0.1, SOMETHING)


# --- on a server


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    made = Proxy(postgres.port)
    yield made
    made.remove()


def connect(postgres: Postgres, port: int) -> HeardConnection:
    where: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": postgres.user, "dbname": "postgres"}
    return HeardConnection.connect(**where, autocommit=True, silence=0.2)


@pytest.mark.slow
def test_a_slow_answer_is_waited_for(postgres: Postgres) -> None:
    with connect(postgres, postgres.port) as connection:
        assert connection.execute("SELECT 1 FROM pg_sleep(1)").fetchone() == (1,)


@pytest.mark.slow
@pytest.mark.parametrize("pipelined", [False, True])
def test_a_line_that_swallows_what_is_sent_is_closed(pipelined: bool, postgres: Postgres, proxy: Proxy) -> None:
    """The server itself is there, and says that it does nothing for this session."""
    with connect(postgres, proxy.port) as connection:
        connection.execute("BEGIN")
        proxy.swallows, proxy.cut = True, "commit"
        with pytest.raises(psycopg.OperationalError, match="does nothing for this session"):
            if pipelined:
                with connection.pipeline():
                    connection.execute("COMMIT")
            else:
                connection.execute("COMMIT")
        assert connection.closed
    with connect(postgres, proxy.port) as another:
        assert another.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.slow
def test_the_event_loop_waits_for_such_a_line_no_longer(postgres: Postgres, proxy: Proxy) -> None:
    with connect(postgres, proxy.port) as connection:
        proxy.swallows, proxy.cut = True, "commit"
        committing = Session(connection).pipelined_here(lambda pipeline: pipeline.execute("COMMIT"))
        with pytest.raises(psycopg.OperationalError, match="does nothing for this session"):
            asyncio.run(asyncio.wait_for(committing, 60))
        assert connection.closed


@pytest.mark.slow
def test_where_nothing_gets_through_nobody_is_asked_for_ever(postgres: Postgres, proxy: Proxy) -> None:
    with connect(postgres, proxy.port) as connection:
        proxy.flowing.clear()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        proxy.flowing.set()
        assert connection.closed
