"""The Bourse futures exchange for ccxt: `ccxt_bourse.bourse` asks and waits, that of `ccxt_bourse.async_support` is
for asyncio, that of `ccxt_bourse.pro` hears of things over the socket."""

from ccxt_bourse.blocking import bourse
from ccxt_bourse.register import register
from ccxt_bourse.version import VERSION as __version__

__all__ = ["__version__", "bourse", "register"]
