"""The engine's state as flat, ordered records: what a restart reads, and what `state_hash` names.

`restore(take(state))` is the same state. What can be derived (sums, links, limits) is not in the records.
"""

import hashlib

import msgspec

from trading.core.instruments import needed_per_lot
from trading.core.risk import Account, ClientOrder, Leg
from trading.core.state import Instrument, Order, State
from trading.core.types import (
    Contract,
    Direction,
    Offset,
    OrderStatus,
    OrderType,
    Phase,
    Terms,
    TimeCondition,
)


class InstrumentRecord(msgspec.Struct, frozen=True):
    """`last` is the last price in 1/10,000, None before the first trade; then the lots and the time of that trade."""

    contract: Contract
    terms: Terms
    phase: Phase
    last: int | None
    last_volume: int
    last_time: int


class AccountRecord(msgspec.Struct, frozen=True):
    account_id: int
    user_id: str
    pre_balance: int
    deposits: int
    withdrawals: int
    close_profit: int
    commission: int
    client_orders: list[tuple[str, ClientOrder]] = []


class LegRecord(msgspec.Struct, frozen=True):
    today: int
    his: int
    today_cost: int
    his_cost: int
    his_open_cost: int


class PositionRecord(msgspec.Struct, frozen=True):
    account_id: int
    instrument_id: str
    long: LegRecord
    short: LegRecord


class OrderRecord(msgspec.Struct, frozen=True):
    """A live order. `price` in 1/10,000."""

    order_id: int
    account_id: int
    instrument_id: str
    direction: Direction
    offset: Offset
    order_type: OrderType
    time_condition: TimeCondition
    volume: int
    price: int
    remaining: int
    status: OrderStatus
    his_held: int
    today_held: int
    accepted_at: int
    updated_at: int
    client_order_id: str | None


class Snapshot(msgspec.Struct, frozen=True):
    """All of it. `orders` is in time priority."""

    last_id: int
    instruments: list[InstrumentRecord]
    accounts: list[AccountRecord]
    positions: list[PositionRecord]
    orders: list[OrderRecord]


# --- take


def take(state: State) -> Snapshot:
    """The state as records, in an order that depends on nothing but the state."""
    accounts = sorted(state.accounts.values(), key=lambda account: account.account_id)
    return Snapshot(
        last_id=state.last_id,
        instruments=[_instrument_record(state.instruments[name]) for name in sorted(state.instruments)],
        accounts=[_account_record(account) for account in accounts],
        positions=[record for account in accounts for record in _position_records(account)],
        orders=[_order_record(state.orders[order_id]) for order_id in sorted(state.orders)],
    )


def state_hash(state: State) -> str:
    """A name of the state: equal states have equal names, on any machine."""
    return hashlib.sha256(msgspec.msgpack.encode(take(state))).hexdigest()


def _instrument_record(instrument: Instrument) -> InstrumentRecord:
    last = None if instrument.last is None else instrument.last * instrument.contract.tick
    return InstrumentRecord(
        instrument.contract, instrument.terms, instrument.phase, last, instrument.last_volume, instrument.last_time
    )


def _account_record(account: Account) -> AccountRecord:
    return AccountRecord(
        account.account_id,
        account.user_id,
        account.pre_balance,
        account.deposits,
        account.withdrawals,
        account.close_profit,
        account.commission,
        sorted(account.client_orders.items()),
    )


def _position_records(account: Account) -> list[PositionRecord]:
    return [
        PositionRecord(account.account_id, name, _leg_record(position.long), _leg_record(position.short))
        for name, position in sorted(account.positions.items())
        if not position.flat
    ]


def _leg_record(leg: Leg) -> LegRecord:
    return LegRecord(leg.today, leg.his, leg.today_cost, leg.his_cost, leg.his_open_cost)


def _order_record(order: Order) -> OrderRecord:
    return OrderRecord(
        order.order_id,
        order.account.account_id,
        order.instrument.instrument_id,
        order.direction,
        order.offset,
        order.order_type,
        order.time_condition,
        order.volume,
        order.price * order.instrument.contract.tick,
        order.remaining,
        order.status,
        order.his_held,
        order.today_held,
        order.accepted_at,
        order.updated_at,
        order.client_order_id,
    )


# --- restore


def restore(snapshot: Snapshot) -> State:
    """The state that the records tell, with everything derived rebuilt."""
    state = State()
    state.last_id = snapshot.last_id
    for instrument in snapshot.instruments:
        _restore_instrument(state, instrument)
    for account in snapshot.accounts:
        _restore_account(state, account)
    for position in snapshot.positions:
        _restore_position(state, position)
    for order in snapshot.orders:
        _restore_order(state, order)
    return state


def _restore_instrument(state: State, record: InstrumentRecord) -> None:
    instrument = Instrument.listed(record.contract, record.terms)
    instrument.phase = record.phase
    if record.last is not None:
        instrument.trade_at(record.last // record.contract.tick, record.last_volume, record.last_time)
    state.instruments[instrument.instrument_id] = instrument


def _restore_account(state: State, record: AccountRecord) -> None:
    account = Account(
        account_id=record.account_id,
        user_id=record.user_id,
        pre_balance=record.pre_balance,
        deposits=record.deposits,
        withdrawals=record.withdrawals,
        close_profit=record.close_profit,
        commission=record.commission,
        client_orders=dict(record.client_orders),
    )
    state.accounts[account.account_id] = account
    state.by_user[account.user_id] = account


def _restore_position(state: State, record: PositionRecord) -> None:
    account = state.accounts[record.account_id]
    instrument = state.instruments[record.instrument_id]
    position = account.position(record.instrument_id, instrument.mark)
    position.long = _restore_leg(record.long)
    position.short = _restore_leg(record.short)
    position.net_lots = position.long.lots - position.short.lots
    position.net_cost = position.long.cost - position.short.cost
    account.margin += position.change_margin()
    instrument.holders[account.account_id] = position


def _restore_leg(record: LegRecord) -> Leg:
    return Leg(record.today, record.his, record.today_cost, record.his_cost, record.his_open_cost)


def _restore_order(state: State, record: OrderRecord) -> None:
    account, instrument = state.accounts[record.account_id], state.instruments[record.instrument_id]
    order = Order(
        record.direction is Direction.BUY,
        record.price // instrument.contract.tick,
        record.remaining,
        order_id=record.order_id,
        account=account,
        instrument=instrument,
        direction=record.direction,
        offset=record.offset,
        order_type=record.order_type,
        time_condition=record.time_condition,
        volume=record.volume,
        accepted_at=record.accepted_at,
        updated_at=record.updated_at,
        client_order_id=record.client_order_id,
        status=record.status,
        his_held=record.his_held,
        today_held=record.today_held,
    )
    order.hold_per_lot = needed_per_lot(order)
    account.hold += order.hold_per_lot * order.remaining
    if order.offset is not Offset.OPEN:
        leg = account.positions[record.instrument_id].leg(not order.is_buy)
        leg.his_frozen += order.his_held
        leg.today_frozen += order.today_held
    instrument.book.half(order.is_buy).add(order)
    state.orders[order.order_id] = order
