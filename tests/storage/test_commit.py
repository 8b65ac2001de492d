"""A batch is whole or not at all; only the engine of the present epoch may write; the database refuses nonsense."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from django.db import IntegrityError, connection, models, transaction

from tests.builders import NO_ACCOUNT, TRADERS, Books, make_users, order
from tests.storage.histories import new_books
from trading.core.codes import Code
from trading.core.commands import CheckRisk, Deposit, HaltInstrument, OpenAccount, Settle
from trading.core.events import Deposited, Refused
from trading.core.money import RATE, UNIT
from trading.models import (
    IN_DEBT,
    Account,
    Holiday,
    Instrument,
    JournalBatch,
    LedgerEntry,
    Market,
    OperatorCommand,
    Order,
    Position,
    RiskEvent,
    SettlementPrice,
    Statement,
    Trade,
    User,
)
from trading.storage.batch_writer import BatchWriter
from trading.storage.store import Store
from trading.worker.batch import OperatorAnswer, Superseded, Unstorable

pytestmark = pytest.mark.django_db
TABLES: list[type[models.Model]] = [
    Account,
    Instrument,
    JournalBatch,
    LedgerEntry,
    Market,
    OperatorCommand,
    Order,
    Position,
    RiskEvent,
    SettlementPrice,
    Statement,
    Trade,
]


@pytest.fixture
def books(db: None) -> Books:
    make_users([*TRADERS, NO_ACCOUNT])
    books = new_books()
    books.commit(order(1, "BUY OPEN 5 @ 120"))
    return books


BROKEN = (
    "CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'the disk broke'; END $$"
)
"""PostgreSQL's way to say so."""


def everything() -> dict[str, list[Any]]:
    """All rows of the engine's tables."""
    return {table.__name__: list(table._default_manager.order_by("pk").values()) for table in TABLES}


@contextmanager
def failing_at(table: type[models.Model]) -> Iterator[None]:
    """The database breaks at every write to a table."""
    name = table._meta.db_table
    sqlite = connection.vendor == "sqlite"
    breaks = " BEGIN SELECT RAISE(ABORT, 'the disk broke'); END" if sqlite else " EXECUTE FUNCTION broken()"
    with connection.cursor() as cursor:
        if not sqlite:
            cursor.execute(BROKEN)
        for verb in ("INSERT", "UPDATE"):
            kind = "TEMP TRIGGER" if sqlite else "TRIGGER"
            cursor.execute(f'CREATE {kind} "broken_{verb}" BEFORE {verb} ON "{name}"{breaks}')
        try:
            yield
        finally:
            for verb in ("INSERT", "UPDATE"):
                cursor.execute(f'DROP TRIGGER "broken_{verb}"' + ("" if sqlite else f' ON "{name}"'))


# --- whole or not at all


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_a_statement_that_fails_leaves_nothing_of_its_batch(books: Books, table: type[models.Model]) -> None:
    ask = OperatorCommand.objects.create(market_id="MAIN", kind="Deposit", payload={}, key="k")
    batch = books.batch(
        order(2, "SELL OPEN 2 @ 120"),
        Deposit("user003", 5),
        OpenAccount(NO_ACCOUNT),
        HaltInstrument("IF2301"),
        CheckRisk(warn_at=0, limit=RATE),
        Settle(20240131, 20240201, {"IX2301": 121 * UNIT}),
    )
    batch.operator_answers.append(OperatorAnswer(ask.pk, Deposited(1, 1, 1)))
    before = everything()
    with failing_at(table), pytest.raises(Unstorable):
        books.store.commit(batch)
    assert everything() == before
    books.store.commit(batch)
    changed = [name for name, rows in everything().items() if rows != before[name]]
    assert changed == [each.__name__ for each in TABLES]


def test_a_failed_commit_does_not_use_up_push_numbers(books: Books) -> None:
    batch = books.batch(order(1, "BUY OPEN 1 @ 119"))
    with failing_at(JournalBatch), pytest.raises(Unstorable):
        books.store.commit(batch)
    before = Account.objects.get(pk=1).push_seq
    books.load()
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    assert Account.objects.get(pk=1).push_seq == before + 2


def test_rows_that_break_a_constraint_are_unstorable(books: Books) -> None:
    batch = books.batch(order(2, "SELL OPEN 2 @ 120"))
    trade_id = next(event.trade_id for event in batch.events if hasattr(event, "trade_id"))
    rival = {"order_id": 1, "account_id": 1, "instrument_id": "IX2301", "direction": "BUY", "offset": "OPEN"}
    rival |= {"is_maker": True, "price": 1, "volume": 1, "commission": 0, "close_profit": 0, "time": 1}
    rival["order_id"] = Order.objects.get().pk
    Trade.objects.create(trade_id=trade_id, **rival)
    before = everything()
    with pytest.raises(Unstorable):
        books.store.commit(batch)
    assert everything() == before


def test_numbers_too_large_for_the_database_are_unstorable(books: Books) -> None:
    batch = books.batch(order(2, "SELL OPEN 2 @ 120"))
    before = everything()
    with pytest.raises(Unstorable):
        books.store.commit(msgspec.structs.replace(batch, time=2**63))
    assert everything() == before


@pytest.mark.parametrize("error", [ValueError, TypeError])
def test_what_no_row_can_be_made_of_is_unstorable(
    books: Books, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A fault of ours: the commands of the batch are tried one by one, and the one that has it is left out."""

    def fail(*_: object) -> None:
        raise error("cannot be")

    batch, before = books.batch(order(2, "SELL OPEN 2 @ 120")), everything()
    monkeypatch.setattr(BatchWriter, "_write_orders", fail)
    with pytest.raises(Unstorable, match="cannot be"):
        books.store.commit(batch)
    assert everything() == before
    monkeypatch.undo()
    books.store.commit(batch)


@pytest.mark.django_db(transaction=True)
def test_an_account_of_nobody_is_unstorable() -> None:
    make_users(TRADERS)
    books = new_books()
    before = everything()
    with pytest.raises(Unstorable):
        books.commit(OpenAccount("nobody"))
    assert everything() == before


# --- one engine at a time


def test_an_engine_whose_market_was_taken_over_can_write_nothing(books: Books) -> None:
    batch = books.batch(order(2, "SELL OPEN 2 @ 120"))
    Store("MAIN").take_over()
    before = everything()
    with pytest.raises(Superseded):
        books.store.commit(batch)
    assert everything() == before


def test_the_new_engine_goes_on_where_the_old_one_stopped(books: Books) -> None:
    late = books.batch(order(2, "SELL OPEN 1 @ 120"))
    new = Books()
    new.commit(order(3, "SELL OPEN 2 @ 120"))
    with pytest.raises(Superseded):
        books.store.commit(late)
    assert list(JournalBatch.objects.order_by("number").values_list("number", "epoch")) == [(1, 1), (2, 1), (3, 2)]


@pytest.mark.parametrize("number", [0, 1, 2, 4, 99])
def test_a_batch_out_of_turn_is_not_written(books: Books, number: int) -> None:
    batch = books.batch(order(2, "SELL OPEN 2 @ 120"))
    before = everything()
    with pytest.raises(Superseded):
        books.store.commit(msgspec.structs.replace(batch, number=number))
    assert everything() == before


def test_a_store_that_never_took_over_can_write_nothing(books: Books) -> None:
    stranger = Store("MAIN")
    stranger.load()
    with pytest.raises(Superseded):
        stranger.commit(books.batch(order(2, "SELL OPEN 2 @ 120")))


def test_markets_do_not_see_each_other(books: Books) -> None:
    other = Store("OTHER")
    other.take_over()
    records, where = other.load()
    assert (records.instruments, records.accounts, records.orders, where.number) == ([], [], [], 0)
    books.commit(order(2, "SELL OPEN 2 @ 120"))


# --- operators' commands


def ask(key: str, **fields: Any) -> OperatorCommand:
    payload = msgspec.to_builtins(Deposit("user001", 5))
    return OperatorCommand.objects.create(
        **{"market_id": "MAIN", "kind": "Deposit", "payload": payload, "key": key} | fields
    )


def test_waiting_commands_come_oldest_first_and_once(books: Books) -> None:
    Market.objects.create(code="OTHER")
    rows = [ask("b"), ask("a"), ask("c")]
    ask("done", status="DONE")
    ask("other", market_id="OTHER")
    found = books.store.pending(10)
    assert [each.row_id for each in found] == [row.pk for row in rows]
    assert found[0].command == Deposit("user001", 5)
    assert len(books.store.pending(2)) == 2


@pytest.mark.parametrize(
    "payload", [{}, [], "text", 5, {"type": "SubmitOrder"}, {"type": "Deposit", "user_id": "user001"}]
)
def test_a_row_that_cannot_be_read_has_no_command(books: Books, payload: object) -> None:
    ask("a", payload=payload)
    (found,) = books.store.pending(10)
    assert found.command is None


def test_an_operator_cannot_ask_for_an_order(books: Books) -> None:
    ask("a", payload=msgspec.to_builtins(order(1, "BUY OPEN 1 @ 120")))
    (found,) = books.store.pending(10)
    assert found.command is None


def test_results_are_stored_with_the_batch(books: Books) -> None:
    done, refused, other = ask("a"), ask("b"), ask("c")
    batch = books.batch_of([], [])
    batch.operator_answers += [
        OperatorAnswer(done.pk, Deposited(1, 1, 1)),
        OperatorAnswer(refused.pk, Refused(Code.ACCOUNT_NOT_FOUND, "no " * 200)),
    ]
    books.store.commit(batch)
    for row in (done, refused, other):
        row.refresh_from_db()
    assert (done.status, done.code, done.result, done.finished_at) == ("DONE", None, "Deposited", batch.time)
    assert (refused.status, refused.code, refused.finished_at) == ("REFUSED", 1003, batch.time)
    assert refused.result == ("no " * 200)[:256]
    assert (other.status, other.finished_at) == ("PENDING", None)


# --- the database refuses nonsense


@pytest.fixture
def traded(books: Books) -> Iterator[Books]:
    books.commit(order(2, "SELL OPEN 2 @ 120", own_id="mine"), Settle(20240131, 20240201, {}))
    for day in ("2024-01-01", "2024-02-01"):
        Holiday.objects.create(market_id="MAIN", date=day)
    yield books


NONSENSE: list[tuple[type[models.Model], dict[str, Any]]] = [
    (Order, {"filled": -1}),
    (Order, {"filled": models.F("volume") + 1}),
    (Order, {"volume": 0, "filled": 0}),
    (Order, {"volume": None}),
    (Order, {"status": None}),
    (Trade, {"volume": 0}),
    (Trade, {"price": 0}),
    (Trade, {"price": -5}),
    (LedgerEntry, {"amount": 0}),
    (Account, {"margin": -1}),
    (Account, {"hold": -1}),
    (Account, {"deposits": -1}),
    (Account, {"withdrawals": -1}),
    (Account, {"commission": -1}),
    (Position, {"long_today": -1}),
    (Position, {"long_his": -1}),
    (Position, {"short_today": -1}),
    (Position, {"short_his": -1}),
    (Instrument, {"tick": 0}),
    (Instrument, {"multiplier": 0}),
    (Instrument, {"settlement": None}),
    (Statement, {"closing": models.F("closing") + 1}),
    (SettlementPrice, {"price": 0}),
    (Holiday, {"date": "2024-01-31"}),
    (User, {"username": "same"}),
]


@pytest.mark.parametrize(("table", "change"), NONSENSE, ids=lambda each: getattr(each, "__name__", str(each)))
def test_nonsense_is_refused(traded: Books, table: type[models.Model], change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        assert table._default_manager.update(**change)


TWICE: list[type[models.Model]] = [Trade, Position, JournalBatch, Statement, SettlementPrice]


@pytest.mark.parametrize("table", TWICE, ids=lambda table: table.__name__)
def test_what_is_there_once_cannot_be_there_twice(traded: Books, table: type[models.Model]) -> None:
    row = table._default_manager.order_by("pk").last()
    assert row is not None
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


@pytest.mark.sqlite_only
def test_an_account_has_a_client_order_id_once_a_day(traded: Books) -> None:
    """On PostgreSQL the engine alone sees to that (`trading.storage.sql.OWN_ID`)."""
    row = Order.objects.get(client_order_id="mine")
    row.pk += 1_000
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
    row.account_id = 1
    row.save(force_insert=True)
    row.pk, row.account_id, row.trading_day = row.pk + 1, 2, 20240131
    row.save(force_insert=True)


DEBTS: list[tuple[dict[str, int], bool]] = [
    ({}, False),
    ({"pre_balance": -1}, True),
    ({"withdrawals": 1}, True),
    ({"commission": 1}, True),
    ({"close_profit": -1}, True),
    ({"pre_balance": 1, "withdrawals": 1}, False),
    ({"deposits": 1, "commission": 1}, False),
    ({"close_profit": 1, "commission": 1}, False),
]


@pytest.mark.parametrize(("counters", "is_in_debt"), DEBTS, ids=str)
def test_the_database_says_who_is_in_debt(books: Books, counters: dict[str, int], is_in_debt: bool) -> None:
    names = ("pre_balance", "deposits", "withdrawals", "close_profit", "commission")
    Account.objects.filter(pk=1).update(**dict.fromkeys(names, 0) | counters)
    assert Account.objects.filter(IN_DEBT).exists() == is_in_debt


def test_an_operators_key_is_used_once(books: Books) -> None:
    ask("a")
    with pytest.raises(IntegrityError), transaction.atomic():
        ask("a")


def test_a_user_has_one_account(books: Books) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.create(user_id="user001", market_id="MAIN")


@pytest.mark.parametrize("table", [Account, Order, Instrument, User, Market], ids=lambda table: table.__name__)
def test_what_others_refer_to_cannot_be_deleted(traded: Books, table: type[models.Model]) -> None:
    with pytest.raises(models.ProtectedError):
        table._default_manager.all().delete()
