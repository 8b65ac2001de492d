"""Two users trade at a live server, with and without asyncio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ccxt
import pytest

from tests.clients.ccxt.people import DATED, ENDLESS, list_dated, until, user
from tests.e2e.cluster.where import Where
from tests.e2e.server import Market, Server

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(somewhere: Where) -> Server:
    own = somewhere(start=False)
    list_dated(own)
    own.start()
    return own


@pytest.fixture(params=[False, True], ids=["blocking", "asyncio"])
def people(request: pytest.FixtureRequest, server: Server) -> Iterator[tuple[Any, Any]]:
    """A buyer and a seller, with nothing open from tests before."""
    with (
        user(server, "user001", is_async=request.param) as buyer,
        user(server, "user002", is_async=request.param) as seller,
    ):
        yield buyer, seller
        for each in (buyer, seller):
            each.cancel_all_orders()
        for each, other in ((buyer, seller), (seller, buyer)):
            for position in each.fetch_positions():
                flatten(each, other, position)


def flatten(holder: Any, other: Any, position: Any) -> None:
    """Both hold the same lots, on different sides."""
    side, against = ("sell", "buy") if position["side"] == "long" else ("buy", "sell")
    price, amount = position["info"]["last_price"], position["contracts"]
    holder.create_order(position["symbol"], "limit", side, amount, price, {"reduceOnly": True})
    other.create_order(position["symbol"], "limit", against, amount, price, {"reduceOnly": True})


def test_the_market(people: tuple[Any, Any]) -> None:
    buyer, _ = people
    markets = buyer.load_markets()
    assert buyer.load_markets(True, {"type": "swap", "colour": "red"}).keys() == markets.keys()
    assert markets[DATED]["type"] == "future" and markets[ENDLESS]["type"] == "swap"
    assert abs(buyer.fetch_time() - buyer.milliseconds()) < 86_400_000
    assert buyer.fetch_status()["status"] == "ok"
    assert set(buyer.fetch_trading_fees()) == set(buyer.symbols)


@pytest.mark.parametrize("is_async", [False, True], ids=["blocking", "asyncio"])
def test_somebody_elses_token_does_nothing(server: Server, is_async: bool) -> None:
    """Whoever mixed up two pairs would trade for the other."""
    order = {"symbol": ENDLESS, "type": "limit", "side": "buy", "amount": 1, "price": 110}
    with user(server, "user001", is_async=is_async, token_of="user002") as mixed_up:
        for asked in (
            lambda: mixed_up.create_order(*order.values()),
            lambda: mixed_up.create_orders([order]),
            mixed_up.cancel_all_orders,
            mixed_up.fetch_balance,
        ):
            with pytest.raises(ccxt.AuthenticationError, match="bourse 401 Invalid credentials: this is no token of"):
                asked()
    for user_id in ("user001", "user002"):
        with user(server, user_id) as either:
            assert either.fetch_open_orders() == []


def test_an_order_from_its_beginning_to_its_end(people: tuple[Any, Any]) -> None:
    buyer, seller = people
    own = f"mine-{buyer.uuid16()}"
    order = buyer.create_order(DATED, "limit", "buy", 3, 800.1, {"clientOrderId": own})
    assert (order["status"], order["price"], order["clientOrderId"]) == ("open", 800, own)
    again = buyer.create_order(DATED, "limit", "buy", 3, 800.1, {"clientOrderId": own})
    assert again["id"] == order["id"]
    with pytest.raises(ccxt.DuplicateOrderId):
        buyer.create_order(DATED, "limit", "buy", 4, 800, {"clientOrderId": own})
    until(lambda: buyer.fetch_order_book(DATED)["bids"], lambda bids: bids[:1] == [[800, 3]])

    sold = seller.create_order(DATED, "market", "sell", 2)
    assert (sold["status"], sold["average"], sold["cost"], sold["filled"]) == ("closed", 800, 160_000, 2)
    assert sold["fee"] == {"cost": 6, "currency": "CNY"} and sold["trades"][0]["takerOrMaker"] == "taker"
    bought = buyer.fetch_order(None, DATED, {"clientOrderId": own})
    assert (bought["status"], bought["filled"], bought["remaining"]) == ("open", 2, 1)
    assert bought["trades"][0]["id"] == sold["trades"][0]["id"]
    assert bought["timestamp"] == order["timestamp"] <= bought["lastTradeTimestamp"]

    changed = buyer.edit_order(order["id"], DATED, "limit", "buy", 4, 799.5)
    assert (changed["id"], changed["amount"], changed["price"], changed["remaining"]) == (order["id"], 4, 799.5, 2)
    assert [each["id"] for each in buyer.fetch_open_orders(DATED)] == [order["id"]]
    cancelled = buyer.cancel_order(order["id"], DATED)
    assert (cancelled["status"], cancelled["filled"]) == ("canceled", 2)
    with pytest.raises(ccxt.OrderNotFound):
        buyer.cancel_order(order["id"], DATED)
    assert buyer.fetch_open_orders(DATED) == []
    assert order["id"] in [each["id"] for each in buyer.fetch_canceled_orders(DATED)]
    assert sold["id"] in [each["id"] for each in seller.fetch_closed_orders(DATED)]
    assert [each["id"] for each in buyer.fetch_orders(DATED, since=order["timestamp"], limit=1)] == [order["id"]]
    assert [each["amount"] for each in buyer.fetch_order_trades(order["id"])] == [2]
    assert buyer.fetch_my_trades(DATED, limit=1)[0]["order"] == order["id"]


def test_positions_and_what_they_win(people: tuple[Any, Any]) -> None:
    buyer, seller = people
    for price in (800, 810):
        buyer.create_order(DATED, "limit", "buy", 1, price)
        seller.create_order(DATED, "limit", "sell", 1, price)
    (long,) = buyer.fetch_positions([DATED])
    (short,) = seller.fetch_positions_for_symbol(DATED)
    assert (long["side"], long["contracts"], long["entryPrice"], long["markPrice"]) == ("long", 2, 805, 810)
    assert (short["side"], short["contracts"], short["hedged"]) == ("short", 2, True)
    assert (long["unrealizedPnl"], short["unrealizedPnl"]) == (1000, -1000)
    assert long["timestamp"] is not None and long["initialMargin"] > 0

    balance = buyer.fetch_balance()["CNY"]
    assert balance["used"] >= long["initialMargin"] and balance["total"] == balance["free"] + balance["used"]
    assert buyer.fetch_positions([ENDLESS]) == []
    assert buyer.fetch_positions(params={"type": "swap", "subType": "linear"}) == [long]
    assert buyer.fetch_position(DATED) == long and seller.fetch_position(DATED) == short
    assert buyer.fetch_position(DATED, {"side": "long"}) == long
    for none in (buyer.fetch_position(DATED, {"side": "short"}), buyer.fetch_position(ENDLESS)):
        assert (none["side"], none["contracts"], none["unrealizedPnl"], none["entryPrice"]) == (None, 0, 0, None)
    held = buyer.create_order(DATED, "limit", "sell", 9, 815, {"reduceOnly": True})
    assert (held["amount"], held["reduceOnly"]) == (2, True)


def test_what_the_market_tells(people: tuple[Any, Any]) -> None:
    buyer, seller = people
    before = buyer.fetch_time()
    buyer.create_order(DATED, "limit", "buy", 1, 805)
    seller.create_order(DATED, "limit", "sell", 1, 805)
    trades = until(lambda: buyer.fetch_trades(DATED, since=before), len)
    assert (trades[-1]["price"], trades[-1]["side"], trades[-1]["amount"]) == (805, "sell", 1)
    ticker = until(lambda: buyer.fetch_ticker(DATED), lambda ticker: ticker["last"] == 805)
    assert ticker["low"] <= 805 <= ticker["high"] and ticker["previousClose"] == 800 and ticker["baseVolume"] >= 100
    buyer.create_order(DATED, "limit", "buy", 2, 790)
    assert until(lambda: buyer.fetch_tickers([DATED]), lambda told: told[DATED]["bid"])[DATED]["bidVolume"] == 2
    for timeframe in buyer.timeframes:
        last = until(partial(buyer.fetch_ohlcv, DATED, timeframe), len)[-1]
        assert last[3] <= last[4] <= last[2]
        assert buyer.fetch_ohlcv(DATED, timeframe, since=last[0], limit=1)[0][0] == last[0]
    assert buyer.fetch_ohlcv(DATED, since=before + 86_400_000) == []


def test_orders_of_all_kinds(people: tuple[Any, Any]) -> None:
    buyer, seller = people
    seller.create_order(DATED, "limit", "sell", 2, 800)
    fok = buyer.create_order(DATED, "limit", "buy", 3, 800, {"timeInForce": "FOK"})
    assert (fok["status"], fok["filled"], fok["timeInForce"]) == ("canceled", 0, "FOK")
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        buyer.create_order(DATED, "limit", "buy", 1, 800, {"postOnly": True})
    ioc = buyer.create_order(DATED, "limit", "buy", 3, 800, {"timeInForce": "IOC"})
    assert (ioc["status"], ioc["filled"], ioc["average"]) == ("canceled", 2, 800)
    stop = buyer.create_stop_loss_order(DATED, "market", "sell", 2, None, 790)
    assert (stop["status"], stop["triggerPrice"], stop["reduceOnly"], stop["timeInForce"]) == ("open", 790, True, "GTC")
    trailing = buyer.create_trailing_amount_order(DATED, "market", "sell", 1, None, 5)
    assert trailing["status"] == "open" and trailing["triggerPrice"] is not None
    assert len(buyer.fetch_open_orders(DATED)) == 2
    rest, bad = buyer.create_orders(
        [{"symbol": DATED, "type": "limit", "side": "buy", "amount": 1, "price": price} for price in (790, 1)]
    )
    assert (rest["status"], bad["status"], bad["info"]["error_code"]) == ("open", "rejected", 1008)
    told = buyer.cancel_orders([rest["id"], stop["id"], "O1"])
    assert [each["status"] for each in told] == ["canceled", "canceled", "rejected"]
    assert buyer.cancel_all_orders(DATED)[0]["info"] == {"cancelled": 1}
    assert buyer.cancel_all_orders_after(30_000)["deadline"] > buyer.fetch_time()
    assert buyer.cancel_all_orders_after(0)["deadline"] is None


def test_the_ledger(people: tuple[Any, Any]) -> None:
    buyer, seller = people
    buyer.create_order(DATED, "limit", "buy", 1, 805)
    seller.create_order(DATED, "limit", "sell", 1, 805)
    trade = buyer.fetch_my_trades(DATED, limit=1)[0]
    entry = buyer.fetch_ledger(limit=1)[0]
    assert (entry["type"], entry["direction"], entry["amount"]) == ("fee", "out", trade["fee"]["cost"])
    assert entry["referenceId"] == trade["id"]
    assert [each["amount"] for each in buyer.fetch_deposits()] == [10_000_000]
    assert buyer.fetch_withdrawals() == []


REFUSED: list[tuple[type[Exception], Callable[[Any], Any]]] = [
    (ccxt.InsufficientFunds, lambda user: [user.create_order("IF2301", "limit", "buy", 100, 4000) for _ in range(3)]),
    (ccxt.InvalidOrder, lambda user: user.create_order(DATED, "limit", "buy", 1, 1)),
    (ccxt.InvalidOrder, lambda user: user.create_order(DATED, "limit", "buy", 501, 800)),
    (ccxt.InvalidOrder, lambda user: user.create_order(DATED, "limit", "sell", 1, 800, {"reduceOnly": True})),
    (ccxt.OrderNotFound, lambda user: user.fetch_order("O1")),
    (ccxt.OrderNotFound, lambda user: user.fetch_order(None, None, {"clientOrderId": "nobody"})),
    (ccxt.BadSymbol, lambda user: user.fetch_ticker("NONE")),
    (ccxt.BadSymbol, lambda user: user.public_get_book({"instrument_id": "NONE"})),
    (ccxt.BadRequest, lambda user: user.fetch_orders(DATED, params={"colour": "red"})),
    (ccxt.BadRequest, lambda user: user.fetch_ohlcv(DATED, "3m")),
    (ccxt.BadRequest, lambda user: user.fetch_position(DATED, {"side": "both"})),
]


@pytest.mark.parametrize(("kind", "ask"), REFUSED)
def test_refusals(people: tuple[Any, Any], kind: type[Exception], ask: Callable[[Any], Any]) -> None:
    with pytest.raises(kind, match="bourse"):
        ask(people[0])


@pytest.mark.parametrize("is_async", [False, True])
def test_who_is_not_let_in(server: Server, is_async: bool) -> None:
    with user(server, "user003", is_async=is_async) as stranger:
        stranger.secret = "wrong"
        if is_async:
            stranger._exchange.secret = "wrong"
        with pytest.raises(ccxt.AuthenticationError, match="401"):
            stranger.fetch_balance()


def test_an_exchange_that_is_not_there(server: Server) -> None:
    with user(server, "user003") as lost:
        lost.hostname = "127.0.0.1:9"
        with pytest.raises(ccxt.NetworkError):
            lost.fetch_time()


def test_who_is_too_fast(seeded_market: Market, tmp_path_factory: pytest.TempPathFactory) -> None:
    market = seeded_market.copy(tmp_path_factory.mktemp("server"))
    server = Server(market, extra={"RATE_LIMITS": "on", "REQUESTS_PER_SECOND": "1"})
    try:
        server.start()
        with user(server, "user003") as fast, pytest.raises(ccxt.RateLimitExceeded, match="again in"):
            for _ in range(1000):
                fast.fetch_balance()
        assert fast.last_response_headers["X-RateLimit-Remaining"] == "0"
    finally:
        server.stop()
