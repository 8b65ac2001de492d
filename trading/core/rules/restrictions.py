"""What operators do in an emergency: cancel many orders, let accounts only close positions, refuse connections."""

from collections.abc import Iterable

import msgspec

from trading.core.codes import Code
from trading.core.commands import ForceCancelAll, RefuseConnections, SetCloseOnly
from trading.core.events import CloseOnlySet, ConnectionsRefused, Event, OrdersCancelled, Refused
from trading.core.rules.execution import cancel_each, cancel_live
from trading.core.state import Account, Order, State
from trading.core.types import CancelReason, Offset


def cancel_orders(state: State, command: ForceCancelAll) -> list[Event]:
    """Of an account, of an instrument, of both, or all."""
    accounts = _accounts(state, command.user_id)
    if isinstance(accounts, Refused):
        return [accounts]
    if command.instrument_id is not None and command.instrument_id not in state.instruments:
        return [Refused(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {command.instrument_id}")]
    found: list[Order] = [
        order
        for account in accounts
        for order in account.orders.values()
        if command.instrument_id in (None, order.instrument.instrument_id)
    ]
    return [OrdersCancelled(len(found)), *cancel_each(state, found, CancelReason.OPERATOR)]


def set_close_only(state: State, command: SetCloseOnly) -> list[Event]:
    """What would open positions goes, so that nothing that waits opens some later."""
    accounts = _accounts(state, command.user_id)
    if isinstance(accounts, Refused):
        return [accounts]
    present = state.day.restrictions
    if command.user_id is None:
        if present.close_only is command.close_only:
            return [_already("The market", command.close_only)]
        state.day.restrictions = msgspec.structs.replace(present, close_only=command.close_only)
        number = None
    else:
        account = state.by_user[command.user_id]
        if account.close_only is command.close_only:
            return [_already(command.user_id, command.close_only)]
        account.close_only, number = command.close_only, account.account_id
        closing = {*present.closing} ^ {number}
        state.day.restrictions = msgspec.structs.replace(present, closing=tuple(sorted(closing)))
    state.changes.day = state.day
    opening: list[Order] = [
        order for account in accounts for order in account.orders.values() if order.offset is Offset.OPEN
    ]
    if not command.close_only:
        opening = []
    opening.sort(key=lambda order: order.order_id)
    cancels = [cancel_live(state, order, CancelReason.OPERATOR, Code.CLOSE_ONLY) for order in opening]
    return [CloseOnlySet(number, command.close_only, len(cancels)), *cancels]


def refuse_connections(state: State, command: RefuseConnections) -> list[Event]:
    """The gateways look at it; the engine only keeps it."""
    present = state.day.restrictions
    if present.no_connections is command.refused:
        what = "refused already" if command.refused else "not refused"
        return [Refused(Code.DUPLICATE, f"New connections are {what}")]
    state.day.restrictions = msgspec.structs.replace(present, no_connections=command.refused)
    state.changes.day = state.day
    return [ConnectionsRefused(command.refused)]


def _accounts(state: State, user_id: str | None) -> Iterable[Account] | Refused:
    """That of a user, or all in the order of their numbers."""
    if user_id is None:
        return [account for _, account in sorted(state.accounts.items())]
    account = state.by_user.get(user_id)
    return Refused(Code.ACCOUNT_NOT_FOUND, f"{user_id} has no account") if account is None else [account]


def _already(who: str, close_only: bool) -> Refused:
    return Refused(Code.DUPLICATE, f"{who} {'may only close already' if close_only else 'may open positions already'}")
