"""The tables. Rows that the engine owns are written by `storage` alone, from events; nothing here decides anything.

Prices and money are integers of 1/10,000 of the currency, rates of 1/100,000,000, volumes whole lots, times Unix
milliseconds. The constraints repeat the core's invariants, because rows can come from elsewhere too.
"""

from trading.models.accounts import (
    AT_RISK,
    IN_DEBT,
    IS_HELD,
    Account,
    LedgerEntry,
    Position,
    PositionDetail,
    RiskEvent,
    Statement,
    Transfer,
)
from trading.models.fields import NAME
from trading.models.journal import ArchiveFile, CarriedForward, JournalBatch, PushBatch
from trading.models.markets import Holiday, Instrument, Market, SettlementPrice, TradingSession, known_time_zone
from trading.models.office import (
    Contest,
    ContestBreach,
    ContestEntry,
    Desk,
    HealthCheck,
    OperatorCommand,
    Pulse,
    ScheduledCommand,
)
from trading.models.orders import IS_LIVE, Order, Trade, TradeBreak
from trading.models.users import AccessToken, StaffSession, User

__all__ = [
    "AT_RISK",
    "IN_DEBT",
    "IS_HELD",
    "IS_LIVE",
    "NAME",
    "AccessToken",
    "Account",
    "ArchiveFile",
    "CarriedForward",
    "Contest",
    "ContestBreach",
    "ContestEntry",
    "Desk",
    "HealthCheck",
    "Holiday",
    "Instrument",
    "JournalBatch",
    "LedgerEntry",
    "Market",
    "OperatorCommand",
    "Order",
    "Position",
    "PositionDetail",
    "Pulse",
    "PushBatch",
    "RiskEvent",
    "ScheduledCommand",
    "SettlementPrice",
    "StaffSession",
    "Statement",
    "Trade",
    "TradeBreak",
    "TradingSession",
    "Transfer",
    "User",
    "known_time_zone",
]
