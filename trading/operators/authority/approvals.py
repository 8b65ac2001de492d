"""Four eyes: commands that wait until a second person has looked at them. A command is one row from the question to the
result; approving lets the engine take it, and nobody approves their own. Shell commands ask nobody.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import get_args

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import BigIntegerField, QuerySet, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone

from trading.core.commands import AdminCommand, Deposit, Withdraw
from trading.core.money import UNIT
from trading.core.types import stored_name
from trading.models import OperatorCommand, ScheduledCommand, User
from trading.operators.authority.rights import may, may_ask

DAY = timedelta(days=1)
Status = OperatorCommand.Status
MONEY = (stored_name(Deposit), stored_name(Withdraw))


def hold_settings() -> None:
    """No start with a second person for a command that there is not: nobody would ever be asked."""
    kinds = {stored_name(kind) for kind in get_args(AdminCommand)}
    if unknown := sorted(set(settings.FOUR_EYES_KINDS) - kinds):
        raise ImproperlyConfigured(
            f"FOUR_EYES_KINDS has no command {unknown[0]!r}; there are {', '.join(sorted(kinds))}"
        )
    try:
        most = Decimal(settings.FOUR_EYES_ABOVE)
    except InvalidOperation:
        most = Decimal("nan")
    if not (most.is_finite() and most >= 0):
        raise ImproperlyConfigured(f"FOUR_EYES_ABOVE must be an amount, 0 or more, not {settings.FOUR_EYES_ABOVE!r}")


def takes_two(commands: Sequence[AdminCommand], asked_by: User | None) -> bool:
    """Whether a second person must approve what somebody asks for at once: a kind of the setting, or money that with
    what they moved alone in the last 24 hours is more than the setting. (Counted so, splitting does not help.)"""
    if asked_by is None or not asked_by.is_staff:
        return False
    if any(stored_name(command) in settings.FOUR_EYES_KINDS for command in commands):
        return True
    amounts = sum(command.amount for command in commands if isinstance(command, Deposit | Withdraw))
    most = int(Decimal(settings.FOUR_EYES_ABOVE) * UNIT)
    return bool(most and amounts) and amounts + moved_alone(asked_by) > most


def moved_alone(operator: User) -> int:
    """What somebody has moved in the last 24 hours without a second person, in 1/10,000."""
    rows = OperatorCommand.objects.filter(
        asked_by=operator,
        asked_at__gt=timezone.now() - DAY,
        kind__in=MONEY,
        status__in=(Status.PENDING, Status.DONE),
        decided_by=None,
    )
    return int(rows.aggregate(sum=Sum(Cast(KT("payload__amount"), BigIntegerField())))["sum"] or 0)


def expire(market: str) -> int:
    """Refuse what nobody has approved in time; how many."""
    late = OperatorCommand.objects.filter(status=Status.HELD, market=market, expires_at__lte=timezone.now())
    return late.update(status=Status.REFUSED, result="Nobody approved it in time.")


def held(market: str) -> QuerySet[OperatorCommand]:
    """What waits for a second person, the oldest first."""
    rows = OperatorCommand.objects.filter(status=Status.HELD, market=market, expires_at__gt=timezone.now())
    return rows.select_related("asked_by").order_by("id")


def command_of(row: OperatorCommand | ScheduledCommand) -> AdminCommand | None:
    """What a row asks for; None when nobody can read it, as the engine will say too."""
    try:
        command: AdminCommand = msgspec.convert(row.payload, AdminCommand)
    except msgspec.ValidationError:
        return None
    return command


def why_not(row: OperatorCommand, operator: User) -> str | None:
    """Why somebody may not decide about a command; None where they may."""
    command = command_of(row)
    if row.asked_by_id == operator.pk:
        return "You asked for it yourself: another person must decide."
    if command is None or not may(operator, "approve_command") or not may_ask(operator, command):
        return "Only somebody who may do it themselves can decide about it."
    return None


def decide(row: OperatorCommand, operator: User, *, approve: bool, reason: str = "") -> bool:
    """Approve or reject a command that waits, once: False when it no longer waits. Ask `why_not` before."""
    waiting = OperatorCommand.objects.filter(pk=row.pk, status=Status.HELD, expires_at__gt=timezone.now())
    decided = {"decided_by": operator, "decided_at": timezone.now()}
    if approve:
        return bool(waiting.exclude(asked_by=operator).update(status=Status.PENDING, **decided))
    sentence = f"Rejected by {operator.username}" + (f": {reason}" if reason else ".")
    return bool(waiting.exclude(asked_by=operator).update(status=Status.REFUSED, result=sentence[:256], **decided))
