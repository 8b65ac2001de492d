"""The price at which an auction ends, from a book whose sides overlap. Arithmetic over levels, in ticks and lots."""

from bisect import bisect_left, bisect_right
from itertools import accumulate

import msgspec

from trading.core.matching.book import Book, E, Level


class Clearing(msgspec.Struct, frozen=True):
    """One price for all trades of an auction, and how many lots trade at it."""

    price: int
    volume: int


def clearing(book: Book[E], reference: int) -> Clearing | None:
    """The price of maximum volume; of several the one with the least imbalance, then the nearest to `reference`
    (ticks), then the higher. None when nothing could trade."""
    if not book.crossed:
        return None
    demand, supply = _Curve(book.bids.levels), _Curve(book.asks.levels)
    lowest, highest = supply.prices[0], demand.prices[-1]
    steps = {price + step for price in (*demand.prices, *supply.prices) for step in (-1, 0, 1)}
    best: tuple[int, int, int, int] | None = None
    for price in {*steps, reference}:
        if lowest <= price <= highest:
            wanted, offered = demand.at_least(price), supply.at_most(price)
            found = (min(wanted, offered), -abs(wanted - offered), -abs(price - reference), price)
            if best is None or found > best:
                best = found
    assert best is not None, "the prices of a crossed book are candidates"
    return Clearing(price=best[3], volume=best[0])


class _Curve:
    """Lots of one side by price."""

    def __init__(self, levels: dict[int, Level]) -> None:
        lots = sorted((level.price, level.volume + level.hidden) for level in levels.values())
        self.prices = [price for price, _ in lots]
        self._sums = [0, *accumulate(volume for _, volume in lots)]

    def at_least(self, price: int) -> int:
        return self._sums[-1] - self._sums[bisect_left(self.prices, price)]

    def at_most(self, price: int) -> int:
        return self._sums[bisect_right(self.prices, price)]
