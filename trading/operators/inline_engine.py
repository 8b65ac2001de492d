"""Where no engine runs (a fresh database, a stopped server), a shell command is the engine for as long as it takes. Not
where another process stands by: it would have to load what that one has in warm books.

For shell commands only: a thread that serves a request must never be the engine.
"""

import asyncio
import time

from django.conf import settings

from trading.core.commands import AdminCommand
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.push_encoder import PushEncoder, told_as
from trading.models import OperatorCommand
from trading.observability.counters import Counters
from trading.operators import requests
from trading.reads import pulses
from trading.storage.engine_lock import engine_lock
from trading.storage.store import Store
from trading.transport.in_process import InProcessQueue
from trading.worker.worker import Worker

AWAY_SECONDS = 600.0
"""So long after its last pulse an engine is looked for: its database may have been away as long."""


def carry_out(command: AdminCommand, *, market: str, key: str | None = None) -> OperatorCommand:
    """Ask, see that an engine takes it, and wait for the result."""
    return wait(requests.ask(command, market=market, key=key))


_was_engine: dict[str, float] = {}
"""When this process was a market's engine last (monotonic seconds)."""


def wait(row: OperatorCommand, *, timeout: float = 5.0) -> OperatorCommand:
    """The row when it is finished, or as it is after `timeout` seconds. Where no engine runs, be it. One that was there
    comes back: after its session has ended it has no lock until it has connected again, and what was done meanwhile
    would be told to nobody."""
    market, now = row.market_id, time.monotonic()
    deadline, seen = now + timeout, now if _may_come_back(market) else None
    row.refresh_from_db()
    while row.status == OperatorCommand.Status.PENDING and now < deadline:
        if requests.engine_runs(market):
            seen = now
        if (seen is not None and now - seen < requests.BACK_SECONDS) or not run_engine_inline(market):
            time.sleep(requests.POLL_SECONDS)
        row.refresh_from_db()
        now = time.monotonic()
    return row


def _may_come_back(market: str) -> bool:
    """Whether a server was the engine not long ago, and its lock is one that goes with a session."""
    ours = _was_engine.get(market)
    if not engine_lock(market).shared or (ours is not None and time.monotonic() - ours < requests.BACK_SECONDS):
        return False
    pulse = pulses.latest(market=market)
    return pulse is not None and time.time() - pulse.time / 1000 < AWAY_SECONDS


def run_engine_inline(market: str) -> bool:
    """If no engine runs, be it until all that operators have asked is done. True if that was so."""
    if requests.engine_runs(market) or not asyncio.run(_serve_pending(market)):
        return False
    _was_engine[market] = time.monotonic()
    return True


async def _serve_pending(market: str) -> bool:
    worker = Worker(
        queue=InProcessQueue(1),
        store=Store(market),
        pushes=PushEncoder(InProcessLayer(), told_as(market, settings.FURTHER_MARKETS)),
        listeners=[],
        clock=lambda: time.time_ns() // 1_000_000,
        counters=Counters(),
    )
    try:
        if not await worker.start():
            return False
        await worker.drain_operators()
        return True
    finally:
        await worker.close()
