"""What an order would trade if it came in now: a walk along the book that changes nothing.

Does all that the matching in `execution.py` does on its way: own orders are cancelled or stop it, icebergs go behind
the others of their price, an order of an `oco_group` that trades takes the others of its group out of the book.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from trading.core.matching.book import Level
from trading.core.orders import Order
from trading.core.types import SelfTrade

CANCEL_MAKER: Final = SelfTrade.CANCEL_MAKER


@dataclass(slots=True, eq=False)
class Outlook:
    """The trades to come as (price in ticks, lots), a line a price, and whether an own order then ends the order."""

    fills: list[tuple[int, int]]
    lots: int = 0
    stopped: bool = False


def self_trade_rule(order: Order) -> SelfTrade:
    """The incoming order's own rule, or its account's."""
    if order.options is None or order.options.stp is None:
        own = order.account.own_rules
        return CANCEL_MAKER if own is None else own.stp
    return order.options.stp


def own_orders(order: Order) -> list[Order]:
    """Orders of the same account that rest on the other side of the book, in the order that it would meet them."""
    if not order.account.side(order.instrument.instrument_id, not order.is_buy).live:
        return []
    found: list[Order] = [
        other
        for other in order.account.orders.values()
        if other.instrument is order.instrument and other.is_buy is not order.is_buy and other.level is not None
    ]
    sign = 1 if order.is_buy else -1
    return sorted(found, key=lambda other: (other.price * sign, other.place))


def foresee(order: Order, limit: int) -> Outlook:
    """The trades of an order that goes down to `limit` (ticks)."""
    half = order.instrument.book.other(order.is_buy)
    limit_key = half.key(limit)
    walk = _Walk(order)
    for key in reversed(half.keys):
        if key < limit_key or not walk.left or walk.stopped:
            break
        level, before = half.levels[key], walk.left
        walk.along(level)
        if walk.left < before:
            walk.fills.append((level.price, before - walk.left))
    return Outlook(walk.fills, order.left - walk.left, walk.stopped)


class _Walk:
    """Where it has come to. `firsts`: of each group that has traded, the order that did."""

    __slots__ = ("fills", "firsts", "left", "order", "passes_own", "stopped")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.left = order.left
        self.stopped = False
        self.passes_own = self_trade_rule(order) is SelfTrade.CANCEL_MAKER
        self.fills: list[tuple[int, int]] = []
        self.firsts: dict[tuple[int, str | None], Order] = {}

    def along(self, level: Level) -> None:
        """Trade with all at a price, as far as it goes."""
        again: deque[tuple[Order, int]] = deque()
        standing: Order | None = level.head  # type: ignore[assignment]  # orders rest in this book
        while self.left and not self.stopped:
            if standing is not None:
                maker, shown, hidden = standing, standing.remaining, standing.hidden
                standing = standing.behind  # type: ignore[assignment]
            elif again:
                maker, behind = again.popleft()
                shown = min(maker.display, behind)
                hidden = behind - shown
            else:
                return
            if self._meet(maker, shown) and hidden:
                again.append((maker, hidden))

    def _meet(self, maker: Order, shown: int) -> bool:
        """Whether it trades with what an order shows. Of a group that has traded only the first is still there."""
        if maker.pauses_matching and self.firsts.get((maker.owner, maker.oco_group), maker) is not maker:
            return False
        order = self.order
        if maker.owner == order.owner:
            self.stopped = not self.passes_own
            return False
        self.left -= min(shown, self.left)
        for each in (maker, order):
            if each.pauses_matching:
                self.firsts[each.owner, each.oco_group] = each
        return True
