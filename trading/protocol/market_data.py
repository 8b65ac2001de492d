"""What everybody may hear: books, tickers, bars, phases, announcements and the heartbeat."""

from typing import Literal

import msgspec

from trading.core.types import Announcement as Kept
from trading.core.types import (
    Direction,
    Phase,
)
from trading.protocol.envelope import Outgoing
from trading.protocol.ids import announcement_id_text

InstrumentWord = Literal["listed", "changed", "settled", "delisted"]
"""What has become of an instrument."""


class BookLevel(msgspec.Struct, frozen=True, gc=False):
    price: float
    volume: float
    order_count: int


class OrderBook(Outgoing, frozen=True, tag="orderbook"):
    """`phase` is left out in continuous trading. The indicative price and volume are what an auction would trade."""

    instrument_id: str
    bids: list[BookLevel]
    asks: list[BookLevel]
    timestamp: int
    phase: Phase | None = None
    indicative_price: float | None = None
    indicative_volume: float | None = None


class OrderBookDelta(Outgoing, frozen=True, tag="orderbook_delta"):
    """Levels that have changed since the frame `prev_seq`, with their present volume; 0: the level is gone. Without
    `prev_seq` it is the whole book."""

    instrument_id: str
    seq: int
    prev_seq: int | None
    bids: list[BookLevel]
    asks: list[BookLevel]
    timestamp: int
    phase: Phase | None = None
    indicative_price: float | None = None
    indicative_volume: float | None = None


class StatisticsData(msgspec.Struct, frozen=True, kw_only=True):
    """A trading day so far. `change`: last price less last settlement price. Null: no trade yet, or no limit."""

    instrument_id: str
    open: float | None
    high: float | None
    low: float | None
    last_price: float | None
    change: float | None
    volume: float
    turnover: float
    trades: int
    open_interest: float
    settlement_price: float
    limit_up: float | None
    limit_down: float | None


class Ticker(Outgoing, frozen=True, tag="ticker"):
    """A trade. `direction`: of the side that came to the book; an auction has none. `day`: the figures after it; where
    many trades come at once, of the last."""

    instrument_id: str
    last_price: float
    volume: float
    timestamp: int
    direction: Direction | None = None
    day: StatisticsData | None = None


class BarData(msgspec.Struct, frozen=True, kw_only=True):
    """`start`: Unix ms. `turnover` in currency; `open_interest`: lots after the last of its `trades`."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float
    trades: int
    open_interest: float


class Kline(BarData, frozen=True, kw_only=True, tag_field="type", tag="kline"):
    """A bar so far; when another follows, it is whole."""

    instrument_id: str
    period: str


class InstrumentStatus(Outgoing, frozen=True, tag="instrument_status"):
    instrument_id: str
    phase: Phase
    timestamp: int


class InstrumentState(Outgoing, frozen=True, tag="instrument_state"):
    """What queries tell of an instrument has changed. `state`: why."""

    instrument_id: str
    state: InstrumentWord
    timestamp: int


class PingFrame(Outgoing, frozen=True, tag="ping"):
    pass


class AnnouncementData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What operators tell until some time. `stop_at`: when the exchange is to stop. `personal`: to this user alone."""

    announcement_id: str
    text: str
    timestamp: int
    until: int
    stop_at: int | None = None
    personal: bool = False


class Announcements(Outgoing, frozen=True, tag="announcements"):
    """All that is announced to this connection now; it takes the place of what was told before."""

    announcements: list[AnnouncementData]
    timestamp: int


def announcement_data(told: Kept) -> AnnouncementData:
    """An announcement as clients read it."""
    return AnnouncementData(
        announcement_id=announcement_id_text(told.number),
        text=told.text,
        timestamp=told.made_at,
        until=told.until,
        stop_at=told.stop_at,
        personal=told.user_id is not None,
    )


class Announcement(Outgoing, frozen=True, tag="announcement"):
    """A sentence of the exchange to everybody."""

    message: str
    timestamp: int
