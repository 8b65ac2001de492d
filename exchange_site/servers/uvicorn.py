"""uvicorn: it writes every frame at once, so an order with its four frames is four system calls, each of which wakes
the client. Here a connection's frames of one turn of the event loop leave together. It also stops reading a client at
every frame that the application has not taken yet, and begins again: two more system calls. Here it stops when
`MOST_WAITING` wait. Measured: see "What helped" in `docs/performance.md`.

A text that is not UTF-8 is the client's fault, and is answered by closing with 1007; uvicorn logs it as an error of
ours, with a traceback. Here it is silent.

A connection that is closed while its client does not read would wait for it for ever; here it is dropped after a while.
"""

import asyncio
import logging
import sys
from importlib import import_module
from typing import Any

from exchange_site.servers.bounds import MOST_WAITING, bound_send_buffer
from exchange_site.servers.frames import text_frame

NOT_UTF8 = "Invalid UTF-8 sequence received from client."
DROP_SECONDS = 5.0
"""How long a client may take for what is left when its connection is closed."""


class GatheringTransport:
    """An asyncio transport that writes once a turn of the event loop, and does not stop reading at every frame;
    everything else is the transport's own."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._stopped = False
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def pause_reading(self) -> None:
        """Asked for at every frame: `stop_reading` is for when it matters."""

    def stop_reading(self) -> None:
        if not self._stopped and not self._transport.is_closing():
            self._stopped = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._stopped:
            self._stopped = False
            self._transport.resume_reading()

    def close(self) -> None:
        self._flush()
        self._transport.close()
        self._loop.call_later(DROP_SECONDS, self._transport.abort)

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
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg != NOT_UTF8)
    protocol: Any = import_module("uvicorn.protocols.websockets.websockets_sansio_impl").WebSocketsSansIOProtocol
    connection_made = protocol.connection_made

    def gathering_connection_made(self: Any, transport: asyncio.Transport) -> None:
        bound_send_buffer(transport.get_extra_info("socket"))
        connection_made(self, GatheringTransport(transport))

    protocol.connection_made = gathering_connection_made
    _send_texts_the_short_way(protocol)
    _read_on_while_few_wait(protocol)


def _send_texts_the_short_way(protocol: Any) -> None:
    """Where nothing is compressed and the connection is open: what is left to do there is to write the frame."""
    send, is_open = protocol.send, import_module("websockets.protocol").OPEN

    async def sent(self: Any, message: dict[str, Any]) -> None:
        text = message.get("text")
        if text is None or not self.handshake_complete or self.conn.extensions or self.conn.state is not is_open:
            await send(self, message)
            return
        if not self.writable.is_set():
            await self.writable.wait()
        self.transport.write(text_frame(text))

    protocol.send = sent


def _read_on_while_few_wait(protocol: Any) -> None:
    give_to_app = protocol.send_receive_event_to_app

    def given(self: Any) -> None:
        give_to_app(self)
        if self.queue.qsize() >= MOST_WAITING:
            self.transport.stop_reading()

    protocol.send_receive_event_to_app = given
