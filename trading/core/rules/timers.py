"""What happens when time passes: orders expire, dead man's switches are carried out."""

from heapq import heappop, heappush

from trading.core.codes import Code
from trading.core.commands import CancelAfter, ExpireDue
from trading.core.events import CountdownSet, Event, Refused, TimePassed
from trading.core.orders import Account
from trading.core.rules.execution import cancel_each, cancel_live
from trading.core.state import State
from trading.core.types import CancelReason, Due

REASONS = {Due.COUNTDOWN: CancelReason.COUNTDOWN, Due.DISCONNECT: CancelReason.DISCONNECT}


def schedule(state: State, time: int, what: Due, number: int, account_id: int) -> None:
    """Something is to be done at `time` (Unix ms), if it is still wanted then."""
    heappush(state.deadlines, (time, what, number, account_id))


def is_due(state: State, now: int) -> bool:
    """Whether `pass_time` has anything to do by `now`."""
    return bool(state.deadlines) and state.deadlines[0][0] <= now


def pass_time(state: State, command: ExpireDue) -> list[Event]:
    """Do what is due, in the order of its time."""
    events: list[Event] = [TimePassed(state.now)]
    while is_due(state, state.now):
        time, what, number, account_id = heappop(state.deadlines)
        account = state.accounts[account_id]
        if what is Due.ORDER:
            order = account.orders.get(number)
            if order is not None:
                events.append(cancel_live(state, order, CancelReason.EXPIRED))
        elif _deadline(account, what) == time:
            _set_deadline(state, account, what, None)
            events.append(CountdownSet(account_id, None))
            events += cancel_each(state, list(account.orders.values()), REASONS[what])
    return events


def cancel_after(state: State, command: CancelAfter) -> list[Event]:
    """Arm or disarm a dead man's switch. A deadline that has passed is due at once."""
    account = state.accounts.get(command.account_id)
    if account is None:
        return [Refused(Code.ACCOUNT_NOT_FOUND, Code.ACCOUNT_NOT_FOUND.text)]
    what = Due.DISCONNECT if command.reason is CancelReason.DISCONNECT else Due.COUNTDOWN
    _set_deadline(state, account, what, command.deadline)
    if command.deadline is not None:
        schedule(state, command.deadline, what, account.account_id, account.account_id)
    return [CountdownSet(account.account_id, command.deadline)]


def _deadline(account: Account, what: Due) -> int | None:
    return account.disconnect_at if what is Due.DISCONNECT else account.cancel_at


def _set_deadline(state: State, account: Account, what: Due, deadline: int | None) -> None:
    if what is Due.DISCONNECT:
        account.disconnect_at = deadline
    else:
        account.cancel_at = deadline
    state.changes.accounts[account.account_id] = account
