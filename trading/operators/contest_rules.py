"""The rules of a contest. What the engine can hold everybody to, it is asked to: positions and live orders as rules of
the account, from the start to the end. Which instruments are traded is looked at; whoever trades another one may only
close positions from then on. Where rules are not enforced, what breaks them is only written down.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from django.db.models import Count

from trading.core.commands import AdminCommand, SetAccountRules, SetCloseOnly
from trading.core.numbers import number_at
from trading.models import IS_HELD, IS_LIVE, Account, Contest, ContestBreach, Instrument, Order, Position, Trade
from trading.operators import requests
from trading.storage.mapping import rules_of

Rule = ContestBreach.Rule
Breach = tuple[int, str, str]
"""An account, a rule, an instrument."""


def allowed(contest: Contest) -> list[str]:
    """The instruments of a contest; none: all."""
    return [name for name in (part.strip() for part in contest.instruments.split(",")) if name]


def unknown(market: str, names: Iterable[str]) -> list[str]:
    """Names that are no instruments of a market."""
    wanted = set(names)
    return sorted(wanted - set(Instrument.objects.filter(pk__in=wanted, market=market).values_list("pk", flat=True)))


# --- what the engine is asked


def bind(contest: Contest) -> None:
    """At the start: the limits become rules of the accounts."""
    if contest.enforced and (contest.max_position is not None or contest.max_orders is not None):
        _ask_all(contest, "bind", (_bound(contest, account) for account in _accounts(contest)))


def release(contest: Contest) -> None:
    """At the end: limits that are still those of the contest are the instruments' own again, and whoever was held to
    closing may open positions."""
    if not contest.enforced:
        return
    _ask_all(contest, "release", (_free(account) for account in _accounts(contest) if _is_bound(contest, account)))
    held = contest.breaches.filter(rule=Rule.INSTRUMENT).values_list("account__user__username", flat=True).distinct()
    _ask_all(contest, "open", (SetCloseOnly(False, name) for name in held))


def _accounts(contest: Contest) -> Iterable[Account]:
    return Account.objects.filter(pk__in=contest.entries.values("account_id")).order_by("pk")


def _bound(contest: Contest, account: Account) -> SetAccountRules:
    rules = rules_of(account.rules)
    if contest.max_position is not None:
        rules = msgspec.structs.replace(rules, max_position=contest.max_position)
    if contest.max_orders is not None:
        rules = msgspec.structs.replace(rules, max_orders=contest.max_orders)
    return SetAccountRules(account.user_id, rules)


def _is_bound(contest: Contest, account: Account) -> bool:
    limits = contest.max_position, contest.max_orders
    return limits != (None, None) and _bound(contest, account).rules == rules_of(account.rules)


def _free(account: Account) -> SetAccountRules:
    rules = msgspec.structs.replace(rules_of(account.rules), max_position=None, max_orders=None)
    return SetAccountRules(account.user_id, rules)


def _ask_all(contest: Contest, deed: str, commands: Iterable[AdminCommand]) -> None:
    """Each once, whoever asks again: the key names the contest, the deed and the account."""
    for number, command in enumerate(commands):
        name = getattr(command, "user_id", None) or str(number)
        key = f"contest:{contest.pk}:{deed}:{name}"
        requests.ask(command, market=contest.market_id, asked_by=None, key=key[:64], reason=contest.name)


# --- what is looked at


def watch(contest: Contest, now: datetime) -> int:
    """Write down what breaks a rule now, or has since the last look; how many are new. Whoever traded what is not
    allowed may only close from now on, if rules are enforced."""
    known = set(contest.breaches.values_list("account_id", "rule", "instrument_id"))
    found = sorted({*_too_large(contest), *_too_many(contest), *_elsewhere(contest)} - known)
    rows = [
        ContestBreach(contest=contest, account_id=number, rule=rule, instrument_id=name, seen_at=now)
        for number, rule, name in found
    ]
    ContestBreach.objects.bulk_create(rows, ignore_conflicts=True)
    if contest.enforced:
        closing = {number for number, rule, _name in found if rule == Rule.INSTRUMENT}
        names = Account.objects.filter(pk__in=closing).values_list("user__username", flat=True)
        _ask_all(contest, "close", (SetCloseOnly(True, name) for name in sorted(names)))
    return len(rows)


def _too_large(contest: Contest) -> Iterator[Breach]:
    if contest.max_position is None:
        return
    rows = Position.objects.filter(account_id__in=contest.entries.values("account_id"))
    for row in rows.filter(IS_HELD):
        if max(row.long_today + row.long_his, row.short_today + row.short_his) > contest.max_position:
            yield row.account_id, Rule.POSITION, row.instrument_id


def _too_many(contest: Contest) -> Iterator[Breach]:
    if contest.max_orders is None:
        return
    rows = Order.objects.filter(IS_LIVE, account_id__in=contest.entries.values("account_id")).order_by()
    counted = rows.values("account_id", "instrument_id").annotate(count=Count("pk"))
    for row in counted.filter(count__gt=contest.max_orders):
        yield row["account_id"], Rule.ORDERS, row["instrument_id"]


def _elsewhere(contest: Contest) -> Iterator[Breach]:
    """Trades since the last look; their numbers grow with their times, so an index finds them."""
    names = allowed(contest)
    if not names or contest.looked_at is None:
        return
    first = number_at(int(contest.looked_at.timestamp() * 1000))
    accounts = contest.entries.values("account_id")
    rows = Trade.objects.filter(account_id__in=accounts, trade_id__gte=first).exclude(instrument_id__in=names)
    for number, name in rows.order_by().values_list("account_id", "instrument_id").distinct():
        yield number, Rule.INSTRUMENT, name
