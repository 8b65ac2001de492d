"""The words of the exchange: sides, offsets, states, ids and the definition of an instrument.

Knows no rule and no state; everything else in the core is built from these.
"""

import re
from enum import StrEnum

import msgspec

NAME = re.compile(r"\A[A-Za-z0-9_.-]{1,64}\Z")
"""Users and instruments name channel groups, which allow no other characters."""

ORDER_EPOCH_MS = 1_577_836_800_000
"""2020-01-01T00:00Z. Numbers count from here: milliseconds and 7 digits of sequence fit 63 bits until 2049."""

SEQUENCE = 10_000_000
"""Numbers per millisecond: 7 digits, as the protocol's ids have."""


MOST_LOTS = 1_000_000
"""The largest order that any instrument may allow."""


class Direction(StrEnum):
    """Side of an order."""

    BUY = "BUY"
    SELL = "SELL"


class Offset(StrEnum):
    """What an order does to the position (CTP's CombOffsetFlag)."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"
    CLOSETODAY = "CLOSETODAY"
    CLOSEYESTERDAY = "CLOSEYESTERDAY"


class OrderType(StrEnum):
    """LIMIT names its price; MARKET takes what the book has inside the day's limits, the rest is cancelled."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"


class TimeCondition(StrEnum):
    """GFD: good for the trading day. IOC: what is not filled at once is cancelled."""

    GFD = "GFD"
    IOC = "IOC"


class OrderStatus(StrEnum):
    """State of an order, in the protocol's words."""

    SUBMITTED = "Submitted"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"


LIVE = (OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED)
"""The states of an order that can still trade."""

NEXT_STATUS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.SUBMITTED: frozenset({OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELLED}),
    OrderStatus.PARTIALLY_FILLED: frozenset({OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELLED}),
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
}
"""Every move an order may make. Filled and Cancelled are final."""


class Phase(StrEnum):
    """Trading phase of an instrument. Halted: cancels only."""

    CONTINUOUS = "continuous"
    HALTED = "halted"


class Fee(msgspec.Struct, frozen=True):
    """Commission of one kind of fill: `per_lot` in money units, plus `rate` (1/100,000,000) of the notional."""

    per_lot: int = 0
    rate: int = 0


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may change on a listed instrument. Rates are in 1/100,000,000."""

    name: str
    margin_long: int
    margin_short: int
    fee_open: Fee = Fee()
    fee_close: Fee = Fee()
    fee_close_today: Fee = Fee()
    min_volume: int = 1
    max_volume: int = 1_000


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What never changes once an instrument is listed.

    `tick`: smallest price step, in 1/10,000 of the currency. `multiplier`: units of the underlying a lot.
    `reference_price` (1/10,000, on the tick) and `limit_rate` (1/100,000,000; 0: no limit) give the first day's limits.
    """

    instrument_id: str
    product_id: str
    tick: int
    multiplier: int
    reference_price: int
    limit_rate: int = 0


def number_at(time_ms: int) -> int:
    """The first id number of a millisecond (Unix time)."""
    return (time_ms - ORDER_EPOCH_MS) * SEQUENCE
