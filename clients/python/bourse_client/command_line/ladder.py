"""A book as people look at it: prices in the middle, what is bid at the left, what is asked at the right."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from bourse_client.book import Book
from bourse_client.command_line.shown import clock, number, table
from bourse_client.messages import Level

BAR_WIDTH = 20


def ladder(book: Book, depth: int) -> Table:
    """The best `depth` levels of each side, the highest price on top."""
    asks, bids = book.asks[:depth], book.bids[:depth]
    largest = max((level.volume for level in [*asks, *bids]), default=1.0)
    rows = [[Text(), Text(), *_level(level, "red"), _bar(level, largest, "red")] for level in reversed(asks)]
    rows += [[_bar(level, largest, "green"), *_level(level, "green")[::-1], Text(), Text()] for level in bids]
    made = table(["", "bid", "price", "ask", ""], rows, left=0, title=_title(book))
    made.columns[-1].justify = "left"
    return made


def _title(book: Book) -> str:
    bid, ask = book.best_bid, book.best_ask
    spread = "" if bid is None or ask is None else f"  spread {number(ask - bid)}"
    phase = "" if book.phase == "continuous" else f"  {book.phase}"
    return f"{book.instrument_id}  {clock(book.timestamp)}{spread}{phase}"


def _level(level: Level, colour: str) -> list[Text]:
    """Price and volume."""
    return [Text(number(level.price), style="bold"), Text(number(level.volume), style=colour)]


def _bar(level: Level, largest: float, colour: str) -> Text:
    return Text("█" * max(1, round(BAR_WIDTH * level.volume / largest)), style=colour)
