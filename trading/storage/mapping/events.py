"""What happened, and is kept for good: trades, the ledger, statements, settlement prices, risk."""

from collections.abc import Iterable
from typing import assert_never

from trading.core import events
from trading.core.events import Event, Traded
from trading.models import LedgerEntry, RiskEvent, SettlementPrice, Statement, TradeBreak, Transfer
from trading.models import Trade as TradeRow
from trading.storage.sql import GIVEN, Columns, Row, Table, json_text

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
_CORRECTION = LedgerEntry.Kind.CORRECTION.value
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

_BREAK = Columns(dict.fromkeys(("trade_id", "instrument", "price", "volume", "time", "direction"), GIVEN))
_BREAK_SIDE = Columns(
    {
        "account": "account_id",
        "order_number": "order_id",
        "offset": "offset._value_",
        "commission": "commission",
        "close_profit": "close_profit",
    }
)
TRADE_BREAKS = Table(TradeBreak, _BREAK, _BREAK_SIDE)

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
            return _CORRECTION if event.correction else _DEPOSIT, event.amount
        case events.Withdrawn():
            return _CORRECTION if event.correction else _WITHDRAWAL, -event.amount
        case events.TransferSent():
            return _TRANSFER, -event.transfer.amount
        case events.TransferReceived():
            return _TRANSFER, event.transfer.amount


def _begun(event: Event) -> list[Row]:
    """The row of a transfer that has begun, if that is what happened."""
    return [_SENT.row(event.transfer, _IN_TRANSIT, event.time)] if isinstance(event, events.TransferSent) else []


def event_rows(happened: Iterable[Event], time: int) -> dict[Table, list[Row]]:  # noqa: PLR0912  # one a kind
    """What is kept of events for good, by table."""
    trades: list[Row] = []
    ledger: list[Row] = []
    statements: list[Row] = []
    prices: list[Row] = []
    risks: list[Row] = []
    transfers: list[Row] = []
    breaks: list[Row] = []

    def book(account_id: int, kind: str, amount: int, trade_id: int | None = None) -> None:
        if amount:
            ledger.append((account_id, kind, amount, trade_id, time))

    for event in happened:
        if type(event) is events.OrderAccepted or type(event) is events.OrderCancelled:
            continue  # the most frequent of those that leave a trace only in the rows of what they have changed
        match event:
            case Traded():
                trade = _TRADE.row(event)
                for fill in (event.taker, event.maker):
                    trades.append(trade + _FILL.row(fill, None if event.auction else fill is event.maker))
                    book(fill.account_id, _COMMISSION, -fill.commission, event.trade_id)
                    book(fill.account_id, _CLOSE_PROFIT, fill.close_profit, event.trade_id)
            case events.TradeBroken():
                trade = event.trade_id, event.instrument_id, event.price, event.volume, time
                for word, side in (("BUY", event.buyer), ("SELL", event.seller)):
                    breaks.append((*trade, word, *_BREAK_SIDE.row(side)))
                    book(side.account_id, _COMMISSION, side.commission, event.trade_id)
                    book(side.account_id, _CLOSE_PROFIT, -side.close_profit, event.trade_id)
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
                | events.OrderAccepted()
                | events.OrderCancelled()
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
                | events.LiquidationStopped()
                | events.ConnectionsRefused()
                | events.Announced()
                | events.AnnouncementWithdrawn()
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
    rows = {
        TRADES: trades,
        TRADE_BREAKS: breaks,
        LEDGER: ledger,
        STATEMENTS: statements,
        SETTLEMENT_PRICES: prices,
        RISK_EVENTS: risks,
        TRANSFERS: transfers,
    }
    return {table: lines for table, lines in rows.items() if lines}
