"""A venue whose engine is the test."""

import asyncio

from tests.websocket.client import PATIENCE
from trading.core.events import OrderAccepted
from trading.observability.counters import Counters
from trading.transport.gateway import Envelope, Gateway
from trading.transport.in_process import InProcessQueue


class Engineless:
    """A venue's gateway and queue without an engine: tests take the commands out and answer them."""

    def __init__(self, limit: int) -> None:
        self.queue = InProcessQueue(limit)
        self.gateway = Gateway(self.queue, Counters())

    async def take(self, count: int) -> list[Envelope]:
        taken: list[Envelope] = []
        async with asyncio.timeout(PATIENCE):
            while len(taken) < count:
                taken += await self.queue.take(count - len(taken), PATIENCE)
        return taken


def accepted(number: int) -> OrderAccepted:
    return OrderAccepted(number, 1, 1, 1)
