"""From the records to a state, with everything derived rebuilt."""

from collections import deque
from collections.abc import Iterable

from trading.core.accounts import Leg, Lot
from trading.core.matching.stops import Sweep
from trading.core.money import RATE
from trading.core.orders import Account, Instrument, Order
from trading.core.rules.checks import NeededPerLot
from trading.core.rules.execution import rest_again
from trading.core.rules.stop_orders import watch
from trading.core.rules.timers import schedule
from trading.core.snapshot.records import (
    AccountRecord,
    DayRecord,
    InstrumentRecord,
    LegRecord,
    LotRecord,
    OrderRecord,
    PositionRecord,
    Snapshot,
)
from trading.core.state import Day, State
from trading.core.types import NO_LIMITS, NOTHING_OFF, Due, OrderStatus

WAITING = OrderStatus.WAITING


def restore(snapshot: Snapshot) -> State:
    """The state that the records tell, with everything derived rebuilt."""
    state = State(snapshot.rules, snapshot.shard)
    state.last_id = snapshot.last_id
    state.day = _restore_day(snapshot.day)
    for instrument in snapshot.instruments:
        _restore_instrument(state, instrument)
    for account in snapshot.accounts:
        _restore_account(state, account)
    for position in snapshot.positions:
        _restore_position(state, position)
    needed = NeededPerLot()
    for order in snapshot.orders:
        _restore_order(state, order, needed)
    for instrument in snapshot.instruments:
        _restore_sweeps(state, instrument)
    return state


def _restore_day(record: DayRecord) -> Day:
    limits = record.limits or NO_LIMITS
    off = record.restrictions or NOTHING_OFF
    groups, told = dict(record.fee_groups), record.announcements
    return Day(record.trading_day, record.net_deposits, record.commission, groups, limits, off, told, record.broken)


def _restore_instrument(state: State, record: InstrumentRecord) -> None:
    instrument = Instrument.listed(record.contract, record.terms, state.rules)
    tick = record.contract.tick
    instrument.phase = record.phase
    instrument.scheduled = record.scheduled
    instrument.set_limits(record.settlement)
    if record.last is not None:
        instrument.trade_at(record.last // tick, record.last_volume, record.last_time)
    if record.mark is not None:
        instrument.mark_at(record.mark // tick)
    state.instruments[instrument.instrument_id] = instrument


def _restore_sweeps(state: State, record: InstrumentRecord) -> None:
    tick = record.contract.tick
    state.instruments[record.contract.instrument_id].waiting.see_again(
        Sweep(each.trigger, each.rising, each.price // tick, each.number) for each in record.sweeps
    )


def _restore_account(state: State, record: AccountRecord) -> None:
    account = Account(
        account_id=record.account_id,
        user_id=record.user_id,
        pre_balance=record.pre_balance,
        deposits=record.deposits,
        withdrawals=record.withdrawals,
        close_profit=record.close_profit,
        commission=record.commission,
        fee_factor=state.day.fee_groups.get(record.rules.fee_group, RATE),
        frozen=record.frozen,
        close_only=state.day.restrictions.only_closes(record.account_id),
        warned=record.warned,
        liquidating=record.liquidating,
        cancel_at=record.cancel_at,
        disconnect_at=record.disconnect_at,
    )
    account.rules = record.rules
    account.know(dict(record.client_orders))
    state.accounts[account.account_id] = account
    state.by_user[account.user_id] = account
    if account.liquidating:
        state.liquidating[account.account_id] = account
    for what, deadline in ((Due.COUNTDOWN, account.cancel_at), (Due.DISCONNECT, account.disconnect_at)):
        if deadline is not None:
            schedule(state, deadline, what, account.account_id, account.account_id)


def _restore_position(state: State, record: PositionRecord) -> None:
    account = state.accounts[record.account_id]
    instrument = state.instruments[record.instrument_id]
    position = account.position(record.instrument_id, instrument.mark)
    position.long = _restore_leg(record.long)
    position.short = _restore_leg(record.short)
    position.net_lots = position.long.lots - position.short.lots
    position.net_cost = position.long.cost - position.short.cost
    account.add_margin(position)
    instrument.holders[account.account_id] = position


def _restore_leg(record: LegRecord) -> Leg:
    leg = Leg(record.today, record.his, record.today_cost, record.his_cost, record.his_open_cost)
    if record.detail:
        leg.his_lots, leg.today_lots = _restore_detail(record.detail, record.his)
    return leg


def _restore_detail(lines: Iterable[LotRecord], his: int) -> tuple[deque[Lot], deque[Lot]]:
    """Yesterday's lots and today's. No line holds lots of both."""
    of_his: deque[Lot] = deque()
    of_today: deque[Lot] = deque()
    for line in lines:
        (of_his if his > 0 else of_today).append(Lot(line.number, line.lots, line.cost))
        his -= line.lots
    return of_his, of_today


def _restore_order(state: State, record: OrderRecord, needed: NeededPerLot) -> None:
    account, instrument = state.accounts[record.account_id], state.instruments[record.instrument_id]
    tick, options = instrument.tick, record.options
    order = Order(
        account,
        instrument,
        record.direction,
        record.offset,
        record.order_type,
        record.time_condition,
        record.price // tick,
        record.volume,
        record.accepted_at,
        record.trading_day,
        record.client_order_id,
        options,
        record.status,
    )
    order.resume(
        record.order_id,
        record.filled,
        record.shown,
        record.his_held,
        record.today_held,
        record.stop // tick,
        record.priority,
        record.updated_at,
        record.price_sum,
    )
    if options is not None and options.expires_at is not None:
        schedule(state, options.expires_at, Due.ORDER, record.order_id, record.account_id)
    if record.status is WAITING:
        account.begin_order(order)
        watch(state, order)
    else:
        rest_again(order, needed.of(order))
