"""The attacks, each a coroutine over plain sockets that sends as fast as the server reads: `python -m
tests.attack.attacks NAME PORT SECONDS` prints what became of its connections as JSON. Loopback only, and it ends by
itself."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

UPGRADE = (
    b" HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
MIB = 2**20
MASK = b"\0\0\0\0"
PING, TEXT, FIRST, CONTINUED = 0x89, 0x81, 0x01, 0x00
BLOCK = 65_536
"""Bytes that are written at once."""
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8\r\n"


def frame(first: int, payload: bytes = b"") -> bytes:
    """A masked frame of a client."""
    size = len(payload)
    if size < 126:
        return bytes((first, 0x80 | size)) + MASK + payload
    if size < 65_536:
        return bytes((first, 0xFE)) + size.to_bytes(2, "big") + MASK + payload
    return bytes((first, 0xFF)) + size.to_bytes(8, "big") + MASK + payload


def block(one: bytes) -> bytes:
    """As many as fill a write."""
    return one * max(1, BLOCK // len(one))


class Attack:
    """Connections against one port until the time is up, and how they ended."""

    def __init__(self, port: int, seconds: float) -> None:
        self.port = port
        self.until = time.monotonic() + seconds
        self.ends: Counter[str] = Counter()
        self.sent = 0

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    async def many(self, count: int, one: Callable[[int], Awaitable[None]]) -> None:
        async def again(number: int) -> None:
            while self.goes_on:
                try:
                    await asyncio.wait_for(one(number), self.until - time.monotonic() + 1)
                except TimeoutError:
                    self.ends["open at the end"] += 1
                except (OSError, EOFError, ValueError):
                    self.ends["lost"] += 1
                    await asyncio.sleep(0.02)

        await asyncio.gather(*(again(number) for number in range(count)))

    async def socket(
        self, extra: bytes = b"", path: bytes = b"/ws"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A WebSocket; ValueError when the handshake is refused."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET " + path + UPGRADE + extra + b"\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head:
            writer.close()
            self.ends[f"refused {head.split()[1].decode()}"] += 1
            raise ValueError(head)
        return reader, writer

    async def pour(self, data: Iterator[bytes], extra: bytes = b"", *, reads: bool = True) -> None:
        """One connection that writes and, unless it is deaf, reads."""
        reader, writer = await self.socket(extra)
        reading = asyncio.ensure_future(self._read(reader)) if reads else None
        try:
            for piece in data:
                if not self.goes_on or (reading is not None and reading.done()):
                    break
                writer.write(piece)
                self.sent += len(piece)
                await drained(writer)
            if reading is not None and self.goes_on:
                self.ends[await reading] += 1
        except OSError:
            self.ends["reset"] += 1
        finally:
            if reading is not None:
                reading.cancel()
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> str:
        """Until the server closes; with which code, as far as the last bytes tell."""
        last = b""
        with suppress(OSError):
            while data := await reader.read(BLOCK):
                last = (last + data)[-130:]
        at = last.rfind(b"\x88")
        return f"closed {int.from_bytes(last[at + 2 : at + 4], 'big')}" if at >= 0 else "closed"

    async def http(self, request: bytes, body: Iterator[bytes] = iter(())) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answering = asyncio.ensure_future(reader.readline())
        try:
            writer.write(request)
            for piece in body:
                if not self.goes_on or answering.done():
                    break
                writer.write(piece)
                self.sent += len(piece)
                await drained(writer)
            status = await answering
            self.ends[f"status {status.split()[1].decode()}" if status else "closed"] += 1
        finally:
            answering.add_done_callback(lambda done: done.cancelled() or done.exception())
            answering.cancel()
            writer.transport.abort()


async def drained(writer: asyncio.StreamWriter) -> None:
    """Until it may write on. Whoever stops waiting because the time is up leaves nothing behind that fails unseen."""
    draining = asyncio.ensure_future(writer.drain())
    draining.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.wait({draining})
    draining.result()


def endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def bomb() -> bytes:
    """16 MiB of zeros in 16 KiB."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (pack.compress(b"0" * 16 * MIB) + pack.flush(zlib.Z_SYNC_FLUSH))[:-4]


def fragments() -> Iterator[bytes]:
    yield frame(FIRST, b"{")
    yield from endless(block(frame(CONTINUED)))


def post(path: str, length: int, extra: str = "") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
        f"{extra}\r\n"
    ).encode()


async def pings(attack: Attack) -> None:
    await attack.many(1, lambda _: attack.pour(endless(block(frame(PING)))))


async def deaf_pings(attack: Attack) -> None:
    await attack.many(10, lambda _: attack.pour(endless(block(frame(PING, b"x" * 100))), reads=False))


async def empty_fragments(attack: Attack) -> None:
    await attack.many(1, lambda _: attack.pour(fragments()))


async def nothings(attack: Attack) -> None:
    await attack.many(200, lambda _: attack.pour(endless(block(frame(TEXT, b"{}")))))


async def bombs(attack: Attack) -> None:
    packed = frame(0xC1, bomb())
    await attack.many(4, lambda _: attack.pour(endless(packed), DEFLATE))


async def large_frames(attack: Attack) -> None:
    await attack.many(10, lambda _: attack.pour(endless(frame(TEXT, b" " * (MIB - 20)))))


async def connects(attack: Attack) -> None:
    async def one(_: int) -> None:
        _reader, writer = await attack.socket()
        attack.ends["opened"] += 1
        writer.transport.abort()

    await attack.many(20, one)


async def bodies(attack: Attack) -> None:
    async def one(number: int) -> None:
        if number % 2:
            await attack.http(post("/session", 300 * MIB), endless(b"x" * BLOCK))
        else:
            chunked = b"POST /session HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            await attack.http(chunked, endless(b"10000\r\n" + b"x" * BLOCK + b"\r\n"))

    await attack.many(10, one)


async def half_requests(attack: Attack) -> None:
    async def one(_: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", attack.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        while attack.goes_on and not reader.at_eof():
            writer.write(b"x")
            await asyncio.sleep(0.5)
        attack.ends["closed" if reader.at_eof() else "open at the end"] += 1
        writer.transport.abort()

    await attack.many(200, one)


async def pages(attack: Attack) -> None:
    await attack.many(50, lambda _: attack.http(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))


async def passwords(attack: Attack) -> None:
    """From many addresses, as the proxy in front says, each with the cookie that a page would have given it."""

    async def one(number: int) -> None:
        body = json.dumps({"user_id": f"stranger{time.monotonic_ns()}", "password": "wrong"}).encode()
        secret = "a" * 32
        forwarded = f"X-Forwarded-For: 10.{time.monotonic_ns() // 1_000 % 250}.{time.monotonic_ns() % 250}.{number}\r\n"
        forwarded += f"Cookie: csrftoken={secret}\r\nX-CSRFToken: {secret}\r\n"
        await attack.http(post("/session", len(body), forwarded) + body)

    await attack.many(40, one)


async def tokens(attack: Attack) -> None:
    guess = json.dumps({"type": "auth", "user_id": "user002", "token": "0" * 64}).encode()
    await attack.many(8, lambda _: attack.pour(endless(block(frame(TEXT, guess)))))


async def idle_crowd(attack: Attack) -> None:
    async def one(_: int) -> None:
        reader, writer = await attack.socket()
        await attack._read(reader)
        attack.ends["closed"] += 1
        writer.transport.abort()

    await attack.many(1_200, one)


async def charts(attack: Attack) -> None:
    """Market data as DIFF has it, which anybody may ask for: as many charts as a connection may have, of bars that are
    made from trades."""
    asked = [
        {"aid": "set_chart", "chart_id": f"c{number}", "ins_list": "CFFEX.IX2301", "duration": number * 1_000_000_000,
         "view_width": 10_000}
        for number in range(1, 65)
    ]  # fmt: skip
    peek = frame(TEXT, b'{"aid":"peek_message"}')

    async def one(_: int) -> None:
        reader, writer = await attack.socket(path=b"/diff/md")
        try:
            writer.write(b"".join(frame(TEXT, json.dumps(each).encode()) for each in asked))
            while attack.goes_on and not reader.at_eof():
                writer.write(peek)
                await reader.read(BLOCK)
            attack.ends["closed" if reader.at_eof() else "open at the end"] += 1
        finally:
            writer.transport.abort()

    await attack.many(40, one)


ATTACKS = {
    each.__name__: each
    for each in (
        pings, deaf_pings, empty_fragments, nothings, bombs, large_frames, connects, bodies, half_requests, pages,
        passwords, tokens, idle_crowd, charts,
    )
}  # fmt: skip


def main() -> None:
    name, port, seconds = sys.argv[1:]
    attack = Attack(int(port), float(seconds))
    asyncio.run(ATTACKS[name](attack))
    print(json.dumps({"sent": attack.sent, "ends": attack.ends}))


if __name__ == "__main__":
    main()
