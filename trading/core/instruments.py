"""Instruments: their terms, the prices between which they trade, what a lot is worth. Knows no orders and no book."""

from dataclasses import dataclass, field
from typing import Self

from msgspec import UnsetType

from trading.core.accounts import Mark, Position
from trading.core.money import MAX_NOTIONAL, MAX_PRICE, RATE, share_up
from trading.core.types import COLLAR, FIRST_RULES, MOST_LOTS, PRESENT_RULES, Contract, Phase, Terms


@dataclass(slots=True, eq=False)
class InstrumentBase:
    """A listed instrument: what it is, its holders, its last trade (`last` in ticks, None before it).

    `settlement`: the last settlement price (1/10,000), which the limits come from. `marked`: what positions are worth,
    in ticks: the last trade's or, since then, the settlement's price. `scheduled`: the phase it is resumed into.
    `rules`: the version of the market's rules. Of the contract and the terms, which are read through Python, what every
    order asks for stands here again; `fee_per_lot` and `fee_rate` are of an opening.
    """

    contract: Contract
    terms: Terms
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
    rules: int = PRESENT_RULES

    @classmethod
    def listed(cls, contract: Contract, terms: Terms, rules: int = PRESENT_RULES) -> Self:
        """A new instrument."""
        instrument = cls(
            contract=contract,
            terms=terms,
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
