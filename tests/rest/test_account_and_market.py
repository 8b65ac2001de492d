"""The account, its tokens and its money; the market as everybody sees it."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async

from exchange_site.page.demo_accounts import DemoAccounts
from exchange_site.page.transfers import demo_transfer
from exchange_site.wiring.exchange import Exchange
from tests.conftest import OpenExchange
from tests.rest.client import Client
from tests.rest.test_orders import order
from tests.websocket.client import Client as Socket
from trading.core.commands import Announce
from trading.models import AccessToken, User
from trading.operators import requests


async def test_rest_tells_what_the_socket_tells(ann: Client, ben: Client, alice: Socket) -> None:
    """The same figures under the same names."""
    await ben.post("orders/", order("SELL OPEN 2 @ 120"))
    await ann.post("orders/", order("BUY OPEN 3 @ 120"))
    await alice.rest()
    for path, kind, more in (
        ("account/", "query_account", {}),
        ("positions/", "query_position", {}),
        ("orders/", "query_orders", {}),
        ("trades/", "query_trades", {}),
        ("instruments/", "query_instruments", {}),
        ("instruments/IX2301/trades/", "query_public_trades", {"instrument_id": "IX2301"}),
        ("instruments/IX2301/statistics/", "query_statistics", {"instrument_id": "IX2301"}),
    ):
        frame = await alice.ask(type=kind, **more)
        assert (await ann.get(path)).json == frame["data"], path
    with_lots = await alice.ask(type="query_position", lots=True)
    assert (await ann.get("positions/", lots="true")).json == with_lots["data"]
    assert (await ann.get("positions/", lots="false")).json == (await ann.get("positions/")).json
    assert (await ann.get("positions/", lots="1")).code == 400
    assert with_lots["data"]["positions"][0]["lots"][0]["open_price"] == 120.0


async def test_the_book(anybody: Client, ann: Client, exchange: Exchange) -> None:
    await ann.post("orders/", order("BUY OPEN 3 @ 119.5"))
    book = (await anybody.get("instruments/IX2301/book/")).json
    assert book["bids"] == [{"price": 119.5, "volume": 3.0, "order_count": 1}] and book["asks"] == []
    for nothing in ("book", "trades", "bars", "statistics"):
        missing = await anybody.get(f"instruments/none/{nothing}/")
        assert (missing.status, missing.code) == (404, 1004), nothing


async def test_the_time_is_the_exchanges(anybody: Client, exchange: Exchange) -> None:
    before = exchange.services.clock()
    assert before <= (await anybody.get("time/")).json["timestamp"] <= exchange.services.clock()


async def test_announcements_are_told_to_whom_they_concern(ann: Client, ben: Client, anybody: Client) -> None:
    until = 4_000_000_000_000
    for command in (Announce("Dear all", until), Announce("Dear user001", until, "user001", until - 1)):
        row = await database_sync_to_async(requests.carry_out)(command, market="MAIN")
        assert row.status == "DONE"
    told = {
        name: [each["text"] for each in (await client.get("announcements/")).json["announcements"]]
        for name, client in (("ann", ann), ("ben", ben), ("anybody", anybody))
    }
    assert told == {"ann": ["Dear all", "Dear user001"], "ben": ["Dear all"], "anybody": ["Dear all"]}


async def test_limits_are_told(ann: Client, anybody: Client) -> None:
    await ann.post("orders/", order("BUY OPEN 3 @ 119.5"))
    mine, nobodys = (await ann.get("limits/")).json, (await anybody.get("limits/")).json
    assert mine["orders_at_once"] == 2_000 and 0 < mine["orders_left"] <= 2_000
    assert nobodys["orders_left"] == 0 and 0 < nobodys["requests_left"] < nobodys["requests_at_once"] == 200


# --- tokens


async def test_a_token_is_made_seen_used_and_revoked(ann: Client) -> None:
    made = await ann.post("tokens/", {"name": "robot", "scope": "READ", "days": 1})
    assert made.status == 201 and made.json["scope"] == "READ"
    robot, where = ann.as_(made.json["token"]), made.headers["location"].removeprefix("/api/v1/")
    seen = await ann.get(where)
    assert seen.json == {name: value for name, value in made.json.items() if name != "token"}
    assert seen.json in (await ann.get("tokens/")).json["tokens"]
    assert (await robot.get("account/")).json["account"]["user_id"] == "user001"  # which is noted, some time
    assert (await ann.delete(where)).status == 200
    assert (await robot.get("account/")).code == 401
    assert (await ann.get(where)).code == 404


async def test_a_token_outlives_none_that_made_it(ann: Client) -> None:
    own = await AccessToken.objects.aget(user__username="user001")
    made = await ann.post("tokens/", {"days": 3650})
    assert made.json["expires_at"] <= own.expiry.timestamp() * 1_000 + 1_000


async def test_a_token_may_revoke_itself(ann: Client) -> None:
    (own,) = (await ann.get("tokens/")).json["tokens"]
    assert (await ann.delete(f"tokens/{own['token_key']}/")).status == 200
    assert (await ann.get("tokens/")).code == 401


async def test_nobody_sees_or_revokes_what_is_another_s(ann: Client, ben: Client) -> None:
    (own,) = (await ann.get("tokens/")).json["tokens"]
    assert (await ben.get(f"tokens/{own['token_key']}/")).code == 404
    assert (await ben.delete(f"tokens/{own['token_key']}/")).code == 404
    assert own not in (await ben.get("tokens/")).json["tokens"]


async def test_there_is_an_end_to_tokens(ann: Client) -> None:
    for _ in range(49):
        assert (await ann.post("tokens/")).status == 201
    assert (await ann.post("tokens/")).code == 1013


@pytest.mark.parametrize("wrong", [{"scope": "ADMIN"}, {"days": 0}, {"name": ""}, {"name": "x" * 65}, {"name": "\0"}])
async def test_a_wish_for_a_token_that_is_wrong(ann: Client, wrong: dict[str, Any]) -> None:
    assert (await ann.post("tokens/", wrong)).code == 400


# --- transfers


async def test_money_of_the_demo(open_exchange: OpenExchange, settings: Any) -> None:
    exchange = await open_exchange(DEMO=True, DEMO_FUNDS=1_000_000)
    accounts = DemoAccounts.from_settings()
    transfer = demo_transfer(accounts)
    assert transfer is not None
    token = await _demo_token(accounts)
    client = Client(exchange.services, token, transfer=transfer)
    other = Client(exchange.services, (await _token_of("user002")))
    await other.post("orders/", order("SELL OPEN 1 @ 120"))
    await client.post("orders/", order("BUY OPEN 1 @ 120"))
    assert (await client.get("account/")).json["account"]["balance"] == 999_998
    busy = await client.post("transfers/", {"kind": "RESET"})
    assert (busy.status, busy.code) == (409, 409) and "flat" in busy.json["detail"]
    for _ in range(2):
        topped = await client.post("transfers/", {"kind": "TOP_UP"}, Idempotency_Key="t")
        assert topped.json["account"]["balance"] == 1_000_000
    strange = Client(exchange.services, await _token_of("user001"), transfer=transfer)
    assert (await strange.post("transfers/", {"kind": "RESET"})).code == 403


async def _demo_token(accounts: DemoAccounts) -> str:
    user = await database_sync_to_async(accounts.make, thread_sensitive=False)("192.0.2.1")
    return await _token_of(user.username)


async def _token_of(user_id: str) -> str:
    user = await User.objects.aget(username=user_id)
    _, token = await sync_to_async(AccessToken.objects.create)(user)
    return str(token)


def test_outside_the_demo_users_move_no_money(settings: Any) -> None:
    settings.DEMO = False
    assert demo_transfer(DemoAccounts.from_settings()) is None
