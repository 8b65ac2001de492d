"""Trading contests: everybody begins with the same, what each account is worth is looked at again and again, and at the
end all are frozen. Money that is paid in or out meanwhile, or goes to another market, is no gain and no loss.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from math import sqrt

import msgspec
from django.db import transaction
from django.db.models import Max, Min, Q, QuerySet

from trading.core.commands import Deposit, FreezeAccount, ReceiveTransfer, ReturnTransfer, SendTransfer, Withdraw
from trading.core.types import stored_name
from trading.models import IS_LIVE, Account, Contest, ContestEntry, OperatorCommand, Order, User
from trading.operators import contest_rules, requests
from trading.operators.authority import approvals
from trading.operators.authority.rights import may_ask
from trading.reads import holdings

logger = logging.getLogger(__name__)

Status = Contest.Status
MOVES = {
    **{stored_name(kind): 1 for kind in (Deposit, ReceiveTransfer, ReturnTransfer)},
    **{stored_name(kind): -1 for kind in (Withdraw, SendTransfer)},
}
"""The commands that move money, and which way."""
PORTION = 500
"""Entries that are written at once."""


class Rank(msgspec.Struct, frozen=True):
    """A line of the ranking. `gain` and `drawdown` are fractions; `sharpe` is the mean return from look to look over
    its standard deviation, None before there are two."""

    place: int
    user_id: str
    worth: int
    gain: float
    drawdown: float
    sharpe: float | None
    breaches: int


class Unready(msgspec.Struct, frozen=True):
    """An account that cannot begin, and why."""

    user_id: str
    why: str


def participants(contest: Contest) -> QuerySet[Account]:
    """The accounts that take part, or would."""
    rows = Account.objects.filter(market=contest.market_id).order_by("pk")
    return rows.filter(user__username__startswith=contest.beginning) if contest.beginning else rows


# --- before it starts


def levelling(contest: Contest) -> tuple[list[Deposit | Withdraw], list[Unready]]:
    """What brings everybody to the start balance, and those who have positions or live orders and so cannot be."""
    rows = list(participants(contest))
    busy = _busy(rows)
    commands: list[Deposit | Withdraw] = []
    for row in rows:
        missing = contest.start_balance - _booked(row)
        if row.pk not in busy and missing:
            user_id = row.user_id
            commands.append(Deposit(user_id, missing) if missing > 0 else Withdraw(user_id, -missing))
    return commands, [Unready(row.user_id, busy[row.pk]) for row in rows if row.pk in busy]


def unready(contest: Contest) -> list[Unready]:
    """Those who could not begin now."""
    rows = list(participants(contest))
    busy = _busy(rows)
    found = []
    for row in rows:
        why = busy.get(row.pk) or ("" if _booked(row) == contest.start_balance else "has another balance")
        if why or row.frozen:
            found.append(Unready(row.user_id, why or "is frozen"))
    return found


def _booked(row: Account) -> int:
    return row.pre_balance + row.deposits - row.withdrawals + row.close_profit - row.commission


def _busy(rows: list[Account]) -> dict[int, str]:
    live = Order.objects.filter(IS_LIVE, account__in=rows).values_list("account_id", flat=True)
    return dict.fromkeys(live, "has live orders") | {row.pk: "has positions" for row in rows if row.margin}


def start(contest: Contest, now: datetime, without: Container[str] = ()) -> bool:
    """Begin, once; False where it has begun already, or nobody takes part. IntegrityError where another one runs.
    `without`: users who are left out."""
    rows = [row for row in participants(contest) if row.user_id not in without]
    waiting = OperatorCommand.objects.filter(status__in=("HELD", "PENDING"), market=contest.market_id)
    first = waiting.aggregate(first=Min("pk"))["first"]
    if first is None:
        first = (OperatorCommand.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
    if not rows:
        return False
    with transaction.atomic():
        begun = Contest.objects.filter(pk=contest.pk, status=Status.DRAFT)
        if not begun.update(status=Status.RUNNING, started_at=now, looked_at=now, first_command=first):
            return False
        balance = contest.start_balance
        entries = [ContestEntry(contest=contest, account=row, worth=balance, peak=balance) for row in rows]
        ContestEntry.objects.bulk_create(entries, batch_size=PORTION)
        contest_rules.bind(contest)
    return True


# --- while it runs


def look(market: str, now: datetime) -> None:
    """What is due in the contest that runs: a look at what everybody is worth, or its end."""
    to_begin = Q(status=Status.DRAFT, starts_at__lte=now)
    if not Contest.objects.filter(to_begin | Q(status=Status.RUNNING), market=market).exists():
        return
    contest = Contest.objects.filter(market=market, status=Status.RUNNING).first()
    if contest is None or contest.looked_at is None:
        _begin_due(market, now)
        return
    if contest.ends_at <= now:
        end(contest, now)
    elif now - contest.looked_at >= timedelta(minutes=contest.every_minutes):
        measure(contest, now)


def _begin_due(market: str, now: datetime) -> None:
    """Begin what is to begin by itself. Its balances are set first, in the name of its host: with their rights, and by
    a second person where it takes one. Whoever is not ready when that was answered does not take part."""
    contest = (
        Contest.objects.filter(market=market, status=Status.DRAFT, starts_at__lte=now).order_by("starts_at").first()
    )
    if contest is None:
        return
    key = f"contest:{contest.pk}:level:"
    asked = OperatorCommand.objects.filter(market=market, key__startswith=key)
    host = contest.host
    commands = [] if asked.exists() or host is None else _allowed(levelling(contest)[0], host)
    hold = approvals.takes_two(commands, host)
    for command in commands:
        own = f"{key}{command.user_id}"[:64]
        requests.ask(command, market=market, asked_by=host, key=own, reason=contest.name, hold=hold)
    if commands or asked.filter(status__in=("HELD", "PENDING")).exists():
        return
    if not start(contest, now, without={each.user_id for each in unready(contest)}):
        logger.warning("contest %s could not begin at its time: nobody is ready", contest.pk)
        Contest.objects.filter(pk=contest.pk).update(starts_at=None)


def _allowed(commands: list[Deposit | Withdraw], host: User) -> list[Deposit | Withdraw]:
    """What they may ask for now, whatever they might when they prepared it."""
    return [command for command in commands if host.is_active and may_ask(host, command)]


def measure(contest: Contest, now: datetime) -> None:
    """Bring every entry up to date."""
    entries = list(contest.entries.select_related("account").order_by("pk"))
    figures = holdings.account_figures(accounts=[entry.account for entry in entries])
    moved = _moved(contest)
    for entry in entries:
        add_look(entry, figures[entry.account_id].balance - moved[entry.account.user_id])
    fields = ("worth", "peak", "drawdown", "looks", "mean", "squares")
    contest_rules.watch(contest, now)
    with transaction.atomic():
        ContestEntry.objects.bulk_update(entries, fields, batch_size=PORTION)
        Contest.objects.filter(pk=contest.pk).update(looked_at=now)


def add_look(entry: ContestEntry, worth: int) -> None:
    """One more look at what an entry is worth. (Welford's way to mean and variance.)"""
    change = (worth - entry.worth) / entry.worth if entry.worth > 0 else 0.0
    entry.looks += 1
    before = change - entry.mean
    entry.mean += before / entry.looks
    entry.squares += before * (change - entry.mean)
    entry.worth, entry.peak = worth, max(entry.peak, worth)
    entry.drawdown = max(entry.drawdown, (entry.peak - worth) / entry.peak)


def _moved(contest: Contest) -> defaultdict[str, int]:
    """What came into accounts from elsewhere, less what left them, since the start."""
    assert contest.started_at is not None, "it runs"
    done = OperatorCommand.objects.filter(
        pk__gte=contest.first_command,
        market=contest.market_id,
        kind__in=MOVES,
        status=OperatorCommand.Status.DONE,
        finished_at__gt=_milliseconds(contest.started_at),
    )
    sums: defaultdict[str, int] = defaultdict(int)
    for kind, payload in done.values_list("kind", "payload"):
        moved = payload.get("transfer", payload)
        sums[moved["user_id"]] += MOVES[kind] * moved["amount"]
    return sums


def _milliseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)


def end(contest: Contest, now: datetime, asked_by: User | None = None) -> bool:
    """End it, once: a last look, then all its accounts are frozen if it is so wanted. False where it had ended. A key
    for each account: whoever asks again freezes nobody twice."""
    if not Contest.objects.filter(pk=contest.pk, status=Status.RUNNING).exists():
        return False
    measure(contest, now)
    if contest.freeze_at_end:
        for user_id in contest.entries.filter(account__frozen=False).values_list("account__user__username", flat=True):
            key = f"contest:{contest.pk}:{user_id}"
            requests.ask(FreezeAccount(user_id, True), market=contest.market_id, asked_by=asked_by, key=key[:64])
    contest_rules.release(contest)
    return bool(Contest.objects.filter(pk=contest.pk, status=Status.RUNNING).update(status=Status.ENDED, ended_at=now))


# --- the ranking


def ranking(contest: Contest, most: int | None = None) -> list[Rank]:
    """The entries as of the last look, the best first; equal worths share a place."""
    found: list[Rank] = []
    rows = contest.entries.select_related("account").order_by("-worth", "account_id")
    broken = Counter(contest.breaches.values_list("account_id", flat=True))
    for number, row in enumerate(rows[:most], 1):
        place = found[-1].place if found and found[-1].worth == row.worth else number
        gain = row.worth / contest.start_balance - 1
        breaches = broken[row.account_id]
        found.append(Rank(place, row.account.user_id, row.worth, gain, row.drawdown, _sharpe(row), breaches))
    return found


def _sharpe(row: ContestEntry) -> float | None:
    if row.looks < 2 or row.squares <= 0:
        return None
    return row.mean / sqrt(row.squares / (row.looks - 1))
