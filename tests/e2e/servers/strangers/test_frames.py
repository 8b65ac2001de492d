"""Malformed frames over a live socket: each gets a 400 with a sentence, and the connection goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import websocket

from tests.e2e.client import Client, Frame, order_fields, signed_in
from tests.e2e.server import Server

ORDER = {"type": "submit_order"} | order_fields("BUY", 1, 115)
"""A good order that would rest, to be spoilt in one place."""


def spoilt(**changes: object) -> str:
    return json.dumps(ORDER | changes)


def without(field: str) -> str:
    return json.dumps({name: value for name, value in ORDER.items() if name != field})


MALFORMED = {
    "empty": "",
    "blank": "  \n ",
    "no JSON": "hello",
    "half an object": '{"type": "ping"',
    "two objects": '{"type": "ping"}{"type": "ping"}',
    "a trailing comma": '{"type": "ping",}',
    "single quotes": "{'type': 'ping'}",
    "a comment": '{"type": "ping"} // alive?',
    "a bare NaN": spoilt(price=float("nan")),
    "infinity": spoilt(volume=float("inf")),
    "null": "null",
    "a number": "1",
    "a string": '"ping"',
    "a list": '[{"type": "ping"}]',
    "no type": "{}",
    "type null": '{"type": null}',
    "type a number": '{"type": 9}',
    "an unknown type": '{"type": "withdraw"}',
    "a server's type": '{"type": "pong_"}',
    "type in capitals": '{"type": "PING"}',
    "an unknown field": '{"type": "ping", "colour": "red"}',
    "a mistyped field": spoilt(time_conditoin="IOC"),
    "no direction": without("direction"),
    "no offset": without("offset"),
    "no volume": without("volume"),
    "no order type": without("order_type"),
    "no instrument": without("instrument_id"),
    "an unknown direction": spoilt(direction="HOLD"),
    "a lower-case direction": spoilt(direction="buy"),
    "an unknown offset": spoilt(offset="ROLL"),
    "an unknown order type": spoilt(order_type="STOP"),
    "an unknown time condition": spoilt(time_condition="GTX"),
    "a price as text": spoilt(price="115"),
    "a volume as text": spoilt(volume="1"),
    "a volume of true": spoilt(volume=True),
    "a volume in a list": spoilt(volume=[1]),
    "a huge price": spoilt(price=1e300),
    "a number of 400 digits": spoilt(price=0).replace('"price": 0', '"price": ' + "9" * 400),
    "an empty instrument": spoilt(instrument_id=""),
    "a long instrument": spoilt(instrument_id="X" * 65),
    "an instrument that is a number": spoilt(instrument_id=2301),
    "a long client order id": spoilt(client_order_id="x" * 65),
    "an order id that is a number": '{"type": "cancel_order", "order_id": 1}',
    "no order id": '{"type": "query_order"}',
    "channels as text": '{"type": "subscribe", "channels": "trade", "instruments": []}',
    "channels of numbers": '{"type": "subscribe", "channels": [1], "instruments": []}',
    "too many instruments": json.dumps({"type": "subscribe", "channels": ["trade"], "instruments": ["A"] * 201}),
    "a request id that is a list": '{"type": "ping", "request_id": [1]}',
    "a request id beyond 64 bits": '{"type": "ping", "request_id": 99999999999999999999}',
    "a deep nest": "[" * 5_000 + "]" * 5_000,
    "a deep field": '{"type": "ping", "request_id": ' + '{"a":' * 2_000 + "1" + "}" * 2_000 + "}",
    "a long frame": json.dumps({"type": "ping", "request_id": "x" * 20_000}),
    "a broken escape": '{"type": "ping", "request_id": "\\x"}',
    "half a surrogate": '{"type": "ping", "request_id": "\\ud800"}',
    "a control character": '{"type": "ping", "request_id": "a\nb"}',
    "a zero byte": '{"type": "ping"}\0',
    "a byte order mark": '\ufeff{"type": "ping"}',
}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    with signed_in(server, "user003") as connection:
        yield connection


def refused(client: Client) -> Frame:
    """The next frame is a 400 with a sentence, and the one after it answers a ping."""
    client.send("ping", request_id="after")
    answer = client.hear()
    while answer["type"] == "ping":
        answer = client.hear()
    assert (answer["type"], answer["code"]) == ("error", 400), answer
    assert answer["message"].startswith("Malformed message: ") and len(answer["message"]) < 300
    assert client.until("pong")["request_id"] == "after"
    return answer


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_frame_gets_a_400_and_the_socket_lives(client: Client, text: str) -> None:
    client.send_wrong(text)
    refused(client)


def test_a_binary_frame_gets_a_400(client: Client) -> None:
    client.socket.send_binary(b'{"type": "ping"}')
    refused(client)
    client.socket.send_binary(b"\xff\xfe\x00")
    refused(client)


def test_the_refusal_names_the_request_it_refuses(client: Client) -> None:
    client.send_wrong(spoilt(direction="HOLD", request_id="mine"))
    answer = refused(client)
    assert answer["request_id"] == "mine"
    assert "direction" in answer["message"]


def test_nothing_of_it_reached_the_books(client: Client) -> None:
    account = client.account()
    assert (account["frozen"], account["balance"]) == (0.0, 10_000_000.0)


def test_malformed_frames_need_no_user_and_tell_nothing_of_users(server: Server) -> None:
    with Client(server.ws) as stranger:
        for text in MALFORMED.values():
            stranger.send_wrong(text)
        for _ in MALFORMED:
            assert stranger.until("error")["code"] == 400
        stranger.send_text(json.dumps(ORDER))
        assert stranger.until("order_response")["error_code"] == 401


def test_a_split_frame_is_one_frame(client: Client) -> None:
    """Fragments are put together below us; what they make is read as one message."""
    frames = [
        websocket.ABNF.create_frame('{"type": ', websocket.ABNF.OPCODE_TEXT, 0),
        websocket.ABNF.create_frame('"ping", "request_id": "split"}', websocket.ABNF.OPCODE_CONT, 1),
    ]
    for frame in frames:
        client.socket.send_frame(frame)
    assert client.until("pong")["request_id"] == "split"
