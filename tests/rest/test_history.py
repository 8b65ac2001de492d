"""What was: pages of orders, trades, the ledger, statements and bars, which neither repeat nor skip."""

from itertools import pairwise
from typing import Any

import pytest

from tests.rest.client import Client
from tests.rest.test_orders import order
from trading.core.commands import Settle
from trading.core.money import UNIT
from trading.models import LedgerEntry, Order


async def pages(client: Client, path: str, name: str, cursor: str = "before", **query: Any) -> list[list[Any]]:
    """All pages from here on."""
    found: list[list[Any]] = []
    following: Any = None
    while not found or following is not None:
        reply = await client.get(path, **query, **({} if following is None else {cursor: following}))
        assert reply.status == 200, reply.json
        found.append(reply.json[name])
        following = reply.json["next"]
        assert len(found) < 100
    return found


async def test_pages_neither_repeat_nor_skip_while_orders_come_and_go(ann: Client) -> None:
    await ann.post("orders/batch/", {"orders": [order("BUY OPEN 1 @ 110")] * 10})
    there = {each.id async for each in Order.objects.all()}
    seen: list[str] = []
    following: dict[str, Any] = {}
    while following is not None:
        page = (await ann.get("orders/", limit=3, **following)).json
        seen += [each["order_id"] for each in page["orders"]]
        following = None if page["next"] is None else {"before": page["next"]}  # type: ignore[assignment]
        await ann.post("orders/", order("BUY OPEN 1 @ 111"))  # one comes
        await ann.delete(f"orders/{seen[0]}/")  # and one goes
    assert len(seen) == len(set(seen)) == len(there)
    assert [int(name[1:]) for name in seen] == sorted((int(name[1:]) for name in seen), reverse=True)


async def test_pages_of_trades_and_of_the_ledger(ann: Client, ben: Client) -> None:
    await ben.post("orders/batch/", {"orders": [order("SELL OPEN 1 @ 120")] * 7})
    await ann.post("orders/batch/", {"orders": [order("BUY OPEN 1 @ 120")] * 7})
    trades = await pages(ann, "trades/", "trades", limit=3)
    assert [len(page) for page in trades] == [3, 3, 1]
    assert len({trade["trade_id"] for page in trades for trade in page}) == 7
    entries = [entry for page in await pages(ann, "ledger/", "entries", limit=3) for entry in page]
    assert sum(entry["amount"] for entry in entries) == 1_000_000 - 7 * 2
    stored = [row.pk async for row in LedgerEntry.objects.filter(account_id=1).order_by("-id")]
    assert [entry["entry_id"] for entry in entries] == stored
    assert entries[0]["trade_id"] == trades[0][0]["trade_id"]


async def test_a_page_that_is_full_and_the_last_says_so(ann: Client) -> None:
    await ann.post("orders/batch/", {"orders": [order("BUY OPEN 1 @ 110")] * 3})
    assert (await ann.get("orders/", limit=3)).json["next"] is None
    assert (await ann.get("ledger/", limit=1)).json["next"] is None


async def test_orders_of_a_kind(ann: Client) -> None:
    await ann.post("orders/", order("BUY OPEN 1 @ 110"))
    gone = (await ann.post("orders/", order("BUY OPEN 1 @ 111"))).json["order"]["order_id"]
    await ann.delete(f"orders/{gone}/")
    for status, count in (("LIVE", 1), ("Cancelled", 1), ("Filled", 0)):
        assert len((await ann.get("orders/", status=status)).json["orders"]) == count
    assert (await ann.get("orders/", instrument_id="IF2301")).json["orders"] == []
    assert (await ann.get("orders/", instrument_id="none")).code == 1004


async def test_pages_of_statements(ann: Client, ben: Client, exchange: Any) -> None:
    for day, following in pairwise(range(20260101, 20260106)):
        done: list[Any] = []
        exchange.gateway.submit(Settle(day, following, {"IX2301": 120 * UNIT}), done.append)
        await ann.post("orders/cancel-all/")
        assert done
    found = await pages(ann, "statements/", "statements", cursor="to_day", limit=2)
    days = [[statement["day"] for statement in page] for page in found]
    assert days == [[20260104, 20260103], [20260102, 20260101]]


async def test_pages_of_bars(ann: Client, ben: Client) -> None:
    await ben.post("orders/", order("SELL OPEN 1 @ 120"))
    await ann.post("orders/", order("BUY OPEN 1 @ 120"))
    (page,) = await pages(ann, "instruments/IX2301/bars/", "bars", limit=1)
    assert [(bar["close"], bar["volume"]) for bar in page] == [(120.0, 1.0)]
    older = await ann.get("instruments/IX2301/bars/", before=page[0]["start"])
    assert older.json == {"bars": [], "next": None}


@pytest.mark.parametrize("path", ["ledger/", "trades/", "orders/", "statements/"])
async def test_what_others_did_is_not_there(ann: Client, ben: Client, path: str) -> None:
    await ben.post("orders/", order("SELL OPEN 1 @ 120"))
    before = (await ann.get(path)).json
    await ben.post("orders/", order("BUY OPEN 1 @ 111"))
    assert (await ann.get(path)).json == before
