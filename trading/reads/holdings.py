"""Money and positions as they are now, from the rows of the last commit. The figures are computed by the core's own
formulas, so they are those of the engine.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec
from django.db.models import Sum

from trading.core.accounts import Leg, Mark, Position
from trading.core.numbers import time_of
from trading.core.types import Direction, Figures, Offset
from trading.models import IS_LIVE, Account, Order, PositionDetail
from trading.models import Position as PositionRow


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
