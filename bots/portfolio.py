"""What a bot knows, in ticks and lots: instruments, and the books, orders and positions that its client keeps. Pure."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from bourse_client import messages
from bourse_client.book import Book
from bourse_client.messages import BUY, CLOSE, SELL, Frame, Trade

FREE_BAND = 0.2
"""Where an instrument has no price limits, the bots stay this close to its settlement price."""
CONTINUOUS, AUCTION, DELISTED = "continuous", "auction", "delisted"
"""Phases of trading."""
LEVELS = 10
"""Of each side of a book, what a bot looks at."""
MISINFORMED = (1005, 1006, 1007, 1008, 1009, 1013)
"""Codes of orders that would have been right by what the bot knows: it should look again."""


@dataclass(frozen=True)
class Instrument:
    """What of an instrument matters for trading. Prices are in ticks."""

    instrument_id: str
    tick: float
    low: int
    high: int
    anchor: int
    last: int | None
    min_volume: int
    max_volume: int
    max_position: int | None
    max_orders: int | None
    margin: float

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Instrument":
        """From a row of `query_instruments`."""
        tick, anchor, last = row["tick"], row["settlement_price"], row["last_price"]
        down, up = row["limit_down"], row["limit_up"]
        return cls(
            instrument_id=row["instrument_id"],
            tick=tick,
            low=math.ceil(anchor * (1 - FREE_BAND) / tick) if down is None else round(down / tick),
            high=math.floor(anchor * (1 + FREE_BAND) / tick) if up is None else round(up / tick),
            anchor=round(anchor / tick),
            last=None if last is None else round(last / tick),
            min_volume=row["min_volume"],
            max_volume=row["max_volume"],
            max_position=row["max_position"],
            max_orders=row["max_orders"],
            margin=max(row["margin_rate_long"], row["margin_rate_short"]) * anchor * row["multiplier"],
        )

    def price(self, ticks: int) -> float:
        """As the wire carries it."""
        return round(ticks * self.tick, 4)

    def ticks(self, price: float) -> int:
        return round(price / self.tick)


@dataclass
class Order:
    """A live LIMIT order of the bot's own; the price in ticks, `left` lots are not filled."""

    order_id: str
    instrument_id: str
    direction: str
    offset: str
    price: int
    volume: int
    left: int


class Kept(Protocol):
    """What a client keeps from the pushes that it hears."""

    @property
    def live_orders(self) -> list[messages.Order]: ...

    @property
    def positions(self) -> dict[str, messages.Position]: ...

    @property
    def account(self) -> messages.Account | None: ...


class Portfolio:
    """What follows from what a client keeps. `stale`: something has happened of which it is not told everything."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.instruments: dict[str, Instrument] = {}
        self.phases: dict[str, str] = {}
        self.books: dict[str, Book] = {}
        self.stale = False
        self.traded: set[str] = set()
        """Instruments in which own orders have traded; whoever has looked at it clears it."""
        self.trades = 0
        self.refused: Counter[int] = Counter()

    # -- what follows from it

    @property
    def balance(self) -> float:
        return 0.0 if self._kept.account is None else self._kept.account.balance

    @property
    def available(self) -> float:
        return 0.0 if self._kept.account is None else self._kept.account.available

    def orders_in(self, instrument_id: str) -> list[Order]:
        """Those that can be moved; stops that wait and what has no price are none of a bot's."""
        found = [order for order in self._kept.live_orders if order.instrument_id == instrument_id]
        ticks = self.instruments[instrument_id].ticks if found else None
        return [
            Order(
                order_id=order.order_id,
                instrument_id=instrument_id,
                direction=order.direction,
                offset=order.offset,
                price=ticks(order.price),
                volume=int(order.volume),
                left=int(order.remaining_volume),
            )
            for order in found
            if order.price is not None and ticks is not None
        ]

    def ordered(self) -> set[str]:
        """The instruments in which there are orders."""
        return {order.instrument_id for order in self._kept.live_orders}

    def net(self, instrument_id: str) -> int:
        return int(self._position(instrument_id).net)

    def free(self, instrument_id: str, direction: str) -> int:
        """Lots that an order of this direction may close: those that no live order closes already."""
        position = self._position(instrument_id)
        held = sum(
            order.left
            for order in self.orders_in(instrument_id)
            if order.offset == CLOSE and order.direction == direction
        )
        return max(0, int(position.volume_short if direction == BUY else position.volume_long) - held)

    def bids(self, instrument_id: str) -> list[tuple[int, int]]:
        """Prices in ticks with the lots there, best first."""
        book = self.books.get(instrument_id)
        return [] if book is None else self._levels(instrument_id, book.bids)

    def asks(self, instrument_id: str) -> list[tuple[int, int]]:
        book = self.books.get(instrument_id)
        return [] if book is None else self._levels(instrument_id, book.asks)

    def others_best(self, instrument_id: str) -> tuple[int | None, int | None]:
        """The best bid and ask of everybody else, as far as the book tells."""
        own: dict[str, Counter[int]] = {BUY: Counter(), SELL: Counter()}
        for order in self.orders_in(instrument_id):
            own[order.direction][order.price] += order.left
        return best(self.bids(instrument_id), own[BUY]), best(self.asks(instrument_id), own[SELL])

    def _position(self, instrument_id: str) -> messages.Position:
        return self._kept.positions.get(instrument_id) or messages.Position(instrument_id=instrument_id)

    def _levels(self, instrument_id: str, levels: Iterable[messages.Level]) -> list[tuple[int, int]]:
        ticks = self.instruments[instrument_id].ticks
        return [(ticks(level.price), int(level.volume)) for level in list(levels)[:LEVELS]]

    # -- what it is told

    def learn(self, rows: Iterable[Frame]) -> None:
        """Instruments, as `query_instruments` tells them."""
        for row in rows:
            self.instruments[row["instrument_id"]] = Instrument.of(row)
            self.phases[row["instrument_id"]] = row["phase"]
        self.stale = False

    def look_at(self, book: Book) -> None:
        """A book has changed."""
        self.books[book.instrument_id] = book
        self.phases[book.instrument_id] = book.phase

    def hear(self, push: Any) -> None:
        """A private push."""
        if isinstance(push, Trade):
            self.trades += 1
            self.traded.add(push.instrument_id)
        elif isinstance(push, dict) and push["type"] in ("statement", "position_expired", "liquidation"):
            self.stale = True

    def refuse(self, codes: Iterable[int]) -> None:
        """The exchange has refused something."""
        for code in codes:
            self.refused[code] += 1
            self.stale |= code in MISINFORMED


def best(levels: list[tuple[int, int]], own: Counter[int] | None = None) -> int | None:
    """The best price at which there is more than `own` (price to lots)."""
    mine = own or Counter()
    return next((price for price, lots in levels if lots > mine[price]), None)
