"""Orders that wait for a price: sorted by it, so that a price costs only those that it fires.

Knows no accounts and no book; prices are whole ticks. What becomes of an order that fires is in `rules/stop_orders.py`.
"""

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from trading.core.types import Trigger


class Waits(Protocol):
    """What the queues must know of an order. `stop`: where it fires; `rising`: whether at or above that price; `place`:
    the number under which it came in, or was last moved."""

    order_id: int
    stop: int

    @property
    def trigger(self) -> Trigger: ...

    @property
    def rising(self) -> bool: ...

    @property
    def trail(self) -> int: ...

    @property
    def place(self) -> int: ...


W = TypeVar("W", bound=Waits)

LAST_ID = 2**63
"""Above every order's number."""
FEW = 8
"""So many orders are moved one by one; more are sorted anew together."""


@dataclass(slots=True, eq=False)
class Sweep:
    """A price that orders have met, of which some are yet to fire: all of their queue at `price` and before that had
    come in or moved by `number`. `left`: how many."""

    trigger: Trigger
    rising: bool
    price: int
    number: int
    left: int = 0


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
        end = bisect_right(self.keys, (price * self.sign, LAST_ID))
        if not end:
            return []
        take = self.orders.pop
        met = [take(order_id) for _, order_id in self.keys[:end]]
        del self.keys[:end]
        if self.trailing:
            for order in met:
                self.trailing.pop(order.order_id, None)
        return met

    def meet_again(self, price: int, number: int) -> list[W]:
        """The same of those that were there by `number`: the others have not met the price."""
        met = self.meet(price)
        for order in met:
            if order.place > number:
                self.add(order)
        return [order for order in met if order.place <= number]

    def follow(self, price: int) -> list[W]:
        """Move trailing stops along with a price that has gone their way; those that moved."""
        sign = self.sign
        moved = [order for order in self.trailing.values() if (price + order.trail * sign - order.stop) * sign < 0]
        if len(moved) <= FEW:
            for order in moved:
                self.remove(order)
                order.stop = price + order.trail * sign
                self.add(order)
        else:
            for order in moved:
                order.stop = price + order.trail * sign
            self.keys = sorted((order.stop * sign, order_id) for order_id, order in self.orders.items())
        return moved


class Waiting(Generic[W]):
    """All waiting orders of an instrument; those that a price has met and that are yet to fire stand in `met`, in the
    order in which they fire, and `sweeps` tells them from the others after a restart."""

    __slots__ = ("_queues", "met", "sweeps")

    def __init__(self) -> None:
        self._queues: dict[tuple[Trigger, bool], Queue[W]] = {}
        self.met: OrderedDict[int, tuple[W, Sweep]] = OrderedDict()
        self.sweeps: list[Sweep] = []

    def __bool__(self) -> bool:
        return bool(self.met) or any(queue.keys for queue in self._queues.values())

    def add(self, order: W) -> None:
        key = (order.trigger, order.rising)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = Queue(1 if order.rising else -1)
        queue.add(order)

    def remove(self, order: W) -> bool:
        """An order that was cancelled; whether a price had met it."""
        if order.order_id in self.met:
            self._done(self.met.pop(order.order_id)[1])
            return True
        self._queues[order.trigger, order.rising].remove(order)
        return False

    def next_met(self) -> W:
        """Take out the order that fires next."""
        order, sweep = self.met.popitem(last=False)[1]
        self._done(sweep)
        return order

    def _done(self, sweep: Sweep) -> None:
        sweep.left -= 1
        if not sweep.left:
            self.sweeps.remove(sweep)

    def see(self, trigger: Trigger, price: int, number: int) -> list[W]:
        """A new price, after `number` was given away: note whom it fires, then move trailing stops along. Those that
        moved."""
        moved: list[W] = []
        for rising in (True, False):
            queue = self._queues.get((trigger, rising))
            if queue is not None and queue.keys:
                self._meet(Sweep(trigger, rising, price, number), queue.meet(price))
                moved += queue.follow(price)
        return moved

    def see_again(self, sweeps: Iterable[Sweep]) -> None:
        """What was met and had not fired before a restart."""
        for sweep in sweeps:
            self._meet(sweep, self._queues[sweep.trigger, sweep.rising].meet_again(sweep.price, sweep.number))

    def _meet(self, sweep: Sweep, met: list[W]) -> None:
        if met:
            sweep.left = len(met)
            self.sweeps.append(sweep)
            for order in met:
                self.met[order.order_id] = order, sweep

    def is_swept(self, order: W) -> bool:
        """Whether orders that have met a price are yet to fire in the queue of an order."""
        return any(sweep.trigger is order.trigger and sweep.rising is order.rising for sweep in self.sweeps)

    def check(self) -> None:
        """Assert that the queues are sorted and hold what they say, and that the sweeps tell who was met."""
        for (trigger, rising), queue in self._queues.items():
            assert queue.keys == sorted((o.stop * queue.sign, o.order_id) for o in queue.orders.values()), (
                "unsorted stops"
            )
            assert all(o.trigger is trigger and o.rising is rising for o in queue.orders.values()), "in a wrong queue"
        for sweep in self.sweeps:
            met = [order for order, of in self.met.values() if of is sweep]
            assert sweep.left == len(met) > 0, "a sweep does not know how many of its orders are left"
            sign = 1 if sweep.rising else -1
            assert all(o.stop * sign <= sweep.price * sign and o.place <= sweep.number for o in met), (
                "an order has met a price that it has not"
            )
            queue = self._queues[sweep.trigger, sweep.rising]
            assert not any(
                o.stop * sign <= sweep.price * sign and o.place <= sweep.number for o in queue.orders.values()
            ), "an order has met a price and waits"
        assert sum(sweep.left for sweep in self.sweeps) == len(self.met), "an order is met by no sweep"
