"""Clients that do not read, on a real server: it stays small, others are answered as before, and nothing is lost."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
import websocket

from tests.e2e.client import Client, order_fields, signed_in
from tests.e2e.server import BOTH, Server
from tests.websocket.connection.test_resume import Mirror

pytestmark = pytest.mark.slow

SETTINGS = {"MAX_OUTBOX": 200, "BOOK_INTERVAL_MS": 1, "PING_SECONDS": 60, "IDLE_SECONDS": 600}
DEAF = 10
"""Of a user who only watches, and as many of one who trades."""
SMALL_BUFFERS = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096), (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)]
"""Small segments make the system's buffer small on the other side, too: 100 KiB instead of 3 MiB."""
SLOW_CLOSE = 4409
CHANNELS = ["orderbook", "orderbook_delta", "ticker", "kline"]
PATIENCE = 120.0
USUAL = 0.02
"""Seconds that an answer may take on a busy machine without anything being wrong."""
MOST_MIB = 30
"""More than all this takes; a server that keeps what nobody reads needs more in seconds."""


def resident_mib(server: Server) -> float:
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * 4_096 / 2**20


def metric(server: Server, name: str) -> float:
    """A number of `/metrics`, 0 where it is not told."""
    with urlopen(f"{server.http}/metrics") as answer:
        found = re.search(rf"^{re.escape(name)} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


class Market:
    """Two who trade and read: one of them pours, the other takes from it and is timed."""

    def __init__(self, stack: ExitStack, server: Server) -> None:
        self.pourer = stack.enter_context(signed_in(server, "user001"))
        self.taker = stack.enter_context(signed_in(server, "user002"))
        for number in range(10):  # a book worth telling
            assert self.taker.order("SELL", 1, 120 + number / 2)["success"]

    def turn(self) -> float:
        """Twenty orders that rest and one that trades; the seconds until that one was answered."""
        for number in range(20):
            self.pourer.send("submit_order", **order_fields("BUY", 1, 115 - number % 10 / 2))
        began = time.perf_counter()
        assert self.taker.order("SELL", 5, 115)["success"]
        passed = time.perf_counter() - began
        assert self.pourer.ask("ping")["type"] == "pong", "it has read what it was told"
        return passed

    def latency(self, turns: int) -> float:
        """The median of some turns."""
        return sorted(self.turn() for _ in range(turns))[turns // 2]


def follow(client: Client, mirror: Mirror) -> None:
    """Begin, or go on, with all that the account is told."""
    client.send("resume", **({} if mirror.seq is None else {"last_seq": mirror.seq}))
    last = client.until("resume_response")["last_seq"]
    while (mirror.seq or 0) < last:
        mirror.take(client.hear())


def read_to_the_end(client: Client, mirror: Mirror) -> None:
    """What was on its way when the server closed, with its code or without."""
    with suppress(ConnectionError, websocket.WebSocketException):
        while True:
            frame = client.socket.recv_frame()
            if frame.opcode == websocket.ABNF.OPCODE_CLOSE:
                assert int.from_bytes(frame.data[:2], "big") == SLOW_CLOSE
                return
            told = json.loads(frame.data)
            if told["type"] not in CHANNELS:
                mirror.take(told)


@BOTH
def test_clients_that_do_not_read(new_server: Callable[..., Server], program: str) -> None:
    server = new_server(program=program, **SETTINGS)
    with ExitStack() as stack:
        market = Market(stack, server)
        before = market.latency(20)
        deaf: dict[str, list[Client]] = {}
        mirrors = [Mirror() for _ in range(DEAF)]
        for user_id in ("user001", "user003"):
            deaf[user_id] = [
                stack.enter_context(signed_in(server, user_id, sockopt=SMALL_BUFFERS)) for _ in range(DEAF)
            ]
        for client, mirror in zip(deaf["user001"], mirrors, strict=True):
            follow(client, mirror)
        for client in [*deaf["user001"], *deaf["user003"]]:
            assert client.ask("subscribe", channels=CHANNELS, instruments=["IX2301"])["success"]

        used, during, deadline = resident_mib(server), [], time.monotonic() + PATIENCE
        closed = f'bourse_connections_closed_total{{code="{SLOW_CLOSE}"}}'
        while metric(server, closed) < DEAF or metric(server, "bourse_readers_paused_total") < DEAF:
            assert time.monotonic() < deadline, "nobody was closed, or nobody paused"
            during.append(market.latency(5))
        assert sorted(during)[len(during) // 2] < 10 * max(before, USUAL), "they are told things, too"
        while market.latency(20) > 5 * max(before, USUAL):
            assert time.monotonic() < deadline, "nothing is as it was before"
        assert resident_mib(server) - used < MOST_MIB
        assert metric(server, closed) == DEAF, "who only watches is not closed"

        for client, mirror in zip(deaf["user001"], mirrors, strict=True):
            told = mirror.seq
            read_to_the_end(client, mirror)
            again = stack.enter_context(signed_in(server, "user001"))
            follow(again, mirror)
            assert told is not None and mirror.seq is not None and mirror.seq > told + SETTINGS["MAX_OUTBOX"]
        newcomer, fresh = stack.enter_context(signed_in(server, "user001")), Mirror()
        follow(newcomer, fresh)
        for mirror in mirrors:
            mirror.same_as(fresh)
            assert mirror.snapshots == 1

        book = market.taker.ask("subscribe", channels=["orderbook"], instruments=["IX2301"])
        assert book["success"]
        now = market.taker.until("orderbook")
        for client in deaf["user003"]:
            while client.until("orderbook")["timestamp"] < now["timestamp"]:
                pass
            assert client.heard[-1] == now
    assert "Traceback" not in server.log()
