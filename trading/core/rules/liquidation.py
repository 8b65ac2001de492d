"""Accounts whose margin is no longer covered: who is looked at, who is warned, whose positions are closed. And the
positions that an operator closes, whatever the risk is."""

from bisect import bisect_left

from trading.core.accounts import Position
from trading.core.codes import Code
from trading.core.commands import CheckRisk, ForceClose
from trading.core.events import (
    Event,
    LiquidationEnded,
    LiquidationStarted,
    OrderAccepted,
    Refused,
    RiskEased,
    RiskWarned,
    RiskWatched,
    Traded,
)
from trading.core.money import RATE, share
from trading.core.orders import Account, Instrument, Order
from trading.core.rules import first_release
from trading.core.rules.checks import limit_of
from trading.core.rules.execution import cancel_each, enter
from trading.core.state import State
from trading.core.types import FIRST_RULES, CancelReason, Direction, Offset, OrderType, Phase, TimeCondition


def is_needed(state: State) -> bool:
    """Whether `watch` has anybody to look at."""
    return bool(state.moved or state.touched or state.liquidating)


def watch(state: State, command: CheckRisk) -> list[Event]:
    """Look at those whom something has happened to since the last look: the holders of instruments that have moved, and
    accounts whose own money has; nobody else's risk can have changed. What liquidation moves is looked at in turn."""
    events: list[Event] = [RiskWatched(state.now)]
    if command.everyone:
        state.touched.update(state.accounts)
    while True:
        concerned = _concerned(state)
        state.moved.clear()
        state.touched.clear()
        for account_id in sorted(concerned):
            events += _judge(state, command, concerned[account_id])
        if not (state.moved or state.touched):
            return events


def _concerned(state: State) -> dict[int, Account]:
    found = {**state.touched, **state.liquidating}
    for instrument in state.moved.values():
        for account_id in instrument.holders:
            found[account_id] = state.accounts[account_id]
    return found


def _judge(state: State, command: CheckRisk, account: Account) -> list[Event]:
    events: list[Event] = []
    begins = not account.liquidating and _reaches(account, command.limit) and not is_spared(state, account)
    if begins:
        account.liquidating = True
        state.liquidating[account.account_id] = account
        events.append(LiquidationStarted(*_stands(state, account)))
        events += cancel_each(state, list(account.orders.values()), CancelReason.LIQUIDATION)
    if account.liquidating:
        events += _close_positions(state, account, command.limit, begins)
    if account.liquidating and not _reaches(account, command.limit):
        events.append(end(state, account))
    warned = _reaches(account, command.warn_at)
    if warned is not account.warned:
        account.warned = warned
        events.append((RiskWarned if warned else RiskEased)(*_stands(state, account)))
    if events:
        state.changes.accounts[account.account_id] = account
    return events


def _reaches(account: Account, ratio: int) -> bool:
    """Whether margin / balance is at least `ratio` (1/100,000,000); with margin and no balance left it always is."""
    margin = account.margin
    return margin > 0 and margin * RATE >= ratio * _balance(account)


def is_spared(state: State, account: Account) -> bool:
    """Whether an operator has stopped its liquidation."""
    return account.account_id in state.day.restrictions.spared


def _balance(account: Account) -> int:
    return account.available + account.margin + account.hold


def _stands(state: State, account: Account) -> tuple[int, int, int, int]:
    return account.account_id, account.margin, _balance(account), state.now


def end(state: State, account: Account) -> LiquidationEnded:
    """The account is not being liquidated any longer."""
    account.liquidating = False
    del state.liquidating[account.account_id]
    state.changes.accounts[account.account_id] = account
    return LiquidationEnded(*_stands(state, account))


# --- closing


def _close_positions(state: State, account: Account, limit: int, begins: bool) -> list[Event]:
    """Close with MARKET orders, of the legs that pay the one with the largest margin first, no more lots than needed,
    until the ratio is below the limit or nobody takes the other side. When it `begins`, an order is made too where
    nobody offers inside the collar: it says why the position stays."""
    events: list[Event] = []
    stuck: set[tuple[str, bool]] = set()
    while _reaches(account, limit):
        closable = _closable(state, account, stuck, begins)
        found = _largest(state, account, closable)
        if found is None:
            break
        position, is_long = found
        lots = _lots_needed(state, account, position, is_long, limit, closable)
        happened = close_leg(state, account, position, is_long, lots)
        events += happened
        if not any(isinstance(event, Traded) for event in happened):
            stuck.add((position.instrument_id, is_long))
    return events


Legs = list[tuple[Position, bool]]
"""Positions, each with whether the long leg is meant."""


def _closable(state: State, account: Account, stuck: set[tuple[str, bool]], begins: bool) -> Legs:
    """The legs that somebody may take over now."""
    return [
        (position, is_long)
        for name, position in account.positions.items()
        for is_long in (True, False)
        if position.leg(is_long).lots
        and (name, is_long) not in stuck
        and state.instruments[name].phase is Phase.CONTINUOUS
        and _is_offered(state.instruments[name], is_long, begins)
    ]


def _is_offered(instrument: Instrument, is_long: bool, anywhere: bool) -> bool:
    """Whether somebody bids for a long leg, or offers what closes a short one, where a MARKET order may trade."""
    half = instrument.book.other(not is_long)
    if half.best is None or anywhere:
        return half.best is not None
    low, high = instrument.band()
    return half.best >= low if is_long else half.best <= high


def _largest(state: State, account: Account, closable: Legs) -> tuple[Position, bool] | None:
    """Of the legs whose closing frees margin the one with the largest; of equal ones the first by name, long before
    short."""
    if state.rules != FIRST_RULES:
        closable = [leg for leg in closable if _pays(account, *leg, closable)]
    return min(closable, key=lambda leg: (-leg[0].leg(leg[1]).margin, leg[0].instrument_id, not leg[1]), default=None)


def _pays(account: Account, position: Position, is_long: bool, closable: Legs) -> bool:
    """Where only the larger side of a product pays, a leg of the smaller one frees nothing. Sides that are equal free
    something when lots of both can be closed."""
    if not position.mark.shared:
        return True
    mine, others = _sides(account, position, is_long)
    return mine > others or (mine == others and _other_side_closable(position, is_long, closable))


def _sides(account: Account, position: Position, is_long: bool) -> tuple[int, int]:
    """The margin of a leg's own side of its product, and of the other side."""
    long, short = account.sides[position.mark.shared]
    return (long, short) if is_long else (short, long)


def _other_side_closable(position: Position, is_long: bool, closable: Legs) -> bool:
    product = position.mark.shared
    return any(other.mark.shared == product and side is not is_long for other, side in closable)


def _lots_needed(state: State, account: Account, position: Position, is_long: bool, limit: int, closable: Legs) -> int:
    """The fewest lots whose margin is what is too much, at the present balance. Of a side that alone pays no more than
    bring it down to the other side, unless that can be closed as well."""
    leg = position.leg(is_long)
    balance = _balance(account)
    if state.rules == FIRST_RULES:
        return first_release.lots_to_close(account, leg, limit, balance)
    mine, floor = leg.margin, 0
    if position.mark.shared:
        mine, other = _sides(account, position, is_long)
        floor = 0 if _other_side_closable(position, is_long, closable) else other
    elsewhere = account.margin - mine
    rate = position.mark.rate_long if is_long else position.mark.rate_short

    def is_enough(lots: int) -> bool:
        left = mine - leg.margin + share(leg.cost - leg.cost_of_first(lots), rate)
        return left <= floor or (elsewhere + left) * RATE < limit * balance

    return bisect_left(range(1, leg.lots), True, key=is_enough) + 1


def close_leg(state: State, account: Account, position: Position, is_long: bool, lots: int) -> list[Event]:
    """One order of the exchange's own: yesterday's lots first."""
    instrument, leg = state.instruments[position.instrument_id], position.leg(is_long)
    his = min(lots, leg.his)
    order = Order(
        account,
        instrument,
        Direction.SELL if is_long else Direction.BUY,
        Offset.CLOSE,
        OrderType.MARKET,
        TimeCondition.IOC,
        0,
        lots,
        state.now,
        state.day.trading_day,
    )
    order.order_id = state.next_id()
    order.his_held, order.today_held = his, lots - his
    order.forced = True
    accepted = OrderAccepted(order.order_id, account.account_id, lots, state.now)
    return enter(state, order, limit_of(order), [accepted])


# --- by an operator


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
