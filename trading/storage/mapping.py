"""Which column holds what: core objects to rows, rows to the records a restart reads. Runs no query."""

from collections.abc import Iterable
from typing import Any

import msgspec

from trading.core import events
from trading.core.accounts import Account, ClientOrder, Leg, Lot, Position
from trading.core.events import Event, Fill, Traded
from trading.core.snapshot import AccountRecord, InstrumentRecord, OrderRecord, SweepRecord, sweep_records
from trading.core.state import Instrument, Order
from trading.core.types import (
    AccountRules,
    Contract,
    Direction,
    Fee,
    Offset,
    OrderOptions,
    OrderStatus,
    OrderType,
    Phase,
    Terms,
    TimeCondition,
    lasting,
)
from trading.models import Account as AccountRow
from trading.models import Instrument as InstrumentRow
from trading.models import JournalBatch, LedgerEntry, PositionDetail, PushBatch, RiskEvent, SettlementPrice, Statement
from trading.models import Order as OrderRow
from trading.models import Position as PositionRow
from trading.models import Trade as TradeRow
from trading.storage.sql import Table, json_text

Row = tuple[Any, ...]
ORDER_OPTIONS = msgspec.json.Decoder(OrderOptions)
SWEEPS = msgspec.json.Decoder(list[SweepRecord])


# --- to rows: each list of fields stands beside the function that fills it

_TERMS_FIELDS = (
    "name",
    "margin_long",
    "margin_short",
    "fee_open_per_lot",
    "fee_open_rate",
    "fee_close_per_lot",
    "fee_close_rate",
    "fee_close_today_per_lot",
    "fee_close_today_rate",
    "min_volume",
    "max_volume",
    "max_position",
    "max_orders",
    "larger_side",
    "last_day",
    "collar",
)
_CONTRACT_FIELDS = ("instrument_id", "product_id", "tick", "multiplier", "reference_price", "limit_rate")
_INSTRUMENT_STATE = (
    "limit_up",
    "limit_down",
    "phase",
    "scheduled",
    "settlement",
    "mark_price",
    "last_price",
    "last_volume",
    "last_time",
    "sweeps",
)


def instrument_row(market: str, instrument: Instrument) -> Row:
    contract, terms = instrument.contract, instrument.terms
    limited = contract.limit_rate > 0
    return (
        market,
        contract.instrument_id,
        contract.product_id,
        contract.tick,
        contract.multiplier,
        contract.reference_price,
        contract.limit_rate,
        terms.name,
        terms.margin_long,
        terms.margin_short,
        terms.fee_open.per_lot,
        terms.fee_open.rate,
        terms.fee_close.per_lot,
        terms.fee_close.rate,
        terms.fee_close_today.per_lot,
        terms.fee_close_today.rate,
        terms.min_volume,
        terms.max_volume,
        terms.max_position,
        terms.max_orders,
        terms.larger_side,
        terms.last_day,
        None if isinstance(terms.collar, msgspec.UnsetType) else terms.collar,
        instrument.limit_up * contract.tick if limited else None,
        instrument.limit_down * contract.tick if limited else None,
        instrument.phase.value,
        instrument.scheduled.value,
        instrument.settlement,
        None if instrument.marked is None else instrument.marked * contract.tick,
        None if instrument.last is None else instrument.last * contract.tick,
        instrument.last_volume,
        instrument.last_time,
        json_text(sweep_records(instrument)) if instrument.waiting.sweeps else None,
    )


INSTRUMENTS = Table(
    InstrumentRow,
    ("market", *_CONTRACT_FIELDS, *_TERMS_FIELDS, *_INSTRUMENT_STATE),
    key=("instrument_id",),
    updates=(*_TERMS_FIELDS, *_INSTRUMENT_STATE),
)

_ACCOUNT_STATE = (
    "pre_balance",
    "deposits",
    "withdrawals",
    "close_profit",
    "commission",
    "margin",
    "hold",
    "rules",
    "frozen",
    "warned",
    "liquidating",
    "cancel_at",
    "disconnect_at",
    "push_seq",
)


def account_row(market: str, account: Account, push_seq: int) -> Row:
    return (
        account.account_id,
        account.user_id,
        market,
        account.pre_balance,
        account.deposits,
        account.withdrawals,
        account.close_profit,
        account.commission,
        account.margin,
        account.hold,
        json_text(account.rules),
        account.frozen,
        account.warned,
        account.liquidating,
        account.cancel_at,
        account.disconnect_at,
        push_seq,
    )


ACCOUNTS = Table(AccountRow, ("id", "user", "market", *_ACCOUNT_STATE), key=("id",), updates=_ACCOUNT_STATE)

_LEG_FIELDS = ("today", "his", "today_cost", "his_cost", "his_open_cost", "margin")
POSITION_STATE = tuple(f"{side}_{field}" for side in ("long", "short") for field in _LEG_FIELDS)


def position_row(account_id: int, position: Position) -> Row:
    return (account_id, position.instrument_id, *_leg_columns(position.long), *_leg_columns(position.short))


def _leg_columns(leg: Leg) -> Row:
    return (leg.today, leg.his, leg.today_cost, leg.his_cost, leg.his_open_cost, leg.margin)


POSITIONS = Table(
    PositionRow, ("account", "instrument", *POSITION_STATE), key=("account", "instrument"), updates=POSITION_STATE
)

_DETAIL_STATE = ("lots", "cost")
DETAILS = Table(PositionDetail, ("id", "account", "instrument", *_DETAIL_STATE), key=("id",), updates=_DETAIL_STATE)


def detail_row(account_id: int, instrument_id: str, lot: Lot) -> Row:
    return (lot.number, account_id, instrument_id, lot.lots, lot.cost)


_PLAIN_ORDER_STATE = (
    "volume",
    "price",
    "filled",
    "status",
    "cancel_reason",
    "his_held",
    "today_held",
    "updated_at",
)
_PLAIN_ORDER_FIELDS = (
    "id",
    "account",
    "instrument",
    "direction",
    "offset",
    "order_type",
    "time_condition",
    "accepted_at",
    "client_order_id",
    "trading_day",
    *_PLAIN_ORDER_STATE,
)
_ORDER_STATE = ("priority", "shown", "stop", "cancel_code", "known_day", "asked_volume", "asked_price")
_ORDER_FIELDS = ("options", "forced", *_ORDER_STATE)


def is_plain(order: Order, today: int) -> bool:
    """Whether the columns that plain orders do without are empty, as they are for most."""
    return (
        order.options is None
        and order.code is None
        and not order.forced
        and order.priority in (0, order.order_id)
        and (order.client_order_id is None or _own_id(order, today) == (None, None, None))
    )


def plain_order_row(order: Order) -> Row:
    return (
        order.order_id,
        order.account.account_id,
        order.instrument.contract.instrument_id,
        order.direction.value,
        order.offset.value,
        order.order_type.value,
        order.time_condition.value,
        order.accepted_at,
        order.client_order_id,
        order.trading_day,
        order.volume,
        _price(order),
        order.filled,
        order.status.value,
        None if order.reason is None else order.reason.value,
        order.his_held,
        order.today_held,
        order.updated_at,
    )


def order_row(order: Order, today: int) -> Row:
    return (
        *plain_order_row(order),
        None if order.options is None else json_text(order.options),
        order.forced,
        None if order.priority in (0, order.order_id) else order.priority,
        order.remaining if order.hidden else None,
        order.stop * order.instrument.contract.tick or None,
        None if order.code is None else int(order.code),
        *_own_id(order, today),
    )


def _price(order: Order) -> int | None:
    return order.price * order.instrument.contract.tick if order.order_type is OrderType.LIMIT else None


def _own_id(order: Order, today: int) -> tuple[int | None, Any, Any]:
    """What its account knows of its own id beyond its row: that it is used up today, though it came earlier; the volume
    and the price that were asked for, where it has others now."""
    known = order.account.client_orders.get(order.client_order_id or "")
    if known is None:
        return None, None, None
    volume, price = known.asked[4:6]
    return (
        today if order.trading_day != today else None,
        volume if volume != order.volume else None,
        price if price != _price(order) else None,
    )


PLAIN_ORDERS = Table(OrderRow, _PLAIN_ORDER_FIELDS, key=("id",), updates=_PLAIN_ORDER_STATE)
ORDERS = Table(
    OrderRow,
    (*_PLAIN_ORDER_FIELDS, *_ORDER_FIELDS),
    key=("id",),
    updates=(*_PLAIN_ORDER_STATE, *_ORDER_STATE),
)

TRADES = Table(
    TradeRow,
    (
        "trade_id",
        "order",
        "account",
        "instrument",
        "direction",
        "offset",
        "is_maker",
        "price",
        "volume",
        "commission",
        "close_profit",
        "time",
    ),
)


def _trade_row(traded: Traded, fill: Fill) -> Row:
    return (
        traded.trade_id,
        fill.order_id,
        fill.account_id,
        traded.instrument_id,
        fill.direction.value,
        fill.offset.value,
        fill is traded.maker,
        traded.price,
        traded.volume,
        fill.commission,
        fill.close_profit,
        traded.time,
    )


LEDGER = Table(LedgerEntry, ("account", "kind", "amount", "trade_id", "time"))
_DEPOSIT, _WITHDRAWAL = LedgerEntry.Kind.DEPOSIT.value, LedgerEntry.Kind.WITHDRAWAL.value
_COMMISSION, _CLOSE_PROFIT = LedgerEntry.Kind.COMMISSION.value, LedgerEntry.Kind.CLOSE_PROFIT.value
_SETTLEMENT, _EXPIRY = LedgerEntry.Kind.SETTLEMENT.value, LedgerEntry.Kind.EXPIRY.value
STATEMENTS = Table(
    Statement,
    (
        "account",
        "day",
        "opening",
        "deposits",
        "withdrawals",
        "close_profit",
        "position_profit",
        "commission",
        "closing",
        "margin",
        "positions",
        "time",
    ),
)


def _statement_row(event: events.Statement) -> Row:
    return (
        event.account_id,
        event.day,
        event.opening,
        event.deposits,
        event.withdrawals,
        event.close_profit,
        event.position_profit,
        event.commission,
        event.closing,
        event.margin,
        json_text(event.positions),
        event.time,
    )


SETTLEMENT_PRICES = Table(SettlementPrice, ("instrument", "day", "price", "delisted", "time"))
RISK_EVENTS = Table(RiskEvent, ("account", "kind", "margin", "balance", "time"))
_RISK_KINDS = {
    events.RiskWarned: RiskEvent.Kind.WARNED.value,
    events.RiskEased: RiskEvent.Kind.EASED.value,
    events.LiquidationStarted: RiskEvent.Kind.LIQUIDATION_STARTED.value,
    events.LiquidationEnded: RiskEvent.Kind.LIQUIDATION_ENDED.value,
}


def event_rows(happened: Iterable[Event], time: int) -> dict[Table, list[Row]]:
    """What is kept of events for good, by table."""
    trades: list[Row] = []
    ledger: list[Row] = []
    statements: list[Row] = []
    prices: list[Row] = []
    risks: list[Row] = []

    def book(account_id: int, kind: str, amount: int, trade_id: int | None = None) -> None:
        if amount:
            ledger.append((account_id, kind, amount, trade_id, time))

    for event in happened:
        match event:
            case Traded():
                for fill in (event.taker, event.maker):
                    trades.append(_trade_row(event, fill))
                    book(fill.account_id, _COMMISSION, -fill.commission, event.trade_id)
                    book(fill.account_id, _CLOSE_PROFIT, fill.close_profit, event.trade_id)
            case events.Deposited():
                book(event.account_id, _DEPOSIT, event.amount)
            case events.Withdrawn():
                book(event.account_id, _WITHDRAWAL, -event.amount)
            case events.PositionExpired():
                book(event.account_id, _EXPIRY, event.close_profit)
            case events.Statement():
                statements.append(_statement_row(event))
                book(event.account_id, _SETTLEMENT, event.position_profit)
            case events.InstrumentSettled():
                prices.append((event.instrument_id, event.day, event.price, event.delisted, time))
            case events.RiskWarned() | events.RiskEased() | events.LiquidationStarted() | events.LiquidationEnded():
                risks.append((event.account_id, _RISK_KINDS[type(event)], event.margin, event.balance, event.time))
    return {TRADES: trades, LEDGER: ledger, STATEMENTS: statements, SETTLEMENT_PRICES: prices, RISK_EVENTS: risks}


PUSHES = Table(PushBatch, ("account", "first_seq", "last_seq", "frames"))
JOURNAL = Table(JournalBatch, ("market", "number", "epoch", "time", "commands"))


# --- from rows


def instrument_record(row: InstrumentRow) -> InstrumentRecord:
    """An instrument's row as the engine restores it."""
    return InstrumentRecord(
        Contract(**{field: getattr(row, field) for field in _CONTRACT_FIELDS}),
        terms_of(row),
        Phase(row.phase),
        Phase(row.scheduled),
        row.settlement,
        row.mark_price,
        row.last_price,
        row.last_volume,
        row.last_time,
        [] if row.sweeps is None else SWEEPS.decode(row.sweeps),
    )


def terms_of(row: InstrumentRow) -> Terms:
    """What may be changed of an instrument."""
    return Terms(
        name=row.name,
        margin_long=row.margin_long,
        margin_short=row.margin_short,
        fee_open=Fee(row.fee_open_per_lot, row.fee_open_rate),
        fee_close=Fee(row.fee_close_per_lot, row.fee_close_rate),
        fee_close_today=Fee(row.fee_close_today_per_lot, row.fee_close_today_rate),
        min_volume=row.min_volume,
        max_volume=row.max_volume,
        max_position=row.max_position,
        max_orders=row.max_orders,
        larger_side=row.larger_side,
        last_day=row.last_day,
        collar=msgspec.UNSET if row.collar is None else row.collar,
    )


LOADED_ACCOUNT_FIELDS = (
    "id",
    "user_id",
    "pre_balance",
    "deposits",
    "withdrawals",
    "close_profit",
    "commission",
    "rules",
    "frozen",
    "warned",
    "liquidating",
    "cancel_at",
    "disconnect_at",
)


def account_record(row: tuple[Any, ...], client_orders: list[tuple[str, ClientOrder]]) -> AccountRecord:
    values = dict(zip(LOADED_ACCOUNT_FIELDS, row, strict=True))
    rules = rules_of(values.pop("rules"))
    return AccountRecord(account_id=values.pop("id"), rules=rules, client_orders=client_orders, **values)


def rules_of(stored: Any) -> AccountRules:
    """What an operator has set on an account."""
    return msgspec.convert(stored, AccountRules)


LOADED_CLIENT_ORDER_FIELDS = (
    "account_id",
    "id",
    "client_order_id",
    "instrument_id",
    "direction",
    "offset",
    "order_type",
    "volume",
    "price",
    "time_condition",
    "options",
    "asked_volume",
    "asked_price",
)


def client_order(row: tuple[Any, ...]) -> tuple[int, str, ClientOrder]:
    """An account, its own id for an order, and what it asked for: `trading.core.rules.orders.asked`."""
    account_id, order_id, name, *asked, options, asked_volume, asked_price = row
    asked[4] = asked[4] if asked_volume is None else asked_volume
    asked[5] = asked[5] if asked_price is None else asked_price
    return account_id, name, ClientOrder(order_id, (*asked, lasting(options_of(options))))


def options_of(stored: str | None) -> OrderOptions | None:
    """How an order wants to be handled, as its row says."""
    return None if stored is None else ORDER_OPTIONS.decode(stored)


LOADED_ORDER_FIELDS = (
    "id",
    "account_id",
    "instrument_id",
    "direction",
    "offset",
    "order_type",
    "time_condition",
    "volume",
    "price",
    "filled",
    "status",
    "his_held",
    "today_held",
    "accepted_at",
    "updated_at",
    "client_order_id",
    "trading_day",
    "options",
    "shown",
    "stop",
    "priority",
)


def order_record(row: tuple[Any, ...]) -> OrderRecord:
    values = dict(zip(LOADED_ORDER_FIELDS, row, strict=True))
    return OrderRecord(
        order_id=values["id"],
        account_id=values["account_id"],
        instrument_id=values["instrument_id"],
        direction=Direction(values["direction"]),
        offset=Offset(values["offset"]),
        order_type=OrderType(values["order_type"]),
        time_condition=TimeCondition(values["time_condition"]),
        volume=values["volume"],
        price=values["price"] or 0,
        filled=values["filled"],
        status=OrderStatus(values["status"]),
        his_held=values["his_held"],
        today_held=values["today_held"],
        accepted_at=values["accepted_at"],
        updated_at=values["updated_at"],
        client_order_id=values["client_order_id"],
        trading_day=values["trading_day"],
        options=options_of(values["options"]),
        shown=values["volume"] - values["filled"] if values["shown"] is None else values["shown"],
        stop=values["stop"] or 0,
        priority=values["priority"] or values["id"],
    )
