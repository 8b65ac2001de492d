"""Everything that can be asked of the engine, in the imperative. Immutable; a closed union; also the journal's rows.

Prices and money are integers of 1/10,000 of the currency, volumes whole lots.
"""

import msgspec

from trading.core.types import Contract, Direction, Offset, OrderType, Terms, TimeCondition


class SubmitOrder(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Place an order. `price` is None for MARKET orders. `client_order_id` makes a resend harmless."""

    account_id: int
    instrument_id: str
    direction: Direction
    offset: Offset
    order_type: OrderType
    volume: int
    price: int | None = None
    time_condition: TimeCondition = TimeCondition.GFD
    client_order_id: str | None = None


class CancelOrder(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Cancel what is left of an own order."""

    account_id: int
    order_id: int


class OpenAccount(msgspec.Struct, frozen=True, tag=True):
    """Give a user an account at this market."""

    user_id: str


class Deposit(msgspec.Struct, frozen=True, tag=True):
    """Put money into an account."""

    user_id: str
    amount: int


class Withdraw(msgspec.Struct, frozen=True, tag=True):
    """Take money out of an account; at most what is available without counting unrealised gains."""

    user_id: str
    amount: int


class ListInstrument(msgspec.Struct, frozen=True, tag=True):
    """Begin trading an instrument."""

    contract: Contract
    terms: Terms


class ChangeTerms(msgspec.Struct, frozen=True, tag=True):
    """Change margin rates, fees or volume limits; margins and holds follow at once."""

    instrument_id: str
    terms: Terms


class HaltInstrument(msgspec.Struct, frozen=True, tag=True):
    """Stop trading: only cancels are taken until it is resumed."""

    instrument_id: str


class ResumeInstrument(msgspec.Struct, frozen=True, tag=True):
    """Go on trading after a halt."""

    instrument_id: str


OperatorOrder = OpenAccount | Deposit | Withdraw | ListInstrument | ChangeTerms | HaltInstrument | ResumeInstrument
"""What only operators may ask."""

Command = SubmitOrder | CancelOrder | OperatorOrder
