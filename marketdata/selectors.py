"""The reader: stored bars, and the trades that they are made of. Tells nobody whose trades they are. Writes nothing."""

from collections.abc import Iterator

import msgspec
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum

from marketdata.core.bars import MINUTE, Bar, Match, Period, calendar_day, day_start, opened
from marketdata.core.day import Reference, Statistics, statistics
from marketdata.core.trades import PublicTrade
from marketdata.models import Bar as BarRow
from marketdata.models import Watermark
from trading.core.commands import Settle
from trading.core.events import DaySettled
from trading.core.numbers import number_at
from trading.core.types import Direction, Phase, stored_name
from trading.models import ArchiveFile, CarriedForward, Instrument, OperatorCommand, Trade
from trading.reads.histories import LARGEST_ID

BAR_FIELDS = ("instrument_id", *Bar.__struct_fields__[1:])
"""The columns of a bar, in the order of its struct."""
RECENT = 50
"""Trades that newcomers are shown."""


class Mark(msgspec.Struct, frozen=True):
    """How far stored bars go: the number of the last trade inside, and how often they were rebuilt."""

    trade: int = 0
    rebuilds: int = 0


# --- bars


def bars(*, instrument_id: str, period: Period, before: int | None = None, limit: int) -> list[Bar]:
    """The bars that start before a moment (Unix ms), the newest `limit` of them, newest first."""
    rows = BarRow.objects.filter(instrument=instrument_id, period=period)
    if before is not None:
        rows = rows.filter(start__lt=before)
    return bars_of(rows.order_by("-start")[:limit])


def bars_of(rows: QuerySet[BarRow]) -> list[Bar]:
    """Rows as the core knows them."""
    return [Bar(name, Period(period), *values) for name, period, *values in rows.values_list(*BAR_FIELDS)]


def present_bars(*, market: str, using: str = "default") -> list[Bar]:
    """The last stored bar of each instrument and period."""
    rows = BarRow.objects.using(using)
    found: list[Bar] = []
    for name in Instrument.objects.using(using).filter(market=market).values_list("pk", flat=True):
        for period in Period:
            found += bars_of(rows.filter(instrument=name, period=period).order_by("-start")[:1])
    return found


def mark(*, market: str, using: str = "default") -> Mark:
    """How far the stored bars of a market go."""
    found = Watermark.objects.using(using).filter(market=market).values_list("trade", "rebuilds").first()
    return Mark() if found is None else Mark(*found)


# --- what bars are made of


def matches(
    *, market: str, after: int, until: int | None, most: int, instrument_id: str | None = None, using: str = "default"
) -> list[Match]:
    """Stored trades with numbers above `after`, up to `until` (None: all), the first `most` of them."""
    rows = Trade.objects.using(using).filter(trade_id__gt=after, instrument__market=market)
    if until is not None:
        rows = rows.filter(trade_id__lte=until)
    if instrument_id is not None:
        rows = rows.filter(instrument=instrument_id)
    fields = ("trade_id", "instrument_id", "instrument__multiplier", "price", "volume", "time", "offset")
    sides = iter(rows.order_by("trade_id", "direction").values_list(*fields)[: 2 * most])
    return [
        Match(number, name, multiplier, price, volume, time, opened(offset, seller[-1]))
        for (number, name, multiplier, price, volume, time, offset), seller in zip(sides, sides, strict=True)
    ]


def archived_until(*, market: str, using: str = "default") -> int:
    """The moment (Unix ms) before which trades are in archive files, 0 where none are."""
    found = ArchiveFile.objects.using(using).filter(market=market).order_by("-day").values_list("until", flat=True)
    return found.first() or 0


def archived_open_interest(*, market: str) -> dict[str, int]:
    """Lots held long (and as many short) of each instrument after the last of the archived trades."""
    rows = CarriedForward.objects.filter(account__market=market, kind=CarriedForward.Kind.LONG)
    return dict(rows.values_list("subject").annotate(Sum("amount")))


def last_trade(*, market: str, using: str = "default") -> int:
    """The number of the last trade, 0 before the first."""
    found = Trade.objects.using(using).filter(instrument__market=market).order_by("-trade_id", "-direction")
    return found.values_list("trade_id", flat=True).first() or 0


def settled_days(*, market: str, using: str = "default") -> list[DaySettled]:
    """Every settlement that the market has seen. (Nobody but operators can ask for one, and what they have asked is
    kept for good.)"""
    done = OperatorCommand.objects.using(using).filter(
        market=market, kind=stored_name(Settle), status=OperatorCommand.Status.DONE
    )
    found = []
    for payload, time in done.order_by("finished_at", "id").values_list("payload", "finished_at"):
        command = msgspec.convert(payload, Settle)
        found.append(DaySettled(command.day, command.next_day, time or 0))
    return found


# --- what is now


def day_statistics(*, market: str, time: int, instrument_id: str | None = None) -> list[Statistics]:
    """The trading day so far of an instrument of a market, or of all of them by name, as far as it is stored. Two
    queries, however many."""
    last_start = BarRow.objects.filter(instrument=OuterRef("pk"), period=Period.DAY).order_by("-start").values("pk")[:1]
    rows = Instrument.objects.filter(market=market).select_related("market").annotate(last_bar=Subquery(last_start))
    instruments = list(rows if instrument_id is None else rows.filter(pk=instrument_id))
    found = bars_of(BarRow.objects.filter(pk__in=[vars(row)["last_bar"] for row in instruments]))
    last_bars = {bar.instrument_id: bar for bar in found}
    return [_day_of(row, last_bars.get(row.pk), time) for row in instruments]


def _day_of(row: Instrument, last: Bar | None, time: int) -> Statistics:
    trading_day = row.market.trading_day
    start = day_start(trading_day) if trading_day else calendar_day(time)
    today = last if last is not None and last.start >= start else None
    reference = Reference(row.settlement, row.limit_up, row.limit_down, row.phase == Phase.DELISTED)
    return statistics(row.pk, today, last.open_interest if last is not None else 0, reference)


def recent_trades(*, instrument_id: str, limit: int = RECENT) -> list[PublicTrade]:
    """The last matches of an instrument, newest first.

    Trades are found by number, which tells the time: the minute bars say when the instrument has traded, so nobody
    looks through the trades of all others for an instrument that trades once a day.
    """
    found: list[PublicTrade] = []
    for first, end in _spans(instrument_id, limit):
        rows = Trade.objects.filter(trade_id__gte=first, trade_id__lt=end, instrument=instrument_id)
        rows = rows.filter(Q(is_maker=False) | Q(is_maker=None, direction=Direction.BUY.value))  # one side of each
        wanted = rows.order_by("-trade_id").values_list("price", "volume", "time", "direction", "is_maker")
        found += [
            PublicTrade(price, volume, time, None if is_maker is None else Direction(direction))
            for price, volume, time, direction, is_maker in wanted[: limit - len(found)]
        ]
        if len(found) == limit:
            break
    return found


def last_trades(*, market: str) -> dict[str, PublicTrade]:
    """The last match of each instrument that has traded."""
    found: dict[str, PublicTrade] = {}
    for name in Instrument.objects.filter(market=market).values_list("pk", flat=True):
        for trade in recent_trades(instrument_id=name, limit=1):
            found[name] = trade
    return found


def _spans(instrument_id: str, minutes: int) -> Iterator[tuple[int, int]]:
    """Where to look for the last trades, newest first, as (first number, number after the last): what is not in the
    bars yet, then the last minutes in which the instrument has traded."""
    stored = Watermark.objects.filter(market__instrument=instrument_id).values_list("trade", flat=True).first() or 0
    yield stored + 1, LARGEST_ID
    for bar in bars(instrument_id=instrument_id, period=Period.MINUTE, limit=minutes):
        yield number_at(bar.start), min(number_at(bar.start + MINUTE), stored + 1)
