"""Takers: come at moments of their own, trade what the book has, and sometimes leave an order for a while."""

import asyncio
import heapq

from bourse_client import Client
from bourse_client.messages import BUY, SELL

from bots import flow
from bots.bot import Bot
from bots.portfolio import Instrument, best
from bots.world import Identity, World

LONGEST_NAP = 1.0
"""Seconds a taker sleeps at a stretch: it has orders to cancel and to look around."""


class Taker(Bot):
    """Sends `rate` orders a second on average, spread over all tradable instruments."""

    def __init__(self, identity: Identity, world: World, rate: float, client: Client | None = None) -> None:
        super().__init__(identity, world, client)
        self._arrivals = flow.Arrivals(self.dice, rate)
        self._due = self._arrivals.next()
        self._resting: list[tuple[float, str]] = []
        """When to cancel which order, the next one first."""

    async def begin(self) -> None:
        """Nobody knows any more why the orders of before were left."""
        await self.attempt(self.client.cancel_all())
        while self._due < self.world.clock():
            self._due = self._arrivals.next()

    async def act(self) -> None:
        """Sleep until there is something to do, and do it."""
        wait = min([self._due, *(when for when, _ in self._resting[:1])]) - self.world.clock()
        await asyncio.sleep(min(max(wait / self.world.speed, 0.0), LONGEST_NAP))
        now = self.world.clock()
        while self._resting and self._resting[0][0] <= now:
            await self._give_up(heapq.heappop(self._resting)[1])
        if self._due <= now:
            self._due = self._arrivals.next()
            await self._arrive()

    async def _give_up(self, order_id: str) -> None:
        if any(order.order_id == order_id for order in self.client.live_orders):
            await self.attempt(self.client.cancel(order_id))

    async def _arrive(self) -> None:
        instruments = self.tradable()
        if instruments:
            instrument = self.dice.choice(list(instruments.values()))
            intent = flow.decide(self.dice, instrument, self._view(instrument))
            if intent is not None:
                await self._send(instrument, intent)

    def _view(self, instrument: Instrument) -> flow.View:
        name = instrument.instrument_id
        bids, asks = self.portfolio.bids(name), self.portfolio.asks(name)
        return flow.View(
            phase=self.portfolio.phases[name],
            fair=self.world.fair(instrument),
            best_bid=best(bids),
            best_ask=best(asks),
            net=self.portfolio.net(name),
            free={direction: self.portfolio.free(name, direction) for direction in (BUY, SELL)},
            lots={BUY: sum(lots for _, lots in asks), SELL: sum(lots for _, lots in bids)},
            appetite=self.appetite,
        )

    async def _send(self, instrument: Instrument, intent: flow.Intent) -> None:
        order = await self.attempt(
            self.client.place(
                instrument.instrument_id,
                intent.direction,
                intent.volume,
                None if intent.price is None else instrument.price(intent.price),
                offset=intent.offset,
                time_condition=intent.time_condition,
            )
        )
        if order is not None and intent.patience is not None:
            heapq.heappush(self._resting, (self.world.clock() + intent.patience, order.order_id))
