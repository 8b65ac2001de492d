"""Plays messages of LOBSTER into a market, as orders of one user; a second one takes where lots were executed."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bourse_client.client import Client
from bourse_client.errors import OrderFinished, Refused
from bourse_client.research.lobster import BUY, PRICE_UNIT, UNKNOWN_ORDER, Kind, Message

Key = tuple[int, int]
"""Direction and price."""


@dataclass
class Resting:
    """An order of ours. `volume`: all its lots, as an amendment says it; `left`: those in the book."""

    order_id: str
    number: int
    key: Key
    volume: int
    left: int


@dataclass
class Outcome:
    """How many messages were played, and what could not be."""

    played: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    """By the kind of message: hidden executions, crosses, halts; and lots of which no order of ours is known."""
    refused: Counter[int] = field(default_factory=Counter)
    """By code."""


class Replay:
    """Without a `taker` what was executed is taken out of the book, and nothing is traded: an account does not trade
    with itself."""

    def __init__(self, maker: Client, taker: Client | None, instrument_id: str, largest: int) -> None:
        """`largest`: lots that one order may have."""
        self._maker = maker
        self._taker = taker
        self._instrument_id = instrument_id
        self._largest = largest
        self._by_level: defaultdict[Key, list[Resting]] = defaultdict(list)
        self._by_id: defaultdict[int, list[Resting]] = defaultdict(list)
        self.outcome = Outcome()

    async def begin(self, book: Mapping[Key, int]) -> None:
        """Put in what was there before the first message."""
        for key, size in book.items():
            await self._guarded(self._add(UNKNOWN_ORDER, key, size))

    async def play(self, messages: Iterable[Message], speed: float, tell: Callable[[], Any]) -> None:
        """One after another, `speed` times as fast as they came; 0: each as soon as the one before is done."""
        loop = asyncio.get_running_loop()
        started, first = loop.time(), None
        for message in messages:
            first = message.nanoseconds if first is None else first
            if speed:
                await asyncio.sleep(started + (message.nanoseconds - first) / 1e9 / speed - loop.time())
            await self._guarded(self._do(message))
            self.outcome.played += 1
            tell()

    async def _guarded(self, work: Any) -> None:
        """What the exchange refuses is counted, and the rest goes on."""
        try:
            await work
        except Refused as refused:
            self.outcome.refused[refused.code] += 1

    async def _do(self, message: Message) -> None:
        key = message.direction, message.price
        match message.kind:
            case Kind.LIMIT:
                await self._add(message.order_id, key, message.size)
            case Kind.PARTIAL_CANCEL | Kind.DELETE:
                await self._take_out(self._orders(message)[::-1], message.size)
            case Kind.VISIBLE_EXECUTION:
                await self._execute(message, key)
            case _:
                self.outcome.passed_over[message.kind.name] += 1

    def _orders(self, message: Message) -> list[Resting]:
        """That order; where it is not known by its id, those of its level. The oldest first."""
        known = self._by_id.get(message.order_id, []) if message.order_id != UNKNOWN_ORDER else []
        return list(known or self._by_level[message.direction, message.price])

    async def _add(self, number: int, key: Key, size: int) -> None:
        direction, price = key
        while size > 0:
            lots = min(size, self._largest)
            side = "BUY" if direction == BUY else "SELL"
            order = await self._maker.place(self._instrument_id, side, lots, price / PRICE_UNIT)
            resting = Resting(order.order_id, number, key, lots, lots)
            self._by_level[key].append(resting)
            if number != UNKNOWN_ORDER:
                self._by_id[number].append(resting)
            size -= lots

    async def _execute(self, message: Message, key: Key) -> None:
        orders = self._orders(message)
        if self._taker is None:
            await self._take_out(orders, message.size)
            return
        side = "SELL" if message.direction == BUY else "BUY"
        taken = await self._taker.place(
            self._instrument_id, side, message.size, message.price / PRICE_UNIT, time_condition="IOC"
        )
        size = round((await self._taker.finished(taken.order_id)).filled_volume)
        for resting in self._by_level[key][:]:  # The exchange takes the oldest of a level, whichever was taken then.
            lots = min(size, resting.left)
            size -= lots
            resting.left -= lots
            self._forget_empty(resting)

    async def _take_out(self, orders: list[Resting], size: int) -> None:
        """So many lots of these orders, in this order."""
        for resting in orders:
            lots = min(size, resting.left)
            if lots == 0:
                continue
            try:
                if lots == resting.left:
                    await self._maker.cancel(resting.order_id)
                else:
                    await self._maker.amend(resting.order_id, volume=resting.volume - lots)
            except OrderFinished as finished:  # somebody else has traded with it
                self.outcome.refused[finished.code] += 1
                lots = resting.left
            resting.volume -= lots
            resting.left -= lots
            size -= lots
            self._forget_empty(resting)
        if size > 0:
            self.outcome.passed_over["UNKNOWN_ORDER"] += 1

    def _forget_empty(self, resting: Resting) -> None:
        if resting.left == 0:
            self._by_level[resting.key].remove(resting)
            if resting.number != UNKNOWN_ORDER:
                self._by_id[resting.number].remove(resting)
