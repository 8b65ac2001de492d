"""The operators' door: the admin, the page and the schedule ask here, the engine does it wherever it runs.

A command is a row of `OperatorCommand`; its effect and its result become durable in one commit, so it is done exactly
once. Whoever asks here only waits. Being the engine where none runs is for shell commands (`inline_engine.py`).
"""

import time
import uuid
from datetime import timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from trading.core.commands import AdminCommand
from trading.core.types import stored_name
from trading.models import Market, OperatorCommand, User
from trading.operators.authority import approvals, audit
from trading.storage.engine_lock import engine_lock

POLL_SECONDS = 0.05
"""How often a waiting operator looks for the result."""
BACK_SECONDS = 2.0
"""An engine that has been away for longer does not just connect again."""


def ask(
    command: AdminCommand,
    *,
    market: str,
    asked_by: User | None = None,
    key: str | None = None,
    reason: str = "",
    address: str = "",
    hold: bool = False,
) -> OperatorCommand:
    """Put a command before the engine, or first before a second person; `hold`: before that one in any case. The same
    `key` again gives the first command back, whatever it was. `reason` and `address` are for the audit trail."""
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
                address=address,
                before=None if asked_by is None else audit.facts_about(command, market),
                **_held(command, asked_by, hold),
            )
    except IntegrityError:
        return OperatorCommand.objects.get(key=key)


def _held(command: AdminCommand, asked_by: User | None, hold: bool) -> dict[str, Any]:
    """Two questions of one operator are weighed one after the other."""
    if asked_by is not None and asked_by.is_staff:
        User.objects.select_for_update().get(pk=asked_by.pk)
    if not (hold or approvals.takes_two([command], asked_by)):
        return {}
    hours = timedelta(hours=settings.FOUR_EYES_HOURS)
    return {"status": OperatorCommand.Status.HELD, "expires_at": timezone.now() + hours}


CONFIRMED = "confirmed"
"""The field of a command that says only that the rest of it is meant."""


def is_of(row: OperatorCommand, command: AdminCommand) -> bool:
    """Whether a row asks for just this, confirmed or not; a key that was used before gives an earlier row back."""
    asked = msgspec.to_builtins(command)
    return row.kind == stored_name(command) and {**row.payload, CONFIRMED: None} == {**asked, CONFIRMED: None}


def engine_runs(market: str) -> bool:
    """Whether any process runs the market's engine, is just starting it, or stands by and will in a moment."""
    return engine_lock(market).awaited()


def wait(row: OperatorCommand, *, timeout: float = 5.0) -> OperatorCommand:
    """The row when it is finished, or as it is after `timeout` seconds; where no engine runs, as it is now. One
    that was there comes back: after a commit that failed it has no session, and so no lock, until it has connected
    again."""
    now = time.monotonic()
    deadline, seen = now + timeout, None
    row.refresh_from_db()
    while row.status == OperatorCommand.Status.PENDING and now < deadline:
        if engine_runs(row.market_id):
            seen = now
        elif seen is None or now - seen > BACK_SECONDS:
            break
        time.sleep(POLL_SECONDS)
        row.refresh_from_db()
        now = time.monotonic()
    _see_after(row)
    return row


def _see_after(row: OperatorCommand) -> None:
    """Keep what the command has made of what it is about."""
    if row.status == OperatorCommand.Status.DONE and row.before is not None and row.after is None:
        command = approvals.command_of(row)
        row.after = None if command is None else audit.facts_about(command, row.market_id)
        OperatorCommand.objects.filter(pk=row.pk, after__isnull=True).update(after=row.after)


def carry_out(
    command: AdminCommand,
    *,
    market: str,
    asked_by: User | None = None,
    key: str | None = None,
    reason: str = "",
    address: str = "",
) -> OperatorCommand:
    """Ask, and wait for the result."""
    return wait(ask(command, market=market, asked_by=asked_by, key=key, reason=reason, address=address))
