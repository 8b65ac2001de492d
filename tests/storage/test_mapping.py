"""Which column holds what: nothing of a table or of a record is forgotten, and rows are as their columns say."""

import sqlite3
from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

import pytest

from tests.builders import founding, order
from trading.core.codes import Code
from trading.core.commands import ClientOrder, SubmitOrder
from trading.core.engine import Engine
from trading.core.events import OrderAccepted
from trading.core.rules.orders import asked as asked_of
from trading.core.types import OrderOptions, Terms
from trading.storage import mapping
from trading.storage.sql import GIVEN, Columns, Table

TABLES = {name: table for name, table in vars(mapping).items() if isinstance(table, Table)}
OF_OTHERS = set(mapping.FURTHER_OF_ORDER.names)
WITHOUT = {"NEW_ORDERS": OF_OTHERS, "PLAIN_ORDERS": OF_OTHERS, "PUSHES": {"frames"}}
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


def test_nothing_may_be_kept_as_nothing() -> None:
    columns = Columns({"size": "inner.size or None"})
    assert [columns.row(Thing("x", Inner(size))) for size in (0, 3)] == [(None,), (3,)]


def test_what_is_given_must_be_given() -> None:
    with pytest.raises(TypeError):
        Columns({"first": GIVEN, "name": "name"}).row(THING)


@pytest.mark.parametrize(("value", "kept"), [(None, None), (True, 1), (False, 0)])
def test_the_driver_knows_how_to_take_what_is_no_number(value: object, kept: object) -> None:
    """Where it has to ask the value it takes three times as long, and `adapt` raises an error."""
    adapted = sqlite3.adapt(value, sqlite3.PrepareProtocol)
    assert (type(adapted), adapted) == (type(kept), kept)


def _plain() -> Any:
    """A live order without anything beyond a plain one's."""
    engine = Engine()
    for command in founding():
        engine.apply(command, 1)
    event: Any = engine.apply(order(1, "BUY OPEN 3 @ 119"), 5)[0]
    return engine.state.orders[event.order_id]


def _with_own_id(placed: Any, asked: SubmitOrder) -> None:
    placed.client_order_id = "mine"
    placed.account.client_orders["mine"] = ClientOrder(placed.order_id, asked_of(asked))


FURTHER: dict[str, Callable[[Any], object]] = {
    "options": lambda placed: setattr(placed, "options", OrderOptions(post_only=True)),
    "forced": lambda placed: setattr(placed, "forced", True),
    "priority": lambda placed: setattr(placed, "priority", placed.order_id + 1),
    "shown": lambda placed: setattr(placed, "hidden", 2),
    "stop": lambda placed: setattr(placed, "stop", 600),
    "cancel_code": lambda placed: setattr(placed, "code", Code.SELF_TRADE),
    "known_day": lambda placed: _with_own_id(placed, order(1, "BUY OPEN 3 @ 119")),
    "asked_volume": lambda placed: _with_own_id(placed, order(1, "BUY OPEN 4 @ 119")),
    "asked_price": lambda placed: _with_own_id(placed, order(1, "BUY OPEN 3 @ 118")),
}
"""What gives each of the further columns something to say."""


@pytest.mark.parametrize("name", mapping.FURTHER_OF_ORDER.names)
def test_a_glance_overlooks_nothing_of_an_order(name: str) -> None:
    placed = _plain()
    assert mapping.further_row(placed, placed.trading_day) == ()
    FURTHER[name](placed)
    today = placed.trading_day + (name == "known_day")
    row = dict(zip(mapping.FURTHER_OF_ORDER.names, mapping.further_row(placed, today), strict=True))
    assert row[name] not in (None, False)


def test_money_of_nothing_leaves_no_row() -> None:
    """Tables without rows are not there at all."""
    assert mapping.event_rows([OrderAccepted(1, 1, 3, 5)], 5) == {}
