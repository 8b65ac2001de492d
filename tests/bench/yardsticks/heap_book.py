"""The second yardstick for the book: prices in a heap, so that a level needs no place in a sorted list.

Closures again, a level is a dict from order id to lots. An order knows its level's dict itself; a level that is empty
stays where it is until the heap brings its price to the top, or until orders come at that price again.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

Level = tuple[dict[int, int], int, int]
"""Lots by order, the price, the side."""


class HeapBook:
    """The adapter of the public workloads, with its methods as closures."""

    def __init__(self, report: Callable[[tuple[int, ...]], None]) -> None:
        self.new, self.cancel, self.modify = _book(report)


def _book(report: Callable[[tuple[int, ...]], None]) -> tuple[Any, Any, Any]:
    where: dict[int, Level] = {}
    buys: tuple[list[int], dict[int, Level]] = [], {}
    sells: tuple[list[int], dict[int, Level]] = [], {}
    take = where.pop

    def rest(oid: int, side: int, price: int, qty: int) -> None:
        prices, levels = sells if side else buys
        level = levels.get(price)
        if level is None:
            level = levels[price] = {}, price, side
            heappush(prices, price if side else -price)
        level[0][oid] = qty
        where[oid] = level

    def match(seq: int, oid: int, side: int, price: int, qty: int) -> int:
        """What is left. `limit` and the heap are both turned so that the smallest price is the best."""
        prices, levels = buys if side else sells
        limit = -price if side else price
        while prices and prices[0] <= limit:
            best = -prices[0] if side else prices[0]
            queue = levels[best][0]
            gone = []
            for maker, lots in queue.items():
                if lots > qty:
                    queue[maker] = lots - qty
                    report((1, seq, best, qty, maker, oid))
                    qty = 0
                    break
                report((1, seq, best, lots, maker, oid))
                gone.append(maker)
                qty -= lots
                if not qty:
                    break
            for maker in gone:
                del queue[maker], where[maker]
            if not queue:
                heappop(prices)
                del levels[best]
            if not qty:
                break
        return qty

    def new(seq: int, oid: int, side: int, price: int, qty: int, ioc: int) -> None:
        report((0, seq, side, oid, price, qty))
        left = match(seq, oid, side, price, qty)
        if left and ioc:
            report((2, seq, side, oid, price))
        elif left:
            rest(oid, side, price, left)

    def cancel(seq: int, oid: int) -> None:
        level = take(oid, None)
        if level is None:
            report((4, seq, oid))
            return
        queue, price, side = level
        del queue[oid]
        report((2, seq, side, oid, price))

    def modify(seq: int, oid: int, side: int, price: int, qty: int) -> None:
        level = take(oid, None)
        if level is None:
            report((5, seq, oid))
            return
        del level[0][oid]
        report((3, seq, side, oid, price, qty))
        left = match(seq, oid, side, price, qty)
        if left:
            rest(oid, side, price, left)

    return new, cancel, modify
