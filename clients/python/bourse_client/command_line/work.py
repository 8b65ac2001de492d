"""A command's work with a client: connected, bounded in time, and ended in one way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from math import isfinite
from typing import Annotated, Any, TypeVar

import typer

from bourse_client.client import Client
from bourse_client.command_line import access
from bourse_client.command_line.endings import Ending, Failed
from bourse_client.errors import BourseError, InstrumentUnknown
from bourse_client.messages import Instrument as Listed

T = TypeVar("T")
Work = Callable[[Client], Awaitable[T]]

Json = Annotated[bool, typer.Option("--json", help="JSON for scripts: one object, of lists one a line.")]
Instrument = Annotated[str, typer.Argument(metavar="INSTRUMENT", help="For example IX2301.")]


def finite(value: float | None) -> float | None:
    """A number that is one. Infinity would wait for ever, and what is no number is compared with nothing."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is no number")
    return value


Count = Annotated[int | None, typer.Option("--count", min=1, help="End after so many.")]


def visitor(context: typer.Context) -> Client:
    """Nobody, who sees what everybody sees."""
    return Client(access.current().url, patience=context.obj)


def trader(context: typer.Context) -> Client:
    """The user who is signed in."""
    known = access.current()
    if known.token is None:
        raise Failed(Ending.NOT_SIGNED_IN, f"nobody is signed in at {known.url}: use bourse login")
    return Client(known.url, known.user_id, known.token, patience=context.obj)


def ask(context: typer.Context, client: Client, work: Work[T], *, doubt: str | None = None) -> T:
    """Its outcome. `doubt`: what nobody knows, of work that changes something, where no answer comes in time."""

    async def connected() -> T:
        async with client:
            try:
                async with asyncio.timeout(context.obj):
                    return await work(client)
            except TimeoutError as error:
                raise _too_late(client, context.obj, doubt) from error

    return _done(connected)


def _too_late(client: Client, seconds: float, doubt: str | None) -> Failed:
    """No answer in time; or one that puts off, and then it is known that nothing was done."""
    answered = client.put_off
    if answered is not None and not (doubt and client.unanswered):
        return Failed(Ending.REFUSED, f"{answered} (asked again for {seconds:g} s)", answered.code)
    told = f"the exchange has answered {answered} for {seconds:g} s" if answered else f"no answer within {seconds:g} s"
    return Failed(Ending.UNKNOWN if doubt else Ending.UNREACHABLE, f"{told}: {doubt}" if doubt else told)


async def listed(client: Client, instrument_id: str) -> Listed:
    """An instrument. Failed, as the exchange itself says it, where there is none of that name."""
    for each in await client.instruments():
        if each.instrument_id == instrument_id:
            return each
    code = InstrumentUnknown.CODE
    raise Failed(Ending.REFUSED, f"{code} Unknown instrument {instrument_id}", code)


def follow(client: Client, work: Work[None]) -> None:
    """Until it ends by itself, or the user ends it."""

    async def connected() -> None:
        async with client:
            await work(client)

    with contextlib.suppress(KeyboardInterrupt):
        _done(connected)


def _done(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    try:
        return asyncio.run(work())
    except BourseError as error:
        raise Failed.of(error) from error
