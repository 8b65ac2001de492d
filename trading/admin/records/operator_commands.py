"""What operators have asked for, and what came of it."""

import json
from typing import Any, get_args

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _

from trading import protocol
from trading.admin.base import GrowingAdmin
from trading.admin.columns import amount_text, date, day_text, moment, time_text
from trading.admin.office.refusals import result_text
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
from trading.core.types import stored_name
from trading.models import OperatorCommand, ScheduledCommand
from trading.operators.authority import approvals


def subject_of(row: OperatorCommand | ScheduledCommand) -> str:  # noqa: PLR0912  # a branch for each kind
    """Whom or what a command is about."""
    match approvals.command_of(row):
        case OpenAccount() | Deposit() | Withdraw() | FreezeAccount() | SetAccountRules() | ForceClose() as command:
            return command.user_id
        case SendTransfer() | ReceiveTransfer() | ReturnTransfer() as command:
            return command.transfer.user_id
        case ListInstrument() as command:
            return command.contract.instrument_id
        case ChangeTerms() | HaltInstrument() | ResumeInstrument() | SetInstrumentPhase() as command:
            return command.instrument_id
        case ForceCancelOrder() as command:
            return protocol.order_id_text(command.order_id)
        case SetFeeGroup() as command:
            return command.name
        case SetMarketPhase() as command:
            return _(command.phase.value)
        case ForceCancelAll() as command:
            return " ".join(filter(None, (command.user_id, command.instrument_id))) or _("everybody")
        case SetCloseOnly() as command:
            return f"{command.user_id or _('everybody')} ({_('on') if command.close_only else _('off')})"
        case StopLiquidation() as command:
            return f"{command.user_id} ({_('on') if command.stopped else _('off')})"
        case RefuseConnections() as command:
            return _("on") if command.refused else _("off")
        case BreakTrade() as command:
            return protocol.trade_id_text(command.trade_id)
        case Announce() as command:
            return command.user_id or _("everybody")
        case WithdrawAnnouncement() as command:
            return f"#{command.number}"
        case Settle() as command:
            return day_text(command.day)
        case None:
            return "-"


def kinds() -> list[tuple[str, str]]:
    """All that can be asked for, as choices."""
    return [(name, name) for name in sorted(map(stored_name, get_args(AdminCommand)))]


class KindFilter(admin.SimpleListFilter):
    """What can be asked for, whether it was or not."""

    title = parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, _(name)) for name, _same in kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(kind=self.value())


@admin.register(OperatorCommand)
class OperatorCommandAdmin(GrowingAdmin):
    list_display = ("id", "kind_text", "about", "amount_number", "asked_by", date("asked_at"), "status", "outcome")
    list_filter = ("status", KindFilter, "asked_at")
    list_select_related = ("asked_by",)
    search_fields = (
        "=payload__user_id",
        "=payload__instrument_id",
        "=payload__contract__instrument_id",
        "=asked_by__username",
    )
    search_help_text = "A user id or an instrument id it is about, or the operator who asked."
    sections = (
        (None, {"fields": ("kind_text", "about", "amount_number", "content", "key")}),
        ("Asked", {"fields": ("asked_by", date("asked_at"), "address", "why")}),
        ("Approval", {"fields": ("decision", "valid_until")}),
        ("Result", {"fields": ("status", "outcome", moment("finished_at", "finished"), "was", "became")}),
    )

    def heading(self, obj: Any) -> str:
        return f"{_(obj.kind)} #{obj.pk}"

    @admin.display(description="kind")
    def kind_text(self, row: OperatorCommand) -> str:
        return _(row.kind)

    @admin.display(description="about")
    def about(self, row: OperatorCommand) -> str:
        return subject_of(row)

    @admin.display(description="amount")
    def amount_number(self, row: OperatorCommand) -> str:
        command = approvals.command_of(row)
        if isinstance(command, SendTransfer | ReceiveTransfer | ReturnTransfer):
            return amount_text(command.transfer.amount)
        return amount_text(command.amount) if isinstance(command, Deposit | Withdraw) else "-"

    @admin.display(description="outcome")
    def outcome(self, row: OperatorCommand) -> str:
        return result_text(row)

    @admin.display(description="reason")
    def why(self, row: OperatorCommand) -> str:
        return row.reason or "-"

    @admin.display(description="approved or rejected")
    def decision(self, row: OperatorCommand) -> str:
        if row.decided_by is None or row.decided_at is None:
            return "-"
        return f"{row.decided_by.username}, {time_text(row.decided_at)}"

    @admin.display(description="waits until")
    def valid_until(self, row: OperatorCommand) -> str:
        return time_text(row.expires_at) if row.expires_at is not None else "-"

    @admin.display(description="before")
    def was(self, row: OperatorCommand) -> str:
        return _indented(row.before)

    @admin.display(description="after")
    def became(self, row: OperatorCommand) -> str:
        return _indented(row.after)

    @admin.display(description="as the engine gets it")
    def content(self, row: OperatorCommand) -> str:
        return _indented(row.payload)


def _indented(content: Any) -> str:
    if content is None:
        return "-"
    return format_html("<pre>{}</pre>", json.dumps(content, indent=2, ensure_ascii=False))
