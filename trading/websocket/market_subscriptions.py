"""The public market data that one connection follows. A reader that cannot keep up leaves its groups until it has taken
what waits for it, and then gets the present state: it costs nobody anything, and hears nothing that is old. What tells
of instruments is rare and has no present state to come back with, so it is never left out.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any

from trading.delivery.channel_groups import PORTFOLIO, market_group
from trading.observability.counters import Counters
from trading.websocket.send_queue import SendQueue
from trading.websocket.subscriptions import MARKET_CHANNELS

SLOW_SECONDS = 0.5
"""How long a client may let the server wait before it is a slow one: more than a hiccup, less than old news."""

Present = Mapping[str, Callable[[str], str | None]]
"""By channel: the present state of an instrument as a frame, None where there is nothing to tell."""

Pair = tuple[str, str]
"""A public channel and an instrument; or a private one and its user."""


class MarketSubscriptions:
    """Memberships of one connection's `channel` in the groups of market data. `start` runs work beside its loops;
    `slow_seconds`: how long a client may let the server wait."""

    def __init__(
        self,
        layer: Any,
        channel: str,
        present: Present,
        send_queue: SendQueue,
        start: Callable[[Coroutine[Any, Any, None]], object],
        counters: Counters,
        slow_seconds: float,
    ) -> None:
        self._layer = layer
        self._channel = channel
        self._present = present
        self._send_queue = send_queue
        self._start = start
        self._counters = counters
        self._slow_seconds = slow_seconds
        self._pairs: set[Pair] = set()
        self._groups: set[str] = set()
        self._paused = False

    async def follow(self, pairs: Iterable[Pair]) -> None:
        """Join the groups and send the present state: what changes in between comes twice rather than never."""
        for pair in sorted(pairs):
            self._pairs.add(pair)
            self._groups.add(market_group(*pair))
            if not self._paused or pair[0] in MARKET_CHANNELS:  # or it is joined with the others
                await self._join(pair)

    async def _join(self, pair: Pair) -> None:
        channel, instrument_id = pair
        await self._layer.group_add(market_group(channel, instrument_id), self._channel)
        frame = None if channel == PORTFOLIO else self._present[channel](instrument_id)
        if frame is not None:
            self._send_queue.put(frame)

    async def unfollow(self, pairs: Collection[Pair]) -> None:
        """Leave the groups. Nothing of them is passed on any more, not what is already under way."""
        groups = [market_group(*pair) for pair in pairs]
        self._pairs.difference_update(pairs)
        self._groups.difference_update(groups)
        for group in groups:
            await self._layer.group_discard(group, self._channel)

    async def forget_user(self, user_id: str) -> None:
        """Follow nothing any more that is this user's alone."""
        await self.unfollow({(PORTFOLIO, user_id)} & self._pairs)

    async def end(self) -> None:
        """Follow nothing any more."""
        await self.unfollow(list(self._pairs))

    def wants(self, group: str) -> bool:
        """Whether what came for this group is still wanted: it may have been under way when the group was left."""
        return group in self._groups

    def look_at_reader(self) -> None:
        """Market data has come: is somebody there to take it? It fills no more than half of the send_queue."""
        since = self._send_queue.waiting_since
        if since is None or self._paused:
            return
        if self._send_queue.half_full or asyncio.get_running_loop().time() - since > self._slow_seconds:
            self._paused = True
            self._counters.readers_paused += 1
            self._start(self._pause())

    async def _pause(self) -> None:
        for channel, instrument_id in self._conflated():
            await self._layer.group_discard(market_group(channel, instrument_id), self._channel)
        await self._send_queue.drained()
        self._paused = False
        for pair in self._conflated():
            if pair in self._pairs and not self._send_queue.closing:
                await self._join(pair)

    def _conflated(self) -> list[Pair]:
        return sorted(pair for pair in self._pairs if pair[0] not in MARKET_CHANNELS)
