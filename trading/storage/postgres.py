"""How a batch is written to PostgreSQL: all its statements in one round trip, BEGIN and COMMIT too, the rows of a table
in one statement. None may need the answer to another: what has to be so is asked in a way that fails where it is not.

Measured (docs/performance.md): what costs is to wait for an answer a statement, and to read long statements anew. The
driver's cursors would send each statement as soon as it is made, and wake the database for it; their lists took longer
than all else of a commit (docs/scale.md).
"""

import asyncio
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from django.db import connections
from psycopg.pq import ConnStatus, ExecStatus, PipelineStatus, TransactionStatus
from psycopg.waiting import Ready, Wait

from trading.storage.sql import Row, Table

FEW = 4
"""Rows from which on arrays are cheaper than a statement for each row."""
MANY = 64
"""Rows from which on what all of them hold is given once: half of the columns of orders that come together."""
MOST_SHAPES = 100
"""Statements that are kept: others than these are rare, and each costs the database a plan."""
SOON = 0.1
"""Seconds for which the event loop waits for an answer. Then a thread waits on, and looks whether the line is dead."""
Shape = tuple[bool, ...]
"""Of each column, whether it is the same in all rows; empty for a statement of one row."""
Waiting = Generator[Wait, Ready | int, None]
"""What the driver's connections wait by."""
Written = TypeVar("Written")

_numbers = itertools.count(1)
"""Of prepared statements."""


class Session:
    """A session of the database, over a connection of the driver. Every statement is prepared in it, once."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection = connection
        self.names: dict[str, bytes] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way in it, not even a transaction."""
        line = self.connection.pgconn
        return line.transaction_status == TransactionStatus.IDLE and line.pipeline_status == PipelineStatus.OFF

    @contextmanager
    def pipelined(self) -> Iterator["Pipeline"]:
        """Statements that are sent together, in a transaction that they begin if none has begun. What fails is known at
        the end, and what came behind it is not done. NoRow where a statement `for_a_row` has found none."""
        pipeline = Pipeline(self)
        try:
            yield pipeline
        except BaseException:
            pipeline.give_up()
            raise
        pipeline.end()

    async def pipelined_here(self, write: Callable[["Pipeline"], Written]) -> Written:
        """The same for what `write` sends, in the event loop, which does other things until the answer comes. Whoever
        is cancelled meanwhile ends the session: nobody else can know what is still to be read."""
        pipeline = Pipeline(self)
        try:
            written = write(pipeline)
        except BaseException:
            await asyncio.to_thread(pipeline.give_up)
            raise
        await pipeline.end_here()
        return written


class Pipeline:
    """Has of the driver's cursors what a batch is written with."""

    def __init__(self, session: Session) -> None:
        self._connection, self._line = session.connection, session.connection.pgconn
        self._session = session
        self._unread = 0  # answers of the database that are on their way
        self._answer: Any = None
        self._failure: psycopg.Error | None = None
        begun = self._line.transaction_status != TransactionStatus.IDLE
        self._line.enter_pipeline_mode()
        if not begun:
            self.execute("BEGIN")

    def execute(self, sql: str, values: Sequence[object] = ()) -> None:
        """Send a statement soon, with values in the place of `%s`."""
        self.send(sql, list(map(_text_of, values)))

    def send(self, sql: str, given: list[bytes | None]) -> None:
        """The same with values as the database takes them."""
        name = self._session.names.get(sql)
        if name is None:
            name = self._session.names[sql] = b"bourse%d" % next(_numbers)
            self._line.send_prepare(name, _numbered(sql).encode())
            self._unread += 1
        self._line.send_query_prepared(name, given)
        self._unread += 1

    def flush(self) -> None:
        """Send what there is now, as far as that needs no waiting: the database can begin with it."""
        self._line.flush()

    def fetchone(self) -> tuple[int, ...] | None:
        """The first row of the last statement, of whole numbers. Costs a round trip."""
        self._line.send_flush_request()
        with self._connection.lock:
            self._connection.wait(self._exchange())
        self._raise()
        if not self._answer.ntuples:
            return None
        return tuple(int(self._answer.get_value(0, column)) for column in range(self._answer.nfields))

    def end(self) -> None:
        """Wait until all is done."""
        self._sync()
        self._finish()
        self._raise()

    async def end_here(self) -> None:
        """The same in the event loop."""
        self._sync()
        if await self._read_here():
            self._line.exit_pipeline_mode()
        else:
            await asyncio.to_thread(self._finish)
        self._raise()

    def give_up(self) -> None:
        """Leave the session in order, if it can be, after something else has failed."""
        with suppress(psycopg.Error, NoRow):
            self.end()

    def _sync(self) -> None:
        self._line.pipeline_sync()
        self._unread += 1

    def _finish(self) -> None:
        with self._connection.lock:
            self._connection.wait(self._exchange())
            self._line.exit_pipeline_mode()

    def _raise(self) -> None:
        if self._failure is None:
            return
        self._session.names.clear()  # what came behind it was not prepared either
        if isinstance(self._failure, psycopg.errors.DivisionByZero):  # nothing else divides
            raise NoRow from self._failure
        raise self._failure

    async def _read_here(self) -> bool:
        """False when that takes long. Then reading may go on elsewhere."""
        exchange, loop = self._exchange(), asyncio.get_running_loop()
        latest = loop.time() + SOON
        ready: Any = None
        while True:
            try:
                wanted = exchange.send(ready)
            except StopIteration:
                return True
            try:
                ready = await _ready(self._line.socket, wanted, latest - loop.time())
            except asyncio.CancelledError:
                self._connection.close()
                raise
            if not ready:
                return False

    def _exchange(self) -> Waiting:
        """Send all, and take all answers that are on their way."""
        line = self._line
        while line.flush():
            if (yield Wait.RW) & Ready.R:
                line.consume_input()
        while self._unread:
            while line.is_busy():
                if (yield Wait.R):
                    line.consume_input()
            answer = line.get_result()
            if answer is None:  # the end of a statement's, or of the line
                if line.status == ConnStatus.BAD:
                    raise self._failure or psycopg.OperationalError("the connection is lost")
                continue
            self._unread -= 1
            self._answer = answer
            if answer.status == ExecStatus.FATAL_ERROR and self._failure is None:
                self._failure = psycopg.errors.error_from_result(answer, self._connection.info.encoding)


async def _ready(socket: int, wanted: Wait, seconds: float) -> Ready | int:
    """Wait in the event loop until something is ready; 0 when that is not so after these seconds."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Ready | int] = loop.create_future()

    def end(ready: Ready | int) -> None:
        if not found.done():
            found.set_result(ready)

    alarm = loop.call_later(seconds, end, 0)
    loop.add_reader(socket, end, Ready.R)
    if wanted & Wait.W:
        loop.add_writer(socket, end, Ready.W)
    try:
        return await found
    finally:
        alarm.cancel()
        loop.remove_reader(socket)
        if wanted & Wait.W:
            loop.remove_writer(socket)


class Statements:
    """Has of a pipeline what rows are written with, and keeps the statements until they are `sent` through one."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, list[bytes | None]]] = []

    def execute(self, sql: str, values: Sequence[object] = ()) -> None:
        self._kept.append((sql, list(map(_text_of, values))))

    def flush(self) -> None:
        """They go together."""

    def sent(self, pipeline: Pipeline) -> None:
        for sql, given in self._kept:
            pipeline.send(sql, given)


class NoRow(Exception):
    """What had to be there is not."""


def for_a_row(statement: str) -> str:
    """A statement that returns a row, as one that fails where it returns none."""
    return f"WITH found AS ({statement}) SELECT 1 / COUNT(*) FROM found"  # noqa: S608  # statements of ours


def write_rows(
    cursor: Pipeline | Statements,
    table: Table,
    lines: list[Row],
    statements: dict[tuple[Table, Any], str],
    using: str,
) -> None:
    """Write rows; the statements that were made for the database `using` are kept in `statements`."""
    if len(lines) < FEW:
        sql = statements.get((table, ())) or statements.setdefault((table, ()), table.sql(_quote(using), "%s", 1))
        for line in lines:
            cursor.execute(sql, line)
    elif lines:
        columns = list(zip(*lines, strict=True))
        shape = (False,) * len(columns)
        if len(lines) >= MANY:
            alike = _alike(columns)
            if (table, alike) in statements or len(statements) < MOST_SHAPES:
                shape = alike
        sql = statements.get((table, shape)) or statements.setdefault((table, shape), _array_sql(table, using, shape))
        once = [column[0] for column, same in zip(columns, shape, strict=True) if same]
        arrays = [array(column) for column, same in zip(columns, shape, strict=True) if not same]
        cursor.execute(sql, once + arrays)
        cursor.flush()


def _alike(columns: list[Row]) -> Shape:
    """Which columns hold the same in all rows; not the first one, so that there are rows."""
    return (
        False,
        *(column[0] == column[-1] and column.count(column[0]) == len(column) for column in columns[1:]),
    )


def _numbered(sql: str) -> str:
    """A statement with its values as the database numbers them."""
    first, *others = sql.split("%s")
    return first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))


# --- values as texts


def _text_of(value: Any) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    if "\0" in value:  # it would end there
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return bytes(value.encode())


def array(column: Sequence[Any]) -> str:
    """What a column holds in all rows, as an array."""
    kinds = set(map(type, column)) - {type(None)}
    if kinds <= {int, bool}:
        inside = str(list(column))[1:-1].replace("None", "NULL")
    elif kinds == {bytes}:
        inside = ",".join([f'"\\\\x{value.hex()}"' for value in column])
    else:
        inside = ",".join(map(_element, column))
    return f"{{{inside}}}"


@lru_cache(maxsize=4_096)
def _element(text: str | None) -> str:
    """A text in an array. Most are a few words, again and again."""
    if text is None:
        return "NULL"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quote(using: str) -> Callable[[str], str]:
    quote: Callable[[str], str] = connections[using].ops.quote_name
    return quote


def _array_sql(table: Table, using: str, shape: Shape) -> str:
    connection = connections[using]

    def type_of(field: Any) -> str:
        """The type of a column."""
        found: str = field.rel_db_type(connection) if field.is_relation else field.db_type(connection)
        return found

    return table.array_sql(_quote(using), "%s", type_of, shape)
