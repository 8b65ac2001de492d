"""Trades as everybody may see them."""

import msgspec

from trading.core.types import Direction


class PublicTrade(msgspec.Struct, frozen=True):
    """A match, price in 1/10,000. `direction`: of the side that came to the book; None in an auction."""

    price: int
    volume: int
    time: int
    direction: Direction | None
