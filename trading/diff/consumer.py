"""A connection of a DIFF client. It is one of our own protocol for everything behind it: the same door, limits, tokens
and heartbeat, by the same `Connection`; only what goes over the wire is translated.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from channels.consumer import AsyncConsumer

from trading import protocol
from trading.core.codes import Code
from trading.diff.translation.conversation import Conversation
from trading.diff.translation.words import PeekMessage, decode
from trading.websocket.connection import Connection, ConnectionServices
from trading.websocket.send_queue import SLOW_CLOSE, Send
from trading.websocket.server_line import Listener, ServerLine, line_of

PONG = '{"type":"pong"}'
MOST_WAITING = 100_000
"""Branches of the tree that a client has not asked for: it is gone, or slower than everything it is told."""
Receive = Callable[[], Any]
Make = Callable[[str], Conversation]
"""A conversation at an exchange whose first market is named."""


class DiffConsumer(AsyncConsumer):  # type: ignore[misc]  # channels has no types
    """One connection to `/diff/md` or `/diff/td`."""

    def __init__(self, *, services: ConnectionServices, conversation: Make) -> None:
        self._services = services
        self._conversation = conversation

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        conversation = self._conversation(self._services.markets.first)
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
    """The line of the server, with texts that go through the translation."""

    def __init__(self, line: ServerLine, hear: Callable[[str], None]) -> None:
        self._line = line
        self._hear = hear

    @property
    def listener(self) -> Listener | None:
        return self._line.listener

    @listener.setter
    def listener(self, listener: Listener | None) -> None:
        self._line.listener = listener

    def send_text(self, text: str) -> bool:
        self._hear(text)
        return True

    def ping(self) -> None:
        self._line.ping()

    def trust(self, user_is_known: bool) -> None:
        self._line.trust(user_is_known)


class Wire:
    """Between the client and its connection. A client is sent one answer for each `peek_message`, so it is never sent
    more than it takes; what it is told meanwhile is merged."""

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
        self._news = asyncio.Event()
        self._coming: asyncio.Task[dict[str, Any]] | None = None
        self._peeked = self._turning = self._gone = False

    async def run(self, connection: Connection) -> None:
        """Until the client is gone."""
        self._connection = connection
        self._turn()
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
        await self._answer()
        await self._send(message)

    def _hear(self, frame: str) -> None:
        if frame == protocol.PING:
            if self.line is None:  # the server below looks whether the client lives
                self._asks.append(PONG)
                self._news.set()
            return
        self._conversation.hear(frame, self._services.clock())
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """What came together is taken in together."""
        self._turning = False
        self._conversation.turn(heard=self._peeked)
        asks, self._conversation.asks = self._conversation.asks, []
        for wait, frame in asks:
            if wait:
                self._loop.call_later(wait, self._ask, frame)
            else:
                self._asks.append(frame)
        self._news.set()
        if self._conversation.waiting > MOST_WAITING and self._connection is not None:
            self._connection.close(SLOW_CLOSE, patience=0)

    def _ask(self, frame: str) -> None:
        self._asks.append(frame)
        self._news.set()

    async def _answer(self) -> None:
        """Answer a peek, if there is one and something to tell."""
        if self._peeked and self._conversation.patches:
            self._peeked = False
            told = {"aid": "rtn_data", "data": self._conversation.patches.take()}
            try:
                await self._send({"type": "websocket.send", "text": msgspec.json.encode(told).decode()})
            except Exception:  # each server has its own; the client has left
                self._gone = True

    # -- from the client

    async def _next(self) -> dict[str, Any]:
        """The next frame for the connection: what the translation asks, or what it makes of the client's words."""
        while True:
            await self._answer()
            if self._gone:
                return {"type": "websocket.disconnect", "code": 1006}
            if self._asks:
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
        self._turn()
