"""Orders that wait for a price: sorted by it, so that a price costs only those that it fires.

Knows no accounts and no book; prices are whole ticks. What becomes of an order that fires is in `waiting.py`.
"""

from bisect import bisect_left, insort
from typing import Generic, Protocol, TypeVar

from trading.core.types import Trigger


class Waits(Protocol):
    """What the queues must know of an order. `stop`: where it fires; `rising`: whether at or above that price."""

    order_id: int
    stop: int

    @property
    def trigger(self) -> Trigger: ...

    @property
    def rising(self) -> bool: ...

    @property
    def trail(self) -> int: ...


W = TypeVar("W", bound=Waits)


class Queue(Generic[W]):
    """The orders that watch one price. `sign` 1: rising, they fire at or above their stop; -1: falling."""

    __slots__ = ("keys", "orders", "sign", "trailing")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[tuple[int, int]] = []
        self.orders: dict[int, W] = {}
        self.trailing: dict[int, W] = {}

    def add(self, order: W) -> None:
        insort(self.keys, (order.stop * self.sign, order.order_id))
        self.orders[order.order_id] = order
        if order.trail:
            self.trailing[order.order_id] = order

    def remove(self, order: W) -> None:
        del self.keys[bisect_left(self.keys, (order.stop * self.sign, order.order_id))]
        del self.orders[order.order_id]
        self.trailing.pop(order.order_id, None)

    def meet(self, price: int) -> list[W]:
        """Take out what `price` fires: those whose stop was met first, then the oldest."""
        met: list[W] = []
        while self.keys and self.keys[0][0] <= price * self.sign:
            order = self.orders[self.keys[0][1]]
            self.remove(order)
            met.append(order)
        return met

    def follow(self, price: int) -> list[W]:
        """Move trailing stops along with a price that has gone their way; those that moved."""
        moved: list[W] = []
        for order in list(self.trailing.values()):
            stop = price + order.trail * self.sign
            if stop * self.sign < order.stop * self.sign:
                self.remove(order)
                order.stop = stop
                self.add(order)
                moved.append(order)
        return moved


class Waiting(Generic[W]):
    """All waiting orders of an instrument, and those that a price has met and that are yet to fire."""

    __slots__ = ("_queues", "met")

    def __init__(self) -> None:
        self._queues: dict[tuple[Trigger, bool], Queue[W]] = {}
        self.met: list[W] = []

    def __bool__(self) -> bool:
        return bool(self.met) or any(queue.keys for queue in self._queues.values())

    def add(self, order: W) -> None:
        key = (order.trigger, order.rising)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = Queue(1 if order.rising else -1)
        queue.add(order)

    def remove(self, order: W) -> None:
        """An order that was cancelled, whether a price has met it or not."""
        if order in self.met:
            self.met.remove(order)
        else:
            self._queues[order.trigger, order.rising].remove(order)

    def see(self, trigger: Trigger, price: int) -> list[W]:
        """A new price: note whom it fires, then move trailing stops along. Those that moved."""
        moved: list[W] = []
        for rising in (True, False):
            queue = self._queues.get((trigger, rising))
            if queue is not None and queue.keys:
                self.met += queue.meet(price)
                moved += queue.follow(price)
        return moved

    def check(self) -> None:
        """Assert that the queues are sorted and hold what they say."""
        for (trigger, rising), queue in self._queues.items():
            assert queue.keys == sorted((o.stop * queue.sign, o.order_id) for o in queue.orders.values()), (
                "unsorted stops"
            )
            assert all(o.trigger is trigger and o.rising is rising for o in queue.orders.values()), "in a wrong queue"
