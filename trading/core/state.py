"""What the engine remembers: instruments with their books, accounts, live orders, the last id and what has changed.

Only holds and finds; the rules that move it are in `rules/`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from trading.core.accounts import Lot, Position
from trading.core.numbers import ACCOUNTS_OF_MARKET, SEQUENCE, number_at, share_of
from trading.core.orders import Account, Instrument, Order
from trading.core.types import NO_LIMITS, NOTHING_OFF, PRESENT_RULES, Announcement, Due, MarketLimits, Restrictions


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


NONE_IS_NEW: Final = 2**63 - 1
"""No number is higher."""


@dataclass(slots=True, eq=False)
class Changes:
    """What commands have touched since this was last taken, each thing once, as it is now. `number`: tells them from
    those before. `after`: the last number of an order or a trade by then, so that those with a higher one are new; of
    the first changes of a state that is not known."""

    number: int = 0
    after: int = NONE_IS_NEW
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
        self.changes = Changes(changes.number + 1, self.last_id)
        return changes
