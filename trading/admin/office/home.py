"""The home page: how the market and its engine fare just now, who is in trouble, what operators did last. Everything is
read by an index or from few rows; nothing counts a table."""

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from trading.admin.columns import amount_text, day_text, ratio_text, time_text
from trading.admin.confirmations import counted
from trading.admin.engine_requests import present_market
from trading.admin.office.standing import figures_of, give_figures, standing_text
from trading.admin.records.operator_commands import subject_of
from trading.core.types import Figures, Phase, Restrictions
from trading.models import AT_RISK, IN_DEBT, Account, Instrument, Market, OperatorCommand, Pulse
from trading.operators import calendar, requests
from trading.reads import pulses
from trading.storage.mapping import restrictions_of

PERMISSION = "trading.view_market"
Status = OperatorCommand.Status
DAY = 24 * 60 * 60 * 1_000
SILENT_AFTER = 20_000
"""Milliseconds without a pulse: four have not come."""
LATE = 0.25
"""Seconds of a late answer, and of an event loop that is late, that operators should hear of."""
FULL = 0.5
"""Of the queue."""
MOST_ACCOUNTS = 20
MOST_COMMANDS = 8
LOOKED_AT = 200
"""Commands among which those of operators are looked for: the schedule asks too."""


def may_see(request: HttpRequest) -> bool:
    return request.user.has_perm(PERMISSION)


def figures_view(request: HttpRequest) -> HttpResponse:
    """The figures as they are now, as words for the page, and the minutes since the last that it has."""
    if not may_see(request):
        return JsonResponse({"error": "forbidden"}, status=403)
    text = request.GET.get("since", "")
    since = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
    home = Home(request)
    minutes = pulses.lines(market=home.market, since=max(since, home.now - DAY))
    return JsonResponse({**home.figures(), "minutes": minutes, "now": home.now})


class Cell(NamedTuple):
    """Text of a table, how it looks (`bad`, `up`, `down`, `n` for numbers), and where it leads."""

    text: str
    look: str = ""
    url: str = ""


class Card(NamedTuple):
    """One figure with its name; `bad` stands out."""

    name: str
    text: str
    look: str = ""


class Home:
    """What one operator may see of the market. Times are Unix ms."""

    def __init__(self, request: HttpRequest, now: int | None = None) -> None:
        self._request = request
        self.market = present_market()
        self.now = time.time_ns() // 1_000_000 if now is None else now
        self._pulse = pulses.latest(market=self.market)
        self._alive = requests.engine_runs(self.market)

    def figures(self) -> dict[str, Any]:
        """`alarms`, the `cards` with a figure each (name, text, look), and `tables`: title, heads (text, look), rows of
        cells, what an empty one says."""
        row = Market.objects.filter(code=self.market).first()
        instruments = list(Instrument.objects.filter(market=self.market).exclude(phase=Phase.DELISTED.value))
        accounts = self._troubled() if self._may("view_account") else []
        pending, held = (self._asked(status) for status in (Status.PENDING, Status.HELD))
        cards = [
            Card(_("Market"), self.market),
            Card(_("Trading day"), self._trading_day(row)),
            Card(_("Phase"), _phases(instruments)),
            *self._engine_cards(),
            Card(_("Waiting commands"), f"{pending:,}", "bad" if pending else ""),
            Card(_("Waiting approvals"), f"{held:,}", "bad" if held else ""),
        ]
        tables = [
            self._instruments(instruments) if self._may("view_instrument") else None,
            self._accounts(accounts) if self._may("view_account") else None,
            self._commands() if self._may("view_operatorcommand") else None,
        ]
        return {
            "alarms": [*self._alarms(instruments, accounts, pending), *_switched_off(row)],
            "cards": cards,
            "tables": [table for table in tables if table is not None],
        }

    def _trading_day(self, row: Market | None) -> str:
        """Before the first settlement it is the date of the market's clocks."""
        if row is None:
            return "-"
        now = datetime.fromtimestamp(self.now / 1000, UTC)
        return day_text(row.trading_day or calendar.number_of(calendar.today(row, now)))

    def _asked(self, status: OperatorCommand.Status) -> int:
        """How many commands stand so; no more are counted than are looked at."""
        return len(OperatorCommand.objects.filter(market=self.market, status=status).values_list("pk")[:LOOKED_AT])

    def _may(self, codename: str) -> bool:
        return self._request.user.has_perm(f"trading.{codename}")

    # -- the engine

    def _silence(self) -> int | None:
        """Milliseconds since the last pulse; None: there was never one."""
        return None if self._pulse is None else max(0, self.now - self._pulse.time)

    def _engine_cards(self) -> list[Card]:
        silence, pulse = self._silence(), self._pulse
        fresh = pulse if silence is not None and silence < SILENT_AFTER else None
        now = fresh.present if fresh is not None else {}
        runs = self._alive and fresh is not None
        state = _("runs") if runs else _("starts, or says nothing") if self._alive else _("does not run")
        return [
            Card(_("Engine"), state, "" if runs else "bad"),
            Card(_("Lag"), _seconds(now.get("lag"))),
            Card(_("Queue"), _ratio(now), "bad" if _is_full(now) else ""),
            Card(_("Orders a second"), _rate(now.get("orders_per_second"))),
            Card(_("Trades a second"), _rate(now.get("trades_per_second"))),
            Card(_("Usual answer"), _seconds(fresh.usual_answer if fresh is not None else None)),
            Card(_("Late answer"), _seconds(fresh.late_answer if fresh is not None else None)),
            Card(_("Connections"), _whole(now.get("connections"))),
            Card(_("Signed in"), _whole(now.get("authenticated"))),
        ]

    def _alarms(
        self, instruments: Iterable[Instrument], accounts: Iterable[tuple[Account, Figures]], pending: int
    ) -> Iterable[str]:
        pulse, silence = self._pulse, self._silence()
        if not self._alive:
            yield _("No engine runs: orders are refused, and commands of operators wait.")
        elif silence is None or silence >= SILENT_AFTER:
            yield _("The engine's process has said nothing for a while: look at its log.")
        elif pulse is not None:
            yield from _troubles(pulse)
        halted = [row.pk for row in instruments if row.phase == Phase.HALTED]
        if halted:
            yield _("Halted: {names}").format(names=", ".join(halted))
        if pending:
            yield ngettext(
                "{count} command waits for the engine.", "{count} commands wait for the engine.", pending
            ).format(count=pending)
        debts = self._debts(accounts)
        if debts:
            yield ngettext("{count} account is in debt.", "{count} accounts are in debt.", debts).format(count=debts)

    # -- what is traded, and by whom

    def _instruments(self, rows: Iterable[Instrument]) -> dict[str, Any]:
        told = self._pulse.present.get("instruments", {}) if self._pulse is not None else {}
        lines = []
        for row in rows:
            figures = told.get(row.pk, {})
            change = figures.get("change")
            lines.append(
                [
                    Cell(row.pk, url=reverse("admin:trading_instrument_change", args=[row.pk])),
                    Cell(row.get_phase_display(), "bad" if row.phase == Phase.HALTED else ""),
                    Cell("-" if row.last_price is None else amount_text(row.last_price), "n"),
                    Cell(_change(change), "n" if not change else "n up" if change > 0 else "n down"),
                    Cell(_whole(figures.get("volume")), "n"),
                    Cell(_whole(figures.get("open_interest")), "n"),
                ]
            )
        heads = [Cell(_("Instrument")), Cell(_("Phase")), Cell(_("Last price"), "n"), Cell(_("Price change"), "n")]
        heads += [Cell(_("Volume"), "n"), Cell(_("Open interest"), "n")]
        return {"title": _("Instruments"), "heads": heads, "rows": lines, "empty": _("Nothing is listed.")}

    def _troubled(self) -> list[tuple[Account, Figures]]:
        """Accounts in debt and those near their liquidation, the worst first. (Whoever is in debt and holds something
        was warned.)"""
        accounts = Account.objects.filter(market=self.market)
        found_by_index = [*accounts.filter(IN_DEBT)[:MOST_ACCOUNTS], *accounts.filter(AT_RISK)[:MOST_ACCOUNTS]]
        rows = list({row.pk: row for row in found_by_index}.values())[:MOST_ACCOUNTS]
        give_figures(rows)
        found = [(row, figures_of(row)) for row in rows]
        return sorted(found, key=lambda each: (each[1].balance >= 0, -each[1].risk_ratio))

    def _debts(self, shown: Iterable[tuple[Account, Figures]]) -> int:
        """Of those that are shown, and of all whose booked balance is negative: the table has only the worst."""
        named = sum(figures.balance < 0 for _row, figures in shown)
        if named < MOST_ACCOUNTS:
            return named
        return max(named, Account.objects.filter(IN_DEBT, market=self.market).count())

    def _accounts(self, troubled: Iterable[tuple[Account, Figures]]) -> dict[str, Any]:
        lines = [
            [
                Cell(row.user_id, url=reverse("admin:trading_account_change", args=[row.pk])),
                Cell(standing_text(row) or "-", "bad"),
                Cell(ratio_text(figures.margin, figures.balance), "n"),
                Cell(amount_text(figures.balance), "n"),
            ]
            for row, figures in troubled
        ]
        heads = [Cell(_("Account")), Cell(_("Standing")), Cell(_("Risk ratio"), "n"), Cell(_("Balance"), "n")]
        title = _("Accounts near liquidation or in debt")
        return {"title": title, "heads": heads, "rows": lines, "empty": _("None")}

    # -- what operators did

    def _commands(self) -> dict[str, Any]:
        newest = OperatorCommand.objects.filter(market=self.market).select_related("asked_by")[:LOOKED_AT]
        lines = [
            [
                Cell(time_text(row.asked_at)),
                Cell(row.asked_by.username if row.asked_by else ""),
                Cell(
                    f"{_(row.kind)} {subject_of(row)}",
                    url=reverse("admin:trading_operatorcommand_change", args=[row.pk]),
                ),
                Cell(row.get_status_display(), "bad" if row.status == Status.REFUSED else ""),
            ]
            for row in [row for row in newest if row.asked_by_id is not None][:MOST_COMMANDS]
        ]
        heads = [Cell(_("When")), Cell(_("Who")), Cell(_("What")), Cell(_("Result"))]
        return {"title": _("What operators did last"), "heads": heads, "rows": lines, "empty": _("Nothing yet.")}


def _switched_off(row: Market | None) -> Iterable[str]:
    """What the emergency control has left behind."""
    off = Restrictions() if row is None else restrictions_of(row.restrictions)
    if off.close_only:
        yield _("Close only: the whole market.")
    if off.closing:
        accounts = counted(len(off.closing), "account")
        yield _("Close only: {accounts}.").format(accounts=accounts)
    if off.spared:
        yield _("Liquidation stopped: {accounts}.").format(accounts=counted(len(off.spared), "account"))
    if off.no_connections:
        yield _("New connections are refused.")


def _phases(instruments: Iterable[Instrument]) -> str:
    """How many instruments are in each phase."""
    counts = Counter(row.get_phase_display() for row in instruments)
    return ", ".join(f"{phase} {count:,}" for phase, count in sorted(counts.items())) or "-"


def _troubles(pulse: Pulse) -> Iterable[str]:
    """What the process that runs the engine should not have told."""
    now = pulse.present
    if _is_full(now):
        yield _("The queue is half full: the next commands may be refused.")
    if (now.get("lag") or 0) > LATE:
        yield _("The event loop is late: the machine has too much to do.")
    if (pulse.late_answer or 0) > LATE:
        yield _("Orders wait long for their answer.")
    if now.get("errors"):
        yield _("There were errors just now: look at the log.")
    if now.get("batches_failed"):
        yield _("A batch could not be stored: look at the database and its disk.")


def _is_full(now: dict[str, Any]) -> bool:
    return bool(now) and now["queue"] >= FULL * now["queue_limit"]


def _whole(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _rate(number: float | None) -> str:
    return "-" if number is None else f"{number:,.1f}"


def _change(units: int | None) -> str:
    return "-" if units is None else f"{'+' if units > 0 else ''}{amount_text(units)}"


def _seconds(seconds: float | None) -> str:
    """Of a histogram: at most so much."""
    return "-" if seconds is None else f"≤ {seconds * 1000:g} ms"


def _ratio(now: dict[str, Any]) -> str:
    return f"{now['queue']:,} / {now['queue_limit']:,}" if now else "-"
