"""The emergency control: one page to stop the market, or a part of it, and to let it go on. Whatever is asked for is
asked about once, with what it will do in numbers and a reason; each thing has its opposite beside it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trading.access.office_address import office_of
from trading.admin import engine_requests
from trading.admin.confirmations import counted
from trading.admin.engine_requests import is_first, present_market
from trading.core.commands import (
    AdminCommand,
    ForceCancelAll,
    HaltInstrument,
    RefuseConnections,
    ResumeInstrument,
    SetCloseOnly,
)
from trading.core.types import Offset, Phase, Restrictions
from trading.models import IS_LIVE, Account, Instrument, Market, Order
from trading.reads import pulses
from trading.storage.mapping import restrictions_of

PERMISSION = "trading.use_emergency"
LONGEST_REASON = 200
LONGEST_NAME = 64


class Target(NamedTuple):
    """What an action is about: an account (None: all), an instrument (None: all)."""

    user_id: str | None = None
    instrument_id: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.user_id, self.instrument_id))) or _("the whole market")


class Action(NamedTuple):
    """A button: what it says, which fields beside it count, what it asks of the engine, what will happen in words."""

    label: str
    fields: tuple[str, ...]
    commands: Callable[[Target], Sequence[AdminCommand]]
    consequence: str
    numbers: Callable[[Target], str]


# --- what will happen, in numbers


def _orders(target: Target, **lookups: Any) -> Any:
    found = Order.objects.filter(IS_LIVE, account__market=present_market(), **lookups).order_by()
    if target.user_id is not None:
        found = found.filter(account__user_id=target.user_id)
    return found if target.instrument_id is None else found.filter(instrument=target.instrument_id)


def _live(target: Target, **lookups: Any) -> str:
    """Live orders have an index of their own."""
    orders = _orders(target, **lookups)
    accounts = orders.values("account").distinct().count()
    return _("{orders} of {accounts}.").format(
        orders=counted(orders.count(), "live order"), accounts=counted(accounts, "account")
    )


def _instruments(target: Target, *, halted: bool) -> list[str]:
    found = Instrument.objects.filter(market=present_market()).exclude(phase=Phase.DELISTED.value)
    found = found.filter(phase=Phase.HALTED.value) if halted else found.exclude(phase=Phase.HALTED.value)
    if target.instrument_id is not None:
        found = found.filter(pk=target.instrument_id)
    return list(found.values_list("pk", flat=True))


def _halting(target: Target) -> str:
    return f"{counted(len(_instruments(target, halted=False)), 'instrument')}: {_live(target)}"


def _resuming(target: Target) -> str:
    return f"{counted(len(_instruments(target, halted=True)), 'instrument')}: {_live(target)}"


def _opening(target: Target) -> str:
    return _live(target, offset=Offset.OPEN.value)


def _connected(target: Target) -> str:
    pulse = pulses.latest(market=present_market())
    number = pulse.present["connections"] if pulse is not None else 0
    return _("{count} are open.").format(count=counted(number, "connection"))


ACTIONS: dict[str, Action] = {
    "halt": Action(
        gettext_noop("Halt"),
        ("instrument",),
        lambda target: [HaltInstrument(name) for name in _instruments(target, halted=False)],
        gettext_noop("Only cancels are taken until trading is resumed. Live orders stay."),
        _halting,
    ),
    "resume": Action(
        gettext_noop("Resume"),
        ("instrument",),
        lambda target: [ResumeInstrument(name) for name in _instruments(target, halted=True)],
        gettext_noop("Each goes on in the phase that the schedule has."),
        _resuming,
    ),
    "cancel": Action(
        gettext_noop("Cancel all orders"),
        ("user", "instrument"),
        lambda target: [ForceCancelAll(target.user_id, target.instrument_id)],
        gettext_noop("They are cancelled, waiting ones too; their owners are told. New orders are taken."),
        _live,
    ),
    "close_only": Action(
        gettext_noop("Close only"),
        ("user",),
        lambda target: [SetCloseOnly(True, target.user_id)],
        gettext_noop("Orders that would open positions are refused (1016), and live ones are cancelled:"),
        _opening,
    ),
    "open_again": Action(
        gettext_noop("Let open again"),
        ("user",),
        lambda target: [SetCloseOnly(False, target.user_id)],
        gettext_noop("Positions may be opened again. What was cancelled stays cancelled."),
        _live,
    ),
    "refuse": Action(
        gettext_noop("Refuse new connections"),
        (),
        lambda target: [RefuseConnections(True)],
        gettext_noop("Whoever is connected stays; whoever loses the connection does not get in again."),
        _connected,
    ),
    "admit": Action(
        gettext_noop("Take new connections"),
        (),
        lambda target: [RefuseConnections(False)],
        gettext_noop("Everybody may connect again."),
        _connected,
    ),
}
ROWS = (
    (gettext_noop("Trading"), gettext_noop("Of one instrument, or empty: of all."), ("halt", "resume")),
    (gettext_noop("Orders"), gettext_noop("Of an account, an instrument, both; or empty: of everybody."), ("cancel",)),
    (
        gettext_noop("Close only"),
        gettext_noop("Of one account, or empty: of the whole market."),
        ("close_only", "open_again"),
    ),
    (gettext_noop("Connections"), gettext_noop("Of this market's servers."), ("refuse", "admit")),
)
"""What stands together on the page: a thing, what it is about, and the buttons."""
OF_VENUE = ("refuse", "admit")
"""A connection is to all markets at once, and the first of them decides whether new ones are taken."""


def _target(asked: QueryDict, fields: Sequence[str]) -> Target | str:
    """What an action is about, or what is wrong with it, in a sentence."""
    user = asked.get("user", "").strip() if "user" in fields else ""
    instrument = asked.get("instrument", "").strip() if "instrument" in fields else ""
    if user and not Account.objects.filter(user_id=user, market=present_market()).exists():
        return _("{name} has no account.").format(name=user[:LONGEST_NAME])
    if instrument and not Instrument.objects.filter(pk=instrument, market=present_market()).exists():
        return _("There is no instrument {name}.").format(name=instrument[:LONGEST_NAME])
    return Target(user or None, instrument or None)


def emergency_view(request: HttpRequest) -> HttpResponse:
    """Show the page; ask about what was pressed; do it once it was confirmed with a reason."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request)
    name = request.POST.get("action", "")
    if name not in ACTIONS:
        return _page(request, _("Choose what to do."))
    if name in OF_VENUE and not is_first(present_market()):
        return _page(request, _of_venue())
    target = _target(request.POST, ACTIONS[name].fields)
    if isinstance(target, str):
        return _page(request, target)
    if "confirmed" not in request.POST:
        return _question(request, name, target)
    reason = request.POST.get("reason", "").strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        return _question(
            request, name, target, _("Say why, in at most {count} characters.").format(count=LONGEST_REASON)
        )
    return _do(request, ACTIONS[name], target, reason)


def _do(request: HttpRequest, action: Action, target: Target, reason: str) -> HttpResponse:
    commands = action.commands(target)
    if commands:
        rows = engine_requests.ask_all(request, commands, reason=reason)
        done = _("{action}, {target}: done ({count}).")
        done = done.replace("{action}", _(action.label)).replace("{target}", str(target))
        engine_requests.tell_all(request, rows, done=done)
    else:
        messages.info(request, _("There was nothing to do."))
    return HttpResponseRedirect(reverse("admin:emergency"))


def _question(request: HttpRequest, name: str, target: Target, error: str = "") -> HttpResponse:
    action = ACTIONS[name]
    context = {
        **admin.site.each_context(request),
        "title": f"{_(action.label)}: {target}",
        "button": _(action.label),
        "sentences": [_(action.consequence), action.numbers(target)],
        "sent": [("action", name), ("user", target.user_id or ""), ("instrument", target.instrument_id or "")],
        "error": error,
        "longest": LONGEST_REASON,
    }
    return TemplateResponse(request, "admin/office/emergency_question.html", context)


def _page(request: HttpRequest, error: str = "") -> HttpResponse:
    row = Market.objects.filter(code=present_market()).first()
    off = restrictions_of(row.restrictions) if row is not None else Restrictions()
    context = {
        **admin.site.each_context(request),
        "title": _("Emergency"),
        "error": error,
        "rows": [
            (_(title), _(about), _fields(names), [(n, _(ACTIONS[n].label)) for n in names])
            for title, about, names in ROWS
            if is_first(present_market()) or names != OF_VENUE
        ],
        "of_venue": "" if is_first(present_market()) else _of_venue(),
        "venue": f"{office_of(settings.MARKET, settings.MARKET)}emergency/",
        "halted": _instruments(Target(), halted=True),
        "instruments": _instruments(Target(), halted=False),
        "close_only": off.close_only,
        "closing": list(Account.objects.filter(pk__in=off.closing).values_list("user_id", flat=True)[:50]),
        "no_connections": off.no_connections,
    }
    return TemplateResponse(request, "admin/office/emergency.html", context)


def _of_venue() -> str:
    """What is said in place of the buttons that are another market's."""
    sentence = _("A connection is to all markets. Whether new ones are taken is decided in the office of {market}.")
    return sentence.format(market=settings.MARKET)


def _fields(names: Sequence[str]) -> tuple[str, ...]:
    return ACTIONS[names[0]].fields
