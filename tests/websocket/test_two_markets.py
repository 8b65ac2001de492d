"""Two markets in one database, each with an exchange of its own: nothing of one shows in the other."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
import pytest
from django.test import Client as Browser

from exchange_site.clock import Clock
from exchange_site.config import ExchangeConfig
from exchange_site.page.demo_accounts import DemoAccounts
from exchange_site.urls import routes
from exchange_site.wiring.exchange import Exchange
from tests.builders import FUNDS, NOW, Books, Founded, listing, order
from tests.websocket.client import Client, Frame
from tests.websocket.conftest import Join
from trading.core.commands import Deposit, Settle
from trading.core.events import OrderAccepted
from trading.core.money import UNIT
from trading.delivery.channel_layer import InProcessLayer
from trading.models import Account, Market, User
from trading.protocol import order_id_text
from trading.reads import identities

DAY = 20_231_115


class There(NamedTuple):
    """The other market, TWO: `user002` and `user003` have accounts there too, and have traded AU2301."""

    filled: str
    waiting: str


@pytest.fixture
def there(market: Founded) -> There:
    """Account numbers are an engine's own, so those of the other market are begun further up by hand."""
    books = Books("TWO")
    for number, user_id in ((101, "user002"), (102, "user003")):
        Account.objects.create(id=number, user_id=user_id, market_id="TWO")
    books.load()
    books.now = NOW + 3_600_000
    bought = order(101, "BUY OPEN 2 @ 120", "AU2301")
    books.commit(listing("AU2301"), Deposit("user002", 7 * FUNDS), Deposit("user003", FUNDS))
    events = books.commit(bought, order(102, "SELL OPEN 2 @ 120", "AU2301"), order(101, "BUY OPEN 1 @ 119", "AU2301"))
    first, _, last = (order_id_text(event.order_id) for event in events if isinstance(event, OrderAccepted))
    books.commit(Settle(DAY, DAY + 1, {"AU2301": 121 * UNIT}))
    return There(first, last)


@pytest.fixture
async def other_exchange(there: There) -> AsyncIterator[Exchange]:
    config = msgspec.structs.replace(ExchangeConfig.from_settings(), market="TWO")
    exchange = Exchange(config, InProcessLayer(), Clock())
    await exchange.ensure_started()
    yield exchange
    await exchange.stop()


@pytest.fixture
async def here(there: There, exchange: Exchange, market: Founded, join: Join) -> Client:
    """user002 at MAIN."""
    return await (await join(exchange.services)).sign_in("user002", market.tokens["user002"])


@pytest.fixture
async def over_there(other_exchange: Exchange, market: Founded, join: Join) -> Client:
    """user002 at TWO."""
    return await (await join(other_exchange.services)).sign_in("user002", market.tokens["user002"])


async def data(client: Client, query: str, **fields: Any) -> Frame:
    answer = await client.ask(type=query, **fields)
    assert answer["type"] == "query_response", answer
    return dict(answer["data"])


async def code(client: Client, **message: Any) -> int:
    answer = await client.ask(**message)
    return int(answer.get("code") or answer["error_code"])


async def test_each_lists_its_own_instruments(here: Client, over_there: Client) -> None:
    listed = {
        client: [each["instrument_id"] for each in (await data(client, "query_instruments"))["instruments"]]
        for client in (here, over_there)
    }
    assert listed == {here: ["IF2301", "IX2301"], over_there: ["AU2301"]}
    for client, names in ((here, ["IF2301", "IX2301"]), (over_there, ["AU2301"])):
        found = await data(client, "query_statistics")
        assert [each["instrument_id"] for each in found["statistics"]] == names


async def test_an_instrument_of_the_other_is_unknown(here: Client, over_there: Client) -> None:
    for client, name in ((here, "AU2301"), (over_there, "IX2301")):
        for query in ("query_instruments", "query_statistics", "query_public_trades", "query_position"):
            assert await code(client, type=query, instrument_id=name) == 1004
        for query in ("query_orders", "query_trades"):
            assert await code(client, type=query, instrument_id=name) == 1004
        assert await code(client, type="query_bars", instrument_id=name, period="1m") == 1004
        assert (await client.place("BUY OPEN 1 @ 120", name))["error_code"] == 1004
        for channel in ("orderbook", "trade"):
            answer = await client.ask(type="subscribe", channels=[channel], instruments=[name])
            assert (answer["success"], answer["message"]) == (False, f"Unknown instrument {name}")


async def test_an_account_is_that_of_the_market(here: Client, over_there: Client) -> None:
    assert (await data(here, "query_account"))["account"]["deposit"] == FUNDS / UNIT
    found = (await data(over_there, "query_account"))["account"]
    assert found["pre_balance"] > 6 * FUNDS / UNIT
    assert (await data(here, "query_position"))["positions"] == []
    assert [each["instrument_id"] for each in (await data(over_there, "query_position"))["positions"]] == ["AU2301"]


async def test_who_has_no_account_at_the_market_has_none(other_exchange: Exchange, market: Founded, join: Join) -> None:
    """Though they have one at the other."""
    client = await (await join(other_exchange.services)).sign_in("user001", market.tokens["user001"])
    assert await code(client, type="query_account") == 1003
    assert (await client.place("BUY OPEN 1 @ 120", "AU2301"))["error_code"] == 1003


async def test_orders_and_histories_of_the_other_are_not_there(there: There, here: Client, over_there: Client) -> None:
    for order_id in there:
        assert await code(here, type="query_order", order_id=order_id) == 1002
        assert await code(here, type="cancel_order", order_id=order_id) == 1002
        assert await code(here, type="amend_order", order_id=order_id, volume=1) == 1002
        assert (await data(over_there, "query_order", order_id=order_id))["order"]["order_id"] == order_id
    assert (await data(here, "query_trades", order_id=there.filled))["trades"] == []
    assert len((await data(over_there, "query_trades", order_id=there.filled))["trades"]) == 1
    for query, name in (("query_orders", "orders"), ("query_trades", "trades"), ("query_statements", "statements")):
        assert (await data(here, query))[name] == []
        assert (await data(over_there, query))[name] != []


async def test_what_happens_at_one_is_told_there_alone(here: Client, over_there: Client) -> None:
    assert (await here.place("BUY OPEN 1 @ 119"))["success"]
    assert {frame["type"] for frame in await here.rest()} == {"order_status", "account_update"}
    await over_there.hears_nothing()
    assert (await over_there.place("BUY OPEN 1 @ 119", "AU2301"))["success"]
    assert {frame["type"] for frame in await over_there.rest()} == {"order_status", "account_update"}
    await here.hears_nothing()


async def test_what_was_missed_is_that_of_the_market(here: Client, over_there: Client) -> None:
    for client, trading_day in ((here, 0), (over_there, DAY + 1)):
        await client.say(type="resume")
        snapshot = await client.hear_until("snapshot")
        assert snapshot["trading_day"] == trading_day
        names = {each["instrument_id"] for each in [*snapshot["positions"], *snapshot["orders"]]}
        assert names <= ({"AU2301"} if trading_day else {"IX2301", "IF2301"})


def test_a_user_has_one_account_a_market(there: There) -> None:
    for market in Market.objects.all():
        numbers = set(Account.objects.filter(user_id="user002", market=market).values_list("pk", flat=True))
        assert {identities.account_id(user_id="user002", market=market.code)} == numbers


def test_the_page_shows_the_instruments_of_its_market(there: There, settings: Any) -> None:
    for market, mine, others in (("MAIN", "IX2301", "AU2301"), ("TWO", "AU2301", "IX2301")):
        settings.ROOT_URLCONF = tuple(routes(market, DemoAccounts.from_settings()))
        page = Browser().get("/").content.decode()
        assert mine in page and others not in page


def test_the_back_office_shows_the_accounts_of_its_market(there: There) -> None:
    """A command names the user: it must not be asked for from the page of another market's account."""
    operator = Browser()
    operator.force_login(User.objects.create_superuser("operator", password=None))
    assert operator.get("/admin/trading/account/2/change/").status_code == 200
    gone = operator.get("/admin/trading/account/101/change/")
    assert (gone.status_code, gone.headers["location"]) == (302, "/admin/")
    assert operator.get("/admin/trading/account/101/deposit/").status_code == 404
    assert operator.get("/admin/trading/account/").context["cl"].result_count == 3
