"""Which permission each command takes, and the roles that are ready made. Roles are code: every `migrate` sets them
anew, so nobody widens one; whoever needs another mixture makes a group of their own."""

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from django.contrib.auth.models import Group, Permission

from trading.core.commands import (
    AdminCommand,
    Announce,
    BreakTrade,
    ChangeTerms,
    Deposit,
    ForceCancelAll,
    ForceCancelOrder,
    ForceClose,
    FreezeAccount,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    ReceiveTransfer,
    RefuseConnections,
    ResumeInstrument,
    ReturnTransfer,
    SendTransfer,
    SetAccountRules,
    SetCloseOnly,
    SetFeeGroup,
    SetInstrumentPhase,
    SetMarketPhase,
    Settle,
    StopLiquidation,
    Withdraw,
    WithdrawAnnouncement,
)
from trading.models import User

APP = "trading"


def permissions_for(command: AdminCommand) -> tuple[str, ...]:  # noqa: PLR0912  # a branch for each kind
    """Codenames of permissions of which it takes one to ask for a command, and to approve it."""
    match command:
        case Deposit(correction=True) | Withdraw(correction=True):
            return ("correct_balance",)
        case Deposit():
            return ("deposit_funds",)
        case Withdraw() | SendTransfer():
            return ("withdraw_funds",)
        case ReceiveTransfer() | ReturnTransfer():
            return ("deposit_funds",)
        case FreezeAccount():
            return ("freeze_account",)
        case OpenAccount():
            return ("add_account",)
        case SetAccountRules():
            return ("change_account",)
        case ListInstrument():
            return ("add_instrument",)
        case HaltInstrument() | ResumeInstrument():
            return ("change_instrument", "use_emergency")
        case ForceCancelAll() | SetCloseOnly() | RefuseConnections():
            return ("use_emergency",)
        case ChangeTerms() | SetInstrumentPhase():
            return ("change_instrument",)
        case SetMarketPhase() | SetFeeGroup():
            return ("change_market",)
        case ForceCancelOrder():
            return ("change_order",)
        case ForceClose() | StopLiquidation():
            return ("force_close",)
        case BreakTrade():
            return ("break_trade",)
        case Announce() | WithdrawAnnouncement():
            return ("announce",)
        case Settle():
            return ("settle_market",)
    assert_never(command)


def may(user: User, *codenames: str) -> bool:
    """Whether a user has all of some permissions of ours."""
    return user.has_perms([f"{APP}.{name}" for name in codenames])


def may_ask(user: User, command: AdminCommand) -> bool:
    """Whether a user may ask for a command."""
    return any(may(user, codename) for codename in permissions_for(command))


# --- the roles

_SEEN = (
    *("accesstoken", "account", "holiday", "instrument", "ledgerentry", "market", "operatorcommand", "order"),
    *("position", "riskevent", "settlementprice", "statement", "trade", "tradingsession", "transfer", "user"),
)
_VIEW = frozenset(f"view_{model}" for model in _SEEN) | {"view_risk"}
_SCHEDULE = frozenset(
    f"{deed}_{model}" for deed in ("add", "change", "delete") for model in ("tradingsession", "holiday")
)
_SUPPORT = {"add_user", "change_user", "add_account", "add_accesstoken", "delete_accesstoken", "view_as", "announce"}
_RISK = {
    "use_emergency",
    "change_order",
    "change_instrument",
    "change_account",
    "freeze_account",
    "force_close",
    "announce",
    "break_trade",
    "approve_command",
}
_SETTLEMENT = {"settle_market", "change_market", "run_checks", "approve_command"}
_TREASURY = {"deposit_funds", "withdraw_funds", "correct_balance", "approve_command"}
_OFFICE = {"run_contest", "assign_roles", "end_session", "add_instrument", "delete_user"}

ROLES: Mapping[str, frozenset[str]] = {
    "Viewer": _VIEW,
    "Support": _VIEW | _SUPPORT,
    "Risk officer": _VIEW | _RISK,
    "Settlement officer": _VIEW | _SETTLEMENT | _SCHEDULE,
    "Treasurer": _VIEW | _TREASURY,
    "Administrator": _VIEW | _SUPPORT | _RISK | _SETTLEMENT | _SCHEDULE | _TREASURY | _OFFICE,
}
"""Names of groups, and the permissions of the trading app that they have."""


def ensure_roles(**_: Any) -> None:
    """See that every role is there and is as it is written above. Django calls it after `migrate`."""
    wanted = {name for codenames in ROLES.values() for name in codenames}
    known = Permission.objects.filter(content_type__app_label=APP, codename__in=wanted)
    numbers = dict(known.values_list("codename", "pk"))
    if len(numbers) < len(wanted):
        return  # half way through the migrations
    for name, codenames in ROLES.items():
        group, _made = Group.objects.get_or_create(name=name)
        group.permissions.set(numbers[codename] for codename in codenames)


def may_assign(operator: User, member: User, roles: Iterable[str]) -> str | None:
    """Why an operator may not give somebody these roles instead of the ones they have; None where they may. Nobody
    decides about themselves, about a superuser, or about more than they may do themselves."""
    if not may(operator, "assign_roles"):
        return "You may not give roles."
    if member.pk == operator.pk:
        return "Nobody decides about their own roles."
    if member.is_superuser and not operator.is_superuser:
        return "Only a superuser decides about a superuser."
    held = set(member.groups.filter(name__in=ROLES).values_list("name", flat=True))
    for name in held ^ set(roles):
        if not may(operator, *ROLES[name]):
            return f"{name} may do things that you may not."
    return None
