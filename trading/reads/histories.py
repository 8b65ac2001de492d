"""What an account has done: its orders, trades, settled days and movements of money, from the rows of the last commit.
Of a history that grows without end a query looks through a part.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from django.db import connection
from django.db.models import Model, Q, QuerySet

from trading.core.numbers import number_at
from trading.core.types import LIVE
from trading.models import (
    IS_LIVE,
    Account,
    ArchiveFile,
    LedgerEntry,
    Order,
    Statement,
    Trade,
    TradeBreak,
    Transfer,
)
from trading.storage.sql import used_as

Row = TypeVar("Row", bound=Model)
LARGEST_ID = 2**63 - 1
LOOKED_THROUGH = 10_000
"""Rows of an account's history that one query looks through for what no index tells apart: some ten milliseconds,
however long the history is."""

SHORT_MS = 1_000
ORDER_NOW = "SELECT * FROM trading_order WHERE id = %s AND account_id = %s"
FILLS = (
    "SELECT * FROM trading_trade WHERE account_id = %s AND trade_id >= %s AND trade_id < %s AND order_id = %s"
    " ORDER BY trade_id DESC LIMIT %s"
)


class Span(msgspec.Struct, frozen=True):
    """Part of a history: what came from `from_time` to `to_time` (Unix ms) and has a number below `before`; the newest
    `limit` of it. Numbers tell the time, so they can be asked for instead of it."""

    from_time: int | None
    to_time: int | None
    before: int | None
    limit: int

    @property
    def first(self) -> int:
        """The lowest number that is wanted."""
        return 0 if self.from_time is None else _number_at(self.from_time)

    @property
    def end(self) -> int:
        """The lowest number that is too high."""
        end = LARGEST_ID if self.to_time is None else _number_at(self.to_time + 1)
        return end if self.before is None else min(end, self.before)


class Bounds(msgspec.Struct, frozen=True):
    """Part of an account's history by its numbers, from `first` to before `end`; the newest `limit` of it."""

    account_id: int
    first: int
    end: int
    limit: int = 1


def _number_at(time: int) -> int:
    return min(max(number_at(time), 0), LARGEST_ID)


# --- orders


def order(*, user_id: str, market: str, number: int) -> Order | None:
    """A user's own order at a market; any other is as unknown as one that never was."""
    mine = Order.objects.filter(pk=number, account__user_id=user_id, account__market=market)
    return mine.select_related("account").first()


def order_now(*, account_id: int, number: int) -> Order | None:
    """An account's own order. Written out: whoever places an order waits for it, and to build the query costs more than
    to run it."""
    return next(iter(Order.objects.raw(ORDER_NOW, [number, account_id])), None)


def order_known_as(*, account_id: int, client_order_id: str) -> int | None:
    """The order that has used up this own id for the trading day: of today, or one that was live when today began."""
    day = Account.objects.filter(pk=account_id).values_list("market__trading_day", flat=True).get()
    for day_of in ("trading_day", "known_day"):
        condition, values = used_as(connection, "%s", day_of, day, account_id, [client_order_id])
        sql = f"SELECT id FROM trading_order WHERE {condition} ORDER BY id DESC LIMIT 1"  # noqa: S608  # no value in it
        for order in Order.objects.raw(sql, values):
            return order.pk
    return None


def finished_orders(*, accounts: Sequence[int], numbers: list[int]) -> dict[int, tuple[str, int]]:
    """Status and filled lots of those of the numbers that are own orders which are filled or cancelled."""
    rows = Order.objects.filter(pk__in=numbers, account_id__in=accounts).exclude(status__in=LIVE)
    return {number: (status, filled) for number, status, filled in rows.values_list("pk", "status", "filled")}


def orders(
    *, account_id: int, instrument_id: str | None, statuses: Sequence[str] | None, span: Span
) -> tuple[list[Order], int | None]:
    """An account's orders by the time of their acceptance, newest first; and the number to go on `before`, None at the
    end. Live ones are found by an index; for others no more than `LOOKED_THROUGH` orders are looked through."""
    rows = Order.objects.filter(account_id=account_id)
    live = statuses is not None and set(statuses) <= set(LIVE)
    if live:
        rows = rows.filter(IS_LIVE)
    wanted = _given(instrument_id=instrument_id, status__in=statuses)
    return _page(rows.select_related("account"), "id", span, wanted, indexed=live)


def _page(
    rows: QuerySet[Row], key: str, span: Span | Bounds, wanted: dict[str, Any], *, indexed: bool
) -> tuple[list[Row], int | None]:
    """The newest rows of a span, and the number to go on `before`. `rows` have an index that ends with `key`; unless
    it finds what is `wanted`, only so many are looked through. (One lower bound: a second one does not help SQLite.)"""
    rows, first, reached = rows.filter(**{f"{key}__lt": span.end}).order_by(f"-{key}"), span.first, None
    if wanted and not indexed:
        numbers = rows.filter(**{f"{key}__gte": first}).values_list(key, flat=True)
        reached = next(iter(numbers[LOOKED_THROUGH - 1 : LOOKED_THROUGH]), None)
    start = first if reached is None else reached
    found = list(rows.filter(**{f"{key}__gte": start}, **wanted)[: span.limit + 1])
    return found[: span.limit], getattr(found[span.limit - 1], key) if len(found) > span.limit else reached


def activity(*, account_id: int) -> tuple[int, int]:
    """How many of the newest `LOOKED_THROUGH` orders there are, and in how many trades since the first of them the
    account had a side; of these, too, at most so many."""
    numbers = list(Order.objects.filter(account_id=account_id).order_by("-id").values_list("id")[:LOOKED_THROUGH])
    if not numbers:
        return 0, 0
    trades = Trade.objects.filter(account_id=account_id, trade_id__gt=numbers[-1][0]).order_by("-trade_id")
    return len(numbers), len(trades.values_list("trade_id")[:LOOKED_THROUGH])


def live_orders(*, account_id: int) -> list[Order]:
    """An account's orders that wait or rest, oldest first."""
    rows = Order.objects.filter(IS_LIVE, account_id=account_id)
    return list(rows.select_related("account").order_by("id"))


class Archived(msgspec.Struct, frozen=True):
    """What has left the tables: the days up to `day` (YYYYMMDD), and all that was over before `until` (Unix ms)."""

    day: int
    until: int

    def may_have(self, number: int) -> bool:
        """Whether an order or a trade of this number may be among it."""
        return number < _number_at(self.until)


def archived(*, market: str) -> Archived | None:
    """What is in the archive of a market, if anything is."""
    newest = ArchiveFile.objects.filter(market=market).order_by("-day").values_list("day", "until").first()
    return None if newest is None else Archived(*newest)


# --- trades and statements


def trades(
    *, account_id: int, instrument_id: str | None, order_number: int | None, span: Span
) -> tuple[list[Trade], int | None]:
    """An account's sides of its trades, newest first; and the number to go on `before`, None at the end. No more than
    `LOOKED_THROUGH` trades are looked through."""
    if order_number is not None:
        bounds = trades_of(order_number)
        if bounds is None or bounds.account_id != account_id:
            return [], None
        first, before = max(span.first, bounds.first), min(span.end, bounds.end)
        part: Span | Bounds = Bounds(account_id, first, before, span.limit)
    else:
        part = span
    wanted = _given(instrument_id=instrument_id, order_id=order_number)
    return _page(Trade.objects.filter(account_id=account_id), "trade_id", part, wanted, indexed=False)


def fills(*, order: Order, limit: int) -> tuple[list[Trade], int | None]:
    """The trades of an order, newest first; and the number to go on `before`, None at the end. Of an order that lives
    short there are few to look through."""
    if not order.filled:
        return [], None
    first, end = order.pk + 1, _number_at(order.changed_at + 1)
    if order.changed_at - order.accepted_at > SHORT_MS:
        mine = Trade.objects.filter(account_id=order.account_id)
        bounds = Bounds(order.account_id, first, end, limit)
        return _page(mine, "trade_id", bounds, {"order_id": order.pk}, indexed=False)
    found = list(Trade.objects.raw(FILLS, [order.account_id, first, end, order.pk, limit + 1]))
    return found[:limit], found[limit - 1].trade_id if len(found) > limit else None


def broken(trades: Sequence[Trade]) -> set[int]:
    """Which of an account's trades were taken back."""
    if not trades:
        return set()
    found = TradeBreak.objects.filter(account_id=trades[0].account_id, trade_id__in=[row.trade_id for row in trades])
    return set(found.values_list("trade_id", flat=True))


def trades_of(order_number: int) -> Bounds | None:
    """Where the trades of an order are: between the order and its last change. None if there is no such order."""
    known = Order.objects.filter(pk=order_number).only("account_id", "accepted_at", "updated_at").first()
    return None if known is None else Bounds(known.account_id, order_number + 1, _number_at(known.changed_at + 1))


def statements(*, account_id: int, from_day: int | None, to_day: int | None, limit: int) -> list[Statement]:
    """An account's settled days, newest first."""
    rows = Statement.objects.filter(account_id=account_id, **_given(day__gte=from_day, day__lte=to_day))
    return list(rows.order_by("-day")[:limit])


def ledger(*, account_id: int, before: int | None, limit: int) -> list[LedgerEntry]:
    """What changed an account's balance, newest first."""
    rows = LedgerEntry.objects.filter(account_id=account_id, **_given(id__lt=before))
    return list(rows.order_by("-id")[:limit])


def transfers(*, user_id: str, before: str | None, limit: int) -> list[Transfer]:
    """A user's transfers between markets, the last one sent first. `before`: the one where the page before ended."""
    rows = Transfer.objects.filter(user_id=user_id)
    if before is not None:
        last = rows.filter(pk=before).first()
        if last is None:
            return []
        rows = rows.filter(Q(sent_at__lt=last.sent_at) | Q(sent_at=last.sent_at, pk__gt=last.pk))
    return list(rows.order_by("-sent_at", "pk")[:limit])


def _given(**lookups: Any) -> dict[str, Any]:
    """The lookups that somebody asked for."""
    return {name: value for name, value in lookups.items() if value is not None}
