"""The prices that a trading day is settled at, from its trades, and the command that ends it: one a day, whoever asks.

Moves no money itself.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from time import time

import msgspec
from django.db.models import Max, Q, Sum

from trading.core.commands import SetMarketPhase, Settle
from trading.core.numbers import number_at
from trading.core.types import Direction, Phase, stored_name
from trading.models import Instrument, Market, OperatorCommand, SettlementPrice, Trade, User
from trading.operators import calendar, requests
from trading.operators.authority import approvals

HOUR = 3_600_000
LONGEST_DAY = 14 * 24 * HOUR
"""How far back the schedule is looked at: a trading day may go over holidays."""


def time_ms() -> int:
    """What the machine's clock shows, in Unix ms."""
    return int(time() * 1000)


class Price(msgspec.Struct, frozen=True):
    """An instrument before its settlement. `previous` is the last settlement price, `price` that of this day's trades,
    None when it has not traded; where all of them were broken, it is the previous one. In 1/10,000."""

    instrument_id: str
    previous: int
    price: int | None
    lots: int


def average(volumes: Mapping[int, int], tick: int) -> int:
    """The volume-weighted average of prices (price -> lots), rounded half up to the tick."""
    lots = sum(volumes.values())
    value = sum(price * volume for price, volume in volumes.items())
    return (2 * value + tick * lots) // (2 * tick * lots) * tick


def preview(market: str, now: int | None = None) -> list[Price]:
    """All instruments that can still trade, with what the trades since the last settlement say of their price. `now`:
    Unix ms, the machine's clock if it is not given."""
    listed = list(Instrument.objects.filter(market=market).exclude(phase=Phase.DELISTED))
    broken = Market.objects.filter(code=market).values_list("broken_trades", flat=True).first() or []
    return _prices(market, listed, broken, time_ms() if now is None else now)


def _prices(market: str, listed: list[Instrument], broken: list[int], now: int) -> list[Price]:
    settled = SettlementPrice.objects.filter(instrument__market=market).aggregate(last=Max("time"))
    since = settled["last"] or 0
    last: dict[str, int | None] = {row.pk: row.last_time for row in listed if row.last_time >= since}
    last |= _last_times(broken, since)
    hours = Hours(since, max([now, *(row.last_time for row in listed)]), _phases(market, since, now))
    volumes = _volumes({name: at for name, at in last.items() if at is not None}, hours, since, broken)
    return [_price(row, volumes.get(row.pk, {}), all_broken=last.get(row.pk, 0) is None) for row in listed]


def _price(row: Instrument, volumes: Mapping[int, int], *, all_broken: bool) -> Price:
    price = average(volumes, row.tick) if volumes else row.settlement if all_broken else None
    return Price(row.pk, row.settlement, price, sum(volumes.values()))


def _last_times(broken: list[int], since: int) -> dict[str, int | None]:
    """When the instruments whose trades were broken have last traded otherwise since then; None: they have not."""
    found: dict[str, int | None] = {}
    if not broken:
        return found
    for name in Trade.objects.filter(trade_id__in=broken).values_list("instrument", flat=True).distinct():
        others = Trade.objects.filter(instrument=name, trade_id__gte=max(0, number_at(since)), time__gte=since)
        others = others.exclude(trade_id__in=broken).order_by("-trade_id")
        found[name] = others.values_list("time", flat=True).first()
    return found


def _volumes(last: Mapping[str, int], hours: "Hours", since: int, broken: list[int]) -> dict[str, dict[int, int]]:
    """What each instrument has traded (price -> lots) in the hour of the session in which it has `last` traded, without
    trades that were broken. (Trade ids tell the time, and are the index.)"""
    by_start: dict[int, list[str]] = {}
    for name, at in last.items():
        by_start.setdefault(hours.begins(at), []).append(name)
    volumes: dict[str, dict[int, int]] = {}
    for start, names in by_start.items():
        trades = Trade.objects.filter(
            trade_id__gte=max(0, number_at(max(since, start))),
            time__gte=start,
            direction=Direction.BUY,
            instrument__in=names,
        ).exclude(trade_id__in=broken)
        sums = trades.order_by().values("instrument", "price").annotate(lots=Sum("volume"))
        for name, price, lots in sums.values_list("instrument", "price", "lots"):
            volumes.setdefault(name, {})[price] = lots
    return volumes


def _phases(market: str, since: int, now: int) -> list[tuple[int, str]]:
    """When the market went into which phase since a moment; where nobody asked for any, when its schedule says so."""
    asked = OperatorCommand.objects.filter(
        market=market,
        kind=stored_name(SetMarketPhase),
        status=OperatorCommand.Status.DONE,
        finished_at__gt=since,
        finished_at__lte=now,
    )
    done = [(at or 0, payload["phase"]) for at, payload in asked.order_by("id").values_list("finished_at", "payload")]
    row = Market.objects.filter(code=market).first()
    if done or row is None:
        return done
    first = max(since, now - LONGEST_DAY)
    planned = calendar.calendar_of(row).due(*(datetime.fromtimestamp(at / 1000, UTC) for at in (first, now)))
    return [(int(action.at.timestamp() * 1000), action.action) for action in planned if not action.settles]


class Hours:
    """The hours of a session, counted back from its end over the time in which trading was continuous. Unix ms."""

    def __init__(self, since: int, now: int, phases: Iterable[tuple[int, str]]) -> None:
        self._open: list[tuple[int, int]] = []
        opened: int | None = since
        for at, phase in phases:
            if phase == Phase.CONTINUOUS:
                opened = at if opened is None else opened
            elif opened is not None:
                self._open.append((opened, at))
                opened = None
        if opened is not None:
            self._open.append((opened, now))

    def begins(self, moment: int) -> int:
        """When the hour of a moment began. The first millisecond of an hour belongs to it; what is traded after the end
        belongs to the last hour."""
        left = sum(max(0, end - max(start, moment)) for start, end in self._open)
        hours = max(1, -(-left // HOUR)) * HOUR
        for start, end in reversed(self._open):
            if end - start >= hours:
                return end - hours
            hours -= end - start
        return self._open[0][0] if self._open else 0


def settle(
    market: str,
    day: int,
    next_day: int,
    given: Mapping[str, int],
    *,
    now: int | None = None,
    confirmed: bool = False,
) -> Settle:
    """The command that ends a day. `given` prices stand before those of the trades; one outside the day's limits must
    be `confirmed`. Where none is given there is nothing to confirm: trades have made all of them. `now`: Unix ms."""
    found = {row.instrument_id: row.price for row in preview(market, now) if row.price is not None}
    return Settle(day, next_day, {**found, **given}, confirmed=confirmed or not given)


def ask(
    command: Settle, *, market: str, asked_by: User | None = None, reason: str = "", address: str = ""
) -> OperatorCommand:
    """Put the settlement of a day before the engine: the shell, the admin and the schedule all ask here.

    The key is the market and the day. Whoever asks for a day that waits or is settled gets the command that was asked
    first, which may name other prices; what was refused is asked anew, under the next number.
    """
    approvals.expire(market)
    key = f"settle:{market}:{command.day}"
    earlier = OperatorCommand.objects.filter(Q(key=key) | Q(key__startswith=f"{key}:")).order_by("id")
    refused = 0
    for row in earlier:
        if row.status != OperatorCommand.Status.REFUSED:
            return row
        refused += 1
    numbered = f"{key}:{refused}" if refused else key
    return requests.ask(command, market=market, asked_by=asked_by, key=numbered, reason=reason, address=address)
