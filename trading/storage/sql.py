"""SQL made once from the models, with the driver's placeholders: measured many times faster than `bulk_create`."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from types import NoneType
from typing import Any

import msgspec
from django.db import models

GIVEN = None
"""What a column holds is not of the object: whoever makes the row gives it."""

Read = str | Callable[[Any], object] | None
"""How what a column holds is read off an object: an attribute (`a.b`: one of an attribute; `a or None`: an empty one is
kept as nothing), a function, or GIVEN."""

Row = tuple[Any, ...]

# How SQLite's driver is to take a value that is neither a number nor a text. Where nobody has said so it asks the value
# itself, and makes an exception of each that does not know.
sqlite3.register_adapter(NoneType, lambda nothing: nothing)
sqlite3.register_adapter(bool, int)

CHUNKS = (128, 64, 32, 16, 8, 4, 2, 1)
"""Rows a statement: each size is twice the next one, so a batch takes few statements, and every statement is prepared
once. 128 rows stay below SQLite's 32,766 values."""


class Columns:
    """Columns of a table, each with how what it holds is read off an object. `changing`: those that an update writes.

    `row(thing, *given)`: what they hold for `thing`, in the order of `names`; what is given comes in that order too. It
    is compiled to what one would have written by hand: to read attribute after attribute took twice as long.
    """

    def __init__(self, fixed: Mapping[str, Read], changing: Mapping[str, Read] | None = None) -> None:
        columns = {**fixed, **(changing or {})}
        self.names = tuple(columns)
        self.changing = tuple(changing or ())
        self.row: Callable[..., Row] = _compiled(columns)


def _compiled(columns: Mapping[str, Read]) -> Any:
    functions = {f"make_{name}": read for name, read in columns.items() if callable(read)}
    values = []
    for name, read in columns.items():
        if read is GIVEN:
            values.append(name)
        else:
            values.append(f"thing.{read}" if isinstance(read, str) else f"make_{name}(thing)")
    arguments = ", ".join(["thing", *(name for name, read in columns.items() if read is GIVEN)])
    made: dict[str, Any] = dict(functions)
    exec(f"def row({arguments}): return ({', '.join(values)},)", made)  # noqa: S102  # of mappings in the source
    return made["row"]


class Table:
    """The statement that writes rows of one model: an insert, or with a `key` an upsert on it.

    Its rows are those of `columns`, one after another.
    """

    def __init__(self, model: type[models.Model], *columns: Columns, key: Sequence[str] = ()) -> None:
        self.model = model
        self.names = tuple(name for each in columns for name in each.names)
        self._columns = [self._column(field) for field in self.names]
        self._key = [self._column(field) for field in key]
        self._updates = [self._column(field) for each in columns for field in each.changing]

    def _column(self, field: str) -> str:
        column: str = self.model._meta.get_field(field).column  # type: ignore[union-attr,assignment]  # all are columns
        return column

    def sql(self, quote: Callable[[str], str], mark: str, lines: int) -> str:
        """The statement for `lines` rows at once; `mark` stands for a value, as the database's driver wants it."""
        columns = ", ".join(map(quote, self._columns))
        marks = ", ".join([f"({', '.join([mark] * len(self._columns))})"] * lines)
        insert = f"INSERT INTO {quote(self.model._meta.db_table)} ({columns}) VALUES {marks}"  # noqa: S608  # model names
        return insert + self._on_conflict(quote)

    def array_sql(
        self, quote: Callable[[str], str], mark: str, type_of: Callable[[Any], str], alike: Sequence[bool]
    ) -> str:
        """The statement for any number of rows (PostgreSQL). Of each column that is `alike` in all of them the value is
        given, once; those come first. Of the others an array. `type_of` tells a field's type."""
        types = [type_of(self.model._meta.get_field(name)) for name in self.names]
        names = [f"c{number}" for number in range(len(types))]
        given = [
            f"{mark}::{kind}" if same else f"{name}::jsonb" if kind == "jsonb" else name
            for name, kind, same in zip(names, types, alike, strict=True)
        ]
        apart = [(name, kind) for name, kind, same in zip(names, types, alike, strict=True) if not same]
        arrays = ", ".join(f"{mark}::{'text' if kind == 'jsonb' else kind}[]" for _, kind in apart)
        columns = ", ".join(map(quote, self._columns))
        insert = (
            f"INSERT INTO {quote(self.model._meta.db_table)} ({columns}) SELECT {', '.join(given)}"  # noqa: S608
            f" FROM unnest({arrays}) AS given ({', '.join(name for name, _ in apart)})"
        )
        return insert + self._on_conflict(quote)

    def _on_conflict(self, quote: Callable[[str], str]) -> str:
        if not self._key:
            return ""
        key = ", ".join(map(quote, self._key))
        updates = ", ".join(f"{quote(column)} = excluded.{quote(column)}" for column in self._updates)
        return f" ON CONFLICT ({key}) DO UPDATE SET {updates}"


def json_text(value: object) -> str:
    """As a driver takes it for a column of text or JSON."""
    return msgspec.json.encode(value).decode()


@lru_cache(maxsize=1_000)
def chunks(length: int) -> tuple[tuple[int, int], ...]:
    """Sizes of statements, and where each begins, that cover so many things."""
    at, found = 0, []
    for size in CHUNKS:
        while length - at >= size:
            found.append((size, at))
            at += size
    return tuple(found)


def mark_of(connection: Any) -> str:
    """What stands for a value in a statement of the database's own driver."""
    return "?" if connection.Database.paramstyle == "qmark" else "%s"


OWN_ID = "hashtextextended({}, hashint8extended({}, {}))"
"""What PostgreSQL has an index of, for the own id of an order, its account and its trading day: half as large as one of
the three. It is not unique: a stranger could choose an id with the hash of another's, whose order could then not be
stored. That an own id is used once a day is the engine's to see to, on every database."""


def used_as(
    connection: Any, mark: str, day_of: str, day: int, account_id: int, names: Sequence[str]
) -> tuple[str, Row]:
    """The condition that an order of an account has used up one of these own ids, and the values in it. `day_of`: the
    column of the day; `trading_day` and `known_day` have an index each."""
    names_in = f"client_order_id IN ({', '.join([mark] * len(names))})"
    values = (day, account_id, *names)
    if connection.vendor != "postgresql" or day_of != "trading_day":
        return f"{day_of} = {mark} AND account_id = {mark} AND {names_in}", values
    hashes = ", ".join([OWN_ID.format(mark, mark, mark)] * len(names))
    found = OWN_ID.format("client_order_id", "account_id", "trading_day")
    hashed = [value for name in names for value in (name, account_id, day)]
    # It knows nothing of how rare a hash is. The plus signs keep it from the indexes of a day and of an account.
    exact = f"+ trading_day = {mark} AND + account_id = {mark} AND {names_in}"
    return f"client_order_id IS NOT NULL AND {found} IN ({hashes}) AND {exact}", (*hashed, *values)


@contextmanager
def driver(connection: Any) -> Iterator[Any]:
    """A cursor of the database's own driver, with Django's errors. Django's cursors rewrite every statement anew, and
    its query compiler made up a third of a small commit."""
    with connection.wrap_database_errors, closing(connection.connection.cursor()) as cursor:
        yield cursor
