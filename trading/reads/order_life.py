"""The whole life of an order, in order of time: what was asked about it, what it was told, its fills, its end and who
was behind it. Reads the tables; of a day that is archived, the file that has it.
"""

import json
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from trading import protocol
from trading.core.commands import AmendOrder, CancelAll, CancelOrder, Command, ForceCancelOrder, SubmitOrder
from trading.core.money import to_text
from trading.core.numbers import time_of
from trading.core.types import CancelReason, stored_name
from trading.models import ArchiveFile, JournalBatch, OperatorCommand, Order, PushBatch, Trade, TradeBreak
from trading.reads import histories
from trading.storage.archive import files
from trading.storage.archive.history import History
from trading.storage.mapping import commands_of
from trading.storage.packing import unpack_frames

MOST_BATCHES = 5_000
"""Of the journal, and of the account's pushes, that are looked through for one order."""
MOST_FILLS = 1_000
MOST_FILES = 3
"""An order is in the file of the day in which it ended; that is mostly the one in which it came."""
RECENT = 100_000
"""Operators' commands among which the one that cancelled an order is looked for."""
PRICES = {"price", "stop_price", "trail"}
"""Of a command, in 1/10,000."""


class Moment(msgspec.Struct, frozen=True):
    """Something that happened. `kind`: asked, told, fill, broken, operator; `what`: its name; `content`: more of it, as
    the command or the frame has it; prices and money as text."""

    time: int
    kind: str
    what: str
    content: dict[str, Any]


class Life(msgspec.Struct, frozen=True):
    """`archived`: the file that the order was read from. `shortened`: there was more to look through."""

    order: Order
    moments: list[Moment]
    archived: str | None = None
    shortened: bool = False


def archived_in(number: int, market: str) -> list[ArchiveFile]:
    """The files that may have an order which is not in the tables, the likeliest first."""
    files = ArchiveFile.objects.filter(market=market, until__gt=time_of(number))
    return list(files.order_by("day")[:MOST_FILES])


def life(number: int, market: str) -> Life | None:
    """None where the order is not in the tables."""
    order = Order.objects.filter(pk=number, account__market=market).select_related("account", "instrument").first()
    if order is None:
        return None
    asked, shortened = _asked(order, market)
    fills, rest = histories.fills(order=order, limit=MOST_FILLS)
    moments = [*asked, *_told(order), *map(_fill, fills), *_broken(order, fills), *_operators(order, market)]
    return Life(order, sorted(moments, key=attrgetter("time")), shortened=shortened or rest is not None)


def archived_life(number: int, file: ArchiveFile, folder: Path) -> Life | None:
    """From a file; None where it does not have the order. ArchiveFailed where it cannot be read. Takes as long as
    reading the file does."""
    order: Order | None = None
    fills: list[Trade] = []
    asked: list[Moment] = []
    for name, columns, rows in files.read(History(file.market_id, folder).path(file.name)):
        if name == "orders":
            found = (dict(zip(columns, row, strict=True)) for row in rows if row[0] == number)
            order = next((Order(**values) for values in found), order)
        elif name == "trades":
            at = columns.index("order_id")
            fills += [Trade(**dict(zip(columns, row, strict=True))) for row in rows if row[at] == number]
        elif name == "journal":
            for _number, _epoch, time, commands in rows:
                about = [msgspec.convert(each, Command) for each in commands if _names(each, number)]
                asked += _about(number, time, about)
    if order is None:
        return None
    moments = [*asked, *map(_fill, fills), *_broken(order, fills), *_operators(order, file.market_id)]
    return Life(order, sorted(moments, key=attrgetter("time")), archived=file.name)


def _names(command: Any, number: int) -> bool:
    return isinstance(command, dict) and command.get("order_id") == number


# --- what was asked


def _asked(order: Order, market: str) -> tuple[list[Moment], bool]:
    """The commands of the journal about it, and whether there were more batches than are looked through."""
    first = _first_batch(market, order.accepted_at)
    rows = JournalBatch.objects.filter(market=market, number__gte=first, time__lte=order.changed_at)
    found: list[Moment] = []
    looked = 0
    for time, stored in rows.order_by("number").values_list("time", "commands")[:MOST_BATCHES].iterator():
        looked += 1
        commands = commands_of(stored)
        if time == order.accepted_at:
            found += _submission(order, time, commands)
        found += _about(order.pk, time, commands)
        if time == order.changed_at and order.cancel_reason == CancelReason.ASKED.value:
            found += _of_account(order, time, commands)
    return found, looked == MOST_BATCHES


def _first_batch(market: str, time: int) -> int:
    """The number of the first batch at or after a time: numbers and times grow together."""
    rows = JournalBatch.objects.filter(market=market)
    low = rows.order_by("number").values_list("number", flat=True).first() or 1
    high = (rows.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        at = rows.filter(number=middle).values_list("time", flat=True).first()
        if at is None or at < time:
            low = middle + 1
        else:
            high = middle
    return low


def _submission(order: Order, time: int, commands: list[Command]) -> list[Moment]:
    """The command that became the order, where only one of its batch can be."""
    wanted = (order.account_id, order.instrument_id, order.direction, order.offset, order.client_order_id)
    found = [
        each
        for each in commands
        if isinstance(each, SubmitOrder)
        and (each.account_id, each.instrument_id, each.direction, each.offset, each.client_order_id) == wanted
    ]
    return [_command(time, found[0])] if len(found) == 1 else []


def _about(number: int, time: int, commands: list[Command]) -> Iterator[Moment]:
    for each in commands:
        if isinstance(each, AmendOrder | CancelOrder | ForceCancelOrder) and each.order_id == number:
            yield _command(time, each)


def _of_account(order: Order, time: int, commands: list[Command]) -> Iterator[Moment]:
    """What its owner cancelled it with, among others."""
    for each in commands:
        if isinstance(each, CancelAll) and each.account_id == order.account_id:
            yield _command(time, each)


def _command(time: int, command: Command) -> Moment:
    content = msgspec.to_builtins(command)
    content |= content.pop("handling", None) or {}
    for name in PRICES & content.keys():
        if content[name] is not None:
            content[name] = to_text(content[name])
    return Moment(time, "asked", stored_name(command), _set(content, "type", "order_id", "account_id"))


def _set(content: dict[str, Any], *without: str) -> dict[str, Any]:
    """What a command or a frame says; what is unset is left out."""
    return {name: value for name, value in content.items() if name not in without and value is not None}


# --- what happened


def _told(order: Order) -> Iterator[Moment]:
    """The states that its owner was told of, as far as the pushes are kept: those of the present trading day."""
    mark = f'"order_id":"{protocol.order_id_text(order.pk)}"'
    kept = PushBatch.objects.filter(account_id=order.account_id).order_by("-last_seq")
    for packed, text in kept.values_list("packed", "frames")[:MOST_BATCHES].iterator():
        lines = text or "" if packed is None else unpack_frames(bytes(packed))
        for frame in (json.loads(line) for line in lines.split("\n") if mark in line):
            if frame["type"] == "order_status":
                content = _set(frame, "type", "order_id", "timestamp", "status")
                yield Moment(frame["timestamp"], "told", frame["status"], content)


def _fill(row: Trade) -> Moment:
    content = {
        "price": to_text(row.price),
        "volume": row.volume,
        "commission": to_text(row.commission),
        "close_profit": to_text(row.close_profit),
        "is_maker": row.is_maker,
    }
    return Moment(row.time, "fill", str(row.trade_id), content)


def _broken(order: Order, fills: list[Trade]) -> Iterator[Moment]:
    numbers = [row.trade_id for row in fills]
    for row in TradeBreak.objects.filter(account_id=order.account_id, trade_id__in=numbers, order_number=order.pk):
        content = {"commission": to_text(row.commission), "close_profit": to_text(-row.close_profit)}
        yield Moment(row.time, "broken", str(row.trade_id), content)


def _operators(order: Order, market: str) -> Iterator[Moment]:
    """Who cancelled it, where operators did: the command that was done in the same commit."""
    if order.cancel_reason != CancelReason.OPERATOR.value:
        return
    rows = OperatorCommand.objects.filter(market=market).order_by("-id")
    newest = rows.values_list("id", flat=True).first() or 0
    done = rows.filter(id__gt=newest - RECENT, finished_at=order.changed_at, status=OperatorCommand.Status.DONE)
    kinds = ("CancelAnyOrder", "CancelOrders", "SetCloseOnly", "ForceClose", "StopLiquidation")
    for row in done.filter(kind__in=kinds).select_related("asked_by"):
        if row.kind == "CancelAnyOrder" and row.payload.get("order_id") != order.pk:
            continue
        who = None if row.asked_by is None else row.asked_by.username
        yield Moment(order.changed_at, "operator", f"{row.kind} #{row.pk}", {"who": who, "reason": row.reason})
