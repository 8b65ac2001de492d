"""A connection of a DIFF client. It is one of our own protocol for everything behind it: the same door, limits, tokens
and heartbeat, by the same `Connection`; only what goes over the wire is translated.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from channels.consumer import AsyncConsumer

from trading import protocol
from trading.core.codes import Code
from trading.diff.translation.conversation import Conversation
from trading.diff.translation.words import PeekMessage, decode
from trading.websocket.connection import Connection, ConnectionServices
from trading.websocket.send_queue import SLOW_CLOSE, Send
from trading.websocket.server_line import Hear, Listener, ServerLine, line_of

PONG = '{"type":"pong"}'
MOST_WAITING = 100_000
"""Branches of the tree that a client has not asked for: it is gone, or slower than everything it is told."""
MOST_UNHEARD = 2_000
"""Frames of the exchange that wait to be translated: as above."""
FEW_UNHEARD = 100
"""More of them, and nothing new is asked; no more, and they are told before a close."""
Receive = Callable[[], Any]
Make = Callable[..., Conversation]
"""A conversation at an exchange whose markets are named, the first one first."""


class DiffConsumer(AsyncConsumer):  # type: ignore[misc]  # channels has no types
    """One connection to `/diff/md` or `/diff/td`."""

    def __init__(self, *, services: ConnectionServices, conversation: Make) -> None:
        self._services = services
        self._conversation = conversation

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        conversation = self._conversation(*self._services.markets.codes)
        wire = Wire(self._services, conversation, receive, send, line_of(scope))
        connection = Connection(
            self._services,
            channel=await self._services.layer.new_channel(),
            owner=None,
            address=self._services.address_of(scope),
            send=wire.send,
            line=wire.line,
        )
        await wire.run(connection)


class InnerLine:
    """The line of the server, with texts that go through the translation. Those of the client come by ASGI."""

    hear: Hear | None = None

    def __init__(self, line: ServerLine, hear: Callable[[str], None]) -> None:
        self._line = line
        self._hear = hear

    @property
    def listener(self) -> Listener | None:
        return self._line.listener

    @listener.setter
    def listener(self, listener: Listener | None) -> None:
        self._line.listener = listener

    def send_texts(self, texts: Sequence[str]) -> int:
        for text in texts:
            self._hear(text)
        return len(texts)

    def ping(self) -> None:
        self._line.ping()

    def trust(self, user_is_known: bool) -> None:
        self._line.trust(user_is_known)

    def work(self, step: Callable[[], bool]) -> None:
        self._line.work(step)


class Wire:
    """Between the client and its connection. A client is sent one answer for each `peek_message`, so it is never sent
    more than it takes; what it is told meanwhile is merged. One frame of the exchange can change many charts, so
    each is translated in the client's turns, as its own frames are read."""

    def __init__(
        self,
        services: ConnectionServices,
        conversation: Conversation,
        receive: Receive,
        send: Send,
        line: ServerLine | None,
    ) -> None:
        self._services = services
        self._conversation = conversation
        self._receive = receive
        self._send = send
        self.line = None if line is None else InnerLine(line, self._hear)
        self._loop = asyncio.get_running_loop()
        self._bucket = services.limiter.bucket(self._loop.time())
        self._connection: Connection | None = None
        self._asks: deque[str] = deque()
        self._unheard: deque[str] = deque()
        self._told: str | None = None
        self._news = asyncio.Event()
        self._coming: asyncio.Task[dict[str, Any]] | None = None
        self._peeked = self._at_work = self._gone = False

    async def run(self, connection: Connection) -> None:
        """Until the client is gone."""
        self._connection = connection
        self._work()
        try:
            await connection.serve(self._next)
        finally:
            if self._coming is not None:
                self._coming.cancel()

    # -- to the client

    async def send(self, message: dict[str, Any]) -> None:
        """What the connection sends."""
        if message["type"] == "websocket.send":
            self._hear(message["text"])
            return
        more = len(self._unheard) <= FEW_UNHEARD
        while more:
            more = self._step()
        await self._answer()
        await self._send(message)

    def _hear(self, frame: str) -> None:
        if frame == protocol.PING:
            if self.line is None:  # the server below looks whether the client lives
                self._asks.append(PONG)
                self._news.set()
            return
        self._unheard.append(frame)
        if len(self._unheard) > MOST_UNHEARD:
            self._is_slow()
        self._work()

    def _is_slow(self) -> None:
        if self._connection is not None:
            self._connection.close(SLOW_CLOSE, patience=0)

    def _work(self) -> None:
        """Translate what there is, in the client's turns."""
        if self._at_work:
            return
        self._at_work = True
        if self.line is not None:
            self.line.work(self._step)
        else:
            self._loop.call_soon(self._alone)

    def _alone(self) -> None:
        """Where the server below knows no turns."""
        try:
            more = self._step()
        except Exception:
            self._gone = True
            self._news.set()
            raise
        if more:
            self._loop.call_soon(self._alone)

    def _step(self) -> bool:
        """Translate one frame; what came together is taken in together. Whether there is more."""
        if self._unheard:
            self._conversation.hear(self._unheard.popleft(), self._services.clock())
        self._at_work = bool(self._unheard)
        if not self._at_work:
            self._take_in()
        return self._at_work

    def _take_in(self) -> None:
        conversation = self._conversation
        conversation.turn(heard=self._peeked)
        asks, conversation.asks = conversation.asks, []
        for wait, frame in asks:
            if wait:
                self._loop.call_later(wait, self._ask, frame)
            else:
                self._asks.append(frame)
        if self._peeked and conversation.patches:
            self._peeked = False
            self._told = msgspec.json.encode({"aid": "rtn_data", "data": conversation.patches.take()}).decode()
        if conversation.waiting > MOST_WAITING:
            self._is_slow()
        self._news.set()

    def _ask(self, frame: str) -> None:
        self._asks.append(frame)
        self._news.set()

    async def _answer(self) -> None:
        """Send the answer to a peek, if there is one."""
        told, self._told = self._told, None
        if told is not None:
            try:
                await self._send({"type": "websocket.send", "text": told})
            except Exception:  # each server has its own; the client has left
                self._gone = True

    # -- from the client

    async def _next(self) -> dict[str, Any]:
        """The next frame for the connection: what the translation asks, or what it makes of the client's words."""
        while True:
            await self._answer()
            if self._gone:
                return {"type": "websocket.disconnect", "code": 1006}
            if self._asks and len(self._unheard) <= FEW_UNHEARD:
                return {"type": "websocket.receive", "text": self._asks.popleft()}
            if self._coming is None:
                self._coming = asyncio.ensure_future(self._receive())
            if not self._coming.done():
                await self._wait(self._coming)
                continue
            message, self._coming = self._coming.result(), None
            if message["type"] == "websocket.disconnect":
                return message
            await self._take(message.get("text"))

    async def _wait(self, coming: asyncio.Task[dict[str, Any]]) -> None:
        """For a message of the client, or for news."""
        self._news.clear()
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({coming, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    async def _take(self, text: str | None) -> None:
        """One message. DIFF has no way to refuse one for its number: who sends too many is read more slowly."""
        while wait := self._bucket.wait(self._loop.time()):
            await asyncio.sleep(wait)
        try:
            if text is None or len(text) > self._services.max_frame:
                detail = f"Malformed message: send JSON text of at most {self._services.max_frame} characters"
                raise protocol.ProtocolError(Code.MALFORMED, detail)
            said = decode(text)
            if isinstance(said, PeekMessage):
                self._peeked = True
            else:
                self._conversation.take(said)
        except protocol.ProtocolError as error:
            self._conversation.note("ERROR", error.code, error.detail)
        self._work()
