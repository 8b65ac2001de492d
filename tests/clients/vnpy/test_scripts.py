"""Two scripts on vnpy's own engines trade with each other while their server is stopped and killed: nothing that vnpy
was told is missing, and nothing is there twice."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial

import pytest
from bourse_client import SyncClient
from bourse_client.messages import Order, Trade
from vnpy.event import EventEngine
from vnpy.trader.constant import Exchange, Offset, OrderType, Status
from vnpy.trader.engine import BaseEngine, MainEngine
from vnpy.trader.event import EVENT_ORDER, EVENT_TICK
from vnpy.trader.object import OrderRequest

from tests.clients.vnpy.desk import LONG, SHORT, SYMBOL, VT_SYMBOL, Desk, desk_of
from tests.e2e.cluster.where import Where
from tests.e2e.server import Server

USERS = {"FIRST": "user001", "SECOND": "user002"}
WAYS: dict[str, Callable[[Server], None]] = {"stopped": Server.stop, "killed": Server.kill}
STATES = {"Filled": Status.ALLTRADED, "Cancelled": Status.CANCELLED}


class Script(BaseEngine):
    """As vnpy's script trader: a loop in a thread that sends, waits and cancels. Which offset an order has, vnpy's
    converter decides from the positions that it was told."""

    def __init__(self, main_engine: MainEngine, event_engine: EventEngine, desk: Desk, gateway: str) -> None:
        super().__init__(main_engine, event_engine, f"script of {gateway}")
        self._desk, self._gateway = desk, gateway
        self._dice = random.Random(gateway)
        self.sent: list[str] = []
        self.failure: BaseException | None = None

    def start(self, orders: int) -> threading.Thread:
        thread = threading.Thread(target=self._run, args=(orders,))
        thread.start()
        return thread

    def _run(self, orders: int) -> None:
        try:
            while len(self.sent) < orders:
                self._turn()
            for vt_orderid in self.sent:
                if self._desk.order(vt_orderid).is_active():
                    self._desk.cancel(vt_orderid)
            for vt_orderid in self.sent:
                self._desk.until(partial(self._over, vt_orderid), "the end")
        except BaseException as failure:
            self.failure = failure

    def _turn(self) -> None:
        """Orders in one direction, as many as it takes to close first."""
        price = 119.5 + 0.5 * self._dice.randint(-1, 1)
        direction = self._dice.choice([LONG, SHORT])
        req = OrderRequest(
            SYMBOL, Exchange.LOCAL, direction, OrderType.LIMIT, self._dice.randint(1, 3), price, Offset.NONE
        )
        for each in self.main_engine.convert_order_request(req, self._gateway, False, True):
            vt_orderid = self.main_engine.send_order(each, self._gateway)
            self.main_engine.update_order_request(each, vt_orderid, self._gateway)
            self.sent.append(vt_orderid)
            self._desk.until(partial(self._answered, vt_orderid), "the answer")
            if self._dice.random() < 0.3 and self._desk.order(vt_orderid).is_active():
                self._desk.cancel(vt_orderid)

    def _answered(self, vt_orderid: str) -> bool:
        order = self.main_engine.get_order(vt_orderid)
        return order is not None and order.status is not Status.SUBMITTING

    def _over(self, vt_orderid: str) -> bool:
        return not self._desk.order(vt_orderid).is_active()

    def has_sent(self, orders: int) -> bool:
        return len(self.sent) >= orders


def play(server: Server, ways: list[str], orders: int) -> None:
    """The server ends in each of these ways among the orders of both."""
    with desk_of(server, **USERS) as desk:
        desk.subscribe("FIRST")
        scripts = {gateway: Script(desk.main, desk.events, desk, gateway) for gateway in USERS}
        threads = [script.start(orders) for script in scripts.values()]
        for turn, way in enumerate(ways):
            enough = orders * (turn + 1) // (len(ways) + 1)
            desk.until(partial(scripts["FIRST"].has_sent, enough), "the orders")
            WAYS[way](server)
            server.start()
        for thread in threads:
            thread.join()
        assert [script.failure for script in scripts.values()] == [None, None]
        assert len(desk.trades("FIRST")) >= len(ways) - 1
        ticks = len(desk.of(EVENT_TICK))
        for gateway, user_id in USERS.items():
            check(desk, gateway, scripts[gateway].sent, server, user_id)
        desk.placed("FIRST", LONG, 1, 118.0)
        desk.until(lambda: len(desk.of(EVENT_TICK)) > ticks, "ticks after all this")


def check(desk: Desk, gateway: str, sent: list[str], server: Server, user_id: str) -> None:
    """What vnpy knows is what the exchange has stored."""
    with SyncClient(server.http, user_id, server.token(user_id), patience=60.0) as exchange:
        orders, trades, rows = exchange.query_orders(), exchange.query_trades(), exchange.query_positions()
    assert orders_of(orders) == [(name.split(".")[1], *known(desk, name)) for name in sent]
    desk.until(lambda: {each.tradeid for each in desk.trades(gateway)} >= {each.trade_id for each in trades}, "trades")
    told = [(each.tradeid, each.orderid, each.price, each.volume) for each in desk.trades(gateway)]
    assert told == trades_of(trades, orders)
    (row,) = rows or [{"volume_long": 0.0, "volume_short": 0.0, "volume_long_his": 0.0}]
    desk.until(lambda: desk.lots(gateway) == (row["volume_long"], row["volume_short"]), "positions")
    holding = desk.converter(gateway).get_position_holding(VT_SYMBOL)
    assert holding is not None and (holding.long_pos, holding.short_pos) == (row["volume_long"], row["volume_short"])
    for name in sent:
        filled = [order.traded for order in desk.of(EVENT_ORDER, gateway) if order.vt_orderid == name]
        assert filled == sorted(filled)


def known(desk: Desk, name: str) -> tuple[Status, float]:
    return desk.order(name).status, desk.order(name).traded


def orders_of(stored: list[Order]) -> list[tuple[str | None, Status, float]]:
    return [(each.client_order_id, STATES[each.status], each.filled_volume) for each in reversed(stored)]


def trades_of(stored: list[Trade], orders: list[Order]) -> list[tuple[str, str | None, float, float]]:
    names = {order.order_id: order.client_order_id for order in orders}
    return [(each.trade_id, names[each.order_id], each.price, each.volume) for each in reversed(stored)]


@pytest.mark.slow
def test_a_server_that_is_killed_among_orders(where: Where) -> None:
    play(where(), ["killed"], orders=20)


@pytest.mark.long
def test_a_server_that_is_stopped_and_killed_again_and_again(where: Where) -> None:
    play(where(), ["killed", "stopped", "killed", "killed"], orders=200)
