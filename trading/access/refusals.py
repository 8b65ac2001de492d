"""With which words somebody is refused who may not ask, or not so much, by whatever way they came."""

from trading.core.codes import Code
from trading.core.events import Refused
from trading.reads import answers

NOT_AUTHENTICATED = Refused(Code.NOT_AUTHENTICATED, Code.NOT_AUTHENTICATED.text)
NO_ACCOUNT = Refused(*answers.NO_ACCOUNT)
READ_ONLY = Refused(Code.FORBIDDEN, "Not allowed: this token may only read")
FAILED = Refused(Code.UNAVAILABLE, "The exchange failed on this message; nothing was done")
NOT_LOOKED_UP = Refused(Code.UNAVAILABLE, "It cannot be found out whether there is such an order; nothing was done")
"""The engine has no such live order, and the rows cannot be read."""


def too_fast(what: str, most: int) -> Refused:
    """More than `most` a second."""
    return Refused(Code.TOO_FAST, f"{Code.TOO_FAST.text}: at most {most} {what} a second")


def pause(seconds: float) -> float | None:
    """As `retry_after` tells it."""
    return max(0.001, round(seconds, 3)) if seconds else None
