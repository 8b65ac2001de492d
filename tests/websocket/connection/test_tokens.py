"""What a token is good for: scope, end and use, and how much may be asked with one, without one, with wrong ones."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone

from exchange_site.config import ExchangeConfig
from exchange_site.wiring.exchange import Exchange
from tests.authority.frames import ITEM, TO_THE_ENGINE, code_in, messages
from tests.builders import NO_ACCOUNT, Founded
from tests.websocket.client import Client, Frame, assert_frames
from tests.websocket.conftest import Clock, Join
from trading.access.rate_limits import RateLimiter
from trading.models import AccessToken, Account, Order, User

Open = Callable[..., Awaitable[Exchange]]
Enter = Callable[..., Awaitable[Client]]


@sync_to_async
def issue(user_id: str = "user001", scope: str = AccessToken.Scope.READ, days: float = 1) -> str:
    user = User.objects.get(username=user_id)
    _, token = AccessToken.objects.create(user, expiry=timedelta(days=days), scope=scope)
    return str(token)


@pytest.fixture
async def reader(exchange: Exchange, market: Founded, join: Join) -> Client:
    """user001 with a token that may only read."""
    return await (await join(exchange.services)).sign_in("user001", await issue())


async def state() -> list[Any]:
    """What an order, a cancel or a countdown would change."""
    return [[row async for row in table.objects.order_by("pk").values()] for table in (Order, Account)]


# --- scope


def test_tokens_may_trade_unless_they_were_issued_otherwise(market: Founded) -> None:
    assert set(AccessToken.objects.values_list("scope", flat=True)) == {"TRADE"}


async def test_a_read_only_token_changes_nothing(alice: Client, reader: Client) -> None:
    order_id = (await alice.place("BUY OPEN 1 @ 110"))["order_id"]
    await alice.rest()
    await reader.rest()
    before = await state()
    words = messages(order_id, user_id="user001", token="")
    for kind in [*TO_THE_ENGINE, "set_session"]:
        answer = await reader.ask(**words[kind], request_id=7)
        assert code_in(answer) == 403 and answer["request_id"] == 7, answer
        assert "Not allowed: this token may only read" in str(answer)
    assert await state() == before
    await reader.hears_nothing()


async def test_a_read_only_token_sees_and_hears_everything(alice: Client, reader: Client) -> None:
    order_id = (await alice.place("BUY OPEN 1 @ 110"))["order_id"]
    assert_frames(await reader.rest(), {"type": "order_status", "order_id": order_id}, {"type": "account_update"})
    words = messages(order_id, user_id="user001", token="")
    for kind in [kind for kind in words if kind.startswith("query_")]:
        assert_frames([await reader.ask(**words[kind])], {"type": "query_response", "request_type": kind})
    assert (await reader.ask(**words["query_order"]))["data"]["order"]["order_id"] == order_id
    assert (await reader.ask(type="subscribe", channels=["trade", "account_update"]))["success"]
    assert (await reader.ask(type="unsubscribe", channels=["trade"]))["success"]
    await reader.say(type="resume", last_seq=0)
    assert_frames([await reader.hear_until("resume_response")], {"success": True})
    await reader.rest()
    assert (await reader.ask(type="logout"))["success"]


async def test_the_scope_is_that_of_the_last_token(reader: Client, market: Founded) -> None:
    await reader.sign_in("user001", market.tokens["user001"])
    assert (await reader.place("BUY OPEN 1 @ 110"))["success"]
    await reader.rest()
    await reader.sign_in("user001", await issue())
    assert code_in(await reader.ask(**messages("", user_id="", token="")["cancel_all"])) == 403


async def test_without_an_account_a_read_only_token_may_not_either(
    exchange: Exchange, market: Founded, join: Join
) -> None:
    """It tells nothing about the account."""
    newcomer = await (await join(exchange.services)).sign_in(NO_ACCOUNT, await issue(NO_ACCOUNT))
    for kind in ("submit_order", "set_session"):
        assert code_in(await newcomer.ask(**messages("", user_id="", token="")[kind])) == 403


@pytest.fixture
async def opened(clock: Clock, open_exchange: Open) -> Exchange:
    return await open_exchange(clock, OPERATOR_POLL_SECONDS=0.02)


@pytest.fixture
def enter(opened: Exchange, join: Join, market: Founded) -> Enter:
    async def enter(token: str = market.tokens["user001"], user_id: str = "user001") -> Client:
        return await (await join(opened.services)).sign_in(user_id, token)

    return enter


async def leave_an_order(client: Client, grace_ms: int) -> str:
    """An order that depends on its connection."""
    order_id = str((await client.place("BUY OPEN 1 @ 110"))["order_id"])
    await client.rest()
    assert (await client.ask(type="set_session", cancel_on_disconnect=True, grace_ms=grace_ms))["success"]
    return order_id


@pytest.mark.parametrize("who", ["a reader", "a reader again", "nobody"])
async def test_whoever_only_reads_does_not_call_a_countdown_off(clock: Clock, enter: Enter, who: str) -> None:
    alice, observer = await enter(), await enter(await issue("user001"))
    order_id = await leave_an_order(alice, 5_000)
    await alice.leave()
    if who == "a reader":
        await enter(await issue())
    elif who == "a reader again":
        await observer.rest()
        await observer.sign_in("user001", await issue())
    clock.pass_by(5_000)
    frame = await observer.hear_until("order_status", order_id=order_id, status="Cancelled")
    assert frame["reason"] == "DISCONNECT"


async def test_whoever_may_trade_does(clock: Clock, enter: Enter) -> None:
    alice = await enter()
    order_id = await leave_an_order(alice, 5_000)
    await alice.leave()
    again = await enter(await issue(scope=AccessToken.Scope.TRADE))
    for passing in (0, 60_000):  # what was asked before this is answered is done
        clock.pass_by(passing)
        await asyncio.sleep(0.05)
        await again.say(type="cancel_order", order_id="O17251234567890000001")
        await again.hear_until("order_response", error_code=1002)
        await again.rest()
    assert (await again.ask(type="query_order", order_id=order_id))["data"]["order"]["status"] == "Submitted"


# --- the end of a token


async def revoke(token_row: AccessToken) -> None:
    await token_row.adelete()


async def expire(token_row: AccessToken) -> None:
    await AccessToken.objects.filter(pk=token_row.pk).aupdate(expiry=timezone.now())


async def deactivate(token_row: AccessToken) -> None:
    await User.objects.filter(pk=token_row.user_id).aupdate(is_active=False)


ENDS = [revoke, expire, deactivate]


async def row_of(user_id: str) -> AccessToken:
    row: AccessToken = await AccessToken.objects.aget(user__username=user_id)
    return row


@pytest.mark.parametrize("end", ENDS)
async def test_a_token_that_has_ended_lets_nobody_in(
    visitor: Client, market: Founded, end: Callable[[AccessToken], Awaitable[None]]
) -> None:
    await end(await row_of("user001"))
    for _ in range(2):
        answer = await visitor.ask(type="auth", user_id="user001", token=market.tokens["user001"])
        assert answer == {"type": "auth_response", "success": False, "user_id": "", "message": "Invalid credentials"}


async def test_an_expired_token_is_kept_until_somebody_revokes_it(visitor: Client, market: Founded) -> None:
    """Operators look for expired tokens, and when they were used last."""
    await expire(await row_of("user001"))
    await visitor.ask(type="auth", user_id="user001", token=market.tokens["user001"])
    assert (await row_of("user001")).last_used is None


@pytest.mark.parametrize("end", ENDS)
async def test_its_connections_end_with_it_and_no_others(
    exchange: Exchange,
    join: Join,
    market: Founded,
    bob: Client,
    visitor: Client,
    end: Callable[[AccessToken], Awaitable[None]],
) -> None:
    token = await row_of("user001")
    ending = [await join(exchange.services) for _ in range(2)]
    for client in ending:
        await client.sign_in("user001", market.tokens["user001"])
    sibling = await (await join(exchange.services)).sign_in("user001", await issue())
    await exchange.tokens.look()
    for client in ending:
        await client.hears_nothing()
    await end(token)
    await exchange.tokens.look()
    ended = {"type": "error", "code": 401, "message": "The token is not valid any more"}
    for client in ending:
        assert await client.hear() == ended
        assert await client.close_code() == 4401
    await bob.hears_nothing()
    await visitor.hears_nothing()
    if end is deactivate:
        assert await sibling.hear() == ended
        assert await sibling.close_code() == 4401
    else:
        await sibling.hears_nothing()


async def test_it_is_looked_up_again_and_again(open_exchange: Open, join: Join, market: Founded) -> None:
    exchange = await open_exchange(TOKEN_LOOK_SECONDS=0.02)
    client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    await asyncio.sleep(0.1)
    await client.hears_nothing()
    await revoke(await row_of("user001"))
    assert await client.close_code() == 4401


async def test_it_is_looked_up_while_django_is_busy(open_exchange: Open, join: Join, market: Founded) -> None:
    exchange = await open_exchange(TOKEN_LOOK_SECONDS=0.02)
    client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    await revoke(await row_of("user001"))
    computed = threading.Event()
    slow_page = asyncio.ensure_future(sync_to_async(computed.wait)(60))
    try:
        assert await client.close_code() == 4401
        assert not slow_page.done()
    finally:
        computed.set()
        await slow_page


async def test_a_look_that_fails_is_not_the_last(
    open_exchange: Open, join: Join, market: Founded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**options: object) -> set[str]:
        raise RuntimeError("no tokens")

    exchange = await open_exchange(TOKEN_LOOK_SECONDS=0.01)
    client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    with monkeypatch.context() as patch:
        patch.setattr("trading.reads.identities.valid_tokens", broken)
        async with asyncio.timeout(60):
            while "tokens cannot be looked up" not in caplog.text:
                await asyncio.sleep(0.01)
    await client.hears_nothing()
    await revoke(await row_of("user001"))
    assert await client.close_code() == 4401


async def test_nothing_is_done_for_a_token_that_has_ended(exchange: Exchange, alice: Client) -> None:
    await revoke(await row_of("user001"))
    await exchange.tokens.look()
    before = await state()
    await alice.say(**messages("", user_id="", token="")["submit_order"])
    assert await alice.close_code() == 4401
    assert await state() == before


async def test_orders_that_depend_on_its_connection_are_cancelled(opened: Exchange, enter: Enter) -> None:
    alice, observer = await enter(), await enter(await issue())
    order_id = await leave_an_order(alice, 0)
    await revoke(await AccessToken.objects.aget(user__username="user001", scope="TRADE"))
    await opened.tokens.look()
    assert await alice.close_code() == 4401
    await alice.leave()
    frame = await observer.hear_until("order_status", order_id=order_id, status="Cancelled")
    assert frame["reason"] == "DISCONNECT"


async def test_whoever_logged_out_or_came_with_another_token_stays(
    exchange: Exchange, alice: Client, bob: Client
) -> None:
    await alice.ask(type="logout")
    first = await row_of("user002")
    await bob.sign_in("user002", await issue("user002"))
    await revoke(await row_of("user001"))
    await revoke(first)
    await exchange.tokens.look()
    await alice.hears_nothing()
    await bob.hears_nothing()


async def test_whoever_has_left_is_not_looked_after(exchange: Exchange, alice: Client, bob: Client) -> None:
    await alice.leave()
    await bob.ask(type="logout")
    assert not exchange.tokens._holders


# --- the use of a token


async def test_the_last_use_is_noted_to_the_minute(exchange: Exchange, join: Join, market: Founded) -> None:
    async def used_after(ago: timedelta | None) -> bool:
        """Whether a use is noted when the one before was so long ago."""
        before = None if ago is None else timezone.now() - ago
        await AccessToken.objects.filter(user__username="user001").aupdate(last_used=before)
        client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
        await client.ask(type="query_account")
        await exchange.tokens.note()
        return (await row_of("user001")).last_used != before

    assert await used_after(None)
    assert not await used_after(timedelta(seconds=30))
    assert await used_after(timedelta(seconds=61))
    noted = (await row_of("user001")).last_used
    assert noted is not None and timedelta(0) <= timezone.now() - noted < timedelta(minutes=1)
    assert [(await row_of(name)).last_used for name in ("user002", NO_ACCOUNT)] == [None, None]


async def test_a_wrong_user_or_a_refused_one_has_not_used_it(open_exchange: Open, join: Join, market: Founded) -> None:
    exchange = await open_exchange(CONNECTIONS_PER_USER=0)
    client = await join(exchange.services)
    for user_id in ("user001", "user002"):
        assert not (await client.ask(type="auth", user_id=user_id, token=market.tokens["user001"]))["success"]
    await exchange.tokens.note()
    assert (await row_of("user001")).last_used is None


async def test_the_use_is_noted_by_itself(open_exchange: Open, join: Join, market: Founded) -> None:
    exchange = await open_exchange(TOKEN_LOOK_SECONDS=0.01)
    await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    async with asyncio.timeout(60):
        while (await row_of("user001")).last_used is None:
            await asyncio.sleep(0.01)


@pytest.fixture
async def locked(market: Founded) -> AsyncIterator[None]:
    """Somebody else writes to the database, and does not end."""
    options = connection.settings_dict["OPTIONS"]
    before, options["timeout"] = options["timeout"], 0.5
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
    options["timeout"] = before


@pytest.mark.sqlite_only
async def test_a_database_that_cannot_be_written_hurts_nobody(
    open_exchange: Open, join: Join, market: Founded, locked: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither who signs in, nor who is there already: reading waits for no writer."""
    exchange = await open_exchange(TOKEN_LOOK_SECONDS=0.01)
    for user_id in ("user001", "user002", "user003"):
        client = await (await join(exchange.services)).sign_in(user_id, market.tokens[user_id])
        assert (await client.ask(type="query_account"))["data"]["account"]["user_id"] == user_id
    async with asyncio.timeout(60):
        while "the use of tokens cannot be noted" not in caplog.text:
            assert (await client.ask(type="query_account"))["type"] == "query_response"
            await asyncio.sleep(0.05)
    await client.hears_nothing()


async def test_queries_do_not_wait_for_the_note(
    exchange: Exchange, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may wait for a locked database as long as it likes."""
    free = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stuck(tokens: list[str]) -> None:
        asyncio.run_coroutine_threadsafe(free.wait(), loop).result(10)

    monkeypatch.setattr("trading.access.token_monitor._note_uses", stuck)
    noting = asyncio.create_task(exchange.tokens.note())
    await asyncio.sleep(0)
    assert (await alice.ask(type="query_account"))["type"] == "query_response"
    assert not noting.done()
    free.set()
    await noting


# --- how much may be asked; no time passes, so nothing is given back


class Still(RateLimiter):
    """Guests for whom it is always noon."""

    def orders(self, user_id: str, count: int, now: float) -> float:
        return super().orders(user_id, count, 0.0)

    def request(self, user_id: str | None, address: str, now: float) -> float:
        return super().request(user_id, address, 0.0)

    def token(self, address: str, user_id: str, now: float) -> float:
        return super().token(address, user_id, 0.0)

    def wrong_token(self, address: str, user_id: str, now: float) -> None:
        super().wrong_token(address, user_id, 0.0)


@pytest.fixture
def come(exchange: Exchange, join: Join, market: Founded, settings: Any) -> Callable[..., Awaitable[Client]]:
    """Connects from an address, and signs in if there is a user; limits may be set before the first comes."""
    houses: list[RateLimiter] = []

    async def come(address: str, user_id: str | None = None, **overrides: int) -> Client:
        if not houses:
            houses.append(Still(msgspec.structs.replace(ExchangeConfig.from_settings().limits, **overrides)))
        services = msgspec.structs.replace(exchange.services, limiter=houses[0], address_of=lambda scope: address)
        client = await join(services)
        return client if user_id is None else await client.sign_in(user_id, market.tokens[user_id])

    return come


Come = Callable[..., Awaitable[Client]]
TOO_MANY_ORDERS = "Too many requests: at most 1 orders a second"
TOO_MANY_REQUESTS = "Too many requests: at most 1 requests a second"


def refused(frame: Frame, message: str, retry_after: float) -> None:
    assert_frames([frame], {"type": "error", "code": 429, "message": message, "retry_after": retry_after})


async def test_the_orders_of_a_user_are_counted_over_all_his_connections(come: Come) -> None:
    first = await come("a", "user001", orders_per_second=1)
    second, bob = await come("b", "user001"), await come("a", "user002")
    await first.say(type="submit_orders", orders=[ITEM])
    assert (await first.hear_until("orders_response"))["results"][0]["success"]
    assert (await second.place("BUY OPEN 1 @ 110"))["success"]
    for client in (first, second, await come("c", "user001")):
        await client.rest()
        for kind in TO_THE_ENGINE:
            answer = await client.ask(**messages("x", user_id="", token="")[kind])
            assert (code_in(answer), answer["retry_after"]) == (429, 1.0), answer
            assert TOO_MANY_ORDERS in str(answer)
    assert (await bob.place("BUY OPEN 1 @ 110"))["success"]
    assert (await second.ask(type="query_account"))["type"] == "query_response"


ASKING = [
    *("resume", "set_session", "subscribe", "unsubscribe", "query_order", "query_account", "query_position"),
    *("query_orders", "query_trades", "query_instruments", "query_statements"),
]


async def test_the_requests_of_a_user_are_counted_over_all_his_connections(come: Come, market: Founded) -> None:
    first = await come("a", "user001", requests_per_second=1)
    second, bob, visitor = await come("b", "user001"), await come("a", "user002"), await come("a")
    assert (await first.ask(type="query_account"))["type"] == "query_response"
    assert (await second.ask(type="query_account"))["type"] == "query_response"
    words = messages("x", user_id="user001", token=market.tokens["user001"])
    for client in (first, second):
        for kind in [*ASKING, "auth"]:
            refused(await client.ask(**words[kind]), TOO_MANY_REQUESTS, 1.0)
        assert await client.ask(type="ping") == {"type": "pong"}
    assert (await first.place("BUY OPEN 1 @ 110"))["success"]
    for client in (bob, visitor):
        assert (await client.ask(type="query_instruments"))["type"] == "query_response"


async def test_the_requests_of_nobody_are_counted_by_address(come: Come) -> None:
    first = await come("a", requests_per_second=1)
    second, elsewhere = await come("a"), await come("b")
    for client in (first, second):
        assert (await client.ask(type="query_instruments"))["type"] == "query_response"
    refused(await first.ask(type="query_instruments"), TOO_MANY_REQUESTS, 1.0)
    refused(await (await come("a")).ask(type="query_instruments"), TOO_MANY_REQUESTS, 1.0)
    assert (await elsewhere.ask(type="query_instruments"))["type"] == "query_response"
    await come("a", "user001")


async def test_signing_in_again_and_again_is_a_request(come: Come, market: Founded) -> None:
    """Each is looked up, and it would be a way around the limit; to log out in between does not help."""
    client = await come("a", "user001", requests_per_second=1)
    auth = {"type": "auth", "user_id": "user001", "token": market.tokens["user001"]}
    assert [(await client.ask(**auth))["type"] for _ in range(3)] == ["auth_response", "auth_response", "error"]
    answers = []
    for _ in range(3):
        await client.ask(type="logout")
        answers.append((await client.ask(**auth))["type"])
    assert answers == ["auth_response", "auth_response", "error"]


@pytest.mark.slow
async def test_too_many_connections_from_an_address(come: Come) -> None:
    first = await come("a", connections_per_address=1)
    for _ in range(2):
        second = await come("a")
        message = "Too many connections from this address: at most 1"
        assert await second.hear() == {"type": "error", "code": 429, "message": message}
        assert await second.close_code() == 4429
        await second.leave()
    await come("b", "user001")
    assert await first.ask(type="ping") == {"type": "pong"}
    await first.leave()
    await come("a", "user001")


async def test_too_many_connections_without_a_user(come: Come) -> None:
    await come("a", anonymous_connections=1)
    second = await come("b")
    message = "Too many connections without a user: at most 1"
    assert await second.hear() == {"type": "error", "code": 429, "message": message}
    assert await second.close_code() == 4429


async def test_too_many_connections_of_a_user(come: Come, market: Founded) -> None:
    first = await come("a", "user001", connections_per_user=1)
    second = await come("b")
    auth = {"type": "auth", "user_id": "user001", "token": market.tokens["user001"]}
    assert await second.ask(**auth) == {
        "type": "auth_response",
        "success": False,
        "user_id": "",
        "message": "Too many connections of this user: at most 1",
    }
    assert_frames([await second.ask(type="query_account")], {"type": "error", "code": 401})
    assert (await first.ask(**auth))["success"], "the connection that he has is no further one"
    await first.place("BUY OPEN 1 @ 110")
    await second.hears_nothing()
    await first.leave()
    await second.sign_in("user001", market.tokens["user001"])


async def test_too_many_subscriptions(come: Come) -> None:
    client = await come("a", subscriptions=3)
    both = {"channels": ["orderbook", "ticker"], "instruments": ["IX2301", "IF2301"]}
    answer = await client.ask(type="subscribe", **both)
    message = "Too many subscriptions: at most 3 of an instrument and a channel"
    assert_frames([answer], {"success": False, "message": message, "error_code": 1013})
    for channels in (["ticker"], ["ticker"], ["orderbook"]):
        instruments = both["instruments"] if channels == ["ticker"] else ["IX2301"]
        assert (await client.ask(type="subscribe", channels=channels, instruments=instruments))["success"]
        await client.rest()
    assert not (await client.ask(type="subscribe", channels=["orderbook"], instruments=["IF2301"]))["success"]
    assert (await client.ask(type="unsubscribe", channels=["ticker"], instruments=["IX2301"]))["success"]
    assert (await client.ask(type="subscribe", channels=["orderbook"], instruments=["IF2301"]))["success"]


async def test_whoever_shows_too_many_wrong_tokens_waits(come: Come, market: Founded) -> None:
    guesser = await come("a", wrong_tokens_per_minute=2)
    for _ in range(2):
        answer = await guesser.ask(type="auth", user_id="user001", token="wrong")
        assert_frames([answer], {"type": "auth_response", "success": False, "message": "Invalid credentials"})
    auth = {"type": "auth", "user_id": "user001", "token": "wrong too", "request_id": 3}
    message = "Too many requests: too many invalid credentials from this address"
    for client in (guesser, await come("a")):
        refused(await client.ask(**auth), message, 30.0)
    elsewhere = await (await come("b")).ask(**auth)
    assert_frames([elsewhere], {"type": "auth_response", "success": False, "message": "Invalid credentials"})
    await come("a", "user002")


async def test_a_right_token_gets_in_while_others_guess_from_its_address(come: Come, market: Founded) -> None:
    guesser = await come("a", wrong_tokens_per_minute=1)
    for kind in ("auth_response", "error", "error"):
        assert (await guesser.ask(type="auth", user_id="user001", token="wrong"))["type"] == kind
    await come("a", "user001")


async def test_there_is_room_for_whoever_signs_in_when_strangers_have_taken_theirs(come: Come, market: Founded) -> None:
    """Connected without a token, a connection beyond the limit is turned away after a moment."""
    for address in ("a", "b"):
        await come(address, connections_per_address=1, anonymous_connections=2)
    for user_id in ("user001", "user002"):
        trader = await come("a", user_id)
        assert (await trader.place("BUY OPEN 1 @ 110"))["success"]
    stranger = await come("c")
    assert (await stranger.hear())["message"] == "Too many connections without a user: at most 2"
    assert await stranger.close_code() == 4429
    await trader.say(type="ping")
    await trader.hear_until("pong")


async def test_wrong_tokens_do_not_hurt_who_has_signed_in(come: Come) -> None:
    alice = await come("a", "user001", wrong_tokens_per_minute=1)
    guesser = await come("a")
    for _ in range(3):
        await guesser.ask(type="auth", user_id="user001", token="wrong")
    assert (await alice.place("BUY OPEN 1 @ 110"))["success"]
