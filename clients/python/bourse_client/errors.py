"""What can go wrong: one exception for each code of the exchange, and a few that are about the connection."""

from __future__ import annotations

from typing import Any, ClassVar

Frame = dict[str, Any]


class BourseError(Exception):
    """Everything that this package raises by itself."""


class Lost(BourseError):
    """The exchange cannot be reached, or the client was closed."""


class UnknownOutcome(Lost):
    """The exchange itself does not know whether it was done, for what it needs for that is away. Clients look, or ask
    again under the same `client_order_id`, by themselves: it is done once. `retry_after`: seconds."""

    CODE: ClassVar[int] = 504

    def __init__(self, code: int, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.retry_after = retry_after


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


AWAY = frozenset({TooFast.CODE, Unavailable.CODE, UnknownOutcome.CODE})
"""The exchange, not a rule, is against it: the same may be asked again."""
OF_REFUSALS = {kind.CODE: kind for kind in Refused.__subclasses__()}
BY_CODE: dict[int, type[Refused | UnknownOutcome]] = OF_REFUSALS | {UnknownOutcome.CODE: UnknownOutcome}


def refusal(frame: Frame) -> Refused | UnknownOutcome | None:
    """What an answer refuses; of a batch, where the exchange was away for all of it. A code that is not known here is a
    plain `Refused`: there may be new ones."""
    if frame["type"] == "error":
        code, message = frame["code"], frame["message"]
    elif (results := frame.get("results")) and all(each.get("error_code") in AWAY for each in results):
        last = max(results, key=lambda each: each["error_code"] == UnknownOutcome.CODE)
        code, message = last["error_code"], last["error_message"]
    elif frame.get("success", True):
        return None
    elif frame["type"] == "auth_response":
        code, message = NotAuthenticated.CODE, frame["message"]
    elif frame["type"] == "subscribe_response":
        code, message = frame.get("error_code", Malformed.CODE), frame["message"]
    else:
        code, message = frame["error_code"], frame["error_message"]
    return made(code, message, **{name: frame.get(name) for name in ("retry_after", "status", "filled_volume")})


def made(code: int, message: str, *, retry_after: float | None = None, **finished: Any) -> Refused | UnknownOutcome:
    """What to raise for a code. `finished`: of an order that was finished before."""
    if code == UnknownOutcome.CODE:
        return UnknownOutcome(code, message, retry_after=retry_after)
    return OF_REFUSALS.get(code, Refused)(code, message, retry_after=retry_after, **finished)
