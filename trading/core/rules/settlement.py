"""The end of a trading day: orders go, positions are marked, balances become opening balances, contracts expire."""

from trading.core.accounts import Leg, Position
from trading.core.codes import Code
from trading.core.commands import Settle
from trading.core.events import (
    DaySettled,
    Event,
    InstrumentSettled,
    PositionExpired,
    Refused,
    Statement,
    StatementLine,
)
from trading.core.instruments import highest_price
from trading.core.money import MAX_PRICE, to_text
from trading.core.orders import Account, Instrument
from trading.core.rules.execution import cancel_live, oldest_first
from trading.core.rules.instruments import hold_anew
from trading.core.rules.restrictions import spare_nobody
from trading.core.state import State
from trading.core.types import FIRST_RULES, CancelReason, Offset, Phase, TimeCondition, is_day

STAYS = (TimeCondition.GTC, TimeCondition.GTD)


def settle(state: State, command: Settle) -> list[Event]:
    """End the trading day, once."""
    refusal = _refusal(state, command)
    if refusal is not None:
        return [refusal]
    instruments = [found for found in _by_name(state) if found.phase is not Phase.DELISTED]
    last_day = [i for i in instruments if i.terms.last_day and i.terms.last_day <= command.day]
    events: list[Event] = [DaySettled(command.day, command.next_day, state.now)]
    events += _end_orders(state, last_day)
    for instrument in instruments:
        events.append(_mark(state, instrument, command, instrument in last_day))
    for instrument in last_day:
        events += _expire(state, instrument)
    for account_id in sorted(state.accounts):
        events.append(_close_day(state, state.accounts[account_id], command.day))
    for instrument in instruments:
        _begin_day(state, instrument)
    events += _end_orders_outside_limits(state, instruments)
    _forget_own_ids(state)
    spare_nobody(state)
    state.day.trading_day, state.day.broken = command.next_day, ()
    state.changes.day = state.day
    return events


def _refusal(state: State, command: Settle) -> Refused | None:
    if not (is_day(command.day) and is_day(command.next_day) and command.day < command.next_day):
        return Refused(Code.MALFORMED, "Days are written YYYYMMDD, the next after the settled one")
    if command.day < state.day.trading_day:
        return Refused(Code.DUPLICATE, f"Trading day {command.day} is settled already, now is {state.day.trading_day}")
    for name, price in command.prices.items():
        instrument = state.instruments.get(name)
        if instrument is None:
            return Refused(Code.INSTRUMENT_UNKNOWN, f"Unknown instrument {name}")
        if not 0 < price <= MAX_PRICE or price % instrument.contract.tick:
            tick = to_text(instrument.contract.tick)
            return Refused(Code.OFF_TICK, f"The settlement price of {name} must be a positive multiple of {tick}")
        if state.rules != FIRST_RULES and instrument.phase is not Phase.DELISTED:
            refusal = _check_band(instrument, price, command.confirmed)
            if refusal is not None:
                return refusal
    return None


def _check_band(instrument: Instrument, price: int, confirmed: bool) -> Refused | None:
    """A price that could not have traded must be confirmed, and even then positions must be countable."""
    low, high = instrument.band()
    if low <= price // instrument.contract.tick <= high:
        return None
    if not confirmed:
        return _unlikely(instrument, price, low, high)
    most = highest_price(instrument.contract)
    if price <= most:
        return None
    detail = f"The settlement price of {instrument.instrument_id} must be at most {to_text(most)}, confirmed or not"
    return Refused(Code.PRICE_LIMIT, detail)


def _unlikely(instrument: Instrument, price: int, low: int, high: int) -> Refused:
    """A settlement cannot be undone, so a price that could not have traded must be meant."""
    tick, name = instrument.contract.tick, instrument.instrument_id
    return Refused(
        Code.PRICE_LIMIT,
        f"The settlement price of {name}, {to_text(price)}, is not from {to_text(low * tick)} to"
        f" {to_text(high * tick)}; confirm it if it is meant",
    )


def _by_name(state: State) -> list[Instrument]:
    return [state.instruments[name] for name in sorted(state.instruments)]


# --- orders


def _end_orders(state: State, last_day: list[Instrument]) -> list[Event]:
    """Orders of the day, those that close today's lots, and all in instruments that expire."""
    ended = [
        order
        for order in state.orders.values()
        if order.time_condition not in STAYS
        or order.offset is Offset.CLOSETODAY
        or any(order.instrument is instrument for instrument in last_day)
    ]
    return [cancel_live(state, order, CancelReason.SETTLEMENT) for order in oldest_first(ended)]


def _forget_own_ids(state: State) -> None:
    """On the new day every id is free again but those of orders that live on."""
    for account in state.accounts.values():
        live = account.orders
        account.know({name: known for name, known in account.client_orders.items() if known.order_id in live})


def _end_orders_outside_limits(state: State, instruments: list[Instrument]) -> list[Event]:
    """Orders that stay must fit the new day's limits; those that wait are held against them when they fire."""
    ended = [
        order
        for instrument in instruments
        for order in instrument.book.entries()
        if not instrument.limit_down <= order.price <= instrument.limit_up
    ]
    return [cancel_live(state, order, CancelReason.SETTLEMENT) for order in oldest_first(ended)]


# --- prices


def _mark(state: State, instrument: Instrument, command: Settle, delisted: bool) -> InstrumentSettled:
    """Value every position at the settlement price: the given one, the last trade's of the day, or the last one."""
    tick = instrument.contract.tick
    present = instrument.settlement if instrument.marked is None else instrument.marked * tick
    price = command.prices.get(instrument.instrument_id, present)
    instrument.mark_at(price // tick)
    state.changes.instruments[instrument.instrument_id] = instrument
    return InstrumentSettled(instrument.instrument_id, command.day, price, delisted)


def _begin_day(state: State, instrument: Instrument) -> None:
    """The settlement price gives the new limits, and margins are those of the new cost."""
    assert instrument.marked is not None, "a settled instrument has a price"
    instrument.set_limits(instrument.marked * instrument.contract.tick)
    state.moved[instrument.instrument_id] = instrument
    for order in instrument.book.entries():
        hold_anew(state, order)


# --- positions


def _expire(state: State, instrument: Instrument) -> list[Event]:
    """Close all positions at the settlement price, without commission, and delist."""
    events: list[Event] = []
    for account_id in sorted(instrument.holders):
        account, position = state.accounts[account_id], instrument.holders[account_id]
        account.remove_margin(position)
        profit = position.profit
        account.close_profit += profit
        long, short = position.long.lots, position.short.lots
        _end_detail(state, account_id, position)
        position.long, position.short = Leg(), Leg()
        position.net_lots = position.net_cost = 0
        state.changes.positions[account_id, instrument.instrument_id] = position
        state.touched[account_id] = account
        price = position.mark.lot_value // instrument.contract.multiplier
        events.append(PositionExpired(account_id, instrument.instrument_id, long, short, price, profit, state.now))
    instrument.holders.clear()
    instrument.phase = instrument.scheduled = Phase.DELISTED
    return events


def _end_detail(state: State, account_id: int, position: Position) -> None:
    lines = [*position.long.detail, *position.short.detail]
    for line in lines:
        line.lots = line.cost = 0
    state.changes.detail(account_id, position.instrument_id, lines)


def _close_day(state: State, account: Account, day: int) -> Statement:
    """Today's lots become yesterday's at the settlement price; the balance opens the next day."""
    figures = account.figures()
    lines = [_carry(state, account, position) for _, position in sorted(account.positions.items()) if not position.flat]
    statement = Statement(
        account.account_id,
        day,
        account.pre_balance,
        account.deposits,
        account.withdrawals,
        account.close_profit,
        figures.position_profit,
        account.commission,
        figures.balance,
        account.margin,
        lines,
        state.now,
    )
    state.day.net_deposits += account.deposits - account.withdrawals
    state.day.commission += account.commission
    account.pre_balance = figures.balance
    account.deposits = account.withdrawals = account.close_profit = account.commission = 0
    for order in account.orders.values():
        if order.today_held:
            order.his_held, order.today_held = order.his_held + order.today_held, 0
            state.changes.orders[order.order_id] = order
    state.changes.accounts[account.account_id] = account
    return statement


def _carry(state: State, account: Account, position: Position) -> StatementLine:
    for leg in (position.long, position.short):
        leg.carry(position.mark.lot_value)
    position.net_cost = position.long.cost - position.short.cost
    account.add_margin(position)
    state.changes.positions[account.account_id, position.instrument_id] = position
    contract = state.instruments[position.instrument_id].contract
    return StatementLine(
        position.instrument_id,
        position.long.lots,
        position.short.lots,
        position.mark.lot_value // contract.multiplier,
        position.long.margin + position.short.margin,
    )
