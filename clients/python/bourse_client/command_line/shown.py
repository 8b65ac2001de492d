"""Values for eyes and for programs: tables with grouped numbers, and JSON with the numbers as the client gives them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 200
"""Columns of what is no terminal: nothing is cut off there."""
Cell = str | Text


def screen() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)


def as_json(value: Any) -> None:
    """One line, at once: whoever reads a pipe waits for it."""
    typer.echo(msgspec.json.encode(value))
    sys.stdout.flush()


def number(value: float | None) -> str:
    """Grouped, with as many decimals as there are: 12,345.5."""
    if value is None:
        return "-"
    text = f"{value:z,.6f}"
    return text.rstrip("0").rstrip(".")


def money(value: float | None) -> str:
    return "-" if value is None else f"{value:z,.2f}"


def clock(timestamp: int) -> str:
    """The time of day where the user is."""
    return datetime.fromtimestamp(timestamp / 1000).astimezone().strftime("%H:%M:%S.%f")[:-3]


def moment(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, left: int = 1, title: str | None = None) -> Table:
    """`left`: the first columns, which are words; the others are numbers."""
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for place, name in enumerate(columns):
        made.add_column(name, justify="left" if place < left else "right", no_wrap=True)
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return made
