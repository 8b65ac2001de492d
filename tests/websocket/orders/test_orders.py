"""Orders over the socket: the order of frames, the shapes of refusals, and what resends and queries give."""

from typing import Any

import pytest
from django.db import OperationalError

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.websocket.client import Client, Frame, assert_frames, order_message
from tests.websocket.conftest import Join
from trading.core.commands import HaltInstrument
from trading.models import Order, Trade

NEVER_WAS = "O17251234567890000001"


@pytest.fixture
async def named(exchange: Exchange, join: Join, market: Founded) -> Client:
    """Account 1 on a connection that named it in the URL, so that it hears its trades."""
    client = await join(exchange.services, "/ws?user_id=user001")
    return await client.sign_in("user001", market.tokens["user001"])


async def cancel(client: Client, order_id: str, **more: Any) -> None:
    await client.say(type="cancel_order", order_id=order_id, **more)


async def finished_order(client: Client) -> str:
    """The id of an order that is cancelled; its frames have been heard."""
    order_id = str((await client.place("BUY OPEN 1 @ 110"))["order_id"])
    await cancel(client, order_id)
    await client.rest()
    return order_id


# --- the frames of one command


async def test_an_order_that_rests(alice: Client) -> None:
    await alice.say(**order_message("BUY OPEN 10 @ 120"))
    answer, status, money = await alice.rest()
    assert list(answer) == ["type", "success", "order_id", "error_code", "error_message"]
    assert_frames(
        [answer, status, money],
        {"type": "order_response", "success": True, "error_code": None, "error_message": None},
        {
            "type": "order_status",
            "order_id": answer["order_id"],
            "status": "Submitted",
            "filled_volume": 0.0,
            "remaining_volume": 10.0,
        },
        {"type": "account_update", "balance": 1_000_000.0, "frozen": 12_020.0, "margin": 0.0, "available": 987_980.0},
    )


async def test_an_order_that_trades_twice_and_rests(named: Client, bob: Client) -> None:
    for words in ("SELL OPEN 2 @ 119", "SELL OPEN 3 @ 120"):
        await bob.place(words)
    await named.say(**order_message("BUY OPEN 6 @ 120"))
    frames = await named.rest()
    order_id = frames[0]["order_id"]
    fill = {"type": "trade", "order_id": order_id, "direction": "BUY", "offset": "OPEN", "instrument_id": "IX2301"}
    status = {"type": "order_status", "order_id": order_id}
    assert_frames(
        frames,
        {"type": "order_response", "success": True},
        status | {"status": "Submitted", "filled_volume": 0.0, "remaining_volume": 6.0},
        fill | {"price": 119.0, "volume": 2.0},
        status | {"status": "PartiallyFilled", "filled_volume": 2.0, "remaining_volume": 4.0},
        fill | {"price": 120.0, "volume": 3.0},
        status | {"status": "PartiallyFilled", "filled_volume": 5.0, "remaining_volume": 1.0},
        {"type": "account_update", "margin": 5_980.0, "frozen": 7_182.0},
    )
    assert len({frame["timestamp"] for frame in frames[1:]}) == 1


async def test_both_sides_of_a_match(exchange: Exchange, join: Join, market: Founded, named: Client) -> None:
    seller = await (await join(exchange.services, "/ws?user_id=user002")).sign_in("user002", market.tokens["user002"])
    bought = await named.place("BUY OPEN 1 @ 120")
    sold = await seller.place("SELL OPEN 1 @ 119")
    taker, maker = await seller.hear_until("trade"), await named.hear_until("trade")
    assert taker["trade_id"] == maker["trade_id"] and taker["trade_id"].startswith("T")
    assert [taker["order_id"], maker["order_id"]] == [sold["order_id"], bought["order_id"]]
    assert [taker["direction"], maker["direction"]] == ["SELL", "BUY"]
    assert taker["price"] == maker["price"] == 120.0
    assert_frames([await named.hear()], {"type": "order_status", "status": "Filled", "filled_volume": 1.0})


async def test_a_cancel(alice: Client) -> None:
    order_id = (await alice.place("BUY OPEN 4 @ 120"))["order_id"]
    await alice.rest()
    await cancel(alice, order_id, request_id="c1")
    assert_frames(
        await alice.rest(),
        {"type": "order_response", "success": True, "order_id": order_id, "request_id": "c1"},
        {"type": "order_status", "order_id": order_id, "status": "Cancelled", "remaining_volume": 4.0},
        {"type": "account_update", "frozen": 0.0, "available": 1_000_000.0},
    )


async def test_a_market_order_takes_what_is_there_and_cancels_the_rest(named: Client, bob: Client) -> None:
    await bob.place("SELL OPEN 2 @ 121")
    await named.say(**order_message("BUY OPEN 5 @ MARKET"))
    assert_frames(
        await named.rest(),
        {"type": "order_response", "success": True},
        {"type": "order_status", "status": "Submitted"},
        {"type": "trade", "price": 121.0, "volume": 2.0},
        {"type": "order_status", "status": "PartiallyFilled"},
        {"type": "order_status", "status": "Cancelled", "filled_volume": 2.0, "remaining_volume": 3.0},
        {"type": "account_update"},
    )


async def test_an_ioc_order_does_not_rest(alice: Client) -> None:
    await alice.say(**order_message("BUY OPEN 5 @ 120", time_condition="IOC"))
    assert_frames(
        await alice.rest(),
        {"type": "order_response", "success": True},
        {"type": "order_status", "status": "Submitted"},
        {"type": "order_status", "status": "Cancelled"},
        {"type": "account_update", "frozen": 0.0},
    )


async def test_a_closing_uses_the_position(named: Client, bob: Client) -> None:
    for client, words in ((named, "BUY OPEN 2 @ 120"), (bob, "SELL OPEN 2 @ 120"), (bob, "BUY CLOSETODAY 1 @ 121")):
        assert (await client.place(words))["success"]
    await named.rest()
    await named.place("SELL CLOSE 1 @ 121")
    frames = await named.rest()
    assert_frames(
        frames,
        {"type": "order_status", "status": "Submitted"},
        {"type": "trade", "direction": "SELL", "offset": "CLOSE", "price": 121.0},
        {"type": "order_status", "status": "Filled"},
        {"type": "account_update", "profit": 200.0, "balance": 1_000_191.0},
    )


# --- the order of answers


async def test_answers_keep_the_order_of_the_requests(alice: Client) -> None:
    for number in range(30):
        await alice.say(**order_message("BUY OPEN 1 @ 110", request_id=number))
        await alice.say(type="query_account", request_id=1_000 + number) if number % 7 == 0 else None
        await alice.send_wrong("nonsense") if number % 11 == 0 else None
    answers = [frame for frame in await alice.rest() if frame["type"] in ("order_response", "query_response", "error")]
    expected: list[object] = []
    for number in range(30):
        expected.append(number)
        expected += [1_000 + number] if number % 7 == 0 else []
        expected += [None] if number % 11 == 0 else []
    assert [answer.get("request_id") for answer in answers] == expected


async def test_a_cancel_that_must_be_looked_up_keeps_its_place(alice: Client) -> None:
    finished = await finished_order(alice)
    await cancel(alice, finished, request_id=1)
    await alice.say(**order_message("BUY OPEN 1 @ 120", request_id=2))
    await cancel(alice, NEVER_WAS, request_id=3)
    await alice.say(**order_message("BUY OPEN 0 @ 120", request_id=4))
    answers = [frame for frame in await alice.rest() if frame["type"] == "order_response"]
    assert [(answer["request_id"], answer["error_code"]) for answer in answers] == [
        (1, 1011),
        (2, None),
        (3, 1002),
        (4, 1006),
    ]


async def test_an_answer_comes_before_the_pushes_of_its_command(alice: Client) -> None:
    """Also when the answer before it takes longer."""
    finished = await finished_order(alice)
    await cancel(alice, finished)
    await alice.say(**order_message("BUY OPEN 1 @ 120"))
    assert_frames(
        await alice.rest(),
        {"type": "order_response", "error_code": 1011},
        {"type": "order_response", "success": True},
        {"type": "order_status", "status": "Submitted"},
        {"type": "account_update"},
    )


async def test_an_order_that_cannot_be_a_command_waits_for_its_turn(alice: Client) -> None:
    await alice.say(**order_message("BUY OPEN 1 @ 120", request_id=1))
    await alice.say(**order_message("BUY OPEN 1 @ 120.00001", request_id=2))
    answers = [frame for frame in await alice.rest() if frame["type"] == "order_response"]
    assert [answer["request_id"] for answer in answers] == [1, 2]


# --- refusals


REFUSED = [
    ("BUY OPEN 10 @ 120.3", "IX2301", 1007, "Price must be a multiple of 0.50"),
    ("BUY OPEN 10 @ 120.00001", "IX2301", 1007, "Price has more than four decimals, so it is on no tick"),
    ("BUY OPEN 10 @ 140", "IX2301", 1008, "Price must be from 108.00 to 132.00"),
    ("BUY OPEN 10 @ -1", "IX2301", 1008, "Price must be from 108.00 to 132.00"),
    ("BUY OPEN 0 @ 120", "IX2301", 1006, "Volume must be from 1 to 500 lots"),
    ("BUY OPEN -5 @ 120", "IX2301", 1006, "Volume must be from 1 to 500 lots"),
    ("BUY OPEN 501 @ 120", "IX2301", 1006, "Volume must be from 1 to 500 lots"),
    ("BUY OPEN 10 @ 120", "XX2301", 1004, "Unknown instrument XX2301"),
    ("SELL CLOSE 1 @ 120", "IX2301", 1005, "Not enough position to close: 0 long lots free for CLOSE"),
]


@pytest.mark.parametrize(("words", "instrument_id", "code", "sentence"), REFUSED)
async def test_a_refused_order_gets_only_its_answer(
    alice: Client, words: str, instrument_id: str, code: int, sentence: str
) -> None:
    await alice.say(**order_message(words, instrument_id))
    assert await alice.rest() == [
        {
            "type": "order_response",
            "success": False,
            "order_id": None,
            "error_code": code,
            "error_message": sentence,
        }
    ]


async def test_whoever_has_too_little_money_is_refused(alice: Client) -> None:
    for _ in range(2):
        await alice.place("BUY OPEN 400 @ 120")
    refused = await alice.place("BUY OPEN 400 @ 120")
    assert_frames([refused], {"success": False, "order_id": None, "error_code": 1001})
    assert refused["error_message"].startswith("Insufficient funds: ")


async def test_a_fraction_of_a_lot_is_refused(alice: Client) -> None:
    refused = await alice.ask(**order_message("BUY OPEN 1 @ 120") | {"volume": 1.5})
    assert_frames(
        [refused], {"type": "order_response", "error_code": 1006, "error_message": "Volume must be whole lots"}
    )


async def test_a_limit_order_without_a_price_is_refused(alice: Client) -> None:
    message = order_message("BUY OPEN 1 @ 120", request_id="r")
    del message["price"]
    assert_frames([await alice.ask(**message)], {"type": "order_response", "error_code": 400, "request_id": "r"})


async def test_a_halted_instrument_takes_cancels_only(exchange: Exchange, alice: Client) -> None:
    order_id = (await alice.place("BUY OPEN 1 @ 120"))["order_id"]
    await alice.rest()
    exchange.gateway.submit(HaltInstrument("IX2301"), lambda event: None)
    assert_frames([await alice.place("BUY OPEN 1 @ 120")], {"success": False, "error_code": 1009})
    assert_frames([await alice.place("BUY OPEN 1 @ 120", "IF2301")], {"success": True})
    await alice.rest()
    await cancel(alice, order_id)
    assert_frames([await alice.hear()], {"type": "order_response", "success": True})


@pytest.mark.parametrize("order_id", [NEVER_WAS, "", "nonsense", "O99999999999999999999"])
async def test_a_cancel_of_no_order_is_refused(alice: Client, order_id: str) -> None:
    await cancel(alice, order_id)
    assert await alice.rest() == [
        {
            "type": "order_response",
            "success": False,
            "order_id": None,
            "error_code": 1002,
            "error_message": "Order not found",
        }
    ]


async def test_anothers_order_is_as_unknown_as_one_that_never_was(alice: Client, bob: Client) -> None:
    finished = await finished_order(alice)
    live = (await alice.place("BUY OPEN 1 @ 120"))["order_id"]
    for order_id in (live, finished):
        await cancel(bob, order_id)
        await bob.say(type="query_order", order_id=order_id)
    no_cancel = {"type": "order_response", "order_id": None, "error_code": 1002}
    no_query = {"type": "error", "code": 1002, "message": "Order not found"}
    assert_frames(await bob.rest(), no_cancel, no_query, no_cancel, no_query)


async def test_a_finished_order_cannot_be_cancelled_again(alice: Client) -> None:
    await cancel(alice, await finished_order(alice))
    refused = {"success": False, "order_id": None, "error_code": 1011, "error_message": "Order already finished"}
    assert_frames([await alice.hear()], refused | {"status": "Cancelled", "filled_volume": 0.0})


async def test_an_order_that_cannot_be_looked_up_is_not_said_to_be_none(
    alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = await finished_order(alice)
    live = (await alice.place("BUY OPEN 1 @ 120"))["order_id"]

    def broken(**_: Any) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr("trading.reads.histories.finished_orders", broken)
    await cancel(alice, finished, request_id=1)
    await cancel(alice, live, request_id=2)
    told = [frame for frame in await alice.rest() if frame["type"] == "order_response"]
    assert [(frame["request_id"], frame["error_code"]) for frame in told] == [(1, 503), (2, None)]


async def test_a_cancel_that_loses_to_a_fill_says_so(alice: Client, bob: Client) -> None:
    first, second = [str((await alice.place("BUY OPEN 3 @ 120"))["order_id"]) for _ in range(2)]
    await bob.place("SELL OPEN 4 @ 120")
    await cancel(alice, second)
    await alice.rest()
    await cancel(alice, first)
    filled = {"error_code": 1011, "order_id": None, "status": "Filled", "filled_volume": 3.0}
    assert_frames([await alice.hear_until("order_response")], filled)
    await alice.say(type="amend_order", order_id=second, volume=5)
    partly = {"error_code": 1011, "status": "Cancelled", "filled_volume": 1.0}
    assert_frames([await alice.hear_until("order_response")], partly)
    await alice.say(type="cancel_orders", order_ids=[first, NEVER_WAS, second])
    answer = await alice.hear_until("orders_response")
    assert_frames(answer["results"], filled, {"error_code": 1002}, partly)
    assert "status" not in answer["results"][1]


# --- resends


async def test_a_resend_gets_the_same_answer_and_no_second_order(alice: Client) -> None:
    first = await alice.place("BUY OPEN 1 @ 120", client_order_id="mine-1", request_id=1)
    await alice.rest()
    again = await alice.place("BUY OPEN 1 @ 120", client_order_id="mine-1", request_id=2)
    assert first["client_order_id"] == again["client_order_id"] == "mine-1"
    assert {**again, "request_id": 1} == first
    await alice.hears_nothing()


async def test_resends_in_one_burst_are_one_order(alice: Client) -> None:
    for _ in range(5):
        await alice.say(**order_message("BUY OPEN 1 @ 120", client_order_id="mine-1"))
    frames = await alice.rest()
    assert len({frame["order_id"] for frame in frames if frame["type"] == "order_response"}) == 1
    assert len([frame for frame in frames if frame["type"] == "order_status"]) == 1


CHANGES: list[tuple[str, Frame]] = [
    ("BUY OPEN 2 @ 120", {}),
    ("SELL OPEN 1 @ 120", {}),
    ("BUY OPEN 1 @ 120.5", {}),
    ("BUY OPEN 1 @ MARKET", {}),
    ("BUY OPEN 1 @ 120", {"time_condition": "IOC"}),
    ("BUY OPEN 1 @ 120", {"instrument_id": "IF2301"}),
]


@pytest.mark.parametrize(("words", "more"), CHANGES)
async def test_the_same_id_with_other_content_is_refused(alice: Client, words: str, more: Frame) -> None:
    await alice.place("BUY OPEN 1 @ 120", client_order_id="mine-1")
    await alice.rest()
    refused = await alice.ask(**order_message(words, client_order_id="mine-1") | more)
    assert_frames([refused], {"success": False, "order_id": None, "error_code": 409, "client_order_id": "mine-1"})
    await alice.hears_nothing()


async def test_a_refused_order_does_not_use_up_its_id(alice: Client) -> None:
    await alice.place("BUY OPEN 1 @ 200", client_order_id="mine-1")
    assert (await alice.place("BUY OPEN 1 @ 120", client_order_id="mine-1"))["success"]


async def test_two_users_may_use_the_same_id(alice: Client, bob: Client) -> None:
    answers = [await client.place("BUY OPEN 1 @ 110", client_order_id="1") for client in (alice, bob)]
    assert answers[0]["order_id"] != answers[1]["order_id"] and all(answer["success"] for answer in answers)


@pytest.mark.parametrize("words", ["BUY OPEN 1 @ 120", "BUY OPEN 1 @ MARKET"])
async def test_a_resend_after_a_restart_is_known(open_exchange: Any, market: Founded, join: Join, words: str) -> None:
    answers = []
    for _ in range(2):
        exchange = await open_exchange()
        client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
        answers.append(await client.place(words, client_order_id="mine-1"))
    assert answers[0] == answers[1] and answers[0]["success"]
    other = await client.place("BUY OPEN 2 @ 110", client_order_id="mine-1")
    assert_frames([other], {"success": False, "error_code": 409})


# --- queries


async def test_a_query_sees_every_earlier_command(alice: Client) -> None:
    for _ in range(20):
        await alice.say(**order_message("BUY OPEN 1 @ 120"))
    await alice.say(type="query_account")
    account = (await alice.hear_until("query_response"))["data"]["account"]
    assert account["frozen_orders"] == 20 * 1_202.0


async def test_the_account(alice: Client) -> None:
    await alice.place("BUY OPEN 1 @ 120")
    await alice.rest()
    answer = await alice.ask(type="query_account", request_id="q")
    assert_frames([answer], {"type": "query_response", "request_type": "query_account", "request_id": "q"})
    assert answer["data"] == {
        "account": {
            "user_id": "user001",
            "balance": 1_000_000.0,
            "available": 998_798.0,
            "frozen": 1_202.0,
            "margin": 0.0,
            "profit": 0.0,
            "risk_ratio": 0.0,
            "static_balance": 1_000_000.0,
            "pre_balance": 0.0,
            "deposit": 1_000_000.0,
            "withdraw": 0.0,
            "close_profit": 0.0,
            "position_profit": 0.0,
            "float_profit": 0.0,
            "commission": 0.0,
            "frozen_orders": 1_202.0,
            "withdrawable": 998_798.0,
        }
    }


async def test_the_account_that_is_queried_is_the_one_that_was_pushed(alice: Client, bob: Client) -> None:
    await bob.place("SELL OPEN 5 @ 119")
    await alice.place("BUY OPEN 3 @ 120")
    pushed = await alice.hear_until("account_update")
    queried = (await alice.ask(type="query_account"))["data"]["account"]
    names = ("balance", "available", "frozen", "margin", "profit", "risk_ratio")
    assert {name: pushed[name] for name in names} == {name: queried[name] for name in names}


async def test_the_lots_of_a_position_come_where_they_are_asked_for(alice: Client, bob: Client) -> None:
    """In the order in which they are closed, with what was paid; the lots of others are theirs alone."""
    for lots, price in ((2, 120), (1, 120), (3, 119.5)):
        await bob.place(f"SELL OPEN {lots} @ {price}")
        await alice.place(f"BUY OPEN {lots} @ {price}")
    await alice.place("BUY OPEN 1 @ 118")
    await bob.place("SELL OPEN 1 @ 118")
    await bob.place("BUY CLOSE 1 @ 121")
    await alice.place("SELL CLOSE 1 @ 121")
    for client, direction in ((alice, "BUY"), (bob, "SELL")):
        await client.rest()
        (plain,) = (await client.ask(type="query_position", lots=None))["data"]["positions"]
        (one,) = (await client.ask(type="query_position", lots=True))["data"]["positions"]
        lots = one.pop("lots")
        assert one == plain
        assert [(lot["direction"], lot["volume"], lot["open_price"], lot["today"]) for lot in lots] == [
            (direction, 2.0, 120.0, True),
            (direction, 3.0, 119.5, True),
            (direction, 1.0, 118.0, True),
        ]
        times = [lot["open_time"] for lot in lots]
        assert times == sorted(times)


async def test_positions_come_as_a_list(alice: Client, bob: Client) -> None:
    assert (await alice.ask(type="query_position"))["data"] == {"positions": []}
    for name in ("IX2301", "IF2301"):
        await bob.place("SELL OPEN 3 @ 119", name)
        await alice.place("BUY OPEN 3 @ 120", name)
    await alice.place("SELL CLOSE 1 @ 125", "IX2301")
    await alice.rest()
    both = (await alice.ask(type="query_position"))["data"]["positions"]
    assert [position["instrument_id"] for position in both] == ["IF2301", "IX2301"]
    (one,) = (await alice.ask(type="query_position", instrument_id="IX2301"))["data"]["positions"]
    assert one == both[1]
    assert_frames(
        [one],
        {
            "user_id": "user001",
            "volume_long": 3.0,
            "volume_long_today": 3.0,
            "volume_long_his": 0.0,
            "volume_long_frozen_today": 1.0,
            "volume_long_frozen_his": 0.0,
            "volume_short": 0.0,
            "open_price_long": 119.0,
            "open_price_short": None,
            "position_cost_long": 35_700.0,
            "margin": 3_570.0,
            "last_price": 119.0,
        },
    )


async def test_a_position_that_is_not_there_is_an_empty_list(alice: Client) -> None:
    assert (await alice.ask(type="query_position", instrument_id="IX2301"))["data"] == {"positions": []}


async def test_a_position_in_no_instrument_is_refused(alice: Client) -> None:
    answer = await alice.ask(type="query_position", instrument_id="XX", request_id=1)
    assert answer == {"type": "error", "code": 1004, "message": "Unknown instrument XX", "request_id": 1}


async def test_an_order_is_queried_from_submitted_to_filled(alice: Client, bob: Client) -> None:
    order_id = (await alice.place("BUY OPEN 4 @ 120", client_order_id="mine"))["order_id"]
    await bob.place("SELL OPEN 1 @ 120")
    await alice.rest()
    answer = await alice.ask(type="query_order", order_id=order_id)
    assert_frames([answer], {"type": "query_response", "request_type": "query_order"})
    shown = answer["data"]["order"]
    assert shown.pop("timestamp") > 0
    assert shown == {
        "user_id": "user001",
        "order_id": order_id,
        "instrument_id": "IX2301",
        "direction": "BUY",
        "offset": "OPEN",
        "volume": 4.0,
        "price": 120.0,
        "order_type": "LIMIT",
        "time_condition": "GFD",
        "status": "PartiallyFilled",
        "filled_volume": 1.0,
        "remaining_volume": 3.0,
        "client_order_id": "mine",
        "average_price": 120.0,
    }


async def test_a_market_order_has_no_price_in_a_query(alice: Client) -> None:
    order_id = (await alice.place("BUY OPEN 4 @ MARKET"))["order_id"]
    await alice.rest()
    shown = (await alice.ask(type="query_order", order_id=order_id))["data"]["order"]
    assert_frames([shown], {"price": None, "order_type": "MARKET", "status": "Cancelled"})


@pytest.mark.parametrize("order_id", [NEVER_WAS, "nonsense", ""])
async def test_a_query_for_no_order_is_refused(alice: Client, order_id: str) -> None:
    answer = await alice.ask(type="query_order", order_id=order_id)
    assert answer == {"type": "error", "code": 1002, "message": "Order not found"}


# --- numbers of pushes


async def test_pushes_are_numbered_without_holes_over_restarts(open_exchange: Any, market: Founded, join: Join) -> None:
    numbers: list[int] = []
    for _ in range(3):
        exchange = await open_exchange()
        alice = await (await join(exchange.services, "/ws?user_id=user001")).sign_in(
            "user001", market.tokens["user001"]
        )
        bob = await (await join(exchange.services)).sign_in("user002", market.tokens["user002"])
        await bob.place("SELL OPEN 1 @ 119")
        await alice.place("BUY OPEN 2 @ 120")
        await alice.place("BUY OPEN 2 @ 200")
        numbers += [frame["seq"] for frame in await alice.rest() if "seq" in frame]
    assert len(numbers) == 4 + 5 + 5
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_each_account_has_numbers_of_its_own(alice: Client, bob: Client) -> None:
    numbers = []
    for client in (alice, bob):
        await client.place("BUY OPEN 1 @ 110")
        numbers.append([frame["seq"] for frame in await client.rest()])
    assert numbers[0] == numbers[1]


# --- what is told is stored


@pytest.mark.django_db(transaction=True)
async def test_an_order_that_is_answered_is_in_the_database(alice: Client, bob: Client) -> None:
    order_id = (await alice.place("BUY OPEN 2 @ 120"))["order_id"]
    await bob.place("SELL OPEN 1 @ 120")
    from trading.protocol import order_number

    number = order_number(order_id)
    assert number is not None
    row = await Order.objects.aget(pk=number)
    assert (row.account_id, row.volume, row.filled, row.status) == (1, 2, 1, "PartiallyFilled")
    assert await Trade.objects.acount() == 2
