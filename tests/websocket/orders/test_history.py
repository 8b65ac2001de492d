"""Orders, trades, statements and instruments by query: filters, pages, and nothing of anybody else."""

from collections.abc import Awaitable, Callable
from datetime import time
from typing import Any

import pytest

from exchange_site.wiring.exchange import Exchange
from tests.builders import NO_ACCOUNT, Founded
from tests.websocket.client import Client, Frame, assert_frames
from tests.websocket.conftest import Clock, Join
from trading.core.commands import Settle
from trading.core.numbers import number_at
from trading.models import Trade, TradingSession
from trading.protocol import order_id_text, trade_id_text

Enter = Callable[..., Awaitable[Client]]


@pytest.fixture
async def exchange(clock: Clock, open_exchange: Callable[[Clock], Awaitable[Exchange]]) -> Exchange:
    """An exchange whose time passes when a test says so."""
    return await open_exchange(clock)


@pytest.fixture
def enter(exchange: Exchange, join: Join, market: Founded) -> Enter:
    """Connects and signs a user in."""

    async def enter(user_id: str = "user001") -> Client:
        client = await join(exchange.services)
        return await client.sign_in(user_id, market.tokens[user_id])

    return enter


async def ask(client: Client, query: str, **fields: Any) -> Frame:
    """The data of a query's answer."""
    await client.say(type=query, **fields, request_id="q")
    answer = await client.hear_until("query_response", request_id="q")
    assert answer["request_type"] == query
    return dict(answer["data"])


async def ids(client: Client, **fields: Any) -> list[str]:
    return [order["order_id"] for order in (await ask(client, "query_orders", **fields))["orders"]]


async def place(client: Client, words: str, instrument_id: str = "IX2301", **more: Any) -> str:
    return str((await client.place(words, instrument_id, **more))["order_id"])


async def match(buyer: Client, seller: Client, price: float, instrument_id: str = "IX2301") -> tuple[str, str]:
    """One lot from one to the other; the ids of both orders."""
    bought = await place(buyer, f"BUY OPEN 1 @ {price}", instrument_id)
    return bought, await place(seller, f"SELL OPEN 1 @ {price}", instrument_id)


async def pages(client: Client, query: str, name: str, **fields: Any) -> list[list[str]]:
    """The ids on all pages."""
    found: list[list[str]] = []
    key = f"{name[:-1]}_id"
    before: Frame = {}
    for _ in range(20):
        data = await ask(client, query, **fields, **before)
        found.append([entry[key] for entry in data[name]])
        if data["next"] is None:
            return found
        assert data["next"] == found[-1][-1]
        before = {"before": data["next"]}
    raise AssertionError(f"there is no end of pages: {found}")


# --- orders


async def test_without_orders_there_is_one_empty_page(enter: Enter) -> None:
    assert await ask(await enter(), "query_orders") == {"orders": [], "next": None}


async def test_orders_come_newest_first_and_look_like_a_single_one(enter: Enter) -> None:
    alice = await enter()
    placed = [await place(alice, f"BUY OPEN {volume} @ 119") for volume in (1, 2, 3)]
    found = (await ask(alice, "query_orders"))["orders"]
    assert [order["order_id"] for order in found] == placed[::-1]
    for order in found:
        assert order == (await ask(alice, "query_order", order_id=order["order_id"]))["order"]


@pytest.mark.parametrize(
    ("limit", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (6, [6, 1]), (7, [7]), (8, [7]), (200, [7])]
)
async def test_pages_have_everything_once(enter: Enter, limit: int, sizes: list[int]) -> None:
    alice = await enter()
    placed = [await place(alice, "BUY OPEN 1 @ 119") for _ in range(7)]
    found = await pages(alice, "query_orders", "orders", limit=limit)
    assert [len(page) for page in found] == sizes
    assert [each for page in found for each in page] == placed[::-1]


async def test_a_page_has_fifty_entries_unless_asked_otherwise(enter: Enter) -> None:
    alice = await enter()
    order = {"instrument_id": "IX2301", "direction": "BUY", "offset": "OPEN", "volume": 1, "price": 110}
    for _ in range(2):
        await alice.say(type="submit_orders", orders=[order | {"order_type": "LIMIT"}] * 30)
    assert [len(page) for page in await pages(alice, "query_orders", "orders")] == [50, 10]


async def test_pages_stay_what_they_are_when_new_orders_come(enter: Enter) -> None:
    alice = await enter()
    placed = [await place(alice, "BUY OPEN 1 @ 119") for _ in range(4)]
    first = await ask(alice, "query_orders", limit=2)
    await place(alice, "BUY OPEN 1 @ 119")
    assert await ids(alice, limit=2, before=first["next"]) == placed[1::-1]


async def test_orders_by_status_and_instrument(enter: Enter) -> None:
    alice, bob = await enter(), await enter("user002")
    partly = await place(alice, "BUY OPEN 2 @ 120")
    await place(bob, "SELL OPEN 1 @ 120")
    filled = await place(bob, "SELL OPEN 1 @ 121", "IF2301")
    await place(alice, "BUY OPEN 1 @ 121", "IF2301")
    live = await place(alice, "BUY OPEN 1 @ 110", "IF2301")
    waits = await place(alice, "BUY OPEN 1 @ 130", stop_price=129)
    gone = await place(alice, "BUY OPEN 1 @ 110", time_condition="IOC")
    done = (await ids(alice, status="Filled"))[0]
    assert await ids(alice, status="PartiallyFilled") == [partly]
    assert await ids(alice, status="Submitted") == [live]
    assert await ids(alice, status="Waiting") == [waits]
    assert await ids(alice, status="Cancelled") == [gone]
    assert await ids(alice, status="LIVE") == [waits, live, partly]
    assert await ids(alice, instrument_id="IF2301") == [live, done]
    assert await ids(alice, instrument_id="IF2301", status="LIVE") == [live]
    assert await ids(bob, status="Filled", instrument_id="IF2301") == [filled]


async def test_orders_by_the_time_of_their_acceptance(clock: Clock, enter: Enter) -> None:
    alice = await enter()
    start, placed = clock.now, []
    for _ in range(3):
        placed += [await place(alice, "BUY OPEN 1 @ 119"), await place(alice, "BUY OPEN 1 @ 118")]
        clock.pass_by(10)
    newest_first = placed[::-1]
    assert await ids(alice, from_time=start + 10) == newest_first[:4]
    assert await ids(alice, from_time=start + 11) == newest_first[:2]
    assert await ids(alice, to_time=start + 10) == newest_first[2:]
    assert await ids(alice, to_time=start + 9) == newest_first[4:]
    assert await ids(alice, from_time=start + 10, to_time=start + 10) == newest_first[2:4]
    assert await ids(alice, from_time=0, to_time=2**53) == newest_first
    assert await ids(alice, from_time=start + 21) == await ids(alice, to_time=start - 1) == []
    found = await pages(alice, "query_orders", "orders", to_time=start + 10, limit=3)
    assert found == [newest_first[2:5], newest_first[5:]]


async def test_a_waiting_order_is_found_at_the_time_it_came_in(clock: Clock, enter: Enter) -> None:
    """Not when it fired or was amended."""
    alice = await enter()
    start = clock.now
    order_id = await place(alice, "BUY OPEN 1 @ 119")
    clock.pass_by(50)
    await alice.say(type="amend_order", order_id=order_id, price=119.5)
    await alice.hear_until("order_status", price=119.5)
    assert await ids(alice, to_time=start) == [order_id]
    assert await ids(alice, from_time=start + 1) == []


# --- trades


async def test_trades_are_told_from_ones_own_side(enter: Enter) -> None:
    alice, bob = await enter(), await enter("user002")
    bought, sold = await match(alice, bob, 120)
    closed = await place(bob, "BUY CLOSETODAY 1 @ 121")
    await place(alice, "SELL CLOSETODAY 1 @ 121")
    closing, opening = (await ask(bob, "query_trades"))["trades"]
    row = await Trade.objects.order_by("trade_id").afirst()
    assert row is not None
    assert opening == {
        "trade_id": trade_id_text(row.trade_id),
        "order_id": sold,
        "instrument_id": "IX2301",
        "direction": "SELL",
        "offset": "OPEN",
        "price": 120.0,
        "volume": 1.0,
        "timestamp": row.time,
        "is_maker": False,
        "commission": 2.0,
        "close_profit": 0.0,
    }
    assert_frames(
        [closing],
        {"order_id": closed, "is_maker": True, "commission": 5.0, "close_profit": -100.0, "offset": "CLOSETODAY"},
    )
    (mine,) = (await ask(alice, "query_trades", order_id=bought))["trades"]
    assert_frames([mine], {"trade_id": opening["trade_id"], "order_id": bought, "is_maker": True, "direction": "BUY"})


async def test_trades_by_instrument_order_time_and_page(clock: Clock, enter: Enter) -> None:
    alice, bob = await enter(), await enter("user002")
    start, orders = clock.now, []
    for name in ("IX2301", "IF2301", "IX2301"):
        orders.append((await match(alice, bob, 120, name))[0])
        clock.pass_by(10)

    async def found(**fields: Any) -> list[str]:
        return [each["order_id"] for each in (await ask(alice, "query_trades", **fields))["trades"]]

    assert await found() == orders[::-1]
    assert await found(instrument_id="IX2301") == [orders[2], orders[0]]
    assert await found(order_id=orders[1]) == [orders[1]]
    assert await found(from_time=start + 10) == [orders[2], orders[1]]
    assert await found(to_time=start + 10) == [orders[1], orders[0]]
    assert await found(order_id=orders[1], instrument_id="IX2301") == []
    trades = await pages(alice, "query_trades", "trades", limit=2)
    assert [len(page) for page in trades] == [2, 1]
    assert trades == [trades[0], trades[1]] and len({each for page in trades for each in page}) == 3


async def test_one_order_may_have_many_trades(enter: Enter) -> None:
    alice, bob = await enter(), await enter("user002")
    for _ in range(3):
        await place(bob, "SELL OPEN 1 @ 120")
    taker = await place(alice, "BUY OPEN 3 @ 120")
    data = await ask(alice, "query_trades", order_id=taker, limit=2)
    assert [trade["order_id"] for trade in data["trades"]] == [taker, taker] and data["next"] is not None
    assert len((await ask(alice, "query_trades", order_id=taker, before=data["next"]))["trades"]) == 1


# --- nothing of anybody else


async def test_nobody_sees_what_is_anothers(enter: Enter) -> None:
    alice, bob, stranger = await enter(), await enter("user002"), await enter("user003")
    bought, sold = await match(alice, bob, 120)
    assert await ids(alice) == [bought] and await ids(bob) == [sold]
    assert await ask(stranger, "query_orders") == {"orders": [], "next": None}
    assert await ask(stranger, "query_trades") == {"trades": [], "next": None}
    assert await ask(stranger, "query_trades", order_id=bought) == {"trades": [], "next": None}
    assert await ask(stranger, "query_statements") == {"statements": []}
    assert (await ask(alice, "query_trades", order_id=sold))["trades"] == []
    newest = order_id_text(number_at(2_000_000_000_000))
    assert await ids(stranger, before=newest) == [] and await ids(alice, before=newest) == [bought]


PRIVATE = ["query_orders", "query_trades", "query_statements"]


@pytest.mark.parametrize("query", PRIVATE)
async def test_histories_need_auth_and_an_account(visitor: Client, enter: Enter, query: str) -> None:
    newcomer = await enter(NO_ACCOUNT)
    assert_frames([await visitor.ask(type=query, request_id=1)], {"type": "error", "code": 401, "request_id": 1})
    assert_frames([await newcomer.ask(type=query, request_id=1)], {"type": "error", "code": 1003, "request_id": 1})


@pytest.mark.parametrize(
    ("fields", "code", "sentence"),
    [
        ({"type": "query_orders", "instrument_id": "XX"}, 1004, "Unknown instrument XX"),
        ({"type": "query_trades", "instrument_id": "XX"}, 1004, "Unknown instrument XX"),
        ({"type": "query_instruments", "instrument_id": "XX"}, 1004, "Unknown instrument XX"),
        ({"type": "query_orders", "before": "T17251234567890000001"}, 400, "before is no id"),
        ({"type": "query_orders", "before": ""}, 400, "before is no id"),
        ({"type": "query_trades", "before": "O17251234567890000001"}, 400, "before is no id"),
        ({"type": "query_trades", "order_id": "nonsense"}, 400, "order_id is no id"),
        ({"type": "query_orders", "limit": 201}, 400, "limit must be at most 200"),
        ({"type": "query_orders", "status": "live"}, 400, "status cannot be 'live'"),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(enter: Enter, fields: Frame, code: int, sentence: str) -> None:
    answer = await (await enter()).ask_wrong(**fields, request_id=6)
    assert_frames([answer], {"type": "error", "code": code, "request_id": 6})
    assert sentence in answer["message"]


# --- instruments


async def test_instruments_are_told_to_anybody(visitor: Client, enter: Enter) -> None:
    both = (await ask(visitor, "query_instruments"))["instruments"]
    assert [each["instrument_id"] for each in both] == ["IF2301", "IX2301"]
    (one,) = (await ask(visitor, "query_instruments", instrument_id="IX2301"))["instruments"]
    assert (
        one
        == both[1]
        == {
            "instrument_id": "IX2301",
            "name": "a future",
            "product_id": "IX",
            "tick": 0.5,
            "multiplier": 100,
            "limit_up": 132.0,
            "limit_down": 108.0,
            "margin_rate_long": 0.1,
            "margin_rate_short": 0.1,
            "fee_open": {"per_lot": 2.0, "rate": 0.0},
            "fee_close": {"per_lot": 3.0, "rate": 0.0001},
            "fee_close_today": {"per_lot": 5.0, "rate": 0.0},
            "min_volume": 1,
            "max_volume": 500,
            "max_position": None,
            "max_orders": None,
            "larger_side": False,
            "last_day": None,
            "phase": "continuous",
            "settlement_price": 120.0,
            "last_price": None,
        }
    )
    await match(await enter(), await enter("user002"), 121.5)
    (one,) = (await ask(visitor, "query_instruments", instrument_id="IX2301"))["instruments"]
    assert one["last_price"] == 121.5


async def test_instruments_have_the_hours_of_their_markets_schedule(visitor: Client, market: Founded) -> None:
    await TradingSession.objects.acreate(market_id="MAIN", weekdays="12345", time=time(21), action="continuous")
    await TradingSession.objects.acreate(market_id="MAIN", weekdays="23456", time=time(2, 30), action="closed")
    (one,) = (await ask(visitor, "query_instruments", instrument_id="IX2301"))["instruments"]
    session = {"weekdays": "12345", "begins": "21:00:00", "ends": "26:30:00"}
    assert one["trading_hours"] == {"time_zone": "UTC", "sessions": [session]}


# --- statements


async def test_statements_are_pushed_and_kept(exchange: Exchange, enter: Enter) -> None:
    alice, bob = await enter(), await enter("user002")
    await match(alice, bob, 120)
    await alice.rest()
    for day, price in ((20270105, 121), (20270106, 122), (20270107, 121)):
        exchange.gateway.submit(Settle(day, day + 1, {"IX2301": price * 10_000}), lambda event: None)
        pushed = await alice.hear_until("statement", day=day)
        assert isinstance(pushed.pop("seq"), int)
        (kept,) = (await ask(alice, "query_statements", limit=1))["statements"]
        assert kept == pushed
    assert_frames(
        [kept],
        {
            "opening": 1_000_198.0,
            "deposits": 0.0,
            "close_profit": 0.0,
            "position_profit": -100.0,
            "commission": 0.0,
            "closing": 1_000_098.0,
            "margin": 1_210.0,
            "positions": [
                {"instrument_id": "IX2301", "volume_long": 1.0, "volume_short": 0.0, "price": 121.0, "margin": 1_210.0}
            ],
        },
    )

    async def days(**fields: int) -> list[int]:
        return [each["day"] for each in (await ask(alice, "query_statements", **fields))["statements"]]

    assert await days() == [20270107, 20270106, 20270105]
    assert await days(from_day=20270106) == [20270107, 20270106]
    assert await days(to_day=20270106) == [20270106, 20270105]
    assert await days(from_day=20270106, to_day=20270106) == [20270106]
    assert await days(limit=2) == [20270107, 20270106]
    assert await days(from_day=20280101) == []
    (first,) = (await ask(bob, "query_statements", to_day=20270105))["statements"]
    assert_frames([first], {"position_profit": -100.0, "opening": 0.0, "deposits": 1_000_000.0})


async def test_after_a_settlement_the_account_that_is_queried_is_the_one_that_was_pushed(
    exchange: Exchange, enter: Enter
) -> None:
    alice, bob = await enter(), await enter("user002")
    await match(alice, bob, 120)
    await alice.rest()
    exchange.gateway.submit(Settle(20270105, 20270106, {"IX2301": 1_230_000}), lambda event: None)
    pushed = await alice.hear_until("account_update", profit=0.0)
    account = (await ask(alice, "query_account"))["account"]
    names = ("balance", "available", "frozen", "margin", "profit", "risk_ratio")
    assert {name: pushed[name] for name in names} == {name: account[name] for name in names}
    assert_frames([account], {"pre_balance": 1_000_298.0, "margin": 1_230.0, "float_profit": 300.0})
    (position,) = (await ask(alice, "query_position"))["positions"]
    assert_frames([position], {"volume_long_his": 1.0, "float_profit": 300.0, "position_profit": 0.0})
