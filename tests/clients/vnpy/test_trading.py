"""Two gateways of one desk trade with each other on a live server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

import pytest
from vnpy.trader.constant import Direction, Exchange, Interval, Offset, OrderType, Product, Status
from vnpy.trader.database import DB_TZ
from vnpy.trader.event import EVENT_ACCOUNT, EVENT_TICK
from vnpy.trader.object import BarData, HistoryRequest, OrderRequest, SubscribeRequest
from vnpy_bourse import BourseGateway

from tests.clients.vnpy.desk import CLOSE, LONG, OPEN, SHORT, SYMBOL, VT_SYMBOL, Desk, desk_of
from tests.e2e.server import Server


@pytest.fixture(scope="module")
def desk(server: Server) -> Iterator[Desk]:
    with desk_of(server, BUYER="user001", SELLER="user002") as desk:
        yield desk


@pytest.fixture(autouse=True)
def flat(desk: Desk) -> Iterator[None]:
    """Each test closes what it has opened."""
    yield
    for order in desk.main.get_all_active_orders():
        desk.cancel(order.vt_orderid)
    desk.until(lambda: not desk.main.get_all_active_orders(), "the end of all orders")
    lots = desk.lots("BUYER")[0]
    assert desk.lots("BUYER") == (lots, 0) and desk.lots("SELLER") == (0, lots)
    if lots:
        desk.placed("BUYER", SHORT, lots, 119.5, CLOSE)
        desk.send("SELLER", LONG, lots, 119.5, CLOSE)
    for gateway in ("BUYER", "SELLER"):
        desk.until_lots(gateway, 0, 0)


def trade(desk: Desk, lots: float, price: float = 119.5) -> tuple[str, str]:
    """BUYER is long of SELLER's lots; the names of both orders."""
    before = desk.lots("BUYER")[0]
    bought = desk.placed("BUYER", LONG, lots, price)
    sold = desk.send("SELLER", SHORT, lots, price)
    desk.until_lots("BUYER", before + lots, 0)
    desk.until_lots("SELLER", 0, before + lots)
    for vt_orderid in (bought, sold):
        desk.until_status(vt_orderid, Status.ALLTRADED)
    return bought, sold


def test_contracts_come(desk: Desk) -> None:
    contract = desk.main.get_contract(VT_SYMBOL)
    assert contract is not None
    assert (contract.product, contract.size, contract.pricetick) == (Product.FUTURES, 100, 0.5)
    assert (contract.min_volume, contract.max_volume) == (1, 1000)
    assert contract.stop_supported and contract.history_data and not contract.net_position
    assert desk.main.get_all_exchanges() == [Exchange.LOCAL]


def test_an_order_from_its_beginning_to_its_end(desk: Desk) -> None:
    bought = desk.placed("BUYER", LONG, 3, 119.5)
    first = desk.send("SELLER", SHORT, 1, 119.5)
    desk.until_status(bought, Status.PARTTRADED)
    desk.send("SELLER", SHORT, 2, 119.0)
    desk.until_status(bought, Status.ALLTRADED)
    assert desk.statuses(bought) == [Status.SUBMITTING, Status.NOTTRADED, Status.PARTTRADED, Status.ALLTRADED]
    order = desk.order(bought)
    assert (order.symbol, order.direction, order.offset, order.type) == (SYMBOL, LONG, OPEN, OrderType.LIMIT)
    assert (order.price, order.volume, order.traded) == (119.5, 3, 3) and order.datetime is not None
    desk.until_lots("BUYER", 3, 0)
    trades = [each for each in desk.trades("BUYER") if each.vt_orderid == bought]
    assert [(each.price, each.volume, each.direction, each.offset) for each in trades] == [
        (119.5, 1, LONG, OPEN),
        (119.5, 2, LONG, OPEN),
    ]
    desk.until_status(first, Status.ALLTRADED)
    sold = [each for each in desk.trades("SELLER") if each.vt_orderid == first]
    assert [each.tradeid for each in sold] == [trades[0].tradeid]


def test_positions_and_the_account(desk: Desk) -> None:
    trade(desk, 2)
    desk.until(lambda: desk.position("BUYER", LONG).price == 119.5, "what it has cost")
    told = desk.position("BUYER", LONG)
    assert (told.volume, told.yd_volume, told.pnl) == (2, 0, 0)
    desk.placed("BUYER", SHORT, 1, 120.0, CLOSE)
    desk.until(lambda: desk.position("BUYER", LONG).frozen == 1, "what an order holds")
    accounts = {"BUYER": "user001", "SELLER": "user002"}
    for gateway, user_id in accounts.items():
        name = f"{gateway}.{user_id}"
        desk.until(partial(has_margin, desk, name), "the margin")
        account = desk.main.get_account(name)
        assert account is not None and account.frozen < account.balance
    before = len(desk.of(EVENT_ACCOUNT, "BUYER"))
    desk.main.gateways["BUYER"].query_account()
    desk.until(lambda: len(desk.of(EVENT_ACCOUNT, "BUYER")) > before, "the account")
    told_before = desk.told_positions("BUYER")
    desk.main.gateways["BUYER"].query_position()
    desk.until(lambda: desk.told_positions("BUYER") > told_before, "positions")


def has_margin(desk: Desk, name: str) -> bool:
    account = desk.main.get_account(name)
    return account is not None and account.frozen > 0


def test_vnpy_converts_offsets_as_the_exchange_holds_lots(desk: Desk) -> None:
    trade(desk, 3)
    converter = desk.converter("BUYER")
    req = OrderRequest(SYMBOL, Exchange.LOCAL, SHORT, OrderType.LIMIT, 5, 119.5, Offset.NONE)
    converted = converter.convert_order_request(req, lock=False, net=True)
    assert [(each.offset, each.volume) for each in converted] == [(CLOSE, 3), (OPEN, 2)]
    holding = converter.get_position_holding(VT_SYMBOL)
    assert holding is not None and (holding.long_pos, holding.long_td, holding.long_yd) == (3, 3, 0)
    desk.placed("BUYER", SHORT, 2, 120.0, CLOSE)
    assert holding.long_pos_frozen == 2
    again = converter.convert_order_request(req, lock=False, net=True)
    assert [(each.offset, each.volume) for each in again] == [(CLOSE, 1), (OPEN, 4)]


@pytest.mark.parametrize("offset", [CLOSE, Offset.CLOSETODAY])
def test_lots_are_closed(desk: Desk, offset: Offset) -> None:
    trade(desk, 2)
    desk.placed("BUYER", SHORT, 2, 119.5, offset)
    desk.send("SELLER", LONG, 2, 119.5, offset)
    for gateway in ("BUYER", "SELLER"):
        desk.until_lots(gateway, 0, 0)
        assert desk.trades(gateway)[-1].offset is offset
        holding = desk.converter(gateway).get_position_holding(VT_SYMBOL)
        assert holding is not None and (holding.long_pos, holding.short_pos) == (0, 0)


def test_an_order_is_cancelled(desk: Desk) -> None:
    order = desk.placed("BUYER", LONG, 1, 119.0)
    desk.cancel(order)
    desk.until_status(order, Status.CANCELLED)
    assert desk.statuses(order) == [Status.SUBMITTING, Status.NOTTRADED, Status.CANCELLED]


def test_a_cancel_that_follows_its_order_at_once(desk: Desk) -> None:
    req = OrderRequest(SYMBOL, Exchange.LOCAL, LONG, OrderType.LIMIT, 1, 119.0, OPEN)
    orders = [desk.main.send_order(req, "BUYER") for _ in range(5)]
    for vt_orderid in orders:
        order = req.create_order_data(vt_orderid.split(".")[1], "BUYER")
        desk.main.cancel_order(order.create_cancel_request(), "BUYER")
    for vt_orderid in orders:
        desk.until_status(vt_orderid, Status.CANCELLED)


def test_a_cancel_that_is_too_late_is_in_the_log(desk: Desk) -> None:
    req = OrderRequest(SYMBOL, Exchange.LOCAL, LONG, OrderType.LIMIT, 1, 119.0, OPEN)
    desk.main.cancel_order(req.create_order_data("nobody", "BUYER").create_cancel_request(), "BUYER")
    desk.until(lambda: desk.says("cancel of nobody: refused, 1002", "BUYER"), "the refusal")


@pytest.mark.parametrize(
    ("price", "volume", "offset", "words"),
    [
        (119.7, 1, OPEN, "1007"),
        (1.0, 1, OPEN, "1008"),
        (119.5, 100_000, OPEN, "1006"),
        (119.5, 1, CLOSE, "1005"),
        (119.5, 1, Offset.NONE, "an order needs an offset"),
    ],
)
def test_what_is_refused_is_rejected_and_the_log_says_why(
    desk: Desk, price: float, volume: float, offset: Offset, words: str
) -> None:
    order = desk.send("BUYER", LONG, volume, price, offset)
    desk.until_status(order, Status.REJECTED)
    desk.until(lambda: any(order.split(".")[1] in line and words in line for line in desk.log("BUYER")), words)


@pytest.mark.parametrize(
    ("direction", "kind", "exchange", "words"),
    [
        (Direction.NET, OrderType.LIMIT, Exchange.LOCAL, "LONG or SHORT"),
        (LONG, OrderType.RFQ, Exchange.LOCAL, "no orders of the type"),
        (LONG, OrderType.LIMIT, Exchange.SHFE, "IX2301.SHFE is not traded here"),
    ],
)
def test_an_order_that_cannot_be_said_is_rejected(
    desk: Desk, direction: Direction, kind: OrderType, exchange: Exchange, words: str
) -> None:
    order = desk.main.send_order(OrderRequest(SYMBOL, exchange, direction, kind, 1, 119.5, OPEN), "BUYER")
    desk.until_status(order, Status.REJECTED)
    assert desk.statuses(order) == [Status.REJECTED]
    desk.until(lambda: desk.says(words, "BUYER"), words)


def test_orders_of_all_kinds(desk: Desk) -> None:
    desk.placed("SELLER", SHORT, 2, 119.5)
    fok = desk.send("BUYER", LONG, 3, 119.5, kind=OrderType.FOK)
    desk.until_status(fok, Status.CANCELLED)
    fak = desk.send("BUYER", LONG, 3, 119.5, kind=OrderType.FAK)
    desk.until_status(fak, Status.CANCELLED)
    assert (desk.order(fok).traded, desk.order(fak).traded) == (0, 2)
    desk.until(lambda: desk.says("cancelled, UNFILLED", "BUYER"), "the reason")
    stop = desk.placed("BUYER", LONG, 1, 120.0, kind=OrderType.STOP)
    desk.placed("SELLER", SHORT, 2, 120.0)
    market = desk.send("BUYER", LONG, 1, 0, kind=OrderType.MARKET)
    desk.until_status(market, Status.ALLTRADED)
    desk.until_status(stop, Status.ALLTRADED)
    assert (desk.order(stop).type, desk.order(stop).price) == (OrderType.STOP, 120.0)
    desk.until_lots("BUYER", 4, 0)
    desk.until_lots("SELLER", 0, 4)


def test_ticks_have_five_levels_and_the_day(desk: Desk) -> None:
    desk.subscribe("BUYER")
    for number in range(6):
        desk.placed("BUYER", LONG, number + 1, 119.5 - 0.5 * number)
        desk.placed("SELLER", SHORT, number + 1, 120.0 + 0.5 * number)
    desk.until(lambda: (tick := desk.tick()) and tick.bid_volume_5 == tick.ask_volume_5 == 5, "five levels")
    tick = desk.tick()
    assert tick is not None and tick.gateway_name == "BUYER" and tick.name
    assert [getattr(tick, f"bid_price_{n}") for n in range(1, 6)] == [119.5, 119.0, 118.5, 118.0, 117.5]
    assert [getattr(tick, f"ask_price_{n}") for n in range(1, 6)] == [120.0, 120.5, 121.0, 121.5, 122.0]
    assert [getattr(tick, f"bid_volume_{n}") for n in range(1, 6)] == [1, 2, 3, 4, 5]
    volume = tick.volume
    desk.send("BUYER", LONG, 1, 120.0)
    desk.until(lambda: (tick := desk.tick()) and tick.last_price == 120.0 and tick.volume > volume, "the trade")
    after = desk.tick()
    assert after is not None and after.low_price <= 120.0 <= after.high_price and after.last_volume == 1
    assert after.limit_down < after.pre_close < after.limit_up
    assert abs(after.datetime - datetime.now(DB_TZ)) < timedelta(days=1)
    assert len({id(event) for event in desk.of(EVENT_TICK)}) == len(desk.of(EVENT_TICK))


def test_an_instrument_that_is_not_there(desk: Desk) -> None:
    desk.main.subscribe(SubscribeRequest("NONE", Exchange.LOCAL), "SELLER")
    desk.until(lambda: desk.says("ticks of NONE: refused", "SELLER"), "the refusal")


def test_history(desk: Desk) -> None:
    trade(desk, 1)
    start = datetime.now(DB_TZ) - timedelta(days=2)
    found: dict[Interval, list[BarData]] = {}

    def is_there() -> bool:
        """A bar may come a moment after its trade."""
        for interval in (Interval.MINUTE, Interval.HOUR, Interval.DAILY):
            req = HistoryRequest(SYMBOL, Exchange.LOCAL, start, None, interval)
            found[interval] = desk.main.query_history(req, "BUYER")
        return all(bars and bars[-1].close_price == 119.5 for bars in found.values())

    desk.until(is_there, "the bars")
    for interval, bars in found.items():
        assert bars and bars[-1].interval is interval
        assert [bar.datetime for bar in bars] == sorted({bar.datetime for bar in bars})
    last = found[Interval.MINUTE][-1].datetime
    req = HistoryRequest(SYMBOL, Exchange.LOCAL, last, last, Interval.MINUTE)
    assert [bar.datetime for bar in desk.main.query_history(req, "BUYER")] == [last]
    assert desk.main.query_history(HistoryRequest("NONE", Exchange.LOCAL, start, None, Interval.HOUR), "BUYER") == []
    desk.until(lambda: desk.says("bars of NONE.LOCAL: 1004", "BUYER"), "the refusal")
    assert desk.main.query_history(HistoryRequest(SYMBOL, Exchange.LOCAL, start, None, Interval.WEEKLY), "BUYER") == []
    desk.until(lambda: desk.says("there are those of a minute", "BUYER"), "the words")


def test_closed_and_connected_again_nothing_is_told_twice(desk: Desk, server: Server) -> None:
    trade(desk, 2)
    resting = desk.placed("BUYER", LONG, 1, 119.0)
    statuses, trades = desk.statuses(resting), len(desk.trades("BUYER"))
    gateway = desk.main.gateways["BUYER"]
    gateway.close()
    gateway.close()
    refused = desk.send("BUYER", LONG, 1, 119.0)
    desk.until_status(refused, Status.REJECTED)
    desk.connect(server, "BUYER", "user001")
    assert desk.statuses(resting) == statuses and len(desk.trades("BUYER")) == trades
    assert desk.lots("BUYER") == (2, 0)
    desk.cancel(resting)
    desk.until_status(resting, Status.CANCELLED)


def test_another_desk_knows_what_there_is(desk: Desk, server: Server) -> None:
    """As after a restart of the program: orders, trades and positions are those that the first desk was told of."""
    trade(desk, 2)
    resting = desk.placed("BUYER", LONG, 1, 119.0)
    with desk_of(server, BUYER="user001") as other:
        assert other.main.get_order(resting) == desk.main.get_order(resting)
        known = {each.tradeid: each for each in other.trades("BUYER")}
        assert len(known) == len(other.trades("BUYER"))
        assert {each.tradeid: each for each in desk.trades("BUYER")}.items() <= known.items()
        assert other.lots("BUYER") == (2, 0)
        holding = other.converter("BUYER").get_position_holding(VT_SYMBOL)
        assert holding is not None and (holding.long_pos, holding.long_td, holding.short_pos) == (2, 2, 0)
        other.cancel(resting)
        desk.until_status(resting, Status.CANCELLED)


def test_any_thread_may_send(desk: Desk) -> None:
    sent: list[str] = []
    threads = [
        threading.Thread(target=lambda: sent.extend(desk.send("BUYER", LONG, 1, 118.0) for _ in range(5)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(sent)) == 20
    for order in sent:
        desk.until_status(order, Status.NOTTRADED)


def test_who_is_not_let_in_reads_why(desk: Desk, server: Server) -> None:
    desk.main.add_gateway(BourseGateway, "STRANGER")
    desk.main.connect({"address": server.http, "user_id": "user001", "token": "wrong"}, "STRANGER")
    desk.until(lambda: desk.says("does not let user001 in", "STRANGER"), "the refusal")
    desk.main.connect({"address": server.http, "user_id": "", "token": ""}, "STRANGER")
    desk.until(lambda: desk.says("the setting needs user_id, token", "STRANGER"), "what is missing")
    desk.main.gateways["STRANGER"].query_account()
    desk.until(lambda: desk.says("account: not connected", "STRANGER"), "the words")
    desk.connect(server, "STRANGER", "user003")
    desk.main.connect({"address": server.http, "user_id": "user003", "token": "x"}, "STRANGER")
    desk.until(lambda: desk.says("is connected already", "STRANGER"), "the words")
