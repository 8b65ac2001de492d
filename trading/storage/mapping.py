"""Which column holds what: core objects to rows, rows to the records a restart reads. Runs no query.

A table is one mapping: column -> how what it holds is read off an object. The SQL and the rows are made of it. What a
restart reads is named by the records: a column is called as the record's field is, where nothing else is said.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any, assert_never

import msgspec

from trading.core import events
from trading.core.accounts import Asked, ClientOrder
from trading.core.commands import Command
from trading.core.events import Event, Traded
from trading.core.snapshot import (
    AccountRecord,
    DayRecord,
    InstrumentRecord,
    LegRecord,
    LotRecord,
    OrderRecord,
    PositionRecord,
    SweepRecord,
    sweep_records,
)
from trading.core.state import Account, Instrument, Order
from trading.core.types import (
    AccountRules,
    Contract,
    Fee,
    MarketLimits,
    OrderOptions,
    OrderType,
    Phase,
    Restrictions,
    Terms,
    lasting,
)
from trading.models import Account as AccountRow
from trading.models import Instrument as InstrumentRow
from trading.models import (
    JournalBatch,
    LedgerEntry,
    Market,
    PositionDetail,
    PushBatch,
    RiskEvent,
    SettlementPrice,
    Statement,
    Transfer,
)
from trading.models import Order as OrderRow
from trading.models import Position as PositionRow
from trading.models import Trade as TradeRow
from trading.storage import packing
from trading.storage.sql import GIVEN, Columns, Row, Table, json_text
from trading.worker.batch import Batch, KeptPushes

ORDER_OPTIONS = msgspec.json.Decoder(OrderOptions)
SWEEPS = msgspec.json.Decoder(list[SweepRecord])

# --- instruments

_FEES = [field.name for field in msgspec.structs.fields(Terms) if field.type is Fee]
TERMS = {name: f"terms.{name}" for name in Terms.__struct_fields__ if name not in _FEES} | {
    f"{name}_{part}": f"terms.{name}.{part}" for name in _FEES for part in Fee.__struct_fields__
}


def _in_units(instrument: Instrument, ticks: int | None) -> int | None:
    """A price in ticks as it is stored, in 1/10,000."""
    return None if ticks is None else ticks * instrument.contract.tick


def _limit(instrument: Instrument, ticks: int) -> int | None:
    return _in_units(instrument, ticks) if instrument.contract.limit_rate > 0 else None


def _collar(instrument: Instrument) -> int | None:
    collar = instrument.terms.collar
    return None if isinstance(collar, msgspec.UnsetType) else collar


INSTRUMENT = Columns(
    fixed={"market": GIVEN, **{name: f"contract.{name}" for name in Contract.__struct_fields__}},
    changing={
        **TERMS,
        "collar": _collar,
        "limit_up": lambda instrument: _limit(instrument, instrument.limit_up),
        "limit_down": lambda instrument: _limit(instrument, instrument.limit_down),
        "phase": "phase._value_",
        "scheduled": "scheduled._value_",
        "settlement": "settlement",
        "mark_price": lambda instrument: _in_units(instrument, instrument.marked),
        "last_price": lambda instrument: _in_units(instrument, instrument.last),
        "last_volume": "last_volume",
        "last_time": "last_time",
        "sweeps": lambda instrument: json_text(sweep_records(instrument)) if instrument.waiting.sweeps else None,
    },
)
INSTRUMENTS = Table(InstrumentRow, INSTRUMENT, key=("instrument_id",))


def instrument_record(row: InstrumentRow) -> InstrumentRecord:
    """An instrument's row as the engine restores it."""
    return InstrumentRecord(
        contract=Contract(**{name: getattr(row, name) for name in Contract.__struct_fields__}),
        terms=terms_of(row),
        phase=Phase(row.phase),
        scheduled=Phase(row.scheduled),
        settlement=row.settlement,
        mark=row.mark_price,
        last=row.last_price,
        last_volume=row.last_volume,
        last_time=row.last_time,
        sweeps=[] if row.sweeps is None else SWEEPS.decode(row.sweeps),
    )


def terms_of(row: InstrumentRow) -> Terms:
    """What may be changed of an instrument."""
    values: dict[str, Any] = {name: getattr(row, name) for name in Terms.__struct_fields__ if name not in _FEES}
    for name in _FEES:
        values[name] = Fee(*(getattr(row, f"{name}_{part}") for part in Fee.__struct_fields__))
    if row.collar is None:
        values["collar"] = msgspec.UNSET
    return Terms(**values)


# --- accounts

_ACCOUNT = [
    name for name in AccountRecord.__struct_fields__ if name not in ("account_id", "user_id", "rules", "client_orders")
]
"""What an account, its record and its row have under the same name."""


def _rules_text(account: Account) -> str:
    return json_text(account.rules)


ACCOUNT = Columns(
    fixed={"id": "account_id", "user": "user_id", "market": GIVEN},
    changing={
        **{name: name for name in _ACCOUNT},
        "margin": "margin",
        "hold": "hold",
        "rules": _rules_text,
        "push_seq": GIVEN,
    },
)
ACCOUNTS = Table(AccountRow, ACCOUNT, key=("id",))
LOADED_ACCOUNT_FIELDS = ("id", "user_id", "rules", *_ACCOUNT)


def account_record(row: tuple[Any, ...], client_orders: list[tuple[str, ClientOrder]]) -> AccountRecord:
    """An account's row as the engine restores it. `client_orders`: its own ids that are used up."""
    account_id, user_id, rules, *found = row
    return AccountRecord(
        account_id=account_id,
        user_id=user_id,
        rules=rules_of(rules),
        client_orders=client_orders,
        **dict(zip(_ACCOUNT, found, strict=True)),
    )


def rules_of(stored: Any) -> AccountRules:
    """What an operator has set on an account."""
    return msgspec.convert(stored, AccountRules)


# --- positions

_LEG = [name for name in LegRecord.__struct_fields__ if name != "detail"]
_SIDES = ("long", "short")

POSITION = Columns(
    fixed={"account": GIVEN, "instrument": "instrument_id"},
    changing={f"{side}_{name}": f"{side}.{name}" for side in _SIDES for name in (*_LEG, "margin")},
)
POSITIONS = Table(PositionRow, POSITION, key=("account", "instrument"))
LOADED_POSITION_FIELDS = ("account_id", "instrument_id", *(f"{side}_{name}" for side in _SIDES for name in _LEG))


DETAIL = Columns(
    fixed={"id": "number", "account": GIVEN, "instrument": GIVEN}, changing={"lots": "lots", "cost": "cost"}
)
DETAILS = Table(PositionDetail, DETAIL, key=("id",))
LOADED_DETAIL_FIELDS = (
    *("account_id", "instrument_id"),
    *("id" if name == "number" else name for name in LotRecord.__struct_fields__),
)

Details = dict[tuple[int, str, bool], list[LotRecord]]
"""The lines of positions' details, by account, instrument and whether they are long."""


def details(rows: Iterable[tuple[Any, ...]]) -> Details:
    """The rows of positions' details as the engine restores them, in their order."""
    found: Details = {}
    for account_id, instrument_id, *line in rows:
        lot = LotRecord(*line)
        found.setdefault((account_id, instrument_id, lot.number > 0), []).append(lot)
    return found


def position_record(row: tuple[Any, ...], lines: Details) -> PositionRecord:
    """A position's row, and the lines of its detail, as the engine restores it."""
    account_id, instrument_id, *legs = row
    long, short = (lines.get((account_id, instrument_id, is_long), []) for is_long in (True, False))
    return PositionRecord(
        account_id, instrument_id, _leg_record(legs[: len(_LEG)], long), _leg_record(legs[len(_LEG) :], short)
    )


def _leg_record(found: list[int], detail: list[LotRecord]) -> LegRecord:
    return LegRecord(**dict(zip(_LEG, found, strict=True)), detail=detail)


# --- orders


def _price(order: Order) -> int | None:
    return order.price * order.instrument.contract.tick if order.order_type is OrderType.LIMIT else None


PLAIN_ORDER = Columns(
    fixed={
        "id": "order_id",
        "account": "account.account_id",
        "instrument": "instrument.contract.instrument_id",
        "direction": "direction._value_",
        "offset": "offset._value_",
        "order_type": "order_type._value_",
        "time_condition": "time_condition._value_",
        "accepted_at": "accepted_at",
        "client_order_id": "client_order_id",
        "trading_day": "trading_day",
    },
    changing={
        "volume": "volume",
        "price": _price,
        "filled": "filled",
        "status": "status._value_",
        "cancel_reason": lambda order: None if order.reason is None else order.reason.value,
        "his_held": "his_held",
        "today_held": "today_held",
        "updated_at": "updated_at",
    },
)
FURTHER_OF_ORDER = Columns(
    fixed={
        "options": lambda order: None if order.options is None else json_text(order.options),
        "forced": "forced",
    },
    changing={
        "priority": lambda order: None if order.priority in (0, order.order_id) else order.priority,
        "shown": lambda order: order.remaining if order.hidden else None,
        "stop": lambda order: order.stop * order.instrument.contract.tick or None,
        "cancel_code": lambda order: None if order.code is None else int(order.code),
        "known_day": GIVEN,
        "asked_volume": GIVEN,
        "asked_price": GIVEN,
    },
)
"""What most orders do without."""

PLAIN_ORDERS = Table(OrderRow, PLAIN_ORDER, key=("id",))
ORDERS = Table(OrderRow, PLAIN_ORDER, FURTHER_OF_ORDER, key=("id",))
NOTHING_FURTHER = tuple(False if name == "forced" else None for name in FURTHER_OF_ORDER.names)


def further_row(order: Order, today: int) -> Row:
    """What an order's row has beyond a plain one's; empty where that is nothing."""
    row = FURTHER_OF_ORDER.row(order, *_own_id(order, today))
    return () if row == NOTHING_FURTHER else row


def _own_id(order: Order, today: int) -> tuple[int | None, int | None, int | None]:
    """What its account knows of its own id beyond its row: that it is used up today, though it came earlier; the volume
    and the price that were asked for, where it has others now."""
    known = None if order.client_order_id is None else order.account.client_orders.get(order.client_order_id)
    if known is None:
        return None, None, None
    asked = known.asked
    return (
        today if order.trading_day != today else None,
        asked.volume if asked.volume != order.volume else None,
        asked.price if asked.price != _price(order) else None,
    )


LOADED_ORDER_FIELDS = tuple("id" if name == "order_id" else name for name in OrderRecord.__struct_fields__)
_ORDER_WORDS = {
    field.name: field.type
    for field in msgspec.structs.fields(OrderRecord)
    if isinstance(field.type, type) and issubclass(field.type, Enum)
}


def order_record(row: tuple[Any, ...]) -> OrderRecord:
    """A live order's row as the engine restores it."""
    values = dict(zip(OrderRecord.__struct_fields__, row, strict=True))
    for name, word in _ORDER_WORDS.items():
        values[name] = word(values[name])
    values["options"] = options_of(values["options"])
    values["price"] = values["price"] or 0
    values["stop"] = values["stop"] or 0
    values["priority"] = values["priority"] or values["order_id"]
    if values["shown"] is None:
        values["shown"] = values["volume"] - values["filled"]
    return OrderRecord(**values)


def options_of(stored: str | None) -> OrderOptions | None:
    """How an order wants to be handled, as its row says."""
    return None if stored is None else ORDER_OPTIONS.decode(stored)


LOADED_CLIENT_ORDER_FIELDS = (
    *("account_id", "id", "client_order_id", "asked_volume", "asked_price"),
    *Asked.__struct_fields__,
)


def client_order(row: tuple[Any, ...]) -> tuple[int, str, ClientOrder]:
    """An account, its own id for an order, and what it asked for: `trading.core.rules.orders.asked`."""
    account_id, order_id, name, asked_volume, asked_price, *found = row
    values = dict(zip(Asked.__struct_fields__, found, strict=True))
    values["options"] = lasting(options_of(values["options"]))
    if asked_volume is not None:
        values["volume"] = asked_volume
    if asked_price is not None:
        values["price"] = asked_price
    return account_id, name, ClientOrder(order_id, Asked(**values))


# --- what happened

_TRADE = Columns(
    {
        "trade_id": "trade_id",
        "instrument": "instrument_id",
        "price": "price",
        "volume": "volume",
        "time": "time",
    }
)
_FILL = Columns(
    {
        "is_maker": GIVEN,
        "order": "order_id",
        "account": "account_id",
        "direction": "direction._value_",
        "offset": "offset._value_",
        "commission": "commission",
        "close_profit": "close_profit",
    }
)
TRADES = Table(TradeRow, _TRADE, _FILL)

LEDGER = Table(LedgerEntry, Columns(dict.fromkeys(("account", "kind", "amount", "trade_id", "time"), GIVEN)))
_DEPOSIT, _WITHDRAWAL = LedgerEntry.Kind.DEPOSIT.value, LedgerEntry.Kind.WITHDRAWAL.value
_COMMISSION, _CLOSE_PROFIT = LedgerEntry.Kind.COMMISSION.value, LedgerEntry.Kind.CLOSE_PROFIT.value
_SETTLEMENT, _EXPIRY = LedgerEntry.Kind.SETTLEMENT.value, LedgerEntry.Kind.EXPIRY.value
_TRANSFER, _IN_TRANSIT = LedgerEntry.Kind.TRANSFER.value, Transfer.Status.IN_TRANSIT.value

_SENT = Columns(
    {
        "id": "transfer_id",
        "user": "user_id",
        **{name: name for name in ("source", "target", "amount")},
        "status": GIVEN,
        "sent_at": GIVEN,
    }
)
TRANSFERS = Table(Transfer, _SENT)

_STATEMENT = Columns(
    {
        "account": "account_id",
        **{name: name for name in events.Statement.__struct_fields__ if name not in ("account_id", "positions")},
        "positions": lambda event: json_text(event.positions),
    }
)
STATEMENTS = Table(Statement, _STATEMENT)

_SETTLED = Columns(
    {"instrument": "instrument_id", "day": "day", "price": "price", "delisted": "delisted", "time": GIVEN}
)
SETTLEMENT_PRICES = Table(SettlementPrice, _SETTLED)

_RISK = Columns({"account": "account_id", "kind": GIVEN, "margin": "margin", "balance": "balance", "time": "time"})
RISK_EVENTS = Table(RiskEvent, _RISK)
_RISK_KINDS = {
    events.RiskWarned: RiskEvent.Kind.WARNED.value,
    events.RiskEased: RiskEvent.Kind.EASED.value,
    events.LiquidationStarted: RiskEvent.Kind.LIQUIDATION_STARTED.value,
    events.LiquidationEnded: RiskEvent.Kind.LIQUIDATION_ENDED.value,
}


Movement = events.Deposited | events.Withdrawn | events.TransferSent | events.TransferReceived


def _movement(event: Movement) -> tuple[str, int]:
    """Kind and amount of money that came in or went out."""
    match event:
        case events.Deposited():
            return _DEPOSIT, event.amount
        case events.Withdrawn():
            return _WITHDRAWAL, -event.amount
        case events.TransferSent():
            return _TRANSFER, -event.transfer.amount
        case events.TransferReceived():
            return _TRANSFER, event.transfer.amount


def _begun(event: Event) -> list[Row]:
    """The row of a transfer that has begun, if that is what happened."""
    return [_SENT.row(event.transfer, _IN_TRANSIT, event.time)] if isinstance(event, events.TransferSent) else []


def event_rows(happened: Iterable[Event], time: int) -> dict[Table, list[Row]]:
    """What is kept of events for good, by table."""
    trades: list[Row] = []
    ledger: list[Row] = []
    statements: list[Row] = []
    prices: list[Row] = []
    risks: list[Row] = []
    transfers: list[Row] = []

    def book(account_id: int, kind: str, amount: int, trade_id: int | None = None) -> None:
        if amount:
            ledger.append((account_id, kind, amount, trade_id, time))

    for event in happened:
        match event:
            case Traded():
                trade = _TRADE.row(event)
                for fill in (event.taker, event.maker):
                    trades.append(trade + _FILL.row(fill, None if event.auction else fill is event.maker))
                    book(fill.account_id, _COMMISSION, -fill.commission, event.trade_id)
                    book(fill.account_id, _CLOSE_PROFIT, fill.close_profit, event.trade_id)
            case events.OrderAccepted() | events.OrderCancelled():
                pass  # the most frequent of those that leave a trace only in the rows of what they have changed
            case events.Deposited() | events.Withdrawn() | events.TransferSent() | events.TransferReceived():
                book(event.account_id, *_movement(event))
                transfers += _begun(event)
            case events.PositionExpired():
                book(event.account_id, _EXPIRY, event.close_profit)
            case events.Statement():
                statements.append(_STATEMENT.row(event))
                book(event.account_id, _SETTLEMENT, event.position_profit)
            case events.InstrumentSettled():
                prices.append(_SETTLED.row(event, time))
            case events.RiskWarned() | events.RiskEased() | events.LiquidationStarted() | events.LiquidationEnded():
                risks.append(_RISK.row(event, _RISK_KINDS[type(event)]))
            case (
                events.Refused()
                | events.OrderRepeated()
                | events.OrderWaiting()
                | events.OrderFired()
                | events.OrderAmended()
                | events.AllCancelled()
                | events.CountdownSet()
                | events.AccountOpened()
                | events.InstrumentListed()
                | events.TermsChanged()
                | events.PhaseChanged()
                | events.PhasesChanged()
                | events.AuctionUncrossed()
                | events.AccountFrozen()
                | events.OrdersCancelled()
                | events.CloseOnlySet()
                | events.ConnectionsRefused()
                | events.RulesSet()
                | events.FeeGroupSet()
                | events.MarketLimitsSet()
                | events.RulesAdopted()
                | events.TimePassed()
                | events.FiringContinued()
                | events.RiskWatched()
                | events.DaySettled()
            ):
                pass
            case _:
                assert_never(event)
    return {
        TRADES: trades,
        LEDGER: ledger,
        STATEMENTS: statements,
        SETTLEMENT_PRICES: prices,
        RISK_EVENTS: risks,
        TRANSFERS: transfers,
    }


# --- what is kept of a batch


def _packed_frames(kept: KeptPushes) -> bytes:
    return packing.pack_frames(kept.frames)


PUSH = Columns({"account": "account_id", "first_seq": "first_seq", "last_seq": "last_seq", "packed": _packed_frames})
PUSHES = Table(PushBatch, PUSH)


def _commands(batch: Batch) -> bytes:
    return packing.pack_commands(msgspec.msgpack.encode(batch.commands))


BATCH = Columns({"market": GIVEN, "epoch": GIVEN, "number": "number", "time": "time", "commands": _commands})
JOURNAL = Table(JournalBatch, BATCH)
_COMMANDS = msgspec.msgpack.Decoder(list[Command])


def commands_of(stored: bytes | memoryview) -> list[Command]:
    """The `commands` of a journal batch."""
    return _COMMANDS.decode(packing.unpack_commands(bytes(stored)))


def restrictions_of(stored: Any) -> Restrictions:
    """What operators have switched off in a market."""
    return msgspec.convert(stored, Restrictions)


def day_record(row: Market) -> DayRecord:
    """Where the market stands in time, and what holds for all its accounts."""
    limits = msgspec.convert(row.limits, MarketLimits) if row.limits else None
    off = restrictions_of(row.restrictions) if row.restrictions else None
    return DayRecord(row.trading_day, row.net_deposits, row.commission, row.fee_groups, limits, off)
