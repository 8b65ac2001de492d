"""What can go wrong: one exception for each code of the exchange, and a few that are about the connection."""

from __future__ import annotations

from typing import Any, ClassVar

Frame = dict[str, Any]


class BourseError(Exception):
    """Everything that this package raises by itself."""


class Lost(BourseError):
    """The exchange cannot be reached, or the client was closed."""


class Missed(BourseError):
    """Private pushes are gone for good: the exchange keeps those of the present trading day, and of a busy account the
    last ones. Orders, positions and account of the client are right again; what lies between, `query_trades` tells."""


class Overrun(BourseError):
    """A stream was not read for so long that it was given up."""


class Refused(BourseError):
    """The exchange has refused a request and changed nothing. `retry_after`: seconds. `status`, `filled_volume`: of an
    order that was finished before."""

    CODE: ClassVar[int] = 0

    def __init__(
        self,
        code: int,
        message: str,
        *,
        retry_after: float | None = None,
        status: str | None = None,
        filled_volume: float | None = None,
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.status = status
        self.filled_volume = filled_volume


class Malformed(Refused):
    CODE = 400


class NotAuthenticated(Refused):
    """The user and the token do not go together, or the token is not valid any more."""

    CODE = 401


class Forbidden(Refused):
    CODE = 403


class NotFound(Refused):
    CODE = 404


class Duplicate(Refused):
    """The `client_order_id` was used for another order."""

    CODE = 409


class TooFast(Refused):
    """Clients wait and ask again by themselves, so it is seldom seen."""

    CODE = 429


class Unavailable(Refused):
    """Clients wait and ask again by themselves, so it is seldom seen."""

    CODE = 503


class InsufficientFunds(Refused):
    CODE = 1001


class OrderNotFound(Refused):
    CODE = 1002


class AccountNotFound(Refused):
    CODE = 1003


class InstrumentUnknown(Refused):
    CODE = 1004


class PositionInsufficient(Refused):
    CODE = 1005


class BadVolume(Refused):
    CODE = 1006


class OffTick(Refused):
    CODE = 1007


class PriceLimit(Refused):
    CODE = 1008


class NotTrading(Refused):
    CODE = 1009


class SelfTrade(Refused):
    CODE = 1010


class OrderFinished(Refused):
    """Too late to amend or cancel: `status` is what the order is, `filled_volume` what it has traded."""

    CODE = 1011


class AccountFrozen(Refused):
    CODE = 1012


class LimitReached(Refused):
    CODE = 1013


class TooLate(Refused):
    CODE = 1014


class WouldTrade(Refused):
    CODE = 1015


class CloseOnly(Refused):
    CODE = 1016


BUSY = frozenset({TooFast.CODE, Unavailable.CODE})
"""Nothing was done, and the same may be asked again."""
BY_CODE = {kind.CODE: kind for kind in Refused.__subclasses__()}


def refusal(frame: Frame) -> Refused | None:
    """What an answer refuses; of a batch, where the exchange was too busy for all of it. A code that is not known here
    is a plain `Refused`: there may be new ones."""
    if frame["type"] == "error":
        code, message = frame["code"], frame["message"]
    elif (results := frame.get("results")) and all(each.get("error_code") in BUSY for each in results):
        code, message = results[0]["error_code"], results[0]["error_message"]
    elif frame.get("success", True):
        return None
    elif frame["type"] == "auth_response":
        code, message = NotAuthenticated.CODE, frame["message"]
    elif frame["type"] == "subscribe_response":
        code, message = frame.get("error_code", Malformed.CODE), frame["message"]
    else:
        code, message = frame["error_code"], frame["error_message"]
    return BY_CODE.get(code, Refused)(
        code,
        message,
        retry_after=frame.get("retry_after"),
        status=frame.get("status"),
        filled_volume=frame.get("filled_volume"),
    )
