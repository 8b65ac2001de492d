"""Sockets under daphne: one protocol a client. What is done differently, and why, is said in `daphne.py`."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from daphne.ws_protocol import WebSocketFactory as DaphneWebSocketFactory
from daphne.ws_protocol import WebSocketProtocol as DaphneWebSocketProtocol

from exchange_site.servers import intake
from exchange_site.servers.bounds import (
    DROP_SECONDS,
    FEW_WAITING,
    LINGER_SECONDS,
    MOST_WAITING,
    bound_send_buffer,
)
from exchange_site.servers.frames import pong_frame, text_frames, whole_texts
from trading.websocket.server_line import Hear, Listener

FLOODED = 1008
"""Close code of RFC 6455: a policy was violated."""
SENT_TOGETHER = 16
"""Texts, before it is asked whether there is room for more."""

logger = logging.getLogger(__name__)


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
    hear: Hear | None = None
    _asked = _resting = False
    _dropping: asyncio.TimerHandle | None = None

    # -- in

    def connectionMade(self) -> None:
        self.intake = intake.Intake(self)
        self._time = asyncio.get_running_loop().time
        self._began = time.monotonic()
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        if self.listener is not None:
            self.listener.heard_at = self._time()
        if self._asked:
            self.intake.receive(data)
        else:  # the handshake has had its turn as a request
            self._asked = True
            self._dataReceived(data)

    def feed(self, data: bytes) -> None:
        if self._is_between_frames():
            texts, data = whole_texts(data)
            self.intake.hand_over(texts, self.hear, self.application_queue)
        if data:
            self._dataReceived(data)

    def _is_between_frames(self) -> bool:
        """Whether a frame and a message begin with the next byte."""
        is_open = self.state == self.STATE_OPEN and not self.muted
        return is_open and self.current_frame is None and not self.data and not self.inside_message

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
        if self.state == self.STATE_OPEN and not self.flow.full:
            self.transport.write(pong_frame(payload))

    # -- out

    def onOpen(self) -> None:
        self.flow = Flow()
        bound_send_buffer(self.transport.getHandle())
        self.transport.unregisterProducer()
        self.transport.registerProducer(self.flow, True)
        super().onOpen()

    def send_texts(self, texts: Sequence[str]) -> int:
        sent = 0
        while sent < len(texts) and not self.flow.full and self.state == self.STATE_OPEN:
            some = list(islice(texts, sent, sent + SENT_TOGETHER))
            self.transport.write(text_frames(some))
            sent += len(some)
        return sent

    def ping(self) -> None:
        if self.state == self.STATE_OPEN and not self.flow.full:
            self.sendPing()

    def trust(self, user_is_known: bool) -> None:
        self.intake.trust(user_is_known)

    def work(self, step: Callable[[], bool]) -> None:
        self.intake.work(step)

    # -- ends

    def serverClose(self, code: int | None = None) -> None:
        self.sendCloseFrame(code=1000 if code is None else code)

    def _closeConnection(self, abort: bool = False) -> None:
        """autobahn's name. What was said last is written first, whatever the end is for."""
        self.transport.loseConnection()
        if self._dropping is None:
            self._dropping = asyncio.get_running_loop().call_later(DROP_SECONDS, self.transport.abortConnection)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.intake.end()
        if self._dropping is not None:
            self._dropping.cancel()
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
        self.setProtocolOptions(failByDrop=False, echoCloseCodeReason=True)
