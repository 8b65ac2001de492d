"""Which column holds what: nothing of a table or of a record is forgotten, and rows are as their columns say."""

from operator import attrgetter
from typing import Any, NamedTuple

import pytest

from trading.core.types import Terms
from trading.storage import mapping
from trading.storage.sql import GIVEN, Columns, Table

TABLES = {name: table for name, table in vars(mapping).items() if isinstance(table, Table)}
WITHOUT = {"PLAIN_ORDERS": set(mapping.FURTHER_OF_ORDER.names), "PUSHES": {"frames"}}
"""Columns that a statement leaves at what they are by default."""


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_written(name: str) -> None:
    """A new column must say what it holds."""
    wanted = {field.name for field in TABLES[name].model._meta.concrete_fields if not field.generated}
    assert {*TABLES[name].names, "id"} == {*wanted, "id"} - WITHOUT.get(name, set()), "the database may count the ids"


def test_what_plain_orders_do_without_is_empty_by_default() -> None:
    """Where a plain order's row is inserted, the database fills the others."""
    order = mapping.ORDERS.model._meta
    defaults = dict(zip(mapping.FURTHER_OF_ORDER.names, mapping.NOTHING_FURTHER, strict=True))
    for name, nothing in defaults.items():
        field: Any = order.get_field(name)
        assert field.null if nothing is None else field.db_default == nothing


def test_terms_are_read_back_as_they_were_written() -> None:
    """Every one of them, with a value of its own."""
    values = {name: at for at, name in enumerate(mapping.TERMS, 1)}
    row: Any = mapping.INSTRUMENTS.model(**values)
    terms = mapping.terms_of(row)
    assert {name: attrgetter(path.removeprefix("terms."))(terms) for name, path in mapping.TERMS.items()} == values
    assert {path.split(".")[1] for path in mapping.TERMS.values()} == set(Terms.__struct_fields__)


# --- rows


class Inner(NamedTuple):
    size: int


class Thing(NamedTuple):
    name: str
    inner: Inner


THING = Thing("x", Inner(3))


def test_a_row_is_as_its_columns_say() -> None:
    columns = Columns(
        {"first": GIVEN, "name": "name"},
        {"twice": lambda thing: 2 * thing.inner.size, "size": "inner.size", "last": GIVEN},
    )
    assert columns.names == ("first", "name", "twice", "size", "last")
    assert columns.changing == ("twice", "size", "last")
    assert columns.row(THING, "a", "b") == ("a", "x", 6, 3, "b")


def test_what_is_given_must_be_given() -> None:
    with pytest.raises(TypeError):
        Columns({"first": GIVEN, "name": "name"}).row(THING)
