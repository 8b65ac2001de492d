"""Whatever comes over the socket: each frame gets its answer, in order, the connection lives, and nothing is logged."""

import logging
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest

from tests.builders import NO_ACCOUNT, Founded
from tests.conftest import OpenExchange
from tests.protocol.golden import ORDER_ID
from tests.protocol.mutations import ANSWER_TYPES, FRAMES, NUMBERS, answer_to, mutated, written
from tests.websocket.client import Client, Frame
from tests.websocket.conftest import Join

pytestmark = pytest.mark.slow

ROUNDS, BURST = 60, 25
BINARY = (b"", b'{"type":"ping"}', b"\xff\xfe\x00", b"\x00" * 1_000)
READ: Frame = {"type": "subscribe", "channels": ["orderbook", "ticker"], "instruments": ["IX2301", "IF2301"]}


async def begin(client: Client, who: str, market: Founded) -> None:
    """Sign in (again, the frames before may have signed out), or listen to the market."""
    signing_in = {"type": "auth", "user_id": who, "token": market.tokens.get(who)}
    await client.say(**(signing_in if who in market.tokens else READ))
    await client.rest()


async def answers_to(client: Client, frames: Sequence[str | bytes]) -> list[Frame]:
    """Send the frames at once; they are answered in order, and the connection lives."""
    expected: list[Any] = []
    for sent in frames:
        if isinstance(sent, bytes):
            await client.send_wrong(binary=sent)
            expected.append(({"error"}, None))
        else:
            await client.send_wrong(sent)
            answer = answer_to(sent)
            expected += [answer] if answer is not None else []
    heard = [frame for frame in await client.rest() if frame["type"] in ANSWER_TYPES]
    assert len(heard) == len(expected)
    for frame, (types, request_id) in zip(heard, expected, strict=True):
        assert frame["type"] in types and frame.get("request_id") == request_id, (frame, types, request_id)
    return heard


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("who", ["a stranger", "a reader", "user001", NO_ACCOUNT])
async def test_every_frame_gets_its_answer_and_the_connection_lives(
    open_exchange: OpenExchange, market: Founded, join: Join, who: str, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await open_exchange(RATE_LIMITS=False)
    client = await join(exchange.services, "/ws?user_id=user003" if who == "a reader" else "/ws")
    dice, order_ids = Random(who), [ORDER_ID]
    for _ in range(ROUNDS):
        await begin(client, who, market)
        frames = [dice.choice(BINARY) if dice.random() < 0.05 else mutated(dice, order_ids)[1] for _ in range(BURST)]
        heard = await answers_to(client, frames)
        order_ids += [frame["order_id"] for frame in heard if frame.get("success") and frame.get("order_id")]
    assert who != "user001" or len(order_ids) > 10, "a trader none of whose orders are taken shows little"
    assert warnings(caplog) == []
    exchange.worker.engine.check()


def numbers_everywhere() -> Iterator[str]:
    """Every number in every field that has one."""
    for fields in FRAMES:
        for place, (name, value) in enumerate(fields):
            if value[0].isdigit():
                yield from (written([*fields[:place], (name, number), *fields[place + 1 :]]) for number in NUMBERS)


async def test_every_number_in_every_field_gets_its_answer(
    open_exchange: OpenExchange, market: Founded, join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await open_exchange(RATE_LIMITS=False)
    client = await join(exchange.services)
    await begin(client, "user001", market)
    frames = list(numbers_everywhere())
    for start in range(0, len(frames), BURST):
        await answers_to(client, frames[start : start + BURST])
    assert warnings(caplog) == []
    exchange.worker.engine.check()
