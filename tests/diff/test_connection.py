"""DIFF over a connection: who may trade, what is told when, and what becomes of nonsense."""

import logging
from datetime import timedelta
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async

from exchange_site.wiring.exchange import Exchange
from tests.builders import NO_ACCOUNT, Founded
from tests.diff.client import FINGERPRINT, DiffClient
from tests.diff.conftest import Connect
from trading.core.commands import Settle
from trading.diff.consumer import InnerLine
from trading.models import AccessToken, Order, User

SYMBOL = "CFFEX.IX2301"


@sync_to_async
def read_only_token() -> str:
    user = User.objects.get(username="user001")
    _, token = AccessToken.objects.create(user, expiry=timedelta(days=1), scope=AccessToken.Scope.READ)
    return str(token)


# --- who


async def test_a_login_shows_everything_at_once(alice: DiffClient) -> None:
    assert alice.mine("accounts", "CNY", "balance") == 1_000_000.0
    assert alice.mine("orders") == alice.mine("trades") == alice.mine("positions") == {}
    assert (0, "登录成功") in alice.notes()
    assert [patch["trade"]["user001"]["trade_more_data"] for patch in alice.last if "trade" in patch] == [False]


@pytest.mark.parametrize("token", ["wrong", ""])
async def test_a_wrong_token_is_told_and_sees_nothing(connect: Connect, token: str) -> None:
    client = await (await connect("/diff/td")).log_in("user001", token)
    await client.peek()
    assert client.notes() == [(401, "登录失败, Invalid credentials")]
    await client.insert("mine", "BUY OPEN 1 @ 120")
    await client.until(lambda: len(client.notes()) > 1)
    assert client.notes()[1:] == [(401, "Not authenticated: log in first")]
    assert "trade" not in client.tree and not await Order.objects.aexists()


async def test_one_may_try_again_after_a_wrong_token(connect: Connect, market: Founded) -> None:
    client = await (await connect("/diff/td")).log_in("user001", "wrong")
    await client.peek()
    await client.log_in("user001", market.tokens["user001"])
    await client.until(lambda: client.mine("trade_more_data") is False)


async def test_a_user_without_an_account_is_told_so(connect: Connect, market: Founded) -> None:
    client = await (await connect("/diff/td")).log_in(NO_ACCOUNT, market.tokens[NO_ACCOUNT])
    assert await client.until(lambda: [note for note in client.notes() if note[0] == 1003])
    assert "trade" not in client.tree


async def test_a_connection_is_of_one_user(alice: DiffClient, market: Founded) -> None:
    await alice.say("req_login", user_name="user002", password=market.tokens["user002"])
    await alice.until(lambda: 403 in dict(alice.notes()))
    await alice.insert("not-mine", "BUY OPEN 1 @ 120", user_id="user002")
    await alice.until(lambda: 401 in dict(alice.notes()))
    assert list(alice.tree["trade"]) == ["user001"]


async def test_a_read_only_token_sees_but_places_nothing(connect: Connect, market: Founded) -> None:
    client = await (await connect("/diff/td")).log_in("user001", await read_only_token())
    await client.until(lambda: client.mine("trade_more_data") is False)
    await client.insert("mine", "BUY OPEN 1 @ 120")
    refused = await client.finished("mine")
    assert refused["exchange_order_id"] == "" and "this token may only read" in refused["last_msg"]
    assert 403 in dict(client.notes()) and not await Order.objects.aexists()


async def test_a_token_that_is_revoked_ends_the_connection(exchange: Exchange, alice: DiffClient) -> None:
    await AccessToken.objects.filter(user__username="user001").adelete()
    await alice.say("peek_message")
    await exchange.tokens.look()
    await alice.take_news()
    assert 401 in dict(alice.notes())
    assert await alice.close_code() == 4401


async def test_the_fingerprint_of_the_machine_is_written_nowhere(
    connect: Connect, market: Founded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = await (await connect("/diff/td")).log_in("user001", market.tokens["user001"])
    await client.until(lambda: client.mine("trade_more_data") is False)
    assert "signed in" in caplog.text
    assert FINGERPRINT not in caplog.text and market.tokens["user001"] not in caplog.text


# --- nothing is sent that is not asked for


async def test_nothing_is_told_without_a_peek_and_what_waits_is_merged(
    alice: DiffClient, bob: DiffClient, md: DiffClient
) -> None:
    await md.say("subscribe_quote", ins_list=SYMBOL)
    await md.until(lambda: md.quote(SYMBOL).get("bid_volume1") == 0)
    for number in range(3):
        await alice.insert(f"bid-{number}", f"BUY OPEN 1 @ {110 + number}")
        await alice.until(lambda number=number: alice.mine("orders", f"bid-{number}").get("exchange_order_id"))  # type: ignore[misc]
    await bob.insert("sold", "SELL OPEN 1 @ 112")
    await bob.finished("sold")
    assert await md.wire.receive_nothing(timeout=0)
    places = [f"bid_price{place}" for place in (1, 2, 3)]
    await md.until(lambda: [md.quote(SYMBOL)[place] for place in places] == [111.0, 110.0, "-"])
    await md.until(lambda: md.quote(SYMBOL)["last_price"] == 112.0)


# --- orders


async def test_an_order_its_trade_the_position_and_the_money_change_together(
    alice: DiffClient, bob: DiffClient
) -> None:
    await alice.insert("offer", "SELL OPEN 5 @ 120")
    await bob.insert("taken", "BUY OPEN 2 @ 120", time_condition="IOC")
    order = await bob.finished("taken")
    assert (order["volume_orign"], order["volume_left"], order["last_msg"]) == (2, 0, "全部成交")
    (trade,) = bob.mine("trades").values()
    assert (trade["order_id"], trade["price"], trade["volume"]) == ("taken", 120.0, 2)
    assert bob.mine("positions", SYMBOL, "volume_long_today") == 2
    assert bob.mine("accounts", "CNY", "margin") == 2_400.0
    await alice.until(lambda: alice.mine("orders", "offer").get("volume_left") == 3)
    assert alice.mine("orders", "offer", "status") == "ALIVE"
    assert alice.mine("positions", SYMBOL, "pos_short") == 2 and alice.mine("positions", SYMBOL, "pos") == -2


async def test_the_same_order_twice_is_one_order(alice: DiffClient) -> None:
    for _ in range(2):
        await alice.insert("once", "BUY OPEN 1 @ 110")
    await alice.say("cancel_order", user_id="user001", order_id="once")
    assert (await alice.finished("once"))["volume_left"] == 1
    assert await Order.objects.acount() == 1


async def test_another_order_under_the_same_id_is_refused_and_leaves_the_first_as_it_is(alice: DiffClient) -> None:
    await alice.insert("once", "BUY OPEN 1 @ 110")
    await alice.until(lambda: alice.mine("orders", "once").get("exchange_order_id"))
    await alice.insert("once", "BUY OPEN 2 @ 110")
    await alice.until(lambda: 409 in dict(alice.notes()))
    assert alice.mine("orders", "once", "status") == "ALIVE" and alice.mine("orders", "once", "volume_orign") == 1


async def test_a_cancel_right_behind_its_order_finds_it(alice: DiffClient) -> None:
    await alice.insert("quick", "BUY OPEN 1 @ 110")
    await alice.say("cancel_order", user_id="user001", order_id="quick")
    assert (await alice.finished("quick"))["last_msg"] == "已撤单"
    await alice.say("cancel_order", user_id="user001", order_id="quick")
    await alice.until(lambda: 1011 in dict(alice.notes()))
    await alice.say("cancel_order", user_id="user001", order_id="never")
    await alice.until(lambda: 1002 in dict(alice.notes()))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"limit_price": 1_000.0}, 1008),
        ({"limit_price": 120.1}, 1007),
        ({"instrument_id": "XX"}, 1004),
        ({"volume": 0}, 1006),
        ({"volume_condition": "ALL"}, 400),
        ({"price_type": "ANY"}, 400),
        ({"price_type": "BEST", "time_condition": "IOC"}, 400),
        ({"price_type": "BEST", "limit_price": None}, 400),
        ({"price_type": "FIVELEVEL", "limit_price": None}, 400),
        ({"offset": "CLOSE"}, 1005),
    ],
)
async def test_a_refused_order_is_finished_and_says_why(
    alice: DiffClient, fields: dict[str, object], code: int
) -> None:
    await alice.insert("wrong", "BUY OPEN 1 @ 120", **fields)
    refused = await alice.finished("wrong")
    assert refused["exchange_order_id"] == "" and refused["last_msg"]
    assert refused["volume_left"] == refused["volume_orign"]
    assert code in dict(alice.notes())


@pytest.mark.parametrize(("word", "levels"), [("BEST", 1), ("FIVELEVEL", 5)])
async def test_the_best_prices_are_taken_and_the_rest_is_cancelled(
    alice: DiffClient, bob: DiffClient, connect: Connect, market: Founded, word: str, levels: int
) -> None:
    for place in range(6):
        await alice.insert(f"offer-{place}", f"SELL OPEN 2 @ {120 + place}")
    await alice.until(lambda: alice.mine("orders", "offer-5").get("exchange_order_id"))
    await bob.insert("taker", "BUY OPEN 20 @ 1", price_type=word, limit_price=None, time_condition="IOC")
    order = await bob.finished("taker")
    assert (order["volume_left"], order["last_msg"], order["price_type"]) == (
        20 - 2 * levels,
        "已撤单 (UNFILLED)",
        word,
    )
    trades = sorted((trade["price"], trade["volume"]) for trade in bob.mine("trades").values())
    assert trades == [(120.0 + place, 2) for place in range(levels)]
    again = await (await connect("/diff/td")).log_in("user002", market.tokens["user002"])
    await again.until(lambda: again.mine("trade_more_data") is False)
    assert again.mine("orders", "taker", "price_type") == word


async def test_a_new_connection_finds_the_orders_under_their_own_ids(
    alice: DiffClient, bob: DiffClient, connect: Connect, market: Founded
) -> None:
    await alice.insert("rests", "BUY OPEN 3 @ 120")
    await bob.insert("sold", "SELL OPEN 1 @ 120")
    await bob.finished("sold")
    again = await (await connect("/diff/td")).log_in("user001", market.tokens["user001"])
    await again.until(lambda: again.mine("trade_more_data") is False)
    assert again.mine("orders", "rests", "volume_left") == 2
    assert [each["order_id"] for each in again.mine("trades").values()] == ["rests"]
    await again.insert("rests", "BUY OPEN 3 @ 120")
    await again.say("cancel_order", order_id="rests")
    assert (await again.finished("rests"))["volume_left"] == 2
    assert await Order.objects.filter(account__user_id="user001").acount() == 1


async def test_a_settlement_while_connected_begins_a_new_day(
    exchange: Exchange, alice: DiffClient, bob: DiffClient
) -> None:
    await alice.insert("rests", "BUY OPEN 3 @ 120")
    await bob.insert("sold", "SELL OPEN 1 @ 120")
    await bob.finished("sold")
    exchange.gateway.submit(Settle(20270105, 20270106, {"IX2301": 1_230_000}), lambda event: None)
    await alice.until(lambda: alice.mine("trading_day") == "20270106")
    assert alice.mine("orders") == alice.mine("trades") == {}
    assert alice.mine("positions", SYMBOL, "volume_long_his") == 1
    assert alice.mine("accounts", "CNY", "pre_balance") == 1_000_298.0


async def test_a_position_that_is_closed_stays_as_a_flat_one(alice: DiffClient, bob: DiffClient) -> None:
    await alice.insert("long", "BUY OPEN 1 @ 120")
    await bob.insert("short", "SELL OPEN 1 @ 120")
    await alice.finished("long")
    await alice.insert("out", "SELL CLOSE 1 @ 119")
    await bob.insert("back", "BUY CLOSE 1 @ 119")
    await alice.finished("out")
    flat = alice.mine("positions", SYMBOL)
    assert flat["pos_long"] == flat["volume_long"] == 0 and flat["open_price_long"] == "-"


async def test_a_new_login_tells_what_is_not_held_any_more(
    alice: DiffClient, bob: DiffClient, connect: Connect, market: Founded
) -> None:
    """What was closed while the client was away, and what it closes with the first that it says."""
    await alice.insert("long", "BUY OPEN 1 @ 120")
    await bob.insert("short", "SELL OPEN 1 @ 120")
    await alice.finished("long")
    await bob.insert("back", "BUY CLOSE 1 @ 119")
    again = await connect("/diff/td")
    again.user_id = "user001"
    await again.insert("out", "SELL CLOSE 1 @ 119")
    await again.log_in("user001", market.tokens["user001"])
    await again.finished("out")
    await again.until(lambda: again.mine("positions", SYMBOL).get("pos_long") == 0)
    third = await (await connect("/diff/td")).log_in("user001", market.tokens["user001"])
    await third.until(lambda: third.mine("trade_more_data") is False)
    assert third.mine("positions", SYMBOL, "pos_long") == 0


# --- market data


async def test_what_is_not_wanted_any_more_is_not_told(alice: DiffClient, md: DiffClient) -> None:
    await md.say("subscribe_quote", ins_list=f"{SYMBOL},CFFEX.NONE")
    await md.until(lambda: md.quote(SYMBOL).get("bid_volume1") == 0)
    assert md.tree["ins_list"] == f"{SYMBOL},CFFEX.NONE" and "CFFEX.NONE" not in md.tree["quotes"]
    await md.say("subscribe_quote", ins_list="CFFEX.IF2301")
    await md.until(lambda: md.quote("CFFEX.IF2301").get("bid_volume1") == 0)
    await alice.insert("bid", "BUY OPEN 1 @ 110")
    await alice.insert("other", "BUY OPEN 1 @ 110", instrument_id="IF2301")
    await md.until(lambda: md.quote("CFFEX.IF2301").get("bid_volume1") == 1)
    assert md.quote(SYMBOL)["bid_volume1"] == 0


# --- nonsense


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"aid": 7}',
        '{"aid": "nothing"}',
        '{"aid": "insert_order"}',
        '{"aid": "subscribe_quote", "ins_list": 7}',
        '{"aid": "ins_query", "query_id": 1}',
        "[" * 10_000,
        " " * 40_000,
    ],
)
@pytest.mark.parametrize("path", ["/diff/md", "/diff/td"])
async def test_nonsense_is_told_and_the_connection_lives(connect: Connect, path: str, text: str) -> None:
    client = await connect(path)
    await client.send(text)
    await client.until(lambda: 400 in dict(client.notes()))
    await client.send(binary=b"\x00")
    await client.until(lambda: len(client.notes()) > 1)


async def test_each_socket_takes_its_own_messages(alice: DiffClient, md: DiffClient, market: Founded) -> None:
    await alice.say("subscribe_quote", ins_list=SYMBOL)
    await alice.until(lambda: 400 in dict(alice.notes()))
    await md.log_in("user001", market.tokens["user001"])
    await md.until(lambda: 400 in dict(md.notes()))


def test_texts_for_the_client_are_translated_and_its_own_come_by_asgi() -> None:
    """The server below must not hand what a DIFF client says to a connection of our protocol."""
    heard: list[str] = []
    line = InnerLine(SimpleNamespace(listener=None), heard.append)  # nothing else is asked
    assert (line.send_texts(["one", "two"]), heard, line.hear) == (2, ["one", "two"], None)
