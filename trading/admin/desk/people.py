"""Users with all that they need to begin: an account, funds, a token. One in a form, a class from a file; and what a
user sees."""

from datetime import timedelta
from typing import Any, NamedTuple, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from trading import protocol
from trading.admin import engine_requests
from trading.admin.columns import amount_text, day_text, local_time, ratio_text, time_text
from trading.admin.desk import files
from trading.admin.desk.funds import account_at, units_of
from trading.admin.desk.page import DeskForm, Page, address, show
from trading.admin.engine_requests import present_market
from trading.admin.forms.fields import WholeField
from trading.core.commands import AdminCommand, Deposit, OpenAccount
from trading.models import NAME, AccessToken, Statement, Trade, User
from trading.reads import histories, holdings

MOST_PEOPLE = 500
COLUMNS = ("name", "user", "amount")
REMEMBERED_FORMS = 50
"""Keys of sent forms that a session remembers: reloading the page that shows tokens must not make everybody anew."""
NEEDS = ("add_user", "add_account", "add_accesstoken")
SHOWN = 20
"""Rows of each kind on the page that shows what a user sees."""


class Person(NamedTuple):
    """Somebody who is to begin."""

    name: str
    user_id: str
    amount: int
    problem: str = ""


class _Start(DeskForm):
    """What everybody of them gets."""

    amount = forms.CharField(label="Funds", max_length=40, initial="0", help_text="Deposited into each account.")
    scope = forms.ChoiceField(label="Token", choices=AccessToken.Scope.choices, initial=AccessToken.Scope.TRADE)
    days = WholeField(
        label="Days until it expires",
        min_value=1,
        max_value=AccessToken.LONGEST_DAYS,
        initial=lambda: settings.TOKEN_DAYS,
    )

    def clean_amount(self) -> int:
        amount = units_of(self.cleaned_data["amount"])
        if amount < 0:
            raise ValidationError(_("Funds are not negative."))
        return amount


class NewPersonForm(_Start):
    user_id = forms.CharField(label="User id", max_length=64, validators=[NAME], help_text="Never changes.")
    name = forms.CharField(label="Name", max_length=150, required=False)
    field_order = ("user_id", "name", "amount", "scope", "days")

    def people(self) -> list[Person]:
        data = self.cleaned_data
        return [_checked(Person(data["name"] or data["user_id"], data["user_id"], data["amount"]), set())]


class ClassForm(_Start):
    file = forms.FileField(label="CSV file", required=False)
    rows = forms.CharField(
        label="or its lines",
        required=False,
        max_length=200_000,
        widget=forms.Textarea({"rows": 8}),
        help_text=format_lazy(
            gettext_lazy("name,user id,funds: all but the name may be missing. At most {count} lines."),
            count=MOST_PEOPLE,
        ),
    )
    start = forms.CharField(
        label="User ids begin with", max_length=56, validators=[NAME], initial="student", help_text="student001, ..."
    )
    field_order = ("file", "rows", "start", "amount", "scope", "days")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        text = data.get("rows") or files.text_of(data.get("file"))
        data["text"], data["lines"] = text, files.lines_of(text, MOST_PEOPLE, columns=COLUMNS)
        return data

    def people(self) -> list[Person]:
        """Whoever brings no id of their own gets the prefix and the next free number."""
        data = self.cleaned_data
        taken = set(User.objects.filter(username__startswith=data["start"]).values_list("username", flat=True))
        taken |= {line[1] for line in data["lines"] if len(line) > 1 and line[1]}
        given, number, found = set[str](), 0, []
        for line in data["lines"]:
            name, own, funds = [*line, "", ""][:3]
            user_id = own
            while not user_id:
                number += 1
                candidate = f"{data['start']}{number:03}"
                user_id = "" if candidate in taken else candidate
            odd = len(line) > 3 or not files.PARTING.isdisjoint(name)
            problem = files.otherwise(line, data["text"]) if odd else ""
            found.append(_checked(_person(name, user_id, funds, data["amount"], problem), given))
            given.add(user_id)
        return found


def _person(name: str, user_id: str, funds: str, amount: int, problem: str) -> Person:
    if problem:
        return Person(name, user_id, 0, f"{_('A line has a name, a user id and funds at most.')} {problem}")
    try:
        own = units_of(funds) if funds else amount
    except ValidationError as error:
        return Person(name, user_id, 0, error.messages[0])
    return Person(name or user_id, user_id, own, _("Funds are not negative.") if own < 0 else "")


def _checked(person: Person, given: set[str]) -> Person:
    """Somebody whose id is good and free, or the problem with it."""
    if person.problem:
        return person
    try:
        NAME(person.user_id)
    except ValidationError as error:
        return person._replace(problem=error.messages[0])
    if person.user_id in given:
        return person._replace(problem=_("{name} is in the file twice.").format(name=person.user_id))
    if User.objects.filter(username=person.user_id).exists():
        return person._replace(problem=_("There is a user {name} already.").format(name=person.user_id))
    if len(person.name) > 150:
        return person._replace(problem=_("The name is too long."))
    return person


# --- pages


def new_view(request: HttpRequest) -> HttpResponseBase:
    return _serve(request, NewPersonForm, gettext_noop("A new user with everything"))


def class_view(request: HttpRequest) -> HttpResponseBase:
    return _serve(request, ClassForm, gettext_noop("A class from a file"))


def _serve(request: HttpRequest, kind: Any, title: str) -> HttpResponseBase:
    form = kind(request.POST, request.FILES) if request.method == "POST" else kind.fresh()
    if request.method != "POST" or not form.is_valid():
        return show(request, "form", _(title), form=form, button=_("See what it would do"))
    people = form.people()
    engine_requests.allowed(request, *_commands(people))
    wrong = sum(bool(person.problem) for person in people)
    if wrong or request.POST.get("post") != "yes":
        lines = [(person, amount_text(person.amount)) for person in people]
        total = amount_text(sum(person.amount for person in people))
        return show(request, "people/people", _(title), form=form, lines=lines, wrong=wrong, total=total)
    if not _first_time(request, form.cleaned_data["key"].hex):
        messages.warning(
            request, _("This form was sent before; its tokens were shown then. Issue new ones where lost.")
        )
        return HttpResponseRedirect(address("class"))
    return _begin(request, form.cleaned_data, people, title)


def _commands(people: list[Person]) -> list[AdminCommand]:
    opened: list[AdminCommand] = [OpenAccount(person.user_id) for person in people]
    return [*opened, *(Deposit(person.user_id, person.amount) for person in people if person.amount)]


def _first_time(request: HttpRequest, key: str) -> bool:
    sent: list[str] = request.session.get("people_forms", [])
    if key in sent:
        return False
    request.session["people_forms"] = [*sent, key][-REMEMBERED_FORMS:]
    return True


def _begin(request: HttpRequest, data: dict[str, Any], people: list[Person], title: str) -> HttpResponseBase:
    """Users and tokens come together or not at all; then the engine is asked. The tokens are in this answer only."""
    slips, operator = [], cast(User, request.user)
    with transaction.atomic():
        for person in people:
            user = User(username=person.user_id, first_name=person.name)
            user.set_unusable_password()
            user.save()
            token, text = AccessToken.objects.create(
                user, expiry=timedelta(days=data["days"]), name="first token", scope=data["scope"]
            )
            slips.append({"person": person, "text": text, "until": time_text(token.expiry)})
        made = User.objects.filter(username__in=[person.user_id for person in people])
        LogEntry.objects.log_actions(operator.pk, made, ADDITION, title)
    rows = engine_requests.ask_all(request, _commands(people), key=data["key"].hex, reason=title)
    engine_requests.tell_all(request, rows, done=_("Done by the engine: {count} accounts and deposits."))
    address_of_page = request.build_absolute_uri("/")
    return show(request, "people/slips", _(title), slips=slips, address=address_of_page, scope=data["scope"])


# --- what a user sees


def view_as_view(request: HttpRequest, number: int) -> HttpResponseBase:
    """What the account's owner sees, from the same queries, for looking only. That it was looked at is kept."""
    account = account_at(number)
    view = holdings.account_view(user_id=account.user_id, market=present_market())
    assert view is not None, "the account was just read"
    user = User.objects.get(username=account.user_id)
    LogEntry.objects.log_actions(cast(User, request.user).pk, [user], CHANGE, "Looked at what they see.")
    figures = view.figures
    money = [
        (_(name.replace("_", " ")), amount_text(getattr(figures, name)))
        for name in ("balance", "available", "withdrawable", "margin", "hold", "position_profit", "close_profit")
    ]
    held = holdings.position_views(user_id=account.user_id, market=present_market()) or []
    orders = histories.live_orders(account_id=account.pk)
    return show(
        request,
        "people/view_as",
        _("What {user} sees").format(user=account.user_id),
        money=[*money, (_("risk ratio"), ratio_text(figures.margin, figures.balance))],
        positions=[_position(each) for each in held],
        orders=[_order(row) for row in orders[-SHOWN:]],
        more_orders=max(0, len(orders) - SHOWN),
        trades=[_trade(row) for row in Trade.objects.filter(account=account).order_by("-trade_id")[:SHOWN]],
        statements=[
            (day_text(row.day), amount_text(row.closing), address("statement", number, row.day))
            for row in Statement.objects.filter(account=account).order_by("-day")[:SHOWN]
        ],
    )


def _position(view: holdings.PositionView) -> tuple[Any, ...]:
    position = view.position
    last = "-" if view.last_price is None else amount_text(view.last_price)
    return position.instrument_id, position.long.lots, position.short.lots, last, amount_text(position.profit)


def _order(row: Any) -> tuple[Any, ...]:
    price = "-" if row.price is None else amount_text(row.price)
    left = row.volume - row.filled
    return (
        protocol.order_id_text(row.pk),
        row.instrument_id,
        _(row.direction),
        _(row.offset),
        price,
        left,
        _(row.status),
    )


def _trade(row: Trade) -> tuple[Any, ...]:
    number, price = protocol.trade_id_text(row.trade_id), amount_text(row.price)
    return local_time(row.time), number, row.instrument_id, _(row.direction), _(row.offset), price, row.volume


PAGES = [
    Page(
        *("person", "people/new/", NEEDS, new_view),
        *("A new user with everything", "User, account, funds and token in one form."),
    ),
    Page(
        *("class", "people/class/", NEEDS, class_view),
        *("A class from a file", "Many users from CSV; slips with their tokens, shown once."),
    ),
    Page("view_as", "accounts/<int:number>/view-as/", ("view_as",), view_as_view),
]
