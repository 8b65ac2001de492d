"""LOBSTER's two files: messages, and the book after each of them. Knows no connection.

A line of the message file is time (seconds after midnight), type, order id, size, price (in 1/10,000) and direction (of
the resting order: 1 buy, -1 sell). A line of the order-book file has for each level ask price, ask size, bid price and
bid size. The format: https://lobsterdata.com/info/DataStructure.php
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

PRICE_UNIT = 10_000
NO_ASK, NO_BID = 9_999_999_999, -9_999_999_999
"""Prices of levels that are not there."""
MESSAGE_COLUMNS = 6
UNKNOWN_ORDER = 0
BUY, SELL = 1, -1


class Kind(IntEnum):
    LIMIT = 1
    PARTIAL_CANCEL = 2
    DELETE = 3
    VISIBLE_EXECUTION = 4
    HIDDEN_EXECUTION = 5
    CROSS = 6
    HALT = 7


class Message(NamedTuple):
    """`nanoseconds` after midnight; `price` in 1/10,000."""

    nanoseconds: int
    kind: Kind
    order_id: int
    size: int
    price: int
    direction: int

    def line(self) -> list[str | int]:
        seconds, rest = divmod(self.nanoseconds, 1_000_000_000)
        return [f"{seconds}.{rest:09d}", int(self.kind), self.order_id, self.size, self.price, self.direction]


class Level(NamedTuple):
    price: int
    size: int


class Unreadable(ValueError):
    """A file is not what it should be."""


def book_line(asks: Sequence[Level], bids: Sequence[Level], levels: int) -> list[int]:
    """The best levels first; places that are free are filled up."""
    full_asks = [*asks[:levels], *[Level(NO_ASK, 0)] * (levels - len(asks))]
    full_bids = [*bids[:levels], *[Level(NO_BID, 0)] * (levels - len(bids))]
    return [number for ask, bid in zip(full_asks, full_bids, strict=True) for number in (*ask, *bid)]


def _rows(path: Path) -> Iterator[list[str]]:
    """The lines of a file; Unreadable where it is no text."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.reader(file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"{path.name} is no CSV") from error


def is_message_file(path: Path) -> bool:
    """By its columns: those of an order-book file are a multiple of four. Unreadable where it is no text."""
    return len(next(_rows(path), [])) == MESSAGE_COLUMNS


def messages(path: Path) -> Iterator[Message]:
    """Unreadable, with the line, where one is none."""
    for number, row in enumerate(_rows(path), start=1):
        try:
            time, kind, *rest = row
            order_id, size, price, direction = map(int, rest)
            message = Message(int(Decimal(time) * 1_000_000_000), Kind(int(kind)), order_id, size, price, direction)
        except (ValueError, ArithmeticError) as error:
            raise Unreadable(f"{path.name}, line {number} is no message: {','.join(row)}") from error
        yield message


def first_book(path: Path) -> dict[tuple[int, int], int]:
    """The size by direction and price, after the first message."""
    row = next(_rows(path), [])
    try:
        numbers = [int(text) for text in row]
    except ValueError as error:
        raise Unreadable(f"{path.name} is no order book") from error
    if len(numbers) % 4:
        raise Unreadable(f"{path.name} has {len(numbers)} columns, and not four for each level")
    found: dict[tuple[int, int], int] = {}
    for place in range(0, len(numbers), 4):
        ask, ask_size, bid, bid_size = numbers[place : place + 4]
        found[SELL, ask], found[BUY, bid] = ask_size, bid_size
    return {key: size for key, size in found.items() if size > 0}


def book_before(path: Path, first: Message) -> dict[tuple[int, int], int]:
    """... and before it."""
    book = first_book(path)
    change = {Kind.LIMIT: -1, Kind.PARTIAL_CANCEL: 1, Kind.DELETE: 1, Kind.VISIBLE_EXECUTION: 1}.get(first.kind, 0)
    key = first.direction, first.price
    book[key] = book.get(key, 0) + change * first.size
    return {key: size for key, size in book.items() if size > 0}
