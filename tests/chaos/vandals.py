"""Clients that send what nobody should: mutated frames, floods, broken WebSocket frames, half-open connections. They
note what they tried and what came of it, and insist on the answers that even they must get."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from random import Random

import websocket

from tests.e2e.client import Client, Frame
from tests.e2e.server import Server
from tests.protocol.golden import ORDER_ID
from tests.protocol.mutations import ANSWER_TYPES, answer_to, mutated
from trading.core.codes import Code
from trading.protocol import RequestId

USERS = ("user004", "user005", "user006")
INSTRUMENTS = ["IX2301", "IF2301"]
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GONE = (OSError, websocket.WebSocketException)
"""What a client sees of a connection that is over."""
DROPPED = "dropped"
"""A connection that ended without a close frame."""
LONGEST = 100_000
"""Characters of a frame: more than is taken, and far less than a connection is closed for."""
BURST = 40
FLOOD = 2_500
"""More frames at once than the rate limit lets through."""
FLOODS = 0.1
"""Share of connections that end with one."""
ABANDONED = 6
"""Connections that a vandal leaves open without reading."""
REMEMBERED = 50
PATIENCE = 15.0

PROTOCOL_ERROR, NO_TEXT, TOO_LARGE, NORMAL = 1002, 1007, 1009, 1000


class Broken(Exception):
    """The exchange did not keep a promise."""


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """A WebSocket frame of a client, right or wrong."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", fin << 7 | rsv << 4 | opcode, masked << 7 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", fin << 7 | rsv << 4 | opcode, masked << 7 | 126, size)
    else:
        head = struct.pack("!BBQ", fin << 7 | rsv << 4 | opcode, masked << 7 | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    masks = (mask * (size // 4 + 1))[:size]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(masks, "big")).to_bytes(size, "big")


def in_pieces(dice: Random, payload: bytes, between: bytes = b"") -> bytes:
    """One text message as several frames, cut anywhere, also inside a character."""
    cuts = sorted(dice.randint(0, len(payload)) for _ in range(dice.randint(1, 5)))
    parts = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    last = len(parts) - 1
    return between.join(frame(CONT if place else TEXT, part, fin=place == last) for place, part in enumerate(parts))


# --- what is wrong below the protocol

CLOSES = (1000, 1001, 3000, 4999)
"""Codes that clients may close with; a server may say the same."""
PLAIN = b'{"type":"ping","request_id":"\xe7\xbb\x84"}'
Oddity = tuple[Callable[[Random], bytes], set[int]]
ENDS: dict[str, Oddity] = {
    "no UTF-8": (lambda dice: frame(TEXT, dice.choice((b"\xff", b'{"type":"\xc3"}', b"\xed\xa0\x80"))), {NO_TEXT}),
    "a reserved opcode": (lambda dice: frame(dice.choice((3, 4, 7, 11, 15)), b"x"), {PROTOCOL_ERROR}),
    "reserved bits": (lambda dice: frame(TEXT, PLAIN, rsv=dice.randint(1, 7)), {PROTOCOL_ERROR}),
    "no mask": (lambda dice: frame(TEXT, PLAIN, masked=False), {PROTOCOL_ERROR}),
    "a long control frame": (lambda dice: frame(dice.choice((PING, PONG)), b"x" * 126), {PROTOCOL_ERROR}),
    "a control frame in pieces": (lambda dice: frame(PING, b"x", fin=False), {PROTOCOL_ERROR}),
    "a piece of nothing": (lambda dice: frame(CONT, PLAIN), {PROTOCOL_ERROR}),
    "a message within another": (lambda dice: frame(TEXT, b"{", fin=False) + frame(TEXT, PLAIN), {PROTOCOL_ERROR}),
    "a close that is too short": (lambda dice: frame(CLOSE, b"\x03"), {PROTOCOL_ERROR}),
    "a close that may not be sent": (
        lambda dice: frame(CLOSE, struct.pack("!H", dice.choice((0, 999, 1005, 1006, 1015, 2999, 65535)))),
        {PROTOCOL_ERROR},
    ),
    "a close that is no UTF-8": (lambda dice: frame(CLOSE, b"\x03\xe8\xff\xfe"), {NO_TEXT, PROTOCOL_ERROR}),
    "a close": (lambda dice: frame(CLOSE, struct.pack("!H", dice.choice(CLOSES))), {*CLOSES}),
    "a close without words": (lambda dice: frame(CLOSE), {NORMAL}),
    "an endless frame": (lambda dice: b"\x81\xff" + struct.pack("!Q", 2**62) + b"mask" + b"x" * 100, {TOO_LARGE}),
    "a length beyond 63 bits": (lambda dice: b"\x81\xff" + b"\xff" * 8 + b"mask", {PROTOCOL_ERROR, TOO_LARGE}),
    "noise": (lambda dice: b"\xf3" + dice.randbytes(dice.randint(20, 2_000)), {PROTOCOL_ERROR}),
}
"""Bytes after which the server must close, and the codes that it may close with."""
SURVIVES: dict[str, Callable[[Random], bytes]] = {
    "a ping below": lambda dice: frame(PING, dice.randbytes(dice.randint(0, 125))),
    "a pong below": lambda dice: frame(PONG, dice.randbytes(dice.randint(0, 125))),
    "many pings below": lambda dice: frame(PING, b"x") * 50,
    "pings and pongs": lambda dice: frame(PING) + frame(PONG) + frame(PING, b"\xff\x00"),
}
"""Bytes that nothing follows from."""
HANDSHAKES = (
    b"",
    b"\r\n\r\n",
    b"GET /ws",
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n",
    b"GET /ws?user_id=%ff%00&user_id=a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    b"GET /elsewhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    frame(TEXT, PLAIN),
)
"""What some send instead of a handshake."""


class Tally:
    """What was tried and what came of it, of all vandals."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: dict[str, Counter[str]] = {}

    def note(self, table: str, name: object, times: int = 1) -> None:
        with self._lock:
            self.counts.setdefault(table, Counter())[str(name)] += times

    def total(self, table: str) -> int:
        return sum(self.counts.get(table, Counter()).values())


class Vandal(threading.Thread):
    """Works until told to stop. `failure`: what the exchange did wrong."""

    def __init__(self, server: Server, tally: Tally, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True, name=f"vandal {seed}")
        self.failure: BaseException | None = None
        self._server = server
        self._tally = tally
        self._dice = Random(seed)
        self._stop_asked = stop
        self._user = USERS[seed % len(USERS)]
        self._order_ids = deque([ORDER_ID], REMEMBERED)
        self._left: deque[websocket.WebSocket] = deque()
        self._marker = 0

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                self._visit()
            while self._left:
                self._collect()
        except BaseException as error:
            self.failure = error
            self._stop_asked.set()

    # -- one connection

    def _visit(self) -> None:
        if self._dice.random() < 0.1:
            self._knock()
            return
        client = self._connect()
        try:
            self._misbehave(client)
        except GONE:
            if self._signed_in:
                raise
            self._tally.note("left", "a stranger was closed for what they sent")
            client.socket.shutdown()
            return
        self._leave(client)

    def _misbehave(self, client: Client) -> None:
        for _ in range(self._dice.randint(1, 4)):
            act = self._dice.choice((self._mutations, self._mutations, self._mutations, self._pieces, self._below))
            act(client)
        if self._dice.random() < FLOODS:
            self._dice.choice((self._flood, self._pour_unread))(client)

    def _knock(self) -> None:
        """Something else than a handshake. The server may answer whatever it likes."""
        words = self._dice.choice((*HANDSHAKES, self._dice.randbytes(200)))
        self._tally.note("handshakes", "odd")
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._server.port), timeout=0.2) as door:
            door.sendall(words)
            door.recv(4_096)

    def _connect(self) -> Client:
        who = self._dice.choice(("stranger", "reader", "trader", "trader"))
        self._tally.note("connections", who)
        self._signed_in = who == "trader"
        if who == "trader":
            client = Client(self._server.ws, self._user, self._server.token(self._user))
        else:
            client = Client(self._server.ws, self._user if who == "reader" else None)
        client.send("subscribe", channels=["orderbook", "ticker"], instruments=INSTRUMENTS)
        client.until("subscribe_response", success=True)
        return client

    # -- what it does to it

    def _mutations(self, client: Client) -> None:
        """A burst of mutated frames, each of which must be answered."""
        expected = []
        for _ in range(self._dice.randint(1, BURST)):
            name, raw = self._mutated()
            self._tally.note("frames", name)
            client.socket.sock.sendall(frame(TEXT, raw))
            expected += self._due(raw)
        self._hear(client, expected)

    def _mutated(self, longest: int = LONGEST) -> tuple[str, bytes]:
        """A mutation's name and what it made, in the bytes of a text frame."""
        name, text = mutated(self._dice, tuple(self._order_ids))
        return name, text[:longest].encode(errors="replace")

    def _due(self, raw: bytes) -> list[tuple[set[str], RequestId]]:
        """The answer to a text, if there must be one. Whoever logs out is a stranger again."""
        answer = answer_to(raw.decode())
        if answer is None:
            return []
        self._signed_in = self._signed_in and "logout_response" not in answer[0]
        return [answer]

    def _pieces(self, client: Client) -> None:
        """Mutated frames in fragments, with control frames between them; and binary ones."""
        expected: list[tuple[set[str], RequestId]] = []
        for _ in range(self._dice.randint(1, 5)):
            raw = self._mutated()[1]
            if self._dice.random() < 0.2:
                self._tally.note("frames", "binary")
                client.socket.sock.sendall(frame(BINARY, raw))
                expected.append(({"error"}, None))
                continue
            self._tally.note("frames", "in pieces")
            client.socket.sock.sendall(in_pieces(self._dice, raw, self._dice.choice((b"", frame(PING, b"between")))))
            expected += self._due(raw)
        self._hear(client, expected)

    def _below(self, client: Client) -> None:
        name = self._dice.choice(list(SURVIVES))
        self._tally.note("below", name)
        client.socket.sock.sendall(SURVIVES[name](self._dice))
        self._hear(client, [])

    def _hear(self, client: Client, expected: Iterable[tuple[set[str], RequestId]]) -> None:
        """The answers of a burst, in order, and that of a ping behind them."""
        name = self._mark(client)
        for types, request_id in [*expected, ({"pong"}, name)]:
            answer = self._answer(client)
            right = types | {"error"} if answer.get("code") == Code.TOO_FAST else types
            if answer["type"] not in right or answer.get("request_id") != request_id:
                raise Broken(f"{sorted(right)} with the request id {request_id!r} was due, and came {answer}")
            if answer["type"] == "order_response" and answer["success"]:
                self._order_ids.append(answer["order_id"])

    def _mark(self, client: Client) -> str:
        """A ping whose answer tells that all before it have come."""
        self._marker += 1
        client.send("ping", request_id=f"marker {self._marker}")
        return f"marker {self._marker}"

    def _answer(self, client: Client) -> Frame:
        """The next answer; what is pushed in between is nobody's here."""
        while (answer := client.hear())["type"] not in ANSWER_TYPES:
            pass
        client.heard.clear()
        self._tally.note("answers", f"{answer['type']} {answer.get('error_code') or answer.get('code') or ''}".strip())
        return answer

    def _flood(self, client: Client) -> None:
        """More than the rate limit lets through, as fast as it goes. All of it is answered, but a stranger may be
        closed for it."""
        texts = [self._mutated(longest=300)[1] for _ in range(BURST)]
        due = sum(len(self._due(text)) for text in texts)
        self._tally.note("frames", "flood", FLOOD)
        pouring = threading.Thread(target=self._pour, args=(client, texts), daemon=True)
        pouring.start()
        for _ in range(due * (FLOOD // BURST)):
            self._answer(client)
        pouring.join()
        name = self._mark(client)
        while self._answer(client).get("request_id") != name:
            pass

    def _pour(self, client: Client, texts: list[bytes]) -> None:
        frames = b"".join(frame(TEXT, text) for text in texts)
        with suppress(*GONE):
            for _ in range(FLOOD // BURST):
                client.socket.sock.sendall(frames)

    def _pour_unread(self, client: Client) -> None:
        """As much as the server takes from somebody who does not read."""
        self._tally.note("frames", "flood, not read", FLOOD)
        client.socket.settimeout(0.3)
        self._pour(client, [self._mutated(longest=300)[1] for _ in range(BURST)])

    # -- how it goes

    def _leave(self, client: Client) -> None:
        ways: tuple[Callable[[websocket.WebSocket], object], ...] = (
            self._break,
            self._break,
            self._break,
            self._drop,
            self._reset,
            self._half_close,
            self._half_frame,
            self._abandon,
        )
        way = self._dice.choice(ways)
        self._tally.note("left", way.__name__.strip("_").replace("_", " "))
        with suppress(*GONE):
            way(client.socket)

    def _break(self, wire: websocket.WebSocket) -> None:
        name = self._dice.choice(list(ENDS))
        bytes_of, codes = ENDS[name]
        self._tally.note("below", name)
        wire.settimeout(PATIENCE)
        with suppress(OSError):
            wire.sock.sendall(bytes_of(self._dice))
        code = self._closed(wire)
        if code not in (*codes, DROPPED):
            raise Broken(f"{name}: closed with {code}, not with {codes}")
        wire.shutdown()

    def _drop(self, wire: websocket.WebSocket) -> None:
        wire.shutdown()

    def _reset(self, wire: websocket.WebSocket) -> None:
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.shutdown()

    def _half_close(self, wire: websocket.WebSocket) -> None:
        """Says nothing more, but listens."""
        wire.sock.shutdown(socket.SHUT_WR)
        wire.settimeout(PATIENCE)
        self._closed(wire)
        wire.shutdown()

    def _half_frame(self, wire: websocket.WebSocket) -> None:
        whole = frame(TEXT, self._mutated()[1])
        wire.sock.sendall(whole[: self._dice.randint(1, len(whole) - 1)])
        wire.shutdown()

    def _abandon(self, wire: websocket.WebSocket) -> None:
        """Neither reads nor closes. Who was abandoned long ago has been closed by the server, perhaps."""
        self._left.append(wire)
        if len(self._left) > ABANDONED:
            self._collect()

    def _collect(self) -> None:
        wire = self._left.popleft()
        wire.settimeout(0.05)
        with suppress(*GONE):
            self._closed(wire)
        wire.shutdown()

    def _closed(self, wire: websocket.WebSocket) -> int | str:
        """Read on to the end: the code that the server closes with."""
        code: int | str = DROPPED
        try:
            while (found := wire.recv_frame()).opcode != CLOSE:
                pass
            code = int.from_bytes(found.data[:2], "big") if found.data else NORMAL
        except TimeoutError:
            code = "still open"
        except websocket.WebSocketTimeoutException:
            code = "still open"
        except GONE:
            pass
        self._tally.note("closed", code)
        return code


def show(tally: Tally) -> Iterable[str]:
    """The tables as lines."""
    for table, counts in tally.counts.items():
        yield f"\n{table}"
        for name, times in sorted(counts.items()):
            yield f"  {name:40} {times:10,}"
