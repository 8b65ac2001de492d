"""How a connection ends, byte for byte: whoever breaks the protocol is told how, and what was said last arrives."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.e2e.client import order_fields, signed_in
from tests.e2e.server import BOTH, Server

pytestmark = pytest.mark.slow

TEXT, CLOSE, PING = 1, 8, 9
ENDS = {
    "one byte": (CLOSE, b"\x03", 1002),
    "a code for logs": (CLOSE, struct.pack("!H", 1005), 1002),
    "a code that is none": (CLOSE, struct.pack("!H", 999), 1002),
    "a reason that is no text": (CLOSE, struct.pack("!H", 1000) + b"\xff", 1007),
    "a reason that is too long": (CLOSE, struct.pack("!H", 1000) + b"x" * 124, 1002),
    "a long ping": (PING, b"x" * 126, 1002),
    "an opcode that is none": (3, b"", 1002),
    "no text": (TEXT, b"\xff", 1007),
    "a code": (CLOSE, struct.pack("!H", 1000), 1000),
    "a code of an application": (CLOSE, struct.pack("!H", 3001), 3001),
    "no code": (CLOSE, b"", None),
}


def frame(opcode: int, payload: bytes) -> bytes:
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    mask = os.urandom(4)
    return bytes([0x80 | opcode]) + size + mask + bytes(each ^ mask[at % 4] for at, each in enumerate(payload))


def text(kind: str, **fields: Any) -> bytes:
    return frame(TEXT, json.dumps({"type": kind} | fields).encode())


class Raw:
    """A socket without a library, whose bytes are ours."""

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        self.socket.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self._file = self.socket.makefile("rb")
        assert b" 101 " in self._file.readline()
        while self._file.readline() != b"\r\n":
            pass

    def hear(self) -> tuple[int, bytes] | None:
        """The next frame of the server; None where it has ended the connection."""
        head = self._file.read(2)
        if not head:
            return None
        size = head[1] if head[1] < 126 else struct.unpack("!H", self._file.read(2))[0]
        return head[0] & 15, self._file.read(size)

    def until(self, opcode: int) -> bytes:
        while True:
            heard = self.hear()
            assert heard is not None, "ended without it"
            if heard[0] == opcode:
                return heard[1]

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@BOTH
def test_whoever_ends_it_or_breaks_the_protocol_is_answered_with_a_close_frame(
    new_server: Callable[..., Server], program: str
) -> None:
    server = new_server(program=program)
    told = {}
    for name, (opcode, payload, _) in ENDS.items():
        with closing(Raw(server)) as raw:
            raw.socket.sendall(frame(opcode, payload))
            reason = raw.until(CLOSE)
            told[name] = struct.unpack("!H", reason[:2])[0] if reason else None
            assert raw.hear() is None, f"{name}: nothing behind the close, and no reset"
    assert told == {name: code for name, (_, _, code) in ENDS.items()}
    assert "Traceback" not in server.log()


@BOTH
def test_orders_right_before_a_close_frame_are_done(new_server: Callable[..., Server], program: str) -> None:
    """Answered or not: as `docs/protocol.md` says it ("Close codes")."""
    server = new_server(program=program)
    orders = [order_fields("BUY", 1, 115) | {"client_order_id": f"last-{number}"} for number in range(5)]
    with closing(Raw(server)) as raw:
        raw.socket.sendall(text("auth", user_id="user001", token=server.token("user001")))
        assert json.loads(raw.until(TEXT))["success"]
        sent = [text("submit_order", **order) for order in orders]
        raw.socket.sendall(b"".join(sent) + frame(CLOSE, struct.pack("!H", 1000)))
        raw.until(CLOSE)
        assert raw.hear() is None
    with signed_in(server, "user001") as later:
        assert all(later.ask("submit_order", **order)["success"] for order in orders), "the first answer, again"
        live = later.ask("query_orders", status="LIVE")["data"]["orders"]
    assert [order["client_order_id"] for order in reversed(live)] == [order["client_order_id"] for order in orders]
