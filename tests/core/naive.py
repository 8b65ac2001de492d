"""Twins of the book and of the accounts, slow and obviously right: plain lists, sorted and summed at every look."""

from collections import Counter

import msgspec

from trading.core.events import Fill, PositionExpired, Traded
from trading.core.types import Direction, Offset

Trade = tuple[int, int, int]
"""(maker's order id, price, lots)."""


class Resting(msgspec.Struct):
    """An order in the naive book; `place` tells who came first."""

    order_id: int
    is_buy: bool
    price: int
    left: int
    place: int


class NaiveBook:
    """All resting orders in one list."""

    def __init__(self) -> None:
        self.orders: list[Resting] = []
        self.placed = 0

    def queue(self, is_buy: bool) -> list[Resting]:
        """One side in priority: the best price first, then who came first."""
        side = [each for each in self.orders if each.is_buy == is_buy]
        return sorted(side, key=lambda each: (-each.price if is_buy else each.price, each.place))

    def match(self, is_buy: bool, limit: int, volume: int) -> list[Trade]:
        """Trade with everybody whose price is not worse than `limit`, in priority."""
        trades = []
        for maker in self.queue(not is_buy):
            acceptable = maker.price <= limit if is_buy else maker.price >= limit
            if acceptable and volume:
                lots = min(volume, maker.left)
                trades.append((maker.order_id, maker.price, lots))
                maker.left -= lots
                volume -= lots
        self.orders = [each for each in self.orders if each.left]
        return trades

    def rest(self, order_id: int, is_buy: bool, price: int, volume: int) -> None:
        self.placed += 1
        self.orders.append(Resting(order_id, is_buy, price, volume, self.placed))

    def cancel(self, order_id: int) -> Resting | None:
        """Take an order out, if it is there."""
        found = next((each for each in self.orders if each.order_id == order_id), None)
        self.orders = [each for each in self.orders if each is not found]
        return found

    def standing(self) -> list[Resting]:
        """Everything, bids first, each side in priority."""
        return self.queue(True) + self.queue(False)

    def depth(self, is_buy: bool) -> list[tuple[int, int, int]]:
        """(price, volume, number of orders) a level, best first."""
        volumes: Counter[int] = Counter()
        numbers: Counter[int] = Counter()
        for each in self.queue(is_buy):
            volumes[each.price] += each.left
            numbers[each.price] += 1
        return [(price, volumes[price], numbers[price]) for price in volumes]


Side = tuple[int, str, bool]
"""(account, instrument, is it the long leg)."""


class NaiveLedger:
    """Lots and gains of every account, told by the fills alone.

    A lot bought at 3 and worth 5 has gained 2, whether it was closed or is still held: so gains need no average cost.
    """

    def __init__(self) -> None:
        self.lots: Counter[Side] = Counter()
        self.paid: Counter[tuple[int, str]] = Counter()
        self.net: Counter[tuple[int, str]] = Counter()
        self.commission: Counter[int] = Counter()

    def carry(self, account_id: int, instrument_id: str, lots: int, cost: int) -> None:
        """Lots from the day before: positive long, negative short."""
        self.lots[account_id, instrument_id, lots > 0] += abs(lots)
        self.net[account_id, instrument_id] += lots
        self.paid[account_id, instrument_id] += cost

    def hear(self, trade: Traded, multiplier: int) -> None:
        for fill in (trade.taker, trade.maker):
            self.move(fill, trade.instrument_id, trade.volume, trade.price * multiplier)

    def move(self, fill: Fill, instrument_id: str, lots: int, lot_value: int) -> None:
        is_buy, opens = fill.direction is Direction.BUY, fill.offset is Offset.OPEN
        sign = 1 if is_buy else -1
        self.lots[fill.account_id, instrument_id, is_buy == opens] += lots if opens else -lots
        self.net[fill.account_id, instrument_id] += sign * lots
        self.paid[fill.account_id, instrument_id] += sign * lots * lot_value
        self.commission[fill.account_id] += fill.commission

    def end(self, ended: PositionExpired, lot_value: int) -> None:
        """A position that its instrument's last day has closed."""
        key = ended.account_id, ended.instrument_id
        net = ended.long - ended.short
        self.lots[*key, True] -= ended.long
        self.lots[*key, False] -= ended.short
        self.net[key] -= net
        self.paid[key] -= net * lot_value

    def gain(self, account_id: int, lot_values: dict[str, int]) -> int:
        """What the account has gained, realised or not, when a lot is worth `lot_values`."""
        return sum(
            self.net[account_id, name] * value - self.paid[account_id, name] for name, value in lot_values.items()
        )
