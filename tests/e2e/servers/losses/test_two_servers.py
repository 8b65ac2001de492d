"""Two servers on one database: only one engine, whatever happens to the servers. And other servers than daphne."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.e2e.client import Client, Frame, order_fields, signed_in
from tests.e2e.server import PATIENCE, PROGRAMS, Server
from tests.e2e.servers.test_probes import ask
from trading.protocol import order_id_text

pytestmark = pytest.mark.slow

REASON = "Another process runs the engine of market MAIN on this database; this server takes no orders until it ends."


def test_the_second_server_takes_no_orders_until_the_first_ends_and_then_all(
    new_server: Callable[..., Server],
) -> None:
    first = new_server()
    with signed_in(first, "user001") as client:
        order = client.order("BUY", 1, 115)["order_id"]

        second = new_server(beside=first, IDLE_SECONDS=PATIENCE)
        with signed_in(second, "user002") as late:
            answer = late.order("BUY", 2, 115)
            assert (answer["success"], answer["error_code"], answer["error_message"]) == (False, 503, REASON)
            assert late.ask("cancel_order", order_id=order)["error_code"] == 503
            assert late.account()["frozen"] == 0.0
            assert client.order("BUY", 3, 115)["success"], "the first goes on"
            first.kill()
            until_taken(late)
    assert second.log().count(REASON) == 1, second.log()
    assert "CRITICAL" not in second.log() and "Traceback" not in second.log()
    with signed_in(second, "user001") as client:
        assert client.ask("query_order", order_id=order)["data"]["order"]["status"] == "Submitted"
        assert client.ask("cancel_order", order_id=order)["success"]


@pytest.mark.sqlite_only
def test_a_server_that_starts_while_a_shell_command_is_the_engine_waits_for_it(
    new_server: Callable[..., Server],
) -> None:
    """However long that takes: here the test has the lock, for longer than a server is patient without a word."""
    server = new_server(start=False)
    with server.database.with_name(f"{server.database.name}.engine-MAIN.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server.start()
        deadline = time.monotonic() + PATIENCE
        while (answer := ask(server, "/readyz")) != (503, f"{REASON}\n"):
            assert answer[0] == 503 and time.monotonic() < deadline, answer
            time.sleep(0.01)
    with signed_in(server, "user001") as client:
        until_taken(client)
    assert ask(server, "/readyz") == (200, "ok\n")
    assert server.log().count(REASON) == 1


@pytest.mark.sqlite_only
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_market_runs_with_its_server_whether_anybody_connects_or_not(
    new_server: Callable[..., Server], program: str
) -> None:
    """Its day must be settled, and what operators ask from a shell must be done."""
    server = new_server(program=program, start=False)
    server.launch()
    deadline = time.monotonic() + PATIENCE
    while not engine_runs(server):
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.01)


def engine_runs(server: Server) -> bool:
    with server.database.with_name(f"{server.database.name}.engine-MAIN.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def until_taken(client: Client) -> None:
    deadline = time.monotonic() + PATIENCE
    while not (answer := client.order("BUY", 2, 115))["success"]:
        assert answer["error_code"] == 503, answer
        assert time.monotonic() < deadline, "it does not take over"


def take_over(first: Server, new_server: Callable[..., Server]) -> Server:
    """Someone removes the lock file of a server that hangs, and starts another. (One that does not hang would make the
    file anew, and stay the only one.)"""
    first.freeze()
    first.database.with_name(f"{first.database.name}.engine-MAIN.lock").unlink()
    second = new_server(beside=first, IDLE_SECONDS=PATIENCE)
    with signed_in(second, "user003"):
        return second


@pytest.mark.sqlite_only
def test_a_server_that_lost_its_market_by_force_writes_nothing(new_server: Callable[..., Server]) -> None:
    """The epoch in every commit still lets only one write."""
    first = new_server(IDLE_SECONDS=PATIENCE)
    with signed_in(first, "user001") as client:
        assert client.order("BUY", 1, 115)["success"]
        second = take_over(first, new_server)
        os.kill(first.pid, signal.SIGCONT)
        with signed_in(second, "user002") as late:
            bid = late.order("BUY", 2, 115)
            assert bid["success"]
            assert client.order("BUY", 3, 115)["error_code"] == 503
            late.ask("subscribe", channels=["orderbook"], instruments=["IX2301"])
            (level,) = late.until("orderbook")["bids"]
            assert (level["volume"], level["order_count"]) == (3.0, 2)
            assert late.ask("cancel_order", order_id=bid["order_id"])["success"]
        assert client.order("BUY", 3, 115)["error_code"] == 503
        second.kill()
        until_taken(client)
    assert "has taken market MAIN over" in first.log()
    assert "this server runs the engine of market MAIN now" in first.log()
    for command in ("check_books", "replay_journal"):
        first.manage(command)


@pytest.mark.sqlite_only
def test_a_lock_file_that_is_removed_is_made_anew(new_server: Callable[..., Server]) -> None:
    first = new_server()
    lock = first.database.with_name(f"{first.database.name}.engine-MAIN.lock")
    with signed_in(first, "user001") as client:
        lock.unlink()
        assert client.order("BUY", 1, 115)["success"]
        second = new_server(beside=first)
        with signed_in(second, "user002") as late:
            assert late.order("BUY", 2, 115)["error_message"] == REASON
        assert client.order("BUY", 1, 115)["success"]


def pour(client: Client, names: list[str]) -> None:
    for name in names:
        client.send("submit_order", request_id=name, **order_fields("BUY", 1, 115, client_order_id=name))


def hear_answers(client: Client, names: list[str]) -> dict[str, Frame]:
    """The answers to all of these orders."""
    answers: dict[str, Frame] = {}
    while not answers.keys() >= set(names):
        frame = client.hear()
        if frame["type"] == "order_response":
            answers[frame["request_id"]] = frame
    return answers


def taken(answers: dict[str, Frame]) -> dict[str, str]:
    """The orders that were acknowledged; all others were answered 503."""
    assert {answer["error_code"] for answer in answers.values()} <= {None, 503}
    return {name: answer["order_id"] for name, answer in answers.items() if answer["success"]}


@pytest.mark.sqlite_only
def test_an_engine_that_hangs_under_load_is_replaced_and_writes_nothing_when_it_wakes_up(
    new_server: Callable[..., Server],
) -> None:
    """It hangs in the middle of a commit, waiting for the database. What it had not stored is answered 503 when it
    wakes up; its client has meanwhile sent it again, under the same names, to the one that replaced it."""
    first = new_server(IDLE_SECONDS=PATIENCE)
    flood, late, elsewhere = ([f"{word}-{number}" for number in range(300)] for word in ("flood", "late", "elsewhere"))
    client = signed_in(first, "user001")
    with closing(sqlite3.connect(first.database, isolation_level=None, timeout=PATIENCE)) as database:
        pour(client, flood)
        hear_answers(client, flood[:1])
        database.execute("BEGIN IMMEDIATE")
        pour(client, late)
        first.freeze()
        database.execute("ROLLBACK")

    second = take_over(first, new_server)
    with signed_in(second, "user001") as again, signed_in(second, "user002") as other:
        pour(again, late)
        pour(other, elsewhere)
        by_second = taken(hear_answers(again, late)) | taken(hear_answers(other, elsewhere))
        assert by_second.keys() == {*late, *elsewhere}

        os.kill(first.pid, signal.SIGCONT)
        answers = {frame["request_id"]: frame for frame in client.of("order_response")}
        by_first = taken(answers | hear_answers(client, [name for name in flood + late if name not in answers]))
        assert by_first and by_first.keys() <= set(flood), "what was not stored before it hung is refused"
        with signed_in(first, "user003") as stranger:
            refusal = stranger.order("BUY", 1, 115, client_order_id="too late")
        assert (refusal["success"], refusal["error_code"]) == (False, 503)
        assert "another engine has taken market MAIN over" in refusal["error_message"]
        assert again.order("BUY", 1, 115, client_order_id="the end")["success"], "the second goes on"
    client.close()

    with closing(sqlite3.connect(first.database)) as database:
        stored = dict(database.execute("SELECT client_order_id, id FROM trading_order"))
        assert database.execute("SELECT count(*) FROM trading_order").fetchone() == (len(stored),), (
            "none is there twice"
        )
        epochs = [epoch for (epoch,) in database.execute("SELECT epoch FROM trading_journalbatch ORDER BY number")]
    assert stored.keys() == {*by_first, *by_second, "the end"}
    told = by_first | by_second
    assert {name: order_id_text(number) for name, number in stored.items() if name in told} == told
    assert epochs == sorted(epochs) and len(set(epochs[-2:])) == 1
    for command in ("check_books", "replay_journal"):
        second.manage(command)


def test_uvicorn_serves_the_same(new_server: Callable[..., Server]) -> None:
    server = new_server(program="uvicorn")
    with signed_in(server, "user001") as seller, signed_in(server, "user002") as buyer:
        offer = seller.order("SELL", 2, 120)["order_id"]
        buyer.order("BUY", 2, 120)
        assert buyer.until("trade")["volume"] == 2.0
        assert seller.until("order_status", order_id=offer, status="Filled")
        seller.send_wrong("{")
        assert seller.until("error")["code"] == 400
        seller.socket.send_binary(b"{}")
        assert seller.until("error")["code"] == 400
    server.stop()
    assert "Finished server process" in server.log()
    assert "Traceback" not in server.log()
