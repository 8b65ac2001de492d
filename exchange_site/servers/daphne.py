"""daphne, with autobahn and Twisted below it, as the server that its command starts here.

The start line names the application only. daphne imports it before it makes its server, so the application says which
server that is (`CommandLineInterface.server_class`); everything else is subclasses. Those of requests are in
`daphne_requests.py`, those of sockets in `daphne_sockets.py`.

Way in: see `intake`. Whole texts go the short way. Compression that a client offers is declined (RFC 7692, section
5.1), where autobahn answers some valid offers with 400. Bodies are bounded as they come, where Twisted would write them
to the disk first; a head that is too long is told so; a request must be there within `REQUEST_SECONDS`, and the next
one of its connection waits until it is answered.

Way out: daphne takes whatever an application sends and keeps it until the client has read it. Here `send` waits while a
client has more than a transport's buffer (64 KiB) to read, as uvicorn's does; texts, which are most of what is sent,
go the short way. Pings of a client that reads nothing are not answered.

Ends: a client that breaks the WebSocket protocol is told how (1002, 1007, 1009), where autobahn would hang up, and what
was said last is written before the connection ends, where it would be reset. autobahn lets applications close with 1000
and 3000 to 4999 only; 1011 (a failure of ours) and 1012 (the server stops) are what RFC 6455 has for servers. The
application starts with the server and ends before its connections are cut (ASGI's lifespan, which daphne does not
speak): the market goes on, and its day is settled, whether anybody connects or not. When a client asks for a WebSocket
wrongly, daphne fails on the end of a connection that never began; here nothing ends that did not begin. No connection
is too old (daphne's is after a day), and a clock that is set changes nothing: silence is judged by the heartbeat alone.

Writes: Twisted asks the event loop whether a socket can be written, is told so a turn later, writes, and takes the
question back: three system calls and two turns where one of each will do. Here it tries first and asks when the socket
did not take everything. Measured: see "What helped" in `docs/performance.md`. This changes the reactor's own methods:
daphne installs the reactor before it imports the application, so there is no place for another one.
"""

import asyncio
import logging
import signal
import sys
from typing import Any

from daphne.access import AccessLogGenerator
from daphne.cli import CommandLineInterface
from daphne.server import Server as DaphneServer

from exchange_site.servers.bounds import open_files
from exchange_site.servers.daphne_requests import HttpFactory
from exchange_site.servers.daphne_sockets import WebSocketFactory
from exchange_site.servers.frames import text_frame
from trading.access.way_in import EXTENSION as TRUST
from trading.websocket.server_line import EXTENSION

AGE_OF_DAPHNE = 86_400
"""Its default of `--websocket_timeout`."""
TAKEN_IN_A_TURN = 50
"""Connections; Twisted takes more and more in a turn while many wait."""
BACKLOG = 2_048
"""Connections that wait to be taken in. Twisted has 50: the system drops who comes then, and they try again after one
second, three and seven, so that a crowd of strangers kept whoever wanted to sign in waiting."""

logger = logging.getLogger(__name__)
request_log = logging.getLogger("exchange_site.requests")


class AccessLog(AccessLogGenerator):  # type: ignore[misc]
    """Requests are lines of our log, where daphne writes them to the standard output. A file that somebody has named
    stays theirs. What follows a `?` is written nowhere."""

    def write_entry(self, host: Any, date: Any, request: Any, status: Any = None, length: Any = None) -> None:
        request = request.partition("?")[0]
        if self.stream is sys.stdout:
            request_log.info('%s "%s" %s %s', host, request, status or "-", length or "-")
        else:
            super().write_entry(host, date, request, status, length)


class Lifespan:
    """The server's side of ASGI's lifespan: the application is told that the server begins, and that it ends."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._running: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._told.put_nowait({"type": "lifespan.startup"})
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def end(self) -> None:
        """Until the application has ended."""
        self._told.put_nowait({"type": "lifespan.shutdown"})
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        try:
            await self._application({"type": "lifespan"}, self._told.get, self._hear)
        except Exception:
            logger.exception("the application ended, and its server with it")
            _reactor().stop()

    async def _hear(self, message: dict[str, Any]) -> None:
        """What it answers changes nothing: a market that is not ready says so itself."""


def with_backlog(description: str) -> str:
    """Where Twisted shall listen, and how many may wait there. What somebody has chosen stays theirs."""
    chosen = not description.startswith(("tcp:", "ssl:")) or ":backlog=" in description
    return description if chosen else f"{description}:backlog={BACKLOG}"


def take_few(port: Any) -> None:
    """In a turn: to take in all that wait would be a pause for everybody else."""
    read = port.doRead

    def read_few() -> None:
        port.numberAccepts = min(port.numberAccepts, TAKEN_IN_A_TURN)
        read()

    port.doRead = read_few


class Server(DaphneServer):  # type: ignore[misc]
    """daphne's own `run` makes the factories; whatever it makes, these are taken."""

    def __init__(self, *arguments: Any, action_logger: Any = None, **options: Any) -> None:
        if options.get("websocket_timeout") == AGE_OF_DAPHNE:
            options["websocket_timeout"] = -1
        log = None if action_logger is None else AccessLog(action_logger.stream)
        options["endpoints"] = [with_backlog(description) for description in options.get("endpoints") or ()]
        super().__init__(*arguments, action_logger=log, **options)
        self._lifespan = Lifespan(self.application)
        open_files.allow_most(TAKEN_IN_A_TURN)

    def listen_success(self, port: Any) -> None:
        take_few(port)
        super().listen_success(port)

    def run(self) -> None:
        _reactor().callLater(0, self._begin)
        super().run()

    def _begin(self) -> None:
        """In the first turn of the loop, when Twisted has its own signal handlers in place."""
        self._lifespan.begin()

        def asked(*_: object) -> None:
            _reactor().callFromThread(self._end)

        for wish in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wish, asked)

    def _end(self) -> None:
        ending = asyncio.get_running_loop().create_task(self._lifespan.end())
        ending.add_done_callback(lambda _: _reactor().running and _reactor().stop())

    @property
    def http_factory(self) -> HttpFactory:
        return self._http_factory

    @http_factory.setter
    def http_factory(self, _: object) -> None:
        self._http_factory = HttpFactory(self)

    @property
    def ws_factory(self) -> WebSocketFactory:
        return self._ws_factory

    @ws_factory.setter
    def ws_factory(self, _: object) -> None:
        self._ws_factory = WebSocketFactory(self, server=self.server_name)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        scope["extensions"] = {EXTENSION: protocol} if scope["type"] == "websocket" else {TRUST: protocol.trust}
        return super().create_application(protocol, scope)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Texts wait for room and go the short way. (daphne compresses nothing.)"""
        if message["type"] != "websocket.send" or "text" not in message:
            await super().handle_reply(protocol, message)
            return
        if protocol.flow.full:
            await protocol.flow.room()
        if protocol.state == protocol.STATE_OPEN:
            protocol.transport.write(text_frame(message["text"]))


def tune() -> None:
    """Be the server that daphne's command starts. Under other servers nobody asks for it."""
    CommandLineInterface.server_class = Server
    _write_at_once(_reactor())


def _reactor() -> Any:
    return sys.modules["twisted.internet.reactor"]


def _write_at_once(reactor: Any) -> None:
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
