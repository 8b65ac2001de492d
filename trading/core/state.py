"""What the engine remembers: instruments with their books, accounts, live orders, the last id and what has changed.

Only holds and finds; the rules that move it are in the rooms beside this one.
"""

import msgspec

from trading.core.book import Book, Entry
from trading.core.money import MAX_NOTIONAL, MAX_PRICE, RATE, share_up
from trading.core.risk import Account, Mark, Position
from trading.core.types import (
    MOST_LOTS,
    Contract,
    Direction,
    Offset,
    OrderStatus,
    OrderType,
    Phase,
    Terms,
    TimeCondition,
    number_at,
)


class Order(Entry, kw_only=True, eq=False):
    """An order of an account, from its acceptance until it is filled or cancelled. `price` is in ticks (0: MARKET).

    `hold_per_lot`: money held for each open lot. `his_held`, `today_held`: lots of the position that a closing holds.
    """

    order_id: int
    account: Account
    instrument: "Instrument"
    direction: Direction
    offset: Offset
    order_type: OrderType
    time_condition: TimeCondition
    volume: int
    accepted_at: int
    updated_at: int
    client_order_id: str | None = None
    status: OrderStatus = OrderStatus.SUBMITTED
    hold_per_lot: int = 0
    his_held: int = 0
    today_held: int = 0

    @property
    def filled(self) -> int:
        return self.volume - self.remaining


class Instrument(msgspec.Struct, eq=False):
    """A listed instrument: what it is, its book, its holders, its last trade (`last` in ticks, None before it)."""

    contract: Contract
    terms: Terms
    book: Book[Order]
    mark: Mark
    limit_up: int
    limit_down: int
    tick_value: int
    phase: Phase = Phase.CONTINUOUS
    last: int | None = None
    last_volume: int = 0
    last_time: int = 0
    holders: dict[int, Position] = {}

    @classmethod
    def listed(cls, contract: Contract, terms: Terms) -> "Instrument":
        """A new instrument with an empty book. The limits are the widest ticks inside reference ± rate."""
        reference, rate, tick = contract.reference_price, contract.limit_rate, contract.tick
        up = reference * (RATE + rate) // (RATE * tick) if rate else highest_price(contract) // tick
        down = -(-reference * (RATE - rate) // (RATE * tick)) if rate else 1
        return cls(
            contract=contract,
            terms=terms,
            book=Book(),
            mark=Mark(0, terms.margin_long, terms.margin_short),
            limit_up=up,
            limit_down=down,
            tick_value=tick * contract.multiplier,
        )

    @property
    def instrument_id(self) -> str:
        return self.contract.instrument_id

    def trade_at(self, price: int, lots: int, time: int) -> None:
        """Note a trade at `price` (ticks): from now on every position is worth accordingly."""
        self.last = price
        self.last_volume = lots
        self.last_time = time
        self.mark.lot_value = price * self.tick_value

    def hold_per_lot(self, is_buy: bool, price: int) -> int:
        """What opening a lot at `price` (ticks) holds: margin and commission, each rounded up."""
        value = price * self.tick_value
        terms = self.terms
        fee = terms.fee_open
        rate = terms.margin_long if is_buy else terms.margin_short
        return share_up(value, rate) + fee.per_lot + share_up(value, fee.rate)


def highest_price(contract: Contract) -> int:
    """Where prices end (in 1/10,000) without price limits: the largest order there must still be countable."""
    return min(MAX_PRICE, MAX_NOTIONAL // (contract.multiplier * MOST_LOTS))


class Changes(msgspec.Struct, eq=False):
    """What commands have touched since this was last taken, each thing once, as it is now."""

    orders: dict[int, Order] = {}
    accounts: dict[int, Account] = {}
    positions: dict[tuple[int, str], Position] = {}
    instruments: dict[str, Instrument] = {}


class State:
    """Everything that a restart must bring back."""

    __slots__ = ("accounts", "by_user", "changes", "instruments", "last_id", "now", "orders")

    def __init__(self) -> None:
        self.instruments: dict[str, Instrument] = {}
        self.accounts: dict[int, Account] = {}
        self.by_user: dict[str, Account] = {}
        self.orders: dict[int, Order] = {}
        self.last_id = 0
        self.now = 0
        self.changes = Changes()

    def next_id(self) -> int:
        """A number for an order or a trade: unique, increasing even when the clock is not, and telling the time."""
        self.last_id = max(self.last_id + 1, number_at(self.now))
        return self.last_id

    def take_changes(self) -> Changes:
        """Give away what has changed and begin to collect anew."""
        changes, self.changes = self.changes, Changes()
        return changes
