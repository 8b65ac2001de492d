"""What the engine remembers: instruments with their books, accounts, live orders, the last id and what has changed.

Only holds and finds; the rules that move it are in the rooms beside this one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from msgspec import UnsetType

from trading.core.accounts import KEPT_IDS, AccountBase, Lot, Mark, Position, Side
from trading.core.codes import Code
from trading.core.commands import ClientOrder
from trading.core.matching.book import Book, Entry
from trading.core.matching.stops import Waiting
from trading.core.money import MAX_NOTIONAL, MAX_PRICE, RATE, share_up
from trading.core.types import (
    ACCOUNTS_OF_MARKET,
    COLLAR,
    FIRST_RULES,
    MOST_LOTS,
    NEXT_STATUS,
    NO_LIMITS,
    NOTHING_OFF,
    PLAIN,
    PRESENT_RULES,
    SEQUENCE,
    Announcement,
    CancelReason,
    Contract,
    Direction,
    Due,
    MarketLimits,
    Offset,
    OrderOptions,
    OrderStatus,
    OrderType,
    Phase,
    Restrictions,
    StopKind,
    Terms,
    TimeCondition,
    Trigger,
    number_at,
    share_of,
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
class Instrument:
    """A listed instrument: what it is, its book, its waiting orders, its holders, its last trade (`last` in ticks, None
    before it).

    `settlement`: the last settlement price (1/10,000), which the limits come from. `marked`: what positions are worth,
    in ticks: the last trade's or, since then, the settlement's price. `scheduled`: the phase it is resumed into.
    `rules`: the version of the market's rules. Of the contract and the terms, which are read through Python, what every
    order asks for stands here again; `fee_per_lot` and `fee_rate` are of an opening.
    """

    contract: Contract
    terms: Terms
    book: Book[Order]
    mark: Mark
    limit_up: int
    limit_down: int
    tick_value: int
    settlement: int
    instrument_id: str
    tick: int
    min_volume: int = 0
    max_volume: int = 0
    max_position: int = 0
    max_orders: int = 0
    fee_per_lot: int = 0
    fee_rate: int = 0
    phase: Phase = Phase.CONTINUOUS
    scheduled: Phase = Phase.CONTINUOUS
    marked: int | None = None
    last: int | None = None
    last_volume: int = 0
    last_time: int = 0
    holders: dict[int, Position] = field(default_factory=dict)
    waiting: Waiting[Order] = field(default_factory=Waiting)
    rules: int = PRESENT_RULES

    @classmethod
    def listed(cls, contract: Contract, terms: Terms, rules: int = PRESENT_RULES) -> "Instrument":
        """A new instrument with an empty book."""
        instrument = cls(
            contract=contract,
            terms=terms,
            book=Book(),
            mark=Mark(0, 0, 0),
            limit_up=0,
            limit_down=0,
            tick_value=contract.tick * contract.multiplier,
            settlement=contract.reference_price,
            instrument_id=contract.instrument_id,
            tick=contract.tick,
            rules=rules,
        )
        instrument.set_terms(terms)
        instrument.set_limits(contract.reference_price)
        return instrument

    def set_terms(self, terms: Terms) -> None:
        """From now on these terms hold."""
        self.terms = terms
        self.mark.rate_long = terms.margin_long
        self.mark.rate_short = terms.margin_short
        self.mark.shared = self.contract.product_id if terms.larger_side else ""
        self.min_volume, self.max_volume = terms.min_volume, terms.max_volume
        self.max_position, self.max_orders = terms.max_position, terms.max_orders
        self.fee_per_lot, self.fee_rate = terms.fee_open.per_lot, terms.fee_open.rate

    def set_limits(self, settlement: int) -> None:
        """The day's limits: the widest ticks inside the last settlement price ± rate."""
        rate, tick = self.contract.limit_rate, self.contract.tick
        self.settlement = settlement
        self.limit_up = settlement * (RATE + rate) // (RATE * tick) if rate else highest_price(self.contract) // tick
        self.limit_down = -(-settlement * (RATE - rate) // (RATE * tick)) if rate else 1

    def band(self) -> tuple[int, int]:
        """Between which prices (ticks) MARKET orders trade: the day's limits, or where there are none the collar around
        the present price, which leaves room for a tick at least."""
        if self.contract.limit_rate or self.rules == FIRST_RULES:
            return self.limit_down, self.limit_up
        collar = COLLAR if isinstance(self.terms.collar, UnsetType) else self.terms.collar
        price = self.settlement // self.contract.tick if self.marked is None else self.marked
        low = min(-(-price * (RATE - collar) // RATE), price - 1)
        high = max(price * (RATE + collar) // RATE, price + 1)
        return max(low, self.limit_down), min(high, self.limit_up)

    def trade_at(self, price: int, lots: int, time: int) -> None:
        """Note a trade at `price` (ticks): from now on every position is worth accordingly."""
        self.last = self.marked = price
        self.last_volume = lots
        self.last_time = time
        self.mark.lot_value = price * self.tick_value

    def mark_at(self, price: int) -> None:
        """Every position is worth `price` (ticks), without a trade: a settlement."""
        self.marked = price
        self.mark.lot_value = price * self.tick_value

    def hold_per_lot(self, is_buy: bool, price: int, fee_factor: int) -> int:
        """What opening a lot at `price` (ticks) holds: margin and commission, each rounded up."""
        value = price * self.tick_value
        commission = self.fee_per_lot + share_up(value, self.fee_rate)
        if fee_factor != RATE:
            commission = share_up(commission, fee_factor)
        return share_up(value, self.mark.rate_long if is_buy else self.mark.rate_short) + commission


def highest_price(contract: Contract) -> int:
    """Where prices end (in 1/10,000) without price limits: the largest order there must still be countable."""
    return min(MAX_PRICE, MAX_NOTIONAL // (contract.multiplier * MOST_LOTS))


@dataclass(slots=True)
class Day:
    """Where the market stands in time: the trading day (YYYYMMDD, 0 before the first settlement), what the settled days
    have left behind (money that came in less what went out, commission that was kept), the fee groups
    (name -> its share in 1/100,000,000), the limits of every account, what operators have switched off, what they
    announce, and which trades of the day they have broken."""

    trading_day: int = 0
    net_deposits: int = 0
    commission: int = 0
    fee_groups: dict[str, int] = field(default_factory=dict)
    limits: MarketLimits = NO_LIMITS
    restrictions: Restrictions = NOTHING_OFF
    announcements: tuple[Announcement, ...] = ()
    broken: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Changes:
    """What commands have touched since this was last taken, each thing once, as it is now. `number`: tells them from
    those before."""

    number: int = 0
    orders: dict[int, Order] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    positions: dict[tuple[int, str], Position] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    lots: dict[int, tuple[int, str, Lot]] = field(default_factory=dict)
    day: Day | None = None
    rules: int | None = None

    def detail(self, account_id: int, instrument_id: str, touched: Iterable[Lot]) -> None:
        """Lines of a position's detail are to be stored, or forgotten when they are empty."""
        for lot in touched:
            self.lots[lot.number] = account_id, instrument_id, lot


class State:
    """Everything that a restart must bring back, and what follows from it. `shard`: which numbers are this market's, so
    that no other gives an order, a trade or an account the same.

    `first`: the market's first number of the millisecond `first_at`. `alert`: instruments with waiting orders.
    `deadlines`: a heap of (Unix ms, what, id), of which some may be void. `moved`, `touched`, `liquidating`: whom the
    next look at risk concerns: the holders of instruments whose price has moved, accounts whose own money has, and
    those that are being liquidated.
    """

    __slots__ = (
        *("accounts", "alert", "by_user", "changes", "day", "deadlines", "first", "first_at", "instruments"),
        *("last_id", "liquidating", "moved", "now", "rules", "shard", "share", "touched"),
    )

    def __init__(self, rules: int = PRESENT_RULES, shard: int = 0) -> None:
        self.rules = rules
        self.shard = shard
        self.share = share_of(shard)
        self.instruments: dict[str, Instrument] = {}
        self.accounts: dict[int, Account] = {}
        self.by_user: dict[str, Account] = {}
        self.day = Day()
        self.last_id = 0
        self.now = 0
        self.first_at, self.first = 0, number_at(0) + self.share[0]
        self.changes = Changes()
        self.alert: dict[str, Instrument] = {}
        self.deadlines: list[tuple[int, Due, int, int]] = []
        self.moved: dict[str, Instrument] = {}
        self.touched: dict[int, Account] = {}
        self.liquidating: dict[int, Account] = {}

    @property
    def orders(self) -> dict[int, Order]:
        """All live orders by id. (Made anew at each call: rules look at one account's or one book's.)"""
        return {order_id: order for account in self.accounts.values() for order_id, order in account.orders.items()}

    def live_order(self, order_id: int) -> Order | None:
        """A live order of whomever."""
        for account in self.accounts.values():
            if order_id in account.orders:
                return account.orders[order_id]
        return None

    def next_id(self) -> int:
        """A number for an order or a trade: unique over all markets, increasing even when the clock is not, and telling
        the time. Where the market's share of a millisecond is used up it goes on with that of the next one."""
        begin, end = self.share
        if self.first_at != self.now:
            self.first += (self.now - self.first_at) * SEQUENCE
            self.first_at = self.now
        number, first = self.last_id + 1, self.first
        if number <= first:
            number = first
        elif not begin <= number % SEQUENCE < end:
            number += (begin - number) % SEQUENCE
        self.last_id = number
        return number

    def next_account_id(self) -> int:
        """A number for a new account, unique over all markets."""
        return self.shard * ACCOUNTS_OF_MARKET + len(self.accounts) + 1

    def take_changes(self) -> Changes:
        """Give away what has changed and begin to collect anew."""
        changes = self.changes
        self.changes = Changes(changes.number + 1)
        return changes
