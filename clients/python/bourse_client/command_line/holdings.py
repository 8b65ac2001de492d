"""`account`, `positions` and `watch`."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import typer

from bourse_client.client import Client
from bourse_client.command_line.shown import as_json, clock, money, number, screen, table
from bourse_client.command_line.work import Count, Json, ask, follow, trader
from bourse_client.messages import Account, Frame, OrderState, Snapshot, Trade

KINDS: dict[Any, str] = {Trade: "trade", OrderState: "order_status", Account: "account_update", Snapshot: "snapshot"}
"""The type of a push that the client gives as a value."""


def account(context: typer.Context, json: Json = False) -> None:
    """Money: balance, what is free, margin and profit, at the last prices.

    \b
    bourse account
    bourse account --json | jq .available
    """
    found = ask(context, trader(context), lambda client: client.query_account())
    if json:
        as_json(found)
        return
    rows = [
        [name, _risk(found) if name == "risk_ratio" else money(value)]
        for name, value in found.items()
        if isinstance(value, float)
    ]
    screen().print(table([str(found["user_id"]), ""], rows))


def _risk(account: Frame) -> str:
    """Without a balance there is no share of it."""
    is_share = account["balance"] > 0 or account["balance"] == account["margin"] == 0
    return f"{account['risk_ratio']:,.2%}" if is_share else "no balance left"


def positions(context: typer.Context, json: Json = False) -> None:
    """Open positions, and what they are worth at the last prices.

    \b
    bourse positions
    bourse positions --json | jq '{instrument_id, float_profit}'
    """
    found = ask(context, trader(context), lambda client: client.query_positions())
    if json:
        for position in found:
            as_json(position)
        return
    columns = ["instrument", "side", "lots", "of today", "opened at", "last", "profit", "margin"]
    screen().print(table(columns, [row for position in found for row in _sides(position)], left=2))


def _sides(position: dict[str, Any]) -> list[list[str]]:
    return [
        [
            position["instrument_id"],
            side.upper(),
            *(number(position[name]) for name in (f"volume_{side}", f"volume_{side}_today", f"open_price_{side}")),
            number(position["last_price"]),
            *(money(position[name]) for name in (f"float_profit_{side}", f"margin_{side}")),
        ]
        for side in ("long", "short")
        if position[f"volume_{side}"]
    ]


def watch(context: typer.Context, count: Count = None, json: Json = False) -> None:
    """What the exchange tells you, as it comes: orders, trades, the account. Until Ctrl-C.

    After a lost connection it goes on with what was missed.

    \b
    bourse watch
    bourse watch --json | jq 'select(.type == "trade")'
    """

    async def read(client: Client) -> None:
        left, pushes = count, client.pushes()
        typer.echo(f"watching {client.user_id}; Ctrl-C ends it", err=True)
        async for push in pushes:
            if json:
                as_json(_fields(push))
            else:
                typer.echo(told(push))
                sys.stdout.flush()
            left = None if left is None else left - 1
            if left == 0:
                return

    follow(trader(context), read)


def _fields(push: Any) -> dict[str, Any]:
    """As the exchange has sent it."""
    return push if isinstance(push, dict) else {"type": KINDS[type(push)]} | msgspec.to_builtins(push)


def told(push: Any) -> str:
    """One line for people."""
    match push:
        case Trade():
            what = f"{push.direction} {number(push.volume)} {push.instrument_id} @ {number(push.price)} {push.offset}"
            return f"{clock(push.timestamp)}  trade    {what}  {push.order_id}"
        case OrderState():
            of = "" if push.instrument_id is None else f"{push.direction} {push.instrument_id} {push.offset} "
            price = "" if push.price is None else f" @ {number(push.price)}"
            filled = f"{number(push.filled_volume)} of {number(push.filled_volume + push.remaining_volume)}"
            why = " ".join(filter(None, [push.reason, push.error_message]))
            what = f"{push.order_id}  {of}{push.status} {filled}{price} {why}"
            return f"{clock(push.timestamp)}  order    {what.rstrip()}"
        case Account():
            names = ("balance", "available", "margin", "profit")
            where = "" if push.market is None else f"  at {push.market}"
            return (
                "              account  " + "  ".join(f"{name} {money(getattr(push, name))}" for name in names) + where
            )
        case Snapshot():
            return f"              missed   some pushes are not kept any more; {len(push.orders)} orders live"
    known = {name: value for name, value in push.items() if name not in {"type", "seq", "timestamp"}}
    return f"{clock(push['timestamp'])}  {push['type']}  {msgspec.json.encode(known).decode()}"
