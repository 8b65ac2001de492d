"""An operator closes positions of an account, whatever its risk is. Trades as a liquidation does."""

from trading.core.accounts import Account, Position
from trading.core.codes import Code
from trading.core.commands import ForceClose
from trading.core.events import Event, Refused
from trading.core.rules.execution import cancel_each
from trading.core.rules.liquidation import close_leg
from trading.core.state import State
from trading.core.types import CancelReason, Phase


def force_close(state: State, command: ForceClose) -> list[Event]:
    """Cancel the account's orders in the instruments that are closed, then close leg by leg, by name, long first."""
    account = state.by_user.get(command.user_id)
    if account is None:
        return [Refused(Code.ACCOUNT_NOT_FOUND, f"{command.user_id} has no account")]
    if command.instrument_id is not None and command.instrument_id not in state.instruments:
        return [Refused(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {command.instrument_id}")]
    held = _held(account, command.instrument_id)
    if not held:
        return [Refused(Code.NOT_FOUND, f"{command.user_id} holds nothing to be closed")]
    trading = [position for position in held if state.instruments[position.instrument_id].phase is Phase.CONTINUOUS]
    if not trading:
        return [Refused(Code.NOT_TRADING, f"Nothing that {command.user_id} holds is traded just now")]
    names = {position.instrument_id for position in trading}
    orders = [order for order in account.orders.values() if order.instrument.instrument_id in names]
    events = cancel_each(state, orders, CancelReason.OPERATOR)
    for position in trading:
        for is_long in (True, False):
            lots = position.leg(is_long).lots
            if lots:
                events += close_leg(state, account, position, is_long, lots)
    return events


def _held(account: Account, instrument_id: str | None) -> list[Position]:
    return [
        position
        for name, position in sorted(account.positions.items())
        if instrument_id in (None, name) and not position.flat
    ]
