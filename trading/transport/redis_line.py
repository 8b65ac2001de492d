"""A connection to Redis for what is done for every order. The client that opens it would take five times as long for a
round trip (docs/scale.md)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, InvalidResponse, ResponseError, TimeoutError  # of Redis

ANSWER_SECONDS = 5.0
"""Without an answer, after which a connection counts as lost."""
NOTHING = object()
"""What the parser finds when there is no whole answer."""

Command = Sequence[Any]
"""Its words: bytes, texts and numbers."""


class RedisLine(asyncio.Protocol):
    """One connection, opened as `redis` opens its own when it is first needed, and anew after it was lost. For one who
    asks at a time."""

    def __init__(self, redis: Redis) -> None:
        self._pool: Any = redis.connection_pool
        self._writer: Any = None
        self._parser: Any = None
        self._answers: list[Any] = []
        self._asked: asyncio.Future[list[Any]] | None = None
        self._expected = 0

    @property
    def is_open(self) -> bool:
        return self._writer is not None

    async def connect(self) -> None:
        """Raises what says that Redis cannot be reached. Nothing is done where there is a connection."""
        if self.is_open:
            return
        connection = self._pool.connection_class(**{**self._pool.connection_kwargs, "protocol": 2})
        await connection.connect()
        writer, connection._writer, connection._reader = connection._writer, None, None  # it is ours from now on
        self._parser = hiredis.Reader(
            protocolError=InvalidResponse, replyError=ResponseError, notEnoughData=NOTHING, errors="replace"
        )
        self._writer = writer
        writer.transport.set_protocol(self)

    async def ask(self, *commands: Command) -> list[Any]:
        """The answers to commands, in their order; a refusal of Redis is one of them, a ResponseError. Raises what says
        that the connection is lost: which of them were done is not known then."""
        assert self._asked is None, "somebody is asking already"
        if not commands:
            return []
        await self.connect()
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[list[Any]] = loop.create_future()
        self._asked = asked
        self._answers, self._expected = [], len(commands)
        alarm = loop.call_later(ANSWER_SECONDS, self._lose, TimeoutError("Redis does not answer"))
        self._writer.transport.write(b"".join(map(hiredis.pack_command, map(tuple, commands))))
        try:
            return await asked
        except asyncio.CancelledError:  # answers are still to come
            self.close()
            raise
        finally:
            alarm.cancel()
            self._asked = None

    def close(self) -> None:
        """Let go of the connection. Whoever asks next has another one."""
        self._lose(ConnectionError("The connection to Redis is closed"))

    def _lose(self, error: Exception) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(error)

    # -- what the event loop tells

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        try:
            while (answer := self._parser.gets()) is not NOTHING:
                self._answers.append(answer)
        except InvalidResponse as error:
            self._lose(error)
            return
        if self._asked is None:
            self._lose(ConnectionError("Redis has said what nobody has asked for"))
        elif len(self._answers) >= self._expected and not self._asked.done():
            self._asked.set_result(self._answers)

    def connection_lost(self, error: Exception | None) -> None:
        if self.is_open:
            self._lose(ConnectionError(f"Redis has closed the connection: {error}"))
