"""From what the exchange publishes to messages of LOBSTER. Pure.

The exchange publishes levels and trades, and no orders: a message has the order id 0. What a level has gained is a new
limit order (1). What it has lost is an execution (4) where a trade tells so, else a cancel (2, or 3 where nothing is
left). A trade of lots that the book did not show is a hidden execution (5), a trade of an auction a cross (6).
"""

from __future__ import annotations

from collections.abc import Iterator

from bourse_client.book import Book, BookGap
from bourse_client.messages import BookChange, Interruption, Ticker
from bourse_client.research.lobster import BUY, PRICE_UNIT, SELL, UNKNOWN_ORDER, Kind, Level, Message, book_line

Row = tuple[Message, list[int]]
TRADED, STOPPED = 1, -1
"""The prices that a halt has when trading goes on, and when it stops."""


class Events:
    """Keeps the book that its messages make. `midnight`: Unix ms, from which its times count."""

    def __init__(self, instrument_id: str, levels: int, midnight: int) -> None:
        self._levels = levels
        self._midnight = midnight
        self._published = Book(instrument_id)
        self._sides: dict[int, dict[int, int]] = {BUY: {}, SELL: {}}
        self._time = 0
        self._whole = self._fresh = False
        self._last_trade: Ticker | None = None
        self._phase = "continuous"

    def take(self, value: Ticker | BookChange | Interruption) -> Iterator[Row]:
        """What follows from it: messages, each with the book after it."""
        if isinstance(value, Interruption):
            self._whole = False
            return
        self._time = max(self._time, 1_000_000 * (value.timestamp - self._midnight))
        yield from self._trade(value) if isinstance(value, Ticker) else self._change(value)

    def _trade(self, trade: Ticker) -> Iterator[Row]:
        known, self._last_trade = self._last_trade, trade
        fresh, self._fresh = self._fresh, False
        if not self._whole or (fresh and trade == known):  # It is in the book that comes, or was told before.
            return
        price, size = _price(trade.last_price), round(trade.volume)
        if trade.direction is None:
            yield self._row(Kind.CROSS, size, price, 0)
            return
        resting = SELL if trade.direction == "BUY" else BUY
        yield from self._lose_better(resting, price)
        seen = min(size, self._sides[resting].get(price, 0))
        if seen:
            self._set(resting, price, self._sides[resting][price] - seen)
            yield self._row(Kind.VISIBLE_EXECUTION, seen, price, resting)
        if size > seen:
            yield self._row(Kind.HIDDEN_EXECUTION, size - seen, price, resting)

    def _lose_better(self, direction: int, price: int) -> Iterator[Row]:
        """What trades is the best of its side: levels that were better are gone, and the book will say so."""
        for other, size in list(self._sides[direction].items()):
            if direction * other > direction * price:
                self._set(direction, other, 0)
                yield self._row(Kind.DELETE, size, other, direction)

    def _change(self, change: BookChange) -> Iterator[Row]:
        try:
            if not self._published.apply(change):
                return
        except BookGap:  # The client asks for the whole book.
            self._published.forget()
            return
        if change.prev_seq is None:
            self._whole = self._fresh = True
        if not self._whole:
            return
        if self._published.phase != self._phase:
            self._phase = self._published.phase
            yield self._row(Kind.HALT, 0, TRADED if self._phase == "continuous" else STOPPED, -1)
        wanted = {
            direction: {_price(level.price): round(level.volume) for level in levels}
            for direction, levels in ((BUY, self._published.bids), (SELL, self._published.asks))
        }
        for direction in (BUY, SELL):  # What goes, before what comes: in between no book is crossed.
            yield from self._lose(direction, wanted[direction])
        for direction in (BUY, SELL):
            for price, size in wanted[direction].items():
                more = size - self._sides[direction].get(price, 0)
                if more > 0:
                    self._set(direction, price, size)
                    yield self._row(Kind.LIMIT, more, price, direction)

    def _lose(self, direction: int, wanted: dict[int, int]) -> Iterator[Row]:
        for price, size in list(self._sides[direction].items()):
            left = wanted.get(price, 0)
            if left < size:
                self._set(direction, price, left)
                yield self._row(Kind.PARTIAL_CANCEL if left else Kind.DELETE, size - left, price, direction)

    def _set(self, direction: int, price: int, size: int) -> None:
        if size:
            self._sides[direction][price] = size
        else:
            self._sides[direction].pop(price, None)

    def _row(self, kind: Kind, size: int, price: int, direction: int) -> Row:
        asks = [Level(price, size) for price, size in sorted(self._sides[SELL].items())]
        bids = [Level(price, size) for price, size in sorted(self._sides[BUY].items(), reverse=True)]
        message = Message(self._time, kind, UNKNOWN_ORDER, size, price, direction)
        return message, book_line(asks, bids, self._levels)


def _price(price: float) -> int:
    return round(PRICE_UNIT * price)
