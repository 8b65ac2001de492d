"""The visible part of an order book."""

import msgspec

from trading.core.matching.auction import clearing
from trading.core.orders import Instrument
from trading.core.types import Phase

LEVELS = 10
"""Price levels a side of an `orderbook`."""
DEEP = 100
"""Price levels a side that `orderbook_delta` keeps up."""

Level = tuple[int, int, int]
"""(price in 1/10,000, volume in lots, order count)"""


class Depth(msgspec.Struct, frozen=True):
    """The best levels of both sides, best first, at `time` (Unix ms). `indicative`: in an auction, what would trade
    if it ended now, as (price in 1/10,000, lots)."""

    instrument_id: str
    bids: list[Level]
    asks: list[Level]
    time: int
    phase: Phase
    indicative: tuple[int, int] | None

    def since(self, told: "Depth") -> "Depth | None":
        """What has changed since another moment: the levels that differ, those that are gone with volume 0; None if
        nobody could see a difference."""
        bids, asks = changed(told.bids, self.bids), changed(told.asks, self.asks)
        if not bids and not asks and (told.phase, told.indicative) == (self.phase, self.indicative):
            return None
        return msgspec.structs.replace(self, bids=bids, asks=asks)


def depth(instrument: Instrument, time: int) -> Depth:
    """What is visible of an instrument's book now."""
    tick, book = instrument.contract.tick, instrument.book
    return Depth(
        instrument.instrument_id,
        [(price * tick, volume, count) for price, volume, count in book.bids.depth(DEEP)],
        [(price * tick, volume, count) for price, volume, count in book.asks.depth(DEEP)],
        time,
        instrument.phase,
        _indicative(instrument),
    )


def changed(before: list[Level], now: list[Level]) -> list[Level]:
    """The levels of one side that are not what they were, those that are gone with volume 0."""
    if before == now:
        return []
    old = {level[0]: level for level in before}
    differing = [level for level in now if old.pop(level[0], None) != level]
    return differing + [(price, 0, 0) for price in old]


def _indicative(instrument: Instrument) -> tuple[int, int] | None:
    if instrument.phase is not Phase.AUCTION:
        return None
    tick = instrument.contract.tick
    found = clearing(instrument.book, instrument.settlement // tick)
    return None if found is None else (found.price * tick, found.volume)
