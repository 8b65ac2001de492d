"""Users of a live server, each with an exchange class of ccxt; a server with a contract that ends on a day."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ccxt_bourse
from ccxt_bourse import async_support

from tests.e2e.server import PATIENCE, Server

LISTING = """
from trading.core.commands import ListInstrument
from trading.core.money import RATE, UNIT
from trading.core.types import Contract, Fee, Terms
from trading.operators import inline_engine

fee = Fee(3 * UNIT, 0)
contract = Contract(
    instrument_id="IX3212", product_id="IX", tick=UNIT // 2, multiplier=100, reference_price=800 * UNIT,
    limit_rate=RATE // 10,
)
terms = Terms(
    name="Dated", margin_long=RATE // 10, margin_short=RATE // 10, fee_open=fee, fee_close=fee, fee_close_today=fee,
    max_volume=500, last_day=20321215,
)
print(inline_engine.carry_out(ListInstrument(contract, terms), market="MAIN").status)
"""
DATED = "IX3212/CNY:CNY-321215"
ENDLESS = "IX2301/CNY:CNY"


def list_dated(server: Server) -> None:
    """On one that does not run."""
    assert server.manage("shell", "--verbosity", "0", "-c", LISTING).split() == ["DONE"]


class Awaited:
    """One of asyncio, called as if it were none."""

    def __init__(self, exchange: Any) -> None:
        self._exchange, self._loop = exchange, asyncio.new_event_loop()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._exchange, name)
        return functools.partial(self._waited, found) if callable(found) else found

    def _waited(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        given = method(*args, **kwargs)
        return self._loop.run_until_complete(given) if asyncio.iscoroutine(given) else given

    def end(self) -> None:
        self._loop.run_until_complete(self._exchange.close())
        self._loop.close()


@contextmanager
def user(server: Server, user_id: str, *, is_async: bool = False, token_of: str | None = None) -> Iterator[Any]:
    """Signed in as a user, with the own token unless another's is named."""
    config = {"apiKey": user_id, "secret": server.token(token_of or user_id), "hostname": server.http}
    if not is_async:
        exchange = ccxt_bourse.bourse(config)
        yield exchange
        exchange.session.close()
        return
    awaited = Awaited(async_support.bourse(config | {"timeout_on_exit": 0}))
    try:
        yield awaited
    finally:
        awaited.end()


def until(ask: Callable[[], Any], is_so: Callable[[Any], Any]) -> Any:
    """What is told a moment after it happened (bars, trades): asked for until it is there."""
    deadline = time.monotonic() + PATIENCE
    while not is_so(found := ask()):
        assert time.monotonic() < deadline, f"it did not come; there is {found}"
        time.sleep(0.02)
    return found
