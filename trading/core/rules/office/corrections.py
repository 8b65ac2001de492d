"""A trade is taken back, as far as that can be done: each of its sides gets the lots and the money that it had without
it. What is over cannot be undone so: lots that were closed, expired or settled since are another trade's by now, and
only money can make good for them. (So do exchanges: a trade is cancelled on its day, later there are cash adjustments.)

The engine keeps no trades; it is told what the trade was, as the tables have it, and keeps which are broken.
"""

from typing import NamedTuple

from trading.core.accounts import Leg, Lot
from trading.core.codes import Code
from trading.core.commands import BreakTrade
from trading.core.events import Event, Refused, TradeBroken
from trading.core.orders import Account, Instrument
from trading.core.state import State
from trading.core.types import FIRST_RULES, Offset, TradeSide


class _Undoing(NamedTuple):
    """What is to happen to one side: lots of a leg go (they were opened; `line` has them) or come back (they were
    closed), for `cost`."""

    side: TradeSide
    account: Account
    is_long: bool
    cost: int
    line: Lot | None


def break_trade(state: State, command: BreakTrade) -> list[Event]:
    """Both sides or neither."""
    instrument = state.instruments.get(command.instrument_id)
    if instrument is None:
        return [Refused(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {command.instrument_id}")]
    if command.trade_id in state.day.broken:
        return [Refused(Code.DUPLICATE, "The trade is broken already")]
    if command.day != state.day.trading_day:
        detail = f"The trade is of trading day {command.day}, which is settled: only money can make good for it"
        return [Refused(Code.TOO_LATE, detail)]
    if state.rules == FIRST_RULES or command.volume <= 0 or command.price <= 0:
        return [Refused(Code.MALFORMED, "The command does not describe a trade that can be broken")]
    found = [_undoing(state, instrument, command, is_buyer) for is_buyer in (True, False)]
    for each in found:
        if isinstance(each, Refused):
            return [each]
    told = [_undo(state, instrument, command, each) for each in found if isinstance(each, _Undoing)]
    state.day.broken = (*state.day.broken, command.trade_id)
    state.changes.day = state.day
    buyer, seller = told
    return [
        TradeBroken(command.trade_id, command.instrument_id, command.price, command.volume, state.now, buyer, seller)
    ]


def _undoing(state: State, instrument: Instrument, command: BreakTrade, is_buyer: bool) -> _Undoing | Refused:
    """What one side needs, or why it cannot be."""
    side = command.buyer if is_buyer else command.seller
    account = state.accounts.get(side.account_id)
    if account is None or command.buyer.account_id == command.seller.account_id:
        return Refused(Code.ACCOUNT_NOT_FOUND, "A trade has two accounts of this market")
    value = command.price * instrument.contract.multiplier * command.volume
    if side.offset is not Offset.OPEN:
        is_long = not is_buyer
        cost = value - side.close_profit if is_long else value + side.close_profit
        if cost <= 0:
            return Refused(Code.MALFORMED, "The command does not describe a trade that can be broken")
        return _Undoing(side, account, is_long, cost, None)
    position = account.positions.get(instrument.instrument_id)
    leg = Leg() if position is None else position.leg(is_buyer)
    if leg.today - leg.today_frozen < command.volume:
        held = leg.today_frozen and leg.today >= command.volume
        why = "live orders are to close the lots: cancel them first" if held else "the lots are closed since"
        return Refused(Code.POSITION_INSUFFICIENT, f"{account.user_id}: {why}")
    line = _line_of(leg, command, is_buyer)
    if line is None or line.lots < command.volume or line.cost * command.volume != value * line.lots:
        detail = f"{account.user_id}: the lots are closed since: only money can make good for them"
        return Refused(Code.POSITION_INSUFFICIENT, detail)
    return _Undoing(side, account, is_buyer, value, line)


def _line_of(leg: Leg, command: BreakTrade, is_long: bool) -> Lot | None:
    """The line of the detail that has the lots of the trade: the last that did not begin after it."""
    sign = 1 if is_long else -1
    lines = [line for line in leg.today_lots if sign * line.number <= command.trade_id]
    return lines[-1] if lines else None


def _undo(state: State, instrument: Instrument, command: BreakTrade, undoing: _Undoing) -> TradeSide:
    side, account, is_long, cost, line = undoing
    position = account.position(instrument.instrument_id, instrument.mark)
    leg, sign, volume = position.leg(is_long), 1 if is_long else -1, command.volume
    if line is not None:
        line.lots -= volume
        line.cost -= cost
        leg.today -= volume
        leg.today_cost -= cost
        if not line.lots:
            leg.today_lots.remove(line)
        volume, cost = -volume, -cost
    else:
        line = leg.open(volume, cost, sign * state.next_id())
        assert line is not None, "details are kept"
    state.changes.detail(account.account_id, instrument.instrument_id, [line])
    position.net_lots += sign * volume
    position.net_cost += sign * cost
    if position.flat:
        instrument.holders.pop(account.account_id, None)
    else:
        instrument.holders[account.account_id] = position
    account.add_margin(position)
    fees = side.commission if command.give_back_fees else 0
    account.commission -= fees
    account.close_profit -= side.close_profit
    state.touched[account.account_id] = account
    state.changes.accounts[account.account_id] = account
    state.changes.positions[account.account_id, instrument.instrument_id] = position
    return TradeSide(side.account_id, side.order_id, side.offset, fees, side.close_profit)
