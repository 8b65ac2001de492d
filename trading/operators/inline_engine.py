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
from trading.storage.store import Store
from trading.transport.in_process import InProcessQueue
from trading.worker.worker import Worker


def carry_out(command: AdminCommand, *, market: str, key: str | None = None) -> OperatorCommand:
    """Ask, see that an engine takes it, and wait for the result."""
    return wait(requests.ask(command, market=market, key=key))


def wait(row: OperatorCommand, *, timeout: float = 5.0) -> OperatorCommand:
    """The row when it is finished, or as it is after `timeout` seconds. Where no engine runs, be it."""
    deadline = time.monotonic() + timeout
    row.refresh_from_db()
    while row.status == OperatorCommand.Status.PENDING and time.monotonic() < deadline:
        if not run_engine_inline(row.market_id):
            time.sleep(requests.POLL_SECONDS)
        row.refresh_from_db()
    return row


def run_engine_inline(market: str) -> bool:
    """If no engine runs, be it until all that operators have asked is done. True if that was so."""
    return not requests.engine_runs(market) and asyncio.run(_serve_pending(market))


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
