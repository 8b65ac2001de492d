"""A client that knows v1.0 and nothing else, on a live server: it is understood, and every frame begins as it did."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.client import Client, Frame, signed_in
from tests.e2e.server import Server
from tests.protocol import golden_v1 as v1

USER, OTHER = "user001", "user004"


def fits(value: Any, golden: list[Any]) -> bool:
    """Whether a value has the JSON type of one of the golden ones: an object the same names first, a list such
    entries."""
    kinds = [each for each in golden if type(each) is type(value)]
    if not kinds:
        return False
    if isinstance(value, dict):
        names = list(kinds[0])
        return list(value)[: len(names)] == names and all(fits(value[x], [each[x] for each in kinds]) for x in names)
    if isinstance(value, list):
        return all(fits(entry, [inner for each in kinds for inner in each]) for entry in value)
    return True


def check(frame: Frame) -> None:
    """The frame begins as the golden frames of its type do, or its type came later."""
    golden = [json.loads(text) for text in v1.SERVER.get(frame["type"], [])]
    if golden:
        assert fits(frame, golden), f"{frame} is like none of {golden}"
    else:
        assert frame["type"] in v1.LATER_SERVER, frame


class OldClient(Client):
    """Sends golden frames of v1.0 only, with some values put in."""

    def say(self, kind: str, number: int = 0, **values: Any) -> None:
        frame = json.loads(v1.CLIENT[kind][number])
        assert values.keys() <= frame.keys()
        self.send_text(json.dumps(frame | values))


def trade_a_little(server: Server, client: OldClient, seller: Client) -> None:
    client.say("query_account")
    client.until("error", code=401)
    client.say("auth", user_id=USER, token="wrong")
    client.until("auth_response", success=False)
    client.say("auth", user_id=USER, token=server.token(USER))
    client.until("auth_response", success=True)
    client.say("subscribe")
    client.until("subscribe_response", success=True)
    client.until("orderbook")
    client.say("subscribe", channels=["order"])
    client.until("subscribe_response", success=False)
    client.say("submit_order")
    order = client.until("order_response", success=True)["order_id"]
    client.until("order_status", status="Submitted")
    for volume, status in ((1, "PartiallyFilled"), (2, "Filled")):
        assert seller.order("SELL", volume, 119.5)["success"]
        client.until("trade", order_id=order)
        client.until("order_status", order_id=order, status=status)
        client.until("account_update")
        client.until("ticker")
    client.say("submit_order")
    resting = client.until("order_response", success=True)["order_id"]
    client.say("cancel_order", order_id=resting)
    client.until("order_status", order_id=resting, status="Cancelled")
    client.say("cancel_order")
    client.until("order_response", success=False, error_code=1002)
    for query in ("query_account", "query_position", "query_order"):
        client.say(query, **({"order_id": order} if query == "query_order" else {}))
        client.until("query_response", request_type=query)
    client.say("unsubscribe")
    client.until("subscribe_response", success=True)
    client.say("ping")
    client.until("pong")
    client.until("ping")


def test_a_client_of_v1_trades(new_server: Callable[..., Server]) -> None:
    server = new_server(PING_SECONDS=0.5)
    with OldClient(server.ws, USER) as client, signed_in(server, OTHER) as seller:
        trade_a_little(server, client, seller)
        heard = client.heard
    assert {frame["type"] for frame in heard} >= v1.SERVER.keys()
    for frame in heard:
        if frame.get("request_type", "query_account") == "query_account":  # Of other queries v1.0 does not tell.
            check(frame)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"type": "unheard_of"},
        {"type": "error", "code": "400", "message": "text for a number"},
        {"type": "error", "message": "another order", "code": 400},
        {"type": "ticker", "instrument_id": "IX2301", "last_price": 120, "volume": 2.0, "timestamp": 1},
        {"type": "orderbook", "instrument_id": "IX2301", "bids": [{"price": 1.0}], "asks": [], "timestamp": 1},
    ],
    ids=lambda frame: frame["type"],
)
def test_the_check_finds_what_is_not_as_it_was(spoilt: Frame) -> None:
    with pytest.raises(AssertionError):
        check(spoilt)
