"""Writes what a market does into files, as it happens."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from bourse_client.client import Client
from bourse_client.research.events import Events

DAY = 86_400_000
MESSAGE_NAMES = ["time", "type", "order_id", "size", "price", "direction"]


class Files(NamedTuple):
    messages: Path
    books: Path


def open_files(folder: Path, instrument_id: str, levels: int, now: int) -> tuple[Files, int]:
    """Names that are not taken, and the midnight (UTC) from which times count. `now`: Unix ms."""
    midnight = now // DAY * DAY
    day = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    names = (f"{instrument_id}_{day}_{now - midnight}_{what}_{levels}.csv" for what in ("message", "orderbook"))
    files = Files(*(folder / name for name in names))
    for file in files:
        file.touch(exist_ok=False)
    return files, midnight


def remove_empty(files: Files) -> None:
    """Nothing was written: nothing stays."""
    for file in files:
        if not file.stat().st_size:
            file.unlink()


async def record(
    client: Client,
    instrument_id: str,
    files: Files,
    levels: int,
    midnight: int,
    count: int | None,
    tell: Callable[[], Any],
) -> None:
    """Until it is interrupted, or so many messages are written. `tell` is called after each."""
    events, left = Events(instrument_id, levels, midnight), count
    with ExitStack() as open_until_end:
        texts = [open_until_end.enter_context(file.open("w", newline="", buffering=1)) for file in files]
        messages, books = (csv.writer(text, lineterminator="\n") for text in texts)
        async with client.trades_and_changes(instrument_id) as market:
            async for value in market:
                for message, book in events.take(value):
                    messages.writerow(message.line())
                    books.writerow(book)
                    tell()
                    left = None if left is None else left - 1
                    if left == 0:
                        return


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def write_parquet(files: Files, levels: int) -> list[Path]:
    """The same beside it, with named columns. ModuleNotFoundError without pyarrow."""
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    kinds = ("ask_price", "ask_size", "bid_price", "bid_size")
    names = [f"{kind}_{level}" for level in range(1, levels + 1) for kind in kinds]
    made = []
    for file, columns in zip(files, (MESSAGE_NAMES, names), strict=True):
        if file.stat().st_size:
            table = arrow_csv.read_csv(file, read_options=arrow_csv.ReadOptions(column_names=columns))
            made.append(file.with_suffix(".parquet"))
            parquet.write_table(table, made[-1])
    return made
