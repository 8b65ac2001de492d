"""Orders, and who has them: accounts with their live orders, instruments with their books. They know each other.

Only hold and find; the rules that move them are in `rules/`.
"""

from dataclasses import dataclass, field
from typing import Final

from trading.core.accounts import KEPT_IDS, AccountBase, Side
from trading.core.codes import Code
from trading.core.commands import ClientOrder
from trading.core.instruments import InstrumentBase
from trading.core.matching.book import Book, Entry
from trading.core.matching.stops import Waiting
from trading.core.types import (
    NEXT_STATUS,
    PLAIN,
    CancelReason,
    Direction,
    Offset,
    OrderOptions,
    OrderStatus,
    OrderType,
    StopKind,
    TimeCondition,
    Trigger,
)

BUY: Final = Direction.BUY
OPEN: Final = Offset.OPEN
WAITING: Final = OrderStatus.WAITING
SUBMITTED: Final = OrderStatus.SUBMITTED
PARTIALLY_FILLED: Final = OrderStatus.PARTIALLY_FILLED
MOVES: Final = NEXT_STATUS


@dataclass(slots=True, eq=False)
class Account(AccountBase):
    """An account with its orders, and counts of them: limits are held against every stop that fires, so none of them
    may look through all orders.

    `orders`: live orders by id, waiting ones too. `groups`: those of them with an `oco_group`, by it and id.
    `going`: by id of the instrument, the buying side first. `waiting`, `trailing`: how many wait, and trail.
    `changed_in`: the number of the last `Changes` that an order of it has put it in.
    """

    orders: dict[int, "Order"] = field(default_factory=dict)
    groups: dict[str | None, dict[int, "Order"]] = field(default_factory=dict)
    going: dict[str, tuple[Side, Side]] = field(default_factory=dict)
    waiting: int = 0
    trailing: int = 0
    changed_in: int = -1

    def side(self, instrument_id: str, is_buy: bool) -> Side:
        """What it has going on one side of an instrument."""
        sides = self.going.get(instrument_id)
        if sides is None:
            sides = self.going[instrument_id] = Side(), Side()
        return sides[0] if is_buy else sides[1]

    def begin_order(self, order: "Order") -> None:
        """An order is live from now on: it waits, or rests in the book."""
        self.orders[order.order_id] = order
        order.side.live += 1
        if order.status is WAITING:
            self.waiting += 1
            self.trailing += order.trail > 0
        if order.pauses_matching:
            self.groups.setdefault(order.oco_group, {})[order.order_id] = order

    def withdraw_order(self, order: "Order") -> None:
        """It is about to come in anew. Its status is still the one it was live with."""
        del self.orders[order.order_id]
        self._forget(order)

    def _forget(self, order: "Order") -> None:
        """Count it no more."""
        order.side.live -= 1
        if order.status is WAITING:
            self.waiting -= 1
            self.trailing -= order.trail > 0
        if order.pauses_matching:
            group = self.groups[order.oco_group]
            del group[order.order_id]
            if not group:
                del self.groups[order.oco_group]

    def end_order(self, order: "Order") -> None:
        """An order is over, if it ever was live. Its own id is forgotten, where newer ones have taken its place."""
        if self.orders.pop(order.order_id, None) is not None:
            self._forget(order)
        name = order.client_order_id
        if name is None or len(self.recent_ids) < KEPT_IDS:
            return
        known = self.client_orders.get(name)
        if known is not None and known.order_id == order.order_id < self.client_orders[self.recent_ids[0]].order_id:
            del self.client_orders[name]

    def use_up(self, client_order_id: str, known: ClientOrder) -> None:
        """An own id is an order's from now on. The oldest is forgotten, unless its order is live."""
        self.client_orders[client_order_id] = known
        self.recent_ids.append(client_order_id)
        if len(self.recent_ids) > KEPT_IDS:
            oldest = self.recent_ids.popleft()
            if self.client_orders[oldest].order_id not in self.orders:
                del self.client_orders[oldest]


class Order(Entry):
    """An order of an account, from its acceptance until it is filled or cancelled. `price` is in ticks (0: MARKET).

    `remaining` is what the book shows of it, `left` all that can trade. `hold_per_lot`: money held for each open lot.
    `his_held`, `today_held`: lots of the position that a closing holds. `stop`: where it fires, in ticks, while it
    waits. `priority`: its place in time, where that is not its id. `reason`, `code`: why it was cancelled.
    `forced`: the exchange itself closes a position. `side`: what its account has going on its side of the instrument.
    `price_sum`: price (1/10,000) times lots of all its fills, for their average; None where an earlier release has
    filled some of them and kept no sum. No rule looks at it.
    """

    __slots__ = (
        *("accepted_at", "account", "client_order_id", "code", "direction", "forced", "his_held", "hold_per_lot"),
        *("instrument", "left", "offset", "options", "order_id", "order_type", "price_sum", "priority", "reason"),
        *("side", "status", "stop", "time_condition", "today_held", "trading_day", "updated_at", "volume"),
    )

    def __init__(
        self,
        account: Account,
        instrument: "Instrument",
        direction: Direction,
        offset: Offset,
        order_type: OrderType,
        time_condition: TimeCondition,
        price: int,
        volume: int,
        accepted_at: int,
        trading_day: int,
        client_order_id: str | None = None,
        options: OrderOptions | None = None,
        status: OrderStatus = SUBMITTED,
    ) -> None:
        """As it comes in: it has no number yet, and nothing of it is filled, held or hidden."""
        Entry.__init__(self, direction is BUY, price, volume, account.account_id)
        if options is not None:
            self.display = options.display_volume or 0
            self.pauses_matching = options.oco_group is not None
        self.account = account
        self.instrument = instrument
        self.side = account.side(instrument.instrument_id, self.is_buy)
        self.direction = direction
        self.offset = offset
        self.order_type = order_type
        self.time_condition = time_condition
        self.volume = self.left = volume
        self.accepted_at = self.updated_at = accepted_at
        self.trading_day = trading_day
        self.client_order_id = client_order_id
        self.options = options
        self.status = status
        self.hold_per_lot = self.his_held = self.today_held = 0
        self.order_id = self.stop = self.priority = 0
        self.reason: CancelReason | None = None
        self.code: Code | None = None
        self.forced = False
        self.price_sum: int | None = 0

    def resume(
        self,
        order_id: int,
        filled: int,
        shown: int,
        his_held: int,
        today_held: int,
        stop: int,
        priority: int,
        updated_at: int,
        price_sum: int | None,
    ) -> None:
        """Be where it was when its record was taken. Fields of a compiled class are set five times as fast from here as
        from outside."""
        self.order_id = order_id
        self.left = left = self.volume - filled
        self.remaining, self.hidden = shown, left - shown
        self.his_held, self.today_held = his_held, today_held
        self.stop = stop
        self.priority = priority
        self.updated_at = updated_at
        self.price_sum = price_sum if filled else 0

    def check_rests(self, instrument: "Instrument", accounts: dict[int, Account]) -> None:
        """Assert that it rests where it must, as what it is, and that its account knows it."""
        assert self.instrument is instrument, f"order {self.order_id} rests in a strange book"
        assert instrument.limit_down <= self.price <= instrument.limit_up, "an order rests outside the limits"
        assert accounts.get(self.owner) is self.account, "an order rests under a strange name"
        assert self.remaining + self.hidden == self.left, "an order shows and hides not what is left of it"
        assert self.account.orders.get(self.order_id) is self, f"order {self.order_id} rests and is not live"
        wanted = SUBMITTED if self.left == self.volume else PARTIALLY_FILLED
        assert self.status is wanted, f"order {self.order_id} rests with status {self.status.value}"

    def move_to(self, status: OrderStatus) -> None:
        """Change the status. AssertionError where `NEXT_STATUS` has no such move: then a rule is wrong."""
        assert status in MOVES[self.status], f"no order goes from {self.status.value} to {status.value}"
        self.status = status

    @property
    def filled(self) -> int:
        return self.volume - self.left

    @property
    def place(self) -> int:
        """Its place in time: smaller ones come first."""
        return self.priority or self.order_id

    @property
    def trigger(self) -> Trigger:
        """The price that a waiting order watches."""
        return PLAIN.trigger if self.options is None else self.options.trigger

    @property
    def rising(self) -> bool:
        """Whether a waiting order fires at or above its stop."""
        return self.is_buy == (self.options is None or self.options.stop_kind is StopKind.STOP)

    @property
    def trail(self) -> int:
        """The distance of a trailing stop in ticks, 0 for others."""
        options = self.options
        return 0 if options is None or options.trail is None else options.trail // self.instrument.tick

    @property
    def oco_group(self) -> str | None:
        return None if self.options is None else self.options.oco_group


class Promised:
    """What an account's live orders on one side of an instrument add up to: a check counts it anew."""

    __slots__ = ("his", "live", "money", "opening", "today")

    def __init__(self) -> None:
        self.live = self.opening = self.money = self.his = self.today = 0

    def add(self, order: Order, hold_per_lot: int) -> None:
        """Count an order that rests, and assert that it holds what it must."""
        left = order.left
        assert order.hold_per_lot == hold_per_lot, f"order {order.order_id} holds the wrong amount"
        self.live += 1
        if order.offset is OPEN:
            self.opening += left
            self.money += hold_per_lot * left
        else:
            assert order.his_held + order.today_held == left, "a closing holds not what it may close"
            self.his += order.his_held
            self.today += order.today_held


@dataclass(slots=True, eq=False)
class Instrument(InstrumentBase):
    """An instrument with its book and its waiting orders."""

    book: Book[Order] = field(default_factory=Book)
    waiting: Waiting[Order] = field(default_factory=Waiting)
