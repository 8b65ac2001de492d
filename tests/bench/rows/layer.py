"""The channel layer against Channels' in-memory layer: a group of 1,000 channels, every message taken by all."""

import asyncio
import time
from typing import Any

from channels.layers import InMemoryChannelLayer

from tests.bench.figures import Figure, at_least, paired
from trading.delivery.channel_layer import InProcessLayer

CHANNELS = 1_000


def deliveries(layer: Any, rounds: int) -> float:
    return asyncio.run(_deliveries(layer, rounds))


async def _deliveries(layer: Any, rounds: int) -> float:
    channels = [await layer.new_channel() for _ in range(CHANNELS)]
    for channel in channels:
        await layer.group_add("group", channel)
    message = {"type": "frames", "frames": [(None, "x" * 500)]}
    start = time.perf_counter()
    for _ in range(rounds):
        await layer.group_send("group", message)
        for channel in channels:
            await layer.receive(channel)
    return CHANNELS * rounds / (time.perf_counter() - start)


def measure() -> list[Figure]:
    pairs = paired(lambda: deliveries(InProcessLayer(), 100), lambda: deliveries(InMemoryChannelLayer(), 2))
    return [
        at_least(
            f"channel layer alone, {CHANNELS:,} channels in a group",
            f"{pairs.ours:,.0f} deliveries/s",
            f"{pairs.theirs:,.0f} of InMemoryChannelLayer",
            pairs,
            100,
        )
    ]
