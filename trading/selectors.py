"""The reader: everything that users and operators may see, from the rows of the last commit. Writes nothing.

The figures are computed by the core's own formulas, so they are those of the engine.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec
from django.db.models import Sum
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from trading.core.risk import Figures, Leg, Mark, Position
from trading.core.types import LIVE, NAME, Direction, Offset
from trading.models import Account, Instrument, Order
from trading.models import Position as PositionRow

LONGEST_TOKEN = 200


class Identity(msgspec.Struct, frozen=True):
    """Who has authenticated. `account_id` is None as long as the user has no account."""

    user_id: str
    account_id: int | None


class AccountView(msgspec.Struct, frozen=True):
    """An account's money, in 1/10,000."""

    user_id: str
    pre_balance: int
    deposits: int
    withdrawals: int
    float_profit: int
    figures: Figures


class PositionView(msgspec.Struct, frozen=True):
    """A position with what it takes to show it. `last_price` in 1/10,000, None before the first trade."""

    user_id: str
    position: Position
    multiplier: int
    last_price: int | None


# --- who


def identity_of_token(*, user_id: str, token: str) -> Identity | None:
    """The user, if the token is his, valid and not expired."""
    if not NAME.match(user_id) or not token.isascii() or not token.isprintable() or len(token) > LONGEST_TOKEN:
        return None
    try:
        user, _ = TokenAuthentication().authenticate_credentials(token.encode())
    except AuthenticationFailed:
        return None
    if user.username != user_id:
        return None
    return Identity(user_id, account_id(user_id=user_id))


def account_id(*, user_id: str) -> int | None:
    """The number of a user's account."""
    return Account.objects.filter(user_id=user_id).values_list("id", flat=True).first()


# --- instruments


def unknown_instruments(*, names: list[str]) -> list[str]:
    """Those of `names` that are not listed."""
    if not names:
        return []
    listed = set(Instrument.objects.filter(pk__in=names).values_list("pk", flat=True))
    return [name for name in names if name not in listed]


def instrument_list() -> list[Instrument]:
    return list(Instrument.objects.all())


# --- money and positions


def account_view(*, user_id: str) -> AccountView | None:
    """A user's account as it is now, or None if he has none."""
    row = Account.objects.filter(user_id=user_id).first()
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


def position_views(*, user_id: str, instrument_id: str | None = None) -> list[PositionView] | None:
    """A user's positions that are not flat, by instrument; None if he has no account."""
    account = Account.objects.filter(user_id=user_id).first()
    if account is None:
        return None
    held = _held_lots(account)
    return [
        PositionView(
            user_id=user_id,
            position=position_of(row, held[row.instrument_id, True], held[row.instrument_id, False]),
            multiplier=row.instrument.multiplier,
            last_price=row.instrument.last_price,
        )
        for row in _position_rows(account)
        if instrument_id in (None, row.instrument_id)
    ]


def _position_rows(account: Account) -> list[PositionRow]:
    rows = PositionRow.objects.filter(account=account).select_related("instrument").order_by("instrument_id")
    return [row for row in rows if row.long_today or row.long_his or row.short_today or row.short_his]


def _held_lots(account: Account) -> dict[tuple[str, bool], Leg]:
    """Lots that live closings hold, as legs with nothing but their frozen lots, by (instrument, is long)."""
    held: defaultdict[tuple[str, bool], Leg] = defaultdict(Leg)
    closings = Order.objects.filter(account=account, status__in=LIVE).exclude(offset=Offset.OPEN)
    sums = closings.values("instrument_id", "direction").annotate(his=Sum("his_held"), today=Sum("today_held"))
    for row in sums:
        leg = held[row["instrument_id"], row["direction"] == Direction.SELL]
        leg.his_frozen, leg.today_frozen = row["his"], row["today"]
    return held


def position_of(row: PositionRow, held_long: Leg | None = None, held_short: Leg | None = None) -> Position:
    """A position as the core knows it; `held` are legs with the lots that live closings hold, if they matter."""
    held_long, held_short = held_long or Leg(), held_short or Leg()
    instrument = row.instrument
    lot_value = (instrument.last_price or 0) * instrument.multiplier
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


def order(*, user_id: str, number: int) -> Order | None:
    """A user's own order; another's is as unknown as one that never was."""
    return Order.objects.filter(pk=number, account__user_id=user_id).select_related("account").first()


def order_is_finished(*, account_id: int, number: int) -> bool:
    """Whether an own order is filled or cancelled."""
    return Order.objects.filter(pk=number, account_id=account_id).exclude(status__in=LIVE).exists()
