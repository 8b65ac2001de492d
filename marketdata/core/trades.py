"""Trades as everybody may see them."""

import msgspec

from trading.core.events import Traded
from trading.core.types import Direction


class PublicTrade(msgspec.Struct, frozen=True):
    """A match, price in 1/10,000. `direction`: of the side that came to the book; None in an auction."""

    price: int
    volume: int
    time: int
    direction: Direction | None


def public_trade(event: Traded) -> PublicTrade:
    return PublicTrade(event.price, event.volume, event.time, None if event.auction else event.taker.direction)
