"""A gateway's channel layer: each group is heard of the market, or of all the markets, that tell it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from trading.delivery.channel_groups import ALL_INSTRUMENTS, portfolio_group, user_group
from trading.delivery.channel_layer import Hear, InProcessLayer
from trading.delivery.redis.inlet import Inlet
from trading.delivery.redis.wires import shared_group

BARS = "kline."
"""Bars of each period are a channel."""


class Inlets:
    """What connections need of a channel layer. `room` has them, `each` hears one market, the first one first; `where`
    tells at which one an instrument is listed."""

    def __init__(self, room: InProcessLayer, each: Mapping[str, Inlet], where: Callable[[str], Awaitable[str]]) -> None:
        self._room = room
        self._each = each
        self._where = where
        self._first = next(iter(each))

    async def new_channel(self) -> str:
        return await self._room.new_channel()

    async def receive(self, channel: str, hear: Hear | None = None) -> dict[str, Any]:
        """As `InProcessLayer.receive`."""
        return await self._room.receive(channel, hear)

    async def group_add(self, group: str, channel: str) -> None:
        """Whoever is in a group hears all that is told from now on. Raises where Redis cannot be reached; then the
        channel is in no part of the group."""
        try:
            for inlet in await self._of(group):
                await inlet.group_add(group, channel)
        except BaseException:
            await self.group_discard(group, channel)
            raise

    async def group_discard(self, group: str, channel: str) -> None:
        for inlet in self._each.values():
            await inlet.group_discard(group, channel)

    async def _of(self, group: str) -> list[Inlet]:
        if len(self._each) == 1 or is_of_all_markets(group):
            return list(self._each.values())
        if group.startswith(portfolio_group("")):
            return [self._each[self._first]]
        return [self._each[await self._where(_instrument(group))]]

    def members(self, prefix: str) -> int:
        """How many channels the groups have whose names begin so; of a group of several markets once."""
        return self._room.members(shared_group(self._first, prefix))


def is_of_all_markets(group: str) -> bool:
    """Every market tells it: a user's private pushes, and what speaks of all instruments."""
    return group.startswith(user_group("")) or _instrument(group) == ALL_INSTRUMENTS


def _instrument(group: str) -> str:
    return group.removeprefix(BARS).partition(".")[2]
