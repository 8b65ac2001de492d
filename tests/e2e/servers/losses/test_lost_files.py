"""The files of the database are removed, moved or replaced under a running server: it notices, stops and says so, and
what it has acknowledged is not lost."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.client import Client, signed_in
from tests.e2e.server import PATIENCE, Server
from tests.e2e.servers.test_probes import ask

pytestmark = [pytest.mark.sqlite_only, pytest.mark.long]

NAMES = [f"before-{number}" for number in range(20)]


def beside(server: Server, suffix: str) -> Path:
    return server.database.with_name(f"{server.database.name}{suffix}")


def until_it_stops(server: Server, name: Path) -> str:
    """Nobody sends an order: it looks by itself."""
    deadline = time.monotonic() + PATIENCE
    while "The engine stopped" not in (answer := ask(server, "/readyz"))[1]:
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.01)
    assert answer[0] == 503
    assert answer[1].startswith("The engine stopped: a file of its database was removed or replaced")
    assert f"The engine stopped: {name} was removed or replaced while it was in use" in server.log()
    return answer[1].strip()


def trade(client: Client) -> None:
    for name in NAMES:
        assert client.order("BUY", 1, 115, client_order_id=name)["success"]


def all_there(server: Server) -> None:
    """After a kill and a start."""
    server.kill()
    server.start()
    with signed_in(server, "user001") as client:
        found = client.ask("query_orders", limit=100)["data"]["orders"]
        assert {order["client_order_id"] for order in found} == set(NAMES)
        assert client.order("BUY", 1, 115, client_order_id="after")["success"]
    for command in ("check_books", "replay_journal"):
        server.manage(command)


@pytest.mark.parametrize("suffixes", [("-wal",), ("-shm",), ("-wal", "-shm")], ids="+".join)
def test_what_lies_beside_the_database_is_removed(suffixes: tuple[str, ...], new_server: Callable[..., Server]) -> None:
    """The commits that were in the log only are written into the database before the engine stops. That can be while
    nobody else has written into a new log; the use of tokens would be, soon after signing in."""
    server = new_server(TOKEN_LOOK_SECONDS=3600)
    with signed_in(server, "user001") as client:
        trade(client)
        for suffix in suffixes:
            beside(server, suffix).unlink()
        reason = until_it_stops(server, beside(server, suffixes[0]))
        refusal = client.order("BUY", 1, 115, client_order_id="late")
        assert (refusal["error_code"], refusal["error_message"]) == (503, reason)
    assert "all commits until batch" in server.log()
    all_there(server)


def test_somebody_else_has_written_into_a_new_log(new_server: Callable[..., Server]) -> None:
    """Then nobody can put the two together, and it does not say that all is well."""
    server = new_server(TOKEN_LOOK_SECONDS=3600)
    another = beside(server, ".another")
    another.write_bytes(bytes(4096))
    with signed_in(server, "user001") as client:
        trade(client)
        os.replace(another, beside(server, "-wal"))
        until_it_stops(server, beside(server, "-wal"))
        assert client.order("BUY", 1, 115, client_order_id="late")["error_code"] == 503
    assert "may be in no file that has a name" in server.log()


def test_the_database_is_moved_away_and_back(new_server: Callable[..., Server]) -> None:
    server = new_server()
    elsewhere = beside(server, ".moved")
    with signed_in(server, "user001") as client:
        trade(client)
        server.database.rename(elsewhere)
        until_it_stops(server, server.database)
        assert client.order("BUY", 1, 115, client_order_id="late")["error_code"] == 503
    assert "may be in no file that has a name" in server.log()
    server.kill()
    elsewhere.rename(server.database)
    server.start()
    all_there(server)


def test_another_database_is_put_in_its_place(new_server: Callable[..., Server]) -> None:
    """A backup was restored under a running server: it trades on neither, and must be started again."""
    server = new_server()
    copy = beside(server, ".copy")
    shutil.copy2(server.database, copy)
    with signed_in(server, "user001") as client:
        trade(client)
        os.replace(copy, server.database)
        until_it_stops(server, server.database)
        assert client.order("BUY", 1, 115, client_order_id="late")["error_code"] == 503
    assert "may be in no file that has a name" in server.log()
