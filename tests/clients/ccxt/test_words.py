"""The exchange's words are ccxt's: parsing without a server, and what is asked for each call."""

from __future__ import annotations

import inspect
import re
from typing import Any

import ccxt
import ccxt_bourse
import pytest
from ccxt_bourse import async_support, errors, pro, wanted
from ccxt_bourse.description import ENDPOINTS, HAS
from ccxt_bourse.parsing import LEDGER, STATUSES

from tests.clients.ccxt.told import ENDLESS, INSTRUMENT, LATER, ORDER, POSITION, SYMBOL, TRADE, Fields, Told, placed
from tests.e2e.server import ROOT
from trading.core.codes import Code
from trading.core.types import OrderStatus
from trading.models import LedgerEntry
from trading.protocol import query_data
from trading.rest.errors import HttpCode
from trading.rest.routes import OPERATIONS

MOSTLY_NONE = {"spot", "margin", "option", "swap", "future", "CORS", "withdraw", "fetchCurrencies"}


# -- tables that must have all there is


def test_there_is_an_exception_of_ccxt_for_each_code() -> None:
    assert set(errors.BY_CODE) == {*map(int, Code), *map(int, HttpCode)}


def test_the_guide_says_so_too() -> None:
    section = (ROOT / "docs/ccxt.md").read_text(encoding="utf-8").partition("## Errors")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", section, flags=re.MULTILINE)
    told = {int(code): name for name, words in rows for code in re.findall(r"\b\d{3,4}\b", words)}
    assert told == {code: kind.__name__ for code, kind in errors.BY_CODE.items()}


def test_every_status_and_every_kind_of_entry_has_a_word() -> None:
    assert set(STATUSES) == {status.value for status in OrderStatus}
    assert set(LEDGER) == {kind.value for kind in LedgerEntry.Kind}


def test_every_path_is_one_of_rest() -> None:
    paths = {(verb, path) for _, verb, path in ENDPOINTS.values()}
    there = {(each.method, each.path.replace("<str:", "{").replace(">", "}")) for each in OPERATIONS}
    assert paths - there == set()
    assert {path for _, path in there - paths} == {"tokens/", "tokens/{token_key}/", "transfers/"}


@pytest.mark.parametrize("kind", [ccxt_bourse.bourse, async_support.bourse])
def test_what_it_says_to_have_it_has(kind: Any) -> None:
    exchange = kind()
    there = {name for name, has in HAS.items() if has} - MOSTLY_NONE
    assert all(callable(getattr(exchange, name)) for name in there)
    own = {name for name in vars(kind) if name.startswith(("fetch_", "cancel_", "create_", "edit_"))}
    said = {exchange.un_camel_case(name) for name in there}
    assert own <= said
    if kind is async_support.bourse:
        assert all(inspect.iscoroutinefunction(getattr(exchange, name)) for name in own)


# -- refusals


@pytest.mark.parametrize("code", [*Code, *HttpCode])
def test_a_refusal_is_raised(code: Any) -> None:
    answer = {"code": int(code), "message": code.text, "detail": f"{code.text} 7", "request_id": "x"}
    with pytest.raises(errors.BY_CODE[int(code)], match=rf"^bourse {int(code)} .* 7"):
        Told().handle_errors(422, "", "", "GET", {"Retry-After": "3"}, "", answer, {}, "")


def test_what_was_too_fast_says_when_to_come_again() -> None:
    answer = {"code": 429, "message": "Too many requests", "detail": "Too many requests"}
    with pytest.raises(ccxt.RateLimitExceeded, match="again in 3 s"):
        Told().handle_errors(429, "", "", "GET", {"Retry-After": "3"}, "", answer, {}, "")


@pytest.mark.parametrize(("answer", "kind"), [({"code": 1999, "message": "new"}, ccxt.ExchangeError), ("<html>", None)])
def test_what_is_no_known_refusal(answer: Any, kind: type[Exception] | None) -> None:
    failure = errors.failure(answer, None)
    assert (type(failure) if failure else None) is kind


# -- the market


def test_a_dated_future() -> None:
    market = Told().market("IX2301")
    assert (market["symbol"], market["type"], market["future"], market["swap"]) == (SYMBOL, "future", True, False)
    assert (market["base"], market["quote"], market["settle"]) == ("IX2301", "CNY", "CNY")
    assert market["expiryDatetime"] == "2023-12-15T23:59:59.999Z"
    assert (market["contractSize"], market["linear"], market["subType"]) == (100, True, "linear")
    assert market["precision"]["price"] == 0.5 and market["precision"]["amount"] == 1
    assert market["limits"]["price"] == {"min": 108.0, "max": 132.0} and market["limits"]["leverage"]["max"] == 10
    assert market["taker"] == pytest.approx(0.0001 + 2.4 / 12000, abs=1e-15)


def test_one_that_does_not_end_is_a_swap() -> None:
    market = Told().market("rb/CNY:CNY")
    assert (market["type"], market["swap"], market["expiry"], market["active"]) == ("swap", True, None, False)


def test_the_currency_is_an_option() -> None:
    assert Told(options={"currency": "USD"}).market("IX2301")["symbol"] == "IX2301/USD:USD-231215"


@pytest.mark.parametrize(
    ("hostname", "url"),
    [
        ("localhost:8081", "http://localhost:8081/api/v1/time/"),
        ("https://bourse.example", "https://bourse.example/api/v1/time/"),
        ("http://bourse.example/", "http://bourse.example/api/v1/time/"),
    ],
)
def test_where_the_exchange_is(hostname: str, url: str) -> None:
    assert Told(hostname=hostname).sign("time/")["url"] == url


def test_only_private_requests_show_the_token() -> None:
    exchange = Told({"timestamp": 7}, {"account": {"balance": 7.0, "available": 7.0}})
    assert exchange.fetch_time() == 7
    assert "Authorization" not in exchange.headers_sent
    exchange.fetch_balance()
    assert exchange.headers_sent["Authorization"] == "Bearer TOKEN"
    with pytest.raises(ccxt.AuthenticationError):
        Told(secret="").fetch_balance()


def test_private_requests_name_the_user_whose_token_it_shall_be() -> None:
    for user_id, named in (("user001", "user001"), ("desk-1.a_b", "desk-1.a_b"), ("用户\n", "%E7%94%A8%E6%88%B7%0A")):
        exchange = Told({"timestamp": 7}, {"account": {"balance": 7.0, "available": 7.0}}, apiKey=user_id)
        exchange.fetch_time()
        assert "X-User-ID" not in exchange.headers_sent
        exchange.fetch_balance()
        assert exchange.headers_sent["X-User-ID"] == named


@pytest.mark.parametrize("secret", ["令牌", "TOKEN\n", "TOKEN\r\nX: y"])
def test_what_no_header_can_hold_is_no_token(secret: str) -> None:
    exchange = Told(secret=secret)
    with pytest.raises(ccxt.AuthenticationError, match="no token"):
        exchange.fetch_balance()
    assert exchange.asked == []


def test_a_ticker() -> None:
    day = {
        "instrument_id": "IX2301",
        "open": 119.0,
        "high": 121.0,
        "low": 118.5,
        "last_price": 121.2,
        "change": 1.2,
        "volume": 4.0,
        "turnover": 48040.0,
        "settlement_price": 120.0,
    }
    level = {"price": 120.5, "volume": 2.0, "order_count": 1}
    book = {"bids": [level], "asks": [], "timestamp": 1696320001000}
    ticker = Told({"statistics": [day]}, book).fetch_ticker(SYMBOL)
    assert (ticker["bid"], ticker["bidVolume"], ticker["ask"], ticker["last"]) == (120.5, 2.0, None, 121.2)
    assert (ticker["change"], ticker["percentage"], ticker["previousClose"]) == (1.2, 1.0, 120.0)
    assert (ticker["vwap"], ticker["quoteVolume"], ticker["baseVolume"]) == (120.1, 48040.0, 400.0)
    assert ticker["timestamp"] == 1696320001000


def test_nothing_was_traded() -> None:
    day: Fields = dict.fromkeys(("open", "high", "low", "last_price", "change"))
    day |= {"instrument_id": "IX2301", "volume": 0.0, "turnover": 0.0, "settlement_price": 120.0}
    ticker = Told().parse_ticker(day)
    assert (ticker["last"], ticker["vwap"], ticker["percentage"], ticker["previousClose"]) == (None, None, None, 120.0)


def bars(*starts: int) -> list[Fields]:
    figures = {"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 7.0}
    return [{"start": start, **figures} for start in starts]


def test_the_last_bars() -> None:
    exchange = Told({"bars": bars(180_000, 60_000), "next": 60_000})
    assert exchange.fetch_ohlcv(SYMBOL, "1m", limit=2) == [
        [60_000, 1.0, 2.0, 0.5, 1.5, 7.0],
        [180_000, 1.0, 2.0, 0.5, 1.5, 7.0],
    ]
    assert exchange.asked == [("GET", "/instruments/IX2301/bars/", {"period": "1m", "limit": "2"})]


def test_the_first_bars_from_a_moment_on_are_found_behind_a_gap() -> None:
    """Two bars are wanted from minute 1 on: windows of 2, 4 and 8 minutes, until one has something."""
    minute = 60_000
    nothing: Fields = {"bars": [], "next": None}
    exchange = Told(
        {"bars": bars(20 * minute), "next": 20 * minute},
        nothing,
        {"bars": bars(0), "next": None},
        {"bars": bars(10 * minute, 9 * minute, 8 * minute, 0), "next": 0},
    )
    found = exchange.fetch_ohlcv(SYMBOL, "1m", since=minute, limit=2)
    assert [bar[0] for bar in found] == [8 * minute, 9 * minute]
    assert [asked.get("before") for _, _, asked in exchange.asked] == [None, *(str(n * minute) for n in (3, 7, 15))]


def test_pages_are_read_whether_they_are_asked_for_or_not() -> None:
    exchange = Told({"bars": bars(60_000), "next": None}, {"trades": [], "next": None}, {"entries": [], "next": None})
    paging = {"paginate": True, "paginationCalls": 5}
    exchange.fetch_ohlcv(SYMBOL, "1m", None, 1, paging)
    exchange.fetch_my_trades(SYMBOL, None, 2, paging)
    exchange.fetch_ledger(None, None, 2, paging)
    assert [set(asked) & set(paging) for _, _, asked in exchange.asked] == [set()] * 3


def test_a_sandbox_is_the_same_exchange() -> None:
    exchange = Told()
    before = dict(exchange.urls["api"])
    exchange.set_sandbox_mode(True)
    assert exchange.urls["api"] == before


def test_an_order_by_cost_is_refused_in_words() -> None:
    with pytest.raises(ccxt.NotSupported):
        Told().create_market_buy_order_with_cost(SYMBOL, 1_000)


def test_no_bars_after_a_moment() -> None:
    exchange = Told({"bars": bars(60_000), "next": None})
    assert exchange.fetch_ohlcv(SYMBOL, since=60_001) == []
    assert len(exchange.asked) == 1


# -- what cannot be asked


def asked_with(name: str, *kinds: Any) -> list[tuple[Any, str]]:
    """The methods of these classes that take an argument of this name."""
    return [
        (kind, method)
        for kind in kinds
        for method in sorted(dir(kind))
        if method.startswith(("fetch_", "watch_"))
        and any(method in vars(each) for each in kind.__mro__ if each.__module__.startswith("ccxt_bourse"))
        and name in inspect.signature(getattr(kind, method)).parameters
    ]


NAMED = {"symbol": SYMBOL, "symbols": [SYMBOL], "symbolsAndTimeframes": [[SYMBOL, "1m"]], "id": "O1"}


def ask_with(kind: Any, method: str, name: str, value: Any) -> None:
    """Of an exchange that nobody answers for."""
    exchange = kind({"apiKey": "user001", "secret": "TOKEN", "hostname": "nowhere.invalid"})
    call = getattr(exchange, method)
    given = {each: NAMED[each] for each in inspect.signature(call).parameters if each in NAMED}
    told = call(**{**given, name: value})
    if inspect.iscoroutine(told):
        told.send(None)


@pytest.mark.parametrize("limit", [-1, 0, True, 2.5, float("nan"), "ten", "10", [1]])
def test_a_limit_that_cannot_be(limit: Any) -> None:
    methods = asked_with("limit", ccxt_bourse.bourse, pro.bourse)
    assert len(methods) > 25
    for kind, method in methods:
        with pytest.raises(ccxt.BadRequest, match="limit is a whole number"):
            ask_with(kind, method, "limit", limit)


@pytest.mark.parametrize("name", ["display_volume", "valid_for_ms", "expires_at"])
def test_a_number_that_cannot_be_sent(name: str) -> None:
    for fields in ({name: 2**64}, {"orders": [{name: 10**30}]}):
        with pytest.raises(ccxt.BadRequest, match="larger than the numbers"):
            Told().sign("orders/", "private", "POST", fields)


HALF = "half \ud800 of a character"


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_text_that_is_none_is_not_sent(method: str) -> None:
    for fields in ({"client_order_id": HALF}, {"orders": [{"client_order_id": HALF}]}, {HALF: "1"}):
        with pytest.raises(ccxt.BadRequest, match="is no text"):
            Told().sign("orders/", "private", method, fields)
    with pytest.raises(ccxt.BadRequest, match="is no text"):
        Told().sign("orders/{order_id}/", "private", "DELETE", {"order_id": HALF})


async def test_a_user_that_is_no_text_is_not_sent() -> None:
    told = Told()
    told.apiKey = HALF
    with pytest.raises(ccxt.AuthenticationError, match="apiKey is no text"):
        told.sign("account/", "private")
    live = pro.bourse({"apiKey": HALF, "secret": "secret"})
    try:
        with pytest.raises(ccxt.AuthenticationError, match="apiKey is no text"):
            live._url()
    finally:
        await live.close()


@pytest.mark.parametrize("since", [-1, True, 1.5, "yesterday", "2026-01-01T00:00:00Z", 10**18])
def test_a_moment_that_cannot_be(since: Any) -> None:
    for kind, method in asked_with("since", ccxt_bourse.bourse, pro.bourse):
        with pytest.raises(ccxt.BadRequest, match="since is a whole number of ms"):
            ask_with(kind, method, "since", since)
    for method in ("fetch_ohlcv", "fetch_orders", "fetch_my_trades"):
        with pytest.raises(ccxt.BadRequest, match="until is a whole number of ms"):
            getattr(Told(), method)(SYMBOL, params={"until": since})


# -- orders


def test_an_order_with_its_fills() -> None:
    exchange = Told(placed(ORDER, LATER, further="T9"), {"trades": [TRADE], "next": None})
    order = exchange.fetch_order(ORDER["order_id"])
    assert (order["status"], order["filled"], order["remaining"], order["amount"]) == ("open", 3, 2, 5)
    assert order["average"] == pytest.approx((119.5 + 2 * 120) / 3, abs=1e-12)
    assert order["cost"] == 35950 and order["fee"] == {"cost": 6.3, "currency": "CNY"}
    assert (order["timestamp"], order["lastUpdateTimestamp"]) == (1696320001000, 1696320009000)
    assert order["lastTradeTimestamp"] == 1696320009000
    assert (order["clientOrderId"], order["timeInForce"], order["postOnly"]) == ("mine-1", "GTC", False)
    assert exchange.asked[1] == (
        "GET",
        "/trades/",
        {"order_id": ORDER["order_id"], "before": "T9", "limit": "200"},
    )


def test_what_an_order_in_a_list_has_cost_is_whole_ticks() -> None:
    """Its average price is rounded; 60 lots at 121.5 and one at 113.5 are 740350."""
    order = ORDER | {"volume": 61.0, "filled_volume": 61.0, "average_price": 121.368852}
    (told,) = Told({"orders": [order], "next": None}).fetch_orders(SYMBOL)
    assert (told["cost"], told["average"]) == (740350.0, 121.368852)


def test_of_an_order_in_a_list_nobody_knows_what_it_has_cost() -> None:
    (order,) = Told({"orders": [ORDER], "next": None}).fetch_orders(SYMBOL)
    assert (order["filled"], order["cost"], order["average"]) == (3, None, None)
    (order,) = Told({"orders": [ORDER | {"filled_volume": 0.0}], "next": None}).fetch_orders(SYMBOL)
    assert order["cost"] == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"post_only": True}, {"timeInForce": "PO", "postOnly": True}),
        ({"order_type": "MARKET", "price": None, "time_condition": "GFD"}, {"type": "market", "timeInForce": "IOC"}),
        ({"order_type": "MARKET", "price": None, "stop_price": 118.0}, {"timeInForce": "GTC", "triggerPrice": 118.0}),
        ({"offset": "CLOSETODAY", "direction": "SELL"}, {"side": "sell", "reduceOnly": True}),
        ({"status": "Waiting"}, {"status": "open"}),
        ({"status": "Cancelled"}, {"status": "canceled"}),
    ],
)
def test_words_of_an_order(change: Fields, told: Fields) -> None:
    order = Told().parse_order(ORDER | change)
    assert {name: order[name] for name in told} == told


PLAIN = {"instrument_id": "IX2301", "direction": "BUY", "offset": "OPEN", "volume": 2, "order_type": "LIMIT"}
SELLS = PLAIN | {"direction": "SELL", "offset": "CLOSE", "reduce_only": True, "order_type": "MARKET"}
STOP = {"stop_price": 118.0, "stop_kind": "STOP", "time_condition": "GTC"}
GTC = {"time_condition": "GTC"}
TAKE = STOP | {"stop_kind": "TAKE_PROFIT"}
ASKED: list[tuple[tuple[Any, ...], Fields]] = [
    (("limit", "buy", 2, 119.6), PLAIN | {"price": 119.5, "time_condition": "GTC"}),
    (("limit", "buy", 2.9, 119.5, {"timeInForce": "IOC"}), PLAIN | {"price": 119.5, "time_condition": "IOC"}),
    (("limit", "buy", 2, 119.5, {"timeInForce": "GFD"}), PLAIN | {"price": 119.5, "time_condition": "GFD"}),
    (
        ("limit", "buy", 2, 119.5, {"postOnly": True, "clientOrderId": 7}),
        PLAIN | {"price": 119.5, "time_condition": "GTC", "post_only": True, "client_order_id": "7"},
    ),
    (
        ("limit", "buy", 2, 119.5, {"timeInForce": "PO", "display_volume": 1}),
        PLAIN | {"price": 119.5, "time_condition": "GTC", "post_only": True, "display_volume": 1},
    ),
    (("market", "buy", 2, 119.5), PLAIN | {"order_type": "MARKET"}),
    (("market", "buy", 2, None, {"price_levels": 5}), PLAIN | {"order_type": "MARKET", "price_levels": 5}),
    (("market", "sell", 2, None, {"reduceOnly": True}), SELLS),
    (("market", "sell", 2, None, {"reduceOnly": True, "offset": "CLOSETODAY"}), SELLS | {"offset": "CLOSETODAY"}),
    (("market", "sell", 2, None, {"stopLossPrice": 118}), SELLS | STOP),
    (("market", "sell", 2, None, {"takeProfitPrice": 118}), SELLS | TAKE),
    (("market", "buy", 2, None, {"triggerPrice": 118}), PLAIN | STOP | {"order_type": "MARKET"}),
    (("market", "buy", 2, None, {"stopPrice": 118.1}), PLAIN | STOP | {"order_type": "MARKET"}),
    (("market", "sell", 2, None, {"takeProfitPrice": "117.8"}), SELLS | TAKE),
    (("market", "sell", 2, None, {"trailingAmount": 2.6, "reduceOnly": True}), SELLS | {"trail": 2.5} | GTC),
    (
        ("market", "buy", 2, None, {"triggerPrice": 118, "triggerDirection": "descending"}),
        PLAIN | TAKE | {"order_type": "MARKET"},
    ),
    (
        ("market", "sell", 2, None, {"trailingAmount": 2.5, "reduceOnly": True, "oco_group": "exit"}),
        SELLS | {"trail": 2.5, "time_condition": "GTC", "oco_group": "exit"},
    ),
]


@pytest.mark.parametrize(("said", "body"), ASKED)
def test_an_order_is_said(said: tuple[Any, ...], body: Fields) -> None:
    exchange = Told(placed(ORDER))
    exchange.create_order(SYMBOL, *said)
    assert exchange.asked == [("POST", "/orders/", body)]


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (("limit", "buy", 2), ccxt.ArgumentsRequired, "needs a price"),
        (("limit", "long", 2, 119.5), ccxt.InvalidOrder, "side is one of buy, sell, not long"),
        (("stop", "buy", 2, 119.5), ccxt.InvalidOrder, "type is one of limit, market"),
        (("limit", "buy", 0.5, 119.5), ccxt.InvalidOrder, "minimum amount precision"),
        (("limit", "buy", 1e30, 119.5), ccxt.InvalidOrder, "no number of an order"),
        (("limit", "buy", 1e20, 119.5), ccxt.InvalidOrder, "no number of an order"),
        (("limit", "buy", 2, 1e20), ccxt.InvalidOrder, "no number of an order"),
        (("limit", "buy", float("nan"), 119.5), ccxt.InvalidOrder, "no number of an order"),
        (("limit", "buy", "abc", 119.5), ccxt.InvalidOrder, "no number of an order"),
        (("limit", "buy", 2, 1e300), ccxt.InvalidOrder, "no number of an order"),
        (("market", "buy", 2, None, {"triggerPrice": "abc"}), ccxt.InvalidOrder, "no number of an order"),
        (("market", "buy", 2, None, {"trailingAmount": 0.1}), ccxt.InvalidOrder, "minimum price precision"),
        (("limit", "buy", 2, 119.5, {"post_onyl": True}), ccxt.BadRequest, "does not know post_onyl"),
        (("limit", "buy", 2, 119.5, {"postOnly": True, "timeInForce": "FOK"}), ccxt.InvalidOrder, "postOnly or FOK"),
        (("limit", "buy", 2, 119.5, {"stopLoss": {"triggerPrice": 1}}), ccxt.NotSupported, "has no stopLoss"),
        (("limit", "buy", 2, 119.5, {"reduceOnly": True, "offset": "OPEN"}), ccxt.InvalidOrder, "is not reduceOnly"),
        (("market", "buy", 2, None, {"triggerPrice": 1, "stopPrice": 2}), ccxt.InvalidOrder, "one price to wait for"),
        (
            ("market", "buy", 2, None, {"triggerPrice": 1, "triggerDirection": "sideways"}),
            ccxt.InvalidOrder,
            "triggerDirection is one of",
        ),
    ],
)
def test_an_order_that_cannot_be_said(said: tuple[Any, ...], kind: type[Exception], words: str) -> None:
    exchange = Told()
    with pytest.raises(kind, match=words):
        exchange.create_order(SYMBOL, *said)
    assert exchange.asked == []


def test_our_own_options_are_those_of_the_exchange() -> None:
    fields = set(
        next(each for each in OPERATIONS if each.path == "orders/" and each.method == "POST").takes.__struct_fields__
    )
    assert fields >= wanted.OURS
    said = {"instrument_id", "direction", "volume", "order_type", "price", "client_order_id", "post_only"}
    assert fields - wanted.OURS == said | {"reduce_only", "stop_price", "trail"}


def test_an_order_is_changed() -> None:
    exchange = Told(placed(ORDER))
    exchange.edit_order("O1", SYMBOL, "limit", "buy", None, 119.7)
    assert exchange.asked == [("PATCH", "/orders/O1/", {"price": 119.5})]
    with pytest.raises(ccxt.ArgumentsRequired):
        exchange.edit_order("O1", SYMBOL, "limit", "buy")


def test_an_order_is_named_by_ones_own_id() -> None:
    exchange = Told(placed(ORDER), placed(ORDER))
    exchange.cancel_order(None, SYMBOL, {"clientOrderId": "a/b"})
    assert exchange.asked == [
        ("GET", "/orders/by-client-id/a%2Fb/", {}),
        ("DELETE", f"/orders/{ORDER['order_id']}/", {}),
    ]
    with pytest.raises(ccxt.ArgumentsRequired):
        exchange.cancel_order(None)


def test_many_at_once() -> None:
    results = [
        {"success": True, "order_id": "O1", "error_code": None, "error_message": None},
        {"success": False, "order_id": None, "error_code": 1008, "error_message": "Price", "client_order_id": "b"},
    ]
    exchange = Told({"results": results}, {"results": results})
    each = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 1, "price": 119.5}
    told = exchange.create_orders([each, each | {"params": {"clientOrderId": "b"}}])
    assert [(order["id"], order["status"]) for order in told] == [("O1", "open"), (None, "rejected")]
    assert exchange.asked[0][2]["orders"][1]["client_order_id"] == "b"
    told = exchange.cancel_orders(["O1", "O2"])
    assert [(order["id"], order["status"]) for order in told] == [("O1", "canceled"), ("O2", "rejected")]
    assert exchange.asked[1] == ("DELETE", "/orders/batch/", {"order_ids": ["O1", "O2"]})


def test_all_are_cancelled() -> None:
    exchange = Told({"cancelled": 2}, {"cancelled": 3}, {"deadline": 7})
    exchange.cancel_all_orders(SYMBOL)
    exchange.cancel_all_orders()
    exchange.cancel_all_orders_after(30_000)
    assert exchange.asked == [
        ("POST", "/orders/cancel-all/", {"instrument_id": "IX2301"}),
        ("POST", "/orders/cancel-all/", {}),
        ("POST", "/cancel-after/", {"timeout_ms": 30_000}),
    ]


# -- lists


def order(number: int) -> Fields:
    return ORDER | {"order_id": f"O{number:013}0000000"}


def test_what_happened_in_one_millisecond_stays_in_its_order() -> None:
    """Lists come newest first, and ccxt gives them oldest first."""
    first, second = ORDER | {"order_id": "O16963200010000000001"}, ORDER | {"order_id": "O16963200010000000002"}
    found = Told({"orders": [second, first], "next": None}).fetch_open_orders(SYMBOL)
    assert [each["id"] for each in found] == [first["order_id"], second["order_id"]]
    trades = [{"price": price, "volume": 1.0, "timestamp": 7, "direction": "BUY"} for price in (2.0, 1.0)]
    assert [each["price"] for each in Told({"public_trades": trades}).fetch_trades(SYMBOL)] == [1.0, 2.0]
    entries = [
        {"entry_id": number, "kind": "DEPOSIT", "amount": 1.0, "timestamp": 7, "trade_id": None} for number in "21"
    ]
    for ask in ("fetch_ledger", "fetch_deposits"):
        found = getattr(Told({"entries": entries, "next": None}), ask)()
        assert [each["id"] for each in found] == ["1", "2"]


def test_with_a_moment_all_pages_are_read_and_the_first_orders_given() -> None:
    exchange = Told({"orders": [order(4), order(3)], "next": "O3"}, {"orders": [order(2)], "next": None})
    found = exchange.fetch_orders(SYMBOL, since=2, limit=2)
    assert [each["timestamp"] for each in found] == [2, 3]
    assert [asked for _, _, asked in exchange.asked] == [
        {"instrument_id": "IX2301", "from_time": "2", "limit": "200"},
        {"instrument_id": "IX2301", "from_time": "2", "limit": "200", "before": "O3"},
    ]


def test_without_one_the_newest_are_given() -> None:
    exchange = Told({"orders": [order(4), order(3)], "next": "O3"})
    assert [each["timestamp"] for each in exchange.fetch_open_orders(None, None, 2)] == [3, 4]
    assert exchange.asked == [("GET", "/orders/", {"status": "LIVE", "limit": "2"})]


def test_trades_that_were_taken_back_are_left_out() -> None:
    exchange = Told({"trades": [LATER, TRADE | {"broken": True}], "next": None})
    (trade,) = exchange.fetch_order_trades(ORDER["order_id"], SYMBOL)
    assert (trade["id"], trade["side"], trade["takerOrMaker"]) == (LATER["trade_id"], "buy", "maker")
    assert (trade["fee"], trade["cost"]) == ({"cost": 4.2, "currency": "CNY"}, 24_000)


def test_public_trades_have_the_side_that_came() -> None:
    told = [
        {"price": 120.0, "volume": 2.0, "timestamp": 9, "direction": "SELL"},
        {"price": 1.0, "volume": 1.0, "timestamp": 8},
    ]
    auction, taken = Told({"public_trades": told}).fetch_trades(SYMBOL)
    assert (taken["side"], taken["takerOrMaker"], taken["amount"]) == ("sell", "taker", 2)
    assert (auction["side"], auction["takerOrMaker"]) == (None, None)


# -- the account


def test_long_and_short_are_two_positions() -> None:
    exchange = Told({"positions": [POSITION]}, {"positions": [POSITION]})
    long, short = exchange.fetch_positions()
    assert exchange.asked == [("GET", "/positions/", {"lots": "true"})]
    assert (long["side"], long["contracts"], long["entryPrice"], long["unrealizedPnl"]) == ("long", 3, 119.5, 300)
    assert (short["side"], short["contracts"], short["entryPrice"], short["unrealizedPnl"]) == ("short", 2, 119, -300)
    assert short["timestamp"] == 1696320004000
    assert (long["notional"], long["initialMargin"], long["collateral"]) == (36150, 3600, 3900)
    assert long["leverage"] == pytest.approx(36150 / 3600, abs=1e-9) and long["timestamp"] == 1696320002000
    assert exchange.fetch_positions([exchange.market("rb")["symbol"]]) == []


def test_a_position_at_no_price() -> None:
    """It was never traded at since the exchange began; and one whose margin is nothing."""
    flat = POSITION | {"volume_short": 0.0, "last_price": None, "margin_long": 0.0, "lots": None}
    (long,) = Told().parse_sides(flat)
    assert (long["notional"], long["leverage"], long["percentage"], long["timestamp"]) == (None, None, None, None)


def test_the_balance_adds_up() -> None:
    balance = Told({"account": {"balance": 1000.1, "available": 900.3}}).fetch_balance()
    assert balance["CNY"] == {"total": 1000.1, "free": 900.3, "used": 99.8}


def entry(number: int, kind: str, amount: float) -> Fields:
    return {"entry_id": number, "kind": kind, "amount": amount, "trade_id": None, "timestamp": number}


def test_the_ledger_and_what_was_paid_in() -> None:
    newest = {"entries": [entry(4, "COMMISSION", -6.0), entry(3, "WITHDRAWAL", -5.0)], "next": 3}
    oldest = {"entries": [entry(2, "CLOSE_PROFIT", 7.0), entry(1, "DEPOSIT", 100.0)], "next": None}
    ledger = Told(newest).fetch_ledger(limit=2)
    assert [(each["type"], each["amount"], each["direction"]) for each in ledger] == [
        ("transaction", 5, "out"),
        ("fee", 6, "out"),
    ]
    exchange = Told(newest, oldest, newest, oldest)
    assert [(each["type"], each["amount"]) for each in exchange.fetch_deposits()] == [("deposit", 100)]
    assert [(each["type"], each["amount"]) for each in exchange.fetch_withdrawals()] == [("withdrawal", 5)]
    assert Told().fetch_deposits("BTC") == Told().fetch_ledger("BTC") == []
    stopped = Told(newest)
    assert [each["timestamp"] for each in stopped.fetch_ledger(None, 4)] == [4] and len(stopped.asked) == 1


def test_what_the_samples_are_is_what_the_exchange_tells() -> None:
    for sample, kind in (
        (INSTRUMENT, query_data.InstrumentData),
        (ENDLESS, query_data.InstrumentData),
        (ORDER, query_data.OrderData),
        (TRADE, query_data.TradeData),
        (POSITION, query_data.PositionData),
    ):
        assert set(sample) <= set(kind.__struct_fields__)
