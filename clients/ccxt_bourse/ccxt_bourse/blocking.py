"""The exchange class that asks and waits."""

from __future__ import annotations

from ccxt.base.exchange import Exchange

from ccxt_bourse.calls import Calls, blocking


class bourse(Calls, Exchange, way=blocking):  # type: ignore[misc]  # ccxt names its classes so
    """As those of `ccxt`."""
