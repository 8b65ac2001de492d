"""Every documented message, to the byte."""

import typing

import pytest

from tests.protocol.golden import CLIENT, SERVER
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
