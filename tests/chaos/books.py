"""Says whether a database agrees with itself and with what clients were told: `python -m tests.chaos.books`.

A process of its own, with the settings of the server whose database it reads. Gets what users remember as a line of
JSON and answers with a line of JSON: the contradictions, and figures. Each time the journal is replayed from empty.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

Memory = dict[str, Any]
Contradictions = Iterator[str]


class Books:
    """The rows of one market. Needs a Django that is set up."""

    def __init__(self) -> None:
        from django.db import connection

        from trading.core.engine import Engine
        from trading.storage.store import Store

        self._connection = connection
        self.commands = 0
        self.restored = Engine.restore(Store("MAIN").load()[0])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    # -- with itself

    def contradictions(self) -> Contradictions:
        from trading.storage import reconciliation

        yield from reconciliation.check_books("MAIN")
        replay = reconciliation.replay_journal("MAIN")
        self.commands = replay.commands
        if replay.difference is not None:
            yield f"the journal replayed from empty is not the state that a restart loads: {replay.difference}"

    # -- with what a user was told

    def told(self, memory: Memory) -> Contradictions:
        """Every acknowledged order and cancel is there once; every push tells what is there; nothing else is there."""
        from trading.models import Order
        from trading.protocol import order_id_text

        user = memory["user_id"]
        found = {
            row["client_order_id"]: row
            for row in Order.objects.filter(account__user_id=user, forced=False).values(
                "id", "client_order_id", "direction", "offset", "volume", "price", "order_type", "status", "filled"
            )
        }
        by_id = {order_id_text(row["id"]): row for row in found.values()}
        if len(found) != Order.objects.filter(account__user_id=user, forced=False).count():
            yield f"{user} has an order twice, or one without a name"
        for name, order_id in memory["accepted"].items():
            row = found.get(name)
            if row is None:
                yield f"{user}'s order {name} was acknowledged as {order_id} and is not there"
            elif order_id_text(row["id"]) != order_id or not _is(
                row, memory["sent"][name], memory["amended"].get(order_id)
            ):
                yield f"{user}'s order {name} is not the one that was acknowledged as {order_id}: {row}"
        for name in memory["refused"]:
            if name in found:
                yield f"{user}'s order {name} was refused and is there"
        for name in found.keys() - memory["sent"].keys():
            yield f"{user} never sent order {name}"
        for order_id in memory["cancelled"]:
            if order_id not in by_id or by_id[order_id]["status"] != "Cancelled":
                yield f"{user}'s cancel of {order_id} was acknowledged: {by_id.get(order_id)}"
        for order_id in memory["swept"]:
            if order_id not in by_id or by_id[order_id]["status"] not in ("Filled", "Cancelled"):
                yield f"{user}'s cancel of all orders was acknowledged: {by_id.get(order_id)}"
        yield from self._pushes(memory, by_id)
        yield from self._switch(memory)

    def _switch(self, memory: Memory) -> Contradictions:
        """An acknowledged dead man's switch is there until its time has come, and then no order is older than that."""
        from trading.core.types import LIVE
        from trading.models import Account, JournalBatch, Order

        if memory["switch"] is None:
            return
        (deadline,) = memory["switch"]
        user = memory["user_id"]
        orders = Order.objects.filter(account__user_id=user, status__in=LIVE, accepted_at__lt=deadline or 0)
        before = JournalBatch.objects.latest("number").time
        found, left = Account.objects.get(user_id=user).cancel_at, list(orders.values_list("id", "accepted_at"))
        after = JournalBatch.objects.latest("number").time
        if deadline is None or after < deadline:
            right = found == deadline
        else:
            right = before < deadline or (found is None and not left)  # meanwhile: it may be seen or not
        if not right:
            yield f"{user}'s dead man's switch was acknowledged for {deadline}; at {before}: {found}, {left}"

    def _pushes(self, memory: Memory, orders: dict[str, Any]) -> Contradictions:
        from trading.models import Account, Trade
        from trading.protocol import order_id_text, trade_id_text

        user = memory["user_id"]
        for order_id, (status, filled) in memory["states"].items():
            row = orders.get(order_id)
            final = status in ("Filled", "Cancelled")
            if row is None or row["filled"] < filled or (final and (row["status"], row["filled"]) != (status, filled)):
                yield f"{user} was told that {order_id} is {status}, {filled} filled: {row}"
        there = {
            f"{trade_id_text(trade)} {direction}": [order_id_text(order), price / 10_000, volume]
            for trade, direction, order, price, volume in Trade.objects.filter(account__user_id=user).values_list(
                "trade_id", "direction", "order_id", "price", "volume"
            )
        }
        for side, told in memory["trades"].items():
            if there.get(side) != told:
                yield f"{user} was told of trade {side} {told}: {there.get(side)}"
        seq = Account.objects.get(user_id=user).push_seq
        if seq < memory["seq"]:
            yield f"{user} heard push {memory['seq']}, the database knows of {seq}"
        if memory["holes"]:
            yield f"{user} heard push numbers go back {memory['holes']} times"

    # -- with what an operator was told

    def operators(self, staff: Memory) -> Contradictions:
        """Every answered command has its row; every row that says DONE is in the journal once, and so is its money."""
        from trading.models import OperatorCommand

        rows = {row["key"]: row for row in OperatorCommand.objects.values("key", "payload", "status", "code")}
        for key, told in staff["answered"].items():
            if key not in rows or [rows[key]["status"], rows[key]["code"]] != told:
                yield f"the operator's {key} {staff['asked'][key]} was answered {told}: {rows.get(key)}"
        for key, row in rows.items():
            if row["status"] == "PENDING":
                yield f"nobody has done the operator's {key}: {row}"
            if key.startswith("chaos:") and staff["asked"].get(key) not in (None, row["payload"]):
                yield f"the operator's {key} was {staff['asked'][key]}, and not {row['payload']}"
        done = [row["payload"] for row in rows.values() if row["status"] == "DONE"]
        yield from _same("commands of operators", "in the journal", Counter(map(_text, done)), self._journalled())
        yield from _same("amounts of operators", "in the ledger", _amounts(done), self._moved())

    def _journalled(self) -> Counter[str]:
        import msgspec

        from trading.core.commands import AdminCommand
        from trading.storage.store import Store

        commands = (command for _, batch in Store("MAIN").journal() for command in batch)
        return Counter(_text(msgspec.to_builtins(command)) for command in commands if isinstance(command, AdminCommand))

    def _moved(self) -> Counter[tuple[str, int]]:
        from trading.models import LedgerEntry

        entries = LedgerEntry.objects.filter(kind__in=("DEPOSIT", "WITHDRAWAL", "CORRECTION"))
        moved: Any = entries.values_list("account__user_id", "amount")
        return Counter(moved)

    # -- figures

    def book(self, instrument_id: str) -> list[list[list[Any]]]:
        """The visible book of the engine that a restart loads, as the socket shows it."""
        from marketdata.core.depth import LEVELS, depth

        found = depth(self.restored.state.instruments[instrument_id], 0)
        return [
            [[price / 10_000, volume, count] for price, volume, count in side[:LEVELS]]
            for side in (found.bids, found.asks)
        ]

    def figures(self) -> dict[str, int]:
        orders, trades = self.rows("SELECT (SELECT COUNT(*) FROM trading_order), (SELECT COUNT(*) FROM trading_trade)")[
            0
        ]
        return {"orders": orders, "trades": trades // 2, "commands": self.commands}


def _is(row: Mapping[str, Any], sent: dict[str, Any], amended: list[Any] | None) -> bool:
    """Whether a row is what was sent, at the price that it was amended to: surely or perhaps."""
    prices = [sent["price"]]
    if amended is not None:
        price, done, before = amended
        prices = [price] if done else [*prices, *before, price]
    same = all(row[field] == sent[field] for field in ("direction", "offset", "volume", "order_type"))
    return same and row["price"] in [None if each is None else round(each * 10_000) for each in prices]


def _text(payload: Any) -> str:
    return json.dumps(payload, sort_keys=True)


def _amounts(done: list[Any]) -> Counter[tuple[str, int]]:
    """What the commands that are done have moved."""
    signs = {"Deposit": 1, "Withdraw": -1}
    return Counter(
        (payload["user_id"], signs[payload["type"]] * payload["amount"]) for payload in done if payload["type"] in signs
    )


def _same(what: str, where: str, told: Counter[Any], found: Counter[Any]) -> Contradictions:
    for each in told.keys() | found.keys():
        if told[each] != found[each]:
            yield f"{what}: {each} is done {told[each]} times, and {found[each]} times {where}"


def examine(question: dict[str, Any]) -> dict[str, Any]:
    books = Books()
    wrong = list(books.contradictions())
    for memory in question["memories"]:
        wrong += books.told(memory)
    if question.get("staff") is not None:
        wrong += books.operators(question["staff"])
    names = [{row[0] for row in books.rows(_NAMES.format(memory["user_id"]))} for memory in question["memories"]]
    done = sum(
        len(set(memory["unanswered"]) & there) for memory, there in zip(question["memories"], names, strict=True)
    )
    return {
        "contradictions": wrong,
        "book": books.book(question["instrument_id"]),
        "figures": books.figures() | {"unanswered_done": done},
    }


_NAMES = (
    "SELECT o.client_order_id FROM trading_order o JOIN trading_account a ON a.id = o.account_id WHERE a.user_id = '{}'"
)


def main() -> None:
    import django
    from django.db import connection

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    django.setup()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(examine(json.loads(line))), flush=True)
        connection.close()


if __name__ == "__main__":
    main()
