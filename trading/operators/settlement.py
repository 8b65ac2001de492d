"""The prices that a trading day is settled at, from its trades, and the command that ends it: one a day, whoever asks.

Moves no money itself.
"""

from collections.abc import Mapping

import msgspec
from django.db.models import F, Max, Q, Sum

from trading.core.commands import Settle
from trading.core.types import Direction, Phase, number_at
from trading.models import Instrument, OperatorCommand, SettlementPrice, Trade, User
from trading.operators import requests

HOUR = 3_600_000


class Price(msgspec.Struct, frozen=True):
    """An instrument before its settlement. `previous` is the last settlement price, `price` that of this day's trades,
    None when it has not traded. In 1/10,000."""

    instrument_id: str
    previous: int
    price: int | None
    lots: int


def average(volumes: Mapping[int, int], tick: int) -> int:
    """The volume-weighted average of prices (price -> lots), rounded half up to the tick."""
    lots = sum(volumes.values())
    value = sum(price * volume for price, volume in volumes.items())
    return (2 * value + tick * lots) // (2 * tick * lots) * tick


def preview(market: str) -> list[Price]:
    """All instruments that can still trade, with what the trades since the last settlement say of their price."""
    hours = _last_hours(market)
    listed = Instrument.objects.filter(market=market).exclude(phase=Phase.DELISTED)
    return [_price(row, hours.get(row.pk, {})) for row in listed]


def _price(row: Instrument, volumes: Mapping[int, int]) -> Price:
    price = average(volumes, row.tick) if volumes else None
    return Price(row.pk, row.settlement, price, sum(volumes.values()))


def _last_hours(market: str) -> dict[str, dict[int, int]]:
    """What each instrument has traded (price -> lots) in the hour that ended with its last trade, since the last
    settlement. (Trade ids tell the time, and are the index.)"""
    settled = SettlementPrice.objects.filter(instrument__market=market).aggregate(last=Max("time"))
    since = settled["last"] or 0
    trades = Trade.objects.filter(
        trade_id__gte=max(0, number_at(since)),
        time__gte=F("instrument__last_time") - HOUR,
        direction=Direction.BUY,
        instrument__market=market,
    )
    hours: dict[str, dict[int, int]] = {}
    sums = trades.order_by().values("instrument", "price").annotate(lots=Sum("volume"))
    for name, price, lots in sums.values_list("instrument", "price", "lots"):
        hours.setdefault(name, {})[price] = lots
    return hours


def settle(market: str, day: int, next_day: int, given: Mapping[str, int]) -> Settle:
    """The command that ends a day. `given` prices stand before those of the trades."""
    found = {row.instrument_id: row.price for row in preview(market) if row.price is not None}
    return Settle(day, next_day, {**found, **given})


def ask(command: Settle, *, market: str, asked_by: User | None = None) -> OperatorCommand:
    """Put the settlement of a day before the engine: the shell, the admin and the schedule all ask here.

    The key is the market and the day. Whoever asks for a day that waits or is settled gets the command that was asked
    first, which may name other prices; what was refused is asked anew, under the next number.
    """
    key = f"settle:{market}:{command.day}"
    earlier = OperatorCommand.objects.filter(Q(key=key) | Q(key__startswith=f"{key}:")).order_by("id")
    refused = 0
    for row in earlier:
        if row.status != OperatorCommand.Status.REFUSED:
            return row
        refused += 1
    return requests.ask(command, market=market, asked_by=asked_by, key=f"{key}:{refused}" if refused else key)
