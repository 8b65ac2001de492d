"""An account's money day by day: the ledger with its running balance, statements for print and as files."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.db.models import QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trading import protocol
from trading.admin.columns import amount_text, day_text, local_time
from trading.admin.desk import files
from trading.admin.desk.funds import account_at, booked
from trading.admin.desk.page import Page, address, show
from trading.admin.engine_requests import present_market
from trading.admin.records.period import SLACK, Column, first_key
from trading.core.money import to_text
from trading.models import Account, ArchiveFile, LedgerEntry, Market, Statement

MOST_SHOWN = 1_000
"""Entries of a day on the page; the file has all."""
DAYS_OFFERED = 60
IN_TIME = Column("id", "time", tells_time=False)
AMOUNTS = ("opening", "deposits", "withdrawals", "close_profit", "position_profit", "commission", "closing", "margin")


class Day:
    """The entries of one trading day of an account: the present one, or one that was settled."""

    def __init__(self, account: Account, day: int) -> None:
        market = Market.objects.get(pk=account.market_id)
        self.account = account
        self.statement = Statement.objects.filter(account=account, day=day).first() if day else None
        if day and self.statement is None and day != market.trading_day:
            raise Http404
        self.day = day or market.trading_day
        settled = Statement.objects.filter(account=account)
        before = settled.filter(day__lt=day) if self.statement is not None else settled
        previous = before.order_by("-day").first()
        self.opening = account.pre_balance if self.statement is None else self.statement.opening
        self.closing = booked(account) if self.statement is None else self.statement.closing
        self._after = -1 if previous is None else previous.time
        self._until = None if self.statement is None else self.statement.time

    def rows(self) -> QuerySet[LedgerEntry]:
        """The numbers of entries grow with their times, so an index finds where the day begins and ends."""
        rows = LedgerEntry.objects.filter(account=self.account)
        first = _first_after(self.account, self._after)
        if first is None:
            return rows.none()
        end = None if self._until is None else _first_after(self.account, self._until)
        return rows.filter(pk__gte=first) if end is None else rows.filter(pk__gte=first, pk__lt=end)

    def entries(self) -> Iterator[LedgerEntry]:
        """In order."""
        yield from files.by_key(self.rows())

    def lines(self, amount: Callable[[int], str]) -> Iterator[tuple[str, str, str, str, str]]:
        """Time, kind, trade, amount, and the balance after it; `amount` says how money is written."""
        balance = self.opening
        for entry in self.entries():
            balance += entry.amount
            trade = "-" if entry.trade_id is None else protocol.trade_id_text(entry.trade_id)
            yield local_time(entry.time), _(entry.get_kind_display()), trade, amount(entry.amount), amount(balance)


def _first_after(account: Account, time: int) -> int | None:
    """The number of the first entry of an account that is later than a moment; None where there is none. A search by
    halves along the index of the account's entries: some thirty short looks, however long the ledger is."""
    rows = LedgerEntry.objects.filter(account=account).order_by("pk").values_list("pk", "time")
    last = rows.reverse().first()
    if last is None or last[1] <= time:
        return None
    low, high = 0, last[0]
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(pk__gt=middle).first()
        if found is not None and found[1] <= time:
            low = found[0]
        else:
            standing = rows.filter(pk__lte=middle).reverse().first()
            if standing is None or standing[1] <= time:
                return None if found is None else found[0]
            high = standing[0]
    return high


def ledger_view(request: HttpRequest, number: int, day: int = 0) -> HttpResponseBase:
    account = account_at(number)
    found = Day(account, day)
    if "csv" in request.GET:
        head = ("time", "kind", "trade", "amount", "balance")
        return files.csv_response(request, f"ledger-{account.user_id}-{found.day}.csv", head, found.lines(to_text))
    lines = [line for line, _count in zip(found.lines(amount_text), range(MOST_SHOWN + 1), strict=False)]
    days = Statement.objects.filter(account=account).order_by("-day").values_list("day", flat=True)[:DAYS_OFFERED]
    return show(
        request,
        "money/ledger",
        _("Ledger of {user}").format(user=account.user_id),
        account=account,
        day=day_text(found.day),
        opening=amount_text(found.opening),
        closing=amount_text(found.closing),
        lines=lines[:MOST_SHOWN],
        shortened=len(lines) > MOST_SHOWN,
        archived=found.statement is not None and _is_archived(account.market_id, found.day),
        days=[(day_text(each), address("ledger_day", number, each)) for each in days],
        present=address("ledger", number),
    )


# --- statements


def statement_view(request: HttpRequest, number: int, day: int) -> HttpResponseBase:
    row = get_object_or_404(Statement.objects.select_related("account"), account=account_at(number), day=day)
    name = f"statement-{row.account.user_id}-{row.day}.csv"
    if "csv" in request.GET:
        return files.csv_response(request, name, HEAD, _lines(row, corrections(day, row.account)))
    amounts = [(label, amount_text(getattr(row, label.replace(" ", "_")))) for label in map(_said, AMOUNTS)]
    found = corrections(day, row.account)
    corrected = None if found is None else found.get(row.account_id, 0)
    if corrected or corrected is None:
        said = _("in the archive") if corrected is None else amount_text(corrected)
        amounts.insert(AMOUNTS.index("close_profit"), (gettext_noop("of which corrections"), said))
    positions = [
        (each["instrument_id"], each["long"], each["short"], amount_text(each["price"]), amount_text(each["margin"]))
        for each in row.positions
    ]
    title = _("Statement of {user}, {day}").format(user=row.account.user_id, day=day_text(row.day))
    return show(request, "money/statement", title, row=row, amounts=amounts, positions=positions, day=day_text(row.day))


def _said(column: str) -> str:
    return column.replace("_", " ")


CORRECTIONS = AMOUNTS.index("close_profit")
"""Where their sum stands among the amounts: behind the deposits and withdrawals that they are among."""
NAMES = (*AMOUNTS[:CORRECTIONS], "corrections", *AMOUNTS[CORRECTIONS:])
HEAD = ("day", "user", *NAMES, "instrument", "long", "short", "price", "position_margin")


def _lines(row: Statement, corrected: Mapping[int, int] | None) -> Iterator[tuple[Any, ...]]:
    """A line for the account, and one for each of its positions."""
    start = (day_text(row.day), row.account.user_id)
    amounts = [to_text(getattr(row, name)) for name in AMOUNTS]
    amounts.insert(CORRECTIONS, "" if corrected is None else to_text(corrected.get(row.account_id, 0)))
    yield (*start, *amounts, "", "", "", "", "")
    for each in row.positions:
        position = (each["instrument_id"], each["long"], each["short"], to_text(each["price"]), to_text(each["margin"]))
        yield (*start, *("" for _ in NAMES), *position)


def corrections(day: int, account: Account | None = None) -> Mapping[int, int] | None:
    """What corrections of the balance add up to in a settled day, of each account of the market that has some (or of
    one); they are among its deposits and withdrawals. None where the ledger is in the archive."""
    market = present_market()
    if _is_archived(market, day):
        return None
    settled = Statement.objects.filter(account__market=market)
    until = _time_of(settled.filter(day=day).order_by())
    after = _time_of(settled.filter(day__lt=day).order_by("-day"))
    rows = LedgerEntry.objects.filter(account__market=market, kind=LedgerEntry.Kind.CORRECTION)
    if until is not None:
        rows = rows.filter(time__lte=until, pk__lt=first_key(LedgerEntry, IN_TIME, until + SLACK))
    if after is not None:
        rows = rows.filter(time__gt=after, pk__gte=first_key(LedgerEntry, IN_TIME, after - SLACK))
    if account is not None:
        rows = rows.filter(account=account)
    return dict(rows.order_by().values_list("account_id").annotate(Sum("amount")))


def _is_archived(market: str, day: int) -> bool:
    """Whether the ledger of a settled day is out of the tables."""
    return ArchiveFile.objects.filter(market=market, removed=True, day__gte=day).exists()


def _time_of(rows: QuerySet[Statement]) -> int | None:
    return next(iter(rows.values_list("time", flat=True)[:1]), None)


def days_view(request: HttpRequest) -> HttpResponseBase:
    """The settled days, each found by an index."""
    days: list[int] = []
    here = Statement.objects.filter(account__market=present_market())
    rows = Statement.objects.order_by("-day").values_list("day", flat=True)
    while len(days) < DAYS_OFFERED:
        found = (rows.filter(day__lt=days[-1]) if days else rows).first()
        if found is None:
            break
        days.append(found)
    listed = [(day_text(day), address("statements_day", day)) for day in days if here.filter(day=day).exists()]
    return show(request, "money/days", _("Statements of a day"), days=listed)


def day_view(request: HttpRequest, day: int) -> HttpResponseBase:
    """All statements of a day as one file, which is read while it is sent."""
    rows = Statement.objects.filter(day=day, account__market=present_market()).select_related("account")
    if not rows.exists():
        raise Http404
    corrected = corrections(day)
    lines = (line for row in files.by_key(rows) for line in _lines(row, corrected))
    return files.csv_response(request, f"statements-{day}.csv", HEAD, lines)


PAGES = [
    Page(
        *("statements", "statements/", ("view_statement",), days_view),
        *("Statements of a day", "All accounts of a settled day as one file."),
    ),
    Page("statements_day", "statements/<int:day>.csv", ("view_statement",), day_view),
    Page("statement", "accounts/<int:number>/statement/<int:day>/", ("view_statement",), statement_view),
    Page("ledger", "accounts/<int:number>/ledger/", ("view_ledgerentry",), ledger_view),
    Page("ledger_day", "accounts/<int:number>/ledger/<int:day>/", ("view_ledgerentry",), ledger_view),
]
