"""Takers: come at moments of their own, trade what the book has, and sometimes leave an order for a while."""

import asyncio
import heapq

from bots import flow
from bots.bot import Bot
from bots.frames import BUY, SELL
from bots.portfolio import Book, Instrument
from bots.world import Identity, World

LONGEST_NAP = 1.0
"""Seconds a taker sleeps at a stretch: it has orders to cancel and to look around."""


class Taker(Bot):
    """Sends `rate` orders a second on average, spread over all tradable instruments."""

    def __init__(self, identity: Identity, world: World, rate: float) -> None:
        super().__init__(identity, world)
        self._arrivals = flow.Arrivals(self.dice, rate)
        self._due = self._arrivals.next()
        self._resting: list[tuple[float, str]] = []
        """When to cancel which order, the next one first."""

    async def begin(self) -> None:
        """Nobody knows any more why the orders of before were left."""
        await self.ask("cancel_all")
        self.portfolio.orders.clear()
        self._resting.clear()
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
        if order_id in self.portfolio.orders:
            await self.ask("cancel_order", order_id=order_id)

    async def _arrive(self) -> None:
        instruments = self.tradable()
        if instruments:
            instrument = self.dice.choice(list(instruments.values()))
            intent = flow.decide(self.dice, instrument, self._view(instrument))
            if intent is not None:
                await self._send(instrument, intent)

    def _view(self, instrument: Instrument) -> flow.View:
        name = instrument.instrument_id
        book = self.portfolio.books.get(name, Book())
        return flow.View(
            phase=self.portfolio.phases[name],
            fair=self.world.fair(instrument),
            best_bid=book.bids.best(),
            best_ask=book.asks.best(),
            net=self.portfolio.net(name),
            free={direction: self.portfolio.free(name, direction) for direction in (BUY, SELL)},
            lots={BUY: book.asks.lots, SELL: book.bids.lots},
            appetite=self.appetite,
        )

    async def _send(self, instrument: Instrument, intent: flow.Intent) -> None:
        price = {} if intent.price is None else {"price": instrument.price(intent.price)}
        answer = await self.ask(
            "submit_order",
            instrument_id=instrument.instrument_id,
            direction=intent.direction,
            offset=intent.offset,
            order_type=intent.order_type,
            time_condition=intent.time_condition,
            volume=intent.volume,
            **price,
        )
        if answer["success"] and intent.patience is not None:
            heapq.heappush(self._resting, (self.world.clock() + intent.patience, answer["order_id"]))
