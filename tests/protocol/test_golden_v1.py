"""The contract of v1.0, held by frames of our own: its clients are understood, and they read what they always read."""

import json
import re
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.conf import settings

from tests.protocol import golden_v1 as v1
from trading import protocol
from trading.core.codes import Code
from trading.core.types import OrderStatus

Kinds = dict[str, type[msgspec.Struct]]


def kinds_of(union: object) -> Kinds:
    """The messages of a union by their word on the wire."""
    return {str(kind.__struct_config__.tag): kind for kind in typing.get_args(union)}


CLIENT_KINDS, SERVER_KINDS = kinds_of(protocol.ClientMessage), kinds_of(protocol.ServerMessage)


def each_frame(table: dict[str, list[str]]) -> list[Any]:
    return [pytest.param(kind, text, id=text[:60]) for kind, frames in table.items() for text in frames]


def fields(table: dict[str, list[str]], kind: str) -> list[str]:
    """All fields that the frames of a message have, in their order."""
    return list(dict.fromkeys(name for text in table[kind] for name in json.loads(text) if name != "type"))


def own_fields(kind: type[msgspec.Struct], *, required: bool) -> Iterator[str]:
    return (field.name for field in msgspec.structs.fields(kind) if field.required == required)


@pytest.mark.parametrize(("kind", "text"), each_frame(v1.CLIENT))
def test_what_its_client_sends_is_understood(kind: str, text: str) -> None:
    message = protocol.decode(text)
    assert type(message) is CLIENT_KINDS[kind]
    said, meant = json.loads(text), msgspec.to_builtins(message)
    assert {name: meant[name] for name in said} == said


@pytest.mark.parametrize(("kind", "text"), each_frame({k: v for k, v in v1.SERVER.items() if k != "query_response"}))
def test_what_its_client_reads_is_what_is_sent(kind: str, text: str) -> None:
    """To the byte: names, their order, and numbers that are written as floats or as integers."""
    message = msgspec.json.decode(text, type=SERVER_KINDS[kind])
    assert protocol.encode(typing.cast(protocol.ServerMessage, message)) == text


def test_the_answer_to_a_query_begins_as_it_did() -> None:
    (text,) = v1.SERVER["query_response"]
    frame = json.loads(text)
    assert list(own_fields(protocol.QueryResponse, required=True)) == fields(v1.SERVER, "query_response")
    account = list(frame["data"]["account"])
    assert list(own_fields(protocol.AccountData, required=True))[: len(account)] == account
    assert next(own_fields(protocol.QueryData, required=False)) == "account"


@pytest.mark.parametrize("kind", v1.CLIENT)
def test_its_client_need_not_send_what_came_later(kind: str) -> None:
    assert set(own_fields(CLIENT_KINDS[kind], required=True)) <= set(fields(v1.CLIENT, kind))


@pytest.mark.parametrize("kind", v1.SERVER)
def test_what_its_client_reads_is_in_every_frame(kind: str) -> None:
    """What came later is left out where it is not set, and stands behind."""
    assert list(own_fields(SERVER_KINDS[kind], required=True)) == fields(v1.SERVER, kind)
    names = [field.name for field in msgspec.structs.fields(SERVER_KINDS[kind])]
    assert names[: len(fields(v1.SERVER, kind))] == fields(v1.SERVER, kind)


def test_every_message_is_of_v1_or_came_later() -> None:
    assert set(CLIENT_KINDS) == v1.CLIENT.keys() | v1.LATER_CLIENT
    assert set(SERVER_KINDS) == v1.SERVER.keys() | v1.LATER_SERVER
    assert not v1.CLIENT.keys() & v1.LATER_CLIENT
    assert not v1.SERVER.keys() & v1.LATER_SERVER


def test_its_codes_mean_what_they_meant() -> None:
    texts = {code.value: code.text for code in Code}
    for number, words in v1.CODES.items():
        assert re.search(words, texts[number], re.IGNORECASE), number


def test_its_statuses_are_words_of_the_wire() -> None:
    assert [OrderStatus(word).value for word in v1.STATUSES] == v1.STATUSES


def test_its_heartbeat() -> None:
    assert (settings.PING_SECONDS, settings.IDLE_SECONDS) == (v1.PING_SECONDS, v1.IDLE_SECONDS)
