"""Everything that can be asked of the engine, in the imperative. Immutable; a closed union; also the journal's rows.

Prices and money are integers of 1/10,000 of the currency, volumes whole lots.
"""

import msgspec

from trading.core.types import (
    AccountRules,
    CancelReason,
    Contract,
    Direction,
    MarketLimits,
    Offset,
    OrderOptions,
    OrderType,
    Phase,
    Terms,
    TimeCondition,
    TradeSide,
    Transfer,
)


class SubmitOrder(msgspec.Struct, frozen=True, tag="SubmitOrder", omit_defaults=True):
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
    options: OrderOptions | None = msgspec.field(name="handling", default=None)


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """What a resend must repeat to be known as one. How long it is valid is not part of it.

    The price is in 1/10,000. Words are compared as texts: a restart reads them as such.
    """

    instrument_id: str
    direction: str
    offset: str
    order_type: str
    volume: int
    price: int | None
    time_condition: str
    options: OrderOptions | None


class ClientOrder(msgspec.Struct, frozen=True):
    """An order's own id given by its client: the order it became, and what was asked, so that a resend is known."""

    order_id: int
    asked: Asked


class AmendOrder(msgspec.Struct, frozen=True, tag="AmendOrder", omit_defaults=True):
    """Change the price or the volume (all lots, filled ones included) of an own order; None: as it is. Only a smaller
    volume alone keeps the place in the queue."""

    account_id: int
    order_id: int
    price: int | None = None
    volume: int | None = None
    valid_until: int | None = None


class CancelOrder(msgspec.Struct, frozen=True, tag="CancelOrder", omit_defaults=True):
    """Cancel what is left of an own order."""

    account_id: int
    order_id: int


class CancelAll(msgspec.Struct, frozen=True, tag="CancelAll", omit_defaults=True):
    """Cancel all own orders, or those of one instrument, or of one side."""

    account_id: int
    instrument_id: str | None = None
    direction: Direction | None = None


class CancelAfter(msgspec.Struct, frozen=True, tag="CancelAfter", omit_defaults=True):
    """The dead man's switch: cancel all orders of the account at `deadline` (Unix ms), unless it is set anew before;
    None: disarm. DISCONNECT has a deadline of its own beside COUNTDOWN."""

    account_id: int
    deadline: int | None = None
    reason: CancelReason = CancelReason.COUNTDOWN


class OpenAccount(msgspec.Struct, frozen=True, tag="OpenAccount"):
    """Give a user an account at this market."""

    user_id: str


class Deposit(msgspec.Struct, frozen=True, tag="Deposit", omit_defaults=True):
    """Put money into an account. `correction`: because its balance was wrong."""

    user_id: str
    amount: int
    correction: bool = False


class Withdraw(msgspec.Struct, frozen=True, tag="Withdraw", omit_defaults=True):
    """Take money out of an account; at most what is available without counting unrealised gains. `correction`: because
    its balance was wrong."""

    user_id: str
    amount: int
    correction: bool = False


class SendTransfer(msgspec.Struct, frozen=True, tag="SendTransfer"):
    """Take money out of an account, for the same user's account at another market; at most what may be withdrawn."""

    transfer: Transfer


class ReceiveTransfer(msgspec.Struct, frozen=True, tag="ReceiveTransfer"):
    """Put money that another market has sent into an account."""

    transfer: Transfer


class ReturnTransfer(msgspec.Struct, frozen=True, tag="ReturnTransfer"):
    """Put money that the other market did not take back into the account that it came from."""

    transfer: Transfer


class ListInstrument(msgspec.Struct, frozen=True, tag="ListInstrument"):
    """Begin trading an instrument."""

    contract: Contract
    terms: Terms


class ChangeTerms(msgspec.Struct, frozen=True, tag="ChangeTerms"):
    """Change margin rates, fees or volume limits; margins and holds follow at once."""

    instrument_id: str
    terms: Terms


class HaltInstrument(msgspec.Struct, frozen=True, tag="HaltInstrument"):
    """Stop trading: only cancels are taken until it is resumed."""

    instrument_id: str


class ResumeInstrument(msgspec.Struct, frozen=True, tag="ResumeInstrument"):
    """Go on trading after a halt."""

    instrument_id: str


class SetMarketPhase(msgspec.Struct, frozen=True, tag="ChangePhase"):
    """The schedule moves all instruments to a phase; those that an operator halted follow when they are resumed."""

    phase: Phase


class SetInstrumentPhase(msgspec.Struct, frozen=True, tag="SetPhase"):
    """An operator moves one instrument to a phase, whatever the schedule says."""

    instrument_id: str
    phase: Phase


class FreezeAccount(msgspec.Struct, frozen=True, tag="FreezeAccount"):
    """No new orders and no withdrawals; cancels are taken. Or the end of it."""

    user_id: str
    frozen: bool


class SetAccountRules(msgspec.Struct, frozen=True, tag="SetAccountRules"):
    """Give an account its rules."""

    user_id: str
    rules: AccountRules


class SetFeeGroup(msgspec.Struct, frozen=True, tag="SetFeeGroup"):
    """What the accounts of a fee group pay of the commission: `factor` in 1/100,000,000 (1 is all of it)."""

    name: str
    factor: int


class ForceCancelOrder(msgspec.Struct, frozen=True, tag="CancelAnyOrder"):
    """An operator cancels an order, whosever it is."""

    order_id: int


class ForceClose(msgspec.Struct, frozen=True, tag="ForceClose", omit_defaults=True):
    """An operator closes an account's positions with MARKET orders of the exchange's own, or the one in an instrument;
    its orders there are cancelled before. What nobody takes over stays."""

    user_id: str
    instrument_id: str | None = None


class StopLiquidation(msgspec.Struct, frozen=True, tag="StopLiquidation"):
    """An operator stops the liquidation of an account, or keeps it from being liquidated: until they let it go on, or
    the trading day ends. Meanwhile the account opens nothing and pays nothing out."""

    user_id: str
    stopped: bool


class ForceCancelAll(msgspec.Struct, frozen=True, tag="CancelOrders", omit_defaults=True):
    """An operator cancels all orders: of an account, of an instrument, of both, or of everybody."""

    user_id: str | None = None
    instrument_id: str | None = None


class SetCloseOnly(msgspec.Struct, frozen=True, tag="SetCloseOnly", omit_defaults=True):
    """An account, or without a `user_id` every account, may only close positions: live orders that would open some are
    cancelled. Or the end of it."""

    close_only: bool
    user_id: str | None = None


class RefuseConnections(msgspec.Struct, frozen=True, tag="RefuseConnections"):
    """Nobody may connect any more; whoever is connected stays. Or the end of it."""

    refused: bool


class BreakTrade(msgspec.Struct, frozen=True, tag="BreakTrade"):
    """An operator takes a trade of the present trading day back: lots and profit of both sides, and with
    `give_back_fees` what they paid. `price` in 1/10,000; the sides as the trade's rows have them."""

    trade_id: int
    day: int
    instrument_id: str
    price: int
    volume: int
    buyer: TradeSide
    seller: TradeSide
    give_back_fees: bool


class Announce(msgspec.Struct, frozen=True, tag="Announce", omit_defaults=True):
    """Tell everybody, or one user, something until a time (Unix ms). `stop_at`: when the exchange is to stop."""

    text: str
    until: int
    user_id: str | None = None
    stop_at: int | None = None


class WithdrawAnnouncement(msgspec.Struct, frozen=True, tag="WithdrawAnnouncement"):
    """An announcement is not shown any longer."""

    number: int


class Settle(msgspec.Struct, frozen=True, tag="Settle", omit_defaults=True):
    """End the trading day `day` (YYYYMMDD) and begin `next_day`. `prices`: settlement prices in 1/10,000; an instrument
    without one is settled at its last price, or at its previous settlement price. A price that is outside the day's
    limits is taken only where that is `confirmed`."""

    day: int
    next_day: int
    prices: dict[str, int]
    confirmed: bool = False


class ExpireDue(msgspec.Struct, frozen=True, tag="PassTime"):
    """Do what is due by now: expire GTD orders, carry out dead man's switches."""


class CheckRisk(msgspec.Struct, frozen=True, tag="WatchRisk", omit_defaults=True):
    """Look at the accounts whose instruments have moved, or at everyone: warn, liquidate. Ratios in 1/100,000,000."""

    warn_at: int
    limit: int
    everyone: bool = False


class SetMarketLimits(msgspec.Struct, frozen=True, tag="SetMarketLimits"):
    """From now on these limits hold for new orders; those that are live stay."""

    limits: MarketLimits


class FireStops(msgspec.Struct, frozen=True, tag="FireStops"):
    """Let the next of the waiting orders fire whose price was met: no command fires more than some."""


class AdoptRules(msgspec.Struct, frozen=True, tag="AdoptRules"):
    """From now on the rules of this version hold. The first command of a new market, and of a release whose rules
    differ from those that the market had."""

    version: int


TraderCommand = SubmitOrder | AmendOrder | CancelOrder | CancelAll | CancelAfter
"""What traders may ask."""

SystemCommand = ExpireDue | CheckRisk | SetMarketLimits | FireStops | AdoptRules
"""What the worker asks by itself."""

AdminCommand = (
    OpenAccount
    | Deposit
    | Withdraw
    | SendTransfer
    | ReceiveTransfer
    | ReturnTransfer
    | ListInstrument
    | ChangeTerms
    | HaltInstrument
    | ResumeInstrument
    | SetMarketPhase
    | SetInstrumentPhase
    | FreezeAccount
    | SetAccountRules
    | SetFeeGroup
    | ForceCancelOrder
    | ForceClose
    | StopLiquidation
    | ForceCancelAll
    | SetCloseOnly
    | RefuseConnections
    | BreakTrade
    | Announce
    | WithdrawAnnouncement
    | Settle
)
"""What only operators may ask."""

Command = TraderCommand | AdminCommand | SystemCommand
