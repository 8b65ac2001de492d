"""The channel `announcements`: whoever asks for it hears all that is announced, and what changes; nobody else hears."""

from typing import Any

from channels.db import database_sync_to_async

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.conftest import OpenExchange
from tests.websocket.client import Client
from tests.websocket.conftest import Clock, Join
from trading.core.commands import AdminCommand, Announce, WithdrawAnnouncement
from trading.models import Market
from trading.operators import requests

FAR = 4_000_000_000_000


async def ask(command: AdminCommand) -> None:
    row = await database_sync_to_async(requests.carry_out)(command, market="MAIN")
    assert row.status == "DONE", row.result


async def numbers() -> list[int]:
    market = await database_sync_to_async(Market.objects.get)(code="MAIN")
    return [each["number"] for each in market.announcements]


async def follow(client: Client) -> list[str]:
    """Subscribe; what is told at once."""
    answer = await client.ask(type="subscribe", channels=["announcements"], request_id="a")
    assert answer["type"] == "subscribe_response" and answer["success"], answer
    return texts(await client.hear())


def texts(frame: dict[str, Any]) -> list[str]:
    assert frame["type"] == "announcements", frame
    return [each["text"] for each in frame["announcements"]]


async def test_who_subscribes_hears_what_is_and_what_comes(exchange: Exchange, visitor: Client) -> None:
    await ask(Announce("Welcome", FAR, stop_at=FAR - 1))
    assert await follow(visitor) == ["Welcome"]
    await ask(Announce("More", FAR))
    frame = await visitor.hear()
    assert texts(frame) == ["Welcome", "More"]
    first = frame["announcements"][0]
    assert first.keys() == {"announcement_id", "text", "timestamp", "until", "stop_at"}
    assert (first["until"], first["stop_at"], first["announcement_id"][0]) == (FAR, FAR - 1, "A")
    await ask(WithdrawAnnouncement((await numbers())[0]))
    assert texts(await visitor.hear()) == ["More"]


async def test_who_does_not_subscribe_hears_nothing(exchange: Exchange, alice: Client, bob: Client) -> None:
    """A client of v1.0 is not disturbed, signed in or not."""
    assert await follow(bob) == []
    await ask(Announce("For whoever wants it", FAR))
    assert texts(await bob.hear()) == ["For whoever wants it"]
    await alice.hears_nothing()


async def test_what_is_for_a_user_is_heard_by_that_user_alone(
    exchange: Exchange, alice: Client, bob: Client, visitor: Client
) -> None:
    await ask(Announce("Dear user001", FAR, "user001"))
    await ask(Announce("Dear all", FAR))
    assert await follow(visitor) == await follow(bob) == ["Dear all"]
    await alice.say(type="subscribe", channels=["announcements"])
    frame = await alice.hear_until("announcements")
    assert texts(frame) == ["Dear user001", "Dear all"]
    assert [each.get("personal") for each in frame["announcements"]] == [True, None]


async def test_signing_in_and_out_changes_what_is_told(exchange: Exchange, market: Founded, visitor: Client) -> None:
    await ask(Announce("Dear user001", FAR, "user001"))
    assert await follow(visitor) == []
    await visitor.say(type="auth", user_id="user001", token=market.tokens["user001"])
    assert texts(await visitor.hear_until("announcements")) == ["Dear user001"]
    await visitor.say(type="logout")
    assert texts(await visitor.hear_until("announcements")) == []


async def test_it_ends_by_itself(open_exchange: OpenExchange, join: Join, clock: Clock) -> None:
    exchange = await open_exchange(clock)
    client = await join(exchange.services)
    await ask(Announce("Short", clock() + 60_000))
    assert await follow(client) == ["Short"]
    clock.pass_by(60_000)
    assert texts(await client.hear()) == []


async def test_after_unsubscribing_nothing_comes(exchange: Exchange, visitor: Client, other: Client) -> None:
    await follow(visitor)
    await follow(other)
    assert (await visitor.ask(type="unsubscribe", channels=["announcements"]))["success"]
    await ask(Announce("Late", FAR))
    assert texts(await other.hear()) == ["Late"]
    await visitor.hears_nothing()


async def test_it_is_given_while_the_market_is_not(exchange: Exchange, visitor: Client) -> None:
    """Where no engine takes orders, people want to know why."""
    await ask(Announce("Back at ten", FAR))
    exchange.gateway.close("The engine is away")
    assert await follow(visitor) == ["Back at ten"]
    refused = await visitor.ask(type="subscribe", channels=["instruments"])
    assert not refused["success"]


async def test_a_connection_that_has_ended_is_forgotten(exchange: Exchange, join: Join) -> None:
    client = await join(exchange.services)
    await follow(client)
    await client.leave()
    there = await join(exchange.services)
    await follow(there)
    await ask(Announce("Still here", FAR))
    assert texts(await there.hear()) == ["Still here"]
    assert len(exchange.board) == 1


async def test_whoever_follows_hears_when_orders_are_not_taken_and_when_they_are(
    exchange: Exchange, alice: Client, bob: Client
) -> None:
    """As soon as the server knows, and once each; who does not follow is not disturbed."""
    assert await follow(bob) == []
    exchange.gateway.close("No engine is heard.")
    assert await told(bob) == "No engine is heard."
    exchange.gateway.open()
    assert await told(bob) == "Orders are taken again."
    await alice.hears_nothing()
    await bob.hears_nothing()


async def told(client: Client) -> str:
    frame = await client.hear()
    assert frame["type"] == "announcement", frame
    return str(frame["message"])
