"""The operators' door: the admin, the page and the schedule ask here, the engine does it wherever it runs.

A command is a row of `OperatorCommand`; its effect and its result become durable in one commit, so it is done exactly
once. Whoever asks here only waits. Being the engine where none runs is for shell commands (`inline_engine.py`).
"""

import time
import uuid

import msgspec
from django.db import IntegrityError, transaction

from trading.core.commands import AdminCommand
from trading.core.types import stored_name
from trading.models import Market, OperatorCommand, User
from trading.storage.engine_lock import engine_lock

POLL_SECONDS = 0.05
"""How often a waiting operator looks for the result."""


def ask(
    command: AdminCommand, *, market: str, asked_by: User | None = None, key: str | None = None, reason: str = ""
) -> OperatorCommand:
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
                reason=reason,
            )
    except IntegrityError:
        return OperatorCommand.objects.get(key=key)


CONFIRMED = "confirmed"
"""The field of a command that says only that the rest of it is meant."""


def is_of(row: OperatorCommand, command: AdminCommand) -> bool:
    """Whether a row asks for just this, confirmed or not; a key that was used before gives an earlier row back."""
    asked = msgspec.to_builtins(command)
    return row.kind == stored_name(command) and {**row.payload, CONFIRMED: None} == {**asked, CONFIRMED: None}


def engine_runs(market: str) -> bool:
    """Whether any process runs the market's engine, or is just starting it."""
    return engine_lock(market).taken()


def wait(row: OperatorCommand, *, timeout: float = 5.0) -> OperatorCommand:
    """The row when it is finished, or as it is after `timeout` seconds; where no engine runs, as it is now."""
    deadline = time.monotonic() + timeout
    row.refresh_from_db()
    while row.status == OperatorCommand.Status.PENDING and time.monotonic() < deadline and engine_runs(row.market_id):
        time.sleep(POLL_SECONDS)
        row.refresh_from_db()
    return row


def carry_out(
    command: AdminCommand, *, market: str, asked_by: User | None = None, key: str | None = None
) -> OperatorCommand:
    """Ask, and wait for the result."""
    return wait(ask(command, market=market, asked_by=asked_by, key=key))
