"""daphne, with autobahn and Twisted below it.

Words: autobahn paints three words in terminal colours for every frame it sends, for a debug line that is hardly ever
written. Measured: 8 to 10 % of the processor time of an order with its four frames. Plain words do.

Writes: Twisted asks the event loop whether a socket can be written, is told so a turn later, writes, and takes the
question back: three system calls and two turns where one of each will do. Here it tries first and asks when the socket
did not take everything. Measured: see "What helped" in `docs/performance.md`.

Codes: autobahn lets applications close with 1000 and 3000 to 4999 only; 1011 (a failure of ours) and 1012 (the server
stops) are what RFC 6455 has for servers.
"""

import signal
import sys
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any


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
    if "daphne.ws_protocol" in sys.modules:
        _close_with_any_code()


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
