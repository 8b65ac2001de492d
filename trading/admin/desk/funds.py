"""Money in and out: a balance that is put right, many movements from a file, the ledger, statements."""

import re
from decimal import Decimal
from typing import Any, NamedTuple, cast

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from trading.admin import engine_requests, movements
from trading.admin.columns import amount_text
from trading.admin.confirmations import said_yes
from trading.admin.desk import files
from trading.admin.desk.page import Page, ReasonForm, address, ask_first, carry_out, show
from trading.admin.engine_requests import present_market
from trading.admin.forms.fields import plainly
from trading.core.commands import Deposit, Withdraw
from trading.core.money import MAX_MONEY, UNIT
from trading.models import Account
from trading.reads import holdings

COLUMNS = ("user", "amount")
AMOUNT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
"""Digits, with a sign and a point or without."""
MOST_LINES = 500
"""Of a file: a page with them can still be read, and is asked in one go."""


def booked(row: Account) -> int:
    """What the ledger of an account adds up to: its balance without unrealised profit."""
    return row.pre_balance + row.deposits - row.withdrawals + row.close_profit - row.commission


def movement(user_id: str, amount: int) -> Deposit | Withdraw:
    """Money into an account, or where it is negative out of it."""
    return Deposit(user_id, amount) if amount > 0 else Withdraw(user_id, -amount)


def units_of(text: str) -> int:
    """An amount as somebody wrote it, in 1/10,000. ValidationError where it is none. A comma may be a decimal sign or
    stand between thousands, and one wrong key makes 1e9 of 109: nobody guesses about money."""
    text = plainly(text)
    if "," in text:
        raise ValidationError(
            _("{text} has a comma: write decimals with a point, and nothing between thousands.").format(
                text=repr(text[:40])
            )
        )
    if not AMOUNT.fullmatch(text):
        raise ValidationError(_("{text} is no amount.").format(text=repr(text[:40])))
    amount = Decimal(text)
    if abs(amount) * UNIT > MAX_MONEY:
        raise ValidationError(_("{text} is no amount that an account can have.").format(text=repr(text[:40])))
    if amount * UNIT != int(amount * UNIT):
        raise ValidationError(_("{text} has more than four decimals.").format(text=repr(text[:40])))
    return int(amount * UNIT)


# --- a balance is put right


class CorrectForm(ReasonForm):
    user_id = forms.CharField(label="User id", max_length=64)
    balance = forms.CharField(label="Right balance", max_length=40, help_text="Without unrealised profit.")
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    field_order = ("user_id", "balance", "reason")

    def clean_balance(self) -> int:
        return units_of(self.cleaned_data["balance"])

    def clean_user_id(self) -> Account:
        row = Account.objects.filter(user_id=self.cleaned_data["user_id"], market=present_market()).first()
        if row is None:
            raise ValidationError(_("{name} has no account.").format(name=self.cleaned_data["user_id"]))
        return row


def correct_view(request: HttpRequest) -> HttpResponseBase:
    """The difference is deposited or withdrawn. What the operator saw is what is meant: where the balance has changed
    since, they are asked again."""
    form: Any = CorrectForm(request.POST) if request.method == "POST" else CorrectForm.fresh(**_given(request))
    title, button = _("Correct a balance"), _("Correct it")
    if request.method != "POST" or not form.is_valid():
        return show(request, "form", title, form=form, button=button)
    row, right = form.cleaned_data["user_id"], form.cleaned_data["balance"]
    present = booked(row)
    problem = _problem(form.cleaned_data["seen"], present, right)
    if problem:
        form = CorrectForm({**request.POST.dict(), "seen": ""})
        form.add_error(None, problem)
        return show(request, "form", title, form=form, button=button)
    command = _correction(row, right - present)
    try:
        foreseen = [] if said_yes(request) else movements.told(row, command)
    except ValidationError as error:
        form.add_error(None, error)
        return show(request, "form", title, form=form, button=button)
    posted = request.POST.copy()
    posted["seen"] = str(present)
    cast(Any, request).POST = posted
    sentences = [
        _("{user} has {present} without unrealised profit; that becomes {right}.").format(
            user=row.user_id, present=amount_text(present), right=amount_text(right)
        ),
        *foreseen,
        _("Reason: {reason}").format(reason=form.cleaned_data["reason"]),
    ]
    question = ask_first(request, title, button, sentences)
    if question is not None:
        return question
    return _correct(request, form, command)


def _problem(seen: str, present: int, right: int) -> str:
    """Why a balance is not put right now; nothing where it can be."""
    if seen and seen != str(present):
        return _("The balance has changed meanwhile, it is {amount} now. Look again.").format(
            amount=amount_text(present)
        )
    return "" if right != present else _("The balance is {amount} already.").format(amount=amount_text(present))


def _given(request: HttpRequest) -> dict[str, str]:
    return {"user_id": request.GET.get("user", "")[:64]}


def _correction(row: Account, difference: int) -> Deposit | Withdraw:
    return msgspec.structs.replace(movement(row.user_id, difference), correction=True)


def _correct(request: HttpRequest, form: Any, command: Deposit | Withdraw) -> HttpResponseBase:
    reason = f"Correction: {form.cleaned_data['reason']}"[:200]
    difference = command.amount if isinstance(command, Deposit) else -command.amount
    done = _("Corrected the balance of {user} by {amount}.").format(
        user=command.user_id, amount=amount_text(difference)
    )
    if carry_out(request, form, [command], done=done, reason=reason) is None:
        return show(request, "form", _("Correct a balance"), form=form, button=_("Correct it"))
    return HttpResponseRedirect(address("correct"))


# --- many from a file


class Line(NamedTuple):
    """A line of a file, and what it would do."""

    number: int
    user_id: str
    amount: int
    before: int | None
    problem: str = ""


class FundsFileForm(ReasonForm):
    file = forms.FileField(label="CSV file", required=False)
    rows = forms.CharField(
        label="or its lines",
        required=False,
        strip=False,
        max_length=200_000,
        widget=forms.Textarea({"rows": 8}),
        help_text=format_lazy(
            gettext_lazy("user id,amount: a negative amount is withdrawn. At most {count} lines."), count=MOST_LINES
        ),
    )
    field_order = ("file", "rows", "reason")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        text = data.get("rows") or files.text_of(data.get("file"))
        data["text"], data["lines"] = text, files.lines_of(text, MOST_LINES, columns=COLUMNS)
        return data


def file_view(request: HttpRequest) -> HttpResponseBase:
    """Shown line by line before anything moves; nothing moves while a line is wrong."""
    title, button = _("Money from a file"), _("See what it would do")
    form: Any = FundsFileForm(request.POST, request.FILES) if request.method == "POST" else FundsFileForm.fresh()
    if request.method != "POST" or not form.is_valid():
        return show(request, "form", title, form=form, button=button)
    lines = preview(form.cleaned_data["lines"], form.cleaned_data["text"])
    wrong = sum(bool(line.problem) for line in lines)
    commands = [movement(line.user_id, line.amount) for line in lines if not line.problem]
    if not wrong:
        engine_requests.allowed(request, *commands)
    if wrong or request.POST.get("post") != "yes":
        return show(
            request, "money/funds_file", title, form=form, lines=list(map(_shown, lines)), wrong=wrong, **_sums(lines)
        )
    if (
        carry_out(request, form, commands, done=_("Movements done: {count}."), reason=form.cleaned_data["reason"])
        is None
    ):
        return show(request, "form", title, form=form, button=button)
    return HttpResponseRedirect(address("funds_file"))


def preview(lines: list[list[str]], sent: str) -> list[Line]:
    """What each line would do, one after the other. `sent`: the text that they were read from."""
    names = {line[0] for line in lines}
    rows = list(Account.objects.filter(market=present_market(), user_id__in=names))
    figures = holdings.account_figures(accounts=rows)
    known = {row.user_id: row for row in rows}
    moved: dict[str, int] = {}
    found = []
    for number, cells in enumerate(lines, 1):
        line = _read(number, cells, known, moved) if len(cells) == 2 else _misread(number, cells, sent)
        if not line.problem and line.amount < 0:
            row = known[line.user_id]
            free = figures[row.pk].withdrawable + moved.get(line.user_id, 0)
            line = line._replace(problem=_why_not(row, free, -line.amount))
        if not line.problem:
            moved[line.user_id] = moved.get(line.user_id, 0) + line.amount
        found.append(line)
    return found


def _misread(number: int, cells: list[str], sent: str) -> Line:
    return Line(number, cells[0], 0, None, f"{_('A line has a user id and an amount.')} {files.otherwise(cells, sent)}")


def _read(number: int, cells: list[str], known: dict[str, Account], moved: dict[str, int]) -> Line:
    row = known.get(cells[0])
    before = None if row is None else booked(row) + moved.get(cells[0], 0)
    try:
        amount = units_of(cells[1])
    except ValidationError as error:
        return Line(number, cells[0], 0, before, error.messages[0])
    problem = "" if amount else _("An amount of nothing.")
    return Line(
        number, cells[0], amount, before, _("{name} has no account.").format(name=cells[0]) if row is None else problem
    )


def _why_not(row: Account, free: int, amount: int) -> str:
    """What the engine would say to a withdrawal, as far as it can be foreseen; it has the last word."""
    if row.frozen or row.liquidating:
        return _("The account takes no withdrawals now.")
    return _("Only {amount} can be withdrawn.").format(amount=amount_text(free)) if amount > free else ""


def _shown(line: Line) -> dict[str, Any]:
    return {
        "number": line.number,
        "user_id": line.user_id,
        "amount": amount_text(line.amount),
        "before": "-" if line.before is None else amount_text(line.before),
        "after": "-" if line.before is None else amount_text(line.before + line.amount),
        "problem": line.problem,
    }


def _sums(lines: list[Line]) -> dict[str, str]:
    amounts = [line.amount for line in lines if not line.problem]
    return {
        "paid_in": amount_text(sum(amount for amount in amounts if amount > 0)),
        "paid_out": amount_text(-sum(amount for amount in amounts if amount < 0)),
    }


def account_at(number: int) -> Account:
    """An account of the present market, or 404."""
    return get_object_or_404(Account, pk=number, market=present_market())


PAGES = [
    Page(
        *("correct", "funds/correct/", ("correct_balance",), correct_view),
        *("Correct a balance", "The difference is deposited or withdrawn, with a reason."),
    ),
    Page(
        *("funds_file", "funds/file/", ("deposit_funds",), file_view),
        *("Money from a file", "Deposits and withdrawals as CSV, shown before anything moves."),
    ),
]
