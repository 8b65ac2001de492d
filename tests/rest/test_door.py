"""What holds for every request: who may come in, in which form, how often, and how failures are told."""

import asyncio
import gzip
import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.conftest import OpenExchange
from tests.protocol.test_malformed import THEIRS
from tests.rest.client import PATIENCE, Client
from tests.rest.test_orders import order
from trading.core.events import Refused
from trading.models import AccessToken, Order, User
from trading.rest import operation
from trading.rest.operation import Call
from trading.rest.operations.market import GetTime
from trading.transport.gateway import BUSY, UNKNOWN_OUTCOME
from trading.worker.refusals import UNKNOWN

# --- who


async def test_a_token_says_who_it_is(ann: Client, ben: Client) -> None:
    for client, user_id in ((ann, "user001"), (ben, "user002")):
        assert (await client.get("account/")).json["account"]["user_id"] == user_id


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer  ", "Basic dXNlcjpwYXNz", "Bearer nobody", "Bearer \xff", "x" * 9_000]
)
async def test_what_is_no_token_lets_nobody_in(anybody: Client, header: str) -> None:
    for path in ("account/", "time/"):
        reply = await anybody.ask("GET", path, headers={"Authorization": header})
        assert (reply.status, reply.code) == (401, 401)
        assert reply.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("named", ["user002", "", "USER001", "user001, user002", "\xff", "x" * 9_000])
async def test_a_token_of_somebody_else_than_is_named_is_refused_before_anything_is_done(
    ann: Client, named: str
) -> None:
    assert (await ann.get("account/")).status == 200, "so that it is known already"
    other = {"X-User-ID": named}
    placed = await ann.ask("POST", "orders/", order("BUY OPEN 1 @ 110"), headers=other)
    assert (placed.status, placed.code) == (401, 401)
    assert placed.json["detail"] == "Invalid credentials: this is no token of the user in X-User-ID"
    assert placed.headers["www-authenticate"].startswith("Bearer")
    assert (await ann.ask("GET", "time/", headers=other)).code == 401
    assert await Order.objects.acount() == 0


async def test_a_token_of_the_user_that_is_named_is_taken(ann: Client, anybody: Client) -> None:
    own = {"X-User-ID": "user001"}
    assert (await ann.ask("POST", "orders/", order("BUY OPEN 1 @ 110"), headers=own)).status == 201
    assert (await anybody.ask("GET", "time/", headers=own)).status == 200, "without a token there is nothing to compare"
    assert (await anybody.ask("GET", "account/", headers=own)).code == 401


async def test_the_server_below_is_told_who_is_known(ann: Client, anybody: Client) -> None:
    """It reads a stranger's requests more slowly."""
    await ann.get("account/")
    await ann.get("orders/nothing/")
    assert ann.trusted == [True, True], "known, whatever the answer is"
    await anybody.get("time/")
    await anybody.as_("nobody").get("time/")
    assert anybody.trusted == [False]


async def test_a_cookie_lets_nobody_in(anybody: Client, market: Founded) -> None:
    """Whatever session a browser has: there is none here."""
    session = await sync_to_async(_session_of)("user001")
    reply = await anybody.ask("POST", "orders/", order("BUY OPEN 1 @ 110"), headers={"Cookie": f"sessionid={session}"})
    assert reply.code == 401
    assert await Order.objects.acount() == 0


def _session_of(user_id: str) -> str:
    from django.test import Client as Browser

    browser = Browser()
    browser.force_login(User.objects.get(username=user_id), backend="django.contrib.auth.backends.ModelBackend")
    return browser.cookies["sessionid"].value


async def test_a_token_that_is_revoked_is_none(ann: Client, exchange: Exchange) -> None:
    assert (await ann.get("account/")).status == 200
    await AccessToken.objects.filter(user__username="user001").adelete()
    await exchange.tokens.look()
    assert (await ann.get("account/")).code == 401


async def test_a_user_who_is_not_active_is_nobody(ann: Client, exchange: Exchange) -> None:
    assert (await ann.get("account/")).status == 200
    await User.objects.filter(username="user001").aupdate(is_active=False)
    await exchange.tokens.look()
    assert (await ann.get("account/")).code == 401


async def test_the_use_of_a_token_is_noted(ann: Client, exchange: Exchange) -> None:
    await ann.get("account/")
    await exchange.tokens.note()
    assert (await AccessToken.objects.aget(user__username="user001")).last_used is not None


async def test_a_token_that_may_read_may_not_trade(anybody: Client, market: Founded) -> None:
    user = await User.objects.aget(username="user001")
    _, token = await sync_to_async(AccessToken.objects.create)(user, scope="READ", expiry=timedelta(hours=1))
    reader = anybody.as_(token)
    assert (await reader.get("orders/")).status == 200
    assert (await reader.post("orders/", order("BUY OPEN 1 @ 110"))).code == 403


# --- form


BAD_BODIES = [
    b"{", b"[]", b"null", b"1", b'"x"', b"\xff", b"{}", b'{"volume": 1, "volume": 2}', b'{"volume": NaN}',
    b"[" * 50_000, b'{"volume": ' + b"9" * 5_000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: body[:20].decode("latin-1"))
async def test_a_body_that_is_no_order_is_malformed(ann: Client, body: bytes) -> None:
    reply = await ann.post("orders/", body)
    assert (reply.status, reply.code) == (400, 400)
    assert not any(theirs in reply.json["detail"] for theirs in THEIRS), reply.json["detail"]


@pytest.mark.parametrize(
    "more",
    [
        {"x": 1},
        {"x": None},
        {"volume": "2"},
        {"volume": None},
        {"direction": "UP"},
        {"price": 1e10},
        {"expires_at": 1_800_000_000_000_000},
    ],
)
async def test_a_field_that_is_wrong_is_malformed(ann: Client, more: dict[str, Any]) -> None:
    reply = await ann.post("orders/", order("BUY OPEN 1 @ 110") | more)
    assert reply.code == 400 and not any(theirs in reply.json["detail"] for theirs in THEIRS), reply.json["detail"]
    assert reply.json["detail"].startswith(f"Malformed message: {next(iter(more))} ")
    assert (await ann.post("orders/batch/", {"orders": [order("BUY OPEN 1 @ 110") | more]})).code == 400
    assert await Order.objects.acount() == 0


@pytest.mark.parametrize(
    "more", ['"volume": 100', '"volume": 1', '"vol\\u0075me": 100', '"stp": null, "stp": "CANCEL_TAKER"']
)
async def test_a_field_that_is_given_twice_is_malformed(ann: Client, more: str) -> None:
    body = f"{json.dumps(order('BUY OPEN 1 @ 110'))[:-1]}, {more}}}"
    for path, sent in (("orders/", body), ("orders/batch/", f'{{"orders": [{body}]}}')):
        reply = await ann.post(path, sent.encode())
        assert reply.code == 400 and "is given twice" in reply.json["detail"]
    assert await Order.objects.acount() == 0


@pytest.mark.parametrize(("computed", "price"), [(105 * 1.1, 115.5), (170 * 0.7, 119.0)])
async def test_a_price_that_a_client_computed_in_doubles_is_the_tick_it_means(
    ann: Client, computed: float, price: float
) -> None:
    reply = await ann.post("orders/", order("BUY OPEN 1 @ 110") | {"price": computed})
    assert reply.json["order"]["price"] == price, reply.json


async def test_null_says_that_a_field_is_not_given(ann: Client) -> None:
    nulls = {"post_only": None, "client_order_id": None, "stp": None}
    assert (await ann.post("orders/", order("BUY OPEN 1 @ 110") | nulls)).status == 201
    batch = await ann.post("orders/batch/", {"orders": [order("BUY OPEN 1 @ 110") | nulls]})
    assert batch.json["results"][0]["success"]


@pytest.mark.parametrize(
    "query",
    [{"x": 1}, {"limit": 0}, {"limit": 201}, {"limit": "ten"}, {"limit": "1.0"}, {"limit": ""}, {"limit": [1, 2]},
     {"limit": "9" * 500}, {"request_id": "x"}, {"status": "Odd"}, {"before": "x"}, {"limit": "null"}],
)  # fmt: skip
async def test_a_query_that_is_wrong_is_malformed(ann: Client, query: dict[str, Any]) -> None:
    reply = await ann.get("orders/", **query)
    assert (reply.status, reply.code) == (400, 400)
    assert not any(theirs in reply.json["detail"] for theirs in THEIRS), reply.json["detail"]
    assert ("too large" in reply.json["detail"]) == (query == {"limit": "9" * 500})


async def test_each_way_of_asking_wrongly_has_its_code(ann: Client, anybody: Client) -> None:
    text = {"Content-Type": "text/plain"}
    asked = {
        404: await anybody.get("nothing/"),
        405: await ann.ask("PUT", "orders/"),
        415: await ann.ask("POST", "orders/", b"{}", headers=text),
        413: await ann.post("orders/", b" " * 70_000),
        400: await ann.ask("GET", "orders/", b"{}"),
    }
    assert {status: (reply.status, reply.code) for status, reply in asked.items()} == {
        status: (status, status) for status in asked
    }
    assert asked[405].headers["allow"] == "GET, POST, HEAD"
    assert (await anybody.ask("GET", "time/", headers={"Host": "evil.example"})).code == 400
    assert (await anybody.ask("GET", "time")).code == 404
    assert (await ann.ask("POST", "orders/", order("BUY OPEN 1 @ 110"), query={"x": 1})).code == 400
    assert (await ann.post("orders/cancel-all/", None, Idempotency_Key="x")).code == 400


async def test_a_request_is_known_by_its_id(anybody: Client) -> None:
    named = await anybody.ask("GET", "nothing/", headers={"X-Request-ID": "mine"})
    assert named.json["request_id"] == "mine"
    ids = {
        (await anybody.ask("GET", "nothing/", headers={"X-Request-ID": odd})).json["request_id"]
        for odd in ("", "x" * 65, "\xff")
    }
    assert len(ids) == 3 and all(len(each) == 16 for each in ids)


async def test_head_is_get_without_a_body(anybody: Client) -> None:
    got, headed = await anybody.get("instruments/"), await anybody.ask("HEAD", "instruments/")
    assert (headed.status, headed.raw) == (200, b"") and headed.headers["content-length"] == got.headers[
        "content-length"
    ]


async def test_a_long_answer_is_compressed_for_whoever_can_read_it(ann: Client) -> None:
    await ann.post("orders/batch/", {"orders": [order("BUY OPEN 1 @ 110")] * 5})
    plain = await ann.get("orders/")
    small = await ann.ask("GET", "orders/", headers={"Accept-Encoding": "gzip, br"})
    assert len(small.raw) < len(plain.raw) / 2 and small.json == plain.json
    assert gzip.decompress(small.raw) == plain.raw
    assert "Accept-Encoding" in plain.headers["vary"]
    assert "content-encoding" not in (await ann.ask("GET", "time/", headers={"Accept-Encoding": "gzip"})).headers


async def test_pages_of_others_are_let_in_only_when_they_are_named(exchange: Exchange) -> None:
    origin = {"Origin": "https://tool.example"}
    closed, opened = Client(exchange.services), Client(exchange.services, origins=("https://tool.example",))
    for method in ("GET", "OPTIONS"):
        assert not any("access-control" in name for name in (await closed.ask(method, "time/", headers=origin)).headers)
    assert (await opened.ask("GET", "time/", headers=origin)).headers["access-control-allow-origin"] == origin["Origin"]
    preflight = await opened.ask("OPTIONS", "orders/", headers=origin)
    taken = preflight.headers["access-control-allow-headers"]
    assert preflight.status == 204 and {"Authorization", "X-User-ID"} <= set(taken.split(", "))
    assert (
        "access-control-allow-origin" not in (await opened.ask("GET", "time/", headers={"Origin": "https://x"})).headers
    )
    assert "access-control-allow-credentials" not in preflight.headers


async def test_plain_http_is_refused_where_https_is_set(anybody: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert (await anybody.get("time/")).code == 403


# --- how often


async def test_limits_are_those_of_the_socket(open_exchange: OpenExchange, market: Founded) -> None:
    exchange = await open_exchange(ORDERS_PER_SECOND=2, REQUESTS_PER_SECOND=1_000)
    client = Client(exchange.services, market.tokens["user001"])
    now = asyncio.get_running_loop().time()
    assert exchange.services.limiter.orders("user001", 3, now) == 0  # by the socket
    last = await client.post("orders/", order("BUY OPEN 1 @ 110"))
    assert (last.status, last.headers["x-ratelimit-limit"], last.headers["x-ratelimit-remaining"]) == (201, "4", "0")
    refused = await client.post("orders/", order("BUY OPEN 1 @ 110"))
    assert (refused.status, refused.code, refused.headers["retry-after"]) == (429, 429, "1")
    assert await Order.objects.acount() == 1
    assert (await client.get("orders/")).status == 200, "what is no order has a limit of its own"
    assert client.trusted == [True, False, True], "who asks too much is read as a stranger is"


async def test_a_batch_counts_as_many_orders_as_it_has(open_exchange: OpenExchange, market: Founded) -> None:
    exchange = await open_exchange(ORDERS_PER_SECOND=2)
    client = Client(exchange.services, market.tokens["user001"])
    reply = await client.post("orders/batch/", {"orders": [order("BUY OPEN 1 @ 110")] * 10})
    assert all(result["success"] for result in reply.json["results"])
    assert int(reply.headers["retry-after"]) >= 3
    assert (await client.post("orders/", order("BUY OPEN 1 @ 110"))).code == 429


async def test_strangers_share_the_limit_of_their_address(open_exchange: OpenExchange, market: Founded) -> None:
    exchange = await open_exchange(REQUESTS_PER_SECOND=1, WRONG_TOKENS_PER_MINUTE=10_000)
    stranger = Client(exchange.services)
    for ask, code in (("time/", None), ("nothing/", 404), ("time/", 429), ("nothing/", 429), ("account/", 429)):
        assert (await stranger.get(ask)).code == code
    assert (await stranger.as_("nobody").get("time/")).code == 429
    assert (await stranger.as_(market.tokens["user001"]).get("time/")).status == 200


async def test_wrong_tokens_are_limited_and_right_ones_are_not(open_exchange: OpenExchange, market: Founded) -> None:
    exchange = await open_exchange(WRONG_TOKENS_PER_MINUTE=2)
    guesser = Client(exchange.services, "wrong")
    assert [(await guesser.get("time/")).code for _ in range(4)] == [401, 401, 429, 429]
    assert (await guesser.as_(market.tokens["user001"]).get("time/")).status == 200


async def test_too_large_is_told_with_all_headers(anybody: Client) -> None:
    """(Every answer of these tests is looked at for them.)"""
    assert (await anybody.post("orders/", b" " * 70_000)).headers["content-type"] == "application/json"


# --- when we fail


async def test_our_own_failure_has_the_same_shape(
    anybody: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(call: Call) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(GetTime, "run", broken)
    with caplog.at_level(logging.ERROR):
        reply = await anybody.get("time/")
    assert (reply.status, reply.code) == (500, 500)
    assert "secret" not in json.dumps(reply.json)
    assert "secret" in caplog.text
    caplog.clear()


async def test_an_address_with_too_many_fields_is_refused(ann: Client) -> None:
    fields = {f"a{number}": 1 for number in range(1_001)}
    for method, path in (("GET", "orders/"), ("POST", "orders/cancel-all/")):
        reply = await ann.ask(method, path, query=fields)
        assert (reply.status, reply.code) == (400, 400) and "too many fields" in reply.json["detail"]


class Stuck:
    """A way to the engine that answers every command like this, or never."""

    def __init__(self, answer: Refused | None) -> None:
        self._answer = answer

    def put(self, envelope: Any) -> bool:
        if self._answer is not None:
            envelope.reply(self._answer)
        return True


@pytest.mark.parametrize(("answer", "code"), [(UNKNOWN, 504), (UNKNOWN_OUTCOME, 504), (None, 504), (BUSY, 503)])
async def test_what_is_not_known_is_named_so(
    ann: Client, exchange: Exchange, monkeypatch: pytest.MonkeyPatch, answer: Refused | None, code: int
) -> None:
    """And says how to find out."""
    monkeypatch.setattr(operation, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(exchange.gateway, "_transport", Stuck(answer))
    for path, body in (
        ("orders/", order("BUY OPEN 1 @ 110")),
        ("orders/batch/", {"orders": [order("BUY OPEN 1 @ 110")]}),
    ):
        reply = await ann.post(path, body)
        if path == "orders/" or code == 504:
            assert (reply.status, reply.code) == (code, code)
            assert ("client_order_id" in reply.json["detail"]) is (code == 504)
            assert int(reply.headers["retry-after"]) >= 1


async def test_orders_that_wait_for_the_engine_keep_nobody_else_waiting(
    ann: Client, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold no thread, and no place among those who read."""
    taken: list[Any] = []
    monkeypatch.setattr(exchange.gateway, "_transport", Kept(taken))
    waiting = [asyncio.create_task(ann.post("orders/", order("BUY OPEN 1 @ 110"))) for _ in range(300)]
    async with asyncio.timeout(PATIENCE):
        while len(taken) < len(waiting):
            await asyncio.sleep(0.01)
    assert (await ann.get("time/")).status == 200
    assert (await ann.get("orders/")).json["orders"] == []
    for envelope in taken:
        envelope.reply(BUSY)
    assert {(await each).status for each in waiting} == {503}


class Kept:
    """A way to the engine on which commands stay."""

    def __init__(self, taken: list[Any]) -> None:
        self._taken = taken

    def put(self, envelope: Any) -> bool:
        self._taken.append(envelope)
        return True


async def test_an_exchange_that_is_closed_says_why(ann: Client, exchange: Exchange) -> None:
    exchange.gateway.close("Closed for the night")
    reply = await ann.post("orders/", order("BUY OPEN 1 @ 110"))
    assert (reply.status, reply.code, reply.json["detail"]) == (503, 503, "Closed for the night")
    assert (await ann.get("orders/")).status == 200
