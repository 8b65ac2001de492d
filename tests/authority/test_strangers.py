"""What strangers are told: nothing of whether an order or a user exists, and nobody's name in what everybody hears."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from exchange_site.wiring.exchange import Exchange
from tests.authority.frames import messages, tags
from tests.builders import NO_ACCOUNT, Founded
from tests.websocket.client import Client, Frame
from tests.websocket.conftest import Join
from trading import protocol
from trading.core.commands import SetInstrumentPhase
from trading.core.types import Direction, Phase
from trading.models import AccessToken, Order, Trade, User
from trading.websocket.subscriptions import PUBLIC_CHANNELS

NEVER_WAS = "O17251234567890000001"
NAMES_AN_ORDER = ["amend_order", "cancel_order", "cancel_orders", "query_order", "query_trades"]


async def bytes_of(client: Client, message: Frame) -> str:
    """The answer as it was sent."""
    await client.rest()
    await client.say(**message)
    while (output := await client._wire.receive_output(10))["text"] == '{"type":"ping"}':
        pass
    return str(output["text"])


@pytest.fixture
async def foreign(alice: Client, bob: Client, other: Client) -> dict[str, str]:
    """Orders of somebody else: one that rests, one that waits, one that was cancelled, one that was filled."""
    found = {"resting": await order_of(other, "BUY OPEN 1 @ 110")}
    found["waiting"] = await order_of(other, "BUY OPEN 1 @ 130", stop_price=130.0)
    found["cancelled"] = await order_of(other, "BUY OPEN 1 @ 110", time_condition="FOK")
    found["filled"] = await order_of(other, "BUY OPEN 1 @ 120")
    await order_of(bob, "SELL OPEN 1 @ 120")
    return found


async def order_of(client: Client, words: str, **more: Any) -> str:
    answer = await client.place(words, **more)
    assert answer["success"], answer
    await client.rest()
    return str(answer["order_id"])


async def test_anothers_order_is_one_that_never_was(alice: Client, foreign: dict[str, str]) -> None:
    """The same bytes, whatever it is that is asked of it."""
    statuses = {order.pk: order.status async for order in Order.objects.all()}
    for kind in NAMES_AN_ORDER:
        unknown = await bytes_of(alice, messages(NEVER_WAS, user_id="", token="")[kind])
        for state, order_id in foreign.items():
            message = messages(order_id, user_id="", token="")[kind]
            assert await bytes_of(alice, message) == unknown, f"{kind} of an order that is {state}"
    assert {order.pk: order.status async for order in Order.objects.all()} == statuses


async def test_another_order_among_ones_own_is_one_that_never_was(alice: Client, foreign: dict[str, str]) -> None:
    answers = set()
    for order_id in (NEVER_WAS, *foreign.values()):
        own = await order_of(alice, "BUY OPEN 1 @ 110")
        text = await bytes_of(alice, {"type": "cancel_orders", "order_ids": [own, order_id]})
        answers.add(text.replace(own, "own"))
    assert len(answers) == 1


async def test_pages_end_at_anothers_order_as_at_any_id(alice: Client, other: Client) -> None:
    """`before` is a place in time, and whose id it is does not matter."""
    own = await order_of(alice, "BUY OPEN 1 @ 110")
    foreign = await order_of(other, "BUY OPEN 1 @ 110")
    neighbour = f"O{int(foreign[1:]) + 1:020}"
    texts = {await bytes_of(alice, {"type": "query_orders", "before": each}) for each in (foreign, neighbour)}
    assert len(texts) == 1 and own in texts.pop()


async def test_names_are_each_accounts_own(alice: Client, other: Client) -> None:
    """Neither a client's own order id nor an OCO group meets that of somebody else."""
    for client in (other, alice):
        await order_of(client, "BUY OPEN 1 @ 110", client_order_id="mine")
        for _ in range(2):
            await order_of(client, "BUY OPEN 1 @ 110", oco_group="ours")
    await alice.say(type="cancel_all")
    await alice.rest()
    live = await other.ask(type="query_orders", status="LIVE")
    assert len(live["data"]["orders"]) == 3


async def test_a_wrong_token_tells_nothing_of_its_user(
    exchange: Exchange, join: Join, market: Founded, visitor: Client
) -> None:
    """The same bytes for a user who exists, one who does not, one who is locked out, one who is named in the URL."""
    await User.objects.filter(username="user003").aupdate(is_active=False)
    await AccessToken.objects.filter(user__username="user002").aupdate(expiry="2020-01-01T00:00Z")
    tokens = [
        "wrong",
        "0" * 64,
        market.tokens["user001"][:-1] + "x",
        *(market.tokens[name] for name in ("user002", "user003", NO_ACCOUNT)),
    ]
    named = await join(exchange.services, "/ws?user_id=user001")
    answers = set()
    for client in (visitor, named):
        for user_id in ("user001", "user002", "user003", "nobody", "root", ""):
            for token in tokens:
                answers.add(await bytes_of(client, {"type": "auth", "user_id": user_id, "token": token}))
    assert answers == {'{"type":"auth_response","success":false,"user_id":"","message":"Invalid credentials"}'}


# --- what everybody hears


def strings_and_numbers(value: object) -> Iterator[str | float]:
    """Everything in a frame but the names of its fields."""
    if isinstance(value, dict):
        for each in value.values():
            yield from strings_and_numbers(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings_and_numbers(each)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value


def fields(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from fields(each)
    elif isinstance(value, list):
        for each in value:
            yield from fields(each)


async def play(dice: random.Random, clients: list[Client], exchange: Exchange, steps: int) -> None:
    """Orders, cancels and phases as they come."""
    for step in range(steps):
        client, name = dice.choice(clients), dice.choice(["IX2301", "IF2301"])
        words = f"{dice.choice(['BUY', 'SELL'])} OPEN {dice.randint(1, 5)} @ {dice.randint(118, 122)}"
        await client.place(words, name, client_order_id=f"secret-{step}", oco_group=None)
        if step % 10 == 9:
            await client.say(type="cancel_all")
        if step in (30, 32):
            phase = Phase.AUCTION if step == 30 else Phase.CONTINUOUS
            exchange.gateway.submit(SetInstrumentPhase("IF2301", phase), lambda event: None)
        await client.rest()


PUBLIC_WORDS = {
    *("IX2301", "IF2301", "IX", "IF", "a future", "Subscribed successfully"),
    *PUBLIC_CHANNELS,
    *Phase,
    *Direction,
    *("1m", "5m", "15m", "1h", "1d"),
    *tags(protocol.ServerMessage),
    *tags(protocol.PublicQuery),
}
PRIVATE_FIELDS = re.compile(r"user|account|order_id|client|trade_id|maker|offset|commission|balance|token")


async def test_what_everybody_hears_names_nobody(
    open_exchange: Any, join: Join, market: Founded, visitor: Client
) -> None:
    exchange = await open_exchange(RATE_LIMITS=False, BOOK_INTERVAL_MS=0)
    visitor = await join(exchange.services)
    names = ["IX2301", "IF2301"]
    await visitor.say(type="subscribe", channels=list(PUBLIC_CHANNELS), instruments=names)
    clients = [
        await (await join(exchange.services)).sign_in(user_id, market.tokens[user_id])
        for user_id in ("user001", "user002", "user003")
    ]
    await play(random.Random(7), clients, exchange, 60)
    heard = await visitor.rest()
    for kind in tags(protocol.PublicQuery):
        message = messages("", user_id="", token="")[kind]
        heard += [await visitor.ask(**(message | {"instrument_id": name})) for name in names]
    assert {frame["type"] for frame in heard} >= {"orderbook", "ticker", "instrument_status", "query_response"}
    assert "error" not in {frame["type"] for frame in heard}
    secrets = {number async for number in Order.objects.values_list("pk", flat=True)}
    secrets |= {number async for number in Trade.objects.values_list("trade_id", flat=True)}
    assert len(secrets) > 60
    for frame in heard:
        text = json.dumps(frame)
        assert not PRIVATE_FIELDS.search(" ".join(fields(frame))), text
        for value in strings_and_numbers(frame):
            assert value in PUBLIC_WORDS if isinstance(value, str) else value not in secrets, text
