"""The visible part of an order book."""

import msgspec

from trading.core.state import Instrument

LEVELS = 10
"""Price levels a side that the public sees."""

Level = tuple[int, int, int]
"""(price in 1/10,000, volume in lots, order count)"""


class Depth(msgspec.Struct, frozen=True):
    """The best levels of both sides, best first, at `time` (Unix ms)."""

    instrument_id: str
    bids: list[Level]
    asks: list[Level]
    time: int


def depth(instrument: Instrument, time: int) -> Depth:
    """What is visible of an instrument's book now."""
    tick, book = instrument.contract.tick, instrument.book
    return Depth(
        instrument.instrument_id,
        [(price * tick, volume, count) for price, volume, count in book.bids.depth(LEVELS)],
        [(price * tick, volume, count) for price, volume, count in book.asks.depth(LEVELS)],
        time,
    )
