"""One connection: requests and their answers, and life signs. Knows no trading, and does not come back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bourse_client.errors import Lost, Refused, UnknownOutcome, refusal
from bourse_client.messages import Frame, encoded

PING_SECONDS = 4.0
"""The exchange closes a connection from which nothing has come for ten seconds."""
SILENCE_SECONDS = 15.0
"""The exchange pings every five seconds. Who is silent for three of them is gone."""
PONG = '{"type":"pong"}'

Hear = Callable[[Frame], None]


class Line:
    """One connection that is read from. `hear` is told every frame that comes, in order, before whoever asked."""

    def __init__(self, socket: ClientConnection, hear: Hear) -> None:
        self._socket = socket
        self._hear = hear
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Frame]] = {}
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self.ended = asyncio.Event()
        self.farewell: Refused | UnknownOutcome | None = None
        """The last `error` that answers no request: why the exchange has closed, if it has."""

    @property
    def close_code(self) -> int | None:
        return self._socket.close_code

    async def ask(self, kind: str, fields: dict[str, Any]) -> Frame:
        """The answer. Refused where it is a refusal; Lost where none came, and UnknownOutcome where the exchange does
        not know it either: then nobody knows whether it was done."""
        number = next(self._numbers)
        text = encoded({"type": kind, "request_id": number} | fields)
        answered: asyncio.Future[Frame] = self._loop.create_future()
        self._asked[number] = answered
        try:
            if self.ended.is_set():
                raise Lost("the connection has ended")
            await self._socket.send(text, text=True)
            answer = await answered
        except ConnectionClosed as error:
            await self.ended.wait()
            raise Lost(f"no answer to {kind}: {error}") from error
        finally:
            self._asked.pop(number, None)
        refused = refusal(answer)
        if refused is not None:
            raise refused
        return answer

    async def read(self) -> None:
        """Take in frames until the connection ends; whoever waits for an answer then learns that none will come."""
        decode = msgspec.json.Decoder().decode
        try:
            while True:
                frame = decode(await self._socket.recv(decode=False))
                self._heard_at = self._loop.time()
                if frame["type"] == "ping":
                    await self._socket.send(PONG)
                else:
                    self._take(frame)
        except ConnectionClosed:
            pass
        finally:
            self.ended.set()
            for answered in self._asked.values():
                if not answered.done():
                    answered.set_exception(Lost("the connection has ended"))

    def _take(self, frame: Frame) -> None:
        number = frame.get("request_id")
        if number is None:
            if frame["type"] == "error":
                self.farewell = refusal(frame)
            self._hear(frame)
            return
        self._hear(frame)
        answered = self._asked.get(number) if isinstance(number, int) else None
        if answered is not None and not answered.done():
            answered.set_result(frame)

    async def keep_alive(self) -> None:
        """Say now and then that somebody is there, and end the connection when nobody is there any more."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            if self._loop.time() - self._heard_at > SILENCE_SECONDS:
                self.hang_up()
                return
            await self._socket.send('{"type":"ping"}')

    def hang_up(self) -> None:
        """End it at once; without a farewell, for nobody may be there to hear it."""
        self._socket.transport.abort()


@asynccontextmanager
async def connected(url: str, hear: Hear) -> AsyncIterator[Line]:
    """A connection that is read from and kept alive as long as the block runs. A `hear` that fails ends it and is
    raised when the block is over."""
    async with connect(url, compression=None, proxy=None, max_size=None, ping_interval=None) as socket:
        line = Line(socket, hear)
        tasks = [asyncio.create_task(line.read()), asyncio.create_task(line.keep_alive())]
        try:
            yield line
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionClosed):
                    raise outcome
