"""What was stored before there were trading days goes on after the migration."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.backends.sqlite3.schema import DatabaseSchemaEditor
from django.db.migrations.executor import MigrationExecutor

from tests.builders import TRADERS, Books, order
from trading.core.types import Phase
from trading.models import IN_DEBT, Account, Instrument, LedgerEntry, Order, PushBatch
from trading.reads import missed_pushes

pytestmark = pytest.mark.slow

BEFORE = [("trading", "0001_initial")]


def migrate(targets: list[tuple[str, str]]) -> Any:
    """The models as they are after the migration."""
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


def migrate_to_newest() -> None:
    migrate([key for key in MigrationExecutor(connection).loader.graph.leaf_nodes() if key[0] == "trading"])


@pytest.fixture
def old(transactional_db: None) -> Iterator[Any]:
    """The tables as they were."""
    yield migrate(BEFORE)
    migrate_to_newest()


def shape() -> dict[str, Any]:
    """What the tables are like: columns, and what there is beside them."""
    looked = connection.introspection
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for table in looked.django_table_names(only_existing=True, include_views=False):
            columns = {
                each.name: (each.type_code, each.null_ok) for each in looked.get_table_description(cursor, table)
            }
            found[table] = columns, looked.get_constraints(cursor, table)
        if connection.vendor == "postgresql":
            cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
            found["indexes"] = dict(cursor.fetchall())
    return found


def instrument(old: Any, name: str, phase: str, last: int | None, **later: int) -> None:
    numbers = {"tick": 5_000, "multiplier": 100, "limit_rate": 10**7, "margin_long": 10**7, "margin_short": 10**7}
    fees = {f"fee_{kind}_{unit}": 0 for kind in ("open", "close", "close_today") for unit in ("per_lot", "rate")}
    prices = {"reference_price": 1_200_000, "limit_up": 1_320_000, "limit_down": 1_080_000, "last_price": last}
    old.get_model("trading", "Instrument").objects.create(
        pk=name, market_id="MAIN", name=name, product_id="IX", phase=phase, min_volume=1, max_volume=500,
        **numbers, **fees, **prices, **later,
    )  # fmt: skip


def test_a_market_that_has_traded_goes_on(old: Any) -> None:
    for name in TRADERS:
        old.get_model("trading", "User").objects.create(username=name)
    old.get_model("trading", "Market").objects.create(pk="MAIN")
    instrument(old, "IX2301", "continuous", 1_210_000)
    instrument(old, "IX2302", "halted", None)
    account = old.get_model("trading", "Account").objects.create(user_id="user001", market_id="MAIN", deposits=10**10)
    resting = {"direction": "BUY", "offset": "OPEN", "order_type": "LIMIT", "time_condition": "GFD", "volume": 5}
    resting |= {"price": 1_200_000, "filled": 0, "status": "Submitted", "his_held": 0, "today_held": 0}
    old.get_model("trading", "Order").objects.create(
        pk=7, account=account, instrument_id="IX2301", accepted_at=1, updated_at=1, client_order_id="mine", **resting
    )
    migrate_to_newest()

    books = Books()
    books.engine.check()
    traded, halted = books.engine.state.instruments["IX2301"], books.engine.state.instruments["IX2302"]
    assert (traded.settlement, traded.marked, traded.limit_up) == (1_200_000, 242, 264)
    assert (halted.phase, halted.scheduled, halted.marked) == (Phase.HALTED, Phase.CONTINUOUS, None)
    assert Instrument.objects.get(pk="IX2301").mark_price == 1_210_000
    assert set(books.engine.state.accounts[account.pk].client_orders) == {"mine"}
    (entry,) = traded.book.entries()
    assert (entry.order_id, entry.left) == (7, 5)
    books.commit(order(account.pk, "SELL OPEN 5 @ 121"))


def test_pushes_that_an_earlier_release_has_kept_are_told(old: Any) -> None:
    before = migrate([("trading", "0012_night_sessions")])
    before.get_model("trading", "User").objects.create(username="user001")
    before.get_model("trading", "Market").objects.create(pk="MAIN")
    account = before.get_model("trading", "Account").objects.create(user_id="user001", market_id="MAIN", push_seq=2)
    before.get_model("trading", "PushBatch").objects.create(
        account=account, first_seq=1, last_seq=2, frames='{"seq":1}\n{"seq":2}'
    )
    migrate_to_newest()
    page = missed_pushes.page(account_id=account.pk, after=0, upto=2)
    assert page is not None and page.frames == ['{"seq":1}', '{"seq":2}']


def test_orders_of_before_get_the_sums_of_their_trades(old: Any) -> None:
    before = migrate([("trading", "0030_corrections")])
    made = {name: before.get_model("trading", name) for name in ("User", "Market", "Account", "Order", "Trade")}
    made["User"].objects.create(username="user001")
    made["Market"].objects.create(pk="MAIN", shard=0)
    instrument(before, "IX2301", "continuous", None, settlement=1_200_000)
    account = made["Account"].objects.create(user_id="user001", market_id="MAIN")
    asked = {"direction": "BUY", "offset": "OPEN", "order_type": "LIMIT", "time_condition": "GFD", "volume": 5}
    asked |= {
        "price": 1_200_000,
        "status": "PartiallyFilled",
        "his_held": 0,
        "today_held": 0,
        "instrument_id": "IX2301",
    }
    for number, filled in ((1, 5), (2, 0), (3, 4)):
        made["Order"].objects.create(pk=number, account=account, filled=filled, accepted_at=1, updated_at=1, **asked)
    side = {"account": account, "instrument_id": "IX2301", "direction": "BUY", "offset": "OPEN", "time": 1}
    for number, order_id, lots, price in ((1, 1, 2, 1_200_000), (2, 1, 3, 1_195_000), (3, 3, 1, 1_200_000)):
        made["Trade"].objects.create(
            trade_id=number, order_id=order_id, volume=lots, price=price, commission=0, close_profit=0, **side
        )
    migrate_to_newest()
    sums = dict(Order.objects.values_list("pk", "price_sum"))
    assert sums == {1: 5_985_000, 2: 0, 3: None}, "the third has trades that are not there any more"


def test_what_is_nothing_is_empty_from_now_on_and_was_a_number_before(old: Any) -> None:
    before = migrate([("trading", "0032_drafts")])
    shape_before = shape()
    before.get_model("trading", "User").objects.create(username="user001")
    before.get_model("trading", "Market").objects.create(pk="MAIN", shard=0)
    instrument(before, "IX2301", "continuous", 1_210_000, settlement=1_200_000)
    owing = before.get_model("trading", "Account").objects.create(user_id="user001", market_id="MAIN", commission=1)
    asked = {"direction": "BUY", "offset": "OPEN", "order_type": "LIMIT", "time_condition": "GFD", "volume": 5}
    asked |= {"price": 1_200_000, "status": "Filled", "filled": 5, "instrument_id": "IX2301", "accepted_at": 1}
    held = {"his_held": 0, "today_held": 0, "updated_at": 2, "client_order_id": "mine"}
    before.get_model("trading", "Order").objects.create(pk=1, account=owing, **asked, **held)
    migrate_to_newest()
    row = Order.objects.get(pk=1)
    assert (row.his_held, row.changed_at) == (0, 2)
    assert Account.objects.filter(IN_DEBT).get().pk == owing.pk
    copied = {name: value for name, value in vars(row).items() if not name.startswith("_")} | {"id": 2}
    if connection.vendor == "sqlite":
        with pytest.raises(IntegrityError), transaction.atomic():
            Order.objects.create(**copied)
    Order.objects.create(**copied | {"trading_day": 20270104, "updated_at": None, "his_held": None, "today_held": None})
    PushBatch.objects.create(account_id=owing.pk, last_seq=2, packed=b"")
    newest = shape()
    again = migrate([("trading", "0032_drafts")]).get_model("trading", "Order").objects.get(pk=2)
    assert shape() == shape_before
    assert (again.his_held, again.today_held, again.updated_at) == (0, 0, 1)
    migrate_to_newest()
    assert shape() == newest


# --- tables that are made anew


NOW = 1_700_000_000_000


@pytest.fixture
def lean(old: Any) -> Any:
    """An exchange as it was before its tables had fewer pages, with an order and its trade."""
    before = migrate([("trading", "0034_references_of_hot_rows")])
    made = {
        name: before.get_model("trading", name)
        for name in ("User", "Market", "Account", "Order", "Trade", "LedgerEntry", "JournalBatch", "PositionDetail")
    }
    made["User"].objects.create(username="user001")
    made["Market"].objects.create(pk="MAIN", shard=0)
    instrument(before, "IX2301", "continuous", 1_210_000, settlement=1_200_000)
    account = made["Account"].objects.create(user_id="user001", market_id="MAIN")
    side = {"account": account, "instrument_id": "IX2301", "direction": "SELL", "offset": "OPEN"}
    asked = {"order_type": "LIMIT", "time_condition": "GFD", "volume": 5, "price": 1_200_000, "accepted_at": NOW}
    for number, status, filled in ((7, "Submitted", 0), (8, "PartiallyFilled", 1), (2**40, "Filled", 5)):
        made["Order"].objects.create(pk=number, status=status, filled=filled, **side, **asked)
    for number in (1, 2):
        made["Trade"].objects.create(
            trade_id=number, order_id=8, volume=1, price=1_200_000, commission=1, close_profit=0, time=NOW, **side
        )
        made["LedgerEntry"].objects.create(account=account, kind="COMMISSION", amount=-1, trade_id=number, time=NOW)
        made["JournalBatch"].objects.create(
            market_id="MAIN", number=3 - number, epoch=1, time=NOW, commands=b"%d" % number
        )
    made["PositionDetail"].objects.create(pk=-9, account=account, instrument_id="IX2301", lots=1, cost=1)
    return made


def rows_of(models: Iterable[Any]) -> dict[str, list[str]]:
    """All rows; of the journal without the id that it had."""
    found = {}
    for model in models:
        name = model.__name__
        columns = {field.attname for field in model._meta.concrete_fields}
        columns -= {"id"} if name == "JournalBatch" else set()
        found[name] = sorted(map(repr, model.objects.values_list(*sorted(columns))))
    return found


def test_tables_that_are_made_anew_have_the_same_rows(lean: Any) -> None:
    before = rows_of(lean.values())
    migrate_to_newest()
    assert rows_of(apps.get_model("trading", name) for name in lean) == before
    assert len(before["Order"]) == 3


@pytest.mark.sqlite_only
def test_ids_of_rows_that_are_in_the_archive_are_not_used_again(lean: Any) -> None:
    for name in ("Trade", "LedgerEntry"):
        lean[name].objects.all().delete()
    migrate_to_newest()
    entry = LedgerEntry.objects.create(account_id=Account.objects.get().pk, kind="DEPOSIT", amount=1, time=NOW)
    assert entry.pk == 3


@pytest.mark.sqlite_only
def test_who_is_stopped_in_the_middle_has_the_tables_of_before(lean: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shape()
    real = DatabaseSchemaEditor.execute

    def stopped(self: Any, sql: Any, *values: Any) -> Any:
        if "DROP TABLE old__" in str(sql):
            raise KeyboardInterrupt
        return real(self, sql, *values)

    with monkeypatch.context() as patched:
        patched.setattr(DatabaseSchemaEditor, "execute", stopped)
        with pytest.raises(KeyboardInterrupt):
            migrate_to_newest()
    assert shape() == before
    assert lean["Order"].objects.count() == 3
    migrate_to_newest()
    assert shape() != before


def test_whoever_goes_back_has_the_tables_of_before(lean: Any) -> None:
    before = shape()
    migrate_to_newest()
    again = migrate([("trading", "0034_references_of_hot_rows")])
    assert shape() == before
    journal = again.get_model("trading", "JournalBatch").objects.order_by("number")
    assert [bytes(commands) for commands in journal.values_list("commands", flat=True)] == [b"2", b"1"]
