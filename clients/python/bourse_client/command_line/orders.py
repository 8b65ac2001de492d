"""`buy`, `sell`, `close`, `orders` and `cancel`."""

from __future__ import annotations

import re
import secrets
from typing import Annotated, Any, Literal

import typer

from bourse_client.client import Client
from bourse_client.command_line.endings import Ending, Failed
from bourse_client.command_line.shown import as_json, moment, number, screen, table
from bourse_client.command_line.work import Instrument, Json, ask, follow, listed, trader
from bourse_client.messages import Order

ENDS_AT_ONCE = frozenset({"IOC", "FOK"})
MINE = "Own id of the order; the same id again is the same order, not a second one."


LARGEST = 1_000_000_000
"""The largest number that the exchange takes."""
NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)", re.ASCII)


def price_of(text: str) -> float:
    """`@120` is 120. A number without `@` could be anything."""
    if not text.startswith("@"):
        raise typer.BadParameter(f"write a price as @{text}")
    return _number(text[1:], "price")


def lots_of(text: str) -> float:
    return _number(text, "number of lots")


def plain_price_of(text: str) -> float:
    return _number(text, "price")


def _number(text: str, what: str) -> float:
    """Digits with a point or without. Other ways of writing a number are slips of somebody's fingers."""
    if not NUMBER.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no {what}")
    if float(text) > LARGEST:
        raise typer.BadParameter(f"the {what} is {len(text)} digits long; the most is {LARGEST:,}")
    return float(text)


Volume = Annotated[Any, typer.Argument(metavar="VOLUME", parser=lots_of, help="Lots.")]
Price = Annotated[
    Any, typer.Argument(metavar="[@PRICE]", parser=price_of, help="The limit, as @120; a market order without.")
]
Lives = Literal["GFD", "GTC", "IOC", "FOK"]
Time = Annotated[Lives | None, typer.Option("--time", case_sensitive=False, help="How long it lives.")]
PostOnly = Annotated[bool, typer.Option("--post-only", help="Refused where it would trade at once.")]
Stop = Annotated[
    Any, typer.Option("--stop", metavar="PRICE", parser=plain_price_of, help="Wait until this price is met.")
]
Levels = Annotated[
    int | None,
    typer.Option("--levels", metavar="N", min=1, max=100, help="Of a market order: the best N prices, and no others."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Until it is filled or cancelled.")]
OwnId = Annotated[str | None, typer.Option("--id", metavar="ID", help=MINE)]


def buy(
    context: typer.Context,
    instrument: Instrument,
    volume: Volume,
    price: Price = None,
    time: Time = None,
    post_only: PostOnly = False,
    stop: Stop = None,
    levels: Levels = None,
    wait: Wait = False,
    own_id: OwnId = None,
    json: Json = False,
) -> None:
    """Buy to open.

    Without a price it is a market order. One that ends at once (market, IOC, FOK) is waited for; where it was not
    filled whole, the exit code is 6.

    \b
    bourse buy IX2301 10 @120
    bourse buy IX2301 10 @120 --time GTC --post-only
    bourse buy IX2301 10
    bourse buy IX2301 10 --levels 5
    """
    options = {"time_condition": time, "post_only": post_only or None, "stop_price": stop, "price_levels": levels}
    _place(context, json, wait, own_id, (instrument, "BUY", volume, price, "OPEN"), options)


def sell(
    context: typer.Context,
    instrument: Instrument,
    volume: Volume,
    price: Price = None,
    time: Time = None,
    post_only: PostOnly = False,
    stop: Stop = None,
    levels: Levels = None,
    wait: Wait = False,
    own_id: OwnId = None,
    json: Json = False,
) -> None:
    """Sell to open. What you have bought is sold with close.

    Without a price it is a market order. One that ends at once (market, IOC, FOK) is waited for; where it was not
    filled whole, the exit code is 6.

    \b
    bourse sell IX2301 10 @120.5
    bourse sell IX2301 10 @119 --stop 119.5
    """
    options = {"time_condition": time, "post_only": post_only or None, "stop_price": stop, "price_levels": levels}
    _place(context, json, wait, own_id, (instrument, "SELL", volume, price, "OPEN"), options)


def close(
    context: typer.Context,
    instrument: Instrument,
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[VOLUME] [@PRICE]", help="Lots, or all of the side; the limit, or a market order."),
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="The long lots, where there are both.")] = False,
    short: Annotated[bool, typer.Option("--short", help="The short lots.")] = False,
    today: Annotated[bool, typer.Option("--today", help="Lots of today only: CLOSETODAY.")] = False,
    yesterday: Annotated[bool, typer.Option("--yesterday", help="Lots of before only: CLOSEYESTERDAY.")] = False,
    time: Time = None,
    levels: Levels = None,
    wait: Wait = False,
    own_id: OwnId = None,
    json: Json = False,
) -> None:
    """Close what is open: sell long lots, buy short ones back.

    Yesterday's lots go first, unless you say --today or --yesterday. Without a price it is a market order.

    \b
    bourse close IX2301
    bourse close IX2301 @121
    bourse close IX2301 5 @121 --short --today
    """
    if (long and short) or (today and yesterday):
        raise typer.BadParameter("choose one of --long and --short, and one of --today and --yesterday")
    volume, price = _lots_and_price(what or [])
    offset = "CLOSETODAY" if today else "CLOSEYESTERDAY" if yesterday else "CLOSE"
    kind = {"CLOSETODAY": "_today", "CLOSEYESTERDAY": "_his"}.get(offset, "")

    async def find(client: Client) -> tuple[str, float]:
        """The direction, and the lots that there are."""
        position = next((each for each in await client.query_positions() if each["instrument_id"] == instrument), {})
        lots = {side: float(position.get(f"volume_{side}{kind}", 0)) for side in ("long", "short")}
        wanted = [side for side, said in (("long", long), ("short", short)) if said]
        sides = wanted or [side for side in lots if lots[side]]
        if len(sides) > 1:
            raise Failed(Ending.USAGE, f"{instrument} is long and short: say --long or --short")
        if not sides or not lots[sides[0]]:
            await listed(client, instrument)
            raise Failed(Ending.REFUSED, f"there is nothing to close in {instrument}")
        return "SELL" if sides[0] == "long" else "BUY", lots[sides[0]]

    direction, lots = ask(context, trader(context), find)
    order = (instrument, direction, lots if volume is None else volume, price, offset)
    _place(context, json, wait, own_id, order, {"time_condition": time, "price_levels": levels})


def _lots_and_price(words: list[str]) -> tuple[float | None, float | None]:
    """Of `[VOLUME] [@PRICE]`: each may be left out."""
    price = price_of(words.pop()) if words and words[-1].startswith("@") else None
    if len(words) > 1:
        raise typer.BadParameter(f"write [VOLUME] [@PRICE], not {' '.join(words)}")
    return (lots_of(words[0]) if words else None), price


def _place(
    context: typer.Context,
    json: bool,
    wait: bool,
    own_id: str | None,
    order: tuple[str, str, float, float | None, str],
    options: dict[str, Any],
) -> None:
    instrument, direction, volume, price, offset = order
    name = f"cli-{secrets.token_hex(8)}" if own_id is None else own_id
    given: Any = {option: value for option, value in options.items() if value is not None}
    waits = given.get("stop_price") is None and (price is None or given.get("time_condition") in ENDS_AT_ONCE)

    async def place(client: Client) -> Order:
        made = await client.place(instrument, direction, volume, price, offset=offset, client_order_id=name, **given)
        return await client.finished(made.order_id) if waits else made

    doubt = f"nobody knows whether the exchange has the order {name}; it is in `bourse orders --all`, or say it again"
    placed = ask(context, trader(context), place, doubt=f"{doubt} with --id {name}")
    if wait and placed.is_live:
        placed = _wait_for(context, placed)
    _show([placed], json)
    if wait and placed.is_live:
        raise Failed(Ending.INTERRUPTED, "the order is in the market")
    if not placed.is_live and placed.status != "Filled":
        why = f" ({placed.reason})" if placed.reason else ""
        message = f"{number(placed.filled_volume)} of {number(placed.volume)} lots were filled{why}"
        raise Failed(Ending.UNFILLED, message, placed.error_code)


def _wait_for(context: typer.Context, order: Order) -> Order:
    """However long it takes; Ctrl-C ends the command, and leaves the order in the market."""
    found: list[Order] = []
    client = trader(context)

    async def wait(client: Client) -> None:
        found.append(await client.finished(order.order_id))

    follow(client, wait)
    return found[0] if found else order


def orders(
    context: typer.Context,
    instrument: Annotated[str | None, typer.Option("--instrument", help="Of one only.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Finished ones, too.")] = False,
    most: Annotated[int, typer.Option(min=1, help="The last so many.")] = 50,
    json: Json = False,
) -> None:
    """Own orders, the newest first: those that live, or all.

    \b
    bourse orders
    bourse orders --all --most 200
    bourse orders --json | jq -r .order_id
    """
    wanted: dict[str, Any] = {} if all_ else {"status": "LIVE"}
    if instrument is not None:
        wanted["instrument_id"] = instrument
    _show(ask(context, trader(context), lambda client: client.query_orders(most=most, **wanted)), json)


def cancel(
    context: typer.Context,
    order_ids: Annotated[list[str] | None, typer.Argument(metavar="[ORDER_ID]...")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All orders. Asks first.")] = False,
    instrument: Annotated[str | None, typer.Option("--instrument", help="With --all: of one only.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Cancel orders by their ids, or all of them.

    \b
    bourse cancel O17251234567890000001
    bourse cancel --all
    bourse cancel --all --instrument IX2301 --yes
    """
    if bool(order_ids) == all_ or (instrument and not all_):
        raise typer.BadParameter("name orders, or say --all (and with it --instrument)")
    client = trader(context)
    if order_ids:
        _cancel_each(context, client, order_ids, json)
        return
    what = f"all orders of {instrument}" if instrument else "all orders"
    if not yes and not typer.confirm(f"Cancel {what}?", err=True):
        raise Failed(Ending.USAGE, "nothing was cancelled")
    doubt = "nobody knows whether they were cancelled; say it again"
    cancelled = ask(context, client, lambda client: client.cancel_all(instrument), doubt=doubt)
    if json:
        as_json({"cancelled": cancelled})
    else:
        typer.echo(f"{number(cancelled)} cancelled")


def _cancel_each(context: typer.Context, client: Client, order_ids: list[str], json: bool) -> None:
    """In their order, until one is refused."""

    async def cancel_them(client: Client) -> None:
        for order_id in order_ids:
            await client.cancel(order_id)
            if json:
                as_json({"order_id": order_id, "status": "Cancelled"})
            else:
                typer.echo(f"{order_id} cancelled")

    ask(context, client, cancel_them, doubt="nobody knows whether it was cancelled; say it again")


def _show(found: list[Order], json: bool) -> None:
    if json:
        for order in found:
            as_json(order)
        return
    columns = ["order", "instrument", "side", "offset", "status", "time", "filled", "volume", "price", "own id"]
    waits = any(order.stop_price is not None or order.trail is not None for order in found)
    rows = [[*_row(order), *([_condition(order)] if waits else [])] for order in found]
    screen().print(table([*columns, *(["waits for"] if waits else [])], rows, left=6))


def _row(order: Order) -> list[str]:
    return [
        *(order.order_id, order.instrument_id, order.direction, order.offset, order.status, moment(order.timestamp)),
        *(number(order.filled_volume), number(order.volume)),
        _price(order) if order.price is None else number(order.price),
        order.client_order_id or "",
    ]


def _price(order: Order) -> str:
    """Of a market order."""
    return "market" if order.price_levels is None else f"best {order.price_levels}"


def _condition(order: Order) -> str:
    """ "LAST >= 121", "BID <= 118, trailing 2.5": what an order waits for, or has waited for."""
    if order.stop_price is None and order.trail is None:
        return ""
    rises = (order.direction == "BUY") == (order.stop_kind != "TAKE_PROFIT")
    level = order.stop_price if order.current_stop is None else order.current_stop
    met = order.trigger or "LAST"
    if level is not None:
        met += f" {'>=' if rises else '<='} {number(level)}"
    return met if order.trail is None else f"{met}, trailing {number(order.trail)}"
