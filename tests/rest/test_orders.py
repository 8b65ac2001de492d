"""Orders over REST: placed, seen, changed and cancelled, and told only when they are stored."""

from typing import Any

import pytest

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.conftest import OpenExchange
from tests.rest.client import Client
from tests.websocket.client import order_message
from tests.websocket.conftest import Clock
from trading.core.types import OrderStatus
from trading.models import Order


def order(words: str, **more: Any) -> dict[str, Any]:
    """An order as a trader says it, "BUY OPEN 10 @ 120"."""
    message = order_message(words, **more)
    del message["type"]
    return message


async def test_an_order_is_answered_with_its_state_and_where_it_is(ann: Client) -> None:
    reply = await ann.post("orders/", order("BUY OPEN 2 @ 110", client_order_id="mine"))
    assert reply.status == 201
    placed = reply.json["order"]
    assert (placed["status"], placed["remaining_volume"], placed["client_order_id"]) == ("Submitted", 2.0, "mine")
    assert reply.json["trades"] == [] and reply.json["next"] is None
    assert reply.headers["location"] == f"/api/v1/orders/{placed['order_id']}/"
    assert (await ann.ask("GET", "", root=reply.headers["location"])).json == reply.json
    assert await Order.objects.aget() is not None


async def test_an_order_that_trades_is_answered_with_its_fills(ann: Client, ben: Client) -> None:
    for volume in (1, 2):
        await ben.post("orders/", order(f"SELL OPEN {volume} @ 120"))
    reply = await ann.post("orders/", order("BUY OPEN 4 @ 120"))
    assert reply.json["order"]["status"] == OrderStatus.PARTIALLY_FILLED
    assert [trade["volume"] for trade in reply.json["trades"]] == [2.0, 1.0]
    assert {trade["order_id"] for trade in reply.json["trades"]} == {reply.json["order"]["order_id"]}


async def test_a_market_order_may_take_the_best_prices_alone(ann: Client, ben: Client) -> None:
    for price in (120, 121, 122):
        await ben.post("orders/", order(f"SELL OPEN 1 @ {price}"))
    placed = (await ann.post("orders/", order("BUY OPEN 3 @ MARKET", price_levels=2))).json
    assert [trade["price"] for trade in placed["trades"]] == [121.0, 120.0]
    assert (placed["order"]["status"], placed["order"]["price_levels"]) == ("Cancelled", 2)
    refused = await ann.post("orders/", order("BUY OPEN 3 @ MARKET", price_levels=0))
    assert refused.status == 400 and "price_levels" in refused.json["detail"]


@pytest.mark.parametrize("milliseconds", [0, 5_000])
async def test_an_order_tells_its_fills_however_long_it_lives(
    open_exchange: OpenExchange, market: Founded, clock: Clock, milliseconds: int
) -> None:
    exchange = await open_exchange(clock)
    ann, ben = [Client(exchange.services, market.tokens[user]) for user in ("user001", "user002")]
    where = (await ben.post("orders/", order("SELL OPEN 4 @ 120"))).headers["location"].removeprefix("/api/v1/")
    await ben.post("orders/", order("SELL OPEN 1 @ 120"))
    for volume in (1, 2, 2):
        clock.pass_by(milliseconds)
        await ann.post("orders/", order(f"BUY OPEN {volume} @ 120"))
    seen = (await ben.get(where)).json
    assert [trade["volume"] for trade in seen["trades"]] == [1.0, 2.0, 1.0]
    assert (seen["order"]["status"], seen["next"]) == ("Filled", None)


async def test_the_same_key_is_the_same_order(ann: Client) -> None:
    first = await ann.post("orders/", order("BUY OPEN 2 @ 110"), Idempotency_Key="k1")
    again = await ann.post("orders/", order("BUY OPEN 2 @ 110"), Idempotency_Key="k1")
    named = await ann.post("orders/", order("BUY OPEN 2 @ 110", client_order_id="k1"))
    assert (first.status, again.status, named.status) == (201, 200, 200)
    assert first.json == again.json == named.json
    assert again.headers["location"] == first.headers["location"]
    assert await Order.objects.acount() == 1


async def test_a_key_of_another_order_is_refused(ann: Client) -> None:
    await ann.post("orders/", order("BUY OPEN 2 @ 110"), Idempotency_Key="k1")
    other = await ann.post("orders/", order("BUY OPEN 3 @ 110"), Idempotency_Key="k1")
    assert (other.status, other.code) == (409, 409)
    both = await ann.post("orders/", order("BUY OPEN 3 @ 110", client_order_id="a"), Idempotency_Key="b")
    assert (both.status, both.code) == (400, 400)
    assert await Order.objects.acount() == 1


async def test_keys_of_two_users_are_not_the_same(ann: Client, ben: Client) -> None:
    for client in (ann, ben):
        assert (await client.post("orders/", order("BUY OPEN 1 @ 110"), Idempotency_Key="k1")).status == 201


async def test_an_order_that_was_refused_uses_no_key_up(ann: Client) -> None:
    assert (await ann.post("orders/", order("BUY OPEN 4 @ 110.3"), Idempotency_Key="k1")).code == 1007
    assert (await ann.post("orders/", order("BUY OPEN 4 @ 110"), Idempotency_Key="k1")).status == 201


async def test_an_order_is_found_by_its_own_id(ann: Client, ben: Client) -> None:
    placed = await ann.post("orders/", order("BUY OPEN 2 @ 110", client_order_id="mine of today"))
    assert (await ann.get("orders/by-client-id/mine of today/")).json == placed.json
    for client, name in ((ben, "mine of today"), (ann, "another")):
        missing = await client.get(f"orders/by-client-id/{name}/")
        assert (missing.status, missing.code) == (404, 1002)


async def test_valid_for_ms_needs_no_clock(ann: Client, exchange: Exchange) -> None:
    before = exchange.services.clock()
    reply = await ann.post("orders/", order("BUY OPEN 2 @ 110", valid_for_ms=5_000))
    assert before + 5_000 <= reply.json["order"]["valid_until"] <= exchange.services.clock() + 5_000
    both = await ann.post("orders/", order("BUY OPEN 2 @ 110", valid_for_ms=5_000, valid_until=before))
    assert both.code == 400
    late = await ann.post("orders/", order("BUY OPEN 2 @ 110", valid_until=before - 1))
    assert (late.status, late.code) == (422, 1014)


async def test_an_order_is_amended_and_cancelled(ann: Client) -> None:
    where = (await ann.post("orders/", order("BUY OPEN 2 @ 110"))).headers["location"].removeprefix("/api/v1/")
    amended = await ann.patch(where, {"price": 111, "volume": 1, "valid_for_ms": 5_000})
    assert (amended.status, amended.json["order"]["price"], amended.json["order"]["volume"]) == (200, 111.0, 1.0)
    cancelled = await ann.delete(where)
    assert (cancelled.status, cancelled.json["order"]["status"]) == (200, "Cancelled")
    for late in (await ann.delete(where), await ann.patch(where, {"volume": 3})):
        assert (late.status, late.code) == (409, 1011)
        assert "Cancelled" in late.json["detail"]


async def test_orders_of_others_are_like_none(ann: Client, ben: Client) -> None:
    where = (await ann.post("orders/", order("BUY OPEN 2 @ 110"))).headers["location"].removeprefix("/api/v1/")
    for nobodys in ("orders/O17000000000000000001/", "orders/x/"):
        for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"volume": 1})):
            theirs, none = await ben.ask(method, where, body), await ben.ask(method, nobodys, body)
            assert theirs.status == none.status == 404
            assert {**theirs.json, "request_id": ""} == {**none.json, "request_id": ""}
    assert (await ann.get(where)).json["order"]["status"] == "Submitted"


async def test_a_batch_has_a_result_an_order(ann: Client) -> None:
    some = [order("BUY OPEN 2 @ 110"), order("BUY OPEN 2 @ 110.3"), order("BUY OPEN 1 @ 111", client_order_id="c")]
    reply = await ann.post("orders/batch/", {"orders": some}, Idempotency_Key="b")
    assert reply.status == 200
    assert [result["error_code"] for result in reply.json["results"]] == [None, 1007, None]
    assert [result["client_order_id"] for result in reply.json["results"]] == ["b:0", "b:1", "c"]
    again = await ann.post("orders/batch/", {"orders": some}, Idempotency_Key="b")
    assert again.json == reply.json
    assert await Order.objects.acount() == 2
    names = [reply.json["results"][0]["order_id"], "O17000000000000000001", reply.json["results"][2]["order_id"]]
    gone = await ann.delete("orders/batch/", order_ids=names)
    assert [result["error_code"] for result in gone.json["results"]] == [None, 1002, None]
    late = await ann.delete("orders/batch/", order_ids=names[:1])
    assert (late.json["results"][0]["error_code"], late.json["results"][0]["status"]) == (1011, "Cancelled")


async def test_all_are_cancelled_or_those_that_are_meant(ann: Client) -> None:
    for words in ("BUY OPEN 1 @ 110", "BUY OPEN 1 @ 111", "SELL OPEN 1 @ 125"):
        await ann.post("orders/", order(words))
    assert (await ann.post("orders/cancel-all/", {"direction": "SELL"})).json == {"cancelled": 1}
    assert (await ann.post("orders/cancel-all/")).json == {"cancelled": 2}


async def test_the_dead_mans_switch(ann: Client, exchange: Exchange) -> None:
    armed = await ann.post("cancel-after/", {"timeout_ms": 60_000})
    assert abs(armed.json["deadline"] - exchange.services.clock() - 60_000) < 10_000
    assert (await ann.post("cancel-after/", {"timeout_ms": 0})).json == {"deadline": None}
    assert (await ann.post("cancel-after/", {"timeout_ms": 5})).code == 400
