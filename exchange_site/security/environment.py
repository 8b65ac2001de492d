"""Settings from the environment: a value that is none of its kind is refused at the start, with the setting's name.

A mistyped switch would otherwise be off without a word, and with it the limits or HTTPS.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

ON = frozenset({"1", "on", "true", "yes", "y", "ok"})
OFF = frozenset({"0", "off", "false", "no", "n", ""})
MARKET_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,15}")
"""It is part of addresses and of names of files, and has a column of 16 characters."""


class Environment(environ.Env):  # type: ignore[misc]  # the library has no types
    """Raises ImproperlyConfigured for a switch that is neither on nor off, and for a number that is none or below 0."""

    def get_value(self, var: str, cast: Any = None, *args: Any, **kwargs: Any) -> Any:
        word = self.ENVIRON.get(var)
        if word is not None and cast is bool and word.strip().lower() not in ON | OFF:
            raise ImproperlyConfigured(f"{var} must be on or off, not {word!r}")
        if word is not None and cast in (int, float):
            _hold_number(var, word, cast)
        return super().get_value(var, cast, *args, **kwargs)


def _hold_number(var: str, word: str, kind: type[int | float]) -> None:
    try:
        number = kind(word)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ImproperlyConfigured(f"{var} must be {what}, not {word!r}") from None
    if not 0 <= number < math.inf:
        raise ImproperlyConfigured(f"{var} must be 0 or more, not {word!r}")


def hold_markets(codes: Sequence[str]) -> None:
    """Raises ImproperlyConfigured for a code that no market can have, and where one is named twice."""
    for code in codes:
        if not MARKET_CODE.fullmatch(code):
            raise ImproperlyConfigured(f"{code!r} is no code of a market: use at most 16 letters, digits, and _ . -")
    if len(set(codes)) < len(codes):
        raise ImproperlyConfigured("MARKET and FURTHER_MARKETS name each market once")
