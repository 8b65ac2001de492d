"""The yardstick for the book: the plainest fast price-time book there is in Python, closures over dicts and lists.

No objects an order, no accounts, no invariants: a level is a dict from order id to lots, in time order.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Any


class Baseline:
    """The adapter of the public workloads, with its methods as closures."""

    def __init__(self, report: Callable[[tuple[int, ...]], None]) -> None:
        self.new, self.cancel, self.modify = _book(report)


def _book(report: Callable[[tuple[int, ...]], None]) -> tuple[Any, Any, Any]:
    sides: tuple[tuple[list[int], dict[int, dict[int, int]]], ...] = (([], {}), ([], {}))
    orders: dict[int, tuple[int, int]] = {}

    def match(seq: int, oid: int, side: int, price: int, qty: int) -> int:
        keys, levels = sides[1 - side]
        limit = -price if side == 0 else price
        while qty and keys and keys[-1] >= limit:
            key = keys[-1]
            queue = levels[key]
            while queue:
                maker = next(iter(queue))
                lots = queue[maker]
                traded = min(lots, qty)
                report((1, seq, abs(key), traded, maker, oid))
                qty -= traded
                if traded < lots:
                    queue[maker] = lots - traded
                    return 0
                del queue[maker], orders[maker]
                if not qty:
                    break
            if not queue:
                keys.pop()
                del levels[key]
        return qty

    def rest(oid: int, side: int, price: int, qty: int) -> None:
        keys, levels = sides[side]
        key = price if side == 0 else -price
        queue = levels.get(key)
        if queue is None:
            queue = levels[key] = {}
            insort(keys, key)
        queue[oid] = qty
        orders[oid] = (side, key)

    def remove(oid: int) -> tuple[int, int] | None:
        found = orders.pop(oid, None)
        if found is None:
            return None
        side, key = found
        keys, levels = sides[side]
        queue = levels[key]
        del queue[oid]
        if not queue:
            del levels[key], keys[bisect_left(keys, key)]
        return found

    def new(seq: int, oid: int, side: int, price: int, qty: int, ioc: int) -> None:
        report((0, seq, side, oid, price, qty))
        qty = match(seq, oid, side, price, qty)
        if qty and ioc:
            report((2, seq, side, oid, price))
        elif qty:
            rest(oid, side, price, qty)

    def cancel(seq: int, oid: int) -> None:
        found = remove(oid)
        report((4, seq, oid) if found is None else (2, seq, found[0], oid, abs(found[1])))

    def modify(seq: int, oid: int, side: int, price: int, qty: int) -> None:
        if remove(oid) is None:
            report((5, seq, oid))
            return
        report((3, seq, side, oid, price, qty))
        qty = match(seq, oid, side, price, qty)
        if qty:
            rest(oid, side, price, qty)

    return new, cancel, modify
