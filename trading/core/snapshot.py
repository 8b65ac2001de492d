"""The engine's state as flat, ordered records: what a restart reads, and what `state_hash` names.

`restore(take(state))` is the same state. What can be derived (sums, links, limits) is not in the records.
"""

import hashlib
from collections import deque
from collections.abc import Iterable

import msgspec

from trading.core.accounts import Leg, Lot
from trading.core.commands import ClientOrder
from trading.core.matching.stops import Sweep
from trading.core.money import RATE
from trading.core.orders import Account, Instrument, Order
from trading.core.rules.checks import NeededPerLot
from trading.core.rules.execution import rest_again
from trading.core.rules.stop_orders import watch
from trading.core.rules.timers import schedule
from trading.core.state import Day, State
from trading.core.types import (
    FIRST_RULES,
    NO_LIMITS,
    NOTHING_OFF,
    AccountRules,
    Announcement,
    Contract,
    Direction,
    Due,
    MarketLimits,
    Offset,
    OrderOptions,
    OrderStatus,
    OrderType,
    Phase,
    Restrictions,
    Terms,
    TimeCondition,
    Trigger,
)

WAITING = OrderStatus.WAITING


class DayRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """As `trading.core.state.Day`. `limits`: None where the market has none;
    `restrictions`: None where nothing is switched off."""

    trading_day: int
    net_deposits: int
    commission: int
    fee_groups: dict[str, int]
    limits: MarketLimits | None = None
    restrictions: Restrictions | None = None
    announcements: tuple[Announcement, ...] = ()
    broken: tuple[int, ...] = ()


class SweepRecord(msgspec.Struct, frozen=True):
    """A price (1/10,000) that orders have met, of which some are yet to fire: `trading.core.matching.stops.Sweep`."""

    trigger: Trigger
    rising: bool
    price: int
    number: int


class InstrumentRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """Prices in 1/10,000. `scheduled`: the phase it is resumed into. `settlement`: the last settlement price, which the
    limits come from. `mark`: what its positions are worth, None before the first trade or settlement. `last`: the last
    trade's price, None before it; then that trade's lots and time."""

    contract: Contract
    terms: Terms
    phase: Phase
    scheduled: Phase
    settlement: int
    mark: int | None
    last: int | None
    last_volume: int
    last_time: int
    sweeps: list[SweepRecord] = []


class AccountRecord(msgspec.Struct, frozen=True):
    """`warned`, `liquidating`: where it stands with its risk. `cancel_at`, `disconnect_at`: deadlines of the dead man's
    switches, Unix ms."""

    account_id: int
    user_id: str
    pre_balance: int
    deposits: int
    withdrawals: int
    close_profit: int
    commission: int
    rules: AccountRules = AccountRules()
    frozen: bool = False
    warned: bool = False
    liquidating: bool = False
    cancel_at: int | None = None
    disconnect_at: int | None = None
    client_orders: list[tuple[str, ClientOrder]] = []


class LotRecord(msgspec.Struct, frozen=True):
    number: int
    lots: int
    cost: int


class LegRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`detail`: yesterday's lots, then today's, the first opened first; none under the rules of the first release."""

    today: int
    his: int
    today_cost: int
    his_cost: int
    his_open_cost: int
    detail: list[LotRecord] = []


class PositionRecord(msgspec.Struct, frozen=True):
    account_id: int
    instrument_id: str
    long: LegRecord
    short: LegRecord


class OrderRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A live order. Prices in 1/10,000. `shown`: lots that the book shows (all that remain, but of an iceberg).
    `stop`: where a waiting order fires now, 0 for others. `priority`: its place in the queue. `price_sum`: of its
    fills; None where there are none, or it is not known."""

    order_id: int
    account_id: int
    instrument_id: str
    direction: Direction
    offset: Offset
    order_type: OrderType
    time_condition: TimeCondition
    volume: int
    price: int
    filled: int
    status: OrderStatus
    his_held: int
    today_held: int
    accepted_at: int
    updated_at: int
    client_order_id: str | None
    trading_day: int
    options: OrderOptions | None = msgspec.field(name="handling")
    shown: int
    stop: int
    priority: int
    price_sum: int | None = None


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of it. `orders` is in time priority. What later releases have added is left out of all records where there is
    none of it, so that the state of an old journal keeps its name."""

    last_id: int
    day: DayRecord
    instruments: list[InstrumentRecord]
    accounts: list[AccountRecord]
    positions: list[PositionRecord]
    orders: list[OrderRecord]
    rules: int = FIRST_RULES
    shard: int = 0


def take(state: State) -> Snapshot:
    """The state as records."""
    accounts = sorted(state.accounts.values(), key=lambda account: account.account_id)
    return Snapshot(
        last_id=state.last_id,
        day=_day_record(state.day),
        instruments=[_instrument_record(state.instruments[name]) for name in sorted(state.instruments)],
        accounts=[_account_record(account) for account in accounts],
        positions=[record for account in accounts for record in _position_records(account)],
        orders=[_order_record(order) for order in sorted(state.orders.values(), key=lambda order: order.place)],
        rules=state.rules,
        shard=state.shard,
    )


def state_hash(state: State) -> str:
    """A name of the state: equal states have equal names, on any machine."""
    return hashlib.sha256(msgspec.msgpack.encode(named(take(state)))).hexdigest()


def named(records: Snapshot) -> Snapshot:
    """What a state is named by. The sums of fills are not: an earlier release kept none, and a journal that it has
    written gives them, where its tables may not."""
    orders = [msgspec.structs.replace(order, price_sum=None) if order.filled else order for order in records.orders]
    return msgspec.structs.replace(records, orders=orders)


def _day_record(day: Day) -> DayRecord:
    limits = None if day.limits == NO_LIMITS else day.limits
    off = None if day.restrictions == NOTHING_OFF else day.restrictions
    groups = dict(sorted(day.fee_groups.items()))
    return DayRecord(
        day.trading_day, day.net_deposits, day.commission, groups, limits, off, day.announcements, day.broken
    )


def _instrument_record(instrument: Instrument) -> InstrumentRecord:
    tick = instrument.contract.tick
    return InstrumentRecord(
        instrument.contract,
        instrument.terms,
        instrument.phase,
        instrument.scheduled,
        instrument.settlement,
        None if instrument.marked is None else instrument.marked * tick,
        None if instrument.last is None else instrument.last * tick,
        instrument.last_volume,
        instrument.last_time,
        sweep_records(instrument),
    )


def sweep_records(instrument: Instrument) -> list[SweepRecord]:
    tick = instrument.contract.tick
    return [
        SweepRecord(sweep.trigger, sweep.rising, sweep.price * tick, sweep.number)
        for sweep in instrument.waiting.sweeps
    ]


def _account_record(account: Account) -> AccountRecord:
    return AccountRecord(
        account.account_id,
        account.user_id,
        account.pre_balance,
        account.deposits,
        account.withdrawals,
        account.close_profit,
        account.commission,
        account.rules,
        account.frozen,
        account.warned,
        account.liquidating,
        account.cancel_at,
        account.disconnect_at,
        sorted(account.client_orders.items(), key=lambda item: item[0]),
    )


def _position_records(account: Account) -> list[PositionRecord]:
    return [
        PositionRecord(account.account_id, name, _leg_record(position.long), _leg_record(position.short))
        for name, position in sorted(account.positions.items())
        if not position.flat
    ]


def _leg_record(leg: Leg) -> LegRecord:
    detail = [LotRecord(line.number, line.lots, line.cost) for line in leg.detail]
    return LegRecord(leg.today, leg.his, leg.today_cost, leg.his_cost, leg.his_open_cost, detail)


def _order_record(order: Order) -> OrderRecord:
    tick = order.instrument.contract.tick
    return OrderRecord(
        order.order_id,
        order.account.account_id,
        order.instrument.instrument_id,
        order.direction,
        order.offset,
        order.order_type,
        order.time_condition,
        order.volume,
        order.price * tick,
        order.filled,
        order.status,
        order.his_held,
        order.today_held,
        order.accepted_at,
        order.updated_at,
        order.client_order_id,
        order.trading_day,
        order.options,
        order.remaining,
        order.stop * tick,
        order.place,
        order.price_sum if order.filled else None,
    )


# --- restore


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
