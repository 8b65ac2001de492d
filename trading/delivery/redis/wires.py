"""Names of keys and groups that gateways and engines of a market share, and the channel layer between them."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, ResponseError  # of Redis

from trading.transport.redis_line import RedisLine

PREFIX = "bourse"
"""Of the names of all groups and channels."""

NETWORK: dict[str, Any] = {"socket_connect_timeout": 2.0, "socket_timeout": 5.0, "socket_keepalive": True}
"""Longer than Redis takes for anything, shorter than anybody waits."""

logging.getLogger("channels_redis.pubsub").setLevel(logging.CRITICAL)
"""It logs a traceback a second while Redis is away. Gateways and engines say it once, in a sentence."""


class PresentFrame(msgspec.Struct, frozen=True):
    """The state of a market group after its message `number` of a `generation`; None: there is nothing to tell."""

    generation: str
    number: int
    frame: str | None


_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(PresentFrame)


def encode_present(present: PresentFrame) -> bytes:
    return _encoder.encode(present)


def decode_present(data: bytes) -> PresentFrame:
    return _decoder.decode(data)


def shared_group(market: str, group: str) -> str:
    """A group of this market, on a layer that markets share."""
    return f"{market}.{group}"


def redis_channel(market: str, group: str) -> str:
    """Where Redis has what is told to a group of this market."""
    return f"{PREFIX}__group__{shared_group(market, group)}"


GATEWAYS = "gateways"
"""The group of all gateways of a market: beats of its engine, and what one gateway has to tell the others."""

GENERATION = "generation"
"""The field of the present frames that says which engine has written them all."""


def engine_of(generation: str) -> str:
    """The process whose generation it is."""
    return generation.partition(".")[0]


def present_key(market: str) -> str:
    """The present frames of a market, by group."""
    return f"bourse:{market}:present"


ToTell = tuple[bool, str, dict[str, Any]]
"""A message: whether it is for a group, the name of that or of the channel, and what is told."""
RedisCommand = tuple[Any, ...]
"""Its words."""


class Megaphone:
    """Publishes as a channel layer of Redis would, many messages in one round trip: one each would take the engine as
    long as an order does."""

    def __init__(self, layer: RedisPubSubChannelLayer, redis: Redis) -> None:
        self._layer = layer
        self._line = RedisLine(redis)

    async def publish(self, messages: list[ToTell], first: Sequence[RedisCommand] = ()) -> None:
        """To a group (True), or to a channel of that name; in this order, behind the commands `first`, which do no harm
        twice. Raises what Redis raises: what came until then may have been heard. A connection that broke is tried once
        more, so some may be heard twice."""
        try:
            await self._publish(messages, first)
        except (ConnectionError, OSError):
            await self._publish(messages, first)

    async def _publish(self, messages: list[ToTell], first: Sequence[RedisCommand]) -> None:
        serialize = self._layer.serialize
        told = [
            ("PUBLISH", f"{PREFIX}__group__{name}" if to_group else name, serialize(message))
            for to_group, name, message in messages
        ]
        for answer in await self._line.ask(*first, *told):
            if isinstance(answer, ResponseError):
                raise answer

    async def flush(self) -> None:
        """Let go of Redis."""
        self._line.close()
        await self._layer.flush()


HangUp = Callable[[], Awaitable[None]]
"""Ends a connection; whoever has it makes another one."""


def pubsub_layer(url: str, on_connect: Callable[[HangUp], None] | None = None) -> RedisPubSubChannelLayer:
    """`on_connect` is told of each connection that is opened, and how to end it: what was published before may be lost.

    Whatever is sent once more after a connection broke can be told by its number.
    """
    host: dict[str, Any] = {"address": url, "retry": Retry(NoBackoff(), 1), **NETWORK}
    if on_connect is not None:

        async def connected(connection: Any) -> None:
            await connection.on_connect()
            on_connect(partial(connection.disconnect, nowait=True))

        host["redis_connect_func"] = connected
    return RedisPubSubChannelLayer(hosts=[host], prefix=PREFIX)
