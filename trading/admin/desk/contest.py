"""Contests: prepared, started, followed, ended, exported."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.admin import engine_requests
from trading.admin.columns import amount_text, change_text, time_text
from trading.admin.confirmations import counted
from trading.admin.desk import files
from trading.admin.desk.funds import units_of
from trading.admin.desk.page import Page, address, ask_first, show
from trading.admin.engine_requests import present_market
from trading.core.commands import FreezeAccount
from trading.core.money import to_text
from trading.models import Contest, Market, User
from trading.operators import contest_rules, contests

NEEDS = ("run_contest",)
MOST_SHOWN = 500
MOST_NAMED = 20
HEAD = ("place", "user", "worth", "return", "drawdown", "sharpe", "breaches")

MOMENT = forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Contest]
else:
    ModelForm = forms.ModelForm


class ContestForm(ModelForm):
    start_balance = forms.CharField(label="Start balance", max_length=40, help_text="Of everybody, in the currency.")
    starts_at = forms.DateTimeField(
        label="Starts at",
        widget=MOMENT,
        required=False,
        help_text="By itself; empty: when its host presses the button.",
    )
    ends_at = forms.DateTimeField(label="Ends at", widget=MOMENT)

    class Meta:
        model = Contest
        fields = (
            *("name", "beginning", "start_balance", "starts_at", "ends_at", "every_minutes", "instruments"),
            *("max_position", "max_orders", "enforced", "freeze_at_end", "public"),
        )
        labels = {
            "beginning": "User ids begin with",
            "every_minutes": "Minutes from look to look",
            "freeze_at_end": "Freeze all at the end",
            "public": "Public ranking",
            "instruments": "Instruments",
            "max_position": "Largest position",
            "max_orders": "Most live orders",
            "enforced": "Enforce the rules",
        }

    def clean_start_balance(self) -> int:
        amount = units_of(self.cleaned_data["start_balance"])
        if amount <= 0:
            raise ValidationError(_("The start balance must be positive."))
        return amount

    def clean_ends_at(self) -> datetime:
        moment: datetime = self.cleaned_data["ends_at"]
        if moment <= timezone.now():
            raise ValidationError(_("It must end in the future."))
        return moment

    def clean_instruments(self) -> str:
        names = [name for name in (part.strip() for part in self.cleaned_data["instruments"].split(",")) if name]
        missing = contest_rules.unknown(present_market(), names)
        if missing:
            raise ValidationError(_("There is no instrument {name}.").format(name=missing[0][:64]))
        return ",".join(names)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("starts_at") and data.get("ends_at") and data["starts_at"] >= data["ends_at"]:
            self.add_error("starts_at", _("It must start before it ends."))
        return data

    def clean_every_minutes(self) -> int:
        minutes: int = self.cleaned_data["every_minutes"]
        if minutes < 1:
            raise ValidationError(_("At least one minute."))
        return minutes


def list_view(request: HttpRequest) -> HttpResponseBase:
    rows = [
        (row, address("contest", row.pk), time_text(row.ends_at), amount_text(row.start_balance))
        for row in Contest.objects.filter(market=present_market())[:MOST_NAMED]
    ]
    form = ContestForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return show(request, "people/contests", _("Contests"), rows=rows, form=form)
    form.instance.market, _made = Market.objects.get_or_create(code=present_market())
    form.instance.host = cast(User, request.user)
    row = form.save()
    messages.success(request, _("{name} is prepared. Next: the same balance for everybody.").format(name=row.name))
    return HttpResponseRedirect(address("contest", row.pk))


def _contest(number: int) -> Contest:
    return get_object_or_404(Contest, pk=number, market=present_market())


def one_view(request: HttpRequest, number: int) -> HttpResponseBase:
    contest = _contest(number)
    waiting = contests.unready(contest) if contest.status == Contest.Status.DRAFT else []
    return show(
        request,
        "people/contest",
        contest.name,
        contest=contest,
        count=contests.participants(contest).count() if contest.status == Contest.Status.DRAFT else None,
        unready=[(each.user_id, _(each.why)) for each in waiting[:MOST_NAMED]],
        more=max(0, len(waiting) - MOST_NAMED),
        ranking=ranking_lines(contest, MOST_SHOWN, amount_text),
        times=[(label, time_text(moment)) for label, moment in _times(contest) if moment is not None],
        balance=amount_text(contest.start_balance),
        breaches=[
            (time_text(row.seen_at), row.account.user_id, row.get_rule_display(), row.instrument_id)
            for row in contest.breaches.select_related("account")[:MOST_SHOWN]
        ],
    )


def _times(contest: Contest) -> list[tuple[str, datetime | None]]:
    """What is over is told as over."""
    status, states = contest.status, Contest.Status
    return [
        (_("Starts"), contest.starts_at if status == states.DRAFT else None),
        (_("Started"), contest.started_at),
        (_("Last look"), contest.looked_at if status == states.RUNNING else None),
        (_("Ended"), contest.ended_at) if status == states.ENDED else (_("Ends"), contest.ends_at),
    ]


def ranking_lines(contest: Contest, most: int | None, amount: Callable[[int], str]) -> list[tuple[str, ...]]:
    """The ranking as people read it, or, with another way to write amounts, a spreadsheet."""
    return [
        (
            str(rank.place),
            rank.user_id,
            amount(rank.worth),
            change_text(rank.gain),
            f"{rank.drawdown:.2%}",
            "-" if rank.sharpe is None else f"{rank.sharpe:.3f}",
            str(rank.breaches),
        )
        for rank in contests.ranking(contest, most)
    ]


def export_view(request: HttpRequest, number: int) -> HttpResponseBase:
    contest = _contest(number)
    return files.csv_response(request, f"contest-{contest.pk}.csv", HEAD, ranking_lines(contest, None, to_text))


# --- what is done


def level_view(request: HttpRequest, number: int) -> HttpResponseBase:
    """The same balance for everybody. Pressed twice it finds nothing left to do."""
    contest, back = _contest(number), HttpResponseRedirect(address("contest", number))
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    commands, busy = contests.levelling(contest)
    if contest.status != Contest.Status.DRAFT or not commands:
        messages.warning(request, _("There was nothing to do."))
        return back
    engine_requests.allowed(request, *commands)
    sentences = [
        _("{count} accounts get the balance {balance}.").format(
            count=len(commands), balance=amount_text(contest.start_balance)
        ),
        _("{count} accounts have positions or live orders and are left as they are.").format(count=len(busy)),
    ]
    question = ask_first(request, _("The same balance for everybody"), _("Do it"), sentences)
    if question is not None:
        return question
    rows = engine_requests.ask_all(request, commands, reason=f"Contest {contest.name}"[:200])
    engine_requests.tell_all(request, rows, done=_("Balances set: {count}."))
    return back


def start_view(request: HttpRequest, number: int) -> HttpResponseBase:
    contest, back = _contest(number), HttpResponseRedirect(address("contest", number))
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    waiting = contests.unready(contest)
    if waiting:
        messages.error(request, _("{count} accounts are not ready: see below.").format(count=len(waiting)))
        return back
    count = contests.participants(contest).count()
    sentences = [
        _("{count} accounts begin with {balance} each, now.").format(
            count=count, balance=amount_text(contest.start_balance)
        )
    ]
    question = ask_first(request, _("Start {name}").format(name=contest.name), _("Start"), sentences)
    if question is not None:
        return question
    try:
        begun = contests.start(contest, timezone.now())
    except IntegrityError:
        messages.error(request, _("Another contest is running."))
        return back
    if begun:
        messages.success(request, _("{name} has begun.").format(name=contest.name))
    else:
        messages.warning(request, _("It has begun already, or nobody takes part."))
    return back


def unschedule_view(request: HttpRequest, number: int) -> HttpResponseBase:
    """Let it not begin by itself. Money that it has asked for and that nobody has approved stays to be decided."""
    contest = _contest(number)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if contest.starts_at is not None:
        sentence = _("{name} does not begin at {time}. Somebody has to press the button then.")
        sentences = [sentence.format(name=contest.name, time=time_text(contest.starts_at))]
        question = ask_first(request, _("Do not begin by itself"), _("Take the time away"), sentences)
        if question is not None:
            return question
    waiting = Contest.objects.filter(pk=contest.pk, status=Contest.Status.DRAFT, starts_at__isnull=False)
    if waiting.update(starts_at=None):
        messages.success(request, _("{name} does not begin by itself any more.").format(name=contest.name))
    else:
        messages.warning(request, _("There was nothing to do."))
    return HttpResponseRedirect(address("contest", number))


def end_view(request: HttpRequest, number: int) -> HttpResponseBase:
    contest, back = _contest(number), HttpResponseRedirect(address("contest", number))
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if contest.freeze_at_end:
        engine_requests.allowed(request, FreezeAccount("", True))
    count = contest.entries.count()
    sentences = [
        (
            _("{count} accounts are ranked and frozen.") if contest.freeze_at_end else _("{count} accounts are ranked.")
        ).format(count=count)
    ]
    question = ask_first(request, _("End {name}").format(name=contest.name), _("End it"), sentences)
    if question is not None:
        return question
    if contests.end(contest, timezone.now(), cast(User, request.user)):
        messages.success(request, _("{name} has ended.").format(name=contest.name))
    else:
        messages.warning(request, _("It does not run."))
    return back


def publish_view(request: HttpRequest, number: int) -> HttpResponseBase:
    """Show the ranking to everybody, or no longer."""
    contest = _contest(number)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    wanted = request.POST.get("public") == "yes"
    if wanted:
        title, button = _("Show everybody the ranking"), _("Show it")
        sees = _("Everybody, signed in or not, sees the user ids and results of {accounts} at /contest/.")
    else:
        title, button = _("Hide the ranking from the public"), _("Hide it")
        sees = _("Nobody but staff sees the user ids and results of {accounts} any more; /contest/ is empty.")
    question = ask_first(request, title, button, [sees.format(accounts=counted(contest.entries.count(), "account"))])
    if question is not None:
        return question
    Contest.objects.filter(pk=contest.pk).update(public=wanted)
    messages.success(
        request, _("Everybody sees the ranking at /contest/.") if wanted else _("Only staff see the ranking.")
    )
    return HttpResponseRedirect(address("contest", number))


def _page(name: str, view: Any) -> Page:
    return Page(f"{name}_contest", f"contests/<int:number>/{name}/", NEEDS, view)


PAGES = [
    Page("contests", "contests/", NEEDS, list_view, "Contests", "Start balance, ranking, end, export."),
    Page("contest", "contests/<int:number>/", NEEDS, one_view),
    _page("level", level_view),
    _page("unschedule", unschedule_view),
    _page("start", start_view),
    _page("end", end_view),
    _page("publish", publish_view),
    _page("export", export_view),
]
