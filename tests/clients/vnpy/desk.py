"""A desk of vnpy without a window: its main engine, gateways, and all that its engine was told."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vnpy.event import Event, EventEngine
from vnpy.trader.constant import Direction, Exchange, Offset, OrderType, Status
from vnpy.trader.converter import OffsetConverter
from vnpy.trader.engine import MainEngine, OmsEngine
from vnpy.trader.event import EVENT_LOG, EVENT_ORDER, EVENT_POSITION, EVENT_TICK, EVENT_TRADE
from vnpy.trader.object import OrderData, OrderRequest, PositionData, SubscribeRequest, TickData, TradeData
from vnpy_bourse import BourseGateway

from tests.e2e.server import Server

SYMBOL = "IX2301"
VT_SYMBOL = f"{SYMBOL}.LOCAL"
PATIENCE = 60.0
LONG, SHORT = Direction.LONG, Direction.SHORT
OPEN, CLOSE = Offset.OPEN, Offset.CLOSE


class Desk:
    """Events are kept in their order; `until` waits for one more."""

    def __init__(self) -> None:
        folder = os.getcwd()
        self.events = EventEngine()
        self.heard: list[Event] = []
        self._more = threading.Condition()
        self.events.register_general(self._hear)
        self.main = MainEngine(self.events)
        os.chdir(folder)  # It has gone to its own.

    def _hear(self, event: Event) -> None:
        """After all handlers of its kind."""
        with self._more:
            self.heard.append(event)
            self._more.notify_all()

    def until(self, is_so: Callable[[], Any], what: str = "") -> None:
        deadline = time.monotonic() + PATIENCE
        with self._more:
            while not is_so():
                left = deadline - time.monotonic()
                assert left > 0, f"{what} did not come; gateways say {self.said()[-12:]}"
                self._more.wait(left)

    # -- what was told

    def of(self, kind: str, gateway: str = "") -> list[Any]:
        found = [event.data for event in list(self.heard) if event.type == kind]
        return [data for data in found if not gateway or data.gateway_name == gateway]

    def log(self, gateway: str = "") -> list[str]:
        return [log.msg for log in self.of(EVENT_LOG, gateway)]

    def said(self) -> list[str]:
        """Without what the main engine writes of each request."""
        return [line for line in self.log() if " -> " not in line]

    def says(self, words: str, gateway: str = "") -> bool:
        return any(words in line for line in self.log(gateway))

    def trades(self, gateway: str) -> list[TradeData]:
        return self.of(EVENT_TRADE, gateway)

    def statuses(self, vt_orderid: str) -> list[Status]:
        return [order.status for order in self.of(EVENT_ORDER) if order.vt_orderid == vt_orderid]

    def order(self, vt_orderid: str) -> OrderData:
        order = self.main.get_order(vt_orderid)
        assert order is not None
        return order

    def tick(self) -> TickData | None:
        return self.main.get_tick(VT_SYMBOL)

    def position(self, gateway: str, direction: Direction) -> PositionData:
        told = self.main.get_position(f"{gateway}.{VT_SYMBOL}.{direction.value}")
        return told or PositionData(gateway, SYMBOL, Exchange.LOCAL, direction)

    def lots(self, gateway: str) -> tuple[float, float]:
        return self.position(gateway, LONG).volume, self.position(gateway, SHORT).volume

    def converter(self, gateway: str) -> OffsetConverter:
        oms = self.main.get_engine("oms")
        assert isinstance(oms, OmsEngine)
        return oms.offset_converters[gateway]

    # -- what is done

    def add(self, server: Server, gateway: str, user_id: str, address: str = "") -> None:
        """A gateway that is connected, and that knows all there is to know."""
        self.main.add_gateway(BourseGateway, gateway)
        self.connect(server, gateway, user_id, address)

    def connect(self, server: Server, gateway: str, user_id: str, address: str = "") -> None:
        before = sum("connected to" in line for line in self.log(gateway))
        setting = {"address": address or server.http, "user_id": user_id, "token": server.token(user_id)}
        self.main.connect(setting, gateway)
        self.until(lambda: sum("connected to" in line for line in self.log(gateway)) > before, "the connection")

    def subscribe(self, gateway: str) -> None:
        self.main.subscribe(SubscribeRequest(SYMBOL, Exchange.LOCAL), gateway)
        self.until(lambda: self.of(EVENT_TICK, gateway), "a tick")

    def send(
        self,
        gateway: str,
        direction: Direction,
        volume: float,
        price: float,
        offset: Offset = OPEN,
        kind: OrderType = OrderType.LIMIT,
    ) -> str:
        req = OrderRequest(SYMBOL, Exchange.LOCAL, direction, kind, volume, price, offset)
        return self.main.send_order(req, gateway)

    def cancel(self, vt_orderid: str) -> None:
        order = self.order(vt_orderid)
        self.main.cancel_order(order.create_cancel_request(), order.gateway_name)

    def until_status(self, vt_orderid: str, *wanted: Status) -> None:
        self.until(lambda: self.statuses(vt_orderid)[-1:] and self.statuses(vt_orderid)[-1] in wanted, str(wanted))

    def placed(self, *args: Any, **options: Any) -> str:
        """An order that rests."""
        vt_orderid = self.send(*args, **options)
        self.until_status(vt_orderid, Status.NOTTRADED)
        return vt_orderid

    def until_lots(self, gateway: str, long: float, short: float) -> None:
        """All that was traded was told, and after it how it stands."""
        self.until(lambda: self.lots(gateway) == (long, short), f"{gateway}: {long} long and {short} short")

    def told_positions(self, gateway: str) -> int:
        return len(self.of(EVENT_POSITION, gateway))


@contextmanager
def desk_of(server: Server, **users: str) -> Iterator[Desk]:
    """A gateway for each user, named as it is here."""
    desk = Desk()
    try:
        for gateway, user_id in users.items():
            desk.add(server, gateway, user_id)
        yield desk
    finally:
        desk.main.close()
