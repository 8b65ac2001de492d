"""What operators do in an emergency: cancel many orders, let accounts only close positions, stop a liquidation, refuse
connections."""

from collections.abc import Iterable

import msgspec

from trading.core.codes import Code
from trading.core.commands import ForceCancelAll, RefuseConnections, SetCloseOnly, StopLiquidation
from trading.core.events import (
    CloseOnlySet,
    ConnectionsRefused,
    Event,
    LiquidationStopped,
    OrderCancelled,
    OrdersCancelled,
    Refused,
)
from trading.core.orders import Account, Order
from trading.core.rules import liquidation
from trading.core.rules.execution import cancel_live, oldest_first
from trading.core.state import State
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
    cancels = [cancel_live(state, order, CancelReason.OPERATOR) for order in oldest_first(found)]
    return [OrdersCancelled(len(found)), *cancels]


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
        number = account.account_id
        if (number in present.closing) is command.close_only:
            return [_already(command.user_id, command.close_only)]
        state.day.restrictions = msgspec.structs.replace(present, closing=_without_or_with(present.closing, number))
        account.close_only = state.day.restrictions.only_closes(number)
    state.changes.day = state.day
    cancels = _cancel_openings(state, accounts) if command.close_only else []
    return [CloseOnlySet(number, command.close_only, len(cancels)), *cancels]


def stop_liquidation(state: State, command: StopLiquidation) -> list[Event]:
    """The orders of a liquidation are done at once, so none is left of it. Whoever is not watched adds no risk: what
    would open positions goes."""
    account = state.by_user.get(command.user_id)
    if account is None:
        return [_no_account(command.user_id)]
    number, present = account.account_id, state.day.restrictions
    if liquidation.is_spared(state, account) is command.stopped:
        what = "stopped already" if command.stopped else "not stopped"
        return [Refused(Code.DUPLICATE, f"The liquidation of {command.user_id} is {what}")]
    state.day.restrictions = msgspec.structs.replace(present, spared=_without_or_with(present.spared, number))
    state.changes.day = state.day
    account.close_only = state.day.restrictions.only_closes(number)
    if not command.stopped:
        state.touched[number] = account
        return [LiquidationStopped(number, stopped=False, orders=0)]
    ended = [liquidation.end(state, account)] if account.liquidating else []
    cancels = _cancel_openings(state, [account])
    return [LiquidationStopped(number, stopped=True, orders=len(cancels)), *ended, *cancels]


def spare_nobody(state: State) -> None:
    """The trading day is over, and with it what was stopped."""
    present = state.day.restrictions
    state.day.restrictions = msgspec.structs.replace(present, spared=())
    for number in present.spared:
        account = state.accounts[number]
        account.close_only = state.day.restrictions.only_closes(number)
        state.touched[number] = account


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
    return _no_account(user_id) if account is None else [account]


def _no_account(user_id: str) -> Refused:
    return Refused(Code.ACCOUNT_NOT_FOUND, f"{user_id} has no account")


def _without_or_with(numbers: tuple[int, ...], number: int) -> tuple[int, ...]:
    """A number is taken out of some, or where it is not among them put in."""
    return tuple(sorted({*numbers} ^ {number}))


def _cancel_openings(state: State, accounts: Iterable[Account]) -> list[OrderCancelled]:
    openings = [order for account in accounts for order in account.orders.values() if order.offset is Offset.OPEN]
    return [cancel_live(state, order, CancelReason.OPERATOR, Code.CLOSE_ONLY) for order in oldest_first(openings)]


def _already(who: str, close_only: bool) -> Refused:
    return Refused(Code.DUPLICATE, f"{who} {'may only close already' if close_only else 'may open positions already'}")
