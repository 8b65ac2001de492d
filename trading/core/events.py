"""Everything that can have happened, in the past tense. Immutable; a closed union.

Prices and money are integers of 1/10,000 of the currency, volumes whole lots, times Unix milliseconds.
"""

import msgspec

from trading.core.codes import Code
from trading.core.types import Direction, Offset, OrderStatus


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The command changed nothing. `detail` is one sentence for a human."""

    code: Code
    detail: str


class OrderAccepted(msgspec.Struct, frozen=True, gc=False):
    """The order is in: it will rest, trade or be cancelled in the events that follow."""

    order_id: int
    account_id: int
    volume: int
    time: int


class OrderRepeated(msgspec.Struct, frozen=True, gc=False):
    """A resend of an order that was accepted before; nothing changed."""

    order_id: int


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One side of a trade. `filled` and `remaining` are the order's, after it."""

    order_id: int
    account_id: int
    direction: Direction
    offset: Offset
    status: OrderStatus
    filled: int
    remaining: int
    commission: int
    close_profit: int


class Traded(msgspec.Struct, frozen=True, gc=False):
    """Two orders met, at the maker's price."""

    trade_id: int
    instrument_id: str
    price: int
    volume: int
    time: int
    taker: Fill
    maker: Fill


class OrderCancelled(msgspec.Struct, frozen=True, gc=False):
    """What was left of an order is gone."""

    order_id: int
    account_id: int
    filled: int
    remaining: int
    time: int


class AccountOpened(msgspec.Struct, frozen=True):
    """A user has an account now."""

    account_id: int
    user_id: str


class Deposited(msgspec.Struct, frozen=True):
    """Money came in."""

    account_id: int
    amount: int
    time: int


class Withdrawn(msgspec.Struct, frozen=True):
    """Money went out."""

    account_id: int
    amount: int
    time: int


class InstrumentListed(msgspec.Struct, frozen=True):
    """The instrument can be traded."""

    instrument_id: str


class TermsChanged(msgspec.Struct, frozen=True):
    """The new terms hold, for live orders and positions too."""

    instrument_id: str


class InstrumentHalted(msgspec.Struct, frozen=True):
    """Cancels only, from now on."""

    instrument_id: str


class InstrumentResumed(msgspec.Struct, frozen=True):
    """Trading goes on."""

    instrument_id: str


Event = (
    Refused
    | OrderAccepted
    | OrderRepeated
    | Traded
    | OrderCancelled
    | AccountOpened
    | Deposited
    | Withdrawn
    | InstrumentListed
    | TermsChanged
    | InstrumentHalted
    | InstrumentResumed
)
