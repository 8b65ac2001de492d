"""Accounts that a stranger may have at the demo with one click: funds of its own, and a way back to them.

They are opened, paid and set back through the operators' door, so the books know them like any other.
"""

import secrets
import threading
import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from exchange_site.security.api_errors import Refusal
from trading.access.rate_limits import ExpiringTable, RateLimiter, TokenBucket
from trading.core.commands import AdminCommand, Deposit, OpenAccount, Withdraw
from trading.core.money import UNIT
from trading.models import OperatorCommand, User
from trading.operators import requests
from trading.reads import histories, holdings, identities

PREFIX = "demo-account:"
"""Of the keys under which such accounts are opened: by them one knows whose account is one."""
HOUR, DAY = 3_600, timedelta(days=1)


class Strangers:
    """How much each address has asked for. Kept in this process: after a restart everybody is new."""

    def __init__(self, per_hour: int) -> None:
        self._buckets = ExpiringTable(lambda now: TokenBucket(per_hour / HOUR, now, burst=per_hour), RateLimiter.FEW)
        self._lock = threading.Lock()

    def ask(self, address: str, now: float) -> None:
        """One more from this address, or a refusal."""
        with self._lock:
            wait = self._buckets.of(address, now).wait(now)
        if wait:
            raise Refusal(429, "too_many_demo_accounts", retry_after=wait)


class DemoAccounts:
    """Makes accounts at a market and sets them back. `funds`: what each begins with, in the currency; `per_hour`: asked
    for by one address, `per_day`: by all."""

    def __init__(self, *, market: str, funds: int, per_hour: int, per_day: int) -> None:
        self._market = market
        self._funds = funds * UNIT
        self._per_day = per_day
        self._strangers = Strangers(per_hour)

    @classmethod
    def from_settings(cls) -> "DemoAccounts":
        return cls(
            market=settings.MARKET,
            funds=settings.DEMO_FUNDS,
            per_hour=settings.DEMO_ACCOUNTS_PER_HOUR,
            per_day=settings.DEMO_ACCOUNTS_PER_DAY,
        )

    def make(self, address: str) -> User:
        """A fresh user with an account and funds, for whoever asks from this address. Nothing is made where no engine
        runs: a stranger does not come back for it."""
        self._need_engine()
        self._strangers.ask(address, time.monotonic())
        made = OperatorCommand.objects.filter(key__startswith=PREFIX, asked_at__gt=timezone.now() - DAY).count()
        if made >= self._per_day:
            raise Refusal(429, "demo_accounts_used_up", retry_after=HOUR)
        user = User(username=f"demo-{secrets.token_hex(4)}")
        user.set_unusable_password()
        user.save()
        opened = self._ask(user, OpenAccount(user.username), PREFIX + user.username)
        paid = self._ask(user, Deposit(user.username, self._funds))
        for row in (opened, paid):
            _finish(row)
        return user

    def reset(self, user: User, address: str) -> None:
        """The starting funds again. The account must be flat: its owner cancels and closes, as anybody else does."""
        account_id, view = self._account(user)
        positions = holdings.position_views(user_id=user.username, market=self._market)
        if positions or histories.live_orders(account_id=account_id):
            raise Refusal(409, "not_flat")
        self._strangers.ask(address, time.monotonic())
        missing = self._funds - view.figures.balance
        if missing:
            change = Deposit if missing > 0 else Withdraw
            _finish(self._ask(user, change(user.username, abs(missing))))

    def top_up(self, user: User, address: str) -> None:
        """What is missing of the starting funds, whatever the account holds."""
        _, view = self._account(user)
        self._strangers.ask(address, time.monotonic())
        missing = self._funds - view.figures.balance
        if missing > 0:
            _finish(self._ask(user, Deposit(user.username, missing)))

    def _account(self, user: User) -> tuple[int, holdings.AccountView]:
        """Of a user who got it here, while it can be changed."""
        if not is_demo_account(user):
            raise Refusal(403, "not_a_demo_account")
        self._need_engine()
        account_id = identities.account_id(user_id=user.username, market=self._market)
        view = holdings.account_view(user_id=user.username, market=self._market)
        if account_id is None or view is None:
            raise Refusal(503, "busy")
        return account_id, view

    def _need_engine(self) -> None:
        if not requests.engine_runs(self._market):
            raise Refusal(503, "closed")

    def _ask(self, user: User, command: AdminCommand, key: str | None = None) -> OperatorCommand:
        return requests.ask(command, market=self._market, asked_by=user, key=key)


def is_demo_account(user: User) -> bool:
    """Whether the account was opened here."""
    return OperatorCommand.objects.filter(key=PREFIX + user.username).exists()


def _finish(row: OperatorCommand) -> None:
    """Wait until the engine has done it."""
    if requests.wait(row).status == OperatorCommand.Status.REFUSED:
        raise Refusal(409, "refused", detail=f"{row.result} ({row.code})")
    if row.status == OperatorCommand.Status.PENDING:
        raise Refusal(504, "not_yet")
