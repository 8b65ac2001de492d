"""What the twin of the market keeps: accounts with their lots, instruments, all live orders in one list.

Remembers no sum: what an account has and holds, and who is first in a queue, is counted anew at every look. Prices and
money are in 1/10,000.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import msgspec

from trading.core.commands import SubmitOrder
from trading.core.events import Event
from trading.core.snapshot import Snapshot
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

WHOLE = 100_000_000
"""A rate of 1."""

NO_END = 10**18
STAYS = (TimeCondition.GTC, TimeCondition.GTD)
RESTS = (TimeCondition.GFD, *STAYS)
NOTHING = OrderOptions()

Told = tuple[Any, ...]
"""What happened, in one line: ("cancelled", order id, lots, reason) and so on."""

Key = tuple[int, str, bool]
"""(account, instrument, is it the long side)."""


class Lots(msgspec.Struct):
    """One side of a position: what was paid for each lot, the first opened first. Yesterday's are worth `his_value`
    each, at the last settlement price."""

    his_each: list[int] = []
    today_each: list[int] = []
    his_value: int = 0

    @property
    def his(self) -> int:
        return len(self.his_each)

    @property
    def today(self) -> int:
        return len(self.today_each)

    @property
    def his_cost(self) -> int:
        return self.his * self.his_value

    @property
    def today_cost(self) -> int:
        return sum(self.today_each)

    @property
    def his_paid(self) -> int:
        return sum(self.his_each)

    @property
    def all(self) -> int:
        return self.his + self.today

    @property
    def cost(self) -> int:
        return self.his_cost + self.today_cost


class Placed(msgspec.Struct, eq=False):
    """A live order. `place`: who came first. `stop`: where it fires, None when it does not wait (any more).
    `held_at`: the price that a lot's margin is held at."""

    order_id: int
    account: int
    name: str
    is_buy: bool
    offset: Offset
    market: bool
    stays: TimeCondition
    price: int
    volume: int
    left: int
    shown: int
    options: OrderOptions
    place: int
    stop: int | None = None
    waits: bool = False
    his_held: int = 0
    today_held: int = 0
    held_at: int = 0

    @property
    def opens(self) -> bool:
        return self.offset is Offset.OPEN

    @property
    def rises(self) -> bool:
        """Whether it fires at its stop price and above."""
        return self.is_buy == (self.options.stop_kind is StopKind.STOP)

    def takes(self, price: int) -> bool:
        """Whether it would trade at a price."""
        return self.market or (price <= self.price if self.is_buy else price >= self.price)


class Listed(msgspec.Struct):
    contract: Contract
    terms: Terms
    phase: Phase
    scheduled: Phase
    settlement: int
    mark: int | None = None
    last: int | None = None

    @property
    def low(self) -> int:
        """The lowest price of the day."""
        tick, rate = self.contract.tick, self.contract.limit_rate
        return -(-self.settlement * (WHOLE - rate) // (WHOLE * tick)) * tick if rate else tick

    @property
    def high(self) -> int:
        tick, rate = self.contract.tick, self.contract.limit_rate
        return self.settlement * (WHOLE + rate) // (WHOLE * tick) * tick if rate else NO_END

    def value(self, price: int | None) -> int:
        """What a lot is worth."""
        return (price or 0) * self.contract.multiplier


class Holder(msgspec.Struct):
    """An account: its counters of the day, and what operators and clocks say of it."""

    user_id: str
    pre_balance: int = 0
    deposits: int = 0
    withdrawals: int = 0
    close_profit: int = 0
    commission: int = 0
    rules: AccountRules = AccountRules()
    frozen: bool = False
    liquidating: bool = False
    cancel_at: int | None = None
    disconnect_at: int | None = None
    own_ids: dict[str, int] = {}
    asked: dict[str, SubmitOrder] = {}


class NaiveBooks:
    """The books of the exchange, and what can be read off them."""

    def __init__(self, records: Snapshot) -> None:
        self.now = 0
        self.day = records.day.trading_day
        self.factors = dict(records.day.fee_groups)
        self.instruments = {
            r.contract.instrument_id: Listed(r.contract, r.terms, r.phase, r.scheduled, r.settlement, r.mark, r.last)
            for r in records.instruments
        }
        self.accounts: dict[int, Holder] = {}
        for account in records.accounts:
            known = {name: each.order_id for name, each in account.client_orders}
            self.accounts[account.account_id] = Holder(
                account.user_id,
                *(account.pre_balance, account.deposits, account.withdrawals, account.close_profit, account.commission),
                *(account.rules, account.frozen, account.liquidating, account.cancel_at, account.disconnect_at),
                own_ids=known,
            )
        self.lots: dict[Key, Lots] = {}
        for position in records.positions:
            for is_long, leg in ((True, position.long), (False, position.short)):
                if leg.his or leg.today:
                    paid = [line.cost // line.lots for line in leg.detail for _ in range(line.lots)]
                    self.lots[position.account_id, position.instrument_id, is_long] = Lots(
                        paid[: leg.his], paid[leg.his :], leg.his_cost // leg.his if leg.his else 0
                    )
        self.orders: list[Placed] = []
        self.met: list[Placed] = []
        self.places = 0
        for record in records.orders:
            waits = record.status.value == "Waiting"
            self.orders.append(
                Placed(
                    record.order_id,
                    record.account_id,
                    record.instrument_id,
                    record.direction.value == "BUY",
                    record.offset,
                    record.order_type is OrderType.MARKET,
                    record.time_condition,
                    record.price,
                    record.volume,
                    record.volume - record.filled,
                    record.shown,
                    record.options or NOTHING,
                    self.next_place(),
                    record.stop if waits else None,
                    waits,
                    record.his_held,
                    record.today_held,
                    self.hold_price(record.instrument_id, record.direction.value == "BUY", record.price),
                )
            )
        self.told: list[Told] = []
        self.heard: list[Event] = []

    def next_place(self) -> int:
        self.places += 1
        return self.places

    def tell(self, *what: Any) -> None:
        self.told.append(what)

    # --- money and lots

    def factor(self, account: int) -> int:
        return self.factors.get(self.accounts[account].rules.fee_group, WHOLE)

    def profit(self, account: int) -> int:
        """Position profit: what the lots are worth above their cost."""
        total = 0
        for (whose, name, is_long), lots in self.lots.items():
            if whose == account:
                listed = self.instruments[name]
                gain = lots.all * listed.value(listed.mark) - lots.cost
                total += gain if is_long else -gain
        return total

    def margin(self, account: int) -> int:
        """Of all positions; where the product says so only of its larger side."""
        total = 0
        sides: dict[str, list[int]] = {}
        for (whose, name, is_long), lots in self.lots.items():
            if whose == account:
                listed = self.instruments[name]
                rate = listed.terms.margin_long if is_long else listed.terms.margin_short
                margin = half_up(lots.cost, rate)
                if listed.terms.larger_side:
                    sides.setdefault(listed.contract.product_id, [0, 0])[is_long] += margin
                else:
                    total += margin
        return total + sum(max(side) for side in sides.values())

    def balance(self, account: int) -> int:
        of = self.accounts[account]
        return of.pre_balance + of.deposits - of.withdrawals + of.close_profit + self.profit(account) - of.commission

    def hold(self, account: int) -> int:
        """What the resting orders to open hold."""
        return sum(
            order.left * self.lot_hold(order, order.held_at)
            for order in self.orders
            if order.account == account and order.opens and not order.waits
        )

    def available(self, account: int) -> int:
        return self.balance(account) - self.margin(account) - self.hold(account)

    def lot_hold(self, order: Placed, price: int) -> int:
        """Margin and commission of opening a lot, each rounded up."""
        listed = self.instruments[order.name]
        value, fee = listed.value(price), listed.terms.fee_open
        commission = fee.per_lot + rounded_up(value, fee.rate)
        rate = listed.terms.margin_long if order.is_buy else listed.terms.margin_short
        return rounded_up(value, rate) + rounded_up(commission, self.factor(order.account))

    def hold_price(self, name: str, is_buy: bool, price: int) -> int:
        """In an auction a sale holds its margin at the upper price limit."""
        listed = self.instruments[name]
        return listed.high if listed.phase is Phase.AUCTION and not is_buy else price

    def free_lots(self, order: Placed) -> tuple[int, int]:
        """Yesterday's and today's lots that the order may close and no other order holds."""
        lots = self.lots.get((order.account, order.name, not order.is_buy), Lots())
        his, today = lots.his, lots.today
        for other in self.orders:
            if (other.account, other.name, other.is_buy) == (order.account, order.name, order.is_buy):
                his -= other.his_held
                today -= other.today_held
        if order.offset is Offset.CLOSETODAY:
            his = 0
        if order.offset is Offset.CLOSEYESTERDAY:
            today = 0
        return his, today

    # --- orders

    def queue(self, name: str, is_buy: bool) -> list[Placed]:
        """A side of the book: the best price first, then who came first."""
        side = [order for order in self.orders if order.name == name and order.is_buy == is_buy and self.rests(order)]
        return sorted(side, key=lambda order: (-order.price if is_buy else order.price, order.place))

    def rests(self, order: Placed) -> bool:
        return not order.waits and not order.market and order.stays in RESTS

    def present(self, name: str, trigger: Trigger) -> int | None:
        if trigger is Trigger.LAST:
            return self.instruments[name].last
        queue = self.queue(name, trigger is Trigger.BID)
        return queue[0].price if queue else None

    def find(self, order_id: int) -> Placed | None:
        return next((order for order in self.orders if order.order_id == order_id), None)

    def forget(self, order: Placed) -> None:
        self.orders.remove(order)
        if order in self.met:
            self.met.remove(order)

    def cancel(self, order: Placed, reason: CancelReason, code: int | None = None) -> None:
        self.forget(order)
        self.tell("cancelled", order.order_id, order.left, reason.value, *([code] if code else []))

    def cancel_each(self, orders: Iterable[Placed], reason: CancelReason) -> None:
        for order in sorted(orders, key=lambda each: each.order_id):
            self.cancel(order, reason)


def half_up(amount: int, rate: int) -> int:
    return (2 * amount * rate + WHOLE) // (2 * WHOLE)


def rounded_up(amount: int, rate: int) -> int:
    return -(-amount * rate // WHOLE)


def charged(fee: Fee, lots: int, value: int) -> Fraction:
    """Before it is rounded."""
    return fee.per_lot * lots + Fraction(value * lots * fee.rate, WHOLE)
