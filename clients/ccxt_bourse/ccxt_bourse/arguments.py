"""What programs ask with, looked at before anything is asked. Pure."""

from __future__ import annotations

import operator
from typing import Any

from ccxt.base.errors import BadRequest

from ccxt_bourse.description import TIMEFRAMES

LARGEST = 2**53
"""The largest whole number that the exchange takes. (Nanoseconds in place of ms are more.)"""


def check_values(fields: Any) -> None:
    """BadRequest for a whole number that is larger, anywhere in what is to be sent: not every ccxt can write it; and
    for a text with half a character in it (a lone surrogate): nothing can."""
    for value in [*fields, *fields.values()] if isinstance(fields, dict) else fields:
        if isinstance(value, dict | list):
            check_values(value)
        elif isinstance(value, str) and not is_text(value):
            raise BadRequest(f"bourse: {value!a} is no text")
        elif isinstance(value, int) and abs(value) > LARGEST:
            raise BadRequest(f"bourse: {value} is larger than the numbers that an exchange takes")


def is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_timeframe(timeframe: str) -> None:
    """BadRequest for one that the exchange has no bars of."""
    if timeframe not in TIMEFRAMES:
        raise BadRequest(f"bourse: timeframe is one of {', '.join(TIMEFRAMES)}, not {timeframe}")


def check_moment(name: str, moment: Any) -> None:
    """BadRequest for what is no time, or none that the exchange takes; None is none given."""
    if moment is not None and not (_is_whole(moment, 0) and moment <= LARGEST):
        raise BadRequest(f"bourse: {name} is a whole number of ms since 1970, not {moment!r}")


def check_limit(limit: Any) -> None:
    """BadRequest for a number of items that cannot be; None is none given."""
    if limit is not None and not _is_whole(limit, 1):
        raise BadRequest(f"bourse: limit is a whole number from 1 on, not {limit!r}")


def check_range(since: Any, limit: Any) -> None:
    check_moment("since", since)
    check_limit(limit)


def _is_whole(value: Any, least: int) -> bool:
    try:
        return not isinstance(value, bool) and operator.index(value) >= least
    except TypeError:
        return False
