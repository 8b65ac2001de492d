"""A gateway's way to an engine in another process: commands go onto a stream of Redis, answers are matched by number.

Nothing is sent twice. What Redis was not asked to keep is refused, nothing was done; of everything else the engine's
answer tells, and where none comes in time nobody knows.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable
from time import monotonic

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from trading.core.codes import Code
from trading.core.events import Event, Refused
from trading.transport.gateway import BUSY, UNKNOWN_OUTCOME, Envelope
from trading.transport.redis_line import RedisLine
from trading.transport.redis_wire import COMMAND, SentCommand, commands_key, decode_answers, encode_command, place
from trading.transport.sleeper import Sleeper

logger = logging.getLogger(__name__)

UNREACHABLE = Refused(Code.UNAVAILABLE, "The engine cannot be reached; nothing was done")
MOST_AT_ONCE = 500
"""Commands that are sent to Redis together."""
LOOK_SECONDS = 0.05
"""Between two looks for commands that have waited too long."""


class RedisCommands:
    """Sends commands for `market` in the order in which they are put. At most `limit` may be under way. `gateway`: the
    channel on which answers come; `clock` tells Unix ms. `run` and `watch` are to be kept going."""

    def __init__(
        self, redis: Redis, market: str, gateway: str, limit: int, answer_seconds: float, clock: Callable[[], int]
    ) -> None:
        self.limit = limit
        self._line = RedisLine(redis)
        self._key = commands_key(market)
        self._market = market
        self._gateway = gateway
        self._answer_seconds = answer_seconds
        self._clock = clock
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Envelope] = {}  # the oldest first
        self._entries: dict[int, bytes] = {}  # where in the stream they are, as far as Redis has said it
        self._outgoing: deque[tuple[int, bytes]] = deque()
        self._sleeper = Sleeper()

    def __len__(self) -> int:
        """Commands that are under way."""
        return len(self._waiting)

    def put(self, envelope: Envelope) -> bool:
        """Send a command; False when too many are under way, and then it is not sent."""
        if len(self._waiting) >= self.limit:
            return False
        number = next(self._numbers)
        sent = SentCommand(self._market, self._gateway, number, envelope.command, self._clock())  # type: ignore[arg-type]  # gateways send what traders ask
        self._waiting[number] = envelope
        self._outgoing.append((number, encode_command(sent)))
        self._sleeper.wake()
        return True

    # -- answers

    def take_answers(self, data: bytes) -> None:
        """Answers have come. One that nobody waits for any more is dropped."""
        for number, event in decode_answers(data):
            self._answer(number, event)

    def answered_until(self, position: str) -> None:
        """The engine has answered everything up to this entry of the stream, and its answers have come before this was
        heard. What still waits is never answered: its answer was lost, with the engine that was to give it or on the
        way here."""
        last = place(position)
        lost = []
        for number in self._waiting:
            entry = self._entries.get(number)
            if entry is not None:
                if place(entry.decode()) > last:
                    break
                lost.append(number)
        if lost:
            logger.warning("the answers to %d commands are lost: their outcome is unknown", len(lost))
        for number in lost:
            self._answer(number, UNKNOWN_OUTCOME)

    def _answer(self, number: int, event: Event) -> None:
        envelope = self._waiting.pop(number, None)
        self._entries.pop(number, None)
        if envelope is None:
            return
        try:
            envelope.reply(event)
        except Exception:
            logger.exception("an answer could not be given")

    async def watch(self) -> None:
        """Tell whoever has waited too long that nobody knows."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.expire(monotonic() - self._answer_seconds)

    def expire(self, before: float) -> None:
        """Nobody has acknowledged what was put before then (`monotonic`)."""
        late = list(itertools.takewhile(lambda item: item[1].at < before, self._waiting.items()))
        if late:
            logger.warning("%d commands were not answered in time: their outcome is unknown", len(late))
        for number, _ in late:
            self._answer(number, UNKNOWN_OUTCOME)

    # -- out

    async def run(self) -> None:
        """Send what is put, until cancelled."""
        try:
            while True:
                if not self._outgoing:
                    await self._sleeper.sleep()
                some = [self._outgoing.popleft() for _ in range(min(MOST_AT_ONCE, len(self._outgoing)))]
                # who has waited too long was told so: it is not sent any more
                await self._send([(number, data) for number, data in some if number in self._waiting])
        finally:
            self._line.close()

    async def _send(self, commands: list[tuple[int, bytes]]) -> None:
        if not commands:
            return
        try:
            await self._line.connect()
        except (RedisError, OSError) as error:
            logger.warning("Redis cannot be reached: %s", error)
            for number, _ in commands:
                self._answer(number, UNREACHABLE)
            return
        try:
            entries = await self._line.ask(*[("XADD", self._key, "*", COMMAND, data) for _, data in commands])
        except (RedisError, OSError) as error:
            logger.warning("of %d commands it is not known whether Redis has them: %s", len(commands), error)
            return
        for (number, _), entry in zip(commands, entries, strict=True):
            if isinstance(entry, ResponseError):  # it has no room: that one was not taken
                logger.warning("Redis has refused a command: %s", entry)
                self._answer(number, BUSY)
            elif number in self._waiting:
                self._entries[number] = entry
