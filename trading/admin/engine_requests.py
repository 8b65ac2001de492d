"""The admin's way to the engine: ask, wait, and say in words what came of it. Decides nothing about the market."""

from collections.abc import Sequence
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trading.access import office_address
from trading.admin.office.refusals import said
from trading.core.commands import AdminCommand, Settle
from trading.core.types import stored_name
from trading.models import OperatorCommand, User
from trading.operators import requests, settlement
from trading.operators.authority import approvals
from trading.operators.authority.rights import may_ask

MOST_SENTENCES = 5
"""Refusals that are told one by one; of the others only the number, or a page would be nothing but messages."""

USED_BEFORE = gettext_noop(
    "This form was sent before with other values; nothing was done now. Send it again if you mean it."
)
OTHER_SETTLEMENT = gettext_noop(
    "Trading day {day} was asked to be settled before, by command #{pk} ({status}); nothing was done now."
)
NO_ENGINE = gettext_noop(
    "No engine runs just now. Command #{pk} is kept and will be done when one starts: "
    "do not send it again, look at the operator commands."
)
WAITING = gettext_noop(
    "The engine has not answered yet. Command #{pk} is kept and will be done as soon as the engine takes it: "
    "do not send it again, look at the operator commands."
)


HELD = gettext_noop("Command #{pk} waits for the approval of another person; until then nothing is done.")


def present_market() -> str:
    """The market whose back office this is: the address says it, or it is the first one that a server here runs."""
    return office_address.asked() or str(settings.MARKET)


def is_first(market: str) -> bool:
    """Whether it is the market that speaks for all of the venue."""
    return market == str(settings.MARKET)


def ask(request: HttpRequest, command: AdminCommand, *, key: str | None = None, reason: str = "") -> OperatorCommand:
    """Ask as the user of the request and wait. A key is the operator's own: nobody can use another's. (A settlement has
    that of its day.)"""
    if isinstance(command, Settle):
        return requests.wait(ask_settlement(request, command, reason=reason))
    operator = allowed(request, command)
    address = client_address(request)
    own_key = None if key is None else f"admin:{operator.pk}:{key}"
    return requests.carry_out(
        command, market=present_market(), asked_by=operator, key=own_key, reason=reason, address=address
    )


def ask_settlement(request: HttpRequest, command: Settle, *, reason: str) -> OperatorCommand:
    """Ask for it as the user of the request, and do not wait: of many accounts it takes its time."""
    operator, address = allowed(request, command), client_address(request)
    return settlement.ask(command, market=present_market(), asked_by=operator, reason=reason, address=address)


def ask_all(
    request: HttpRequest, commands: Sequence[AdminCommand], *, key: str | None = None, reason: str = ""
) -> list[OperatorCommand]:
    """Ask for several things at once, and wait for all of them about as long as for one. Where a second person must
    approve, it is for all of them. With a `key`, sending them again does nothing again."""
    operator = allowed(request, *commands)
    hold = approvals.takes_two(commands, operator)
    address = client_address(request)
    keys = [None if key is None else f"admin:{operator.pk}:{key}:{number}" for number in range(len(commands))]
    rows = [
        requests.ask(
            command, market=present_market(), asked_by=operator, key=own, reason=reason, address=address, hold=hold
        )
        for command, own in zip(commands, keys, strict=True)
    ]
    late = False
    for row in rows:
        requests.wait(row, timeout=0.0) if late else requests.wait(row)
        late = row.status == OperatorCommand.Status.PENDING
    return rows


def allowed(request: HttpRequest, *commands: AdminCommand) -> User:
    """The operator, if they may ask for all of it: whatever a page shows, this is where it is refused."""
    operator = _operator(request)
    if not all(may_ask(operator, command) for command in commands):
        raise PermissionDenied
    return operator


def client_address(request: HttpRequest) -> str:
    """Where the operator asks from, as far as it is known."""
    return str(request.META.get("REMOTE_ADDR") or "")[:64]


def used_before(row: OperatorCommand) -> str:
    """What to say where a key gave an earlier row back, which asks for something else."""
    if row.kind == stored_name(Settle):
        return _(OTHER_SETTLEMENT).format(day=row.payload["day"], pk=row.pk, status=_(row.get_status_display()))
    return _(USED_BEFORE)


def refusal(row: OperatorCommand) -> str:
    """The engine's sentence and its code, or why nobody let it come so far."""
    if not row.code:
        return _("Refused: {reason}").format(reason=said(row.result))
    return _("Refused: {reason} (code {code}).").format(reason=said(row.result), code=row.code)


def tell(request: HttpRequest, row: OperatorCommand, *, done: str) -> None:
    """Show what came of one command."""
    match row.status:
        case OperatorCommand.Status.DONE:
            messages.success(request, done)
        case OperatorCommand.Status.REFUSED:
            messages.error(request, refusal(row))
        case OperatorCommand.Status.HELD:
            messages.warning(request, _(HELD).format(pk=row.pk))
        case _:
            sentence = WAITING if requests.engine_runs(row.market_id) else NO_ENGINE
            messages.warning(request, _(sentence).format(pk=row.pk))


def tell_all(request: HttpRequest, rows: Sequence[OperatorCommand], *, done: str) -> None:
    """Show what came of several: how many were done, and the first of those that were not. `done` has a `{count}`."""
    finished = [row for row in rows if row.status == OperatorCommand.Status.DONE]
    others = [row for row in rows if row.status != OperatorCommand.Status.DONE]
    if finished:
        messages.success(request, done.format(count=len(finished)))
    for row in others[:MOST_SENTENCES]:
        tell(request, row, done="")
    if len(others) > MOST_SENTENCES:
        messages.error(
            request,
            _("{count} more were not done; see the operator commands.").format(count=len(others) - MOST_SENTENCES),
        )


def _operator(request: HttpRequest) -> User:
    """Whoever passed the admin's door is a user."""
    return cast(User, request.user)
