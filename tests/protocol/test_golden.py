"""Every documented message, to the byte."""

import typing
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest

from tests.protocol.golden import CLIENT, SERVER
from tests.protocol.golden_nested import FRAMES, NESTED
from trading import protocol
from trading.core.types import OrderStatus


@pytest.mark.parametrize(("text", "message"), CLIENT, ids=lambda each: each[:60] if isinstance(each, str) else "")
def test_a_client_frame_decodes_to_its_message(text: str, message: protocol.ClientMessage) -> None:
    assert protocol.decode(text) == message


@pytest.mark.parametrize(("message", "text"), SERVER, ids=lambda each: each[:60] if isinstance(each, str) else "")
def test_a_server_message_encodes_to_its_frame(message: protocol.ServerMessage, text: str) -> None:
    assert protocol.encode(message) == text


def test_the_tables_show_every_message_there_is() -> None:
    assert {type(message) for _, message in CLIENT} == set(typing.get_args(protocol.ClientMessage))
    assert {type(message) for message, _ in SERVER} == set(typing.get_args(protocol.ServerMessage))


@pytest.mark.parametrize(("kind", "text"), NESTED, ids=lambda each: each[:60] if isinstance(each, str) else "")
def test_a_frame_that_is_read_as_its_message_is_written_as_it_was(
    kind: type[protocol.ServerMessage], text: str
) -> None:
    assert protocol.encode(msgspec.json.decode(text, type=kind)) == text


def parts(value: Any) -> Iterator[msgspec.Struct]:
    """All structs in a message, itself included."""
    if isinstance(value, msgspec.Struct):
        yield value
        value = [getattr(value, name) for name in value.__struct_fields__]
    if isinstance(value, list):
        for each in value:
            yield from parts(each)


def owned(kind: type[msgspec.Struct], name: str) -> tuple[str, str]:
    """(struct, field), where the struct is the one that the field is written down in."""
    return next(each.__name__ for each in kind.__mro__ if name in each.__annotations__), name


def fields_that_are_set(messages: Iterable[Any]) -> set[tuple[str, str]]:
    return {
        owned(type(part), field.name)
        for message in messages
        for part in parts(message)
        for field in msgspec.structs.fields(type(part))
        if field.required or getattr(part, field.name) != field.default
    }


def all_fields(kind: Any) -> Iterator[tuple[str, str]]:
    """The fields of a type, and of all structs that are named in it."""
    inside = typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        yield from (owned(kind, field.name) for field in fields)
        inside = tuple(field.type for field in fields)
    for each in inside:
        yield from all_fields(each)


def test_the_tables_show_every_field_there_is() -> None:
    """`request_id` is in every message of a client, and so it is shown by some only."""
    shown = fields_that_are_set(message for _, message in CLIENT)
    shown |= fields_that_are_set(msgspec.json.decode(text, type=kind) for kind, text in FRAMES)
    everything = {*all_fields(protocol.ClientMessage), *all_fields(protocol.ServerMessage)}
    assert ("PositionData", "margin_short") in everything and ("OrderFields", "stp") in everything
    assert {(kind, name) for kind, name in everything - shown if name != "request_id"} == set()


@pytest.mark.parametrize("text", [text for text, _ in CLIENT], ids=lambda text: text[:60])
def test_every_message_of_a_client_takes_a_request_id(text: str) -> None:
    fields = msgspec.json.decode(text) | {"request_id": "r-7"}
    assert protocol.decode(msgspec.json.encode(fields).decode()).request_id == "r-7"


def test_the_ready_ping_is_a_ping() -> None:
    assert protocol.PING == '{"type":"ping"}'


def test_fields_in_another_order_and_with_spaces_are_the_same_message() -> None:
    text = ' { "token" : "t", "request_id": null,\n "user_id" : "u", "type" : "auth" } '
    assert protocol.decode(text) == protocol.Auth(user_id="u", token="t")


@pytest.mark.parametrize("name", ["GFD", "GTC", "GTD", "IOC", "FOK"])
def test_every_time_condition_is_known(name: str) -> None:
    text = CLIENT[4][0].replace("}", f',"time_condition":"{name}"}}')
    assert protocol.decode(text).time_condition == name


def test_an_order_is_good_for_the_day_unless_it_says_otherwise() -> None:
    assert protocol.decode(CLIENT[4][0]).time_condition == "GFD"


def test_the_status_filter_knows_every_status() -> None:
    assert set(typing.get_args(protocol.StatusFilter)) == {*OrderStatus, "LIVE"}
