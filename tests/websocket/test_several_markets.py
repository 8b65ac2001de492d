"""One door to several markets: whoever names none finds every instrument, every order and every position."""

from typing import Any

import msgspec
import pytest
from channels.db import database_sync_to_async

from exchange_site.wiring.exchange import Exchange
from tests.builders import FUNDS, TRADERS, Founded, listing
from tests.conftest import OpenExchange
from tests.rest.client import Client as RestClient
from tests.websocket.client import Client, Frame, order_message
from tests.websocket.conftest import Clock, Join
from trading.core.commands import Deposit, OpenAccount
from trading.core.money import UNIT
from trading.core.numbers import ACCOUNTS_OF_MARKET
from trading.models import Account, Instrument, Market, OperatorCommand, Order, Trade
from trading.models import Transfer as TransferRow
from trading.operators import inline_engine, requests
from trading.operators.between_markets import transfers
from trading.protocol import QueryData, TradeData, order_number
from trading.reads.markets import _page as several_page
from trading.storage.reconciliation import check_all_books
from trading.storage.store import Store
from trading.worker.batch import OperatorAsk

HERE, THERE = "IX2301", "CU2301"
"""Listed at the first market, and at the other."""


@pytest.fixture
def other_market(market: Founded) -> None:
    """With an instrument; user001 and user002 have money there, user003 only at the first."""
    Market.objects.create(code="OTHER")
    inline_engine.carry_out(listing(THERE), market="OTHER")
    for user_id in TRADERS[:2]:
        inline_engine.carry_out(OpenAccount(user_id), market="OTHER")
        inline_engine.carry_out(Deposit(user_id, FUNDS), market="OTHER")


@pytest.fixture
async def exchange(other_market: None, open_exchange: OpenExchange, clock: Clock) -> Exchange:
    """One that serves both."""
    return await open_exchange(clock, FURTHER_MARKETS=["OTHER"])


async def data(client: Client, **query: Any) -> Any:
    await client.say(**query)
    return (await client.hear_until("query_response"))["data"]


async def place(client: Client, words: str, instrument_id: str = THERE, **more: Any) -> str:
    """The id of an order that was taken."""
    answer = await client.place(words, instrument_id, **more)
    assert answer["success"], answer
    return str(answer["order_id"])


async def test_orders_find_the_market_of_their_instrument(alice: Client, bob: Client) -> None:
    sold = await place(bob, "SELL OPEN 3 @ 120")
    bought = await place(alice, "BUY OPEN 3 @ 120")
    here = await place(alice, "BUY OPEN 1 @ 110", HERE)
    rows = {row.pk: row async for row in Order.objects.select_related("account", "instrument")}
    assert rows[order_number(bought) or 0].account_id == ACCOUNTS_OF_MARKET + 1
    assert rows[order_number(here) or 0].account_id == 1
    assert all(row.account.market_id == row.instrument.market_id for row in rows.values())
    assert await Trade.objects.filter(order_id=order_number(sold) or 0).acount() == 1
    assert len({row.pk for row in rows.values()}) == 3
    assert (await alice.place("BUY OPEN 1 @ 110", "NONE"))["error_code"] == 1004


async def test_what_is_pushed_from_elsewhere_says_so_and_leaves_the_numbers_alone(alice: Client, bob: Client) -> None:
    await place(bob, "SELL OPEN 3 @ 120")
    await place(alice, "BUY OPEN 1 @ 110", HERE)
    before = [frame["seq"] for frame in await alice.rest()]
    await place(alice, "BUY OPEN 1 @ 120")
    elsewhere = await alice.rest()
    assert [frame["type"] for frame in elsewhere] == ["order_status", "order_status"], "of money nobody has asked"
    assert all(frame["market"] == "OTHER" and "seq" not in frame for frame in elsewhere)
    assert elsewhere[0]["market_seq"] + 2 == elsewhere[1]["market_seq"], (
        "between them is the trade, which is not wanted"
    )
    await data(alice, type="query_account", market="OTHER")
    await place(alice, "BUY OPEN 1 @ 110")
    assert [frame["type"] for frame in await alice.rest()] == ["order_status", "account_update"]
    await place(alice, "BUY OPEN 1 @ 111", HERE)
    after = [frame["seq"] for frame in await alice.rest()]
    assert after[0] == before[-1] + 1


async def test_cancels_and_amendments_go_by_the_order(alice: Client) -> None:
    orders = {name: await place(alice, "BUY OPEN 2 @ 110", name) for name in (HERE, THERE)}
    for order_id in orders.values():
        await alice.say(type="amend_order", order_id=order_id, volume=1)
        assert (await alice.hear_until("order_response"))["success"]
        await alice.say(type="cancel_order", order_id=order_id)
        assert (await alice.hear_until("order_response"))["success"]
        await alice.say(type="cancel_order", order_id=order_id)
        assert (await alice.hear_until("order_response"))["error_code"] == 1011
    strange = orders[THERE][:-5] + "99999"
    await alice.say(type="cancel_order", order_id=strange)
    assert (await alice.hear_until("order_response"))["error_code"] == 1002


async def test_a_batch_goes_to_both_and_is_answered_in_its_order(alice: Client) -> None:
    names = [THERE, HERE, "NONE", THERE]
    orders = [order_message("BUY OPEN 1 @ 110", name) for name in names]
    for each in orders:
        del each["type"]
    await alice.say(type="submit_orders", orders=orders)
    results = (await alice.hear_until("orders_response"))["results"]
    assert [each["success"] for each in results] == [True, True, False, True]
    placed = [each["order_id"] for each in results if each["success"]]
    instruments = {row.pk: row.instrument_id async for row in Order.objects.all()}
    assert [instruments[order_number(order_id) or 0] for order_id in placed] == [THERE, HERE, THERE]
    await alice.say(type="cancel_orders", order_ids=placed)
    assert all(each["success"] for each in (await alice.hear_until("orders_response"))["results"])


async def test_all_are_cancelled_at_every_market(alice: Client) -> None:
    for name in (HERE, THERE, THERE):
        await place(alice, "BUY OPEN 1 @ 110", name)
    await alice.say(type="cancel_all", instrument_id=THERE)
    assert (await alice.hear_until("cancel_all_response"))["cancelled"] == 2
    await place(alice, "BUY OPEN 1 @ 110", THERE)
    await alice.say(type="cancel_all")
    assert (await alice.hear_until("cancel_all_response"))["cancelled"] == 2


async def test_queries_gather(alice: Client, bob: Client) -> None:
    placed = []
    for name in (HERE, THERE, HERE, THERE, THERE):
        await place(bob, "SELL OPEN 1 @ 120", name)
        placed.append(await place(alice, "BUY OPEN 1 @ 120", name))
    held = (await data(alice, type="query_position"))["positions"]
    assert [(each["instrument_id"], each["volume_long"]) for each in held] == [(THERE, 3), (HERE, 2)]
    (one,) = (await data(alice, type="query_position", instrument_id=THERE))["positions"]
    assert one == held[0]
    for order_id in placed:
        assert (await data(alice, type="query_order", order_id=order_id))["order"]["status"] == "Filled"
    for query, name in (("query_orders", "orders"), ("query_trades", "trades")):
        found, before = [], None
        for _ in range(len(placed) + 1):
            page = await data(alice, type=query, limit=2, before=before)
            found += [row["order_id"] for row in page[name]]
            before = page["next"]
            if before is None:
                break
        assert found == sorted(placed, reverse=True) and before is None
        only = await data(alice, type=query, instrument_id=THERE)
        assert [row["instrument_id"] for row in only[name]] == [THERE] * 3
    trades = await data(alice, type="query_trades", order_id=placed[1])
    assert [row["order_id"] for row in trades["trades"]] == [placed[1]]


async def test_money_is_the_first_markets_unless_another_is_named(alice: Client, other: Client) -> None:
    await place(alice, "BUY OPEN 10 @ 110")
    assert (await data(alice, type="query_account"))["account"]["frozen"] == 0
    assert (await data(alice, type="query_account", market="OTHER"))["account"]["frozen"] > 0
    assert (await data(alice, type="query_statements", market="OTHER"))["statements"] == []
    refused = await other.ask(type="query_account", market="OTHER")
    assert (refused["type"], refused["code"]) == ("error", 1003)
    refused = await other.ask(type="query_account", market="NOWHERE")
    assert (refused["type"], refused["code"]) == ("error", 404)


async def test_without_an_account_there_nothing_is_placed_there(other: Client) -> None:
    assert (await other.place("BUY OPEN 1 @ 110", THERE))["error_code"] == 1003
    assert (await other.place("BUY OPEN 1 @ 110", HERE))["success"]


async def test_a_transfer_lets_one_trade_there(exchange: Exchange, other: Client) -> None:
    await other.ask(type="query_account", market="OTHER")
    asking = database_sync_to_async(transfers.ask, thread_sensitive=False)
    await asking("user003", 100_000 * UNIT, source="MAIN", target="OTHER", transfer_id="t1")
    sent = await other.hear_until("account_update")
    assert sent["balance"] == 900_000 and "market" not in sent
    opened = await other.hear_until("account_update", market="OTHER")
    assert opened["market_seq"] == 1
    if opened["balance"] != 100_000:  # the account was opened in a batch of its own
        await other.hear_until("account_update", market="OTHER", balance=100_000.0, market_seq=2)
    assert (await other.place("BUY OPEN 1 @ 110", THERE))["success"]
    assert (await TransferRow.objects.aget(pk="t1")).status == "ARRIVED"
    assert await database_sync_to_async(check_all_books, thread_sensitive=False)() == []


async def test_market_data_of_both(visitor: Client, bob: Client) -> None:
    listed = (await data(visitor, type="query_instruments"))["instruments"]
    assert [(each["instrument_id"], each.get("market")) for each in listed] == [
        (THERE, "OTHER"), ("IF2301", None), (HERE, None),
    ]  # fmt: skip
    await visitor.say(type="subscribe", channels=["orderbook"], instruments=[HERE, THERE])
    assert (await visitor.hear_until("subscribe_response"))["success"]
    await place(bob, "SELL OPEN 1 @ 120", THERE)
    book = await visitor.hear_until(
        "orderbook", instrument_id=THERE, asks=[{"price": 120.0, "volume": 1.0, "order_count": 1}]
    )
    assert book["bids"] == []
    days = (await data(visitor, type="query_statistics"))["statistics"]
    assert [each["instrument_id"] for each in days] == [THERE, "IF2301", HERE]
    bars = await data(visitor, type="query_bars", instrument_id=THERE)
    assert bars["bars"] == []
    refused = await visitor.ask(type="subscribe", channels=["ticker"], instruments=["NONE"])
    assert not refused["success"] and "NONE" in refused["message"]


async def test_what_was_missed_elsewhere_is_told_when_it_is_asked_for(
    exchange: Exchange, market: Founded, alice: Client, join: Join
) -> None:
    await data(alice, type="query_account", market="OTHER")
    await place(alice, "BUY OPEN 1 @ 110", HERE)
    await place(alice, "BUY OPEN 1 @ 110", THERE)
    told = await alice.rest()
    again = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    elsewhere = [frame for frame in told if "market" in frame]
    first = elsewhere[0]["market_seq"] - 1
    await again.say(type="resume", last_seq=first, market="OTHER")
    answer, *missed = await again.rest()
    assert answer["last_seq"] == elsewhere[-1]["market_seq"] and missed == elsewhere
    await again.say(type="resume", market="OTHER")
    answer, whole = await again.rest()
    assert (whole["type"], whole["market"], whole["seq"]) == ("snapshot", "OTHER", answer["last_seq"])
    assert [each["instrument_id"] for each in whole["orders"]] == [THERE]
    await again.say(type="resume", last_seq=0, market="MAIN")
    answer, *missed = await again.rest()
    assert {frame.get("market") for frame in missed} == {None}
    refused = await again.ask(type="resume", market="NOWHERE")
    assert (refused["type"], refused["code"]) == ("error", 404)
    await place(again, "BUY OPEN 1 @ 111", THERE)
    assert [frame["market"] for frame in await again.rest()] == ["OTHER", "OTHER"], "it goes on"


async def test_what_a_shell_command_did_without_an_engine_is_told_as_that_markets(
    other_market: None, settings: Any, open_exchange: OpenExchange, market: Founded, join: Join
) -> None:
    settings.FURTHER_MARKETS = ["OTHER"]
    asking = database_sync_to_async(inline_engine.carry_out, thread_sensitive=False)
    row = await asking(Deposit(TRADERS[0], UNIT), market="OTHER")
    assert row.status == "DONE"
    exchange = await open_exchange()
    client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    last = (await client.ask(type="resume", last_seq=None, market="OTHER"))["last_seq"]
    await client.rest()
    await client.say(type="resume", last_seq=last - 1, market="OTHER")
    _, told = await client.rest()
    assert (told["type"], told["market"], told["market_seq"]) == ("account_update", "OTHER", last)


@pytest.mark.parametrize("way", ["lost", "countdown"])
async def test_the_switches_cancel_at_every_market(alice: Client, bob: Client, clock: Clock, way: str) -> None:
    if way == "lost":
        await alice.say(type="set_session", cancel_on_disconnect=True, grace_ms=0)
        assert (await alice.hear_until("set_session_response"))["success"]
    else:
        await alice.say(type="cancel_after", timeout_ms=1_000)
        assert (await alice.hear_until("cancel_after_response"))["success"]
    await bob.say(type="subscribe", channels=["orderbook"], instruments=[HERE, THERE])
    await bob.hear_until("subscribe_response")
    for name in (HERE, THERE):
        await place(alice, "BUY OPEN 1 @ 110", name)
        await bob.hear_until("orderbook", instrument_id=name, bids=[{"price": 110.0, "volume": 1.0, "order_count": 1}])
    if way == "lost":
        await alice.leave()
    clock.pass_by(2_000)
    empty: set[str] = set()
    while empty != {HERE, THERE}:
        frame = await bob.hear_until("orderbook", bids=[])
        empty.add(frame["instrument_id"])


async def test_a_restart_finds_everything(
    exchange: Exchange, open_exchange: OpenExchange, market: Founded, alice: Client, join: Join
) -> None:
    orders = [await place(alice, "BUY OPEN 1 @ 110", name) for name in (HERE, THERE)]
    await alice.leave()
    again = await open_exchange(FURTHER_MARKETS=["OTHER"])
    client = await (await join(again.services)).sign_in("user001", market.tokens["user001"])
    for order_id in orders:
        await client.say(type="cancel_order", order_id=order_id)
        assert (await client.hear_until("order_response"))["success"]


@pytest.mark.parametrize("newest", [HERE, THERE])
async def test_a_market_starts_whichever_has_traded_last(
    exchange: Exchange, open_exchange: OpenExchange, market: Founded, alice: Client, bob: Client, newest: str
) -> None:
    for name in (HERE, THERE) if newest == THERE else (THERE, HERE):
        await place(bob, "SELL OPEN 1 @ 120", name)
        await place(alice, "BUY OPEN 1 @ 120", name)
    for client in (alice, bob):
        await client.leave()
    again = await open_exchange(FURTHER_MARKETS=["OTHER"])
    assert again.not_ready_because is None


async def test_rest_serves_both(exchange: Exchange, market: Founded, bob: Client) -> None:
    ann = RestClient(exchange.services).as_(market.tokens["user001"])
    asked = {"direction": "BUY", "offset": "OPEN", "order_type": "LIMIT", "price": 110, "volume": 1}
    made: list[Frame] = []
    for name in (HERE, THERE):
        reply = await ann.post("orders/", {**asked, "instrument_id": name, "client_order_id": f"own-{name}"})
        assert reply.status == 201, reply.json
        made.append(reply.json["order"])
    for order, name in zip(made, (HERE, THERE), strict=True):
        assert (await ann.get(f"orders/{order['order_id']}/")).json["order"]["instrument_id"] == name
        assert (await ann.get(f"orders/by-client-id/own-{name}/")).json["order"]["order_id"] == order["order_id"]
    listed = (await ann.get("orders/")).json["orders"]
    assert {row["order_id"] for row in listed} == {order["order_id"] for order in made}
    assert (await ann.patch(f"orders/{made[1]['order_id']}/", {"price": 111})).json["order"]["price"] == 111
    assert (await ann.ask("DELETE", f"orders/{made[0]['order_id']}/")).json["order"]["status"] == "Cancelled"
    assert (await ann.post("orders/cancel-all/", {})).json == {"cancelled": 1}
    assert (await ann.get("account/", market="OTHER")).json["account"]["balance"] == 1_000_000
    assert (await ann.get("account/", market="NOWHERE")).status == 404
    (deposit,) = (await ann.get("ledger/", market="OTHER")).json["entries"]
    assert (deposit["kind"], deposit["amount"]) == ("DEPOSIT", 1_000_000)
    assert (await ann.get("ledger/", market="NOWHERE")).status == 404
    assert await Account.objects.filter(hold__gt=0).acount() == 0


async def test_a_market_whose_engine_does_not_run_says_so_and_the_other_goes_on(
    exchange: Exchange, alice: Client
) -> None:
    (further,) = exchange.further
    further.gateway.close("nothing goes here")
    assert (await alice.place("BUY OPEN 1 @ 110", THERE))["error_code"] == 503
    assert (await alice.place("BUY OPEN 1 @ 110", HERE))["success"]
    assert exchange.not_ready_because == "nothing goes here"


async def test_an_instrument_is_listed_at_one_market(exchange: Exchange) -> None:
    """The other would write over its row."""
    asking = database_sync_to_async(requests.ask, thread_sensitive=False)
    waiting = database_sync_to_async(requests.wait, thread_sensitive=False)
    before = await Instrument.objects.filter(pk=HERE).values().aget()
    row = await waiting(await asking(listing(HERE), market="OTHER"))
    assert (row.status, row.code, row.result) == ("REFUSED", 409, "IX2301 is listed at another market")
    assert await Instrument.objects.filter(pk=HERE).values().aget() == before
    row = await waiting(await asking(listing("CU2302"), market="OTHER"))
    assert row.status == "DONE"


async def test_of_two_markets_that_list_an_instrument_at_once_one_does(
    exchange: Exchange, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look of one engine and its commit the other one lists it."""
    asking = database_sync_to_async(requests.ask, thread_sensitive=False)
    (further,) = exchange.further
    store = further.worker._store
    assert isinstance(store, Store)
    look = store.pending
    rows: list[OperatorCommand] = []

    def look_and_be_slow(most: int) -> list[OperatorAsk]:
        found = look(most)
        if found and not rows:
            rows.append(requests.wait(requests.ask(listing("CU2303"), market="MAIN"), timeout=60))
        return found

    monkeypatch.setattr(store, "pending", look_and_be_slow)
    loser = await database_sync_to_async(requests.wait, thread_sensitive=False)(
        await asking(listing("CU2303"), market="OTHER"), timeout=60
    )
    assert [row.status for row in rows] == ["DONE"]
    assert (loser.status, loser.code, loser.result) == ("REFUSED", 409, "CU2303 is listed at another market")
    assert (await Instrument.objects.aget(pk="CU2303")).market_id == "MAIN"
    assert "CU2303" in exchange.worker.engine.state.instruments
    assert "CU2303" not in further.worker.engine.state.instruments
    for name in ("CU2303", THERE):
        await place(alice, "BUY OPEN 1 @ 110", name)
    assert await database_sync_to_async(check_all_books, thread_sensitive=False)() == []


async def test_transfers_are_seen_on_their_way(exchange: Exchange, market: Founded) -> None:
    ann = RestClient(exchange.services).as_(market.tokens["user001"])
    rows = [
        TransferRow(
            pk=f"t{number}", user_id=user_id, source_id="MAIN", target_id="OTHER", amount=UNIT, status=status,
            sent_at=number // 2, ended_at=ended_at,
        )
        for number, (user_id, status, ended_at) in enumerate(
            [(f"user00{1 + (n == 2)}", "RETURNED" if n == 1 else "ARRIVED", 8 if n == 1 else 9) for n in range(4)]
        )
    ]  # fmt: skip
    await TransferRow.objects.abulk_create(rows)
    told, before = [], None
    for _ in range(3):
        page = (await ann.get("transfers/", limit=1, **({} if before is None else {"before": before}))).json
        told += page["transfers"]
        before = page["next"]
    assert [(each["transfer_id"], each["status"], each["ended_at"]) for each in told] == [
        ("t3", "ARRIVED", 9), ("t0", "ARRIVED", 9), ("t1", "RETURNED", 8),
    ]  # fmt: skip
    assert before is None and told[0]["amount"] == 1 and (told[0]["source"], told[0]["target"]) == ("MAIN", "OTHER")
    assert (await ann.get("transfers/", before="strange")).json["transfers"] == []


def test_a_page_ends_where_the_one_that_reached_least_far_has_looked() -> None:
    """What lies below may have others in between, which that market is yet to find."""
    here = QueryData(trades=[], next="T30")  # it has looked through many without finding any
    there = QueryData(trades=[trade("T50"), trade("T40"), trade("T20")], next=None)
    page = several_page([here, there], "trades", 5)
    assert [row.trade_id for row in page.trades or []] == ["T50", "T40"] and page.next == "T30"
    page = several_page([QueryData(trades=[], next=None), there], "trades", 2)
    assert [row.trade_id for row in page.trades or []] == ["T50", "T40"] and page.next == "T40"


def trade(trade_id: str) -> TradeData:
    numbers = {"price": 1.0, "volume": 1.0, "timestamp": 1, "is_maker": True, "commission": 0.0, "close_profit": 0.0}
    return msgspec.convert(
        {"trade_id": trade_id, "order_id": "O1", "instrument_id": HERE, "direction": "BUY", "offset": "OPEN"} | numbers,
        TradeData,
    )
