"""Who is at risk, what is held and by whom, what would be if prices moved; positions of others are closed."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Case, Count, ExpressionWrapper, F, FloatField, Max, Sum, Value, When
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _

from trading.admin import confirmations
from trading.admin.accounts import liquidation_tool
from trading.admin.columns import amount_text, ratio_text
from trading.admin.desk.funds import account_at
from trading.admin.desk.page import Page, ReasonForm, address, ask_first, carry_out, show
from trading.admin.engine_requests import present_market
from trading.admin.forms.fields import NumberField
from trading.admin.office.standing import figures_of, give_figures, is_spared, standing_text
from trading.core.commands import CheckRisk, ForceClose, StopLiquidation
from trading.core.money import RATE
from trading.core.types import Offset, Phase
from trading.models import IS_HELD, IS_LIVE, Account, Instrument, OperatorCommand, Order, Position
from trading.operators import what_if
from trading.reads import holdings

MOST_ACCOUNTS = 50
MOST_NAMED = 100
"""Accounts of each kind that an answer names; of the others only the number."""


def risk_settings() -> CheckRisk:
    """The watch over risk as the settings have it."""
    return CheckRisk(int(settings.RISK_WARN * RATE), int(settings.RISK_LIMIT * RATE))


# --- as it is


def view(request: HttpRequest) -> HttpResponseBase:
    rows = riskiest()
    give_figures(rows)
    accounts = [
        (
            row.user_id,
            ratio_text(row.margin, figures_of(row).balance),
            amount_text(figures_of(row).balance),
            amount_text(row.margin),
            standing_text(row) or "-",
            address("close_position", row.pk),
            *_liquidation_link(row),
        )
        for row in rows
    ]
    return show(request, "market/risk", _("Risk"), accounts=accounts, exposure=exposure(), most=MOST_ACCOUNTS)


def _liquidation_link(row: Account) -> tuple[str, str]:
    name, label, _needed = liquidation_tool(row)
    return address(name, row.pk), label


def riskiest() -> list[Account]:
    """The accounts with the highest risk ratio. The database finds the order; what is shown the core computes."""
    lots = F("position__long_today") + F("position__long_his") - F("position__short_today") - F("position__short_his")
    cost = (
        F("position__long_today_cost")
        + F("position__long_his_cost")
        - F("position__short_today_cost")
        - F("position__short_his_cost")
    )
    worth = lots * F("position__instrument__mark_price") * F("position__instrument__multiplier") - cost
    booked = F("pre_balance") + F("deposits") - F("withdrawals") + F("close_profit") - F("commission")
    rows = Account.objects.filter(market=present_market(), margin__gt=0).annotate(
        balance=booked + Sum(worth, default=0)
    )
    ratio = ExpressionWrapper(Cast("margin", FloatField()) / F("balance"), output_field=FloatField())
    ratio_or_most = Case(When(balance__gt=0, then=ratio), default=Value(1e18), output_field=FloatField())
    return list(rows.annotate(ratio=ratio_or_most).order_by("-ratio", "pk")[:MOST_ACCOUNTS])


def exposure() -> list[dict[str, Any]]:
    """What is held in each instrument: lots (long and short are the same number), what they are worth, by how many
    accounts, and the share of the largest holder of each side."""
    long, short = F("long_today") + F("long_his"), F("short_today") + F("short_his")
    rows = (
        Position.objects.filter(IS_HELD, account__market=present_market())
        .values("instrument_id", "instrument__mark_price", "instrument__multiplier")
        .annotate(lots=Sum(long), holders=Count("pk"), most_long=Max(long), most_short=Max(short))
        .order_by("instrument_id")
    )
    return [
        {
            "instrument": row["instrument_id"],
            "lots": row["lots"],
            "value": amount_text(row["lots"] * (row["instrument__mark_price"] or 0) * row["instrument__multiplier"]),
            "holders": row["holders"],
            "long": f"{row['most_long'] / row['lots']:.0%}" if row["lots"] else "-",
            "short": f"{row['most_short'] / row['lots']:.0%}" if row["lots"] else "-",
        }
        for row in rows
    ]


# --- as it would be


class WhatIfForm(forms.Form):
    instrument = forms.ChoiceField(choices=lambda: [("", _("All instruments")), *_listed()], required=False)
    percent = NumberField(
        label="Moves by, in per cent", min_value=-99, max_value=1000, help_text="Down is negative: -10."
    )


def _listed() -> list[tuple[str, str]]:
    names = Instrument.objects.filter(market=present_market()).exclude(phase=Phase.DELISTED)
    return [(name, name) for name in names.values_list("pk", flat=True)]


def what_if_view(request: HttpRequest) -> HttpResponseBase:
    """Asks an engine of its own, with the rules of the core; changes nothing, so it may be asked by an address."""
    form = WhatIfForm(request.GET or None)
    if not form.is_valid():
        return show(request, "market/what_if", _("What if"), form=form)
    data = form.cleaned_data
    names = [data["instrument"]] if data["instrument"] else [name for name, _label in _listed()]
    prices = what_if.prices_moved(present_market(), dict.fromkeys(names, float(data["percent"]) / 100))
    outcome = what_if.if_prices_were(present_market(), prices, risk_settings())
    shown = [(name, amount_text(price)) for name, price in sorted(prices.items())]
    return show(request, "market/what_if", _("What if"), form=form, prices=shown, outcome=told(outcome), asked=True)


def told(outcome: what_if.Outcome) -> list[tuple[str, int, list[tuple[str, str, str, str]]]]:
    """An outcome as a page says it: a title, how many, and the first of them."""
    kinds = (("Warned", outcome.warned), ("Liquidated", outcome.liquidated), ("In debt", outcome.in_debt))
    return [(title, len(found), [_line(each) for each in found[:MOST_NAMED]]) for title, found in kinds]


def _line(each: what_if.Standing) -> tuple[str, str, str, str]:
    return each.user_id, amount_text(each.balance), amount_text(each.margin), ratio_text(each.margin, each.balance)


# --- closing


class CloseForm(ReasonForm):
    instrument = forms.CharField(max_length=64, required=False, help_text="Empty: all that the account holds.")
    field_order = ("instrument", "reason")

    def clean_instrument(self) -> str:
        name: str = self.cleaned_data["instrument"]
        if name and not Instrument.objects.filter(pk=name, market=present_market()).exists():
            raise ValidationError(_("There is no instrument {name}.").format(name=name))
        return name


def close_view(request: HttpRequest, number: int) -> HttpResponseBase:
    account = account_at(number)
    title, button = _("Close positions of {user}").format(user=account.user_id), _("Close them")
    form: Any = CloseForm(request.POST) if request.method == "POST" else CloseForm.fresh()
    held = _held(account.user_id, "")
    if request.method != "POST" or not form.is_valid():
        return show(request, "form", title, form=form, button=button, sentences=held)
    name = form.cleaned_data["instrument"]
    sentences = [
        _("Market orders of the exchange's own close it at the prices that others offer. It cannot be undone."),
        confirmations.about_accounts([account]),
        *_held(account.user_id, name),
    ]
    question = ask_first(request, title, button, sentences)
    if question is not None:
        return question
    commands = [ForceClose(account.user_id, name or None)]
    done = _("Closed what others took over from {user}.").format(user=account.user_id)
    if carry_out(request, form, commands, done=done, reason=form.cleaned_data["reason"]) is None:
        return show(request, "form", title, form=form, button=button, sentences=held)
    return HttpResponseRedirect(address("close_position", number))


def _held(user_id: str, instrument: str) -> list[str]:
    """A sentence for each position."""
    views = holdings.position_views(user_id=user_id, market=present_market(), instrument_id=instrument or None) or []
    return [
        _("{instrument}: {long} long, {short} short, profit {profit}.").format(
            instrument=view.position.instrument_id,
            long=view.position.long.lots,
            short=view.position.short.lots,
            profit=amount_text(view.position.profit),
        )
        for view in views
    ] or [_("Nothing is held.")]


# --- a liquidation is stopped


def stop_view(request: HttpRequest, number: int) -> HttpResponseBase:
    return _decide(request, account_at(number), stopped=True)


def go_on_view(request: HttpRequest, number: int) -> HttpResponseBase:
    return _decide(request, account_at(number), stopped=False)


def _decide(request: HttpRequest, account: Account, *, stopped: bool) -> HttpResponseBase:
    title = _("Stop the liquidation of {user}") if stopped else _("Let the liquidation of {user} go on")
    title, button = title.format(user=account.user_id), _("Stop it") if stopped else _("Let it go on")
    form: Any = ReasonForm(request.POST) if request.method == "POST" else ReasonForm.fresh()
    sentences = [_stands(account), *_consequences(account, stopped=stopped)]
    page = {"form": form, "button": button, "sentences": sentences}
    if request.method != "POST" or not form.is_valid():
        return show(request, "form", title, **page)
    question = ask_first(request, title, button, sentences)
    if question is not None:
        return question
    done = (
        _("The liquidation of {user} is stopped until the trading day ends.")
        if stopped
        else _("The liquidation of {user} may go on.")
    )
    commands = [StopLiquidation(account.user_id, stopped)]
    rows = carry_out(
        request, form, commands, done=done.format(user=account.user_id), reason=form.cleaned_data["reason"]
    )
    if rows is None:
        return show(request, "form", title, **page)
    is_done = rows[0].status == OperatorCommand.Status.DONE
    return HttpResponseRedirect(address("let_liquidate" if is_done is stopped else "stop_liquidation", account.pk))


def _stands(account: Account) -> str:
    """The money of an account, and what the exchange is doing to it. (The orders of a liquidation are done at once, so
    one is alive only inside of the engine.)"""
    figures = figures_of(account)
    if is_spared(account):
        state = _("Its liquidation is stopped.")
    else:
        state = _("It is being liquidated.") if account.liquidating else _("It is not being liquidated.")
    forced = Order.objects.filter(IS_LIVE, account=account, forced=True).count()
    numbers = _("Equity {balance}, margin {margin}, risk ratio {ratio}, forced orders alive: {forced}.").format(
        balance=amount_text(figures.balance),
        margin=amount_text(account.margin),
        ratio=ratio_text(figures.margin, figures.balance),
        forced=f"{forced:,}",
    )
    return f"{numbers} {state}"


def _consequences(account: Account, *, stopped: bool) -> list[str]:
    if not stopped:
        return [_("From now on it is liquidated again, at once if its risk ratio is at the limit.")]
    openings = Order.objects.filter(IS_LIVE, account=account, offset=Offset.OPEN.value).count()
    return [
        _("However much it loses, it is not liquidated until you let that go on, or the trading day is settled."),
        _("Meanwhile it opens nothing (1016) and pays nothing out (1012). Cancelled now: {orders}.").format(
            orders=confirmations.counted(openings, "live order")
        ),
    ]


PAGES = [
    Page("risk", "risk/", ("view_risk",), view, "Risk", "Accounts by risk ratio, exposure, concentration."),
    Page(
        "what_if",
        "what-if/",
        ("view_risk",),
        what_if_view,
        "What if",
        "A price moves: who is warned, liquidated, in debt.",
    ),
    Page("close_position", "accounts/<int:number>/close/", ("force_close",), close_view),
    Page("stop_liquidation", "accounts/<int:number>/stop-liquidation/", ("force_close",), stop_view),
    Page("let_liquidate", "accounts/<int:number>/let-liquidate/", ("force_close",), go_on_view),
]
