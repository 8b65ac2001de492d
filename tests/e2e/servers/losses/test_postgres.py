"""Servers on PostgreSQL: a lock that is lost is noticed, and what is told of a COMMIT without an answer is true."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.e2e.client import Client, order_fields, signed_in
from tests.e2e.server import PATIENCE, Market, Server
from tests.e2e.servers.test_probes import ask
from tests.services import Postgres, Proxy

pytestmark = pytest.mark.slow

LOCK = crc32(b"bourse engine MAIN")
NOT_STORED = "The exchange could not store this; nothing was done"
UNKNOWN = "The database has not said whether this was stored."
NewServer = Callable[..., Server]
MOST_STEPS = 40
"""What goes together may arrive in pieces; and a bound."""


@pytest.fixture(scope="module")
def seeded(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[Market, str]:
    """The demo market, and the database that others are copied from."""
    template = postgres.create()
    return Market.seeded(tmp_path_factory.mktemp("seeded"), postgres.url(template)), template


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    made = Proxy(postgres.port)
    yield made
    made.remove()


@pytest.fixture
def database(postgres: Postgres, seeded: tuple[Market, str]) -> str:
    return postgres.create(seeded[1])


@pytest.fixture
def server(
    postgres: Postgres, proxy: Proxy, database: str, seeded: tuple[Market, str], tmp_path: Path
) -> Iterator[Server]:
    """It reaches its database through the proxy."""
    shutil.copy2(seeded[0].folder / "secret_key", tmp_path / "secret_key")
    market = Market(tmp_path)
    market.tokens = dict(seeded[0].tokens)
    url = postgres.url(database, proxy.port)
    running = Server(market, extra={"DATABASE_URL": url, "IDLE_SECONDS": str(PATIENCE)})
    running.start()
    until_ready(running)
    yield running
    running.kill()


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def until_ready(server: Server) -> None:
    until(lambda: ask(server, "/readyz")[0] == 200)


def holders(postgres: Postgres, database: str) -> list[int]:
    """The sessions that have the engine's lock."""
    rows = postgres.execute(
        "postgres",
        f"SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        f" WHERE datname = '{database}' AND locktype = 'advisory' AND objid = {LOCK} AND granted",
    )
    return [pid for (pid,) in rows]


def orders(postgres: Postgres, database: str) -> dict[str, str]:
    return dict(postgres.execute(database, "SELECT client_order_id, status FROM trading_order"))


def until_taken(client: Client, name: str) -> None:
    def taken() -> bool:
        answer = client.order("BUY", 1, 115, client_order_id=name)
        assert answer["success"] or answer["error_code"] in (503, 504), answer
        return bool(answer["success"])

    until(taken)


# --- the lock


def test_a_session_that_ends_takes_the_lock_along_and_the_engine_takes_it_again(
    server: Server, postgres: Postgres, database: str
) -> None:
    """Nobody trades: it is noticed all the same. A shell command then finds a running engine."""
    (before,) = holders(postgres, database)
    assert postgres.end_sessions(database)
    until(lambda: [pid for pid in holders(postgres, database) if pid != before])
    until_ready(server)
    epoch = postgres.execute(database, "SELECT epoch FROM trading_market")
    server.manage("open_account", "user001", "--deposit", "5")
    assert postgres.execute(database, "SELECT epoch FROM trading_market") == epoch, "the shell was no engine"
    with signed_in(server, "user001") as client:
        assert client.order("BUY", 1, 115)["success"]


def test_postgres_is_restarted_under_load(server: Server, postgres: Postgres, database: str) -> None:
    with signed_in(server, "user001") as client:
        assert client.order("BUY", 1, 115, client_order_id="before")["success"]
        postgres.stop()
        answer = client.order("BUY", 1, 115, client_order_id="away")
        assert answer["error_code"] in (503, 504)
        postgres.start()
        until_taken(client, "after")
        assert orders(postgres, database) == {"before": "Submitted", "after": "Submitted"}
        until_ready(server)
    assert len(holders(postgres, database)) == 1
    for command in ("check_books", "replay_journal"):
        server.manage(command)


def test_an_engine_whose_lock_another_has_got_steps_back_and_comes_back(
    server: Server, postgres: Postgres, database: str
) -> None:
    with signed_in(server, "user001") as client, closing(postgres.connect(database)) as other:
        assert client.order("BUY", 1, 115, client_order_id="before")["success"]
        (engine,) = holders(postgres, database)
        other.execute(f"SELECT pg_terminate_backend({engine}), pg_advisory_lock({LOCK})".encode())
        until(lambda: "has taken market MAIN over" in ask(server, "/readyz")[1])
        refusal = client.order("BUY", 1, 115, client_order_id="meanwhile")
        assert (refusal["success"], refusal["error_code"]) == (False, 503)
        assert "has taken market MAIN over" in refusal["error_message"]
        other.execute(b"UPDATE trading_market SET epoch = epoch + 1")
        other.execute(f"SELECT pg_advisory_unlock({LOCK})".encode())
        until_ready(server)
        assert client.order("BUY", 1, 115, client_order_id="after")["success"]
    assert orders(postgres, database) == {"before": "Submitted", "after": "Submitted"}
    assert "this server runs the engine of market MAIN now" in server.log()
    server.manage("check_books")


# --- COMMIT without an answer: the line ends, or it stays and swallows what is sent

swallowing = pytest.mark.parametrize("swallows", [False, True], ids=["ends", "swallows"])


@swallowing
def test_a_commit_whose_answer_is_lost_is_told_as_it_is(
    swallows: bool, server: Server, proxy: Proxy, postgres: Postgres, database: str
) -> None:
    """The order is stored: its sender is told so, and everybody gets the pushes, numbered without a hole."""
    proxy.swallows = swallows
    with signed_in(server, "user001") as seller, signed_in(server, "user002") as buyer:
        assert seller.order("SELL", 2, 120, client_order_id="offer")["success"]
        seq = seller.until("account_update")["seq"]
        proxy.cut = "answer"
        answer = buyer.order("BUY", 2, 120, client_order_id="lost")
        assert proxy.cuts == 1
        assert answer["success"], answer
        assert buyer.until("trade")["volume"] == 2.0
        told = seller.until("account_update")
        numbers = [frame["seq"] for frame in seller.heard if frame.get("seq", 0) > seq]
        assert numbers == list(range(seq + 1, told["seq"] + 1))
        assert orders(postgres, database) == {"offer": "Filled", "lost": "Filled"}
        assert buyer.order("BUY", 1, 115, client_order_id="after")["success"]
    until_ready(server)
    for command in ("check_books", "replay_journal"):
        server.manage(command)


@swallowing
def test_a_commit_that_never_arrived_is_told_as_nothing(
    swallows: bool, server: Server, proxy: Proxy, postgres: Postgres, database: str
) -> None:
    """A session that waits for the rest of a transaction on a dead line is ended: nobody else would."""
    proxy.swallows = swallows
    with signed_in(server, "user001") as client:
        proxy.cut = "commit"
        answer = client.order("BUY", 1, 115, client_order_id="lost")
        assert (answer["error_code"], answer["error_message"]) == (503, NOT_STORED)
        assert orders(postgres, database) == {}
        until_taken(client, "lost")
        assert orders(postgres, database) == {"lost": "Submitted"}


@swallowing
@pytest.mark.parametrize("cut", ["answer", "commit"])
def test_while_nobody_can_know_that_is_what_is_said(
    cut: str, swallows: bool, server: Server, proxy: Proxy, postgres: Postgres, database: str
) -> None:
    """The database stays away after the cut. Sent again under its name, the order is there once."""
    proxy.swallows = swallows
    with signed_in(server, "user001") as client:
        proxy.close_at_cut, proxy.cut = True, cut
        answer = client.order("BUY", 1, 115, client_order_id="lost")
        assert answer["error_code"] == 504 and answer["error_message"].startswith(UNKNOWN), answer
        assert ask(server, "/readyz")[0] == 503
        later = client.order("BUY", 1, 115, client_order_id="later")
        assert (later["error_code"], later["error_message"]) == (503, NOT_STORED)
        assert client.of("order_status") == []
        proxy.closed = False
        if cut == "answer":
            assert client.until("order_status")["client_order_id"] == "lost", "the push tells that it is stored"
        until_taken(client, "lost")
        assert client.ask("query_orders")["data"]["orders"][0]["client_order_id"] == "lost"
    assert orders(postgres, database) == {"lost": "Submitted"}
    server.manage("replay_journal")


# --- every step of a commit


@pytest.mark.parametrize("swallows", [False, pytest.param(True, marks=pytest.mark.long)], ids=["ends", "swallows"])
@pytest.mark.parametrize("lost", ["commit", "answer"])
def test_the_connection_is_cut_at_every_step_of_a_commit(
    lost: str, swallows: bool, server: Server, proxy: Proxy, postgres: Postgres, database: str
) -> None:
    """Before each thing that is asked of the database, or before its answer, from BEGIN to the answer to COMMIT. What
    is told is what is stored, and the engine goes on by itself."""
    proxy.swallows = swallows
    with signed_in(server, "user001") as client:
        names = []
        for step in range(MOST_STEPS):
            name, cuts = f"step {step}", proxy.cuts
            names.append(name)
            proxy.step = (lost, step)
            answer = client.order("BUY", 1, 115, client_order_id=name)
            cut = proxy.cuts > cuts
            proxy.step = None
            if answer["success"]:
                assert orders(postgres, database)[name] == "Submitted"
            else:
                assert answer["error_code"] in (503, 504) and cut, answer
                if answer["error_code"] == 503:
                    assert name not in orders(postgres, database)
            until_taken(client, name)
            if not cut:
                break
        assert MOST_STEPS > step > 0, f"it had {step} steps"
        for _ in range(2):  # a pong may overtake a push, a second one cannot
            client.ask("ping")
        told = [frame["client_order_id"] for frame in client.of("order_status")]
        assert told == names, "each is told once, in the order of their commits"
    assert orders(postgres, database) == dict.fromkeys(names, "Submitted")
    until_ready(server)
    for command in ("check_books", "replay_journal"):
        server.manage(command)


def test_while_postgres_does_not_move_nothing_is_told_and_then_the_truth(
    server: Server, postgres: Postgres, database: str
) -> None:
    with signed_in(server, "user001") as client, Client(server.ws) as other:
        postgres.send(signal.SIGSTOP)
        try:
            client.send("submit_order", **order_fields("BUY", 1, 115, client_order_id="waits"))
            for _ in range(20):  # the server lives, and answers what needs no database
                assert other.ask("ping")["type"] == "pong"
        finally:
            postgres.send(signal.SIGCONT)
        answer = client.until("order_response")
        assert client.of("order_status") == [], "it was told before it was stored"
        assert answer["success"] or answer["error_code"] in (503, 504)
        until_taken(client, "waits")
    assert orders(postgres, database) == {"waits": "Submitted"}
    server.manage("check_books")


def test_two_servers_share_one_postgres(server: Server, postgres: Postgres, database: str, proxy: Proxy) -> None:
    """The second waits, says so, and takes over when the first dies."""
    second = Server(server.market, extra=server.extra)
    second.start()
    try:
        until(lambda: "Another process runs the engine" in ask(second, "/readyz")[1])
        with signed_in(server, "user001") as client:
            client.send("submit_order", **order_fields("BUY", 1, 115, client_order_id="first"))
            assert client.until("order_response")["success"]
        server.kill()
        until_ready(second)
        with signed_in(second, "user001") as client:
            assert client.order("BUY", 1, 115, client_order_id="second")["success"]
    finally:
        second.kill()
    assert orders(postgres, database) == {"first": "Submitted", "second": "Submitted"}
