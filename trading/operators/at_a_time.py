"""Commands that are to be asked at a time: put in a table, seen there, cancelled, and asked when their time has come by
the schedule, through the same door and in the name of whoever put them there. A command without a time is a draft.
"""

import logging
from datetime import datetime, timedelta

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from trading.core.commands import AdminCommand
from trading.core.types import stored_name
from trading.models import Market, OperatorCommand, ScheduledCommand, User
from trading.operators import requests
from trading.operators.authority import approvals
from trading.operators.authority.rights import may_ask

logger = logging.getLogger(__name__)

Status = ScheduledCommand.Status
LATEST = timedelta(hours=1)
"""After its time that a command is still asked: what was meant for yesterday's opening is not done today."""
TOO_LATE = "The server was away at that time, and it is more than an hour ago."
NO_RIGHT = "Whoever asked for it may not ask for it any more."
NOT_KNOWN = "This release does not know the command."
CHANGED = "It goes on as a draft with other values."
AT_A_TIME = "It is listed at a time."
IS_DRAFT = Q(at=None) & (
    Q(status=Status.WAITING) | Q(status=Status.ASKED, command__status=OperatorCommand.Status.REFUSED)
)
"""What was asked for and refused is a draft again."""


def put(
    command: AdminCommand,
    at: datetime | None,
    *,
    market: str,
    asked_by: User,
    key: str,
    reason: str = "",
    address: str = "",
) -> ScheduledCommand:
    """Keep a command until its time, or without one as a draft. The same `key` again gives the first one back, whatever
    it was."""
    Market.objects.get_or_create(code=market)
    try:
        with transaction.atomic():
            return ScheduledCommand.objects.create(
                market_id=market,
                at=at,
                kind=stored_name(command),
                payload=msgspec.to_builtins(command),
                key=key,
                reason=reason,
                address=address,
                asked_by=asked_by,
            )
    except IntegrityError:
        return ScheduledCommand.objects.get(key=key)


def cancel(row: ScheduledCommand, operator: User) -> bool:
    """False where its time had come, or somebody was quicker."""
    waiting = ScheduledCommand.objects.filter(pk=row.pk, status=Status.WAITING)
    return bool(waiting.update(status=Status.CANCELLED, cancelled_by=operator, decided_at=timezone.now()))


def drafts(market: str) -> QuerySet[ScheduledCommand]:
    """The newest first."""
    return ScheduledCommand.objects.filter(IS_DRAFT, market=market).select_related("asked_by", "command")


def close_draft(
    row: ScheduledCommand, operator: User, *, note: str = "", command: OperatorCommand | None = None
) -> bool:
    """Let a draft be none any more: it was asked for with a `command`, or else taken away. The row stays, with who and
    when. False where somebody was quicker."""
    found = ScheduledCommand.objects.filter(IS_DRAFT, pk=row.pk).values("pk")
    status = Status.CANCELLED if command is None else Status.ASKED
    closed = {"status": status, "note": note, "command": command, "decided_at": timezone.now()}
    by = operator if command is None else None
    return bool(ScheduledCommand.objects.filter(pk__in=found).update(**closed, cancelled_by=by))


def look(market: str, now: datetime) -> None:
    """Ask for all whose time has come, the earliest first. Each is asked once: its key in the table of commands is that
    of its row."""
    due = ScheduledCommand.objects.filter(market=market, status=Status.WAITING, at__lte=now)
    if not due.exists():  # nearly always, and less than half the work of reading none
        return
    for row in due.select_related("asked_by").order_by("at", "pk"):
        _ask(row, now)


def _ask(row: ScheduledCommand, now: datetime) -> None:
    with transaction.atomic():  # nobody cancels it meanwhile
        if not ScheduledCommand.objects.select_for_update().filter(pk=row.pk, status=Status.WAITING).exists():
            return
        row.status, row.decided_at = Status.NOT_ASKED, now
        command = approvals.command_of(row)
        if command is None:
            row.note = NOT_KNOWN
        elif row.at is None or now - row.at > LATEST:
            row.note = TOO_LATE
        elif not (row.asked_by.is_active and may_ask(row.asked_by, command)):
            row.note = NO_RIGHT
        else:
            row.status = Status.ASKED
            row.command = requests.ask(
                command,
                market=row.market_id,
                asked_by=row.asked_by,
                key=f"at:{row.pk}",
                reason=row.reason,
                address=row.address,
            )
        row.save(update_fields=["status", "decided_at", "note", "command"])
    if row.note:
        logger.error("the scheduled %s of %s was not asked: %s", row.kind, row.asked_by, row.note)
