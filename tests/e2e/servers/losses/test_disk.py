"""When the database cannot be written: nobody is told "ok" for what is not stored, and the exchange recovers alone."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import pytest

from tests.e2e.client import Client, order_fields, signed_in
from tests.e2e.server import Server
from tests.e2e.servers.test_probes import ask

pytestmark = [pytest.mark.sqlite_only, pytest.mark.long]

NOT_STORED = "The exchange could not store this; nothing was done"
RECOVERY = 10.0
"""Seconds until it must take orders again."""


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Another process writes to the database and does not come to an end."""
    with closing(sqlite3.connect(server.database, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


@contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """No file of the server can grow beyond a few pages: to it that is a full disk."""
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (16_384, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


def orders_of(server: Server) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(server.database)) as database:
        return database.execute("SELECT client_order_id, status FROM trading_order ORDER BY id").fetchall()


def until_taken(client: Client, name: str) -> None:
    """Send an order, again and again under the same name, until it is taken."""
    deadline = time.monotonic() + RECOVERY
    while not (answer := client.order("BUY", 1, 115, client_order_id=name))["success"]:
        assert answer["error_code"] == 503, answer
        assert time.monotonic() < deadline, "it does not recover"


def until_ready(server: Server) -> None:
    """It finds out by itself: no order need be sent."""
    deadline = time.monotonic() + RECOVERY
    while ask(server, "/readyz")[0] != 200:
        assert time.monotonic() < deadline, "it is not ready again"
        time.sleep(0.01)


def refused_until_it_is_over(server: Server, trouble: Callable[[Server], AbstractContextManager[None]]) -> None:
    with signed_in(server, "user001") as client, signed_in(server, "user002") as other:
        assert client.order("BUY", 1, 115, client_order_id="before")["success"]
        client.until("account_update")
        seq = client.heard[-1]["seq"]
        with trouble(server):
            client.take()
            names = [f"lost-{number}" for number in range(5)]
            for name in names[:3]:
                client.send("submit_order", **order(name))
            other.send("submit_order", **order("other"))
            refusals = [client.until("order_response") for _ in names[:3]] + [other.until("order_response")]
            refusals += [client.order("BUY", 1, 115, client_order_id=name) for name in names[3:]]
            assert ask(server, "/readyz") == (503, "The last commit failed; the exchange tries again.\n")
            told = [(answer["success"], answer["error_code"], answer["error_message"]) for answer in refusals]
            assert told == [(False, 503, NOT_STORED)] * len(refusals)
            assert {frame["type"] for frame in client.take()} <= {"order_response", "ping"}, "told what is not stored"
            answer = client.ask("query_account")
            if answer["type"] == "query_response":
                assert answer["data"]["account"]["frozen"] == 1150.2645, "it shows what is not stored"
            else:
                assert answer["code"] == 503
        until_ready(server)
        until_taken(client, "after")
        assert client.until("account_update")["frozen"] == 2300.529
        assert client.heard[-1]["seq"] == seq + 2, "the numbers of the pushes have no hole"
        assert client.ask("query_account")["data"]["account"]["frozen"] == 2300.529
    assert orders_of(server) == [("before", "Submitted"), ("after", "Submitted")]
    server.kill()
    server.start()
    with signed_in(server, "user001") as client:
        assert client.account()["frozen"] == 2300.529
        assert client.order("BUY", 1, 115, client_order_id="after")["success"]
        assert client.account()["frozen"] == 2300.529, "the resend was no second order"


def order(name: str) -> dict[str, object]:
    return order_fields("BUY", 1, 115, client_order_id=name)


def test_a_database_locked_by_another_process(new_server: Callable[..., Server]) -> None:
    server = new_server(DATABASE_TIMEOUT=0.2)
    refused_until_it_is_over(server, locked)
    assert "database is locked" in server.log()


def test_a_full_disk(new_server: Callable[..., Server]) -> None:
    server = new_server(DATABASE_TIMEOUT=0.2)
    refused_until_it_is_over(server, full_disk)
    assert "disk" in server.log()
