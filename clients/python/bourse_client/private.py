"""What is known of one user: orders, positions and account, kept by pushes that are numbered. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from bourse_client.messages import Account, Frame, Order, OrderState, Position, Snapshot, Trade

PUSHES = frozenset(
    {
        "trade",
        "order_status",
        "account_update",
        "risk_warning",
        "liquidation",
        "position_expired",
        "statement",
        "trade_broken",
    }
)
KEPT_FINISHED = 10_000
"""Finished orders that are remembered."""


class Hole(Exception):
    """A push is missing."""


class Private:
    """`seq` is the number of the last push that was taken; null until the first snapshot."""

    def __init__(self) -> None:
        self.seq: int | None = None
        self.account: Account | None = None
        self.positions: dict[str, Position] = {}
        self.orders: dict[str, Order] = {}
        self.latest = 0
        """Unix ms of the exchange's clock: the last moment that it has told of."""
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._names: dict[str, str] = {}

    def known_as(self, client_order_id: str) -> Order | None:
        """The order with this own id."""
        order_id = self._names.get(client_order_id)
        return None if order_id is None else self.orders.get(order_id)

    def restore(self, frame: Frame) -> tuple[Snapshot, bool]:
        """Take a snapshot; whether pushes were missed for good."""
        snapshot = msgspec.convert(frame, Snapshot)
        missed = self.seq is not None and self.seq != snapshot.seq
        self.seq = snapshot.seq
        self.account = snapshot.account
        self.positions = {each.instrument_id: each for each in snapshot.positions}
        for order_id in [each.order_id for each in self.orders.values() if each.is_live]:
            self._forget(order_id)
        for order in snapshot.orders:
            self.learn(order)
        return snapshot, missed

    def is_next(self, seq: int) -> bool:
        """Whether this push follows on the last; not where it was taken before. Hole where one is missing."""
        if self.seq is None or seq <= self.seq:
            return False
        if seq != self.seq + 1:
            raise Hole(f"push {seq} came after {self.seq}")
        return True

    def take(self, frame: Frame) -> Any:
        """Take the next push; its value, or for those that change nothing here the frame."""
        self.seq = frame["seq"]
        self.latest = max(self.latest, frame["timestamp"])
        match frame["type"]:
            case "trade":
                trade = msgspec.convert(frame, Trade)
                self._hold(self._position(frame).traded(trade.direction, trade.offset, trade.volume))
                return trade
            case "trade_broken":
                was = frame["direction"], frame["offset"], frame["volume"]
                self._hold(self._position(frame).taken_back(*was))
            case "order_status":
                state = msgspec.convert(frame, OrderState)
                self._change(state)
                return state
            case "account_update":
                self.account = msgspec.convert(frame, Account)
                return self.account
            case "position_expired":
                self.positions.pop(frame["instrument_id"], None)
            case "statement":
                self.positions = {name: position.carried() for name, position in self.positions.items()}
        return frame

    def learn(self, order: Order) -> None:
        """An order as a query or a snapshot tells it."""
        self._keep(order)
        self.latest = max(self.latest, order.timestamp)

    def _change(self, state: OrderState) -> None:
        known = self.orders.get(state.order_id)
        told = {name: value for name, value in msgspec.structs.asdict(state).items() if value is not None}
        if known is not None:
            fields = {name: told[name] for name in known.__struct_fields__ if name in told}
            self._keep(msgspec.structs.replace(known, **fields))
        elif state.instrument_id is not None:
            self._keep(msgspec.convert({"price": None} | told, Order))

    def _keep(self, order: Order) -> None:
        self.orders[order.order_id] = order
        if order.client_order_id is not None:
            self._names[order.client_order_id] = order.order_id
        if not order.is_live:
            self._finished[order.order_id] = None
            if len(self._finished) > KEPT_FINISHED:
                self._forget(self._finished.popitem(last=False)[0])

    def _forget(self, order_id: str) -> None:
        order = self.orders.pop(order_id)
        if order.client_order_id is not None and self._names.get(order.client_order_id) == order_id:
            del self._names[order.client_order_id]

    def _position(self, frame: Frame) -> Position:
        name = frame["instrument_id"]
        return self.positions.get(name) or Position(instrument_id=name)

    def _hold(self, position: Position) -> None:
        if position.is_flat:
            self.positions.pop(position.instrument_id, None)
        else:
            self.positions[position.instrument_id] = position
