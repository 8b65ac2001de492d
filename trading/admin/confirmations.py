"""The page between a button for many things and what it does: it says in numbers what will happen, and asks."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet, Sum
from django.forms.utils import pretty_name
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from trading.admin import engine_requests
from trading.core.commands import AdminCommand
from trading.models import IS_LIVE, Account, Instrument, Order
from trading.reads import holdings

YES = "post"
"""The field of a form that was asked about, as Django has it where it asks itself."""
MOST_ROWS = 500
"""That an action takes at once: a page with their names can still be read."""
NAMED = 20
"""Rows that are named; of the others only the number."""


def said_yes(request: HttpRequest) -> bool:
    """Whether the operator has seen the question."""
    return request.POST.get(YES) == "yes"


def ask(
    request: HttpRequest, model_admin: "ModelAdmin[Any]", *, title: str, button: str, sentences: Sequence[str]
) -> HttpResponse:
    """The page that asks; its form sends what was sent, and that it was asked about."""
    sent = [(name, value) for name, values in request.POST.lists() for value in values]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "button": button,
        "sentences": sentences,
        "sent": [(name, value) for name, value in sent if name != "csrfmiddlewaretoken"],
        "yes": YES,
    }
    return TemplateResponse(request, "admin/trading/confirm.html", context)


def carry_out(
    request: HttpRequest,
    model_admin: "ModelAdmin[Any]",
    rows: Sequence[Any],
    commands: Sequence[AdminCommand],
    *,
    question: str,
    sentences: Sequence[str],
    done: str,
) -> HttpResponse | None:
    """Ask the engine for something about each of the rows that were chosen in a list, once the operator has said yes.
    `done` has a `{count}`."""
    if too_many(request, rows):
        return None
    if not said_yes(request):
        return ask(request, model_admin, title=question, button=question, sentences=[*sentences, _names(rows)])
    engine_requests.tell_all(request, engine_requests.ask_all(request, commands), done=done)
    return None


def _names(rows: Sequence[Any]) -> str:
    names = ", ".join(map(str, rows[:NAMED]))
    if len(rows) <= NAMED:
        return _("Chosen: {names}.").format(names=names)
    return _("Chosen: {names} and {count} more.").format(names=names, count=len(rows) - NAMED)


def chosen(rows: QuerySet[Any]) -> list[Any]:
    """The rows that were chosen, up to one more than an action takes."""
    return list(rows[: MOST_ROWS + 1])


def too_many(request: HttpRequest, rows: Sequence[Any]) -> bool:
    """Whether more were chosen than an action takes; the operator is told."""
    if len(rows) <= MOST_ROWS:
        return False
    messages.error(request, _("Nothing was done: choose at most {count} at once.").format(count=MOST_ROWS))
    return True


# --- what will happen, in numbers


def counted(number: int, thing: str) -> str:
    """ "1 order", "2 orders". `thing` is a word of the catalogue, with `{count}` in front of it."""
    return ngettext(f"{{count}} {thing}", f"{{count}} {thing}s", number).format(count=f"{number:,}")


def about_accounts(rows: Sequence[Account]) -> str:
    """What the accounts have in the market."""
    orders = Order.objects.filter(IS_LIVE, account__in=rows).count()
    held = sum(bool(holdings.position_views(user_id=row.user_id, market=row.market_id)) for row in rows)
    return _("They have {orders}, and {held} of them hold positions.").format(
        orders=counted(orders, "live order"), held=f"{held:,}"
    )


def about_instruments(rows: Sequence[Instrument]) -> str:
    """What waits and rests in the instruments."""
    orders = Order.objects.filter(IS_LIVE, instrument__in=rows).order_by()
    accounts = orders.values("account").distinct().count()
    return _("They have {orders} of {accounts}.").format(
        orders=counted(orders.count(), "live order"), accounts=counted(accounts, "account")
    )


def about_orders(rows: Sequence[Order]) -> str:
    """What is left of the orders."""
    live = Order.objects.filter(IS_LIVE, pk__in=[row.pk for row in rows]).order_by()
    sums = live.aggregate(volume=Sum("volume"), filled=Sum("filled"))
    lots = (sums["volume"] or 0) - (sums["filled"] or 0)
    accounts = live.values("account").distinct().count()
    return _("{orders} of {accounts} with {lots} left.").format(
        orders=counted(live.count(), "live order"), accounts=counted(accounts, "account"), lots=counted(lots, "lot")
    )


def changes(form: forms.BaseForm, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """A sentence for each field whose value becomes another; both are as the form's fields have them. ValidationError
    where there is none: then nothing is to be asked."""
    found = [
        _("{name}: {before} becomes {after}.").format(
            name=_(str(field.label or pretty_name(name))),
            before=_value_text(field, before[name]),
            after=_value_text(field, after[name]),
        )
        for name, field in form.fields.items()
        if name in after and before[name] != after[name]
    ]
    if not found:
        raise ValidationError(_("Nothing is changed."))
    return found


def _value_text(field: forms.Field, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(field, forms.ChoiceField):
        return str(dict(field.choices).get(value, value)) or "-"  # type: ignore[arg-type]
    return "-" if value in (None, "") else f"{value:,}" if isinstance(value, int) else str(value)
