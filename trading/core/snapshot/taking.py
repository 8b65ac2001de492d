"""From the state to its records, and their name."""

import hashlib

import msgspec

from trading.core.accounts import Leg
from trading.core.orders import Account, Instrument, Order
from trading.core.snapshot.records import (
    AccountRecord,
    DayRecord,
    InstrumentRecord,
    LegRecord,
    LotRecord,
    OrderRecord,
    PositionRecord,
    Snapshot,
    SweepRecord,
)
from trading.core.state import Day, State
from trading.core.types import NO_LIMITS, NOTHING_OFF


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
