"""Malformed frames, one by one: code 400, one sentence, the request id where it can be found."""

import json
from typing import Any

import msgspec
import pytest

from tests.protocol.golden import CLIENT
from trading import protocol
from trading.core.codes import Code
from trading.core.commands import SubmitOrder
from trading.core.events import Refused

ORDER = CLIENT[4][0]
CHANGED: dict[str, Any] = {
    "no type": {"type": ...},
    "type is null": {"type": None},
    "type is a number": {"type": 1},
    "an unknown type": {"type": "buy"},
    "a server's type": {"type": "order_response"},
    "a type in capitals": {"type": "PING"},
    "a missing field": {"instrument_id": ...},
    "a missing volume": {"volume": ...},
    "a missing order type": {"order_type": ...},
    "an extra field": {"stop_prize": 1},
    "a mistyped optional field": {"time_conditon": "IOC"},
    "instrument is a number": {"instrument_id": 1},
    "instrument is null": {"instrument_id": None},
    "instrument is empty": {"instrument_id": ""},
    "instrument is a list": {"instrument_id": ["IX2301"]},
    "instrument is too long": {"instrument_id": "X" * 65},
    "direction in small letters": {"direction": "buy"},
    "direction unknown": {"direction": "HOLD"},
    "direction is null": {"direction": None},
    "offset unknown": {"offset": "CLOSE_TODAY"},
    "order type unknown": {"order_type": "STOP"},
    "time condition unknown": {"time_condition": "GTX"},
    "volume is text": {"volume": "10"},
    "volume is true": {"volume": True},
    "volume is null": {"volume": None},
    "volume is an object": {"volume": {}},
    "volume is 1e308": {"volume": 1e308},
    "volume is beyond the largest": {"volume": 1e9 + 1},
    "volume is 64 bits": {"volume": 2**64},
    "price is text": {"price": "120.0"},
    "price is false": {"price": False},
    "price is a list": {"price": [120.0]},
    "price is -1e308": {"price": -1e308},
    "price has 400 digits": {"price": int("9" * 400)},
    "client id is empty": {"client_order_id": ""},
    "client id is a number": {"client_order_id": 1},
    "client id is too long": {"client_order_id": "x" * 65},
    "client id ends with a new line": {"client_order_id": "x\n"},
    "expiry is a fraction": {"expires_at": 1.5},
    "expiry is before 1970": {"expires_at": -1},
    "expiry is text": {"expires_at": "2023-10-03"},
    "valid until is too large": {"valid_until": 2**53 + 1},
    "post only is a number": {"post_only": 1},
    "reduce only is text": {"reduce_only": "true"},
    "display volume is text": {"display_volume": "1"},
    "stop price is 1e308": {"stop_price": 1e308},
    "stop kind unknown": {"stop_kind": "LIMIT"},
    "trigger unknown": {"trigger": "MARK"},
    "trail is a list": {"trail": [1]},
    "oco group is empty": {"oco_group": ""},
    "oco group is too long": {"oco_group": "x" * 65},
    "oco group has a control character": {"oco_group": "a\n"},
    "oco group is not ASCII": {"oco_group": "组"},
    "self-trade prevention unknown": {"stp": "NONE"},
    "no price level": {"price_levels": 0},
    "fewer than no price levels": {"price_levels": -1},
    "101 price levels": {"price_levels": 101},
    "price levels are a fraction": {"price_levels": 1.5},
    "price levels are text": {"price_levels": "5"},
    "price levels are true": {"price_levels": True},
}
ITEM = {"instrument_id": "IX2301", "direction": "BUY", "offset": "OPEN", "volume": 1, "price": 1, "order_type": "LIMIT"}
OURS: dict[str, dict[str, Any]] = {
    "an amendment without an order": {"type": "amend_order", "price": 1},
    "an amendment of something else": {"type": "amend_order", "order_id": "x", "direction": "BUY"},
    "cancel all of a side that is none": {"type": "cancel_all", "direction": "BOTH"},
    "a countdown without an end": {"type": "cancel_after"},
    "a countdown in fractions": {"type": "cancel_after", "timeout_ms": 1500.5},
    "a countdown backwards": {"type": "cancel_after", "timeout_ms": -1},
    "no orders": {"type": "submit_orders", "orders": []},
    "51 orders": {"type": "submit_orders", "orders": [ITEM] * 51},
    "an order with a type": {"type": "submit_orders", "orders": [ITEM | {"type": "submit_order"}]},
    "an order with a request id": {"type": "submit_orders", "orders": [ITEM | {"request_id": 1}]},
    "a wrong order among good ones": {"type": "submit_orders", "orders": [ITEM, ITEM | {"volume": "1"}, ITEM]},
    "orders is an order": {"type": "submit_orders", "orders": ITEM},
    "no cancels": {"type": "cancel_orders", "order_ids": []},
    "51 cancels": {"type": "cancel_orders", "order_ids": ["x"] * 51},
    "a cancel is a number": {"type": "cancel_orders", "order_ids": ["x", 1]},
    "a session without its wish": {"type": "set_session", "grace_ms": 1},
    "a session with a long grace": {"type": "set_session", "cancel_on_disconnect": True, "grace_ms": 600_001},
    "a session with a negative grace": {"type": "set_session", "cancel_on_disconnect": True, "grace_ms": -1},
    "a status that is none": {"type": "query_orders", "status": "Live"},
    "no entries": {"type": "query_orders", "limit": 0},
    "201 entries": {"type": "query_trades", "limit": 201},
    "a time before 1970": {"type": "query_trades", "from_time": -1},
    "a day with nine digits": {"type": "query_statements", "from_day": 123456789},
    "instruments is a list": {"type": "query_instruments", "instrument_id": ["IX2301"]},
}
BAD_REQUEST_IDS = {"a bool": True, "an object": {}, "too long": "x" * 65, "a list": [1]}
ODD_REQUEST_IDS = {"a float": "1.5", "too large": str(2**63), "too small": str(-(2**63) - 1), "huge": "1" * 5_000}
RAW = {
    "nothing": "",
    "spaces": "  \n",
    "no JSON": "hello",
    "half a frame": '{"type":"ping"',
    "more than a frame": '{"type":"ping"}{"type":"ping"}',
    "a trailing comma": '{"type":"ping",}',
    "single quotes": "{'type':'ping'}",
    "a comment": '{"type":"ping"} // hello',
    "an array": '[{"type":"ping"}]',
    "an empty object": "{}",
    "a number": "1",
    "a string": '"ping"',
    "null": "null",
    "true": "true",
    "NaN": ORDER.replace("120.0", "NaN"),
    "Infinity": ORDER.replace("120.0", "Infinity"),
    "-Infinity": ORDER.replace("120.0", "-Infinity"),
    "1e999": ORDER.replace("120.0", "1e999"),
    "-1e999": ORDER.replace("120.0", "-1e999"),
    "a number with two points": ORDER.replace("120.0", "1.2.0"),
    "a number with a plus": ORDER.replace("120.0", "+120"),
    "a hexadecimal number": ORDER.replace("120.0", "0x78"),
    "two types": '{"type":"ping","type":"pong"}',
    "64 KiB of text": ORDER.replace("IX2301", "X" * 65_536),
    "deep lists": "[" * 100_000,
    "deep objects": '{"a":' * 100_000,
    "a deep extra field": '{"type":"ping","a":' + "[" * 100_000 + "]" * 100_000 + "}",
    "a lone surrogate": '{"type":"ping","request_id":"\ud800"}',
    "an escaped lone surrogate": '{"type":"query_order","order_id":"\\ud800"}',
    "a raw control character": '{"type":"query_order","order_id":"\x00"}',
    "a bad escape": '{"type":"query_order","order_id":"\\x41"}',
    "a byte order mark": '\ufeff{"type":"ping"}',
    "too many channels": json.dumps({"type": "subscribe", "channels": ["trade"] * 201}),
    "channels is text": '{"type":"subscribe","channels":"trade"}',
    "a channel is a number": '{"type":"subscribe","channels":[1]}',
    "channels is missing": '{"type":"subscribe","instruments":["IX2301"]}',
    "channels is null": '{"type":"subscribe","channels":null}',
    "an unknown field is null": '{"type":"ping","reply":null}',
    "a field of an order that is no field is null": '{"type":"submit_orders","orders":[{"request_id":null}]}',
    "an order of many is null": '{"type":"submit_orders","orders":[null]}',
    "null and deep lists": '{"type":"subscribe","period":null,"channels":' + "[" * 100_000,
}

THEIRS = ("`", "Expected", "Object ", "Invalid ", "Number ", "malformed", "truncated", "codec", "Exceeds")
"""How sentences of msgspec and of Python begin, or what is in them."""
IN_WORDS: dict[str, dict[str, Any]] = {
    "expires_at must be a time in Unix milliseconds, before the year 10000": {"expires_at": 1_800_000_000_000_000},
    "expires_at must be a whole number, not a fraction": {"expires_at": 1.5},
    "volume must be at most 1000000000": {"volume": 1e308},
    "volume is missing": {"volume": ...},
    "stop_prize is no known field": {"stop_prize": 1},
    "direction cannot be 'HOLD'": {"direction": "HOLD"},
    "client_order_id must have at most 64 characters": {"client_order_id": "x" * 65},
    "oco_group must be printable ASCII characters, at least one": {"oco_group": "组"},
    "price must be a number, not text": {"price": "120"},
    "request_id must be a whole number or text, not a list": {"request_id": [1]},
}


def assert_refused(text: str) -> protocol.ProtocolError:
    with pytest.raises(protocol.ProtocolError) as caught:
        protocol.decode(text)
    error = caught.value
    assert error.code is Code.MALFORMED
    assert error.detail.startswith("Malformed message: ") and len(error.detail) < 300
    assert str(error) == error.detail
    json.dumps(error.detail).encode()
    assert not any(theirs in error.detail for theirs in THEIRS), "the library's sentence, not ours"
    return error


def changed(change: dict[str, Any]) -> str:
    """The order message with fields replaced, added, or (`...`) left out."""
    fields = json.loads(ORDER) | {"request_id": "r1"} | change
    return json.dumps({name: value for name, value in fields.items() if value is not ...})


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_a_wrong_field_is_refused_with_the_request_id(change: dict[str, Any]) -> None:
    assert assert_refused(changed(change)).request_id == "r1"


@pytest.mark.parametrize("words", IN_WORDS)
def test_it_is_told_which_field_is_wrong_and_how(words: str) -> None:
    assert assert_refused(changed(IN_WORDS[words])).detail == f"Malformed message: {words}"


def test_a_field_of_an_item_is_told_with_its_place() -> None:
    message = json.dumps({"type": "submit_orders", "orders": [ITEM, ITEM | {"volume": "1"}]})
    assert assert_refused(message).detail == "Malformed message: orders[1].volume must be a number, not text"


@pytest.mark.parametrize("message", OURS.values(), ids=OURS)
def test_a_message_of_ours_that_is_wrong_is_refused(message: dict[str, Any]) -> None:
    assert assert_refused(json.dumps(message | {"request_id": 7})).request_id == 7


def test_fifty_items_are_taken() -> None:
    message = protocol.decode(json.dumps({"type": "submit_orders", "orders": [ITEM] * 50}))
    assert isinstance(message, protocol.SubmitOrders) and len(message.items) == 50


def test_the_unchanged_message_is_no_error() -> None:
    assert protocol.decode(changed({})).request_id == "r1"


@pytest.mark.parametrize("text", RAW.values(), ids=RAW)
def test_a_frame_that_is_no_message_is_refused(text: str) -> None:
    assert assert_refused(text).request_id is None


@pytest.mark.parametrize("request_id", BAD_REQUEST_IDS.values(), ids=BAD_REQUEST_IDS)
def test_a_request_id_must_be_short_text_or_an_integer(request_id: object) -> None:
    assert assert_refused(changed({"request_id": request_id})).request_id is None


@pytest.mark.parametrize("number", ODD_REQUEST_IDS.values(), ids=ODD_REQUEST_IDS)
def test_a_number_that_is_no_request_id_comes_back_as_text(number: str) -> None:
    assert assert_refused(f'{{"type":"ping","request_id":{number}}}').request_id == number[:64]


@pytest.mark.parametrize("request_id", ["", "x" * 64, 0, 2**53 + 1, 2**63 - 1, -(2**63), None, "报单"])
def test_good_request_ids_are_taken(request_id: object) -> None:
    assert protocol.decode(changed({"request_id": request_id})).request_id == request_id


@pytest.mark.parametrize("number", ["-0.0", "0", "1e9", "-1e9", "0.1000000000000000055511151231257827021181", "1E2"])
def test_odd_but_honest_numbers_are_read(number: str) -> None:
    assert protocol.decode(ORDER.replace("120.0", number)).price == float(number)


# --- a field that is given twice

TWICE = {
    "a volume": ORDER.replace('"volume":10', '"volume":1,"volume":100'),
    "the same volume": ORDER.replace('"volume":10', '"volume":10,"volume":10'),
    "an optional field": ORDER.replace('"volume":10', '"volume":10,"time_condition":"IOC","time_condition":"GFD"'),
    "null last": ORDER.replace('"volume":10', '"volume":10,"client_order_id":"a","client_order_id":null'),
    "one is escaped": ORDER.replace('"volume":10', '"volume":10,"vol\\u0075me":100'),
    "with spaces": ORDER.replace('"volume":10', '"volume" : 1, "volume"\n:100'),
    "and a colon in a text": ORDER.replace('"volume":10', '"client_order_id":"a:b","volume":1,"volume":100'),
    "a type": '{"type":"ping","type":"ping"}',
    "an order to cancel": '{"type":"cancel_order","order_id":"a","order_id":"b"}',
    "a query": '{"type":"query_order","order_id":"a","order_id":"b"}',
    "a token": '{"type":"auth","user_id":"a","token":"a","token":"b"}',
    "a list": '{"type":"subscribe","channels":["trade"],"channels":["ticker"]}',
    "orders": f'{{"type":"submit_orders","orders":[{json.dumps(ITEM)}],"orders":[{json.dumps(ITEM)}]}}',
    "inside an order of many": f'{{"type":"submit_orders","orders":[{json.dumps(ITEM)[:-1]},"volume":2}}]}}',
    "an order with nulls": ORDER.replace('"volume":10', '"post_only":null,"volume":10,"volume":1'),
}


@pytest.mark.parametrize("text", TWICE.values(), ids=TWICE)
def test_a_field_that_is_given_twice_is_refused(text: str) -> None:
    error = assert_refused(text[:-1] + ',"request_id":"r1"}')
    assert error.detail.endswith(" is given twice") and error.request_id == "r1"


def test_of_two_request_ids_none_comes_back() -> None:
    assert assert_refused('{"type":"ping","request_id":1,"request_id":2}').request_id is None


@pytest.mark.parametrize(
    "text",
    [
        ORDER.replace('"volume":10', '"volume":10,"client_order_id":"volume\\":1","oco_group":"a:b"'),
        json.dumps({"type": "submit_orders", "orders": [ITEM | {"client_order_id": "a:b"}, ITEM]}),
        '{"type":"query_order","order_id":"\\"order_id\\":\\"b\\""}',
        json.dumps({"type": "submit_orders", "orders": [ITEM, ITEM]}, indent=2),
    ],
)
def test_what_only_looks_like_a_name_is_none(text: str) -> None:
    protocol.decode(text)


# --- null


def _nullable() -> list[tuple[str, str]]:
    structs = protocol.ClientMessage.__args__
    return [
        (struct.__struct_config__.tag, field.name)
        for struct in structs
        for field in msgspec.structs.fields(struct)
        if not field.required
    ]


EXAMPLES: dict[str, tuple[str, protocol.ClientMessage]] = {
    json.loads(text)["type"]: (text, told) for text, told in CLIENT
}


@pytest.mark.parametrize(("tag", "name"), _nullable())
def test_null_says_that_an_optional_field_is_not_given(tag: str, name: str) -> None:
    fields = json.loads(EXAMPLES[tag][0])
    fields.pop(name, None)
    assert protocol.decode(json.dumps(fields | {name: None})) == protocol.decode(json.dumps(fields))


def test_the_orders_of_a_batch_may_have_nulls() -> None:
    nulls = dict.fromkeys(("time_condition", "post_only", "reduce_only", "stop_price", "stp"))
    batch = {"type": "submit_orders", "request_id": None}
    with_nulls = protocol.decode(json.dumps(batch | {"orders": [ITEM | nulls, ITEM]}))
    assert with_nulls == protocol.decode(json.dumps(batch | {"orders": [ITEM, ITEM]}))


# --- whole numbers in doubles


def _whole() -> list[tuple[str, str]]:
    """Fields that hold an integer and no fraction, but for the client's own reference."""
    return [
        (struct.__struct_config__.tag, field.name)
        for struct in protocol.ClientMessage.__args__
        for field in msgspec.structs.fields(struct)
        if "int" in str(field.type) and field.name != "request_id"
    ]


@pytest.mark.parametrize(("tag", "name"), _whole())
def test_a_whole_number_may_be_written_as_a_double(tag: str, name: str) -> None:
    fields = json.loads(EXAMPLES[tag][0])
    number = 20231001 if name.endswith("_day") else 1000
    while True:
        try:
            plain = protocol.decode(json.dumps(fields | {name: number}))
            break
        except protocol.ProtocolError:  # more than the field takes
            number //= 10
            assert number, name
    assert getattr(plain, name) == number
    for written in (f"{number}.0", f"{number}e0", f"{number / 10}e1"):
        text = json.dumps(fields | {name: "here"}).replace('"here"', written)
        assert protocol.decode(text) == plain, written
    assert assert_refused(json.dumps(fields | {name: number + 0.5})).code is Code.MALFORMED


def test_so_may_those_of_a_batch() -> None:
    orders = [ITEM | {"time_condition": "GTD", "expires_at": moment} for moment in (1.7e12, 1_700_000_000_000)]
    message = protocol.decode(json.dumps({"type": "submit_orders", "orders": orders}))
    assert isinstance(message, protocol.SubmitOrders)
    assert message.orders[0] == message.orders[1]


@pytest.mark.parametrize(("volume", "shown"), [(4.36 * 100, 4.35 * 100), (5.0, 0.3 * 10), (10, 4.0)])
def test_lots_that_are_shown_may_be_computed_in_doubles_like_a_volume(volume: float, shown: float) -> None:
    message = protocol.decode(json.dumps({"type": "submit_order"} | ITEM | {"volume": volume, "display_volume": shown}))
    assert isinstance(message, protocol.SubmitOrder)
    command = protocol.to_command(message, 1, 0)
    assert isinstance(command, SubmitOrder) and command.options is not None
    assert (command.volume, command.options.display_volume) == (round(volume), round(shown))


@pytest.mark.parametrize(("volume", "shown"), [(10, 4.5), (4.35 * 100, 435), (10, 0.0000000001)])
def test_what_is_shown_is_whole_lots_and_fewer_than_the_order(volume: float, shown: float) -> None:
    message = protocol.decode(json.dumps({"type": "submit_order"} | ITEM | {"volume": volume, "display_volume": shown}))
    assert isinstance(message, protocol.SubmitOrder)
    refused = protocol.to_command(message, 1, 0)
    assert isinstance(refused, Refused) and refused.code is Code.MALFORMED
