"""Everything that can have happened, in the past tense. Immutable; a closed union.

Prices and money are integers of 1/10,000 of the currency, volumes whole lots, times Unix milliseconds.
"""

from typing import final

import msgspec

from trading.core.codes import Code
from trading.core.types import CancelReason, Direction, Offset, OrderStatus, Phase, TradeSide, Transfer


@final
class Refused(msgspec.Struct, frozen=True, tag="Refused", gc=False):
    """The command changed nothing. `detail` is one sentence for a human."""

    code: Code
    detail: str


class OrderAccepted(msgspec.Struct, frozen=True, tag="OrderAccepted", gc=False):
    """The order is in: it will rest, trade or be cancelled in the events that follow."""

    order_id: int
    account_id: int
    volume: int
    time: int


class OrderWaiting(msgspec.Struct, frozen=True, tag="OrderWaiting", gc=False):
    """A stop is in: it waits for its price and holds nothing."""

    order_id: int
    account_id: int
    volume: int
    time: int


class OrderFired(msgspec.Struct, frozen=True, tag="OrderFired", gc=False):
    """A waiting order has met its price: from now on it is an order like any other. `volume`: what is left of it."""

    order_id: int
    account_id: int
    volume: int
    time: int


class OrderAmended(msgspec.Struct, frozen=True, tag="OrderAmended", gc=False):
    """An order has a new price (1/10,000) or volume; what it trades at once follows."""

    order_id: int
    account_id: int
    status: OrderStatus
    price: int
    volume: int
    filled: int
    remaining: int
    time: int


class AllCancelled(msgspec.Struct, frozen=True, tag="AllCancelled", gc=False):
    """So many orders are cancelled, each told by an event that follows."""

    account_id: int
    count: int


class CountdownSet(msgspec.Struct, frozen=True, tag="CountdownSet", gc=False):
    """All orders of the account will be cancelled at `deadline`, or not any more (None)."""

    account_id: int
    deadline: int | None


class OrderRepeated(msgspec.Struct, frozen=True, tag="OrderRepeated", gc=False):
    """A resend of an order that was accepted before; nothing changed."""

    order_id: int


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One side of a trade. `filled`, `remaining` and `price_sum` are the order's, after it; the last is None where it
    is not known."""

    order_id: int
    account_id: int
    direction: Direction
    offset: Offset
    status: OrderStatus
    filled: int
    remaining: int
    commission: int
    close_profit: int
    price_sum: int | None = None


class Traded(msgspec.Struct, frozen=True, tag="Traded", gc=False):
    """Two orders met, at the maker's price. `auction`: at the price of an auction, where neither came to the other:
    which of them is called the taker says nothing."""

    trade_id: int
    instrument_id: str
    price: int
    volume: int
    time: int
    taker: Fill
    maker: Fill
    auction: bool = False


class OrderCancelled(msgspec.Struct, frozen=True, tag="OrderCancelled", gc=False):
    """What was left of an order is gone. `code`: the public code, where a rule has taken it."""

    order_id: int
    account_id: int
    filled: int
    remaining: int
    time: int
    reason: CancelReason = CancelReason.ASKED
    code: Code | None = None
    detail: str = ""


class AccountOpened(msgspec.Struct, frozen=True, tag="AccountOpened"):
    """A user has an account now."""

    account_id: int
    user_id: str


class Deposited(msgspec.Struct, frozen=True, tag="Deposited"):
    """Money came in. `correction`: the balance was wrong."""

    account_id: int
    amount: int
    time: int
    correction: bool = False


class Withdrawn(msgspec.Struct, frozen=True, tag="Withdrawn"):
    """Money went out. `correction`: the balance was wrong."""

    account_id: int
    amount: int
    time: int
    correction: bool = False


class TransferSent(msgspec.Struct, frozen=True, tag="TransferSent"):
    """Money left the account: it is in transit."""

    account_id: int
    transfer: Transfer
    time: int


class TransferReceived(msgspec.Struct, frozen=True, tag="TransferReceived"):
    """Money that was in transit is in the account. `returned`: in the one that it came from."""

    account_id: int
    transfer: Transfer
    returned: bool
    time: int


class InstrumentListed(msgspec.Struct, frozen=True, tag="InstrumentListed"):
    """The instrument can be traded."""

    instrument_id: str


class TermsChanged(msgspec.Struct, frozen=True, tag="TermsChanged"):
    """The new terms hold, for live orders and positions too."""

    instrument_id: str


class PhaseChanged(msgspec.Struct, frozen=True, tag="PhaseChanged"):
    """An instrument is in another phase of trading; without an instrument, all that were not there yet follow."""

    instrument_id: str
    phase: Phase
    time: int


class PhasesChanged(msgspec.Struct, frozen=True, tag="PhasesChanged"):
    """The market is in another phase: so many instruments have moved, each told by an event that follows."""

    phase: Phase
    count: int


class AuctionUncrossed(msgspec.Struct, frozen=True, tag="AuctionUncrossed"):
    """An auction has ended at one price (1/10,000); its trades follow. No trades: volume 0 and no price."""

    instrument_id: str
    price: int | None
    volume: int
    time: int


class OrdersCancelled(msgspec.Struct, frozen=True, tag="OrdersCancelled"):
    """An operator has cancelled so many orders; their cancels follow."""

    orders: int


class CloseOnlySet(msgspec.Struct, frozen=True, tag="CloseOnlySet"):
    """An account, or every account (None), may only close positions now, or no longer; the cancels of so many orders
    follow."""

    account_id: int | None
    close_only: bool
    orders: int


class LiquidationStopped(msgspec.Struct, frozen=True, tag="LiquidationStopped"):
    """An operator keeps an account from being liquidated, or lets that go on. If it was being liquidated that it has
    ended follows, then the cancels of so many orders."""

    account_id: int
    stopped: bool
    orders: int


class ConnectionsRefused(msgspec.Struct, frozen=True, tag="ConnectionsRefused"):
    """New connections are refused from now on, or no longer."""

    refused: bool


class TradeBroken(msgspec.Struct, frozen=True, tag="TradeBroken"):
    """A trade was taken back. Of each side the commission that was given back and the close profit that was taken back;
    `instrument_id`, `price` (1/10,000) and `volume` are those of the trade."""

    trade_id: int
    instrument_id: str
    price: int
    volume: int
    time: int
    buyer: TradeSide
    seller: TradeSide


class Announced(msgspec.Struct, frozen=True, tag="Announced"):
    """An announcement is shown from now on."""

    number: int


class AnnouncementWithdrawn(msgspec.Struct, frozen=True, tag="AnnouncementWithdrawn"):
    """An announcement is not shown any longer."""

    number: int


class AccountFrozen(msgspec.Struct, frozen=True, tag="AccountFrozen"):
    """An operator froze the account, or ended that."""

    account_id: int
    frozen: bool


class RulesSet(msgspec.Struct, frozen=True, tag="RulesSet"):
    """The account has new rules."""

    account_id: int


class FeeGroupSet(msgspec.Struct, frozen=True, tag="FeeGroupSet"):
    """The fee group has a new factor; holds follow."""

    name: str


class MarketLimitsSet(msgspec.Struct, frozen=True, tag="MarketLimitsSet"):
    """The market has other limits."""


class TimePassed(msgspec.Struct, frozen=True, tag="TimePassed"):
    """What was due is done, in the events that follow."""

    time: int


class FiringContinued(msgspec.Struct, frozen=True, tag="FiringContinued"):
    """The next waiting orders whose price was met fire, in the events that follow."""

    time: int


class RulesAdopted(msgspec.Struct, frozen=True, tag="RulesAdopted"):
    """The rules of this version hold."""

    version: int


class RiskWatched(msgspec.Struct, frozen=True, tag="RiskWatched"):
    """What risk called for is done, in the events that follow."""

    time: int


class RiskWarned(msgspec.Struct, frozen=True, tag="RiskWarned"):
    """The risk ratio (margin / balance) has reached the warning level; told once until it has been below it again."""

    account_id: int
    margin: int
    balance: int
    time: int


class RiskEased(msgspec.Struct, frozen=True, tag="RiskEased"):
    """The risk ratio is below the warning level again."""

    account_id: int
    margin: int
    balance: int
    time: int


class LiquidationStarted(msgspec.Struct, frozen=True, tag="LiquidationStarted"):
    """The risk ratio has reached the limit: orders are cancelled and positions closed until it is below."""

    account_id: int
    margin: int
    balance: int
    time: int


class LiquidationEnded(msgspec.Struct, frozen=True, tag="LiquidationEnded"):
    """The risk ratio is below the limit again, or nothing is left. A negative balance is a debt."""

    account_id: int
    margin: int
    balance: int
    time: int


class InstrumentSettled(msgspec.Struct, frozen=True, tag="InstrumentSettled"):
    """An instrument's settlement price (1/10,000) of the day; `delisted` when it was its last day."""

    instrument_id: str
    day: int
    price: int
    delisted: bool


class PositionExpired(msgspec.Struct, frozen=True, tag="PositionExpired"):
    """A position was closed at the last settlement price (1/10,000) of its instrument."""

    account_id: int
    instrument_id: str
    long: int
    short: int
    price: int
    close_profit: int
    time: int


class StatementLine(msgspec.Struct, frozen=True):
    """A position after the settlement. Costs at the settlement price."""

    instrument_id: str
    long: int
    short: int
    price: int
    margin: int


class Statement(msgspec.Struct, frozen=True, tag="Statement"):
    """An account's trading day: opening + deposits - withdrawals + close_profit + position_profit - commission
    = closing."""

    account_id: int
    day: int
    opening: int
    deposits: int
    withdrawals: int
    close_profit: int
    position_profit: int
    commission: int
    closing: int
    margin: int
    positions: list[StatementLine]
    time: int


class DaySettled(msgspec.Struct, frozen=True, tag="DaySettled"):
    """The trading day is over; statements and settlement prices follow."""

    day: int
    next_day: int
    time: int


Event = (
    Refused
    | OrderAccepted
    | OrderRepeated
    | OrderWaiting
    | OrderFired
    | OrderAmended
    | AllCancelled
    | CountdownSet
    | Traded
    | OrderCancelled
    | AccountOpened
    | Deposited
    | Withdrawn
    | TransferSent
    | TransferReceived
    | InstrumentListed
    | TermsChanged
    | PhaseChanged
    | PhasesChanged
    | AuctionUncrossed
    | AccountFrozen
    | OrdersCancelled
    | CloseOnlySet
    | LiquidationStopped
    | ConnectionsRefused
    | TradeBroken
    | Announced
    | AnnouncementWithdrawn
    | RulesSet
    | FeeGroupSet
    | MarketLimitsSet
    | TimePassed
    | FiringContinued
    | RulesAdopted
    | RiskWatched
    | RiskWarned
    | RiskEased
    | LiquidationStarted
    | LiquidationEnded
    | InstrumentSettled
    | PositionExpired
    | Statement
    | DaySettled
)
