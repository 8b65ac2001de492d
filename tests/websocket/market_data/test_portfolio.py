"""The channel `portfolio`: how an account stands while prices move, for who has asked for it, and for them alone."""

from collections.abc import Awaitable, Callable

import pytest

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.websocket.client import Client
from tests.websocket.conftest import Join

Open = Callable[..., Awaitable[Exchange]]


@pytest.fixture
async def exchange(open_exchange: Open) -> Exchange:
    return await open_exchange(stop_seconds=0, PORTFOLIO_INTERVAL_MS=1)


async def follow(client: Client, kind: str = "subscribe") -> None:
    await client.say(type=kind, channels=["portfolio"])
    assert (await client.hear_until("subscribe_response"))["success"]


async def trade(buyer: Client, seller: Client, price: float) -> None:
    assert (await seller.place(f"SELL OPEN 1 @ {price}"))["success"]
    assert (await buyer.place(f"BUY OPEN 1 @ {price}"))["success"]


async def holder(exchange: Exchange, join: Join, market: Founded) -> Client:
    """A second connection of user001, who is long at 120."""
    return await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])


async def test_a_follower_hears_every_move_and_it_is_what_a_query_says(
    exchange: Exchange, join: Join, market: Founded, alice: Client, bob: Client
) -> None:
    await trade(alice, bob, 120)
    await follow(alice)
    other = await (await join(exchange.services)).sign_in("user003", market.tokens["user003"])
    for price in (121, 119.5):
        await trade(other, bob, price)
        while (told := await alice.hear_until("portfolio"))["position_profit"] != (price - 120) * 100:
            pass
        await alice.say(type="query_account", request_id="q")
        account = (await alice.hear_until("query_response", request_id="q"))["data"]["account"]
        names = set(told) - {"type", "timestamp"}
        assert {name: told[name] for name in names} == {name: account[name] for name in names}


async def test_nobody_hears_it_unasked_and_nobody_after_they_have_left(
    exchange: Exchange, join: Join, market: Founded, alice: Client, bob: Client
) -> None:
    watching, plain = await holder(exchange, join, market), await holder(exchange, join, market)
    leaving = await holder(exchange, join, market)
    await follow(watching)
    await follow(leaving)
    await trade(alice, bob, 120)
    await watching.hear_until("portfolio")
    await follow(leaving, "unsubscribe")
    other = await (await join(exchange.services)).sign_in("user003", market.tokens["user003"])
    await trade(other, bob, 121)
    while (await watching.hear_until("portfolio"))["position_profit"] != 100:
        pass
    assert "portfolio" not in [frame["type"] for client in (plain, leaving) for frame in await client.rest()]


async def test_it_ends_with_the_session(
    exchange: Exchange, join: Join, market: Founded, alice: Client, bob: Client
) -> None:
    left, watching = await holder(exchange, join, market), await holder(exchange, join, market)
    await follow(left)
    await follow(watching)
    await left.say(type="logout")
    await left.hear_until("logout_response")
    await trade(alice, bob, 120)
    await watching.hear_until("portfolio")
    assert await left.rest() == []


async def test_it_takes_no_number(alice: Client, bob: Client) -> None:
    """Who counts pushes finds no hole."""
    await follow(alice)
    await trade(alice, bob, 120)
    await alice.hear_until("portfolio")
    await alice.say(type="resume", last_seq=0)
    await alice.hear_until("resume_response")
    told = await alice.rest()
    numbered = [frame["seq"] for frame in told if frame["type"] != "portfolio"]
    assert numbered == list(range(1, len(numbered) + 1))
