"""Accounts whose margin is no longer covered: who is looked at, who is warned, whose positions are closed."""

from trading.core.accounts import Account, Leg, Position
from trading.core.commands import CheckRisk
from trading.core.events import (
    Event,
    LiquidationEnded,
    LiquidationStarted,
    OrderAccepted,
    RiskEased,
    RiskWarned,
    RiskWatched,
    Traded,
)
from trading.core.money import RATE
from trading.core.rules.checks import limit_of
from trading.core.rules.execution import cancel_each, enter
from trading.core.state import Order, State
from trading.core.types import CancelReason, Direction, Offset, OrderType, Phase, TimeCondition


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
    if not account.liquidating and _reaches(account, command.limit):
        account.liquidating = True
        state.liquidating[account.account_id] = account
        events.append(LiquidationStarted(*_stands(state, account)))
        events += cancel_each(state, list(account.orders.values()), CancelReason.LIQUIDATION)
    if account.liquidating:
        events += _close_positions(state, account, command.limit)
    if account.liquidating and not _reaches(account, command.limit):
        account.liquidating = False
        del state.liquidating[account.account_id]
        events.append(LiquidationEnded(*_stands(state, account)))
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


def _balance(account: Account) -> int:
    return account.available + account.margin + account.hold


def _stands(state: State, account: Account) -> tuple[int, int, int, int]:
    return account.account_id, account.margin, _balance(account), state.now


# --- closing


def _close_positions(state: State, account: Account, limit: int) -> list[Event]:
    """Close with MARKET orders, the leg with the largest margin first, no more lots than needed, until the ratio is
    below the limit or nobody takes the other side."""
    events: list[Event] = []
    stuck: set[tuple[str, bool]] = set()
    while _reaches(account, limit):
        found = _largest(state, account, stuck)
        if found is None:
            break
        position, is_long = found
        leg = position.leg(is_long)
        happened = _close(state, account, position, is_long, _lots_needed(account, leg, limit))
        events += happened
        if not any(isinstance(event, Traded) for event in happened):
            stuck.add((position.instrument_id, is_long))
    return events


def _largest(state: State, account: Account, stuck: set[tuple[str, bool]]) -> tuple[Position, bool] | None:
    """The leg with the largest margin that can be closed now; of equal ones the first by name, long before short."""
    legs = [
        (-position.leg(is_long).margin, name, not is_long)
        for name, position in account.positions.items()
        for is_long in (True, False)
        if position.leg(is_long).lots
        and (name, is_long) not in stuck
        and state.instruments[name].phase is Phase.CONTINUOUS
        and state.instruments[name].book.other(not is_long).keys
    ]
    if not legs:
        return None
    _, name, is_short = min(legs)
    return account.positions[name], not is_short


def _lots_needed(account: Account, leg: Leg, limit: int) -> int:
    """Lots whose margin is what is too much, at the present balance; at least one."""
    too_much = account.margin - max(0, limit * _balance(account)) // RATE
    each = max(1, leg.margin // leg.lots)
    return max(1, min(leg.lots, too_much // each + 1))


def _close(state: State, account: Account, position: Position, is_long: bool, lots: int) -> list[Event]:
    """One order of the exchange's own: yesterday's lots first."""
    instrument, leg = state.instruments[position.instrument_id], position.leg(is_long)
    his = min(lots, leg.his)
    order = Order(
        not is_long,
        0,
        lots,
        owner=account.account_id,
        order_id=state.next_id(),
        account=account,
        instrument=instrument,
        direction=Direction.SELL if is_long else Direction.BUY,
        offset=Offset.CLOSE,
        order_type=OrderType.MARKET,
        time_condition=TimeCondition.IOC,
        volume=lots,
        left=lots,
        accepted_at=state.now,
        updated_at=state.now,
        his_held=his,
        today_held=lots - his,
        trading_day=state.day.trading_day,
        forced=True,
    )
    accepted = OrderAccepted(order.order_id, account.account_id, lots, state.now)
    return [accepted, *enter(state, order, limit_of(order))]
