"""The reader: everything that users and operators may see, from the rows of the last commit. Writes nothing.

Whoever asks names the market, or an account, which is of one market: nothing of another is found. The figures are
computed by the core's own formulas, so they are those of the engine.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from django.db import connection
from django.db.models import Model, Q, QuerySet, Sum
from django.utils import timezone
from knox.crypto import hash_token

from trading.core.accounts import Leg, Mark, Position
from trading.core.types import LIVE, NAME, Direction, Figures, Offset, number_at, time_of
from trading.models import (
    IS_LIVE,
    AccessToken,
    Account,
    ArchiveFile,
    Instrument,
    LedgerEntry,
    Order,
    PositionDetail,
    Statement,
    Trade,
    TradeBreak,
    Transfer,
)
from trading.models import Position as PositionRow
from trading.storage.sql import used_as

Row = TypeVar("Row", bound=Model)
LONGEST_TOKEN = 200
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


class Identity(msgspec.Struct, frozen=True):
    """Who has authenticated, with which token (its digest), and whether it may trade. `account_id` is None as long as
    the user has no account. `disconnected`: his orders will be cancelled, because a connection of his was lost."""

    user_id: str
    account_id: int | None
    token: str
    may_trade: bool
    disconnected: bool = False


class AccountView(msgspec.Struct, frozen=True):
    """An account's money, in 1/10,000."""

    user_id: str
    pre_balance: int
    deposits: int
    withdrawals: int
    float_profit: int
    figures: Figures


class LotView(msgspec.Struct, frozen=True):
    """A line of a position's detail. `cost` of all its lots in 1/10,000, `time` in Unix ms."""

    direction: Direction
    lots: int
    cost: int
    time: int
    today: bool


class PositionView(msgspec.Struct, frozen=True):
    """A position with what it takes to show it. `last_price` in 1/10,000, None before the first trade. `lots`: None
    where nobody has asked for them."""

    user_id: str
    position: Position
    multiplier: int
    last_price: int | None
    lots: list[LotView] | None = None


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


# --- who


def digest_of(token: str) -> str:
    """By which a token is known: its text is kept nowhere. Empty for what can be none of ours."""
    possible = token.isascii() and token.isprintable() and len(token) <= LONGEST_TOKEN
    return str(hash_token(token)) if possible else ""


def identity_of_token(*, token: str, market: str, user_id: str | None = None) -> Identity | None:
    """The user with the account at a market, if the token is valid and not expired, and theirs if somebody is named."""
    digest = digest_of(token)
    if not digest or (user_id is not None and not NAME.match(user_id)):
        return None
    row = _valid([digest]).select_related("user").filter(**_given(user__username=user_id)).first()
    if row is None:
        return None
    user_id = row.user.username
    found = Account.objects.filter(user_id=user_id, market=market).values_list("id", "disconnect_at").first()
    number, deadline = found or (None, None)
    may_trade = row.scope == AccessToken.Scope.TRADE
    return Identity(user_id, number, row.digest, may_trade, disconnected=deadline is not None)


def valid_tokens(*, digests: Iterable[str]) -> set[str]:
    """Those tokens that still let their users in."""
    return set(_valid(digests).values_list("pk", flat=True))


def _valid(digests: Iterable[str]) -> QuerySet[AccessToken]:
    known: QuerySet[AccessToken] = AccessToken.objects.filter(pk__in=list(digests), user__is_active=True)
    return known.exclude(expiry__lte=timezone.now())


def tokens(*, user_id: str) -> QuerySet[AccessToken]:
    """A user's tokens that are valid, newest first."""
    mine: QuerySet[AccessToken] = AccessToken.objects.filter(user__username=user_id, user__is_active=True)
    return mine.exclude(expiry__lte=timezone.now()).order_by("-created", "digest")


def account_id(*, user_id: str, market: str) -> int | None:
    """The number of a user's account at a market."""
    return Account.objects.filter(user_id=user_id, market=market).values_list("id", flat=True).first()


# --- instruments


def unknown_instruments(*, names: list[str], market: str) -> list[str]:
    """Those of `names` that are not listed at a market."""
    if not names:
        return []
    listed = set(Instrument.objects.filter(pk__in=names, market=market).values_list("pk", flat=True))
    return [name for name in names if name not in listed]


def instrument_list(*, market: str, instrument_id: str | None = None) -> list[Instrument]:
    """All instruments of a market, or the one named."""
    rows = Instrument.objects.filter(market=market)
    return list(rows if instrument_id is None else rows.filter(pk=instrument_id))


# --- money and positions


def account_view(*, user_id: str, market: str) -> AccountView | None:
    """A user's account at a market as it is now, or None if they have none."""
    row = Account.objects.filter(user_id=user_id, market=market).first()
    if row is None:
        return None
    positions = [position_of(found) for found in _position_rows(row)]
    return AccountView(
        user_id=user_id,
        pre_balance=row.pre_balance,
        deposits=row.deposits,
        withdrawals=row.withdrawals,
        float_profit=sum(position.float_profit for position in positions),
        figures=_figures(row, sum(position.profit for position in positions)),
    )


def account_figures(*, accounts: Iterable[Account]) -> dict[int, Figures]:
    """The money of many accounts as it is now, by account number; one query for all."""
    rows = list(accounts)
    profits: defaultdict[int, int] = defaultdict(int)
    for found in PositionRow.objects.filter(account__in=rows).select_related("instrument"):
        profits[found.account_id] += position_of(found).profit
    return {row.pk: _figures(row, profits[row.pk]) for row in rows}


def _figures(row: Account, position_profit: int) -> Figures:
    return Figures(
        static_balance=row.pre_balance + row.deposits - row.withdrawals,
        close_profit=row.close_profit,
        position_profit=position_profit,
        commission=row.commission,
        margin=row.margin,
        hold=row.hold,
    )


def position_views(
    *, user_id: str, market: str, instrument_id: str | None = None, with_lots: bool = False
) -> list[PositionView] | None:
    """A user's positions at a market that are not flat, by instrument; None if they have no account."""
    account = Account.objects.filter(user_id=user_id, market=market).first()
    if account is None:
        return None
    held = _held_lots(account)
    details = _details(account) if with_lots else None
    return [
        PositionView(
            user_id=user_id,
            position=position_of(row, held[row.instrument_id, True], held[row.instrument_id, False]),
            multiplier=row.instrument.multiplier,
            last_price=row.instrument.last_price,
            lots=None if details is None else _lots(row, details),
        )
        for row in _position_rows(account)
        if instrument_id in (None, row.instrument_id)
    ]


Details = dict[tuple[str, bool], list[PositionDetail]]
"""Lines of position details by instrument and whether they are long, the first opened first."""


def _details(account: Account) -> Details:
    found: Details = {}
    for line in PositionDetail.objects.filter(account=account):
        found.setdefault((line.instrument_id, line.pk > 0), []).append(line)
    for lines in found.values():
        lines.sort(key=lambda line: abs(line.pk))
    return found


def _lots(row: PositionRow, details: Details) -> list[LotView]:
    """Of each leg, yesterday's lots come first, and no line has lots of both days."""
    found: list[LotView] = []
    for direction, his in ((Direction.BUY, row.long_his), (Direction.SELL, row.short_his)):
        before = 0
        for line in details.get((row.instrument_id, direction is Direction.BUY), []):
            found.append(LotView(direction, line.lots, line.cost, time_of(abs(line.pk)), today=before >= his))
            before += line.lots
    return found


def _position_rows(account: Account) -> list[PositionRow]:
    rows = PositionRow.objects.filter(account=account).select_related("instrument").order_by("instrument_id")
    return [row for row in rows if row.long_today or row.long_his or row.short_today or row.short_his]


def _held_lots(account: Account) -> dict[tuple[str, bool], Leg]:
    """Lots that live closings hold, as legs with nothing but their frozen lots, by (instrument, is long)."""
    held: defaultdict[tuple[str, bool], Leg] = defaultdict(Leg)
    closings = Order.objects.filter(IS_LIVE, account=account).exclude(offset=Offset.OPEN)
    sums = closings.values("instrument_id", "direction").annotate(his=Sum("his_held"), today=Sum("today_held"))
    for row in sums:
        leg = held[row["instrument_id"], row["direction"] == Direction.SELL]
        leg.his_frozen, leg.today_frozen = row["his"] or 0, row["today"] or 0
    return held


def position_of(row: PositionRow, held_long: Leg | None = None, held_short: Leg | None = None) -> Position:
    """A position as the core knows it; `held` are legs with the lots that live closings hold, if they matter."""
    held_long, held_short = held_long or Leg(), held_short or Leg()
    instrument = row.instrument
    lot_value = (instrument.mark_price or 0) * instrument.multiplier
    long = Leg(
        row.long_today,
        row.long_his,
        row.long_today_cost,
        row.long_his_cost,
        row.long_his_open_cost,
        held_long.today_frozen,
        held_long.his_frozen,
        row.long_margin,
    )
    short = Leg(
        row.short_today,
        row.short_his,
        row.short_today_cost,
        row.short_his_cost,
        row.short_his_open_cost,
        held_short.today_frozen,
        held_short.his_frozen,
        row.short_margin,
    )
    mark = Mark(lot_value, instrument.margin_long, instrument.margin_short)
    return Position(row.instrument_id, mark, long, short, long.lots - short.lots, long.cost - short.cost)


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
