"""Market makers: show prices on both sides of every book, follow the fair price, and lean against their position."""

import asyncio
import secrets
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from bourse_client import Client
from bourse_client.messages import BUY, SELL

from bots import quotes
from bots.bot import Bot
from bots.portfolio import AUCTION, Instrument
from bots.quotes import Plan, Style
from bots.world import Identity, World

REVIEW_SECONDS = 1.0
"""Between two looks at the quotes in one instrument."""
SHARE = 0.5
"""Of the money, what may become margin of positions."""
STYLES = (Style(gap=0.5), Style(gap=1.0, lots=8), Style(gap=1.5, spacing=2, lots=10))
"""Makers differ, in turn."""


class Maker(Bot):
    """Quotes in all tradable instruments, one after the other."""

    def __init__(self, identity: Identity, world: World, number: int, client: Client | None = None) -> None:
        super().__init__(identity, world, client)
        self._style = STYLES[number % len(STYLES)]
        self._centres: dict[str, float] = {}
        self._turns: list[str] = []

    async def begin(self) -> None:
        """Orders of before that still are where they should be keep their places."""

    async def act(self) -> None:
        """Wait for a trade of its own, or until the next instrument's turn has come; then look at those quotes."""
        await self._withdraw()
        instruments = self.tradable()
        await self._pause(REVIEW_SECONDS / self.world.speed / max(len(instruments), 1))
        for name in self._due(list(instruments)):
            await self._review(instruments[name])

    async def _withdraw(self) -> None:
        """Nobody knows what the price will be when trading goes on."""
        tradable = self.tradable()
        for name in self.portfolio.ordered() - set(tradable):
            await self.attempt(self.client.cancel_all(name))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds * self.dice.uniform(0.5, 1.5)):
                await self.traded.wait()

    def _due(self, names: list[str]) -> list[str]:
        """Where something was traded, and the next in turn: a busy instrument must not hold up the others."""
        due = self.portfolio.traded.intersection(names)
        self.portfolio.traded.clear()
        self.traded.clear()
        self._turns = [name for name in self._turns if name in names] or list(names)
        if self._turns:
            due.add(self._turns.pop(0))
        return sorted(due)

    async def _review(self, instrument: Instrument) -> None:
        """Bring the orders to where they should be now."""
        name = instrument.instrument_id
        best_bid, best_ask = self.portfolio.others_best(name)
        view = quotes.View(
            fair=self.world.fair(instrument),
            net=self.portfolio.net(name),
            most=self._most(instrument),
            best_bid=best_bid,
            best_ask=best_ask,
            appetite=self.appetite,
        )
        wanted_centre = view.fair + quotes.skew(self._style, view.net)
        centre = self._centres[name] = quotes.follow(self._centres.get(name), wanted_centre)
        wanted = quotes.ladder(self._style, instrument, view, centre)
        free = {direction: self.portfolio.free(name, direction) for direction in (BUY, SELL)}
        live = self.portfolio.orders_in(name)
        await self._carry_out(instrument, quotes.plan(live, wanted, free, instrument.min_volume))

    def _most(self, instrument: Instrument) -> int:
        """Lots to be long or short at most."""
        money = SHARE * max(self.portfolio.balance, 0) / len(self.portfolio.instruments)
        lots = int(money / instrument.margin)
        return lots if instrument.max_position is None else min(lots, instrument.max_position // 2)

    async def _carry_out(self, instrument: Instrument, plan: Plan) -> None:
        """Send all of it at once; the exchange does it in this order."""
        requests: list[Awaitable[Any]] = []
        if plan.cancels:
            ids = [order.order_id for order in plan.cancels]
            requests.append(self.client.ask("cancel_orders", order_ids=ids))
        for change in plan.amendments:
            price = instrument.price(change.price)
            requests.append(self.client.amend(change.order.order_id, price=price, volume=change.volume))
        if plan.submissions:
            post_only = self.portfolio.phases[instrument.instrument_id] != AUCTION
            orders = [
                {
                    "instrument_id": instrument.instrument_id,
                    "direction": order.direction,
                    "offset": order.offset,
                    "order_type": "LIMIT",
                    "price": instrument.price(order.price),
                    "volume": order.volume,
                    "post_only": post_only,
                    "client_order_id": secrets.token_hex(12),
                }
                for order in plan.submissions
            ]
            requests.append(self.client.ask("submit_orders", orders=orders))
        await asyncio.gather(*map(self.attempt, requests))
