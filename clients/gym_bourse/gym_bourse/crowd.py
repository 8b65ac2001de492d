"""The bots of the demo market, on an exchange in the process: the same quotes and the same flow, without a network."""

from __future__ import annotations

import heapq
import random
from collections import Counter

from bourse_client.messages import BUY, SELL

from bots import flow, quotes
from bots.path import Path
from bots.portfolio import CONTINUOUS, best
from bots.quotes import Style
from gym_bourse.market import NAME, Market

FUNDS = 1_000_000_000
MOST = 5_000
"""Lots that a maker is ready to be long or short."""
STYLES = (Style(gap=1.0), Style(gap=1.5, lots=8), Style(gap=2.0, spacing=2, lots=10))
ORDERS_PER_SECOND = 2.2
"""What all takers together send, as in the demo market."""
LEVELS = 10


class Maker:
    """Quotes around the fair price, and leans against its position."""

    def __init__(self, market: Market, number: int) -> None:
        self._market = market
        self._style = STYLES[number % len(STYLES)]
        self._account = market.open(f"maker{number}", FUNDS)
        self._centre: float | None = None

    def act(self, fair: float) -> None:
        market, me = self._market, self._account
        live = market.orders(me)
        bids, asks = market.depth(LEVELS)
        own: dict[str, Counter[int]] = {BUY: Counter(), SELL: Counter()}
        for order in live:
            own[order.direction][order.price] += order.left
        net = market.net(me)
        view = quotes.View(fair=fair, net=net, most=MOST, best_bid=best(bids, own[BUY]), best_ask=best(asks, own[SELL]))
        self._centre = quotes.follow(self._centre, fair + quotes.skew(self._style, net))
        wanted = quotes.ladder(self._style, market.instrument, view, self._centre)
        plan = quotes.plan(live, wanted, {side: market.free(me, side) for side in (BUY, SELL)})
        for order in plan.cancels:
            market.cancel(me, order.order_id)
        for change in plan.amendments:
            market.amend(me, change.order.order_id, change.price, change.volume)
        for new in plan.submissions:
            market.submit(me, new.direction, new.offset, new.volume, new.price, post_only=True)


class Taker:
    """Comes at moments of its own, takes what the book has, and sometimes leaves an order for a while."""

    def __init__(self, market: Market, number: int, seed: str, rate: float) -> None:
        self._market = market
        self._dice = random.Random(f"{seed} taker {number}")  # noqa: S311 -- dice of a game
        self._account = market.open(f"taker{number}", FUNDS)
        self._arrivals = flow.Arrivals(self._dice, rate)
        self._due = self._arrivals.next()
        self._resting: list[tuple[float, str]] = []

    def act(self, now: float, fair: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            self._market.cancel(self._account, heapq.heappop(self._resting)[1])
        while self._due <= now:
            self._due = self._arrivals.next()
            self._arrive(now, fair)

    def _arrive(self, now: float, fair: float) -> None:
        market, me = self._market, self._account
        bids, asks = market.depth(LEVELS)
        view = flow.View(
            phase=CONTINUOUS,
            fair=fair,
            best_bid=best(bids),
            best_ask=best(asks),
            net=market.net(me),
            free={side: market.free(me, side) for side in (BUY, SELL)},
            lots={BUY: sum(lots for _, lots in asks), SELL: sum(lots for _, lots in bids)},
        )
        intent = flow.decide(self._dice, market.instrument, view)
        if intent is None:
            return
        waits = intent.patience is not None
        order = market.submit(me, intent.direction, intent.offset, intent.volume, intent.price, waits=waits)
        if order is not None and intent.patience is not None:
            heapq.heappush(self._resting, (now + intent.patience, order))


class Crowd:
    """Makers, takers, and the fair price that they all believe in."""

    def __init__(self, market: Market, seed: str, makers: int, takers: int) -> None:
        self._market = market
        what = market.instrument
        anchor, low, high = (what.tick * ticks for ticks in (what.anchor, what.low, what.high))
        self._path = Path(f"{seed} {NAME}", start=anchor, anchor=anchor, low=low, high=high, tick=what.tick)
        rate = ORDERS_PER_SECOND / max(takers, 1)
        self._makers = [Maker(market, number) for number in range(makers)]
        self._takers = [Taker(market, number, seed, rate) for number in range(takers)]

    def act(self) -> None:
        """What they do by now."""
        now = self._market.now / 1000
        fair = self._path.at(now) / self._market.instrument.tick
        for taker in self._takers:
            taker.act(now, fair)
        for maker in self._makers:
            maker.act(fair)
