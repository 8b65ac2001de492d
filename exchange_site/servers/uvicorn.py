"""uvicorn: it writes every frame at once, so an order with its four frames is four system calls, each of which wakes
the client. Here a connection's frames of one turn of the event loop leave together. Measured: see "What helped" in
`docs/performance.md`.
"""

import asyncio
import sys
from importlib import import_module
from typing import Any


class GatheringTransport:
    """An asyncio transport that writes once a turn of the event loop; everything else is the transport's own."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def tune() -> None:
    """Change its default WebSocket protocol; other servers than uvicorn do not load it."""
    if "uvicorn" not in sys.modules:
        return
    protocol: Any = import_module("uvicorn.protocols.websockets.websockets_sansio_impl").WebSocketsSansIOProtocol
    connection_made = protocol.connection_made

    def gathering_connection_made(self: Any, transport: asyncio.Transport) -> None:
        connection_made(self, GatheringTransport(transport))

    protocol.connection_made = gathering_connection_made
