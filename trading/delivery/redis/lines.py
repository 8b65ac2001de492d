"""What a gateway knows of a group that it follows: up to where it has passed messages on, and what to do at a hole."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from trading.delivery.channel_groups import TaggedFrame, market_message, private_message
from trading.delivery.redis.wires import PresentFrame
from trading.transport.sleeper import Sleeper

Message = dict[str, Any]

Missed = Callable[[str, int], Awaitable[tuple[list[TaggedFrame], int]]]
"""The private frames of a user after a number, as they are stored, and the number of the last one."""
LastNumber = Callable[[str], Awaitable[int]]
"""The number of a user's last private frame that is stored."""
ReadPresent = Callable[[str], Awaitable[PresentFrame | None]]
"""The present frame of a market group; None: there never was one. Raises NoneYet."""

PATIENCE = 5.0
"""Seconds that a message may be on its way whose effect is known already."""


class NoneYet(Exception):
    """The engine has not stored its present frames yet, or Redis has lost them."""


class PrivateLine:
    """The private pushes of a user at a market (None: the first). They are stored before they are told: a hole is
    filled from there."""

    def __init__(self, user_id: str, last_number: LastNumber, missed: Missed, market: str | None = None) -> None:
        self.lock = asyncio.Lock()
        self.joined = False
        self._user_id = user_id
        self._market = market
        self._last_number = last_number
        self._missed = missed
        self._known: int | None = None
        self._turn = asyncio.Lock()

    async def begin(self) -> list[Message]:
        """We hear the group from now on: what was stored before is history."""
        async with self._turn:
            if self._known is None:
                self._known = await self._last_number(self._user_id)
        return []

    async def catch_up(self) -> list[Message]:
        """Some of it may be missing: what is."""
        async with self._turn:
            return [] if self._known is None else await self._fill()

    async def take(self, message: Message) -> list[Message]:
        """What to pass on when a message has come: without holes, and nothing twice."""
        async with self._turn:
            last, frames = message["last_seq"], message["frames"]
            if self._known is None or last <= self._known:
                return []  # it was stored before anybody listened, or told already
            told = []
            if last - len(frames) > self._known:
                told = await self._fill()
            if last > self._known:
                assert last - len(frames) <= self._known, "a push is stored before it is told"
                new = frames[len(frames) - (last - self._known) :]
                self._known = last
                told.append(private_message(self._user_id, new, last, self._market))
            return told

    async def _fill(self) -> list[Message]:
        assert self._known is not None
        frames, last = await self._missed(self._user_id, self._known)
        if last <= self._known:
            return []
        self._known = last
        return [private_message(self._user_id, frames, last, self._market)]


class MarketLine:
    """Market data of a group. Behind a hole it begins anew with the present frame."""

    def __init__(self, group: str, read_present: ReadPresent) -> None:
        self.lock = asyncio.Lock()
        self.joined = False
        self._group = group
        self._read_present = read_present
        self._generation: str | None = None
        self._number: int | None = None  # of the last message that was passed on; None: any may come next
        self._base: PresentFrame | None = None
        self._since: list[Message] = []  # what was passed on behind it
        self._moved = Sleeper()
        self._turn = asyncio.Lock()

    async def begin(self) -> list[Message]:
        """We hear the group from now on, and somebody wants to know how things are: messages that tell it."""
        if self._base is None or self._since:
            await self._refresh()
        frame = None if self._base is None else self._base.frame
        return [*([] if frame is None else [market_message(self._group, [frame])]), *self._since]

    async def _refresh(self) -> None:
        """A newer present frame, and what was passed on behind it. It must not be ahead of what was passed on, or who
        gets it would be told the same change twice."""
        present = await self._read_present(self._group)
        async with asyncio.timeout(PATIENCE):
            while self._is_ahead(present):
                await self._moved.sleep()
        if present is None or (self._generation is not None and present.generation != self._generation):
            return  # a new engine: all begin anew when its first word comes
        known = self._base
        if known is not None and known.generation == present.generation and known.number >= present.number:
            return
        if self._number is None:
            self._generation, self._number = present.generation, present.number
        self._base = present
        self._since = [each for each in self._since if each["number"] > present.number]

    def _is_ahead(self, present: PresentFrame | None) -> bool:
        return (
            present is not None
            and self._number is not None
            and present.generation == self._generation
            and present.number > self._number
        )

    async def catch_up(self) -> list[Message]:
        """Some of it may be missing, or there is another engine: the present frame, if it is another one."""
        async with self._turn:
            return await self._begin_anew()

    async def _begin_anew(self) -> list[Message]:
        present = await self._read_present(self._group)
        if present is None or (present.generation, present.number) == (self._generation, self._number):
            return []
        self._generation, self._number = present.generation, present.number
        self._base, self._since = present, []
        self._moved.wake()
        return [] if present.frame is None else [market_message(self._group, [present.frame])]

    async def take(self, message: Message) -> list[Message]:
        """What to pass on when a message has come: without holes, and nothing twice."""
        async with self._turn:
            told: list[Message] = []
            if self._number is not None and not self._follows(message):
                if message["generation"] == self._generation and message["number"] <= self._number:
                    return []
                told = await self._begin_anew()
                if self._base is not None and not self._is_news(message):
                    return told
            self._generation, self._number = message["generation"], message["number"]
            passed = {**market_message(self._group, message["frames"]), "number": message["number"]}
            self._since.append(passed)
            self._moved.wake()
            return [*told, passed]

    def _is_news(self, message: Message) -> bool:
        """Behind the present frame, which is stored first: what is of another engine is of an earlier one."""
        return bool(message["generation"] == self._generation and message["number"] > (self._number or 0))

    def _follows(self, message: Message) -> bool:
        return bool(message["generation"] == self._generation and message["number"] == (self._number or 0) + 1)


class PassingLine:
    """What a later message says in place of an earlier one, now and then: what is lost is not missed for long."""

    def __init__(self, group: str) -> None:
        self.lock = asyncio.Lock()
        self.joined = False
        self._group = group

    async def begin(self) -> list[Message]:
        return []

    async def catch_up(self) -> list[Message]:
        return []

    async def take(self, message: Message) -> list[Message]:
        return [market_message(self._group, message["frames"])]


Line = PrivateLine | MarketLine | PassingLine
