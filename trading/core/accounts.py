"""Accounts, positions and what they are worth. Names and formulas are those of CTP and of the DIFF/QIFI protocols.

All amounts are integers of 1/10,000 of the currency, lots are whole. Knows nothing of orders or of the book.
"""

from collections import deque
from dataclasses import dataclass, field

from trading.core.commands import ClientOrder
from trading.core.money import RATE, part, share
from trading.core.types import NO_RULES, AccountRules, Direction, Figures

KEPT_IDS = 10_000
"""Own ids for orders that an account keeps in memory, the newest, and those of live orders. Older ones are in the
tables, where whoever hands orders in must look first (`Engine.may_have_forgotten`). More than a batch has commands."""


@dataclass(slots=True, eq=False)
class Mark:
    """What positions of one instrument are valued with.

    `lot_value`: value of one lot at the present price (0 before the first). `rate_long`, `rate_short`: margin rates.
    `shared`: the product whose larger side alone pays margin, empty where both sides pay.
    """

    lot_value: int
    rate_long: int
    rate_short: int
    shared: str = ""


def leg_profit(direction: Direction, lots: int, lot_value: int, cost: int) -> int:
    """What `lots` are worth at `lot_value` each above their cost; for BUY (long) and SELL (short)."""
    profit = lots * lot_value - cost
    return profit if direction is Direction.BUY else -profit


def _side(is_long: bool) -> Direction:
    return Direction.BUY if is_long else Direction.SELL


@dataclass(slots=True, eq=False)
class Lot:
    """Lots of a leg that were opened one after the other at one price: a line of CTP's position detail.

    `number`: the trade that opened the first of them, negative for short lots. `cost`: what was paid for all of them.
    """

    number: int
    lots: int
    cost: int


NO_LOTS: deque[Lot] = deque()
"""Of a leg that has none. Never filled."""


def _no_lots() -> deque[Lot]:
    return NO_LOTS


@dataclass(slots=True, eq=False)
class Leg:
    """One direction of a position: today's lots and yesterday's (his), each with its cost, and what closings hold.

    Today's lots cost what was paid for them, so one number serves as open cost and position cost. His lots carry both:
    `his_open_cost` is what was paid, `his_cost` is at the last settlement price. `today_lots` and `his_lots` say what
    was paid for which of them, the oldest first; under the rules of the first release they are empty.
    """

    today: int = 0
    his: int = 0
    today_cost: int = 0
    his_cost: int = 0
    his_open_cost: int = 0
    today_frozen: int = 0
    his_frozen: int = 0
    margin: int = 0
    today_lots: deque[Lot] = field(default_factory=_no_lots)
    his_lots: deque[Lot] = field(default_factory=_no_lots)

    @property
    def lots(self) -> int:
        return self.today + self.his

    @property
    def cost(self) -> int:
        """Position cost: what margin and profit are measured against."""
        return self.today_cost + self.his_cost

    @property
    def open_cost(self) -> int:
        """What was paid: what float profit is measured against."""
        return self.today_cost + self.his_open_cost

    @property
    def flat(self) -> bool:
        return not (self.today or self.his)

    def open(self, lots: int, cost: int, number: int) -> Lot | None:
        """Add lots bought (long) or sold (short) today by trade `number`; the line of the detail that they are in. With
        number 0 no detail is kept."""
        self.today += lots
        self.today_cost += cost
        if not number:
            return None
        queue = self.today_lots
        if queue:
            last = queue[-1]
            if last.cost * lots == cost * last.lots:
                last.lots += lots
                last.cost += cost
                return last
        elif queue is NO_LOTS:
            self.today_lots = queue = deque()
        last = Lot(number, lots, cost)
        queue.append(last)
        return last

    def close_his(self, lots: int, touched: list[Lot]) -> int:
        """Take away yesterday's lots, the first opened first, and give back their position cost."""
        cost = part(self.his_cost, lots, self.his)
        if self.his_lots:
            self.his_open_cost -= _take_first(self.his_lots, lots, touched)
        else:
            self.his_open_cost -= part(self.his_open_cost, lots, self.his)
        self.his_cost -= cost
        self.his -= lots
        self.his_frozen -= lots
        return cost

    def close_today(self, lots: int, touched: list[Lot]) -> int:
        """Take away today's lots, the first opened first, and give back their cost."""
        if self.today_lots:
            cost = _take_first(self.today_lots, lots, touched)
        else:
            cost = part(self.today_cost, lots, self.today)
        self.today_cost -= cost
        self.today -= lots
        self.today_frozen -= lots
        return cost

    def carry(self, lot_value: int) -> None:
        """A day ends: today's lots become yesterday's, and all cost what a lot is worth at the settlement price."""
        self.his_open_cost += self.today_cost
        self.his += self.today
        self.his_frozen += self.today_frozen
        self.his_cost = self.his * lot_value
        self.today = self.today_cost = self.today_frozen = 0
        if self.his_lots:
            self.his_lots += self.today_lots
        else:
            self.his_lots = self.today_lots
        self.today_lots = NO_LOTS

    def cost_of_first(self, lots: int) -> int:
        """Position cost of the lots that would be closed next: yesterday's, then today's, the first opened first."""
        his = min(lots, self.his)
        cost, left = (part(self.his_cost, his, self.his) if his else 0), lots - his
        for lot in self.today_lots:
            if left <= lot.lots:
                return cost + (part(lot.cost, left, lot.lots) if left else 0)
            cost += lot.cost
            left -= lot.lots
        return cost

    @property
    def detail(self) -> list[Lot]:
        """All lines, yesterday's first, then today's, the first opened first."""
        return [*self.his_lots, *self.today_lots]


def _take_first(queue: deque[Lot], lots: int, touched: list[Lot]) -> int:
    """Take the first lots of a queue away and give back what was paid for them."""
    cost = 0
    while lots:
        first = queue[0]
        touched.append(first)
        if first.lots <= lots:
            queue.popleft()
            lots -= first.lots
            cost += first.cost
            first.lots = first.cost = 0
        else:
            given = part(first.cost, lots, first.lots)
            first.lots -= lots
            first.cost -= given
            return cost + given
    return cost


@dataclass(slots=True, eq=False)
class Position:
    """An account's lots in one instrument, long and short apart (a hedged position is two legs)."""

    instrument_id: str
    mark: Mark
    long: Leg
    short: Leg
    net_lots: int = 0
    net_cost: int = 0

    def leg(self, is_long: bool) -> Leg:
        return self.long if is_long else self.short

    @property
    def flat(self) -> bool:
        return self.long.flat and self.short.flat

    @property
    def profit(self) -> int:
        """Position profit: what closing at the last price would bring, against position cost."""
        return self.net_lots * self.mark.lot_value - self.net_cost

    def leg_profit(self, is_long: bool) -> int:
        """Position profit of one direction."""
        leg = self.leg(is_long)
        return leg_profit(_side(is_long), leg.lots, self.mark.lot_value, leg.cost)

    def leg_float_profit(self, is_long: bool) -> int:
        """Float profit of one direction: against what was paid."""
        leg = self.leg(is_long)
        return leg_profit(_side(is_long), leg.lots, self.mark.lot_value, leg.open_cost)

    @property
    def float_profit(self) -> int:
        return self.leg_float_profit(True) + self.leg_float_profit(False)

    def change_margin(self) -> int:
        """Bring both legs' margins up to date and return by how much their sum changed."""
        before = self.long.margin + self.short.margin
        self.long.margin = share(self.long.cost, self.mark.rate_long)
        self.short.margin = share(self.short.cost, self.mark.rate_short)
        return self.long.margin + self.short.margin - before


@dataclass(slots=True, eq=False)
class Side:
    """What an account has going on one side of an instrument. `live`: its live orders, waiting ones too; `opening`:
    lots that its orders in the book would open."""

    live: int = 0
    opening: int = 0


@dataclass(slots=True, eq=False)
class AccountBase:
    """A user's money and positions at one market. Counters without a date are those of the trading day.

    `fee_factor`: its share of the commission, of its fee group. `sides`: all long and all short margins of a product
    whose larger side alone pays. `close_only`: it is one of `Restrictions.closing` or of `Restrictions.spared`.
    `own_rules`: None where they say nothing. `recent_ids`: the newest keys of `client_orders`, oldest first; its other
    keys are of live orders. The rest is as in its record.
    """

    account_id: int
    user_id: str
    pre_balance: int = 0
    deposits: int = 0
    withdrawals: int = 0
    close_profit: int = 0
    commission: int = 0
    margin: int = 0
    hold: int = 0
    positions: dict[str, Position] = field(default_factory=dict)
    client_orders: dict[str, ClientOrder] = field(default_factory=dict)
    recent_ids: deque[str] = field(default_factory=deque)
    own_rules: AccountRules | None = None
    fee_factor: int = RATE
    frozen: bool = False
    close_only: bool = False
    warned: bool = False
    liquidating: bool = False
    cancel_at: int | None = None
    disconnect_at: int | None = None
    sides: dict[str, list[int]] = field(default_factory=dict)

    @property
    def rules(self) -> AccountRules:
        return self.own_rules or NO_RULES

    @rules.setter
    def rules(self, rules: AccountRules) -> None:
        self.own_rules = None if rules == NO_RULES else rules

    # -- own ids

    def know(self, client_orders: dict[str, ClientOrder]) -> None:
        """These own ids are used up, and no others."""
        newest = sorted(client_orders, key=lambda name: client_orders[name].order_id)
        self.client_orders, self.recent_ids = client_orders, deque(newest[-KEPT_IDS:])

    def may_have_forgotten(self, client_order_id: str) -> bool:
        """Whether an own id that is not known may have been used up all the same."""
        return len(self.recent_ids) >= KEPT_IDS and client_order_id not in self.client_orders

    @property
    def position_profit(self) -> int:
        total = 0
        for position in self.positions.values():
            lots, lot_value = position.net_lots, position.mark.lot_value
            total += (lots * lot_value if lots > 0 else -(-lots * lot_value)) - position.net_cost
        return total

    @property
    def available(self) -> int:
        """What new orders may hold."""
        return (
            self.pre_balance
            + self.deposits
            - self.withdrawals
            + self.close_profit
            - self.commission
            - self.margin
            - self.hold
            + self.position_profit
        )

    def figures(self) -> Figures:
        return Figures(
            static_balance=self.pre_balance + self.deposits - self.withdrawals,
            close_profit=self.close_profit,
            position_profit=self.position_profit,
            commission=self.commission,
            margin=self.margin,
            hold=self.hold,
        )

    def add_margin(self, position: Position) -> None:
        """Bring the margin up to date after a position has changed."""
        product = position.mark.shared
        if not product:
            self.margin += position.change_margin()
            return
        sides = self.sides.setdefault(product, [0, 0])
        before = max(sides)
        long, short = position.long.margin, position.short.margin
        position.change_margin()
        sides[0] += position.long.margin - long
        sides[1] += position.short.margin - short
        self.margin += max(sides) - before

    def remove_margin(self, position: Position) -> None:
        """Take a position out of the margin, before its rates or its product's rule change; `add_margin` it after."""
        long, short = position.long, position.short
        product = position.mark.shared
        if product:
            sides = self.sides[product]
            before = max(sides)
            sides[0] -= long.margin
            sides[1] -= short.margin
            self.margin += max(sides) - before
        else:
            self.margin -= long.margin + short.margin
        long.margin = short.margin = 0

    def position(self, instrument_id: str, mark: Mark) -> Position:
        """The position in an instrument, an empty one if there was none."""
        position = self.positions.get(instrument_id)
        if position is None:
            position = self.positions[instrument_id] = Position(instrument_id, mark, Leg(), Leg())
        return position
