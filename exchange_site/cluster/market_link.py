"""All that a gateway has for one of the markets that it serves: the way of commands, what is heard of it, whether its
engine lives, and the row that tells that engine of this gateway.
"""

import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec
from redis.asyncio import Redis

from exchange_site.config import ExchangeConfig
from exchange_site.monitoring.market_figures import MarketFigures, MarketNow
from trading.delivery.channel_groups import TaggedFrame, market_group
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.redis.inlet import Inlet
from trading.delivery.redis.inlets import is_of_all_markets
from trading.delivery.redis.lines import NoneYet
from trading.delivery.redis.wires import (
    GENERATION,
    HangUp,
    PresentFrame,
    decode_present,
    engine_of,
    present_key,
    pubsub_layer,
)
from trading.observability.counters import Counters
from trading.reads import missed_pushes
from trading.reads.readers import Readers
from trading.transport.engine_watch import EngineWatch
from trading.transport.gateway import Gateway
from trading.transport.redis_commands import RedisCommands
from trading.transport.redis_leases import Lease
from trading.websocket.cancel_on_disconnect import DisconnectTimers

LEASE = "lease of the gateway"


Door_co = TypeVar("Door_co", bound=Gateway, covariant=True)


class MarketLink(Generic[Door_co]):
    """Of `market`, which is the first one or a further one of `config`. Its commands go in by a `door`. `learn` is told
    the shard of its accounts when the engine is heard."""

    def __init__(
        self,
        config: ExchangeConfig,
        market: str,
        door: type[Door_co],
        *,
        redis: Redis,
        room: InProcessLayer,
        readers: Readers,
        counters: Counters,
        clock: Callable[[], int],
        learn: Callable[[str, int], None],
    ) -> None:
        self.market = market
        self._redis = redis
        self._readers = readers
        self._learn = learn
        self._told_as = config.told_as(market)
        self._channel = channel = f"bourse.{market}.gateway.{uuid.uuid4().hex}"
        self.queue = RedisCommands(redis, market, channel, config.queue_limit, config.answer_seconds, clock)
        self.gateway: Door_co = door(self.queue, counters)
        self.watch = EngineWatch(self.gateway, market)
        self.inlet = Inlet(
            room,
            inbound=pubsub_layer(config.redis_url, self._connected),
            outbound=pubsub_layer(config.redis_url),
            market=market,
            channel=channel,
            take_answers=self.queue.take_answers,
            take_note=self._take_note,
            last_number=self._last_number,
            missed=self._missed,
            read_present=self._read_present,
            told_as=self._told_as,
        )
        self.refuses_connections = False
        self._figures: MarketFigures | None = None

    def lease(self, timers: DisconnectTimers, connected: Callable[[], tuple[int, int]]) -> Lease:
        """This gateway's row at the market."""
        return Lease(self._redis, self.market, timers, self._channel, timers.armed, connected)

    @property
    def figures(self) -> MarketFigures | None:
        """As the engine has told them last; None while none is heard."""
        return None if self.gateway.closed_because is not None else self._figures

    @property
    def now(self) -> MarketNow:
        return MarketNow(self.market, self.gateway.closed_because, len(self.queue), self.figures)

    def works(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What is to be kept going, by what it is."""
        return {
            "inlet": self.inlet.run,
            "leaving of groups": self.inlet.tidy,
            "look for a dead line": self.inlet.watch,
            "sending of commands": self.queue.run,
            "look for late answers": self.queue.watch,
            "watch over the engine": self.watch.run,
        }

    # -- what the inlet is handed

    def _connected(self, hang_up: HangUp) -> None:
        self.inlet.connected(hang_up)

    def _take_note(self, note: dict[str, Any]) -> None:
        if note["type"] == "beat":
            if not self.watch.heard(engine_of(note["generation"]), note["closed"]):
                return
            self.refuses_connections = note["no_connections"]
            if "shard" in note:
                self._learn(self.market, note["shard"])
            if "answered" in note:  # not from an engine of an earlier release
                self.queue.answered_until(note["answered"])
        elif note["type"] == "figures":
            self._figures = msgspec.convert(note["figures"], MarketFigures)

    async def _last_number(self, user_id: str) -> int:
        read = partial(missed_pushes.last_number, user_id=user_id, market=self.market)
        return await self._readers.run(f"pushes of {user_id}", read)

    async def _missed(self, user_id: str, after: int) -> tuple[list[TaggedFrame], int]:
        read = partial(
            missed_pushes.missed_by_group, user_id=user_id, market=self.market, after=after, told_as=self._told_as
        )
        return await self._readers.run(f"pushes of {user_id}", read)

    async def book(self, instrument_id: str) -> str | None:
        """The book as the engine has told it last, as a frame; None if the instrument is unknown. Raises NoneYet, or
        what Redis raises that cannot be reached."""
        present = await self._read_present(market_group("orderbook", instrument_id))
        return None if present is None else present.frame

    async def _read_present(self, group: str) -> PresentFrame | None:
        if is_of_all_markets(group):
            return None  # there is none, and a market whose engine is away is no reason to wait
        found: list[Any] = await self._redis.hmget(present_key(self.market), [GENERATION, group])
        if found[0] is None:
            raise NoneYet
        return None if found[1] is None else decode_present(found[1])
