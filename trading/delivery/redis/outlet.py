"""All that leaves an engine's process, in the order in which it was handed in: answers, pushes, market data, beats.

Nobody waits for Redis: what cannot be sent is lost, and said to be. Whoever listens sees it by the numbers, and fills
the hole: private pushes from the tables, market data from the present frame, which is stored before it is told.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from trading.core.engine import Engine
from trading.core.events import Event
from trading.delivery.channel_groups import market_group
from trading.delivery.redis.wires import (
    GATEWAYS,
    GENERATION,
    PresentFrame,
    RedisCommand,
    encode_present,
    present_key,
    redis_channel,
    shared_group,
)
from trading.transport.redis_wire import Answer, encode_answers
from trading.transport.sleeper import Sleeper
from trading.worker.batch import Batch

logger = logging.getLogger(__name__)
Message = dict[str, Any]
Present = Mapping[str, Callable[[str], str | None]]

MOST = 20_000
"""Messages that may wait for Redis: more are lost. Seconds of a busy market."""
MOST_AT_ONCE = 200
"""Messages in one round trip."""
PAUSE = 0.2
"""Seconds until Redis is tried again."""


UPDATE = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
    redis.call('HSET', KEYS[1], unpack(ARGV, 3))
end
"""
"""Present frames are written over those of one's own generation only: an engine that was replaced while it slept writes
nothing."""


class Outlet:
    """A channel layer for whoever tells of batches (`group_send`), and the way of answers. A listener of the worker: a
    state that was loaded begins a new generation. `present`: by channel, set by whoever has the market data. `run` is
    to be kept going."""

    def __init__(self, layer: Any, redis: Redis, market: str) -> None:
        self.present: Present = {}
        self._layer = layer
        self._redis = redis
        self._market = market
        self._waiting: deque[tuple[bool, str, Message | Answer]] = deque()
        self._sleeper = Sleeper()
        self._engine: Engine | None = None
        self._started, self._losses = uuid.uuid4().hex, 0
        self._generation = ""
        self._written = ""  # the generation whose present frames are all stored
        self._numbers: dict[str, int] = {}
        self._groups: dict[str, tuple[str, str]] = {}
        self._frames: dict[str, PresentFrame] = {}

    # -- in

    def answer(self, gateway: str, number: int, event: Event) -> None:
        """The first event of a command, for the gateway that waits for it."""
        self._put(False, gateway, (number, event))

    async def group_send(self, group: str, message: Message) -> None:
        """Private pushes have numbers of their own; messages of market data are numbered by group."""
        if "user" not in message:
            number = self._numbers[group] = self._numbers.get(group, 0) + 1
            message = {**message, "number": number, "generation": self._generation}
            self._note_present(group, number)
        self._put(True, group, {**message, "group": group})

    async def listened(self, groups: Collection[str]) -> list[str]:
        """Those of the groups that a gateway hears; none while Redis is away."""
        names = {redis_channel(self._market, group): group for group in groups}
        try:
            found: Any = await self._redis.pubsub_numsub(*names)
        except (RedisError, OSError):
            return []
        return [names[name.decode()] for name, hearers in found if hearers]

    def beat(self, closed: str | None, no_connections: bool, answered: str) -> None:
        """The engine lives. `closed`: why it takes no orders, if it takes none; `no_connections`: nobody else may
        connect; `answered`: up to which entry of the stream all answers are given. It tells, too, which accounts are
        this market's."""
        note = {
            "type": "beat",
            "generation": self._generation,
            "closed": closed,
            "no_connections": no_connections,
            "answered": answered,
        }
        self.tell_gateways(note if self._engine is None else {**note, "shard": self._engine.state.shard})

    def tell_gateways(self, note: Message) -> None:
        """A note for the gateways themselves."""
        self._put(True, GATEWAYS, note)

    def on_load(self, engine: Engine, time: int) -> None:
        """Batches may have been stored that nobody was told of: all who listen are to look."""
        self._engine = engine
        self._begin_anew()

    async def on_batch(self, batch: Batch) -> None:
        """What is told of it comes by `group_send`."""

    def _begin_anew(self) -> None:
        self._losses += 1
        self._generation = f"{self._started}.{self._losses}"

    def _put(self, to_group: bool, name: str, what: Message | Answer) -> None:
        if len(self._waiting) >= MOST:
            self._lose()
        self._waiting.append((to_group, name, what))
        self._sleeper.wake()

    def _lose(self) -> None:
        logger.error("%d messages for gateways are lost; the gateways are told to look", len(self._waiting))
        self._waiting.clear()
        self._begin_anew()

    # -- present frames

    def _note_present(self, group: str, number: int) -> None:
        pair = self._groups.get(group)
        if pair is None:
            found = [channel for channel in self.present if group.startswith(f"{channel}.")]
            if not found:
                return
            [channel] = found
            pair = self._groups[group] = channel, group.removeprefix(f"{channel}.")
        channel, instrument_id = pair
        frame = self.present[channel](instrument_id)
        self._frames[group] = PresentFrame(self._generation, number, frame)

    def _all_present(self) -> Iterable[tuple[str, PresentFrame]]:
        names = [] if self._engine is None else list(self._engine.state.instruments)
        for channel, frame in self.present.items():
            for name in names:
                group = market_group(channel, name)
                yield group, PresentFrame(self._generation, self._numbers.get(group, 0), frame(name))

    async def look_at_present(self) -> None:
        """Redis may have lost what it was given: then it is given all of it again."""
        if await self._redis.hget(present_key(self._market), GENERATION) != self._generation.encode():
            self.write_again()

    def write_again(self) -> None:
        """Give Redis all present frames as they are now."""
        self._written = ""

    async def _write_all(self) -> None:
        """All present frames, where those of this generation are not all stored."""
        if self._written == self._generation:
            return
        key, generation = present_key(self._market), self._generation
        frames = {group: encode_present(present) for group, present in self._all_present()}
        self._frames.clear()
        pipe = self._redis.pipeline(transaction=True)
        pipe.delete(key)
        pipe.hset(key, mapping={**frames, GENERATION: generation.encode()})  # type: ignore[dict-item]  # it takes these names, too
        await pipe.execute()
        self._written = generation

    def _write_changed(self) -> list[RedisCommand]:
        """The command that stores the present frames which have changed. Of a generation that has begun meanwhile all
        are stored next."""
        if self._written != self._generation:
            return []
        frames, self._frames = self._frames, {}
        pairs = [word for group, present in frames.items() for word in (group, encode_present(present))]
        return [("EVAL", UPDATE, 1, present_key(self._market), GENERATION, self._written, *pairs)] if pairs else []

    # -- out

    async def run(self) -> None:
        """Send what is handed in, until cancelled."""
        while True:
            if not self._waiting:
                await self._sleeper.sleep()
            if not self._generation:  # nothing is loaded yet
                self._waiting.clear()
                continue
            try:
                await self._write_all()
                while self._waiting:
                    await self._send_some()
            except (RedisError, OSError) as error:
                logger.warning("Redis cannot be reached: %s", error)
                self._lose()
                await asyncio.sleep(PAUSE)

    async def _send_some(self) -> None:
        """The next messages, behind the present frames that go with them, in one round trip."""
        some = [self._next() for _ in range(MOST_AT_ONCE) if self._waiting]
        await self._write_all()
        await self._layer.publish(some, self._write_changed())

    def _next(self) -> tuple[bool, str, Message]:
        """One message, or all answers to one gateway that come one after another."""
        to_group, name, what = self._waiting.popleft()
        if to_group:
            return True, shared_group(self._market, name), what  # type: ignore[return-value]  # answers go to gateways
        answers: list[Any] = [what]
        while self._waiting and not self._waiting[0][0] and self._waiting[0][1] == name:
            answers.append(self._waiting.popleft()[2])
        return False, name, {"type": "answers", "answers": encode_answers(answers)}

    async def close(self) -> None:
        """Send what waits, if that goes at once, and let go of Redis."""
        try:
            async with asyncio.timeout(PAUSE):
                while self._waiting and self._generation:
                    await self._send_some()
        except (RedisError, OSError, TimeoutError):
            self._waiting.clear()
        await self._layer.flush()
        await self._redis.aclose()
