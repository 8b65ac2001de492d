"""Texts that take the short way in: the application gets what it would have got by the server's own parser."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Any, cast

import pytest
import uvicorn
from twisted.internet import testing
from twisted.internet.address import IPv4Address
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from exchange_site.servers import daphne_sockets
from exchange_site.servers import uvicorn as uvicorn_sockets
from exchange_site.servers.daphne import Server
from exchange_site.servers.frames import text_frame, text_frames, whole_texts

FIN, MASKED = 0x80, 0x80
CONTINUATION, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
Heard = list[dict[str, Any]]


def frame(
    payload: bytes, opcode: int = TEXT, *, fin: bool = True, key: bytes = b"\x01\xfe7\x80", flags: int = 0
) -> bytes:
    """As a client sends it."""
    size = len(payload)
    head = bytes((FIN * fin | flags | opcode,))
    if size < 126:
        head += bytes((MASKED | size,))
    elif size < 65_536:
        head += bytes((MASKED | 126,)) + size.to_bytes(2, "big")
    else:
        head += bytes((MASKED | 127,)) + size.to_bytes(8, "big")
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


@pytest.mark.parametrize("size", [0, 1, 3, 4, 125, 126, 4_000, 65_535])
def test_a_whole_text_is_read(size: int) -> None:
    text = "é" * (size // 2) + "x" * (size % 2)
    assert whole_texts(frame(text.encode()) + frame(b"next") + b"\x81") == ([text, "next"], b"\x81")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 1_023, 1_024, 65_535, 65_536])
def test_a_text_is_written_as_the_library_writes_it(size: int) -> None:
    expected = Frame(Opcode.TEXT, b"x" * size).serialize(mask=False)
    assert text_frames(["x" * size, "next"]) == expected + text_frame("next")


def test_a_text_that_many_are_sent_is_framed_once_and_the_next_one_is_its_own() -> None:
    first, other = "x" * 200, "y" * 200
    frame_of_first = text_frame(first)
    assert text_frame(first) is frame_of_first
    assert text_frame(other)[4:] == other.encode()
    assert text_frame("") == b"\x81\x00"
    assert text_frame(first) == frame_of_first == b"\x81\x7e\x00\xc8" + first.encode()


OTHERS = {
    "a part of a head": frame(b"x" * 300)[:5],
    "a part of a payload": frame(b"x" * 300)[:-1],
    "a part of a text without one": frame(b"")[:5],
    "more than 65,535 bytes": frame(b"x" * 65_536),
    "a first fragment": frame(b"x", fin=False),
    "a last fragment": frame(b"x", CONTINUATION),
    "bytes": frame(b"x", BINARY),
    "a ping": frame(b"x", PING),
    "a close": frame(b"\x03\xe8", CLOSE),
    "a compressed text": frame(b"x", flags=0x40),
    "a text that is not masked": text_frame("x" * 20),
    "a long text that is not masked": text_frame("x" * 200),
    "no UTF-8": frame(b"\xff\xfe"),
    "half a surrogate": frame(b"\xed\xa0\x80"),
    "a size in more bytes than it needs": bytes((0x81, MASKED | 126, 0, 5)) + bytes(4) + b"hello",
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS.keys())
def test_what_is_anything_else_is_left(data: bytes) -> None:
    assert whole_texts(data) == ([], data)
    assert whole_texts(frame(b"before") + data) == (["before"], data)


@pytest.mark.parametrize("data", [data for name, data in OTHERS.items() if "part" not in name])
def test_nothing_overtakes_it(data: bytes) -> None:
    assert whole_texts(data + frame(b"after")) == ([], data + frame(b"after"))


# --- against the servers' own parsers


class Transport:
    """Takes what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closing = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str) -> None:
        return None

    def pause_reading(self) -> None: ...

    resume_reading = pause_reading


class Uvicorn:
    """A socket of uvicorn that is open."""

    def __init__(self, most: int = 1_048_576) -> None:
        config = uvicorn.Config(_application, log_config=None, ws_max_size=most, ws_per_message_deflate=False)
        self.protocol: Any = uvicorn_sockets.WebSocketProtocol(config, ServerState(), {})
        self.transport = Transport()
        self.protocol.connection_made(self.transport)
        self.protocol.data_received(HANDSHAKE)
        self.long_way = super(uvicorn_sockets.WebSocketProtocol, self.protocol).data_received

    async def opened(self) -> None:
        while not self.protocol.handshake_complete:
            await asyncio.sleep(0)

    @property
    def written(self) -> bytes:
        return self.transport.written

    def forbid_long_way(self) -> None:
        self.protocol.conn.receive_data = _never

    def heard(self) -> Heard:
        queue: asyncio.Queue[Any] = self.protocol.queue
        return [queue.get_nowait() for _ in range(queue.qsize())]


class Daphne:
    """A socket of daphne that is open."""

    def __init__(self) -> None:
        server = Server(_application, endpoints=["tcp:port=0"])
        server.ws_factory = None
        self.protocol: Any = server.ws_factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        self.transport: Any = cast(Any, testing).StringTransport()
        self.protocol.makeConnection(self.transport)
        self.protocol.application_queue = asyncio.Queue()
        self.protocol.state = self.protocol.STATE_OPEN
        self.protocol.websocket_version = 13
        self.protocol.inside_message = False
        self.protocol.current_frame = None
        self.protocol.client_addr = None
        self.protocol.flow = daphne_sockets.Flow()
        self.transport.registerProducer(self.protocol.flow, True)
        self.long_way = self.protocol._dataReceived

    async def opened(self) -> None: ...

    @property
    def written(self) -> bytes:
        return bytes(self.transport.value())

    def forbid_long_way(self) -> None:
        self.protocol._dataReceived = _never

    def heard(self) -> Heard:
        queue: asyncio.Queue[Any] = self.protocol.application_queue
        return [queue.get_nowait() for _ in range(queue.qsize())]


async def _application(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    with suppress(asyncio.CancelledError):
        await asyncio.get_running_loop().create_future()


WITHIN = (
    frame(frame(b"inside"), BINARY, key=bytes(4)),
    frame(frame(b"inside"), PING, key=bytes(4)),
    frame(b"x", key=b"\x80abc"),
)
"""Frames that look like a text from a byte on that is not their first."""
ENDS = [[data] for name, data in OTHERS.items() if name != "more than 65,535 bytes"]
ENDS.append([frame(b"one", fin=False), frame(b"a new text")])


def stream(dice: random.Random) -> list[bytes]:
    """Frames of a client, none of them wrong."""
    parts: list[bytes] = []
    for _ in range(60):
        key = dice.randbytes(4)
        text = dice.choice((b"", b'{"type":"ping"}', "价格".encode() * 30, b"x" * 200, b"y" * 3_000))
        match dice.randrange(8):
            case 0:
                parts += [frame(b"one ", fin=False, key=key), frame(b"p", PING), frame(text, CONTINUATION, key=key)]
            case 1:
                parts.append(frame(text, BINARY, key=key))
            case 2:
                parts.append(frame(b"alive?", PING, key=key))
            case 3:
                parts.append(dice.choice(WITHIN))
            case _:
                parts.append(frame(text, key=key))
    return parts


def cut(parts: list[bytes], dice: random.Random) -> list[bytes]:
    """As the network may: in frames and anywhere, several together or not."""
    pieces = [b""]
    for part in parts:
        at = dice.choice((0, 1, 2, 6, 8, len(part) // 2))
        for piece in (part[:at], part[at:]):
            if dice.random() < 0.4:
                pieces[-1] += piece
            else:
                pieces.append(piece)
    return [piece for piece in pieces if piece]


def told(events: Heard) -> Heard:
    """Fragments make one message, whatever they are kept as."""
    return [{**event, "bytes": bytes(event["bytes"])} if event.get("bytes") is not None else event for event in events]


@pytest.mark.parametrize("kind", [Uvicorn, Daphne])
@pytest.mark.parametrize("seed", range(40))
async def test_an_application_hears_the_same_by_both_ways(kind: type[Uvicorn | Daphne], seed: int) -> None:
    dice = random.Random(seed)
    pieces = cut(stream(dice), dice)
    pieces += dice.choice(ENDS)  # in pieces of their own: uvicorn forgets what came in the same one before
    short, long = kind(), kind()
    await short.opened()
    await long.opened()
    for piece in pieces:
        short.protocol.feed(piece)
        long.long_way(piece)
    await asyncio.sleep(0)
    heard = told(short.heard())
    assert heard == told(long.heard())
    assert len(heard) > 40
    assert short.written == long.written


@pytest.mark.parametrize("kind", [Uvicorn, Daphne])
async def test_the_servers_parser_does_not_see_whole_texts(kind: type[Uvicorn | Daphne]) -> None:
    """Or the short way is not taken, and nobody would notice but those who wait."""
    socket = kind()
    await socket.opened()
    socket.forbid_long_way()
    socket.protocol.feed(frame(b"one") + frame(b"two"))
    assert [event["text"] for event in socket.heard()] == ["one", "two"]


@pytest.mark.parametrize("kind", [Uvicorn, Daphne])
async def test_who_hears_at_once_hears_whatever_nothing_waits_before(kind: type[Uvicorn | Daphne]) -> None:
    """What is received by ASGI is overtaken by nothing."""
    socket = kind()
    await socket.opened()
    asked: list[str] = []

    def hear(text: str) -> bool:
        asked.append(text)
        return text.startswith("order")

    socket.protocol.hear = hear
    socket.protocol.feed(frame(b"order 1") + frame(b"ask") + frame(b"order 2"))
    socket.protocol.feed(frame(b"order 3"))
    assert asked == ["order 1", "ask"]
    assert [event["text"] for event in socket.heard()] == ["ask", "order 2", "order 3"]
    socket.protocol.feed(frame(b"order 4"))
    assert asked[2:] == ["order 4"] and socket.heard() == []


async def test_a_size_that_an_operator_has_chosen_for_uvicorn_holds() -> None:
    socket = Uvicorn(most=100)
    await socket.opened()
    socket.protocol.feed(frame(b"x" * 101))
    assert [event["type"] for event in socket.heard()] == ["websocket.disconnect"]
    assert socket.transport.closing


def _never(data: bytes) -> None:
    raise AssertionError("the library was asked")
