"""An engine's queue of the commands that gateways have put onto a stream of Redis.

The stream is read on from the id that is stored with the last commit. What was taken and not stored is read again, so
nothing is lost; what is stored is not read again, so nothing is done twice. Commands of this process go beside it.
"""

import logging
from collections import deque
from collections.abc import Callable

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from trading.core.codes import AWAY, Code
from trading.core.commands import AmendOrder, SubmitOrder
from trading.core.events import Event, Refused
from trading.transport.gateway import Envelope
from trading.transport.redis_line import RedisLine
from trading.transport.redis_wire import COMMAND, SentCommand, commands_key, decode_command, place
from trading.transport.sleeper import Sleeper

logger = logging.getLogger(__name__)

STALE = Refused(Code.UNAVAILABLE, "This was on its way for too long; nothing was done")
TRIES = 2
"""What was taken so often and never stored breaks the engine, or the database takes it not: it is left out."""
PORTION = 1_000
"""Commands that are read at once: reading more would keep the event loop from what is stored meanwhile."""
BLOCK_MS = 1_000
"""Redis holds an answer back for so long when there is nothing to read."""

GiveAnswer = Callable[[str, int, Event], None]
"""Sends the first event of a command to the gateway that waits for it, under its number."""


class RedisStream:
    """The commands of one market. At most `limit` are read ahead. An order that its gateway has received more than
    `stale_ms` ago is not done any more: its trader was told long ago that the outcome is unknown. `clock` tells Unix
    ms. `run` is to be kept going."""

    def __init__(
        self, redis: Redis, market: str, answer: GiveAnswer, clock: Callable[[], int], limit: int, stale_ms: int
    ) -> None:
        self.limit = limit
        self.position: str | None = None
        self._redis, self._line = redis, RedisLine(redis)
        self._market = market
        self._key = commands_key(market)
        self._answer = answer
        self._clock = clock
        self._stale_ms = stale_ms
        self._waiting: deque[tuple[str, bytes] | Envelope] = deque()  # as they were read, and those of this process
        self._sleeper, self._reader = Sleeper(), Sleeper()
        self._read_after: str | None = None
        self._reading = 0  # which time it is that the stream is read from a stored id on
        self._tries: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    # -- the worker's side

    def put(self, envelope: Envelope) -> bool:
        """Queue a command of this process."""
        if len(self._waiting) >= 2 * self.limit:
            return False
        self._waiting.append(envelope)
        self.wake()
        return True

    async def take(self, most: int, timeout: float) -> list[Envelope]:
        """Up to `most` commands, as soon as there is one; none when `timeout` seconds have passed. One that was taken
        before comes alone: it may be the one to blame."""
        if not self._waiting:
            await self._sleeper.sleep(timeout)
        taken: list[Envelope] = []
        stale = self._clock() - self._stale_ms
        while self._waiting and len(taken) < most:
            read = self._waiting[0]
            if isinstance(read, Envelope):
                taken.append(read)
                self._waiting.popleft()
                continue
            entry, data = read
            again = entry in self._tries
            if again and taken:
                break
            self._waiting.popleft()
            self.position = entry
            envelope = self._envelope(entry, data, stale)
            if envelope is not None:
                taken.append(envelope)
                if again:
                    break
        self._reader.wake()
        return taken

    def go_back(self, position: str) -> None:
        """Read the stream on after `position`: what was taken since is not done."""
        self._reading += 1
        self._read_after = self.position = position
        self._waiting = deque(self._own())
        self._tries = {entry: tries for entry, tries in self._tries.items() if place(entry) > place(position)}
        self._reader.wake()

    def drain(self) -> list[Envelope]:
        """The commands of this process that wait. The stream is read no more: the next engine takes what is left."""
        self._reading += 1
        self._read_after = None
        own = self._own()
        self._waiting.clear()
        return own

    def _own(self) -> list[Envelope]:
        return [each for each in self._waiting if isinstance(each, Envelope)]

    def wake(self) -> None:
        """Let whoever sleeps in `take` go on, with nothing if there is nothing."""
        self._sleeper.wake()

    # -- the stream's side

    async def run(self) -> None:
        """Read the stream until cancelled. Raises what Redis raises: begin anew."""
        try:
            await self._read()
        finally:
            self._line.close()

    async def _read(self) -> None:
        while True:
            after, reading = self._read_after, self._reading
            if after is None or len(self._waiting) >= self.limit:
                await self._reader.sleep()
                continue
            (answer,) = await self._line.ask(
                ("XREAD", "COUNT", PORTION, "BLOCK", BLOCK_MS, "STREAMS", self._key, after)
            )
            if isinstance(answer, ResponseError):
                raise answer
            if reading != self._reading:
                continue
            for _, found in answer or ():  # of one stream
                for entry, (field, data, *_) in found:
                    self._read_after = place_name = entry.decode()
                    if field == COMMAND:
                        self._waiting.append((place_name, data))
            if self._waiting:
                self.wake()

    def _envelope(self, entry: str, data: bytes, stale: int) -> Envelope | None:
        """None of what is not to be done; why is said. `stale`: orders of before then (Unix ms) are."""
        try:
            sent = decode_command(data)
        except msgspec.MsgspecError as error:
            logger.error("entry %s of the stream is no command: %s", entry, error)
            return None
        if sent.market != self._market:
            logger.error("entry %s of the stream is for market %s", entry, sent.market)
        elif self._tries.get(entry, 0) >= TRIES:
            logger.error("entry %s could not be done %d times and is left out: %r", entry, TRIES, sent.command)
        elif sent.received < stale and isinstance(sent.command, SubmitOrder | AmendOrder):
            self._answer(sent.gateway, sent.number, STALE)
        else:
            return Envelope(sent.command, self._reply(entry, sent))
        return None

    def _reply(self, entry: str, sent: SentCommand) -> Callable[[Event], None]:
        def reply(event: Event) -> None:
            if isinstance(event, Refused) and event.code in AWAY:
                # not stored, it seems: it is taken again, by this engine or by the next one, and answered then
                self._tries[entry] = self._tries.get(entry, 0) + 1
            else:
                self._tries.pop(entry, None)
                self._answer(sent.gateway, sent.number, event)

        return reply

    async def trim(self, stored: str) -> None:
        """Let go of what is stored, up to the entry `stored`. Where the stream has been lost it goes on behind that
        entry, whatever the clock of Redis says: what is added later must not look as if it had been read."""
        await self._redis.xtrim(self._key, approximate=False, minid=stored)
        time, number = place(stored)
        if time:
            try:
                await self._redis.xadd(self._key, {b"m": b""}, id=f"{time}-{number + 1}")
            except ResponseError:  # the stream is there, and further
                return
