"""A WebSocket client that costs as little as Python allows, so that the server is what is measured."""

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable

HOST = "127.0.0.1"
HEADERS_END = b"\r\n\r\n"


class Wire(asyncio.Protocol):
    """One connection. `on_text` gets every text frame as bytes. Frames are masked with a zero key, which is legal."""

    def __init__(self, path: str, on_text: Callable[[bytes], None]) -> None:
        self._path = path
        self.on_text = on_text
        self._buffer = bytearray()
        self.open = asyncio.get_running_loop().create_future()
        self.closed = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(cls, port: int, path: str, on_text: Callable[[bytes], None]) -> "Wire":
        """To a port of this machine."""
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(lambda: cls(path, on_text), HOST, port)
        await wire.open
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        key = b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(error)

    def send(self, text: bytes) -> None:
        size = len(text)
        head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE, size >> 8, size & 255))
        self.transport.write(head + b"\0\0\0\0" + text)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self.open.done() and not self._handshake(buffer):
            return
        at, end = 0, len(buffer)
        while end - at >= 2:
            size, head = buffer[at + 1], 2
            if size == 126:
                if end - at < 4:
                    break
                size, head = int.from_bytes(buffer[at + 2 : at + 4], "big"), 4
            elif size == 127:
                if end - at < 10:
                    break
                size, head = int.from_bytes(buffer[at + 2 : at + 10], "big"), 10
            if end - at < head + size:
                break
            if buffer[at] & 15 == 1:
                self.on_text(bytes(buffer[at + head : at + head + size]))
            at += head + size
        del buffer[:at]

    def _handshake(self, buffer: bytearray) -> bool:
        if HEADERS_END not in buffer:
            return False
        head, _, rest = bytes(buffer).partition(HEADERS_END)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())
        buffer[:] = rest
        self.open.set_result(None)
        return True

    def close(self) -> None:
        self.transport.close()
