"""Many orders or cancels in one frame: one answer, in its place, with one result an item in their order."""

from typing import Any

import msgspec
import pytest

from exchange_site.wiring.exchange import Exchange
from tests.builders import NO_ACCOUNT, Founded
from tests.websocket.client import Client, Frame, assert_frames, order_message
from tests.websocket.conftest import Join
from tests.websocket.engineless import Engineless, accepted
from trading.core.codes import Code
from trading.core.commands import CancelOrder, SubmitOrder
from trading.core.events import OrderCancelled, Refused

NEVER_WAS = "O17251234567890000001"


def item(words: str, **more: Any) -> Frame:
    message = order_message(words, **more)
    del message["type"]
    return message


async def submit(client: Client, *orders: Frame, **more: Any) -> None:
    await client.say(type="submit_orders", orders=list(orders), **more)


async def results_of(client: Client) -> list[Frame]:
    return list((await client.hear_until("orders_response"))["results"])


async def place_some(client: Client, count: int) -> list[str]:
    """The ids of so many orders that rest; their frames have been heard."""
    await submit(client, *[item("BUY OPEN 1 @ 110")] * count)
    results = await results_of(client)
    await client.rest()
    return [result["order_id"] for result in results]


# --- orders


async def test_good_and_refused_orders_in_their_order(alice: Client) -> None:
    await submit(
        alice,
        item("BUY OPEN 1 @ 119", client_order_id="a"),
        item("BUY OPEN 0 @ 119", client_order_id="b"),
        item("BUY OPEN 1 @ 119.00001", client_order_id="c"),
        item("BUY OPEN 2 @ 118"),
        item("BUY OPEN 1 @ 119", time_condition="GTD"),
        item("BUY OPEN 1 @ 119", client_order_id="a"),
        item("BUY OPEN 3 @ 117", client_order_id="d", time_condition="GTC", post_only=True),
        request_id="r1",
    )
    answer, *pushes = await alice.rest()
    assert_frames([answer], {"type": "orders_response", "request_id": "r1"})
    results = answer["results"]
    assert [(each["success"], each["error_code"], each.get("client_order_id")) for each in results] == [
        (True, None, "a"),
        (False, 1006, "b"),
        (False, 1007, "c"),
        (True, None, None),
        (False, 400, None),
        (True, None, "a"),
        (True, None, "d"),
    ]
    assert results[0]["order_id"] == results[5]["order_id"]
    assert all((each["order_id"] is None) != each["success"] for each in results)
    taken = [results[place]["order_id"] for place in (0, 3, 6)]
    assert [frame["order_id"] for frame in pushes if frame["type"] == "order_status"] == taken == sorted(taken)
    assert len([frame for frame in pushes if frame["type"] == "account_update"]) == 1


async def test_orders_of_a_batch_trade_with_others_in_their_order(alice: Client, bob: Client) -> None:
    await bob.place("SELL OPEN 3 @ 120")
    await submit(alice, *(item(f"BUY OPEN {volume} @ 120") for volume in (1, 1, 2)))
    statuses = [frame["status"] for frame in await alice.rest() if frame["type"] == "order_status"]
    assert statuses == ["Submitted", "Filled", "Submitted", "Filled", "Submitted", "PartiallyFilled"]


async def test_fifty_are_taken_and_one_answers_like_many(alice: Client) -> None:
    assert len(await place_some(alice, 50)) == 50
    (lone,) = await place_some(alice, 1)
    assert lone.startswith("O")


@pytest.mark.parametrize(
    "orders",
    [
        [],
        [item("BUY OPEN 1 @ 119")] * 51,
        [item("BUY OPEN 1 @ 119"), order_message("BUY OPEN 1 @ 119")],
        [item("BUY OPEN 1 @ 119"), item("BUY OPEN 1 @ 119", prize=1)],
        [item("BUY OPEN 1 @ 119"), item("HOLD OPEN 1 @ 119")],
    ],
    ids=["none", "51", "a whole message", "an unknown field", "an unknown word"],
)
async def test_a_malformed_item_refuses_the_frame_and_nothing_is_done(alice: Client, orders: list[Frame]) -> None:
    await alice.say_wrong(type="submit_orders", orders=orders, request_id=9)
    (frame,) = await alice.rest()
    assert_frames([frame], {"type": "error", "code": 400, "request_id": 9})
    assert (await alice.ask(type="query_orders"))["data"]["orders"] == []


# --- cancels


async def test_cancels_of_live_finished_unknown_and_others_orders(alice: Client, bob: Client) -> None:
    first, second, third = await place_some(alice, 3)
    await alice.say(type="cancel_order", order_id=second)
    foreign = (await bob.place("BUY OPEN 1 @ 110"))["order_id"]
    await alice.rest()
    await alice.say(
        type="cancel_orders", order_ids=[first, second, NEVER_WAS, "nonsense", foreign, third, third], request_id=1
    )
    answer, *pushes = await alice.rest()
    assert_frames([answer], {"type": "orders_response", "request_id": 1})
    assert [(each["order_id"], each["error_code"]) for each in answer["results"]] == [
        (first, None),
        (None, 1011),
        (None, 1002),
        (None, 1002),
        (None, 1002),
        (third, None),
        (None, 1011),
    ]
    assert_frames(
        pushes,
        {"type": "order_status", "order_id": first, "status": "Cancelled"},
        {"type": "order_status", "order_id": third, "status": "Cancelled"},
        {"type": "account_update", "frozen": 0.0},
    )
    assert (await bob.ask(type="query_order", order_id=foreign))["type"] != "error"


async def test_all_orders_are_cancelled_or_those_of_one_kind(alice: Client, bob: Client) -> None:
    for words, name in (
        ("BUY OPEN 1 @ 110", "IX2301"),
        ("SELL OPEN 1 @ 130", "IX2301"),
        ("BUY OPEN 1 @ 110", "IF2301"),
    ):
        await submit(alice, item(words, instrument_id=name), item(words, instrument_id=name))
    untouched = (await bob.place("BUY OPEN 1 @ 110"))["order_id"]
    await bob.rest()
    await alice.rest()
    counts = []
    for fields in ({"instrument_id": "IX2301", "direction": "SELL"}, {"instrument_id": "IX2301"}, {}, {}):
        await alice.say(type="cancel_all", **fields, request_id=1)
        answer, *pushes = await alice.rest()
        assert_frames([answer], {"type": "cancel_all_response", "success": True, "error_code": None, "request_id": 1})
        counts.append(answer["cancelled"])
        assert len([frame for frame in pushes if frame.get("status") == "Cancelled"]) == answer["cancelled"]
    assert counts == [2, 2, 2, 0]
    assert (await bob.ask(type="query_order", order_id=untouched))["data"]["order"]["status"] == "Submitted"


async def test_a_cancel_of_all_in_no_instrument_is_refused(alice: Client) -> None:
    assert await alice.ask(type="cancel_all", instrument_id="XX") == {
        "type": "cancel_all_response",
        "success": False,
        "cancelled": 0,
        "error_code": 1004,
        "error_message": "Unknown instrument XX",
    }


# --- who may not


BATCHES: list[Frame] = [
    {"type": "submit_orders", "orders": [item("BUY OPEN 1 @ 110", client_order_id="a"), item("BUY OPEN 1 @ 110")]},
    {"type": "cancel_orders", "order_ids": [NEVER_WAS, "x"]},
]


@pytest.mark.parametrize("message", BATCHES, ids=lambda each: each["type"])
async def test_without_auth_or_account_every_item_is_refused(
    exchange: Exchange, join: Join, market: Founded, visitor: Client, message: Frame
) -> None:
    newcomer = await (await join(exchange.services)).sign_in(NO_ACCOUNT, market.tokens[NO_ACCOUNT])
    for client, code in ((visitor, 401), (newcomer, 1003)):
        answer = await client.ask(**message, request_id=4)
        assert_frames([answer], {"type": "orders_response", "request_id": 4})
        assert [each["error_code"] for each in answer["results"]] == [code, code]
        assert [each["success"] for each in answer["results"]] == [False, False]


async def test_each_item_counts_as_an_order(open_exchange: Any, join: Join, market: Founded) -> None:
    exchange = await open_exchange(ORDERS_PER_SECOND=1)
    client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    await submit(client, *[item("BUY OPEN 1 @ 110", client_order_id=f"c{number}") for number in range(10)])
    assert [result["success"] for result in await results_of(client)] == [True] * 10
    await client.hear_until("account_update")
    assert await client.ask(type="ping") == {"type": "pong"}
    await submit(client, item("BUY OPEN 1 @ 110"), item("BUY OPEN 1 @ 110"))
    answer = await client.hear()
    assert_frames([answer], {"type": "orders_response"})
    assert 0 < answer["retry_after"] <= 9
    assert [result["error_code"] for result in answer["results"]] == [429, 429]


# --- the engine is a test


@pytest.fixture
async def engineless(exchange: Exchange) -> Engineless:
    return Engineless(4)


@pytest.fixture
async def waiting(exchange: Exchange, engineless: Engineless, join: Join, market: Founded) -> Client:
    """Account 1 at a venue whose engine is the test."""
    client = await join(msgspec.structs.replace(exchange.services, gateway=engineless.gateway))
    return await client.sign_in("user001", market.tokens["user001"])


async def test_the_items_lie_side_by_side_in_the_queue(
    exchange: Exchange, engineless: Engineless, join: Join, market: Founded, waiting: Client
) -> None:
    """Whatever others send meanwhile."""
    rival = await join(msgspec.structs.replace(exchange.services, gateway=engineless.gateway))
    await rival.sign_in("user002", market.tokens["user002"])
    await submit(waiting, item("BUY OPEN 1 @ 110"), item("BUY OPEN 2 @ 110"), item("BUY OPEN 3 @ 110"))
    await rival.say(type="cancel_order", order_id=NEVER_WAS)
    commands = [envelope.command for envelope in await engineless.take(4)]
    assert [command.account_id for command in commands] == [1, 1, 1, 2]
    assert [command.volume for command in commands if isinstance(command, SubmitOrder)] == [1, 2, 3]
    assert isinstance(commands[3], CancelOrder)


async def test_the_answer_goes_out_in_its_place_when_all_items_are_answered(
    waiting: Client, engineless: Engineless
) -> None:
    await waiting.say(**order_message("BUY OPEN 1 @ 110", request_id=1))
    await submit(
        waiting, item("BUY OPEN 1 @ 110"), item("BUY OPEN 1 @ 110.00001"), item("SELL OPEN 1 @ 110"), request_id=2
    )
    await waiting.say(type="cancel_all", request_id=3)
    await waiting.say(type="ping", request_id=4)
    single, first, second, cancel_all = await engineless.take(4)
    cancel_all.reply(Refused(Code.ACCOUNT_NOT_FOUND, "no"))
    second.reply(accepted(2))
    single.reply(accepted(1))
    assert_frames([await waiting.hear()], {"type": "order_response", "request_id": 1})
    assert await waiting._wire.receive_nothing(0.05)
    first.reply(accepted(3))
    answer, *rest = await waiting.hear_many(3)
    assert_frames([answer], {"type": "orders_response", "request_id": 2})
    assert [(each["success"], each["error_code"]) for each in answer["results"]] == [
        (True, None),
        (False, 1007),
        (True, None),
    ]
    assert [frame["request_id"] for frame in rest] == [3, 4]


async def test_past_the_queue_items_are_refused_one_by_one(waiting: Client, engineless: Engineless) -> None:
    await submit(waiting, *[item("BUY OPEN 1 @ 110")] * 6)
    for number, envelope in enumerate(await engineless.take(4), start=1):
        envelope.reply(accepted(number))
    results = await results_of(waiting)
    assert [result["error_code"] for result in results] == [None] * 4 + [503] * 2


async def test_a_batch_that_cannot_be_handed_in_is_answered(exchange: Exchange, join: Join, market: Founded) -> None:
    class BrokenGateway:
        def __init__(self) -> None:
            self.calls = 0

        def submit(self, command: object, reply: Any) -> None:
            self.calls += 1
            if self.calls == 2:
                raise RuntimeError("no way")
            reply(OrderCancelled(5, 1, 0, 1, 1))

    client = await join(msgspec.structs.replace(exchange.services, gateway=BrokenGateway()))
    await client.sign_in("user001", market.tokens["user001"])
    await client.say(type="cancel_orders", order_ids=[NEVER_WAS] * 3)
    assert [result["error_code"] for result in await results_of(client)] == [None, 503, None]


async def test_the_answer_comes_before_the_pushes_of_its_items(open_exchange: Any, join: Join, market: Founded) -> None:
    """Also when they do not fit into one commit."""
    exchange = await open_exchange(BATCH_LIMIT=2)
    client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    await submit(client, *[item("BUY OPEN 1 @ 110")] * 7)
    frames = await client.rest()
    assert [frame["type"] for frame in frames[:2]] == ["orders_response", "order_status"]
    assert len([frame for frame in frames if frame["type"] == "account_update"]) == 4
    assert [frame["seq"] for frame in frames[1:]] == list(range(frames[1]["seq"], frames[1]["seq"] + 11))
