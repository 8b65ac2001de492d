"""The operators' door: the admin and the shell ask here, the engine does it wherever it runs.

A command is a row of `OperatorCommand`; its effect and its result become durable in one commit, so it is done exactly
once. Where no engine runs (a fresh database, a stopped server), the shell is the engine for as long as it takes.
"""

import asyncio
import time
import uuid

import msgspec
from django.db import IntegrityError, transaction

from trading.core.commands import AdminCommand
from trading.core.types import stored_name
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.push_encoder import PushEncoder
from trading.models import Market, OperatorCommand, User
from trading.observability.counters import Counters
from trading.storage.engine_lock import engine_lock
from trading.storage.store import Store
from trading.transport.in_process import InProcessQueue
from trading.worker.worker import Worker

POLL_SECONDS = 0.05
"""How often a waiting operator looks for the result."""


def ask(command: AdminCommand, *, market: str, asked_by: User | None = None, key: str | None = None) -> OperatorCommand:
    """Put a command before the engine. The same `key` again gives the first command back, whatever it was."""
    Market.objects.get_or_create(code=market)
    key = key or uuid.uuid4().hex
    try:
        with transaction.atomic():
            return OperatorCommand.objects.create(
                market_id=market,
                kind=stored_name(command),
                payload=msgspec.to_builtins(command),
                key=key,
                asked_by=asked_by,
            )
    except IntegrityError:
        return OperatorCommand.objects.get(key=key)


def wait(row: OperatorCommand, *, timeout: float = 5.0) -> OperatorCommand:
    """The row when it is finished, or as it is after `timeout` seconds. Where no engine runs, be it."""
    deadline = time.monotonic() + timeout
    row.refresh_from_db()
    while row.status == OperatorCommand.Status.PENDING and time.monotonic() < deadline:
        if not run_engine_inline(row.market_id):
            time.sleep(POLL_SECONDS)
        row.refresh_from_db()
    return row


def carry_out(
    command: AdminCommand, *, market: str, asked_by: User | None = None, key: str | None = None
) -> OperatorCommand:
    """Ask, see that an engine takes it, and wait for the result."""
    row = ask(command, market=market, asked_by=asked_by, key=key)
    return wait(row)


def run_engine_inline(market: str) -> bool:
    """If no engine runs, be it until all that operators have asked is done. True if that was so."""
    lock = engine_lock(market)
    if not lock.acquire():
        return False
    try:
        asyncio.run(_serve_pending(market))
    finally:
        lock.release()
    return True


async def _serve_pending(market: str) -> None:
    worker = Worker(
        queue=InProcessQueue(1),
        store=Store(market),
        pushes=PushEncoder(InProcessLayer()),
        listeners=[],
        clock=lambda: time.time_ns() // 1_000_000,
        counters=Counters(),
    )
    try:
        await worker.start()
        await worker.drain_operators()
    finally:
        await worker.close()
