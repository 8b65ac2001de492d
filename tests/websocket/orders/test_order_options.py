"""Orders with options over the socket: what is answered, what is pushed, and what a query shows of them."""

import time
from typing import Any

import pytest

from tests.builders import Founded
from tests.websocket.client import Client, Frame, assert_frames, order_message
from tests.websocket.conftest import Join

TOMORROW = 86_400_000


def now() -> int:
    return time.time_ns() // 1_000_000


async def cancel(client: Client, order_id: str) -> None:
    await client.say(type="cancel_order", order_id=order_id)


async def trade_at(price: float, buyer: Client, seller: Client) -> None:
    """One lot changes hands at this price, and nobody waits for frames of it any more."""
    await buyer.place(f"BUY OPEN 1 @ {price}")
    await seller.place(f"SELL OPEN 1 @ {price}")
    for client in (buyer, seller):
        await client.rest()


async def shown(client: Client, order_id: str) -> Frame:
    return dict((await client.ask(type="query_order", order_id=order_id))["data"]["order"])


# --- refusals


@pytest.mark.parametrize(
    ("words", "more", "code", "sentence"),
    [
        ("BUY OPEN 1 @ 120", {"time_condition": "GTD"}, 400, "A GTD order needs expires_at"),
        ("BUY OPEN 1 @ 120", {"time_condition": "GTD", "expires_at": 1}, 400, "expires_at"),
        ("BUY OPEN 1 @ 120", {"reduce_only": True}, 400, "reduce_only is for orders that close"),
        ("SELL CLOSE 1 @ 120", {"reduce_only": True}, 1005, "Not enough position to close"),
        ("BUY OPEN 1 @ 120", {"valid_until": 1}, 1014, "Too late"),
        ("BUY OPEN 1 @ 120", {"price_levels": 5}, 400, "price_levels is for MARKET orders"),
        ("BUY OPEN 1 @ 120", {"stop_price": 120.3}, 1007, "stop_price must be a positive multiple of 0.50"),
        ("BUY OPEN 1 @ 120", {"trail": 0.3, "stop_price": 121}, 1007, "trail must be a positive multiple of 0.50"),
    ],
)
async def test_options_that_cannot_be_is_refused(
    alice: Client, words: str, more: Frame, code: int, sentence: str
) -> None:
    refused = await alice.ask(**order_message(words, **more), request_id="r")
    assert_frames([refused], {"type": "order_response", "success": False, "error_code": code, "request_id": "r"})
    assert refused["error_message"].startswith(sentence)
    await alice.hears_nothing()


async def test_a_post_only_order_that_would_trade_is_refused(alice: Client, bob: Client) -> None:
    await bob.place("SELL OPEN 1 @ 120")
    refused = await alice.place("BUY OPEN 1 @ 120", post_only=True)
    assert_frames([refused], {"success": False, "order_id": None, "error_code": 1015})
    assert (await alice.place("BUY OPEN 1 @ 119.5", post_only=True))["success"]


async def test_a_rule_of_the_time_is_the_engines(alice: Client) -> None:
    good: Frame = {"time_condition": "GTD", "expires_at": now() + TOMORROW, "valid_until": now() + TOMORROW}
    assert (await alice.place("BUY OPEN 1 @ 120", **good))["success"]


# --- what is pushed


async def test_what_is_not_filled_at_once_says_so(alice: Client, bob: Client) -> None:
    await bob.place("SELL OPEN 2 @ 120")
    await alice.say(**order_message("BUY OPEN 3 @ 120", time_condition="FOK"))
    assert_frames(
        await alice.rest(),
        {"type": "order_response", "success": True},
        {"type": "order_status", "status": "Submitted"},
        {"type": "order_status", "status": "Cancelled", "remaining_volume": 3.0, "reason": "NO_TRADE"},
        {"type": "account_update"},
    )


async def test_what_its_owner_cancels_has_no_reason(alice: Client) -> None:
    order_id = (await alice.place("BUY OPEN 1 @ 120", time_condition="GTC"))["order_id"]
    await alice.rest()
    await cancel(alice, order_id)
    _, status, _ = await alice.rest()
    assert list(status) == ["type", "order_id", "status", "filled_volume", "remaining_volume", "timestamp", "seq"]


async def test_a_stop_waits_and_fires(alice: Client, bob: Client, other: Client) -> None:
    await alice.say(**order_message("BUY OPEN 2 @ 122", stop_price=121))
    answer, waiting, _ = await alice.rest()
    assert_frames(
        [answer, waiting],
        {"type": "order_response", "success": True},
        {"type": "order_status", "order_id": answer["order_id"], "status": "Waiting", "remaining_volume": 2.0},
    )
    await trade_at(121, bob, other)
    assert_frames(
        await alice.rest(),
        {"type": "order_status", "order_id": answer["order_id"], "status": "Submitted", "remaining_volume": 2.0},
        {"type": "account_update"},
    )
    order = await shown(alice, answer["order_id"])
    assert_frames([order], {"status": "Submitted", "stop_price": 121.0, "stop_kind": "STOP", "trigger": "LAST"})
    assert "current_stop" not in order


async def test_a_stop_whose_price_is_met_fires_at_once(alice: Client, bob: Client, other: Client) -> None:
    await trade_at(121, bob, other)
    await alice.say(**order_message("BUY OPEN 2 @ 122", stop_price=121))
    assert_frames(
        await alice.rest(),
        {"type": "order_response", "success": True},
        {"type": "order_status", "status": "Waiting"},
        {"type": "order_status", "status": "Submitted"},
        {"type": "account_update"},
    )


async def test_a_stop_that_cannot_be_taken_says_why(alice: Client, bob: Client, other: Client) -> None:
    await alice.place("SELL CLOSE 2 @ 110", stop_price=119)
    await alice.rest()
    await trade_at(119, bob, other)
    frames = [frame for frame in await alice.rest() if frame["type"] == "order_status"]
    assert_frames(frames[-1:], {"status": "Cancelled", "reason": "REFUSED", "error_code": 1005})
    assert frames[-1]["error_message"].startswith("Not enough position to close")


async def test_the_orders_of_a_group_cancel_each_other(alice: Client, bob: Client) -> None:
    placed = [await alice.place(f"BUY OPEN 1 @ {price}", oco_group="g") for price in (119, 120)]
    await alice.rest()
    await bob.place("SELL OPEN 1 @ 120")
    frames = [frame for frame in await alice.rest() if frame["type"] == "order_status"]
    said = {frame["order_id"]: (frame["status"], frame.get("reason")) for frame in frames}
    assert said == {placed[0]["order_id"]: ("Cancelled", "OCO"), placed[1]["order_id"]: ("Filled", None)}


async def test_self_trade_prevention_is_told(alice: Client) -> None:
    await alice.place("SELL OPEN 1 @ 120")
    await alice.rest()
    await alice.say(**order_message("BUY OPEN 1 @ 120", stp="CANCEL_BOTH"))
    cancelled = [frame for frame in await alice.rest() if frame.get("status") == "Cancelled"]
    assert [frame["reason"] for frame in cancelled] == ["SELF_TRADE", "SELF_TRADE"]


# --- amending


async def test_an_amendment(alice: Client) -> None:
    order_id = (await alice.place("BUY OPEN 4 @ 119"))["order_id"]
    await alice.rest()
    await alice.say(type="amend_order", order_id=order_id, price=120.5, volume=6, request_id="a1")
    assert_frames(
        await alice.rest(),
        {"type": "order_response", "success": True, "order_id": order_id, "request_id": "a1"},
        {"type": "order_status", "status": "Submitted", "remaining_volume": 6.0, "price": 120.5, "volume": 6.0},
        {"type": "account_update", "frozen": 6 * 1_207.0},
    )
    assert_frames([await shown(alice, order_id)], {"price": 120.5, "volume": 6.0})


async def test_an_amendment_may_trade_at_once(alice: Client, bob: Client) -> None:
    await bob.place("SELL OPEN 3 @ 121")
    order_id = (await alice.place("BUY OPEN 4 @ 119"))["order_id"]
    await alice.rest()
    await alice.say(type="amend_order", order_id=order_id, price=121)
    assert_frames(
        await alice.rest(),
        {"type": "order_response", "success": True},
        {"type": "order_status", "status": "Submitted", "price": 121.0, "volume": 4.0},
        {"type": "order_status", "status": "PartiallyFilled", "filled_volume": 3.0, "remaining_volume": 1.0},
        {"type": "account_update"},
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 400),
        ({"price": 120.3}, 1007),
        ({"price": 200}, 1008),
        ({"volume": 0}, 1006),
        ({"volume": 1.5}, 1006),
        ({"volume": 3, "valid_until": 1}, 1014),
        ({"order_id": "nonsense", "volume": 3}, 1002),
        ({"order_id": "O17251234567890000001", "volume": 3}, 1002),
    ],
)
async def test_an_amendment_that_is_refused_changes_nothing(alice: Client, fields: Frame, code: int) -> None:
    order_id = (await alice.place("BUY OPEN 4 @ 119"))["order_id"]
    await alice.rest()
    refused = await alice.ask(**({"type": "amend_order", "order_id": order_id} | fields))
    assert_frames([refused], {"type": "order_response", "success": False, "order_id": None, "error_code": code})
    await alice.hears_nothing()
    assert_frames([await shown(alice, order_id)], {"price": 119.0, "volume": 4.0, "status": "Submitted"})


async def test_a_finished_order_and_anothers_cannot_be_amended(alice: Client, bob: Client) -> None:
    order_id = (await alice.place("BUY OPEN 4 @ 119"))["order_id"]
    foreign = await bob.ask(type="amend_order", order_id=order_id, volume=1)
    assert_frames([foreign], {"success": False, "error_code": 1002})
    await cancel(alice, order_id)
    await alice.rest()
    finished = await alice.ask(type="amend_order", order_id=order_id, volume=1)
    assert_frames([finished], {"success": False, "error_code": 1011})


# --- resends


async def test_a_resend_with_the_same_options_is_the_same_order(alice: Client) -> None:
    more: Frame = {"client_order_id": "mine", "time_condition": "GTC", "post_only": True, "display_volume": 2}
    first = await alice.place("BUY OPEN 5 @ 119", **more)
    await alice.rest()
    assert await alice.place("BUY OPEN 5 @ 119", **more) == first
    await alice.hears_nothing()


@pytest.mark.parametrize(
    "change",
    [
        {"post_only": False},
        {"display_volume": 3},
        {"time_condition": "GFD"},
        {"stop_price": 121},
        {"stp": "CANCEL_BOTH"},
    ],
    ids=str,
)
async def test_a_resend_with_other_options_is_another_order(alice: Client, change: Frame) -> None:
    more: Frame = {"client_order_id": "mine", "time_condition": "GTC", "post_only": True, "display_volume": 2}
    await alice.place("BUY OPEN 5 @ 119", **more)
    await alice.rest()
    refused = await alice.place("BUY OPEN 5 @ 119", **(more | change))
    assert_frames([refused], {"success": False, "error_code": 409, "client_order_id": "mine"})
    await alice.hears_nothing()


async def test_a_resend_after_a_restart_is_known_with_its_options(
    open_exchange: Any, market: Founded, join: Join
) -> None:
    more: Frame = {"client_order_id": "mine", "stop_price": 121.5, "oco_group": "g", "time_condition": "GTC"}
    answers = []
    for _ in range(2):
        exchange = await open_exchange()
        client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
        answers.append(await client.place("BUY OPEN 5 @ 122", **more))
    assert answers[0] == answers[1] and answers[0]["success"]
    assert_frames([await client.place("BUY OPEN 5 @ 122", **(more | {"oco_group": "h"}))], {"error_code": 409})


# --- what a query shows


async def test_a_plain_order_shows_no_more_than_before(alice: Client) -> None:
    order_id = (await alice.place("BUY OPEN 5 @ 119"))["order_id"]
    await alice.rest()
    assert list(await shown(alice, order_id))[-2:] == ["timestamp", "client_order_id"]


async def test_a_waiting_order_shows_its_options(alice: Client, bob: Client, other: Client) -> None:
    await trade_at(121, bob, other)
    expires_at = now() + TOMORROW
    more: Frame = {
        "time_condition": "GTD",
        "expires_at": expires_at,
        "trail": 2.5,
        "trigger": "BID",
        "oco_group": "exit",
    }
    await bob.place("BUY OPEN 1 @ 120")
    order_id = (await alice.place("SELL OPEN 5 @ MARKET", **more))["order_id"]
    await alice.rest()
    order = await shown(alice, order_id)
    extras = dict(list(order.items())[list(order).index("client_order_id") + 1 :])
    assert extras == {
        "expires_at": expires_at,
        "stop_kind": "STOP",
        "trigger": "BID",
        "trail": 2.5,
        "current_stop": 117.5,
        "oco_group": "exit",
    }
    assert_frames([order], {"status": "Waiting", "price": None, "time_condition": "GTD"})


async def test_a_part_of_an_order_that_found_nothing_has_another_reason(alice: Client, bob: Client) -> None:
    await bob.place("SELL OPEN 2 @ 120")
    order_id = (await alice.place("BUY OPEN 3 @ 120", time_condition="IOC"))["order_id"]
    *_, last = [frame for frame in await alice.rest() if frame["type"] == "order_status"]
    assert_frames([last], {"status": "Cancelled", "filled_volume": 2.0, "reason": "UNFILLED"})
    assert_frames([await shown(alice, order_id)], {"status": "Cancelled", "reason": "UNFILLED"})


async def test_a_market_order_of_one_level_leaves_the_next_price(alice: Client, bob: Client) -> None:
    for price in (120, 121):
        await bob.place(f"SELL OPEN 2 @ {price}")
    order_id = (await alice.place("BUY OPEN 3 @ MARKET", price_levels=1))["order_id"]
    *_, last = [frame for frame in await alice.rest() if frame["type"] == "order_status"]
    assert_frames([last], {"status": "Cancelled", "filled_volume": 2.0, "reason": "UNFILLED"})
    assert_frames(
        [await shown(alice, order_id)],
        {"status": "Cancelled", "filled_volume": 2.0, "reason": "UNFILLED", "price_levels": 1},
    )


async def test_an_order_cannot_last_until_a_year_of_five_digits(alice: Client) -> None:
    for name in ("expires_at", "valid_until"):
        condition = {"time_condition": "GTD"} if name == "expires_at" else {}
        for moment, taken in (
            (253_402_300_799_999, True),
            (253_402_300_800_000, False),
            (18 * 10**14, False),
        ):
            await alice.say_wrong(**order_message("BUY OPEN 1 @ 119") | condition | {name: moment})
            answer = await alice.hear()
            assert answer["type"] == ("order_response" if taken else "error") and answer.get("code", 400) == 400
            await alice.rest()


async def test_a_cancelled_order_shows_why(alice: Client) -> None:
    order_id = (await alice.place("BUY OPEN 5 @ 119", time_condition="IOC"))["order_id"]
    await alice.rest()
    assert_frames([await shown(alice, order_id)], {"status": "Cancelled", "reason": "NO_TRADE"})


async def test_a_stop_that_was_cancelled_fires_nowhere(alice: Client) -> None:
    order_id = (await alice.place("BUY OPEN 5 @ 122", stop_price=121))["order_id"]
    await alice.rest()
    assert_frames([await shown(alice, order_id)], {"current_stop": 121.0})
    await cancel(alice, order_id)
    await alice.rest()
    order = await shown(alice, order_id)
    assert_frames([order], {"status": "Cancelled", "stop_price": 121.0})
    assert not {"current_stop", "reason", "error_code"} & set(order)
