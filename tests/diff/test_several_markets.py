"""A client of DIFF knows of no markets: it trades the instruments of all, and has one account."""

from __future__ import annotations

import asyncio

import pytest
from channels.db import database_sync_to_async

from exchange_site.wiring.exchange import Exchange
from tests.builders import FUNDS, NO_ACCOUNT, TRADERS, Founded, listing
from tests.conftest import OpenExchange
from tests.diff.client import DiffClient
from tests.diff.conftest import Connect
from tests.websocket.client import PATIENCE
from trading.core.commands import AdminCommand, Deposit, OpenAccount, Settle
from trading.core.money import UNIT
from trading.models import Market
from trading.operators import inline_engine, requests

THERE = {"exchange_id": "CFFEX", "instrument_id": "CU2301"}
"""Listed at the other market."""
SYMBOL = "CFFEX.CU2301"
MONEY = FUNDS / UNIT


@pytest.fixture
async def exchange(market: Founded, open_exchange: OpenExchange) -> Exchange:
    """One that serves two markets; user001 and user002 have money at the other, too."""
    await database_sync_to_async(found_other)()
    return await open_exchange(FURTHER_MARKETS=["OTHER"])


def found_other() -> None:
    Market.objects.create(code="OTHER")
    inline_engine.carry_out(listing(THERE["instrument_id"]), market="OTHER")
    for user_id in TRADERS[:2]:
        inline_engine.carry_out(OpenAccount(user_id), market="OTHER")
        inline_engine.carry_out(Deposit(user_id, FUNDS), market="OTHER")


async def operate(command: AdminCommand) -> None:
    """At the other market."""
    row = await database_sync_to_async(requests.carry_out)(command, market="OTHER")
    assert row.status == "DONE", row.result


async def test_orders_trades_positions_and_money_are_those_of_all(alice: DiffClient, bob: DiffClient) -> None:
    await alice.until(lambda: alice.mine("accounts", "CNY", "balance") == 2 * MONEY)
    await alice.insert("here", "BUY OPEN 1 @ 115")
    here = await alice.until(lambda: alice.mine("accounts", "CNY", "frozen_margin"))
    await alice.insert("there", "BUY OPEN 2 @ 120", **THERE)
    await alice.until(lambda: alice.mine("accounts", "CNY", "frozen_margin") > here)
    await bob.insert("sold", "SELL OPEN 2 @ 120", **THERE)
    assert (await bob.finished("sold"))["volume_left"] == 0
    order = await alice.finished("there")
    assert {name: order[name] for name in THERE} == THERE
    await alice.until(lambda: alice.mine("positions", SYMBOL, "pos_long") == 2)
    await alice.until(lambda: alice.mine("accounts", "CNY", "frozen_margin") == here)
    [trade] = alice.mine("trades").values()
    assert (trade["order_id"], trade["instrument_id"], trade["volume"]) == ("there", "CU2301", 2)
    account = alice.mine("accounts", "CNY")
    assert account["margin"] == alice.mine("positions", SYMBOL, "margin") > 0
    assert account["balance"] == pytest.approx(2 * MONEY - account["commission"])


async def test_what_is_held_there_follows_the_market(
    alice: DiffClient, bob: DiffClient, connect: Connect, market: Founded
) -> None:
    """The one who holds trades no more; others move the price."""
    await operate(OpenAccount(TRADERS[2]))
    await operate(Deposit(TRADERS[2], FUNDS))
    carol = await (await connect("/diff/td")).log_in(TRADERS[2], market.tokens[TRADERS[2]])
    await alice.insert("bought", "BUY OPEN 1 @ 120", **THERE)
    await bob.insert("sold", "SELL OPEN 1 @ 120", **THERE)
    await alice.until(lambda: alice.mine("positions", SYMBOL, "last_price") == 120.0)
    await bob.insert("offer", "SELL OPEN 1 @ 121", **THERE)
    await carol.insert("bid", "BUY OPEN 1 @ 121", **THERE)
    assert (await carol.finished("bid"))["volume_left"] == 0
    async with asyncio.timeout(PATIENCE):
        await alice.until(lambda: alice.mine("positions", SYMBOL, "last_price") == 121.0)
        profit = alice.mine("positions", SYMBOL, "float_profit")
        assert profit > 0
        await alice.until(lambda: alice.mine("accounts", "CNY", "float_profit") == profit)


async def test_who_trades_at_one_alone_has_the_money_of_that_one(connect: Connect, market: Founded) -> None:
    client = await (await connect("/diff/td")).log_in(TRADERS[2], market.tokens[TRADERS[2]])
    assert await client.until(lambda: client.mine("accounts", "CNY", "balance")) == MONEY
    await client.insert("there", "BUY OPEN 1 @ 120", **THERE)
    order = await client.finished("there")
    assert order["exchange_order_id"] == "" and "Account not found" in order["last_msg"]
    await operate(OpenAccount(TRADERS[2]))
    await operate(Deposit(TRADERS[2], UNIT))
    await client.until(lambda: client.mine("accounts", "CNY", "balance") == MONEY + 1)


async def test_who_has_an_account_elsewhere_alone_trades_there(
    connect: Connect, bob: DiffClient, market: Founded
) -> None:
    """Their trading day is that of that market."""
    stranger = await (await connect("/diff/td")).log_in(NO_ACCOUNT, market.tokens[NO_ACCOUNT])
    await stranger.until(lambda: (1003, "登录失败, Account not found") in stranger.notes())
    await operate(OpenAccount(NO_ACCOUNT))
    await operate(Deposit(NO_ACCOUNT, FUNDS))
    await operate(Settle(20270104, 20270105, {}))
    client = await (await connect("/diff/td")).log_in(NO_ACCOUNT, market.tokens[NO_ACCOUNT])
    assert await client.until(lambda: client.mine("accounts", "CNY", "balance")) == MONEY
    assert client.mine("trading_day") == "20270105"
    await client.insert("bought", "BUY OPEN 1 @ 120", **THERE)
    await bob.insert("sold", "SELL OPEN 1 @ 120", **THERE)
    await client.until(lambda: client.mine("positions", SYMBOL, "pos_long_today") == 1)
    trades = await client.until(lambda: client.mine("trades"))
    assert [each["order_id"] for each in trades.values()] == ["bought"]
    await operate(Settle(20270105, 20270106, {}))
    await client.until(lambda: client.mine("trading_day") == "20270106" and not client.mine("trades"))
    assert client.mine("positions", SYMBOL, "pos_long_his") == 1


def found_bare() -> None:
    """A market that lists nothing, where a trader of the first and a stranger have money."""
    Market.objects.create(code="BARE")
    for user_id in (TRADERS[0], NO_ACCOUNT):
        for command in (OpenAccount(user_id), Deposit(user_id, FUNDS)):
            assert inline_engine.carry_out(command, market="BARE").status == "DONE"


async def test_money_at_a_market_that_lists_nothing_is_there_as_well(
    market: Founded, open_exchange: OpenExchange
) -> None:
    await database_sync_to_async(found_bare)()
    exchange = await open_exchange(FURTHER_MARKETS=["BARE"])
    for user_id, money in ((TRADERS[0], 2 * MONEY), (NO_ACCOUNT, MONEY)):
        client = await DiffClient(exchange.services, "/diff/td").connect()
        await client.log_in(user_id, market.tokens[user_id])
        await client.until(lambda: client.mine("accounts", "CNY", "balance") == money)
        await client.insert("here", "BUY OPEN 1 @ 115")
        if user_id == NO_ACCOUNT:
            assert "Account not found" in (await client.finished("here"))["last_msg"]
        else:
            await client.until(lambda: client.mine("accounts", "CNY", "available") < money)
        await client.leave()


async def test_a_settlement_elsewhere_begins_no_new_day(alice: DiffClient, bob: DiffClient) -> None:
    """Its money is taken in, and what was traded today stays to be seen."""
    await alice.insert("bought", "BUY OPEN 1 @ 120", **THERE)
    await bob.insert("sold", "SELL OPEN 1 @ 120", **THERE)
    await alice.until(lambda: alice.mine("positions", SYMBOL, "pos_long_today") == 1)
    day = alice.mine("trading_day")
    await operate(Settle(20270105, 20270106, {}))
    await alice.until(lambda: alice.mine("positions", SYMBOL, "pos_long_his") == 1)
    assert alice.mine("trading_day") == day
    assert len(alice.mine("trades")) == 1


async def test_symbols_and_quotes_are_those_of_all(md: DiffClient, alice: DiffClient, bob: DiffClient) -> None:
    await md.say("subscribe_quote", ins_list=f"CFFEX.IX2301,{SYMBOL}")
    await bob.insert("offer", "SELL OPEN 1 @ 121", **THERE)
    await md.until(lambda: md.quote(SYMBOL).get("ask_price1") == 121.0)
    await alice.insert("bid", "BUY OPEN 1 @ 121", **THERE)
    await md.until(lambda: md.quote(SYMBOL).get("last_price") == 121.0)
    await md.say("set_chart", chart_id="c", ins_list=SYMBOL, duration=60 * 10**9, view_width=10)
    bars = await md.until(lambda: md.tree.get("klines", {}).get(SYMBOL, {}).get(str(60 * 10**9), {}).get("data"))
    assert [bar["close"] for bar in bars.values()] == [121.0]
