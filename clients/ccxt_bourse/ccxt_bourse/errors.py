"""Which exception of ccxt a refusal of the exchange is. Pure."""

from __future__ import annotations

from typing import Any

from ccxt.base import errors as ccxt

BY_CODE: dict[int, type[Exception]] = {
    400: ccxt.BadRequest,
    401: ccxt.AuthenticationError,
    403: ccxt.PermissionDenied,
    404: ccxt.BadRequest,
    405: ccxt.BadRequest,
    408: ccxt.RequestTimeout,
    409: ccxt.DuplicateOrderId,
    413: ccxt.BadRequest,
    415: ccxt.BadRequest,
    429: ccxt.RateLimitExceeded,
    500: ccxt.OperationFailed,
    503: ccxt.ExchangeNotAvailable,
    504: ccxt.RequestTimeout,
    1001: ccxt.InsufficientFunds,
    1002: ccxt.OrderNotFound,
    1003: ccxt.AccountNotEnabled,
    1004: ccxt.BadSymbol,
    1005: ccxt.InvalidOrder,
    1006: ccxt.InvalidOrder,
    1007: ccxt.InvalidOrder,
    1008: ccxt.InvalidOrder,
    1009: ccxt.MarketClosed,
    1010: ccxt.InvalidOrder,
    1011: ccxt.OrderNotFound,
    1012: ccxt.AccountSuspended,
    1013: ccxt.InvalidOrder,
    1014: ccxt.InvalidNonce,
    1015: ccxt.OrderImmediatelyFillable,
    1016: ccxt.OperationRejected,
}
"""1011 (the order is over already) is what ccxt says of an order that cannot be cancelled any more; 1014 (it was too
long on its way) is what it says of a request whose time has passed: nothing was done."""


def refusal(code: int, message: str) -> Exception:
    """What to raise. A code that is not known is an ExchangeError."""
    kind: type[Exception] = BY_CODE.get(code, ccxt.ExchangeError)
    return kind(f"bourse {code} {message}")


def failure(answer: Any, retry_after: str | None) -> Exception | None:
    """What to raise for an answer of REST that is no success; None if it is not one of the exchange's own."""
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), int):
        return None
    wait = f"; again in {retry_after} s" if answer["code"] == 429 and retry_after else ""
    return refusal(answer["code"], f"{answer.get('detail') or answer.get('message')}{wait}")
