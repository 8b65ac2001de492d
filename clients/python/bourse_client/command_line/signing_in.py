"""`login` and `logout`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bourse_client.client import Client
from bourse_client.command_line import access
from bourse_client.command_line.endings import Ending, Failed
from bourse_client.command_line.shown import as_json
from bourse_client.command_line.work import Json, ask

UNLIKE_ANY = "this is no token: a token is letters and digits"


def login(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="Address of the exchange; asked for where it is not given.")] = None,
    user: Annotated[str | None, typer.Option(help="User; asked for where it is not given.")] = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from standard input.")] = False,
    json: Json = False,
) -> None:
    """Sign in, and stay signed in on this machine.

    The token is asked for and not shown while you type it. It is tried, and then kept in a file that only you can read.
    BOURSE_URL, BOURSE_USER and BOURSE_TOKEN in the environment go before what was saved.

    \b
    bourse login
    bourse login --url https://exchange.example --user user001
    bourse login --url http://localhost:8081 --user user001 --token-stdin < token.txt
    """
    if token_stdin and (url is None or user is None):
        raise Failed(Ending.USAGE, "--token-stdin needs --url and --user, for nothing else can be asked")
    url = access.checked_url(url or typer.prompt("Exchange", default=access.offered(), err=True))
    user = user or str(typer.prompt("User", err=True))
    try:
        token = sys.stdin.readline() if token_stdin else str(typer.prompt("Token", hide_input=True, err=True))
    except UnicodeDecodeError as error:
        raise Failed(Ending.USAGE, UNLIKE_ANY) from error
    wished = access.Access(url, user, token.strip())
    if not wished.token:
        raise Failed(Ending.USAGE, "the token is empty")
    if not (wished.token.isascii() and wished.token.isprintable()):
        raise Failed(Ending.USAGE, UNLIKE_ANY)

    async def nothing(_: Client) -> None:
        """To be signed in is all."""

    ask(context, Client(wished.url, wished.user_id, wished.token, patience=context.obj), nothing)
    path = access.save(wished)
    if json:
        as_json({"url": wished.url, "user_id": wished.user_id, "file": str(path)})
    else:
        typer.echo(f"{wished.user_id} is signed in at {wished.url}; the token is in {path}")


def logout(json: Json = False) -> None:
    """Forget the token on this machine. It stays valid: the trading page and operators revoke tokens.

    \b
    bourse logout
    """
    forgotten = access.forget()
    if json:
        as_json({"forgotten": forgotten})
    else:
        typer.echo("The token is forgotten." if forgotten else "Nobody was signed in.")
