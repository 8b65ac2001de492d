"""Requests under daphne: the way in of a connection until it becomes a socket, and bodies bounded as they come."""

import asyncio
import logging
from functools import partial
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from daphne.http_protocol import HTTPFactory as DaphneHttpFactory
from daphne.http_protocol import WebRequest as DaphneWebRequest

from exchange_site.security.request_bounds import BODY_BYTES
from exchange_site.servers import intake
from exchange_site.servers.bounds import (
    BODY_TOO_LARGE,
    LINGER_SECONDS,
    NO_ROOM,
    TOO_SLOW,
    Deadline,
    Head,
    open_files,
)

logger = logging.getLogger(__name__)


class HttpWay:
    """The way in of a connection that speaks HTTP, until it becomes a socket."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._feed, self._lost, self._made = protocol.dataReceived, protocol.connectionLost, protocol.makeConnection
        protocol.dataReceived, protocol.connectionLost, protocol.makeConnection = self.receive, self.lost, self.made
        self._intake = intake.Intake(self, closes_floods=False)
        self._deadline = Deadline(self._too_late)
        self._head = Head()
        self._in_head = True
        self._is_whole = self._ended = False

    def made(self, transport: Any) -> None:
        self._transport = transport
        self._made(transport)
        if open_files.has_room(transport.fileno()):
            self._deadline.begin()
        else:
            self._ended = True
            transport.write(NO_ROOM)
            transport.loseConnection()

    def receive(self, data: bytes) -> None:
        if not self._is_whole and not self._deadline.runs:
            self._deadline.begin()
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
        self._intake.turns.cost += intake.REQUEST_COST
        self._is_whole = True
        self._deadline.stop()

    def request_is_answered(self) -> None:
        self._is_whole, self._in_head = False, True

    def refuse(self, answer: bytes) -> None:
        """Say so, and read no more."""
        self.end()
        self._transport.write(answer)
        self._transport.pauseProducing()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abortConnection)

    def trust(self, user_is_known: bool) -> None:
        self._intake.trust(user_is_known)

    def end(self) -> None:
        self._ended = True
        self._deadline.stop()
        self._intake.end()

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

    def trust(self, user_is_known: bool) -> None:
        """Whether whoever asks is known."""
        self._way.trust(user_is_known)

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
