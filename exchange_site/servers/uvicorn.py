"""uvicorn. Its `--ws` and `--http` take classes, but the plain start line names the application only; so the classes
below are given to it when its lifespan begins, before it listens (`take_in`).

Way in: see `intake`. uvicorn stops reading a client at every frame that the application has not taken yet, and begins
again: two system calls that are left out here. Whole texts go the short way. Nothing is compressed: what a client may
send compressed has no bound before it is unpacked. A text that is not UTF-8 is the client's fault, and is answered by
closing with 1007; uvicorn logs it as an error of ours, with a traceback. Here it is silent.

Way out: it writes every frame at once, so an order with its four frames is four system calls, each of which wakes the
client. Here a connection's frames of one turn of the event loop leave together. Measured: see "What helped" in
`docs/performance.md`. A connection that is closed while its client does not read would wait for it for ever; here it is
dropped after a while. Pings of a client that reads nothing are not answered.

Addresses: uvicorn believes `X-Forwarded-For` of programs on the same machine; here our own rule decides
(`security.client_address`). Silence is judged by the heartbeat alone.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN
from websockets.streams import StreamReader

from exchange_site.servers import intake
from exchange_site.servers.bounds import (
    DROP_SECONDS,
    FEW_WAITING,
    LINGER_SECONDS,
    MOST_WAITING,
    NO_ROOM,
    TOO_SLOW,
    Deadline,
    Head,
    bound_send_buffer,
    open_files,
)
from exchange_site.servers.frames import text_frame, whole_texts
from trading.websocket.server_line import EXTENSION, Hear, Listener

NOT_UTF8 = "Invalid UTF-8 sequence received from client."
HTTP_MODULES = ("uvicorn.protocols.http.h11_impl", "uvicorn.protocols.http.httptools_impl")
"""Of the classes that it takes by itself; the second where that library is installed."""
BETWEEN_FRAMES = StreamReader.at_eof.__code__
"""Where the library's parser waits when it is in no frame."""
FLOODED = 1008
"""Close code of RFC 6455: a policy was violated."""

logger = logging.getLogger(__name__)


class Departures:
    """The connections of one event loop that have something to write; they do it in its next turn, in one call."""

    def __init__(self) -> None:
        self._waiting: list[GatheringTransport] = []

    def add(self, transport: "GatheringTransport", loop: asyncio.AbstractEventLoop) -> None:
        if not self._waiting:
            loop.call_soon(self._depart)
        self._waiting.append(transport)

    def _depart(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            try:
                transport.flush()
            except Exception:  # one that cannot be written to is the end of its connection, not of the others
                logger.exception("a client could not be written to")
                transport.abort()


departures: WeakKeyDictionary[asyncio.AbstractEventLoop, Departures] = WeakKeyDictionary()


class GatheringTransport:
    """An asyncio transport that writes once a turn of the event loop, and leaves it to the intake when to read. What is
    asked of it is named here: `__getattr__` for the rest would make every look at an attribute slow."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._departures = departures.setdefault(self._loop, Departures())
        self._waiting: list[bytes] = []
        self._dropping: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        self.writelines((data,))

    def writelines(self, parts: Iterable[bytes]) -> None:
        if not self._waiting:
            self._departures.add(self, self._loop)
        self._waiting += parts

    def pause_reading(self) -> None:
        """Asked for at every frame."""

    resume_reading = pause_reading

    def stop_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def read_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        self.flush()
        self._transport.close()
        if self._dropping is None:
            self._dropping = self._loop.call_later(DROP_SECONDS, self._transport.abort)

    def lost(self) -> None:
        """The connection is over: there is nothing left to drop."""
        if self._dropping is not None:
            self._dropping.cancel()

    def flush(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def get_extra_info(self, name: str) -> Any:
        return self._transport.get_extra_info(name)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def abort(self) -> None:
        self._transport.abort()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """A socket; to the application it is the `ServerLine` of its scope."""

    listener: Listener | None = None
    hear: Hear | None = None
    transport: Any
    _asked = _resting = False

    # -- in

    def connection_made(self, transport: Any) -> None:
        bound_send_buffer(transport.get_extra_info("socket"))
        super().connection_made(GatheringTransport(transport))  # type: ignore[arg-type]
        self.intake = intake.Intake(self)

    def data_received(self, data: bytes) -> None:
        if self.listener is not None:
            self.listener.heard_at = self.loop.time()
        if self._asked:
            self.intake.receive(data)
        else:  # the handshake has had its turn as a request
            self._asked = True
            super().data_received(data)

    def feed(self, data: bytes) -> None:
        if self._is_between_frames():
            texts, data = whole_texts(data)
            self.intake.hand_over(texts, self.hear, self.queue)
        if data:
            super().data_received(data)

    def _is_between_frames(self) -> bool:
        """Whether a frame and a message begin with the next byte, and texts of any size that is fed may come."""
        conn = self.conn
        if conn.state is not OPEN or conn.current_size is not None or self.config.ws_max_size < intake.KNOWN_PIECE:
            return False
        step: Any = conn.parser
        while step.gi_yieldfrom is not None:
            step = step.gi_yieldfrom
        return step.gi_code is BETWEEN_FRAMES

    def takes_more(self) -> bool:
        waiting = self.queue.qsize()
        self._resting = waiting >= MOST_WAITING or (self._resting and waiting > FEW_WAITING)
        return self.handshake_complete and not self._resting

    def stop_reading(self) -> None:
        self.transport.stop_reading()

    def resume_reading(self) -> None:
        self.transport.read_on()

    def flooded(self) -> None:
        logger.warning("%s floods: closed", self.client)
        self.conn.send_close(FLOODED, "Flooding")
        self.handle_parser_exception()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][EXTENSION] = self  # type: ignore[assignment]

    def handle_ping(self) -> None:
        pongs = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pongs)

    def send_receive_event_to_app(self) -> None:
        self.intake.turns.cost += intake.FRAME_COST
        super().send_receive_event_to_app()

    def connection_lost(self, exc: Exception | None) -> None:
        self.intake.end()
        self.transport.lost()
        super().connection_lost(exc)

    # -- out

    def send_texts(self, texts: Sequence[str]) -> int:
        if not self.writable.is_set() or self.conn.state is not OPEN:
            return 0
        self.transport.writelines(list(map(text_frame, texts)))
        return len(texts)

    def ping(self) -> None:
        if self.conn.state is OPEN and self.writable.is_set():
            self.conn.send_ping(b"")
            self.transport.write(b"".join(self.conn.data_to_send()))

    def trust(self, user_is_known: bool) -> None:
        self.intake.trust(user_is_known)

    def work(self, step: Callable[[], bool]) -> None:
        self.intake.work(step)


class _HttpWay:
    """The way in of a connection that speaks HTTP, until it becomes a socket: in front of any of uvicorn's classes."""

    transport: Any

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)  # type: ignore[misc]
        self.intake = intake.Intake(self, closes_floods=False)
        self._head, self._deadline = Head(), Deadline(self._too_late)
        if open_files.has_room(transport.get_extra_info("socket").fileno()):
            self._deadline.begin()
        else:
            transport.write(NO_ROOM)
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self._deadline.runs and self._is_between():
            self._deadline.begin()
        self.intake.receive(data)

    def feed(self, data: bytes) -> None:
        now = self.transport.get_protocol()
        if now is not self:
            now.data_received(data)
            return
        refusal = self._head.add(data) if self._is_between() else None
        if refusal is not None:
            self._refuse(refusal)
            return
        super().data_received(data)  # type: ignore[misc]
        if not self._is_between() or self.transport.get_protocol() is not self:
            self._head.clear()
            self._deadline.stop()

    def takes_more(self) -> bool:
        return not self.flow.read_paused  # type: ignore[attr-defined]

    def stop_reading(self) -> None:
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def flooded(self) -> None:
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.stop()
        self.intake.end()
        super().connection_lost(exc)  # type: ignore[misc]

    def _is_between(self) -> bool:
        """Whether no request is under way whose head is there: its body is the application's to wait for."""
        cycle = self.cycle  # type: ignore[attr-defined]
        return cycle is None or cycle.response_complete

    def _too_late(self) -> None:
        if self._head.begun:
            self._refuse(TOO_SLOW)
        else:
            self.transport.abort()

    def _refuse(self, answer: bytes) -> None:
        """Say so, and read no more."""
        self._deadline.stop()
        self.intake.end()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self.transport.abort)


def leave_log_clean() -> None:
    """Without what is a client's fault."""
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg != NOT_UTF8)


def take_in(receive: Any) -> None:
    """Give our classes to the uvicorn whose lifespan this is. Classes that somebody has chosen stay theirs."""
    config = getattr(getattr(receive, "__self__", None), "config", None)
    if config is None:
        logger.error("uvicorn cannot be bounded: its lifespan does not lead to its configuration")
        return
    config.backlog = open_files.allow_most(config.backlog)
    if config.ws_protocol_class is WebSocketsSansIOProtocol:
        config.ws_protocol_class = WebSocketProtocol
        config.ws_per_message_deflate = False
        config.ws_ping_interval = config.ws_ping_timeout = None
        config.ws_max_size = min(config.ws_max_size, 1_048_576)
    if config.http_protocol_class.__module__ in HTTP_MODULES:
        config.http_protocol_class = type("HttpProtocol", (_HttpWay, config.http_protocol_class), {})
    if isinstance(config.loaded_app, ProxyHeadersMiddleware):
        config.loaded_app = config.loaded_app.app
