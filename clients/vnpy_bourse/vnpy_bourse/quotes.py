"""One instrument as ticks show it: the day, the last trade, five levels a side. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bourse_client import Book
from bourse_client.messages import Day, Level, Ticker
from vnpy.trader.object import TickData

from vnpy_bourse import words

LEVELS = 5


class Quote:
    """Each `tick` is a new object."""

    def __init__(self, symbol: str, gateway_name: str) -> None:
        self.symbol = symbol
        self.name = symbol
        self.day: Day | None = None
        self._gateway_name = gateway_name
        self._bids: list[Level] = []
        self._asks: list[Level] = []
        self._last: Ticker | None = None
        self._timestamp = 0

    def see(self, book: Book) -> None:
        self._bids, self._asks = book.bids[:LEVELS], book.asks[:LEVELS]
        self._timestamp = max(self._timestamp, book.timestamp)

    def hear(self, trade: Ticker) -> None:
        self._last = trade
        self.day = trade.day or self.day
        self._timestamp = max(self._timestamp, trade.timestamp)

    def tick(self, now: datetime) -> TickData:
        """`pre_close` is the last settlement price: from it the exchange measures changes and limits."""
        tick = TickData(
            symbol=self.symbol,
            exchange=words.EXCHANGE,
            datetime=words.moment(self._timestamp),
            name=self.name,
            localtime=now,
            gateway_name=self._gateway_name,
        )
        if self.day is not None:
            tick.volume = self.day.volume
            tick.turnover = self.day.turnover
            tick.open_interest = self.day.open_interest
            tick.open_price = self.day.open or 0
            tick.high_price = self.day.high or 0
            tick.low_price = self.day.low or 0
            tick.last_price = self.day.last_price or 0
            tick.limit_up = self.day.limit_up or 0
            tick.limit_down = self.day.limit_down or 0
            tick.pre_close = self.day.settlement_price
        if self._last is not None:
            tick.last_price, tick.last_volume = self._last.last_price, self._last.volume
        fill(tick, "bid", self._bids)
        fill(tick, "ask", self._asks)
        return tick


def fill(tick: TickData, side: str, levels: Sequence[Level]) -> None:
    for number, level in enumerate(levels, 1):
        setattr(tick, f"{side}_price_{number}", level.price)
        setattr(tick, f"{side}_volume_{number}", level.volume)
