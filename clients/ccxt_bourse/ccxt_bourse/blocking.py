"""The exchange class that asks and waits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ccxt.base.exchange import Exchange

from ccxt_bourse.calls import Asking, Calls


def blocking(method: Callable[..., Asking]) -> Callable[..., Any]:
    """A method that asks and waits."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        asking, answer = method(self, *args, **kwargs), None
        while True:
            try:
                name, *given = asking.send(answer)
            except StopIteration as end:
                return end.value
            answer = getattr(self, name)(*given)

    return call


class bourse(Calls, Exchange, way=blocking):  # type: ignore[misc]  # ccxt names its classes so
    """As those of `ccxt`."""
