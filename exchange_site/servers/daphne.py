"""daphne, with autobahn and Twisted below it.

Words: autobahn paints three words in terminal colours for every frame it sends, for a debug line that is hardly ever
written. Measured: 8 to 10 % of the processor time of an order with its four frames. Plain words do.

Writes: Twisted asks the event loop whether a socket can be written, is told so a turn later, writes, and takes the
question back: three system calls and two turns where one of each will do. Here it tries first and asks when the socket
did not take everything. Measured: see "What helped" in `docs/performance.md`.

Bounds: daphne takes whatever an application sends and keeps it until the client has read it. Here `send` waits while a
client has more than a transport's buffer (64 KiB) to read, as uvicorn's does. Frames that wait for the application have
no bound either. Here a client that has sent `MOST_WAITING` is not read until most of them were handled. (A message of
more than 1 MiB closes the connection with 1009, by daphne's own rule.)

Handshakes: when a client asks for a WebSocket wrongly, daphne fails on the end of a connection that never began, with
a traceback in the log for everybody who cares to send one. Here nothing ends that did not begin.

Codes: a client that breaks the WebSocket protocol is told how (1002, 1007, 1009), where autobahn would hang up. And
autobahn lets applications close with 1000 and 3000 to 4999 only; 1011 (a failure of ours) and 1012 (the server stops)
are what RFC 6455 has for servers.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any

from exchange_site.servers.bounds import MOST_WAITING, bound_send_buffer
from exchange_site.servers.frames import text_frame

FEW_WAITING = 64
"""With so few a client is read again."""
LOOK_SECONDS = 0.01
"""Between looks whether a client that is not read has been caught up with."""


class Flow:
    """How the transport of a connection tells that its client has enough to read, as Twisted's push producer."""

    def __init__(self) -> None:
        self._room = asyncio.Event()
        self._room.set()
        self.full = False

    def pauseProducing(self) -> None:  # Twisted's name
        self.full = True
        self._room.clear()

    def resumeProducing(self) -> None:
        self.full = False
        self._room.set()

    stopProducing = resumeProducing
    """The connection is lost: nobody needs to wait any more."""

    async def room(self) -> None:
        await self._room.wait()


def stop_with(stop: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Let `stop` end before daphne does, when it is asked to end (SIGTERM, Ctrl-C): it would cancel all connections at
    once. Other servers have a lifespan for that."""
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is None or not reactor.running:
        return

    def asked(*_: object) -> None:
        reactor.callFromThread(begin)

    def begin() -> None:
        ending = reactor._asyncioEventloop.create_task(stop())
        ending.add_done_callback(lambda _: reactor.running and reactor.stop())

    for wish in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wish, asked)


def tune() -> None:
    """Change what is loaded; other servers than daphne load neither."""
    if "autobahn.twisted.websocket" in sys.modules:
        _leave_log_lines_unpainted()
    if "twisted.internet.asyncioreactor" in sys.modules:
        _write_at_once()
    if "daphne.server" in sys.modules:
        _close_with_any_code()
        _close_what_never_opened()
        _wait_for_readers()
        _bound_what_clients_send()


def _leave_log_lines_unpainted() -> None:
    for name in ("autobahn.websocket.protocol", "autobahn.twisted.websocket"):
        module = import_module(name)
        for painter in ("hltype", "hlval"):
            setattr(module, painter, _plain)


def _plain(value: object, *_: object, **__: object) -> object:
    return value


def _close_with_any_code() -> None:
    protocol: Any = import_module("daphne.ws_protocol").WebSocketProtocol

    def server_close(self: Any, code: int | None = None) -> None:
        self.sendCloseFrame(code=1000 if code is None else code)

    protocol.serverClose = server_close


def _close_what_never_opened() -> None:
    protocol: Any = import_module("daphne.ws_protocol").WebSocketProtocol
    on_close = protocol.onClose

    def closed(self: Any, *how: object) -> None:
        if hasattr(self, "server"):
            on_close(self, *how)

    protocol.onClose = closed


def _wait_for_readers() -> None:
    server: Any = import_module("daphne.server").Server
    protocol: Any = import_module("daphne.ws_protocol").WebSocketProtocol
    on_open, handle_reply = protocol.onOpen, server.handle_reply

    def opened(self: Any) -> None:
        self.flow = Flow()
        self.failByDrop = False
        bound_send_buffer(self.transport.getHandle())
        self.transport.unregisterProducer()
        self.transport.registerProducer(self.flow, True)
        on_open(self)

    async def reply(self: Any, protocol: Any, message: dict[str, Any]) -> None:
        """Texts are most of what is sent: they go the short way. (daphne compresses nothing.)"""
        if message["type"] != "websocket.send" or "text" not in message:
            await handle_reply(self, protocol, message)
        elif protocol.state == protocol.STATE_OPEN:
            protocol.transport.write(text_frame(message["text"]))
            if protocol.flow.full:
                await protocol.flow.room()

    protocol.onOpen, server.handle_reply = opened, reply


def _bound_what_clients_send() -> None:
    protocol: Any = import_module("daphne.ws_protocol").WebSocketProtocol
    on_message = protocol.onMessage

    def took(self: Any, payload: bytes, is_binary: bool) -> None:
        on_message(self, payload, is_binary)
        if self.application_queue.qsize() == MOST_WAITING:
            self.transport.pauseProducing()
            look(self)

    def look(self: Any) -> None:
        if self.application_queue.qsize() <= FEW_WAITING:
            self.transport.resumeProducing()
        else:
            asyncio.get_running_loop().call_later(LOOK_SECONDS, look, self)

    protocol.onMessage = took


def _write_at_once() -> None:
    reactor: Any = import_module("twisted.internet.reactor")
    loop, wait, forget = reactor._asyncioEventloop, reactor.addWriter, reactor.removeWriter
    trying: set[Any] = set()

    def add_writer(writer: Any) -> None:
        if writer not in trying:
            trying.add(writer)
            loop.call_soon(attempt, writer)

    def attempt(writer: Any) -> None:
        if writer in trying:
            reactor._readOrWrite(writer, False)
        if writer in trying:  # not everything was written, or it would not be here any more
            trying.discard(writer)
            wait(writer)

    def remove_writer(writer: Any) -> None:
        trying.discard(writer)
        forget(writer)

    reactor.addWriter, reactor.removeWriter = add_writer, remove_writer
