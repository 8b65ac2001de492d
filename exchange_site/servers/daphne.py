"""daphne, with autobahn and Twisted below it, as the server that its command starts here.

The start line names the application only. daphne imports it before it makes its server, so the application says which
server that is (`CommandLineInterface.server_class`); everything else is subclasses.

Way in: see `intake`. Compression that a client offers is declined (RFC 7692, section 5.1), where autobahn answers some
valid offers with 400. Bodies are bounded as they come, where Twisted would write them to the disk first; a head that is
too long is told so; a request must be there within `REQUEST_SECONDS`, and the
next one of its connection waits until it is answered.

Way out: daphne takes whatever an application sends and keeps it until the client has read it. Here `send` waits while a
client has more than a transport's buffer (64 KiB) to read, as uvicorn's does; texts, which are most of what is sent,
go the short way. Pings of a client that reads nothing are not answered.

Ends: a client that breaks the WebSocket protocol is told how (1002, 1007, 1009), where autobahn would hang up. autobahn
lets applications close with 1000 and 3000 to 4999 only; 1011 (a failure of ours) and 1012 (the server stops) are what
RFC 6455 has for servers. The application starts with the server and ends before its connections are cut (ASGI's
lifespan, which daphne does not speak): the market goes on, and its day is settled, whether anybody connects or not.
When a client asks for a WebSocket wrongly, daphne fails on the end of a connection that never began; here nothing ends
that did not begin. No connection is too old (daphne's is after a day), and a clock that is set changes nothing: silence
is judged by the heartbeat alone.

Writes: Twisted asks the event loop whether a socket can be written, is told so a turn later, writes, and takes the
question back: three system calls and two turns where one of each will do. Here it tries first and asks when the socket
did not take everything. Measured: see "What helped" in `docs/performance.md`. This changes the reactor's own methods:
daphne installs the reactor before it imports the application, so there is no place for another one.
"""

import asyncio
import logging
import signal
import sys
import time
from functools import partial
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from daphne.access import AccessLogGenerator
from daphne.cli import CommandLineInterface
from daphne.http_protocol import HTTPFactory as DaphneHttpFactory
from daphne.http_protocol import WebRequest as DaphneWebRequest
from daphne.server import Server as DaphneServer
from daphne.ws_protocol import WebSocketFactory as DaphneWebSocketFactory
from daphne.ws_protocol import WebSocketProtocol as DaphneWebSocketProtocol

from exchange_site.security.request_bounds import BODY_BYTES
from exchange_site.servers import intake
from exchange_site.servers.bounds import (
    BODY_TOO_LARGE,
    FEW_WAITING,
    LINGER_SECONDS,
    MOST_WAITING,
    NO_ROOM,
    REQUEST_SECONDS,
    TOO_SLOW,
    Head,
    bound_send_buffer,
    open_files,
)
from exchange_site.servers.frames import pong_frame, text_frame
from trading.websocket.server_line import EXTENSION, Listener

AGE_OF_DAPHNE = 86_400
"""Its default of `--websocket_timeout`."""
TAKEN_IN_A_TURN = 50
"""Connections; Twisted takes more and more in a turn while many wait."""
BACKLOG = 2_048
"""Connections that wait to be taken in. Twisted has 50: the system drops who comes then, and they try again after one
second, three and seven, so that a crowd of strangers kept whoever wanted to sign in waiting."""
FLOODED = 1008
"""Close code of RFC 6455: a policy was violated."""

logger = logging.getLogger(__name__)
request_log = logging.getLogger("exchange_site.requests")


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


class WebSocketProtocol(DaphneWebSocketProtocol):  # type: ignore[misc]  # daphne has no types
    """A socket; to the application it is the `ServerLine` of its scope."""

    listener: Listener | None = None
    _asked = _resting = False

    # -- in

    def connectionMade(self) -> None:
        self.intake = intake.Intake(self)
        self._began = time.monotonic()
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        if self.listener is not None:
            self.listener.heard_at = asyncio.get_running_loop().time()
        if self._asked:
            self.intake.receive(data)
        else:  # the handshake has had its turn as a request
            self._asked = True
            self._dataReceived(data)

    def feed(self, data: bytes) -> None:
        self._dataReceived(data)

    def takes_more(self) -> bool:
        if self.state == self.STATE_CONNECTING:
            return False
        waiting = self.application_queue.qsize()
        self._resting = waiting >= MOST_WAITING or (self._resting and waiting > FEW_WAITING)
        return not self._resting

    def stop_reading(self) -> None:
        self.transport.pauseProducing()

    def resume_reading(self) -> None:
        self.transport.resumeProducing()

    def flooded(self) -> None:
        logger.warning("%s floods: closed", self.peer)
        self.sendCloseFrame(code=FLOODED, reasonUtf8=b"Flooding")
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self.transport.abortConnection)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.intake.turns.cost += intake.FRAME_COST
        super().onMessage(payload, isBinary)

    def onPing(self, payload: bytes) -> None:
        if not self.flow.full:
            self.transport.write(pong_frame(payload))

    # -- out

    def onOpen(self) -> None:
        self.flow = Flow()
        bound_send_buffer(self.transport.getHandle())
        self.transport.unregisterProducer()
        self.transport.registerProducer(self.flow, True)
        super().onOpen()

    def send_text(self, text: str) -> bool:
        if self.flow.full or self.state != self.STATE_OPEN:
            return False
        self.transport.write(text_frame(text))
        return True

    def ping(self) -> None:
        if self.state == self.STATE_OPEN and not self.flow.full:
            self.sendPing()

    def trust(self, user_is_known: bool) -> None:
        self.intake.trust(user_is_known)

    # -- ends

    def serverClose(self, code: int | None = None) -> None:
        self.sendCloseFrame(code=1000 if code is None else code)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.intake.end()
        if hasattr(self, "server"):
            super().onClose(wasClean, code, reason)

    def check_timeouts(self) -> None:
        waits = self.state == self.STATE_CONNECTING and hasattr(self, "handshake_deferred")
        if waits and time.monotonic() - self._began > self.server.websocket_connect_timeout:
            self.serverReject()


class WebSocketFactory(DaphneWebSocketFactory):  # type: ignore[misc]
    protocol = WebSocketProtocol

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.setProtocolOptions(failByDrop=False)


class HttpWay:
    """The way in of a connection that speaks HTTP, until it becomes a socket."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._feed, self._lost, self._made = protocol.dataReceived, protocol.connectionLost, protocol.makeConnection
        protocol.dataReceived, protocol.connectionLost, protocol.makeConnection = self.receive, self.lost, self.made
        self._intake = intake.Intake(self, closes_floods=False)
        self._deadline: asyncio.TimerHandle | None = None
        self._head = Head()
        self._in_head = True
        self._is_whole = self._ended = False

    def made(self, transport: Any) -> None:
        self._transport = transport
        self._made(transport)
        if open_files.has_room(transport.fileno()):
            self._wait_for_request()
        else:
            self._ended = True
            transport.write(NO_ROOM)
            transport.loseConnection()

    def receive(self, data: bytes) -> None:
        if not self._is_whole and self._deadline is None:
            self._wait_for_request()
        if not self._ended:
            self._intake.receive(data)

    def lost(self, reason: Any) -> None:
        self.end()
        self._lost(reason)

    def feed(self, data: bytes) -> None:
        if self._is_socket():
            self._transport.protocol.dataReceived(data)
            return
        refusal = self._head.add(data) if self._in_head else None
        if refusal is not None:
            self.refuse(refusal)
            return
        self._feed(data)
        if self._transport.disconnecting:  # the parser gave up on it, and would say so at every piece
            self.end()

    def takes_more(self) -> bool:
        return not self._is_whole or self._is_socket()

    def _is_socket(self) -> bool:
        return self._transport.protocol is not self._protocol

    def stop_reading(self) -> None:
        self._transport.pauseProducing()

    def resume_reading(self) -> None:
        self._transport.resumeProducing()

    def flooded(self) -> None:
        self._transport.abortConnection()

    # -- requests

    def head_is_there(self) -> None:
        self._in_head = False
        self._head.clear()

    def request_is_whole(self) -> None:
        intake.strangers.cost += intake.REQUEST_COST
        self._is_whole = True
        self._stop_waiting()

    def request_is_answered(self) -> None:
        self._is_whole, self._in_head = False, True

    def refuse(self, answer: bytes) -> None:
        """Say so, and read no more."""
        self.end()
        self._transport.write(answer)
        self._transport.pauseProducing()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abortConnection)

    def end(self) -> None:
        self._ended = True
        self._stop_waiting()
        self._intake.end()

    def _wait_for_request(self) -> None:
        self._deadline = asyncio.get_running_loop().call_later(REQUEST_SECONDS, self._too_late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        if self._head.begun or not self._in_head:
            self.refuse(TOO_SLOW)
        else:
            self._transport.abortConnection()


class WebRequest(DaphneWebRequest):  # type: ignore[misc]
    """A request; its body is kept in memory, up to `BODY_BYTES`. One that is longer the application refuses, which has
    words for it: those of pages, or those of REST."""

    def __init__(self, way: HttpWay, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._way = way
        self._too_large = False

    def gotLength(self, length: int | None) -> None:
        self._way.head_is_there()
        self.content = BytesIO()
        if length is not None and length > BODY_BYTES:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        if self.content.tell() + len(data) > BODY_BYTES:
            self._refuse()
        elif not self._too_large:
            super().handleContentChunk(data)

    def _refuse(self) -> None:
        if not self._too_large:
            self._too_large = True
            self._way.end()
            self._refusing = asyncio.ensure_future(self._let_refuse())

    async def _let_refuse(self) -> None:
        line = self.channel._command, self.channel._path
        headers = [(name.lower(), value) for name, values in self.requestHeaders.getAllRawHeaders() for value in values]
        try:
            answer = await refusal_of(self.server.application, line, headers, self.channel.getPeer())
        except Exception:
            logger.exception("a body that is too large could not be refused in its own words")
            answer = BODY_TOO_LARGE
        self._way.refuse(answer)

    def process(self) -> Any:
        if self._too_large:
            return None
        self._way.request_is_whole()
        self.requestHeaders.removeHeader(b"Sec-WebSocket-Extensions")
        return super().process()

    def handle_exception(self, exception: BaseException) -> None:
        """An answer that has begun cannot become another: it ends where it is, so that a download fails in sight."""
        if self._response_started:
            self.channel.forceAbortClient()
        else:
            super().handle_exception(exception)

    def finish(self) -> None:
        self._way.request_is_answered()
        if self.responseHeaders.getRawHeaders(b"connection") == [b"close"]:
            self.channel.persistent = False
        super().finish()


async def refusal_of(
    application: Any, line: tuple[bytes, bytes], headers: list[tuple[bytes, bytes]], peer: Any
) -> bytes:
    """What an application answers to a request whose length it does not take, before any of its body is there. `line`:
    method and address."""
    raw_path, _, query = line[1].partition(b"?")
    kept = [(name, value) for name, value in headers if name not in (b"content-length", b"transfer-encoding")]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": line[0].decode("latin-1"),
        "path": unquote(raw_path.decode("latin-1")),
        "raw_path": raw_path,
        "root_path": "",
        "scheme": "http",
        "query_string": query,
        "headers": [*kept, (b"content-length", b"%d" % (BODY_BYTES + 1))],
        "client": [str(peer.host), peer.port] if hasattr(peer, "host") else None,
        "server": None,
    }
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await application(scope, receive, send)
    status = HTTPStatus(said[0]["status"])
    head = b"".join(b"%s: %s\r\n" % pair for pair in said[0]["headers"])
    body = b"".join(message.get("body", b"") for message in said[1:])
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, status.phrase.encode(), head, body)


class HttpFactory(DaphneHttpFactory):  # type: ignore[misc]
    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = partial(WebRequest, HttpWay(protocol))
        return protocol


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
        if scope["type"] == "websocket":
            scope["extensions"] = {EXTENSION: protocol}
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
