"""What everybody sees: `book`, `ticker` and `bars`. No user is needed."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.console import Console
from rich.live import Live
from rich.progress import Progress

from bourse_client.book import Book
from bourse_client.client import Client
from bourse_client.command_line.ladder import ladder
from bourse_client.command_line.shown import as_json, clock, moment, number, screen, table
from bourse_client.command_line.work import Count, Instrument, Json, ask, follow, visitor
from bourse_client.messages import Bar, Ticker

MOST_BARS = 1_000
"""Of one answer."""


def book(
    context: typer.Context,
    instrument: Instrument,
    live: Annotated[bool, typer.Option("--live", help="Follow it until Ctrl-C.")] = False,
    depth: Annotated[int, typer.Option(min=1, max=100, help="Levels of a side.")] = 10,
    count: Count = None,
    json: Json = False,
) -> None:
    """The order book: one picture, or a ladder that lives.

    \b
    bourse book IX2301
    bourse book IX2301 --live --depth 5
    bourse book IX2301 --live --json | head -100 > book.jsonl
    """
    client = visitor(context)
    if not live:
        shown = ask(context, client, lambda client: _first_book(client, instrument))
        _show_book(shown, depth, json)
        return

    async def watch(client: Client) -> None:
        async with client.books(instrument) as books:
            with _picture(json) as picture:
                left = count
                async for changed in books:
                    if picture is None:
                        _show_book(changed, depth, json)
                    else:
                        picture.update(ladder(changed, depth), refresh=True)
                    left = None if left is None else left - 1
                    if left == 0:
                        return

    follow(client, watch)


@contextmanager
def _picture(json: bool) -> Iterator[Live | None]:
    """One that changes in its place; none in a pipe, where one comes after the other."""
    console = screen()
    if json or not console.is_terminal:
        yield None
        return
    with Live(console=console, auto_refresh=False, transient=False) as picture:
        yield picture


async def _first_book(client: Client, instrument: str) -> Book:
    async with client.books(instrument) as books:
        return await anext(books)


def _show_book(shown: Book, depth: int, json: bool) -> None:
    if json:
        as_json(book_fields(shown, depth))
    else:
        screen().print(ladder(shown, depth))
        sys.stdout.flush()


def book_fields(shown: Book, depth: int) -> dict[str, Any]:
    return {
        "instrument_id": shown.instrument_id,
        "timestamp": shown.timestamp,
        "phase": shown.phase,
        "bids": shown.bids[:depth],
        "asks": shown.asks[:depth],
    }


def ticker(
    context: typer.Context,
    instrument: Annotated[str | None, typer.Argument(metavar="[INSTRUMENT]", help="All, where none is named.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Every trade of the market, until Ctrl-C.")] = False,
    count: Count = None,
    json: Json = False,
) -> None:
    """The day so far: last price, change, high, low, volume; or every trade as it comes.

    \b
    bourse ticker
    bourse ticker IX2301
    bourse ticker IX2301 --live --json
    """
    if live and instrument is None:
        raise typer.BadParameter("--live needs an INSTRUMENT")
    if live and instrument is not None:
        _follow_trades(context, instrument, count, json)
        return
    wanted = {} if instrument is None else {"instrument_id": instrument}
    answer = ask(context, visitor(context), lambda client: client.ask("query_statistics", **wanted))
    days = answer["data"]["statistics"]
    if json:
        for day in days:
            as_json(day)
        return
    columns = ["instrument", "last", "change", "open", "high", "low", "settlement", "volume", "open interest"]
    names = ["last_price", "change", "open", "high", "low", "settlement_price", "volume", "open_interest"]
    rows = ([day["instrument_id"], *(number(day[name]) for name in names)] for day in days)
    screen().print(table(columns, rows))


def _follow_trades(context: typer.Context, instrument: str, count: int | None, json: bool) -> None:
    async def watch(client: Client) -> None:
        left = count
        async with client.tickers(instrument) as trades:
            async for trade in trades:
                if json:
                    as_json(trade)
                else:
                    _show_trade(trade)
                left = None if left is None else left - 1
                if left == 0:
                    return

    follow(visitor(context), watch)


def _show_trade(trade: Ticker) -> None:
    side = trade.direction or ""
    typer.echo(f"{clock(trade.timestamp)}  {side:4}  {number(trade.volume):>8} @ {number(trade.last_price)}")
    sys.stdout.flush()


def bars(
    context: typer.Context,
    instrument: Instrument,
    period: Annotated[Literal["1m", "5m", "15m", "1h", "1d"], typer.Option(help="How long a bar is.")] = "1m",
    most: Annotated[int, typer.Option(min=1, help="The last so many.")] = 200,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a head, `start` in Unix milliseconds.")] = False,
    json: Json = False,
) -> None:
    """Bars, the oldest first: a table, CSV or JSON.

    \b
    bourse bars IX2301
    bourse bars IX2301 --period 1d --most 250 --csv > days.csv
    bourse bars IX2301 --period 1m --most 100000 --csv > minutes.csv
    """
    if as_csv and json:
        raise typer.BadParameter("choose --csv or --json")
    found = ask(context, visitor(context), lambda client: _bars(client, instrument, period, most))
    if json:
        for bar in found:
            as_json(bar)
    elif as_csv:
        lines = csv.writer(sys.stdout, lineterminator="\n")
        lines.writerow(Bar.__struct_fields__)
        lines.writerows(msgspec.structs.astuple(bar) for bar in found)
    else:
        columns = ["start", "open", "high", "low", "close", "volume", "trades", "open interest"]
        names = ["open", "high", "low", "close", "volume", "trades", "open_interest"]
        rows = ([moment(bar.start), *(number(getattr(bar, name)) for name in names)] for bar in found)
        screen().print(table(columns, rows))


async def _bars(client: Client, instrument: str, period: str, most: int) -> list[Bar]:
    """Page by page, with a bar of progress where there are several and somebody sees it."""
    newest_first: list[Bar] = []
    several = most > MOST_BARS and sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=not several) as progress:
        task = progress.add_task("bars", total=most)
        while len(newest_first) < most:
            page: dict[str, Any] = {"before": newest_first[-1].start} if newest_first else {}
            wanted = min(MOST_BARS, most - len(newest_first))
            answer = await client.ask("query_bars", instrument_id=instrument, period=period, limit=wanted, **page)
            found = msgspec.convert(answer["data"]["bars"], list[Bar])
            newest_first += found
            progress.update(task, completed=len(newest_first))
            if len(found) < wanted:
                break
    return newest_first[::-1]
