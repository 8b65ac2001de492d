"""What an engine tells of its market to whoever watches, in this process or in another one."""

from typing import NamedTuple

import msgspec

from trading.core.types import Phase
from trading.worker.worker import Worker


class MarketFigures(msgspec.Struct, frozen=True):
    """`batch`: number of the last commit; `phases`: instruments in each."""

    batch: int
    trading_day: int
    orders_live: int
    phases: dict[str, int]

    @classmethod
    def of(cls, worker: Worker) -> "MarketFigures":
        """As the engine has it now."""
        state = worker.engine.state
        phases = dict.fromkeys((phase.value for phase in Phase), 0)
        for instrument in state.instruments.values():
            phases[instrument.phase.value] += 1
        live = sum(len(account.orders) for account in state.accounts.values())
        return cls(worker.number, state.day.trading_day, live, phases)


class MarketNow(NamedTuple):
    """One of several markets of a server: why it takes no orders (None: it does), commands that wait for its engine,
    and its figures (None: its engine is not heard)."""

    market: str
    closed_because: str | None
    waiting: int
    figures: MarketFigures | None
