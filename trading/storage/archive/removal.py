"""What is in an archive file leaves the tables, a portion at a time, each in a transaction of its own.

What is taken out is added to what is carried forward in the same transaction, so the books agree at every moment, and
whoever is killed in between goes on where they stopped.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connections, transaction
from django.db.models import Model, Q, QuerySet

from trading.core.types import LIVE, Direction, Offset
from trading.models import ArchiveFile, CarriedForward, JournalBatch, LedgerEntry, Order, Trade

PORTION = 500
"""Rows of a transaction, which an order may have to wait for. Even, for trades have two rows."""
Kind = CarriedForward.Kind
Sums = Counter[tuple[int, str, str]]
"""By account, kind and subject."""
ORDER_OF_REMOVAL: tuple[type[Model], ...] = (JournalBatch, LedgerEntry, Trade, Order)
"""Trades refer to orders."""


def archived(file: ArchiveFile, using: str) -> dict[type[Model], QuerySet[Any]]:
    """The rows that belong into a file, or into an earlier one, in the order of their keys. None of them changes any
    more: what may be written there is set when a file is made."""
    of_market = {"account__market": file.market_id}
    changed = Q(updated_at__lt=file.until) | Q(updated_at=None, accepted_at__lt=file.until)
    over = Order.objects.using(using).filter(changed, **of_market, trading_day__lte=file.day)
    over = over.filter(Q(known_day=None) | Q(known_day__lte=file.day)).exclude(status__in=LIVE)
    journal = JournalBatch.objects.using(using).filter(market=file.market_id, number__lte=file.last_batch)
    return {
        JournalBatch: journal.order_by("number"),
        Order: over.order_by("id"),
        Trade: Trade.objects.using(using).filter(**of_market, time__lt=file.until).order_by("trade_id", "direction"),
        LedgerEntry: LedgerEntry.objects.using(using).filter(**of_market, time__lt=file.until).order_by("id"),
    }


def portions(rows: QuerySet[Any], key: str, columns: list[str], many: int) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in the order of their key, which is the first column; no read goes on for long. Two rows may share a key."""
    after = -1
    while found := list(rows.filter(**{f"{key}__gt": after}).values_list(*columns)[:many]):
        yield found
        after = found[-1][0]


def remove(file: ArchiveFile, using: str, portion: int, sleep: Callable[[float], object]) -> None:
    """Take out what is in a file. Between two portions the database is the engine's for as long as one took."""
    for model in ORDER_OF_REMOVAL:
        more = True
        while more:
            began = time.monotonic()
            with transaction.atomic(using=using):
                ArchiveFile.objects.using(using).select_for_update().get(pk=file.pk)
                rows = list(archived(file, using)[model][:portion])
                _carry(model, rows, using)
                _same(model, rows, archived(file, using)[model])._raw_delete(using)
            more = len(rows) == portion
            sleep(time.monotonic() - began)
    file.removed = True
    file.save(using=using, update_fields=["removed"])


def _same(model: type[Model], rows: list[Any], found: QuerySet[Any]) -> QuerySet[Any]:
    """The first rows of `found`, to be deleted. Those of the journal have a key of two columns, and are told by the
    last of them: a condition for each would be as deep as they are many."""
    if not rows:
        return found.none()
    if model is JournalBatch:
        return found.order_by().filter(number__lte=rows[-1].number)
    return model._default_manager.using(found.db).filter(pk__in=[row.pk for row in rows])


def _carry(model: type[Model], rows: list[Any], using: str) -> None:
    sums: Sums = Counter()
    if model is LedgerEntry:
        for row in rows:
            sums[row.account_id, Kind.LEDGER, row.kind] += row.amount
    elif model is Trade:
        for row in rows:
            opens, buys = row.offset == Offset.OPEN, row.direction == Direction.BUY
            sums[row.account_id, Kind.COMMISSION, ""] += row.commission
            sums[row.account_id, Kind.CLOSE_PROFIT, ""] += row.close_profit
            leg = Kind.LONG if opens == buys else Kind.SHORT
            sums[row.account_id, leg, row.instrument_id] += row.volume if opens else -row.volume
            sums[row.account_id, Kind.FILLED, str(row.order_id)] += row.volume
    elif model is Order:
        gone = [str(row.pk) for row in rows]
        CarriedForward.objects.using(using).filter(kind=Kind.FILLED, subject__in=gone).delete()
    with connections[using].cursor() as cursor:
        cursor.executemany(
            "INSERT INTO trading_carriedforward (account_id, kind, subject, amount) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (account_id, kind, subject)"
            " DO UPDATE SET amount = trading_carriedforward.amount + excluded.amount",
            [(*key, amount) for key, amount in sorted(sums.items()) if amount],
        )
