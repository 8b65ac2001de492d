"""`record` and `replay`: sessions of a market as files."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID, TextColumn, TimeElapsedColumn

from bourse_client.client import Client
from bourse_client.command_line.access import current
from bourse_client.command_line.endings import Ending, Failed
from bourse_client.command_line.shown import as_json, number
from bourse_client.command_line.work import Count, Instrument, Json, finite, follow, listed, trader, visitor
from bourse_client.research import lobster, recording
from bourse_client.research.replaying import Replay


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[tuple[Progress, TaskID]]:
    columns = (*Progress.get_default_columns(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        yield progress, progress.add_task(what, total=total)


def record(
    context: typer.Context,
    instrument: Instrument,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where the files come.")],
    levels: Annotated[int, typer.Option(min=1, max=100, help="Levels of the order-book file.")] = 10,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0, metavar="SECONDS", callback=finite, help="End after so long.")
    ] = None,
    count: Count = None,
    json: Json = False,
) -> None:
    """Write what a market does into files as LOBSTER has them, until Ctrl-C.

    A message file and an order-book file as CSV, and the same as Parquet where pyarrow is installed. The exchange
    publishes levels and trades, not orders: all order ids are 0. Times are seconds after midnight, UTC.

    \b
    bourse record IX2301 --to sessions
    bourse record IX2301 --to sessions --levels 5 --for 3600
    """
    client = visitor(context)
    try:
        files, midnight = recording.open_files(to, instrument, levels, recording.now_ms())
    except OSError as error:
        raise Failed(Ending.USAGE, f"cannot write there: {error}") from error
    with _progress("recording", count) as (progress, task):

        async def work(client: Client) -> None:
            written = recording.record(
                client, instrument, files, levels, midnight, count, lambda: progress.advance(task)
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await written

        try:
            follow(client, work)
        except Failed:
            recording.remove_empty(files)
            raise
    made = [*files, *_parquet(files, levels)]
    if json:
        as_json({"files": [str(file) for file in made]})
    else:
        typer.echo("\n".join(map(str, made)))


def _parquet(files: recording.Files, levels: int) -> list[Path]:
    try:
        return recording.write_parquet(files, levels)
    except ModuleNotFoundError:
        typer.echo("no Parquet: pyarrow is not installed (bourse-client[parquet])", err=True)
        return []


def replay(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="A message file, and its order-book file.")],
    into: Annotated[str, typer.Option("--into", metavar="INSTRUMENT", help="Where the orders go.")],
    speed: Annotated[
        float, typer.Option(min=0, callback=finite, help="10: ten times as fast; 0: as fast as it goes.")
    ] = 1.0,
    json: Json = False,
) -> None:
    """Play files in LOBSTER's format into a market, as orders of the user who is signed in.

    New orders, cancels and deletions are done as they are told. An execution is done by a second user, whom
    BOURSE_TAKER_USER and BOURSE_TAKER_TOKEN name; without one, what was executed is taken out and nothing is traded.
    With the order-book file the market begins with the book that was there. Orders stay in the market at the end.

    \b
    bourse replay sessions/*.csv --into IX2301 --speed 10
    bourse replay AAPL_2012-06-21_message_10.csv AAPL_2012-06-21_orderbook_10.csv --into AAPL --speed 0
    """
    messages, before = _read(files)
    maker, other, replays = trader(context), _taker(context), list[Replay]()
    with _progress("playing", len(messages)) as (progress, task):

        async def work(client: Client) -> None:
            market = await listed(client, into)
            async with AsyncExitStack() as stack:
                taker = None if other is None else await stack.enter_async_context(other)
                replays.append(Replay(client, taker, into, market.max_volume))
                await replays[0].begin(before)
                await replays[0].play(messages, speed, lambda: progress.advance(task))

        follow(maker, work)
    if replays:
        _tell_outcome(replays[0], len(messages), json)


def _read(files: list[Path]) -> tuple[list[lobster.Message], dict[tuple[int, int], int]]:
    """The messages, and the book before the first of them."""
    try:
        kinds = {file: lobster.is_message_file(file) for file in files}
        of_messages = [file for file in files if kinds[file]]
        of_books = [file for file in files if not kinds[file]]
        if len(of_messages) != 1 or len(of_books) > 1:
            raise Failed(Ending.USAGE, "name one message file, and with it its order-book file or none")
        messages = list(lobster.messages(of_messages[0]))
        return messages, lobster.book_before(of_books[0], messages[0]) if of_books else {}
    except (OSError, lobster.Unreadable) as error:
        raise Failed(Ending.USAGE, str(error)) from error


def _taker(context: typer.Context) -> Client | None:
    user_id, token = os.environ.get("BOURSE_TAKER_USER"), os.environ.get("BOURSE_TAKER_TOKEN")
    if bool(user_id) != bool(token):
        raise Failed(Ending.USAGE, "BOURSE_TAKER_USER and BOURSE_TAKER_TOKEN go together")
    return Client(current().url, user_id, token, patience=context.obj) if user_id else None


def _tell_outcome(replay: Replay, total: int, json: bool) -> None:
    outcome = replay.outcome
    if json:
        refused = {str(code): times for code, times in outcome.refused.items()}
        as_json({"played": outcome.played, "of": total, "passed_over": outcome.passed_over, "refused": refused})
        return
    typer.echo(f"{number(outcome.played)} of {number(total)} messages played")
    for kind, times in outcome.passed_over.items():
        typer.echo(f"  passed over, {kind}: {number(times)}")
    for code, times in outcome.refused.items():
        typer.echo(f"  refused, {code}: {number(times)}")
