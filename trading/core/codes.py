"""The one table of refusals: every public error code, its stable number and its sentence.

100s are HTTP-like and speak of the request; 1000s speak of trading. The numbers never change their meaning.
"""

from enum import IntEnum


class Code(IntEnum):
    """A public refusal code. `Code.X.text` is the sentence that a client sees when nothing more precise is known."""

    text: str

    def __new__(cls, number: int, text: str) -> "Code":
        member = int.__new__(cls, number)
        member._value_ = number
        member.text = text
        return member

    MALFORMED = 400, "Malformed message"
    NOT_AUTHENTICATED = 401, "Not authenticated"
    FORBIDDEN = 403, "Not allowed"
    NOT_FOUND = 404, "Not found"
    DUPLICATE = 409, "Duplicate: this id was used for something else"
    TOO_FAST = 429, "Too many requests"
    UNAVAILABLE = 503, "The exchange cannot take this now; nothing was done"
    UNKNOWN_OUTCOME = 504, "It is not known whether this was done"
    INSUFFICIENT_FUNDS = 1001, "Insufficient funds"
    ORDER_NOT_FOUND = 1002, "Order not found"
    ACCOUNT_NOT_FOUND = 1003, "Account not found"
    INSTRUMENT_UNKNOWN = 1004, "Unknown instrument"
    POSITION_INSUFFICIENT = 1005, "Not enough position to close"
    BAD_VOLUME = 1006, "Volume not allowed"
    OFF_TICK = 1007, "Price is not on the tick"
    PRICE_LIMIT = 1008, "Price is outside the day's limits"
    NOT_TRADING = 1009, "The instrument is not trading now"
    SELF_TRADE = 1010, "Self-trade prevented"
    ORDER_FINISHED = 1011, "Order already finished"
    ACCOUNT_FROZEN = 1012, "Account frozen or liquidating"
    LIMIT_REACHED = 1013, "Position or order limit reached"
    TOO_LATE = 1014, "Too late: valid_until has passed"
    WOULD_TRADE = 1015, "A post-only order would trade at once"
    CLOSE_ONLY = 1016, "Only orders that close positions are taken now"


AWAY = frozenset({Code.UNAVAILABLE, Code.UNKNOWN_OUTCOME})
"""The exchange itself was not there, whatever was asked. What is done once however often it is said may be said
again."""
