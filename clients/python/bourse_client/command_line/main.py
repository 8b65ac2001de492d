"""The command `bourse`: its commands, and how each ends."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer
from typer.main import get_command

from bourse_client.command_line import holdings, market, orders, research, signing_in
from bourse_client.command_line.endings import Ending, Failed
from bourse_client.command_line.work import finite
from bourse_client.errors import BourseError
from bourse_client.version import VERSION

PATIENCE = 10.0
NO_NUMBER = {"float": "is no number", "int": "is no whole number"}
app = typer.Typer(
    name="bourse", rich_markup_mode=None, pretty_exceptions_enable=False, context_settings={"max_content_width": 120}
)
PANELS = {
    "Who you are": (signing_in.login, signing_in.logout, holdings.account, holdings.positions, holdings.watch),
    "The market": (market.book, market.ticker, market.bars),
    "Files": (research.record, research.replay),
    "Orders": (orders.buy, orders.sell, orders.close, orders.orders, orders.cancel),
}
for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(VERSION)
        raise typer.Exit


@app.callback()
def bourse(
    context: typer.Context,
    timeout: Annotated[
        float,
        typer.Option(min=0.1, envvar="BOURSE_TIMEOUT", callback=finite, help="Seconds to wait for the exchange."),
    ] = PATIENCE,
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_tell_version)] = False,
) -> None:
    """Trade on a Bourse exchange, and look at its market.

    \b
    bourse login
    bourse book IX2301 --live
    bourse buy IX2301 10 @120
    bourse cancel --all

    Exit codes: 0 done. 1 refused by the exchange, and nothing has changed. 2 wrong usage, or a question was answered
    with no. 3 the exchange cannot be reached. 4 not signed in. 5 nobody knows whether it was done. 6 the order has
    ended before it was filled. 7 the outcome could not be written. 130 interrupted; what follows something until Ctrl-C
    ends with 0.
    """
    context.obj = timeout


def _words(wrong: typer.TyperException) -> str:
    """What is wrong with the words of a command."""
    told = re.sub(r"is not a valid (float|int) range\.", lambda kind: NO_NUMBER[kind[1]], wrong.format_message())
    return "lots have no sign: buy, sell and close tell the side" if re.match(r"No such option: -[\d.]", told) else told


def _let_go_of_output() -> None:
    """What waits to be written is not tried again when the program ends."""
    with open(os.devnull, "wb") as nowhere, suppress(OSError, ValueError):
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. Whatever goes wrong is one line on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        ended = get_command(app).main(words or ["--help"], prog_name="bourse", standalone_mode=False)
        sys.stdout.flush()
        return ended if isinstance(ended, int) else Ending.DONE
    except Failed as failed:
        failure = failed
    except BourseError as error:
        failure = Failed.of(error)
    except typer.Abort as abort:
        nobody = isinstance(abort.__context__, EOFError)
        failure = Failed(Ending.USAGE if nobody else Ending.INTERRUPTED, "nobody is there to answer")
    except typer.TyperException as wrong:
        failure = Failed(Ending.USAGE, f"{_words(wrong)} (bourse COMMAND --help shows how)")
    except OSError as error:  # The disk is full.
        _let_go_of_output()
        failure = Failed(Ending.UNWRITTEN, f"the outcome cannot be written: {error.strerror}")
    except SystemExit:  # typer's way to say that nobody reads any more: they have read enough
        return Ending.DONE
    if failure.ending is not Ending.INTERRUPTED:
        typer.echo(failure.line(as_json="--json" in words), err=True)
    return failure.ending
