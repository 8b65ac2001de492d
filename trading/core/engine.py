"""The one door of the core: commands in, events out, in order, the same on every machine.

The caller hands in the time; ids follow from it. A refusal is an event; an exception is a bug.
"""

from collections.abc import Callable
from typing import Any, Final, Self

from trading.core import invariants
from trading.core.commands import (
    AdoptRules,
    AmendOrder,
    Announce,
    BreakTrade,
    CancelAfter,
    CancelAll,
    CancelOrder,
    ChangeTerms,
    CheckRisk,
    ClientOrder,
    Command,
    Deposit,
    ExpireDue,
    FireStops,
    ForceCancelAll,
    ForceCancelOrder,
    ForceClose,
    FreezeAccount,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    ReceiveTransfer,
    RefuseConnections,
    ResumeInstrument,
    ReturnTransfer,
    SendTransfer,
    SetAccountRules,
    SetCloseOnly,
    SetFeeGroup,
    SetInstrumentPhase,
    SetMarketLimits,
    SetMarketPhase,
    Settle,
    StopLiquidation,
    SubmitOrder,
    Withdraw,
    WithdrawAnnouncement,
)
from trading.core.events import Event
from trading.core.rules import (
    adoption,
    funds,
    instruments,
    liquidation,
    orders,
    phases,
    restrictions,
    settlement,
    stop_orders,
    timers,
)
from trading.core.rules.office import announcements, corrections
from trading.core.snapshot.records import Snapshot
from trading.core.snapshot.restoring import restore
from trading.core.snapshot.taking import state_hash, take
from trading.core.state import Changes, State
from trading.core.types import Phase

RULES: Final[dict[type[Command], Callable[[State, Any], list[Event]]]] = {
    SubmitOrder: orders.submit,
    AmendOrder: orders.amend,
    CancelOrder: orders.cancel,
    CancelAll: orders.cancel_all,
    CancelAfter: timers.cancel_after,
    ExpireDue: timers.pass_time,
    CheckRisk: liquidation.watch,
    OpenAccount: funds.open_account,
    Deposit: funds.deposit,
    Withdraw: funds.withdraw,
    SendTransfer: funds.send,
    ReceiveTransfer: funds.receive,
    ReturnTransfer: funds.take_back,
    FreezeAccount: funds.freeze,
    SetAccountRules: funds.set_rules,
    SetFeeGroup: funds.set_fee_group,
    SetMarketLimits: funds.set_market_limits,
    ListInstrument: instruments.list_instrument,
    ChangeTerms: instruments.change_terms,
    HaltInstrument: phases.halt,
    ResumeInstrument: phases.resume,
    SetInstrumentPhase: phases.set_phase,
    SetMarketPhase: phases.change_phase,
    ForceCancelOrder: orders.cancel_any,
    ForceClose: liquidation.force_close,
    StopLiquidation: restrictions.stop_liquidation,
    ForceCancelAll: restrictions.cancel_orders,
    SetCloseOnly: restrictions.set_close_only,
    RefuseConnections: restrictions.refuse_connections,
    BreakTrade: corrections.break_trade,
    Announce: announcements.announce,
    WithdrawAnnouncement: announcements.withdraw,
    Settle: settlement.settle,
    FireStops: stop_orders.go_on,
    AdoptRules: adoption.adopt,
}
"""Where each command is done."""


class Engine:
    """Matching and risk of one market."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()

    @classmethod
    def restore(cls, records: Snapshot) -> Self:
        """The engine as it was when the records were taken."""
        return cls(restore(records))

    def apply(self, command: Command, now: int) -> list[Event]:
        """Do what is asked, at `now` (Unix ms; never earlier than before), or refuse: then nothing has changed."""
        state = self.state
        state.now = max(state.now, now)
        behind = bool(state.alert) and stop_orders.is_behind(state) and type(command) is not FireStops
        events = RULES[type(command)](state, command)
        if state.alert:
            events += stop_orders.fire(state, 0 if behind else stop_orders.PORTION)
        return events

    def may_have_forgotten(self, command: Command) -> bool:
        """Whether an order may be a resend of one that is too old to be known here. Whoever finds that one gives it to
        `repeat` and does not `apply` the command: resends change nothing, so no journal has them."""
        if not isinstance(command, SubmitOrder) or command.client_order_id is None:
            return False
        account = self.state.accounts.get(command.account_id)
        return account is not None and account.may_have_forgotten(command.client_order_id)

    def repeat(self, command: SubmitOrder, known: ClientOrder) -> Event:
        """The answer to an order whose own id was used up by a known one."""
        return orders.repeat(known, command)

    def phase_for(self, instrument_id: str) -> Phase:
        """Which phase an instrument that was just listed belongs into: one that is listed while the market is closed
        does not trade."""
        return phases.phase_for(self.state, self.state.instruments[instrument_id])

    def due(self, now: int) -> bool:
        """Whether `ExpireDue` has anything to do by `now`."""
        return timers.is_due(self.state, now)

    @property
    def next_due(self) -> int | None:
        """When `ExpireDue` may have something to do (Unix ms)."""
        return self.state.deadlines[0][0] if self.state.deadlines else None

    @property
    def firing(self) -> bool:
        """Whether orders whose price was met are yet to fire: `FireStops` lets the next of them go."""
        return bool(self.state.alert) and stop_orders.is_behind(self.state)

    @property
    def moved(self) -> bool:
        """Whether `CheckRisk` has anybody to look at."""
        return liquidation.is_needed(self.state)

    def take_changes(self) -> Changes:
        """What the commands since the last call have touched, as it is now."""
        return self.state.take_changes()

    def check(self) -> None:
        """AssertionError when the state contradicts itself."""
        invariants.check(self.state)

    def snapshot(self) -> Snapshot:
        """The state as records."""
        return take(self.state)

    def state_hash(self) -> str:
        """A name of the state; `now` is not part of it."""
        return state_hash(self.state)
