"""What the exchange tells, as values: prices and money in currency, volumes in lots, times in Unix milliseconds.

Fields that are not known here are passed over, for there may be new ones.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, TypedDict

import msgspec

from bourse_client.errors import Malformed

Frame = dict[str, Any]

BUY, SELL = "BUY", "SELL"
OPEN, CLOSE, CLOSETODAY = "OPEN", "CLOSE", "CLOSETODAY"
LIVE = frozenset({"Submitted", "PartiallyFilled", "Waiting"})
"""States of an order that is not finished."""
_encode = msgspec.json.Encoder().encode


def encoded(message: Frame) -> bytes:
    """As JSON. Malformed for a number that is none: JSON has only null for it, and a null is a field that was left out,
    so the order would be another one. Malformed for a text that is none, too."""
    try:
        text = _encode(message)
    except UnicodeEncodeError:
        check(message, "")
        raise
    if b"null" in text:
        check(message, "")
    return text


def check(value: Any, name: str) -> None:
    """Malformed for a number that is none and a text that is none, anywhere in a value."""
    if isinstance(value, float) and not isfinite(value):
        raise Malformed(Malformed.CODE, f"{name} is {value}, which is no number")
    if isinstance(value, str):
        check_text(value, name)
    if isinstance(value, dict):
        for key, each in value.items():
            check(key, "the name of a field")
            check(each, key)
    elif isinstance(value, list | tuple):
        for each in value:
            check(each, name)


def check_text(text: str, name: str) -> None:
    """Malformed for one with half a character in it (a lone surrogate): no bytes stand for it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Malformed(Malformed.CODE, f"{name} is {text!a}, which is no text") from None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it is at one moment. `price` is null of a MARKET order, `reason` tells why one is Cancelled.

    One that waits has a `stop_price`, or the `trail` that it keeps behind the best price, and the price that is its
    `trigger`. `current_stop`: where one with a trail fires, as queries tell it."""

    order_id: str
    instrument_id: str
    direction: str
    offset: str
    volume: float
    price: float | None
    order_type: str
    status: str
    filled_volume: float
    remaining_volume: float
    timestamp: int
    client_order_id: str | None = None
    average_price: float | None = None
    reason: str | None = None
    error_code: int | None = None
    stop_price: float | None = None
    stop_kind: str | None = None
    trigger: str | None = None
    trail: float | None = None
    current_stop: float | None = None
    price_levels: int | None = None

    @property
    def is_live(self) -> bool:
        return self.status in LIVE


class OrderState(msgspec.Struct, frozen=True, kw_only=True):
    """An order has changed. `price`, `volume`: of a new order or after an amendment; from `instrument_id` to
    `reduce_only`, and from `stop_price` on: of a new order; `average_price`: of its trades, after one. At another
    market than the first there are `market` and `market_seq`, and no `seq`."""

    order_id: str
    status: str
    filled_volume: float
    remaining_volume: float
    timestamp: int
    seq: int | None = None
    price: float | None = None
    volume: float | None = None
    reason: str | None = None
    error_code: int | None = None
    error_message: str | None = None
    instrument_id: str | None = None
    direction: str | None = None
    offset: str | None = None
    order_type: str | None = None
    client_order_id: str | None = None
    time_condition: str | None = None
    post_only: bool = False
    reduce_only: bool = False
    average_price: float | None = None
    market: str | None = None
    market_seq: int | None = None
    stop_price: float | None = None
    stop_kind: str | None = None
    trigger: str | None = None
    trail: float | None = None
    price_levels: int | None = None


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """An own order has traded. Both sides of a match carry the same `trade_id`."""

    trade_id: str
    order_id: str
    instrument_id: str
    direction: str
    offset: str
    price: float
    volume: float
    timestamp: int
    seq: int | None = None
    commission: float | None = None
    is_maker: bool | None = None
    market: str | None = None
    market_seq: int | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Money at one market; `market` is null of the first one."""

    balance: float
    available: float
    frozen: float
    margin: float
    profit: float
    risk_ratio: float
    market: str | None = None


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Lots of one instrument; `_today`: those of them that were opened on the present trading day."""

    instrument_id: str
    volume_long: float = 0.0
    volume_short: float = 0.0
    volume_long_today: float = 0.0
    volume_short_today: float = 0.0

    @property
    def net(self) -> float:
        return self.volume_long - self.volume_short

    @property
    def is_flat(self) -> bool:
        return not (self.volume_long or self.volume_short)

    def traded(self, direction: str, offset: str, volume: float) -> Position:
        """After a trade. BUY to open and SELL to close are of the long lots, the others of the short ones; CLOSE takes
        lots of earlier days first."""
        is_long = (direction == BUY) == (offset == OPEN)
        lots, today = self._leg(is_long)
        if offset == OPEN:
            return self._with(is_long, lots + volume, today + volume)
        if offset == CLOSETODAY:
            today -= volume
        lots -= volume
        return self._with(is_long, lots, min(today, lots) if offset == CLOSE else today)

    def taken_back(self, direction: str, offset: str, volume: float) -> Position:
        """After a trade was taken back: lots that it has closed are today's again."""
        is_long = (direction == BUY) == (offset == OPEN)
        change = -volume if offset == OPEN else volume
        lots, today = self._leg(is_long)
        return self._with(is_long, lots + change, today + change)

    def carried(self) -> Position:
        """After a settlement: no lot is of today."""
        return msgspec.structs.replace(self, volume_long_today=0.0, volume_short_today=0.0)

    def _leg(self, is_long: bool) -> tuple[float, float]:
        if is_long:
            return self.volume_long, self.volume_long_today
        return self.volume_short, self.volume_short_today

    def _with(self, is_long: bool, lots: float, today: float) -> Position:
        if is_long:
            return msgspec.structs.replace(self, volume_long=lots, volume_long_today=today)
        return msgspec.structs.replace(self, volume_short=lots, volume_short_today=today)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that the private pushes of a market tell about, as it was after its push `seq`; orders are those that live.
    `market` is null of the first one."""

    seq: int
    account: Account
    positions: list[Position]
    orders: list[Order]
    trading_day: int
    market: str | None = None


class Level(msgspec.Struct, frozen=True):
    price: float
    volume: float
    order_count: int


class BookChange(msgspec.Struct, frozen=True, kw_only=True):
    """Levels that have changed; the whole book where `prev_seq` is null. A level without volume is gone."""

    instrument_id: str
    seq: int
    prev_seq: int | None
    bids: list[Level]
    asks: list[Level]
    timestamp: int
    phase: str | None = None
    indicative_price: float | None = None
    indicative_volume: float | None = None


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The trading day of an instrument so far. Null: no trade yet, or no such limit. `settlement_price`: the last."""

    instrument_id: str
    open: float | None
    high: float | None
    low: float | None
    last_price: float | None
    volume: float
    turnover: float
    open_interest: float
    settlement_price: float
    limit_up: float | None
    limit_down: float | None


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """A trade of the market. `direction` is that of the side that came to the book; an auction has none. `day`: after
    it; of trades that come together the last one has it."""

    instrument_id: str
    last_price: float
    volume: float
    timestamp: int
    direction: str | None = None
    day: Day | None = None


class Interruption(msgspec.Struct, frozen=True):
    """The connection was lost: trades may be missing. The last trade may come again, then the whole book comes."""

    instrument_id: str


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float
    trades: int
    open_interest: float


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """What is traded. Null: no such limit, no trade yet, or of `market` the first one."""

    instrument_id: str
    name: str
    product_id: str
    tick: float
    multiplier: int
    limit_up: float | None
    limit_down: float | None
    margin_rate_long: float
    margin_rate_short: float
    min_volume: int
    max_volume: int
    phase: str
    settlement_price: float
    last_price: float | None
    market: str | None = None


class OrderOptions(TypedDict, total=False):
    """The optional fields of an order. What they do is told in the market rules."""

    time_condition: str
    expires_at: int
    valid_until: int
    post_only: bool
    reduce_only: bool
    display_volume: float
    stop_price: float
    stop_kind: str
    trigger: str
    trail: float
    oco_group: str
    stp: str
    price_levels: int
