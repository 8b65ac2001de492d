"""Which column holds what: core objects to rows, rows to the records a restart reads. Runs no query.

Statements are made once from the models: measured many times faster than `bulk_create`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import models

from trading.core.events import Deposited, Event, Fill, Traded, Withdrawn
from trading.core.risk import Account, Leg, Position
from trading.core.snapshot import InstrumentRecord, OrderRecord
from trading.core.state import Instrument, Order
from trading.core.types import (
    Contract,
    Direction,
    Fee,
    Offset,
    OrderStatus,
    OrderType,
    Phase,
    Terms,
    TimeCondition,
)
from trading.models import Account as AccountRow
from trading.models import Instrument as InstrumentRow
from trading.models import JournalBatch, LedgerEntry
from trading.models import Order as OrderRow
from trading.models import Position as PositionRow
from trading.models import Trade as TradeRow

Row = tuple[Any, ...]


class Table:
    """The statement that writes rows of one model: an insert, or with `updates` an upsert on `key`."""

    def __init__(
        self, model: type[models.Model], fields: Sequence[str], key: Sequence[str] = (), updates: Sequence[str] = ()
    ) -> None:
        self.model = model
        self._columns = [self._column(field) for field in fields]
        self._key = [self._column(field) for field in key]
        self._updates = [self._column(field) for field in updates]

    def _column(self, field: str) -> str:
        column: str = self.model._meta.get_field(field).column  # type: ignore[union-attr,assignment]  # all are columns
        return column

    def sql(self, quote: Callable[[str], str], mark: str, lines: int) -> str:
        """The statement for `lines` rows at once; `mark` stands for a value, as the database's driver wants it."""
        columns = ", ".join(map(quote, self._columns))
        marks = ", ".join([f"({', '.join([mark] * len(self._columns))})"] * lines)
        insert = f"INSERT INTO {quote(self.model._meta.db_table)} ({columns}) VALUES {marks}"  # noqa: S608  # model names
        if not self._updates:
            return insert
        key = ", ".join(map(quote, self._key))
        updates = ", ".join(f"{quote(column)} = excluded.{quote(column)}" for column in self._updates)
        return f"{insert} ON CONFLICT ({key}) DO UPDATE SET {updates}"


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
)
_CONTRACT_FIELDS = ("instrument_id", "product_id", "tick", "multiplier", "reference_price", "limit_rate")
_INSTRUMENT_STATE = ("limit_up", "limit_down", "phase", "last_price", "last_volume", "last_time")


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
        instrument.limit_up * contract.tick if limited else None,
        instrument.limit_down * contract.tick if limited else None,
        instrument.phase.value,
        None if instrument.last is None else instrument.last * contract.tick,
        instrument.last_volume,
        instrument.last_time,
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

_ORDER_STATE = ("filled", "status", "his_held", "today_held", "updated_at")
_ORDER_FIELDS = (
    "id",
    "account",
    "instrument",
    "direction",
    "offset",
    "order_type",
    "time_condition",
    "volume",
    "price",
    "accepted_at",
    "client_order_id",
)


def order_row(order: Order) -> Row:
    contract = order.instrument.contract
    return (
        order.order_id,
        order.account.account_id,
        contract.instrument_id,
        order.direction.value,
        order.offset.value,
        order.order_type.value,
        order.time_condition.value,
        order.volume,
        order.price * contract.tick if order.order_type is OrderType.LIMIT else None,
        order.accepted_at,
        order.client_order_id,
        order.volume - order.remaining,
        order.status.value,
        order.his_held,
        order.today_held,
        order.updated_at,
    )


ORDERS = Table(OrderRow, (*_ORDER_FIELDS, *_ORDER_STATE), key=("id",), updates=_ORDER_STATE)

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


def trade_and_ledger_rows(events: Iterable[Event]) -> tuple[list[Row], list[Row]]:
    trades: list[Row] = []
    ledger: list[Row] = []
    for event in events:
        match event:
            case Traded():
                for fill in (event.taker, event.maker):
                    trades.append(_trade_row(event, fill))
                    if fill.commission:
                        ledger.append((fill.account_id, _COMMISSION, -fill.commission, event.trade_id, event.time))
                    if fill.close_profit:
                        ledger.append((fill.account_id, _CLOSE_PROFIT, fill.close_profit, event.trade_id, event.time))
            case Deposited():
                ledger.append((event.account_id, _DEPOSIT, event.amount, None, event.time))
            case Withdrawn():
                ledger.append((event.account_id, _WITHDRAWAL, -event.amount, None, event.time))
    return trades, ledger


JOURNAL = Table(JournalBatch, ("market", "number", "epoch", "time", "commands"))


# --- from rows


def instrument_record(row: InstrumentRow) -> InstrumentRecord:
    """An instrument's row as the engine restores it."""
    return InstrumentRecord(
        Contract(**{field: getattr(row, field) for field in _CONTRACT_FIELDS}),
        terms_of(row),
        Phase(row.phase),
        row.last_price,
        row.last_volume,
        row.last_time,
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
    )


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
        remaining=values["volume"] - values["filled"],
        status=OrderStatus(values["status"]),
        his_held=values["his_held"],
        today_held=values["today_held"],
        accepted_at=values["accepted_at"],
        updated_at=values["updated_at"],
        client_order_id=values["client_order_id"],
    )
