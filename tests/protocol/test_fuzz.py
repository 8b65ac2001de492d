"""Whatever is sent: a message or a refusal, a command or a refusal, and books that add up. Numbers arrive exactly."""

import json
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.builders import NOW, founding
from tests.protocol.golden import ORDER_ID
from tests.protocol.mutations import FRAMES, MUTATIONS, NUMBERS, Fields, answer_to, mutated, written
from trading import protocol
from trading.core.codes import Code
from trading.core.commands import Command, SubmitOrder, TraderCommand
from trading.core.engine import Engine
from trading.core.events import (
    AllCancelled,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderWaiting,
    Refused,
    Traded,
)
from trading.core.money import UNIT

LONGEST_SENTENCE = 300
SURE_DIGITS = 15
"""Decimal digits that a float carries exactly, there and back."""
TAKEN = OrderAccepted | OrderWaiting
JOURNAL = msgspec.msgpack.Decoder(list[Command])


def decoded(text: str) -> protocol.ClientMessage | None:
    """The message, or None for a refusal, which is short, has a code and can be sent."""
    try:
        return protocol.decode(text)
    except protocol.ProtocolError as error:
        assert error.code is Code.MALFORMED
        assert error.detail.startswith("Malformed message: ") and len(error.detail) < LONGEST_SENTENCE
        refusal = protocol.Error(code=error.code, message=error.detail, request_id=error.request_id)
        protocol.encode(refusal).encode()
        return None


def commands_of(text: str, account_id: int = 1) -> list[TraderCommand]:
    """What the engine gets of a frame."""
    message = decoded(text)
    if not isinstance(message, protocol.EngineMessage):
        return []
    found = [protocol.to_command(item, account_id, NOW) for item in protocol.items_of(message)]
    return [each for each in found if not isinstance(each, Refused)]


# --- decoding

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
KEYS = sorted({json.loads(name) for fields in FRAMES for name, _ in fields})


@settings(max_examples=200)
@given(st.text(st.characters(codec=None)))
def test_any_text(text: str) -> None:
    decoded(text)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(("latin-1", "utf-8", "utf-16")))
def test_any_bytes_read_as_text(raw: bytes, code: str) -> None:
    decoded(raw.decode(code, errors="replace"))


@settings(max_examples=200)
@given(JSON, st.booleans())
def test_any_json(value: object, escaped: bool) -> None:
    decoded(json.dumps(value, ensure_ascii=escaped))


@settings(max_examples=300)
@given(st.sampled_from(FRAMES), st.dictionaries(st.sampled_from(KEYS), JSON, max_size=2), st.booleans())
def test_any_value_in_any_field(fields: Fields, change: dict[str, Any], escaped: bool) -> None:
    commands_of(json.dumps(json.loads(written(fields)) | change, ensure_ascii=escaped))


@pytest.mark.parametrize("name", MUTATIONS)
@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_any_mutation(name: str, seed: int) -> None:
    dice = Random(seed)
    commands_of(MUTATIONS[name](dice, list(dice.choice(FRAMES))))


# --- what the engine makes of it


def play(dice: Random, frames: int) -> list[Event]:
    """A market whose traders send nothing but mutated frames. What is journalled can be read back as it was."""
    engine, events, order_ids = Engine(), [], [ORDER_ID]
    for founded in founding():
        engine.apply(founded, NOW)
    for number in range(frames):
        for command in commands_of(mutated(dice, order_ids)[1], account_id=dice.randint(1, 3)):
            assert JOURNAL.decode(msgspec.msgpack.encode([command])) == [command]
            told = engine.apply(command, NOW + number)
            engine.check()
            events += told
            order_ids += [protocol.order_id_text(each.order_id) for each in told if isinstance(each, TAKEN)]
    return events


@settings(max_examples=80)
@given(st.integers(0, 2**32))
def test_the_books_add_up_whatever_is_sent(seed: int) -> None:
    play(Random(seed), frames=100)


def test_much_of_it_reaches_the_books() -> None:
    """A fuzz whose frames are all refused at the door would prove little."""
    events = [event for seed in range(8) for event in play(Random(seed), frames=300)]
    kinds = {type(event) for event in events}
    refusals = {event.code for event in events if isinstance(event, Refused)}
    assert sum(isinstance(event, TAKEN) for event in events) > 60
    assert {OrderAccepted, OrderWaiting, OrderCancelled, Traded, AllCancelled} <= kinds
    assert len(refusals) > 5


# --- numbers


def order_with(**values: str) -> str:
    """A plain order with some values as they are written here."""
    plain = {name: value for name, value in FRAMES[4] if json.loads(name) not in values}
    return written([*plain.items(), *((json.dumps(name), value) for name, value in values.items())])


AMEND = [("type", '"amend_order"'), ("order_id", '"O17251234567890000001"')]
PRICED: dict[str, Any] = {
    "price": lambda text: (order_with(price=text), lambda command: command.price),
    "stop_price": lambda text: (order_with(stop_price=text), lambda command: command.options.stop_price),
    "trail": lambda text: (order_with(trail=text, stop_price="100"), lambda command: command.options.trail),
    "an amended price": lambda text: (_amend("price", text), lambda command: command.price),
}
COUNTED: dict[str, Any] = {
    "volume": lambda text: (order_with(volume=text), lambda command: command.volume),
    "display_volume": lambda text: (
        order_with(volume="1000000000", display_volume=text),
        lambda command: command.options.display_volume,
    ),
    "an amended volume": lambda text: (_amend("volume", text), lambda command: command.volume),
}


def _amend(name: str, text: str) -> str:
    return written([*((json.dumps(key), value) for key, value in AMEND), (json.dumps(name), text)])


def _written(number: Decimal, style: int) -> str:
    """The same number in one of several ways that JSON allows."""
    plain = format(number, "f")
    zeros = plain + ("0000" if "." in plain else ".0")
    sign, digits, exponent = number.as_tuple()
    return [plain, zeros, f"{'-' * sign}{''.join(map(str, digits))}e{exponent}"][style]


DECIMALS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.integers(1, 10**12) | st.integers(1_190_000, 1_210_000) | st.integers(-(10**6), 10**6),
    st.integers(0, 8),
)


def kept(command: Command | Refused | None, find: Any) -> int | None:
    """The integer inside, or None if the frame was refused."""
    return None if command is None or isinstance(command, Refused) else find(command)


def command_of(text: str) -> Command | Refused | None:
    message = decoded(text)
    if message is None:
        return None
    assert isinstance(message, protocol.SubmitOrder | protocol.AmendOrder)
    return protocol.to_command(message, 1, NOW)


@pytest.mark.parametrize("name", PRICED)
@settings(max_examples=150)
@given(DECIMALS, st.integers(0, 2))
@example(Decimal("120.00001"), 0)
@example(Decimal("120.0001"), 2)
@example(Decimal("999999999.9999"), 1)
@example(Decimal("1000000000"), 2)
def test_a_price_is_inside_what_was_written_or_refused(name: str, number: Decimal, style: int) -> None:
    frame, find = PRICED[name](_written(number, style))
    found = kept(command_of(frame), find)
    units = number * UNIT
    fits = units == int(units) and abs(number) <= 10**9 and (name != "trail" or number > 0)
    assert found == (int(units) if fits else None)


@pytest.mark.parametrize("name", COUNTED)
@settings(max_examples=150)
@given(DECIMALS, st.integers(0, 2))
@example(Decimal("2.00000001"), 0)
@example(Decimal("1000000000"), 2)
def test_a_volume_is_inside_what_was_written_or_refused(name: str, number: Decimal, style: int) -> None:
    frame, find = COUNTED[name](_written(number, style))
    found = kept(command_of(frame), find)
    fits = number == int(number) and abs(number) <= 10**9 and (name != "display_volume" or 1 <= number < 10**9)
    assert found == (int(number) if fits else None)


@pytest.mark.parametrize("name", [*PRICED, *COUNTED])
@pytest.mark.parametrize("text", NUMBERS)
def test_an_odd_number_is_the_float_it_means_or_refused(name: str, text: str) -> None:
    """Numbers with more digits than a float has mean the nearest one, as everywhere in JSON; none is moved further than
    by what comes of computing in floats."""
    frame, find = (PRICED | COUNTED)[name](text)
    found = kept(command_of(frame), find)
    assert found is None or abs(found / (UNIT if name in PRICED else 1) - float(text)) <= 1e-9


@settings(max_examples=300)
@given(st.floats(0, 2e9) | st.builds(lambda a, b: a + b, st.floats(0, 200), st.floats(0, 200)))
@example(0.1 + 0.2)
@example(120.00000000000001)
@example(1 / 3)
def test_a_float_that_a_client_computed_is_the_same_inside_or_refused(number: float) -> None:
    found = kept(command_of(order_with(price=repr(number))), lambda command: command.price)
    assert found is None or abs(found / UNIT - number) <= 1e-9 + number * 1e-15
    assert found is not None or round(number, 4) != number or number > 1e9


def test_a_price_of_the_wire_comes_back_as_it_was_sent() -> None:
    """Every tick there and back: the integer inside is shown as the number that was sent."""
    for units in (*range(1, 3_000), 1_199_999, 1_200_001, 9_999_999_999_999, 10**13):
        text = repr(units / UNIT)
        assert len(text.replace(".", "")) <= SURE_DIGITS
        command = command_of(order_with(price=text))
        assert isinstance(command, SubmitOrder) and command.price == units


# --- the oracle of the other fuzzers


def test_what_a_frame_must_be_answered_with() -> None:
    assert answer_to('{"type":"pong"}') is None
    assert answer_to('{"type":"ping","request_id":7}') == ({"pong"}, 7)
    assert answer_to('{"type":"ping","request_id":7,"a":1}') == ({"error"}, 7)
    assert answer_to('{"type":"query_account"}') == ({"query_response", "error"}, None)
    assert answer_to('{"type":"cancel_all"}') == ({"cancel_all_response"}, None)
    assert answer_to(" " * 32_769) == ({"error"}, None)
