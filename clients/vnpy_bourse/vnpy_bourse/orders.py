"""Orders as vnpy was told of them, by either name, so that nothing old and nothing twice is told. Pure."""

from __future__ import annotations

from copy import copy

from bourse_client.messages import Order, OrderState
from vnpy.trader.constant import Offset, OrderType, Status
from vnpy.trader.object import OrderData

from vnpy_bourse import words


class Orders:
    """Objects that were handed out are never changed."""

    def __init__(self, gateway_name: str) -> None:
        self._gateway_name = gateway_name
        self._told: dict[str, OrderData] = {}
        self._names: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def sent(self, order: OrderData) -> None:
        """An order of ours, before the exchange has heard of it."""
        self._told[order.orderid] = order

    def name(self, order_id: str) -> str:
        """Under which vnpy knows an order of the exchange."""
        return self._names.get(order_id, order_id)

    def order_id(self, name: str) -> str | None:
        """What the exchange calls it, if it has told."""
        return self._ids.get(name)

    def told(self, name: str) -> OrderData | None:
        return self._told.get(name)

    def active(self) -> list[str]:
        """Ids of orders that the exchange has and that were not finished when it told of them."""
        return [order_id for name, order_id in self._ids.items() if self._told[name].is_active()]

    def unheard(self) -> list[str]:
        """Names of orders that were sent and that the exchange is not known to have."""
        return [name for name, order in self._told.items() if order.is_active() and name not in self._ids]

    def learn(self, order: Order) -> OrderData | None:
        """An order as a query tells it. What is new of it; null where nothing is."""
        name = self._meet(order.order_id, order.client_order_id)
        before = self._told.get(name) or self._begun(
            name, order.instrument_id, order.direction, order.offset, order.order_type
        )
        return self._tell(before, order.price, order.volume, order.status, order.filled_volume, order.timestamp)

    def change(self, state: OrderState) -> OrderData | None:
        """A push. Null where it tells nothing new, and of an order of which nobody has heard."""
        name = self._meet(state.order_id, state.client_order_id)
        before = self._told.get(name)
        if before is None:
            if state.instrument_id is None or state.order_type is None or state.offset is None:
                return None
            before = self._begun(name, state.instrument_id, state.direction or "", state.offset, state.order_type)
        moment = None if before.datetime else state.timestamp
        return self._tell(before, state.price, state.volume, state.status, state.filled_volume, moment)

    def accepted(self, order: Order) -> None:
        """The exchange has it; pushes tell what becomes of it."""
        self._meet(order.order_id, order.client_order_id)

    def reject(self, name: str) -> OrderData | None:
        """The exchange does not want it. Null where it is known to have it, or to be finished."""
        before = self._told.get(name)
        if before is None or name in self._ids or not before.is_active():
            return None
        self._told[name] = rejected(before)
        return self._told[name]

    def _meet(self, order_id: str, client_order_id: str | None) -> str:
        """The own id is the name, for it is known before the exchange has answered. Not one with a dot, at which vnpy
        cuts names, nor one that an order of an earlier day has had."""
        if order_id not in self._names and client_order_id and "." not in client_order_id:
            taken = self._ids.get(client_order_id, order_id) != order_id
            self._names[order_id] = order_id if taken else client_order_id
        name = self.name(order_id)
        self._ids[name] = order_id
        return name

    def _begun(self, name: str, instrument_id: str, direction: str, offset: str, order_type: str) -> OrderData:
        return OrderData(
            symbol=instrument_id,
            exchange=words.EXCHANGE,
            orderid=name,
            type=OrderType.MARKET if order_type == "MARKET" else OrderType.LIMIT,
            direction=words.DIRECTIONS.get(direction),
            offset=words.OFFSETS.get(offset, Offset.NONE),
            gateway_name=self._gateway_name,
        )

    def _tell(
        self,
        before: OrderData,
        price: float | None,
        volume: float | None,
        status: str,
        filled: float,
        moment: int | None,
    ) -> OrderData | None:
        if filled < before.traded or not before.is_active():
            return None  # It was told by a query that saw later than this push.
        after = copy(before)
        if price is not None and before.type is not OrderType.STOP:
            after.price = price
        if volume is not None:
            after.volume = volume
        after.traded = filled
        after.status = words.status(status, filled)
        if moment is not None:
            after.datetime = words.moment(moment)
        self._told[after.orderid] = after
        return None if after == before else after


def rejected(order: OrderData) -> OrderData:
    after = copy(order)
    after.status = Status.REJECTED
    return after
