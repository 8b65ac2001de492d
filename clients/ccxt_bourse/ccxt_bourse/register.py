"""Makes the exchange one of ccxt's, for programs that look exchanges up by their name."""

from __future__ import annotations

import ccxt
import ccxt.async_support
import ccxt.pro

from ccxt_bourse import async_support, blocking, pro


def register() -> None:
    """From now on there is `ccxt.bourse`, and the same in `ccxt.async_support` and `ccxt.pro`. Again does no more."""
    kinds = ((ccxt, blocking.bourse), (ccxt.async_support, async_support.bourse), (ccxt.pro, pro.bourse))
    for module, kind in kinds:
        module.bourse = kind
        if kind.__name__ not in module.exchanges:
            module.exchanges.append(kind.__name__)
