"""For which causes the engine refuses what: the codes that documents name."""

from trading.core.codes import Code

NOT_NOW = (Code.NOT_TRADING, Code.ACCOUNT_FROZEN, Code.LIMIT_REACHED, Code.TOO_LATE)
ORDER_CODES = (
    Code.DUPLICATE,
    Code.INSUFFICIENT_FUNDS,
    Code.ACCOUNT_NOT_FOUND,
    Code.INSTRUMENT_UNKNOWN,
    Code.POSITION_INSUFFICIENT,
    Code.BAD_VOLUME,
    Code.OFF_TICK,
    Code.PRICE_LIMIT,
    Code.SELF_TRADE,
    Code.WOULD_TRADE,
    Code.CLOSE_ONLY,
    *NOT_NOW,
)
AMEND_CODES = (*ORDER_CODES[1:], Code.ORDER_NOT_FOUND, Code.ORDER_FINISHED)
KNOWN_CODES = (Code.ORDER_NOT_FOUND, Code.ORDER_FINISHED, Code.ACCOUNT_NOT_FOUND)
"""Of what names an order."""
