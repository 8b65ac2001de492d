"""The exchange class for asyncio. It has to be closed: `await exchange.close()`."""

from __future__ import annotations

from ccxt.async_support.base.exchange import Exchange

from ccxt_bourse.calls import Calls, awaiting

__all__ = ["bourse"]


class bourse(Calls, Exchange, way=awaiting):  # type: ignore[misc]  # ccxt names its classes so
    """As those of `ccxt.async_support`."""
