"""One trade with both its sides; taken back, with what that does to both accounts in numbers before it is asked for."""

from typing import Any, cast

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from trading import protocol
from trading.admin import engine_requests
from trading.admin.columns import amount_text, local_time
from trading.admin.confirmations import counted, said_yes
from trading.admin.desk.page import Page, ReasonForm, address, ask_first, carry_out, show
from trading.admin.engine_requests import present_market
from trading.admin.office.refusals import answer_text
from trading.core.types import Offset
from trading.models import Trade, User
from trading.operators import trade_breaks, what_if
from trading.operators.authority.rights import may_ask
from trading.reads import holdings

NEEDS = ("view_trade",)


class BreakForm(ReasonForm):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, help_text=gettext_lazy("Kept in the audit."))
    give_back_fees = forms.BooleanField(label=gettext_lazy("Give the commission back"), required=False, initial=True)
    field_order = ("reason", "give_back_fees")


def one_view(request: HttpRequest, number: int) -> HttpResponse:
    """What it was, and for whoever may, the form that takes it back, or why that cannot be."""
    found = trade_breaks.sides(number, present_market())
    if found is None:
        raise Http404(_("There is no such trade in the tables: perhaps its day is in the archive."))
    buyer, seller = found
    command = trade_breaks.command(buyer, seller, give_back_fees=True)
    name = protocol.trade_id_text(number)
    broken, may = trade_breaks.is_broken(number), may_ask(cast(User, request.user), command)
    foreseen = what_if.if_broken(present_market(), command) if may and not broken else None
    form: Any = BreakForm(request.POST) if request.method == "POST" else BreakForm.fresh()
    if request.method == "POST":
        engine_requests.allowed(request, command)
        if form.is_valid():
            response = _break(request, form, buyer, seller)
            if response is not None:
                return response
    return show(
        request,
        "orders/trade",
        _("Trade {name}").format(name=name),
        sides=[_side(row) for row in found],
        about=[buyer.instrument_id, amount_text(buyer.price), counted(buyer.volume, "lot"), local_time(buyer.time)],
        broken=broken,
        refused="" if foreseen is None or foreseen.refused is None else answer_text(foreseen.refused),
        warnings=[] if foreseen is None else _warnings(foreseen),
        **({} if foreseen is None or foreseen.refused is not None else {"form": form}),
    )


def _warnings(foreseen: what_if.Break) -> list[str]:
    """Whom it would leave in debt, or with less than their margins and orders need."""
    debt = _("{user} would be in debt: the balance would be {amount}.")
    short = _("{user} would be short of margin: {amount} would be available, and they may be liquidated.")
    return [
        debt.format(user=each.user_id, amount=amount_text(each.balance))
        if each.balance < 0
        else short.format(user=each.user_id, amount=amount_text(each.available))
        for each in foreseen.left
        if each.balance < 0 or each.available < 0
    ]


def _side(row: Trade) -> tuple[str, str, str, str, str, int, str]:
    return (
        row.account.user_id,
        _(row.direction),
        _(row.offset),
        amount_text(row.commission),
        amount_text(row.close_profit),
        row.order_id,
        protocol.order_id_text(row.order_id),
    )


def _break(request: HttpRequest, form: BreakForm, buyer: Trade, seller: Trade) -> HttpResponse | None:
    fees = form.cleaned_data["give_back_fees"]
    command = trade_breaks.command(buyer, seller, give_back_fees=fees)
    foreseen = what_if.if_broken(present_market(), command)
    if foreseen.refused is not None and not said_yes(request):
        form.add_error(None, answer_text(foreseen.refused))
        return None
    sentences = [
        *(_consequence(row, fees) for row in (buyer, seller)),
        *_warnings(foreseen),
        _("Both are told. It cannot be undone."),
        _("Reason: {reason}").format(reason=form.cleaned_data["reason"]),
    ]
    title, button = gettext_noop("Break the trade"), gettext_noop("Break it")
    question = ask_first(request, title, button, sentences)
    if question is not None:
        return question
    if carry_out(request, form, [command], done=_("The trade is broken."), reason=form.cleaned_data["reason"]) is None:
        return None
    return HttpResponseRedirect(address("trade", buyer.trade_id))


def _consequence(row: Trade, fees: bool) -> str:
    """What comes of it for one side."""
    opened = row.offset == Offset.OPEN.value
    sentence = (
        _("{user}: {lots} of {instrument} go; commission back: {commission}.")
        if opened
        else _("{user}: {lots} of {instrument} come back; undone profit: {profit}; commission back: {commission}.")
    )
    words = sentence.format(
        user=row.account.user_id,
        lots=counted(row.volume, "lot"),
        instrument=row.instrument_id,
        profit=amount_text(row.close_profit),
        commission=amount_text(row.commission if fees else 0),
    )
    view = holdings.account_view(user_id=row.account.user_id, market=row.account.market_id)
    assert view is not None, "a trade has two accounts"
    available = _("Available now: {amount}.").format(amount=amount_text(view.figures.available))
    return f"{words} {available}"


PAGES: list[Page] = [Page("trade", "trades/<int:number>/", NEEDS, one_view)]
