"""A back office that has something to show, and the pages of it: for the tests that look at them and for pictures."""

from __future__ import annotations

from typing import Any

from tests.e2e.browser import WatchedPage
from tests.e2e.server import Server

SECRET = "correct-horse-battery"
STAFF = f"""
from datetime import timedelta
from django.contrib.auth.models import Group
from django.utils import timezone
from trading.models import Account, Contest, HealthCheck, OperatorCommand, RiskEvent, Statement, User
from trading.operators import contests
boss = User.objects.filter(username="boss").first() or User.objects.create_superuser("boss", password={SECRET!r})
if not Contest.objects.exists():
    now, market = timezone.now(), Account.objects.first().market_id
    clerk = User.objects.create_user("chen", is_staff=True)
    clerk.groups.set(Group.objects.filter(name="Treasurer"))
    asked = {{"type": "Deposit", "user_id": "user001", "amount": 50_000_000_000}}
    OperatorCommand.objects.create(market_id=market, kind="Deposit", payload=asked, key="held", status="HELD",
        asked_by=clerk, reason="Prize of the spring cup", expires_at=now + timedelta(days=1))
    settled = {{"type": "Settle", "day": 20260106, "next_day": 20260107, "prices": {{}}}}
    OperatorCommand.objects.create(market_id=market, kind="Settle", payload=settled, key="settled", status="DONE",
        asked_by=boss, finished_at=1_767_700_000_000)
    HealthCheck.objects.create(market_id=market, kind="books", status="FINE", result="They agree.", asked_by=boss,
        finished_at=now)
    cup = dict(market_id=market, start_balance=1_000_000_0000, every_minutes=60, public=True)
    Contest.objects.create(name="Autumn cup", ends_at=now + timedelta(days=30), **cup)
    running = Contest.objects.create(name="Spring cup", ends_at=now + timedelta(days=9), **cup)
    contests.start(running, now)
    for at, entry in enumerate(running.entries.all()):
        for step in (7_345_0000, -2_111_0000, 3_017_0000):
            contests.add_look(entry, 1_000_000_0000 + at * step)
        entry.save()
    for account in Account.objects.all()[:5]:
        for day in (20260105, 20260106):
            Statement.objects.create(account=account, day=day, time=day, opening=10**10, deposits=0, withdrawals=0,
                close_profit=1_250_0000, position_profit=-300_0000, commission=12_3400, closing=10**10 + 937_6600,
                margin=0, positions=[])
print(Account.objects.first().pk, Contest.objects.get(status="RUNNING").pk, Contest.objects.get(status="DRAFT").pk,
    boss.pk, Account.objects.first().market_id, OperatorCommand.objects.get(key="settled").pk)
"""


def furnish(server: Server) -> dict[str, str]:
    """Fill the office of a server; the numbers that addresses need."""
    said = server.manage("shell", "-v", "0", "-c", STAFF)
    names = ("account", "running", "draft", "boss", "market", "settled")
    return dict(zip(names, str(said).split(), strict=True))


def pages(numbers: dict[str, str]) -> list[str]:
    """Every page of the desk and the office, and the public ranking."""
    account = f"admin/trading/desk/accounts/{numbers['account']}"
    desk = (
        *("", "funds/correct/", "funds/file/", "statements/", "people/new/", "people/class/", "approvals/", "audit/"),
        *("checks/", "risk/", "what-if/?percent=-20", "settle/", "calendar/", "contests/", "roles/", "sessions/"),
        *(f"contests/{numbers['running']}/", f"contests/{numbers['draft']}/", f"roles/{numbers['boss']}/"),
        *("second-factor/", "instruments/file/", "later/", f"settle/{numbers['settled']}/"),
    )
    models = (
        *("account", "ledgerentry", "riskevent", "order", "trade", "instrument", "operatorcommand", "statement"),
        *("user", "accesstoken"),
    )
    return [
        *("admin/", "admin/emergency/", "contest/", *(f"admin/trading/desk/{each}" for each in desk)),
        *(f"{account}/{each}/" for each in ("ledger", "view-as", "close", "statement/20260106")),
        *(f"{account}/{each}/" for each in ("stop-liquidation", "let-liquidate")),
        *(f"admin/trading/{each}/" for each in models),
        f"admin/trading/account/{numbers['account']}/change/",
        f"admin/trading/account/{numbers['account']}/deposit/",
        f"admin/trading/account/{numbers['account']}/rules/",
        "admin/trading/instrument/IF2301/change/",
        "admin/trading/instrument/add/",
        f"admin/trading/market/{numbers['market']}/change/",
    ]


def enter(page: WatchedPage, server: Server) -> None:
    """Sign in as somebody who may do everything."""
    page.goto(f"{server.http}/admin/login/")
    page.fill("#id_username", "boss")
    page.fill("#id_password", SECRET)
    page.click("[type=submit]")
    page.wait_for_selector("#user-tools")


def beyond(page: WatchedPage) -> Any:
    """How many pixels a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
