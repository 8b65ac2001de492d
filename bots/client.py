"""A client of the exchange's WebSocket protocol: requests and their answers, and coming back when the line is lost."""

import asyncio
import itertools
import json
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bots.frames import Frame, refusals

logger = logging.getLogger(__name__)

Hear = Callable[[Frame, Frame | None], None]
"""Is told every frame that comes in, in order, and the request that it answers, if it answers one."""

PING_SECONDS = 4.0
"""The exchange closes a connection from which nothing has come for 10 seconds."""
ANSWER_SECONDS = 10.0
"""An exchange that has not answered for so long is taken for gone."""
BUSY_CODES = (429, 503)
"""Nothing was done, and the same may be asked again."""
BUSY_SECONDS = 1.0
"""The pause after such a refusal that names none."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before the first attempt to connect again, and the most there may be between two."""
TROUBLE = 8
"""Attempts in a row that failed, at which this is worth a line in the log."""


class Lost(Exception):
    """The connection is gone, or the exchange does not answer."""


class NotWelcome(Exception):
    """The exchange does not take the user and his token; trying again would not help."""


class Busy(Exception):
    """The exchange cannot take this now and has done nothing; it may be asked again in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the exchange is busy for {seconds} s")
        self.seconds = seconds


class Connection:
    """One connection to the exchange."""

    def __init__(self, socket: ClientConnection, hear: Hear) -> None:
        self._socket = socket
        self._hear = hear
        self._numbers = itertools.count(1)
        self._asked: dict[int, tuple[Frame, asyncio.Future[Frame]]] = {}

    async def ask(self, kind: str, **fields: Any) -> Frame:
        """Send a request and wait for its answer. Lost when none comes, Busy when it is to be asked again."""
        number = next(self._numbers)
        request = {"type": kind, "request_id": number, **fields}
        answered: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._asked[number] = request, answered
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._socket.send(json.dumps(request))
                answer = await answered
        except (ConnectionClosed, TimeoutError) as error:
            raise Lost(f"no answer to {kind}: {error}") from error
        finally:
            self._asked.pop(number, None)
        if any(code in BUSY_CODES for code in refusals(answer)):
            raise Busy(answer.get("retry_after") or BUSY_SECONDS)
        return answer

    async def authenticate(self, user_id: str, token: str) -> None:
        answer = await self.ask("auth", user_id=user_id, token=token)
        if not answer.get("success"):
            raise NotWelcome(f"{user_id}: {answer['message']}")

    async def read(self) -> None:
        """Take in frames until the connection ends; whoever waits for an answer then learns that none will come."""
        try:
            async for text in self._socket:
                self._take(json.loads(text))
        except ConnectionClosed:
            pass
        finally:
            for _, answered in self._asked.values():
                if not answered.done():
                    answered.set_exception(Lost("the connection has ended"))

    def _take(self, frame: Frame) -> None:
        request, answered = self._asked.get(frame.get("request_id", 0), (None, None))
        self._hear(frame, request)
        if answered is not None and not answered.done():
            answered.set_result(frame)

    async def ping(self) -> None:
        """Tell the exchange now and then that somebody is there."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            await self._socket.send('{"type":"ping"}')


@asynccontextmanager
async def connected(url: str, hear: Hear) -> AsyncIterator[Connection]:
    """A connection that is read from and kept alive as long as the block runs."""
    async with connect(url, compression=None, proxy=None) as socket:
        connection = Connection(socket, hear)
        tasks = [asyncio.create_task(connection.read()), asyncio.create_task(connection.ping())]
        try:
            yield connection
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionClosed):
                    raise outcome


class Pauses:
    """How long to wait between attempts: longer each time, and never the same for many who were cut off together."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.attempts = 0

    def reset(self) -> None:
        self.attempts = 0

    def next(self) -> float:
        longest = min(FIRST_PAUSE * 2.0**self.attempts, LONGEST_PAUSE)
        self.attempts = min(self.attempts + 1, 2 * TROUBLE)
        return longest * self._dice.uniform(0.5, 1)


async def stay_connected(
    url: str, user_id: str, token: str, hear: Hear, session: Callable[[Connection], Awaitable[None]]
) -> None:
    """Connect, sign in and hand the connection to `session`; again when it was lost, until the session returns."""
    pauses = Pauses(random.Random(user_id))
    while True:
        try:
            async with connected(f"{url}?user_id={user_id}", hear) as connection:
                await connection.authenticate(user_id, token)
                pauses.reset()
                return await session(connection)
        except Busy as busy:
            await asyncio.sleep(busy.seconds)
        except (Lost, OSError, WebSocketException) as error:
            pause = pauses.next()
            if pauses.attempts == TROUBLE:
                logger.warning("%s cannot reach the exchange and keeps trying: %s", user_id, error)
            await asyncio.sleep(pause)


async def reachable(url: str) -> None:
    """Wait until an exchange answers at this address."""
    pauses = Pauses(random.Random(url))
    while True:
        try:
            async with connected(url, lambda frame, request: None) as connection:
                await connection.ask("ping")
                return
        except (Lost, OSError, WebSocketException):
            await asyncio.sleep(pauses.next())
