"""Failures as REST tells them: one shape for every one of them, a code a cause, and which HTTP status goes with it."""

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from trading import protocol
from trading.core.codes import AWAY, Code
from trading.core.events import Refused

DOOR = 1000
"""Codes below it are HTTP's own, and their status is the code."""
STATUS = {
    Code.ORDER_NOT_FOUND: 404,
    Code.ACCOUNT_NOT_FOUND: 404,
    Code.INSTRUMENT_UNKNOWN: 404,
    Code.ORDER_FINISHED: 409,
    Code.ACCOUNT_FROZEN: 403,
}
BY_RULE = 422
"""The request was understood, and a rule of the market is against it."""


class HttpCode(IntEnum):
    """Causes that the socket does not have. The numbers never change their meaning."""

    text: str

    def __new__(cls, number: int, text: str) -> "HttpCode":
        member = int.__new__(cls, number)
        member._value_ = number
        member.text = text
        return member

    METHOD = 405, "This method is not taken here"
    TOO_SLOW = 408, "The request took too long to arrive"
    TOO_LARGE = 413, "The request is too large"
    NOT_JSON = 415, "The body must be JSON: Content-Type: application/json"
    FAILED = 500, "The exchange failed on this request"


AnyCode = Code | HttpCode


class Failure(msgspec.Struct, frozen=True):
    """The body of every answer that is no success. `detail` says more than `message`, which is the code's own."""

    code: int
    message: str
    detail: str
    request_id: str


class ApiError(Exception):
    """It is not done. `retry_after`: seconds; `headers`: beyond those that every answer has."""

    def __init__(
        self,
        code: AnyCode,
        detail: str | None = None,
        *,
        retry_after: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or code.text)
        self.code = code
        self.detail = detail or code.text
        self.retry_after = retry_after
        self.headers = headers or {}

    @property
    def status(self) -> int:
        return status_of(self.code)

    def body(self, request_id: str) -> Failure:
        return Failure(int(self.code), self.code.text, self.detail, request_id)


def status_of(code: AnyCode) -> int:
    """The HTTP status that goes with a code."""
    if code < DOOR:
        return int(code)
    return STATUS.get(code, BY_RULE) if isinstance(code, Code) else BY_RULE


def refused(outcome: Refused | protocol.Finished) -> ApiError:
    """What the engine, or the rows of what it has forgotten, refuse with."""
    if isinstance(outcome, protocol.Finished):
        return ApiError(
            Code.ORDER_FINISHED, f"{Code.ORDER_FINISHED.text}: {outcome.status.value}, {outcome.filled} lots filled"
        )
    return ApiError(outcome.code, outcome.detail, retry_after=1.0 if outcome.code in AWAY else 0.0)


def no_answer(error: protocol.Error) -> ApiError:
    """What a query is refused with."""
    code: Code = Code(error.code)  # type: ignore[call-arg]  # looked up, not made
    return ApiError(code, error.message)
