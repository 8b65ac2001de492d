"""Who may hear what: `user_id` in the URL is a wish, a token is a right, and nothing private comes before it."""

import json

import pytest
from channels.testing import WebsocketCommunicator

from exchange_site.wiring.exchange import Exchange
from tests.builders import NO_ACCOUNT, Founded
from tests.websocket.client import Client, assert_frames, order_message
from tests.websocket.conftest import Join
from trading.models import AccessToken, User
from trading.websocket.routing import socket_routes

PRIVATE = {"trade", "order_status", "account_update"}


async def test_a_good_token_signs_in(visitor: Client, market: Founded) -> None:
    answer = await visitor.ask(type="auth", user_id="user001", token=market.tokens["user001"])
    assert list(answer.items()) == [
        ("type", "auth_response"),
        ("success", True),
        ("user_id", "user001"),
        ("message", "Authentication successful"),
    ]


BAD_TOKENS = ["", "nonsense", "x" * 64, "x" * 10_000, "token\x00", "тoken", "a b", "报"]


@pytest.mark.parametrize("token", BAD_TOKENS)
async def test_a_bad_token_does_not(visitor: Client, token: str) -> None:
    answer = await visitor.ask(type="auth", user_id="user001", token=token)
    assert list(answer.items()) == [
        ("type", "auth_response"),
        ("success", False),
        ("user_id", ""),
        ("message", "Invalid credentials"),
    ]


@pytest.mark.parametrize("user_id", ["user002", "", "nobody", "USER001", "user001 ", "user001\n", "x" * 1_000, "报"])
async def test_a_token_is_good_for_its_own_user_only(visitor: Client, market: Founded, user_id: str) -> None:
    answer = await visitor.ask(type="auth", user_id=user_id, token=market.tokens["user001"])
    assert not answer["success"]
    assert_frames([await visitor.ask(type="query_account")], {"type": "error", "code": 401})


async def test_after_a_failed_attempt_a_good_one_works(visitor: Client, market: Founded) -> None:
    await visitor.ask(type="auth", user_id="user001", token="wrong")
    await visitor.sign_in("user001", market.tokens["user001"])


def test_an_expired_token_and_a_locked_out_user_are_refused(market: Founded) -> None:
    from trading.reads import identities

    assert identities.identity_of_token(user_id="user001", token=market.tokens["user001"], market="MAIN")
    AccessToken.objects.update(expiry="2020-01-01T00:00Z")
    assert identities.identity_of_token(user_id="user001", token=market.tokens["user001"], market="MAIN") is None
    User.objects.update(is_active=False)
    assert identities.identity_of_token(user_id="user002", token=market.tokens["user002"], market="MAIN") is None


async def test_the_url_is_a_wish_and_nothing_private_comes_for_it(
    exchange: Exchange, join: Join, market: Founded, bob: Client
) -> None:
    wisher, signed_in = [await join(exchange.services, "/ws?user_id=user001") for _ in range(2)]
    await signed_in.sign_in("user001", market.tokens["user001"])
    await signed_in.place("BUY OPEN 1 @ 120")
    await bob.place("SELL OPEN 1 @ 120")
    assert {frame["type"] for frame in await signed_in.rest()} == PRIVATE
    await wisher.hears_nothing()


async def test_a_failed_auth_gives_nothing_private_either(visitor: Client, alice: Client, market: Founded) -> None:
    await visitor.ask(type="auth", user_id="user001", token=market.tokens["user002"])
    await alice.place("BUY OPEN 1 @ 120")
    await alice.rest()
    await visitor.hears_nothing()


async def test_on_a_connection_for_one_user_another_cannot_sign_in(
    exchange: Exchange, join: Join, market: Founded
) -> None:
    client = await join(exchange.services, "/ws?user_id=user001")
    answer = await client.ask(type="auth", user_id="user002", token=market.tokens["user002"])
    assert_frames([answer], {"type": "auth_response", "success": False, "user_id": ""})
    assert_frames([await client.ask(type="query_account")], {"type": "error", "code": 401})
    await client.sign_in("user001", market.tokens["user001"])


async def test_whoever_signed_in_first_stays(alice: Client, bob: Client, market: Founded) -> None:
    answer = await alice.ask(type="auth", user_id="user002", token=market.tokens["user002"])
    assert not answer["success"]
    assert (await alice.ask(type="query_account"))["data"]["account"]["user_id"] == "user001"
    await bob.place("BUY OPEN 1 @ 120")
    await bob.rest()
    await alice.hears_nothing()


async def test_signing_in_twice_does_not_double_the_pushes(alice: Client, market: Founded) -> None:
    await alice.sign_in("user001", market.tokens["user001"])
    await alice.place("BUY OPEN 1 @ 120")
    assert_frames(await alice.rest(), {"type": "order_status"}, {"type": "account_update"})


async def test_all_connections_of_a_user_hear_his_pushes(
    exchange: Exchange, join: Join, market: Founded, alice: Client, bob: Client
) -> None:
    second = await join(exchange.services, "/ws?user_id=user001")
    await second.sign_in("user001", market.tokens["user001"])
    await alice.place("BUY OPEN 1 @ 120")
    expected = [{"type": "order_status", "status": "Submitted"}, {"type": "account_update"}]
    assert_frames(await alice.rest(), *expected)
    assert_frames(await second.rest(), *expected)
    await bob.hears_nothing()


async def test_whoever_left_is_gone_from_all_groups(exchange: Exchange, join: Join, market: Founded) -> None:
    client = await join(exchange.services)
    await client.sign_in("user001", market.tokens["user001"])
    await client.ask(type="subscribe", channels=["orderbook", "ticker", "trade"], instruments=["IX2301", "IF2301"])
    await client.rest()
    await client.leave()
    assert not exchange.services.layer._groups
    assert not exchange.services.layer._mailboxes
    assert not exchange.heartbeat._next_ping


NEEDS_AUTH = [
    {"type": "query_account"},
    {"type": "query_position"},
    {"type": "query_order", "order_id": "O17251234567890000001"},
    {"type": "subscribe", "channels": ["trade"], "instruments": ["IX2301"]},
    {"type": "subscribe", "channels": ["orderbook", "account_update"], "instruments": ["IX2301"]},
    {"type": "subscribe", "channels": ["order_status"]},
    {"type": "unsubscribe", "channels": ["trade"], "instruments": ["IX2301"]},
]


@pytest.mark.parametrize("message", NEEDS_AUTH, ids=json.dumps)
async def test_private_matters_need_auth(visitor: Client, message: dict[str, object]) -> None:
    answer = await visitor.ask(**message, request_id=5)
    assert answer == {"type": "error", "code": 401, "message": "Not authenticated", "request_id": 5}


@pytest.mark.parametrize(
    "message",
    [order_message("BUY OPEN 1 @ 120"), {"type": "cancel_order", "order_id": "O17251234567890000001"}],
    ids=["submit", "cancel"],
)
async def test_orders_without_auth_are_refused_as_orders(visitor: Client, message: dict[str, object]) -> None:
    assert await visitor.ask(**message) == {
        "type": "order_response",
        "success": False,
        "order_id": None,
        "error_code": 401,
        "error_message": "Not authenticated",
    }


async def test_an_order_sent_before_auth_does_not_slip_in_behind_it(visitor: Client, market: Founded) -> None:
    await visitor.say(**order_message("BUY OPEN 1 @ 120"))
    await visitor.say(type="auth", user_id="user001", token=market.tokens["user001"])
    assert_frames(
        await visitor.rest(), {"type": "order_response", "error_code": 401}, {"type": "auth_response", "success": True}
    )


# --- users without an account


@pytest.fixture
async def newcomer(exchange: Exchange, join: Join, market: Founded) -> Client:
    client = await join(exchange.services)
    return await client.sign_in(NO_ACCOUNT, market.tokens[NO_ACCOUNT])


@pytest.mark.parametrize("query", ["query_account", "query_position"])
async def test_without_an_account_there_is_nothing_to_query(newcomer: Client, query: str) -> None:
    assert_frames([await newcomer.ask(type=query)], {"type": "error", "code": 1003, "message": "Account not found"})


async def test_without_an_account_orders_are_refused(newcomer: Client) -> None:
    answers = [
        await newcomer.place("BUY OPEN 1 @ 120"),
        await newcomer.ask(type="cancel_order", order_id="O17251234567890000001"),
    ]
    refused = {"type": "order_response", "success": False, "order_id": None, "error_code": 1003}
    assert_frames(answers, refused, refused)


async def test_an_account_opened_later_works_on_the_same_connection(newcomer: Client, exchange: Exchange) -> None:
    from trading.core.commands import Deposit, OpenAccount

    exchange.gateway.submit(OpenAccount(NO_ACCOUNT), lambda event: None)
    exchange.gateway.submit(Deposit(NO_ACCOUNT, 10**10), lambda event: None)
    await newcomer.hear_until("account_update")
    answer = await newcomer.place("BUY OPEN 1 @ 120")
    assert answer["success"], answer


# --- the door itself


@pytest.mark.parametrize("path", ["/ws", "/ws/", "/ws?user_id=", "/ws?other=1", "/ws?user_id=%ff%00&user_id=b"])
async def test_the_socket_is_at_ws(exchange: Exchange, join: Join, path: str) -> None:
    client = await join(exchange.services, path)
    assert await client.ask(type="ping") == {"type": "pong"}


@pytest.mark.parametrize("path", ["/", "/wss", "/ws/x", "/admin/", "/wS"])
async def test_no_other_path_is_let_in(exchange: Exchange, path: str) -> None:
    wire = WebsocketCommunicator(socket_routes(exchange.services), path)
    accepted, _ = await wire.connect(10)
    assert not accepted
