"""The money of accounts while the market moves: told to those who listen, now and then, and to nobody else.

An account whose orders, trades or money change is told so with each batch (`push_encoder.py`). What a price alone has
done is no news of the account: it is not numbered, not kept, and a later frame has all that an earlier one told.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Protocol

from trading import protocol
from trading.core.engine import Engine
from trading.delivery.channel_groups import market_message, portfolio_group
from trading.worker.batch import Batch


class Layer(Protocol):
    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...

    async def listened(self, groups: Collection[str]) -> Collection[str]:
        """Those of the groups in which somebody is."""


class Portfolios:
    """Listens to the worker. Holders of what has moved are told at most once in `interval` seconds. `in_step`: whether
    all that the engine has done is stored; only that is told. `run` is to be kept going."""

    def __init__(self, layer: Layer, interval: float, in_step: Callable[[], bool]) -> None:
        self._layer = layer
        self._interval = interval
        self._in_step = in_step
        self._engine = Engine()
        self._time = 0
        self._marks: dict[str, int] = {}
        self._moved: set[str] = set()
        self._overdue = False

    def on_load(self, engine: Engine, time: int) -> None:
        self._engine, self._time = engine, time
        for name, instrument in engine.state.instruments.items():
            self._see(name, instrument.mark.lot_value)

    async def on_batch(self, batch: Batch) -> None:
        self._time = batch.time
        for name, instrument in batch.changes.instruments.items():
            self._see(name, instrument.mark.lot_value)
        if self._overdue and self._in_step():
            await self._tell()

    def _see(self, name: str, lot_value: int) -> None:
        if self._marks.get(name) != lot_value:
            self._marks[name] = lot_value
            self._moved.add(name)

    async def run(self) -> None:
        """Tell what has moved, until cancelled. While a batch is on its way that waits for the end of it."""
        while True:
            await asyncio.sleep(self._interval)
            if self._moved and self._in_step():
                await self._tell()
            else:
                self._overdue = bool(self._moved)

    async def _tell(self) -> None:
        """All figures are taken at once: the engine goes on while somebody finds out who listens."""
        state, time = self._engine.state, self._time
        holders = {number for name in self._moved for number in state.instruments[name].holders}
        accounts = [state.accounts[number] for number in holders]
        figures = {portfolio_group(account.user_id): account.figures() for account in accounts}
        self._moved.clear()
        self._overdue = False
        for group in await self._layer.listened(figures) if figures else ():
            frame = protocol.encode(protocol.portfolio(figures[group], time))
            await self._layer.group_send(group, market_message(group, [frame]))
