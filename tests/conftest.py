"""Fixtures that the layers share: a founded market in the database, and an exchange that runs on it."""

import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from typing import Any

import msgspec
import pytest
from django.apps import AppConfig
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.db.models.signals import post_migrate
from django.utils import translation
from pytest_django.plugin import DjangoDbBlocker

import tests.properties  # noqa: F401  # before a test is made of properties
from exchange_site.clock import Clock
from exchange_site.config import ExchangeConfig
from exchange_site.wiring.engine_host import ExchangeClock
from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded, found_market
from tests.engine_beside import EngineBeside, engine_beside
from tests.made_once import migrated_database, migrated_template
from tests.services import postgres, redis, shared_database
from trading.delivery.channel_layer import InProcessLayer

__all__ = ["postgres", "redis"]
OpenExchange = Callable[..., Awaitable[Exchange]]


def pytest_configure(config: pytest.Config) -> None:
    # A shell lets what it runs in the background ignore Ctrl-C, and programs that tests start and end would do so, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes its time
    # While a test overrides one, another thread finds none in `settings` for a moment, and then what the class has.
    LazySettings._wrapped = django_settings._wrapped  # type: ignore[attr-defined,misc]  # Django hides it
    config.addinivalue_line("markers", "sqlite_only: about files of SQLite, its locks or its own figures")
    config.addinivalue_line("markers", "postgres_only: about sessions of PostgreSQL")


KNOW_A_DATABASE = {"db", "transactional_db", "seeded_market"}
"""Fixtures: of the process's own database, and of those of servers. A PostgreSQL of one's own (`postgres`) is the same
wherever the suite runs."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL tests that know no database are left out: they have passed as they are."""
    if shared_database() is None:
        mark, reason = "postgres_only", "it is about sessions of PostgreSQL (make test-postgres)"
    else:
        mark, reason = "sqlite_only", "it is about SQLite's own files, locks or figures"
        config.hook.pytest_deselected(items=[item for item in items if not _knows_a_database(item)])
        items[:] = [item for item in items if _knows_a_database(item)]
    for item in items:
        if item.get_closest_marker(mark):
            item.add_marker(pytest.mark.skip(reason=reason))


def _knows_a_database(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("django_db") or KNOW_A_DATABASE.intersection(getattr(item, "fixturenames", ())))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    """Django empties the tables after a test that has committed, and then makes all rights and roles anew: that took
    longer than most tests. They are put back as they were instead."""
    receivers, post_migrate.receivers = post_migrate.receivers, []
    post_migrate.connect(_put_back)
    try:
        yield
    finally:
        post_migrate.receivers = receivers


MIGRATED: dict[str, list[tuple[Any, ...]]] = {}
"""The rows of every table that `migrate` leaves with some."""


def _read_migrated() -> None:
    """On PostgreSQL a copy of them stays in the database as well: nothing is quicker to put back."""
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgres:
            cursor.execute("CREATE SCHEMA migrated")
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            if rows := cursor.fetchall():
                MIGRATED[table] = rows
                if is_postgres:
                    cursor.execute(f"CREATE TABLE migrated.{table} AS TABLE {table}")


def _put_back(sender: AppConfig, **_: Any) -> None:
    """Called by Django for every app with tables, when these are empty."""
    if sender.label != "trading":
        return
    with transaction.atomic(), connection.cursor() as cursor:
        if shared_database() is not None:
            cursor.execute("; ".join(f"INSERT INTO {table} SELECT * FROM migrated.{table}" for table in MIGRATED))
            return
        for table, rows in MIGRATED.items():
            marks = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"INSERT INTO {connection.ops.quote_name(table)} VALUES ({marks})", rows)


@pytest.fixture(autouse=True)
def speak_english() -> Iterator[None]:
    """A page that is opened in Chinese leaves its language behind in the thread."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """On SQLite the database is a migrated one, which is there already; its folder goes away with the run."""
    return shared_database() is None


def _delete_rows(
    style: Any, tables: Sequence[str], *, reset_sequences: bool = False, allow_cascade: bool = False
) -> list[str]:
    """As Django's `sql_flush`, for PostgreSQL: TRUNCATE makes new files for every table and index, and took longer than
    most tests; what few rows a test has left are deleted in a fiftieth of that."""
    return ["; ".join(f"DELETE FROM {table}" for table in tables)]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """What PostgreSQL wants: it removes no database in which threads that sleep still have a session."""
    with django_db_blocker.unblock():
        _read_migrated()
    if connection.vendor == "postgresql":
        connection.ops.sql_flush = _delete_rows  # type: ignore[method-assign]
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The database begins as a copy of a migrated one. No test cuts the power, so none needs to wait for the disk."""
    shared, of_tests = shared_database(), connection.settings_dict["TEST"]
    if shared is None:
        shutil.copy(migrated_database(), of_tests["NAME"])
    else:
        of_tests["TEMPLATE"] = migrated_template(shared)
    options = django_settings.DATABASES["default"].get("OPTIONS", {})
    if "init_command" in options:
        options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")


@pytest.fixture
def market(transactional_db: None) -> Founded:
    """Two instruments, three funded traders and one user without an account, committed."""
    return found_market()


@pytest.fixture
async def open_exchange(market: Founded, settings: Any) -> AsyncIterator[OpenExchange]:
    """Starts an exchange under other SETTINGS, with another clock or other fields of its config; one that still runs is
    stopped first, as at a restart."""
    running: list[Exchange] = []

    async def start(clock: ExchangeClock | None = None, **overrides: Any) -> Exchange:
        await stop()
        for name, value in overrides.items():
            if name.isupper():
                setattr(settings, name, value)
        fields = {name: value for name, value in overrides.items() if not name.isupper()}
        config = msgspec.structs.replace(ExchangeConfig.from_settings(), **fields)
        exchange = Exchange(config, InProcessLayer(config.max_outbox), clock or Clock())
        running.append(exchange)
        await exchange.ensure_started()
        return exchange

    async def stop() -> None:
        while running:
            await running.pop().stop()

    yield start
    await stop()


@pytest.fixture
async def exchange(open_exchange: OpenExchange) -> Exchange:
    """An exchange with the founded market, under the default settings."""
    return await open_exchange()


@pytest.fixture
def engine(transactional_db: None) -> Iterator[EngineBeside]:
    """An engine in another thread: it does what operators ask."""
    with engine_beside() as running:
        yield running
