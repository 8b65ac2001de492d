"""The exchange class for asyncio. It has to be closed: `await exchange.close()`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ccxt.async_support.base.exchange import Exchange

from ccxt_bourse.calls import Asking, Calls

__all__ = ["bourse"]


def awaiting(method: Callable[..., Asking]) -> Callable[..., Any]:
    """A method of asyncio."""

    @functools.wraps(method)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        asking, answer = method(self, *args, **kwargs), None
        while True:
            try:
                name, *given = asking.send(answer)
            except StopIteration as end:
                return end.value
            answer = await getattr(self, name)(*given)

    return call


class bourse(Calls, Exchange, way=awaiting):  # type: ignore[misc]  # ccxt names its classes so
    """As those of `ccxt.async_support`."""
