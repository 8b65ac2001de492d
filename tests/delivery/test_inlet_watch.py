"""A gateway that hears nothing any more, not even itself, listens over another connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.redis.inlet import Inlet

BEAT = {"type": "beat", "generation": "g", "closed": None}


class Redis:
    """Both ways to it: what is sent to the channel is heard there, while the line is alive."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.hung_up = asyncio.Event()
        self.alive = True
        self.swallowed = 0

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        if self.alive:
            await self.messages.put(message)
        else:
            self.swallowed += 1

    async def receive(self, channel: str) -> dict[str, Any]:
        return await self.messages.get()

    async def group_add(self, group: str, channel: str) -> None:
        pass

    async def hang_up(self) -> None:
        self.alive = True
        self.hung_up.set()


@pytest.fixture
def redis() -> Redis:
    return Redis()


@pytest.fixture
async def inlet(redis: Redis, deaf_seconds: float) -> AsyncIterator[Inlet]:
    """It is at work, and is told of its connection."""
    made = Inlet(
        InProcessLayer(10),
        inbound=redis,
        outbound=redis,
        market="MAIN",
        channel="c",
        take_answers=lambda data: None,
        take_note=lambda note: None,
        last_number=None,  # type: ignore[arg-type]  # nobody is connected
        missed=None,  # type: ignore[arg-type]
        read_present=None,  # type: ignore[arg-type]
        silent_seconds=0.05,
        deaf_seconds=deaf_seconds,
    )
    tasks = [asyncio.create_task(work()) for work in (made.run, made.watch)]
    await made.open()
    made.connected(redis.hang_up)
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def more_than(before: int, inlet: Inlet) -> None:
    async with asyncio.timeout(60):
        while inlet.taken_in <= before:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("deaf_seconds", [0.05])
async def test_a_dead_line_is_left_and_the_next_one_is_heard(inlet: Inlet, redis: Redis) -> None:
    redis.alive = False
    await asyncio.wait_for(redis.hung_up.wait(), 60)
    assert redis.swallowed, "it has spoken to itself"
    before = inlet.taken_in
    await redis.send("c", BEAT)
    await more_than(before, inlet)


@pytest.mark.parametrize("deaf_seconds", [60])
async def test_a_line_on_which_nobody_else_speaks_is_kept(inlet: Inlet, redis: Redis) -> None:
    """There is no engine: the gateway still hears itself."""
    for _ in range(3):
        await more_than(inlet.taken_in, inlet)  # it speaks because nobody does
    assert not redis.hung_up.is_set()
