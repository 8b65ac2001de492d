"""The one door of the core: commands in, events out, in order, the same on every machine.

The caller hands in the time; ids follow from it. A refusal is an event; an exception is a bug.
"""

from typing import Self, assert_never

from trading.core import funds, instruments, invariants, orders, snapshot
from trading.core.commands import (
    CancelOrder,
    ChangeTerms,
    Command,
    Deposit,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    ResumeInstrument,
    SubmitOrder,
    Withdraw,
)
from trading.core.events import Event
from trading.core.snapshot import Snapshot
from trading.core.state import Changes, State


class Engine:
    """Matching and risk of one market."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()

    @classmethod
    def restore(cls, records: Snapshot) -> Self:
        """The engine as it was when the records were taken."""
        return cls(snapshot.restore(records))

    def apply(self, command: Command, now: int) -> list[Event]:
        """Do what is asked, at `now` (Unix ms; never earlier than before), or refuse: then nothing has changed."""
        state = self.state
        state.now = max(state.now, now)
        match command:
            case SubmitOrder():
                return orders.submit(state, command)
            case CancelOrder():
                return orders.cancel(state, command)
            case OpenAccount():
                return funds.open_account(state, command)
            case Deposit():
                return funds.deposit(state, command)
            case Withdraw():
                return funds.withdraw(state, command)
            case ListInstrument():
                return instruments.list_instrument(state, command)
            case ChangeTerms():
                return instruments.change_terms(state, command)
            case HaltInstrument():
                return instruments.halt(state, command)
            case ResumeInstrument():
                return instruments.resume(state, command)
            case _:
                assert_never(command)

    def take_changes(self) -> Changes:
        """What the commands since the last call have touched, as it is now."""
        return self.state.take_changes()

    def check(self) -> None:
        """AssertionError when the state contradicts itself."""
        invariants.check(self.state)

    def snapshot(self) -> Snapshot:
        """The state as records."""
        return snapshot.take(self.state)

    def state_hash(self) -> str:
        """A name of the state; `now` is not part of it."""
        return snapshot.state_hash(self.state)
