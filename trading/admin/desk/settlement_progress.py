"""A settlement that was asked for: who asked, whether it waits, is being done or is done, and what came of it.

The engine does it in one commit, whole or not at all, so there is nothing in between that could be counted.
"""

from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.admin import engine_requests
from trading.admin.columns import amount_text, day_text, time_text
from trading.admin.confirmations import counted
from trading.admin.desk.page import Page, address, show
from trading.admin.engine_requests import present_market
from trading.admin.office.home import Cell
from trading.core.commands import Settle
from trading.core.types import Phase, stored_name
from trading.models import AT_RISK, IN_DEBT, Account, Instrument, OperatorCommand, SettlementPrice, Statement
from trading.operators import requests

Status = OperatorCommand.Status
UNDER_WAY = (Status.HELD, Status.PENDING)


class Step(NamedTuple):
    """`look`: `done`, `now`, `bad`, or nothing where it is yet to come."""

    look: str
    text: str


def under_way() -> OperatorCommand | None:
    """The settlement that waits or is being done, if there is one."""
    found = OperatorCommand.objects.filter(market=present_market(), kind=stored_name(Settle), status__in=UNDER_WAY)
    return found.first()


def view(request: HttpRequest, number: int) -> HttpResponseBase:
    """The page asks for what there is to tell, as JSON, until the settlement is over."""
    found = OperatorCommand.objects.filter(market=present_market(), kind=stored_name(Settle))
    row = requests.wait(get_object_or_404(found.select_related("asked_by"), pk=number), timeout=0)
    told = progress(row)
    if request.GET.get("json"):
        return JsonResponse(told)
    title = _("Settlement of trading day {day}").format(day=day_text(row.payload["day"]))
    return show(request, "market/settlement", title, told=told)


def progress(row: OperatorCommand) -> dict[str, Any]:
    """Whether it is `running`, the `steps`, and when it is over `notes` (text, address) and `tables` as the home page
    has them."""
    notes: list[tuple[str, str]] = []
    if row.status == Status.HELD:
        notes = [(_("Approvals"), address("approvals"))]
    elif row.status == Status.REFUSED:
        notes = [(_("Begin again"), address("settle"))]
    elif row.status == Status.DONE:
        notes = _result(row)
    return {
        "running": row.status in UNDER_WAY,
        "steps": steps(row),
        "notes": notes,
        "tables": [_prices(row)] if row.status == Status.DONE else [],
    }


def steps(row: OperatorCommand) -> list[Step]:
    """What is over, what is just now, and what is to come."""
    who = row.asked_by.username if row.asked_by is not None else _("the schedule")
    asked = Step("done", _("Asked for by {user} at {time}.").format(user=who, time=time_text(row.asked_at)))
    told = _("Accounts, statements and prices are stored in one commit, and everybody is told.")
    match row.status:
        case Status.HELD:
            return [asked, Step("now", _("It waits for the approval of another person.")), Step("", told)]
        case Status.REFUSED:
            return [asked, Step("bad", engine_requests.refusal(row))]
        case Status.DONE:
            return [asked, Step("done", _("The engine has settled the day.")), Step("done", told)]
    return [asked, _in_hand(row), Step("", told)]


def _in_hand(row: OperatorCommand) -> Step:
    """It was asked for, and is not done."""
    if not requests.engine_runs(row.market_id):
        return Step("bad", _("No engine runs. The settlement is kept, and done when one starts."))
    accounts = Account.objects.filter(market=row.market_id).count()
    instruments = Instrument.objects.filter(market=row.market_id).exclude(phase=Phase.DELISTED).count()
    seconds = int((timezone.now() - row.asked_at).total_seconds())
    return Step(
        "now",
        _(
            "The engine settles {accounts} in {instruments}, for {seconds} s now. Nothing else is done meanwhile."
        ).format(
            accounts=counted(accounts, "account"),
            instruments=counted(instruments, "instrument"),
            seconds=f"{max(seconds, 0):,}",
        ),
    )


def _result(row: OperatorCommand) -> list[tuple[str, str]]:
    """What the tables say of the day that was settled; debts and warnings are those of now."""
    market, day = row.market_id, row.payload["day"]
    accounts = Account.objects.filter(market=market)
    statements = Statement.objects.filter(day=day, account__market=market).count()
    over = _("Settled {day}; {next_day} has begun.")
    troubled = _("Accounts in debt now: {debts}; warned or liquidated now: {risks}.")
    return [
        (over.format(day=day_text(day), next_day=day_text(row.payload["next_day"])), ""),
        (_("Statements as a file: {count}").format(count=f"{statements:,}"), address("statements_day", day)),
        (
            troubled.format(
                debts=f"{accounts.filter(IN_DEBT).count():,}", risks=f"{accounts.filter(AT_RISK).count():,}"
            ),
            address("risk"),
        ),
    ]


def _prices(row: OperatorCommand) -> dict[str, Any]:
    found = SettlementPrice.objects.filter(day=row.payload["day"], instrument__market=row.market_id)
    lines = [
        [Cell(each.instrument_id), Cell(amount_text(each.price), "n"), Cell(_("Delisted") if each.delisted else "")]
        for each in found.order_by("instrument_id")
    ]
    heads = [Cell(_("Instrument")), Cell(_("Price"), "n"), Cell("")]
    return {"title": _("Settlement prices"), "heads": heads, "rows": lines, "empty": _("None")}


PAGES = [Page("settlement", "settle/<int:number>/", ("settle_market",), view)]
