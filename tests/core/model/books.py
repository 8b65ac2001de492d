"""What the model keeps: instruments, accounts, the lots of every leg, all live orders in one list.

No sum is kept: what an account has and who stands first is counted anew at every look. Prices are in 1/10,000 of the
currency; money too, as exact fractions until a rule rounds it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

from msgspec import UnsetType

from tests.core.model.rules import Rules
from trading.core.commands import BreakTrade, SubmitOrder
from trading.core.types import (
    AccountRules,
    CancelReason,
    Contract,
    Fee,
    Offset,
    OrderOptions,
    OrderType,
    Phase,
    StopKind,
    Terms,
    TimeCondition,
    Trigger,
)

Told = tuple[Any, ...]
"""What happened, in one line: ("accepted", order, lots) and so on."""
Trades = dict[int, BreakTrade]
"""Every trade by its number (1, 2, ...), in the words in which it is broken."""

RATE = 100_000_000
COLLAR = Fraction(1, 10)
RESTS = (TimeCondition.GFD, TimeCondition.GTC, TimeCondition.GTD)
LASTS = (TimeCondition.GTC, TimeCondition.GTD)
NO_OPTIONS = OrderOptions()


def half_up(amount: Fraction) -> int:
    return floor(amount + Fraction(1, 2))


def rate(units: int) -> Fraction:
    return Fraction(units, RATE)


@dataclass
class Parcel:
    """Lots that came together: their position cost, and what was paid for them."""

    lots: int
    cost: int
    paid: int

    def take(self, lots: int) -> "Parcel":
        """Split some of them off."""
        share = Fraction(lots, self.lots)
        gone = Parcel(lots, half_up(self.cost * share), half_up(self.paid * share))
        self.lots -= gone.lots
        self.cost -= gone.cost
        self.paid -= gone.paid
        return gone


@dataclass
class Leg:
    """One direction of a position."""

    his: list[Parcel] = field(default_factory=list)
    today: list[Parcel] = field(default_factory=list)

    def parcels(self) -> list[Parcel]:
        return self.his + self.today

    def add(self, lots: int, cost: int) -> Parcel:
        """Lots of today, the last in the line; with those at one price before them they are one parcel."""
        last = self.today[-1] if self.today else None
        if last is None or last.cost * lots != cost * last.lots:
            last = Parcel(0, 0, 0)
            self.today.append(last)
        last.lots += lots
        last.cost += cost
        last.paid += cost
        return last

    @property
    def lots(self) -> int:
        return count(self.parcels())

    @property
    def cost(self) -> int:
        return sum(parcel.cost for parcel in self.parcels())

    @property
    def paid(self) -> int:
        return sum(parcel.paid for parcel in self.parcels())


def count(parcels: list[Parcel]) -> int:
    return sum(parcel.lots for parcel in parcels)


def take(parcels: list[Parcel], lots: int) -> int:
    """Take lots from the front; their cost."""
    cost = 0
    while lots:
        gone = parcels[0].take(min(lots, parcels[0].lots))
        cost += gone.cost
        lots -= gone.lots
        if not parcels[0].lots:
            del parcels[0]
    return cost


def merge(parcels: list[Parcel]) -> list[Parcel]:
    """All of them as one, at their average."""
    if not parcels:
        return []
    return [Parcel(count(parcels), sum(each.cost for each in parcels), sum(each.paid for each in parcels))]


@dataclass(eq=False)
class Order:
    """A live order. `place`: who came first. `stop`: where a waiting order fires. `at_limit`: whether its margin is
    held at the upper price limit, in an auction. `band`: of a MARKET order that has come in."""

    number: int
    account: int
    name: str
    buy: bool
    offset: Offset
    market: bool
    stays: TimeCondition
    price: int
    volume: int
    left: int
    options: OrderOptions
    place: int = 0
    shown: int = 0
    waits: bool = False
    stop: int = 0
    resting: bool = False
    his_held: int = 0
    today_held: int = 0
    at_limit: bool = False
    band: tuple[int, int | None] | None = None

    @classmethod
    def asked(cls, command: SubmitOrder) -> "Order":
        market = command.order_type is OrderType.MARKET
        options = command.options or NO_OPTIONS
        return cls(
            0,
            command.account_id,
            command.instrument_id,
            command.direction.value == "BUY",
            command.offset,
            market,
            command.time_condition,
            0 if market else command.price or 0,
            command.volume,
            command.volume,
            options,
            waits=options.stop_price is not None or options.trail is not None,
        )

    @property
    def opens(self) -> bool:
        return self.offset is Offset.OPEN

    @property
    def may_rest(self) -> bool:
        return not self.market and self.stays in RESTS

    @property
    def filled(self) -> int:
        return self.volume - self.left

    @property
    def rises(self) -> bool:
        """Whether it fires at its stop price and above."""
        return self.buy == (self.options.stop_kind is StopKind.STOP)

    def meets(self, price: int) -> bool:
        return price >= self.stop if self.rises else price <= self.stop


@dataclass
class Instrument:
    contract: Contract
    terms: Terms
    settlement: int
    phase: Phase = Phase.CONTINUOUS
    scheduled: Phase = Phase.CONTINUOUS
    mark: int | None = None
    last: int | None = None

    @property
    def low(self) -> int:
        """The lowest price of the day: the last tick inside the limit."""
        if not self.contract.limit_rate:
            return self.contract.tick
        limit = self.settlement * (1 - rate(self.contract.limit_rate))
        return ceil(limit / self.contract.tick) * self.contract.tick

    @property
    def high(self) -> int | None:
        """The highest; None: no limit."""
        if not self.contract.limit_rate:
            return None
        limit = self.settlement * (1 + rate(self.contract.limit_rate))
        return floor(limit / self.contract.tick) * self.contract.tick

    def inside(self, price: int) -> bool:
        return self.low <= price and (self.high is None or price <= self.high)

    def value(self, price: int) -> int:
        """What a lot is worth."""
        return price * self.contract.multiplier

    @property
    def worth(self) -> int:
        """What a lot is worth now."""
        return self.value(self.mark or 0)

    def margin_rate(self, long: bool) -> Fraction:
        return rate(self.terms.margin_long if long else self.terms.margin_short)


NEVER = None
"""What an account was `judged` at that the next look must concern."""


@dataclass
class Account:
    number: int
    user: str
    opening: int = 0
    deposits: int = 0
    withdrawals: int = 0
    close_profit: int = 0
    commission: int = 0
    rules: AccountRules = field(default_factory=AccountRules)
    frozen: bool = False
    warned: bool = False
    liquidating: bool = False
    cancel_at: int | None = None
    disconnect_at: int | None = None
    own_ids: dict[str, tuple[int, SubmitOrder]] = field(default_factory=dict)
    judged: tuple[int, int] | None = (0, 0)

    @property
    def closed(self) -> bool:
        return self.frozen or self.liquidating


class Books:
    """What is remembered, and what can be counted from it."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.spared: set[int] = set()
        self.now = 0
        self.day = 0
        self.groups: dict[str, int] = {}
        self.instruments: dict[str, Instrument] = {}
        self.accounts: dict[int, Account] = {}
        self.legs: dict[tuple[int, str, bool], Leg] = {}
        self.orders: list[Order] = []
        self.met: list[Order] = []
        self.trades: Trades = {}
        self.opened: dict[tuple[int, int], Parcel] = {}
        """Where the lots went that a trade (its number) opened for an account."""
        self.numbers = 0
        self.places = 0
        self.told: list[Told] = []

    def tell(self, *what: Any) -> None:
        self.told.append(what)

    def refuse(self, *codes: int) -> None:
        """Nothing was done; for one of these reasons, where there are several."""
        self.tell("refused", frozenset(codes))

    # --- money

    def leg(self, account: int, name: str, long: bool) -> Leg:
        return self.legs.setdefault((account, name, long), Leg())

    def legs_of(self, account: int) -> list[tuple[Instrument, bool, Leg]]:
        found = self.legs.items()
        return [(self.instruments[name], long, leg) for (whose, name, long), leg in found if whose == account]

    def position_profit(self, account: int) -> int:
        return sum(profit(long, leg.lots * of.worth, leg.cost) for of, long, leg in self.legs_of(account))

    def leg_margin(self, of: Instrument, long: bool, leg: Leg) -> int:
        return half_up(leg.cost * of.margin_rate(long))

    def margin(self, account: int) -> int:
        """Of all legs; where the product says so, only of its larger side."""
        total = 0
        sides: dict[str, list[int]] = {}
        for of, long, leg in self.legs_of(account):
            margin = self.leg_margin(of, long, leg)
            if of.terms.larger_side:
                sides.setdefault(of.contract.product_id, [0, 0])[long] += margin
            else:
                total += margin
        return total + sum(max(side) for side in sides.values())

    def balance(self, account: int) -> int:
        of = self.accounts[account]
        static = of.opening + of.deposits - of.withdrawals
        return static + of.close_profit + self.position_profit(account) - of.commission

    def hold(self, account: int) -> int:
        """What resting orders to open hold."""
        return sum(
            order.left * self.lot_hold(order, self.held_price(order))
            for order in self.orders
            if order.account == account and order.opens and not order.waits and not order.market
        )

    def available(self, account: int) -> int:
        return self.balance(account) - self.margin(account) - self.hold(account)

    def factor(self, account: int) -> Fraction:
        """The share of the commission that the account pays."""
        return rate(self.groups.get(self.accounts[account].rules.fee_group, RATE))

    def lot_hold(self, order: Order, price: int) -> int:
        """Margin and commission of a lot that is opened at a price, each rounded up."""
        of = self.instruments[order.name]
        value, fee = of.value(price), of.terms.fee_open
        commission = fee.per_lot + ceil(value * rate(fee.rate))
        return ceil(value * of.margin_rate(order.buy)) + ceil(commission * self.factor(order.account))

    def held_price(self, order: Order) -> int:
        high = self.instruments[order.name].high
        return high if order.at_limit and high is not None else order.price

    def charge(self, account: int, value: int, fees: list[tuple[Fee, int]]) -> int:
        """The commission of a fill: a fee and so many lots of each kind, worth `value` a lot."""
        parts = [fee.per_lot * lots + value * lots * rate(fee.rate) for fee, lots in fees]
        if not self.rules.rounds_once:
            parts = [Fraction(half_up(Fraction(part))) for part in parts]
        return half_up(sum(parts, Fraction(0)) * self.factor(account))

    # --- orders

    def band(self, name: str) -> tuple[int, int | None]:
        """Between which prices MARKET orders trade: the day's limits, or the collar around the present price, which
        leaves room for a tick at least."""
        of = self.instruments[name]
        tick, present = of.contract.tick, of.settlement if of.mark is None else of.mark
        if of.high is not None or not self.rules.collar:
            return of.low, of.high
        collar = COLLAR if isinstance(of.terms.collar, UnsetType) else rate(of.terms.collar)
        low = min(ceil(present * (1 - collar) / tick) * tick, present - tick)
        return max(tick, low), max(floor(present * (1 + collar) / tick) * tick, present + tick)

    def find(self, number: int) -> Order | None:
        return next((order for order in self.orders if order.number == number), None)

    def queue(self, name: str, buy: bool) -> list[Order]:
        """One side of the book: the best price first, then who came first."""
        side = [order for order in self.orders if order.resting and order.name == name and order.buy == buy]
        return sorted(side, key=lambda order: (-order.price if buy else order.price, order.place))

    def present(self, name: str, trigger: Trigger) -> int | None:
        """The price that a waiting order watches."""
        if trigger is Trigger.LAST:
            return self.instruments[name].last
        queue = self.queue(name, trigger is Trigger.BID)
        return queue[0].price if queue else None

    def free_lots(self, order: Order) -> tuple[int, int]:
        """Yesterday's and today's lots that the order may close and no other order holds."""
        leg = self.leg(order.account, order.name, not order.buy)
        his, today = count(leg.his), count(leg.today)
        for other in self.orders:
            if (other.account, other.name, other.buy) == (order.account, order.name, order.buy) and other is not order:
                his -= other.his_held
                today -= other.today_held
        return 0 if order.offset is Offset.CLOSETODAY else his, 0 if order.offset is Offset.CLOSEYESTERDAY else today

    def next_place(self) -> int:
        self.places += 1
        return self.places

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def forget(self, order: Order) -> None:
        self.orders.remove(order)
        if order in self.met:
            self.met.remove(order)

    def cancel(self, order: Order, reason: CancelReason, codes: Iterable[int] = ()) -> None:
        self.forget(order)
        self.tell("cancelled", order.number, order.account, order.filled, order.left, reason.value, frozenset(codes))

    def cancel_each(self, orders: Iterable[Order], reason: CancelReason) -> None:
        for order in sorted(orders, key=lambda each: each.number):
            self.cancel(order, reason)


def profit(long: bool, worth: int, cost: int) -> int:
    return worth - cost if long else cost - worth
