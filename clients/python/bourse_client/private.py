"""What is known of one user: orders, positions and accounts, kept by pushes that each market numbers. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
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
SELDOM = frozenset({"price", "volume", "reason", "error_code", "average_price"})
"""What an order is told to have changed only now and then."""
KEPT_FINISHED = 10_000
"""Finished orders that are remembered."""


class Hole(Exception):
    """A push is missing."""


def number(frame: Frame) -> int:
    """Of a push, among those of its market."""
    return int(frame["market_seq" if "market" in frame else "seq"])


class Private:
    """What is known of one market. `seq` is the number of the last push that was taken; null until the first snapshot,
    0 of an account that is not opened yet."""

    def __init__(self, market: str | None = None) -> None:
        """`market`: null for the first one, which needs no name."""
        self.market = market
        self.seq: int | None = None
        self.account: Account | None = None
        self.positions: dict[str, Position] = {}
        self.orders: dict[str, Order] = {}
        self.latest = 0
        """Unix ms of the exchange's clock: the last moment that it has told of."""
        self._live: dict[str, Order] = {}
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._names: dict[str, str] = {}

    @property
    def live_orders(self) -> list[Order]:
        return list(self._live.values())

    def known_as(self, client_order_id: str) -> Order | None:
        """The order with this own id."""
        order_id = self._names.get(client_order_id)
        return None if order_id is None else self.orders.get(order_id)

    def restore(self, frame: Frame) -> tuple[Snapshot, bool]:
        """Take a snapshot; whether pushes were missed for good."""
        snapshot = msgspec.convert(frame, Snapshot)
        missed = self.seq is not None and self.seq != snapshot.seq
        self.seq = snapshot.seq
        self.account = msgspec.structs.replace(snapshot.account, market=self.market)
        self.positions = {each.instrument_id: each for each in snapshot.positions}
        for order_id in list(self._live):
            self._forget(order_id)
        for order in snapshot.orders:
            self.learn(order)
        return snapshot, missed

    def begin_empty(self) -> None:
        """There is no account yet, or nothing that it has done was told: its first push has the number 1."""
        self.seq = self.seq or 0

    def is_next(self, seq: int) -> bool:
        """Whether this push follows on the last; not where it was taken before. Hole where one is missing."""
        if self.seq is None or seq <= self.seq:
            return False
        if seq != self.seq + 1:
            raise Hole(f"push {seq} came after {self.seq}")
        return True

    def take(self, frame: Frame) -> Any:
        """Take the next push, whose number `is_next` has found right; its value, or for those that change nothing here
        the frame."""
        self.seq = number(frame)
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
                self._change(state, frame)
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

    def _change(self, state: OrderState, frame: Frame) -> None:
        known = self.orders.get(state.order_id)
        if known is not None:
            told = {name: frame[name] for name in SELDOM & frame.keys() if frame[name] is not None}
            self._keep(
                msgspec.structs.replace(
                    known,
                    status=state.status,
                    filled_volume=state.filled_volume,
                    remaining_volume=state.remaining_volume,
                    timestamp=state.timestamp,
                    **told,
                )
            )
        elif state.instrument_id is not None:
            self._keep(msgspec.convert({"price": None} | frame, Order))

    def _keep(self, order: Order) -> None:
        self.orders[order.order_id] = order
        if order.is_live:
            self._live[order.order_id] = order
        else:
            self._live.pop(order.order_id, None)
        if order.client_order_id is not None:
            self._names[order.client_order_id] = order.order_id
        if not order.is_live:
            self._finished[order.order_id] = None
            if len(self._finished) > KEPT_FINISHED:
                self._forget(self._finished.popitem(last=False)[0])

    def _forget(self, order_id: str) -> None:
        order = self.orders.pop(order_id)
        self._live.pop(order_id, None)
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


class Holdings:
    """What is known of all markets of the exchange. Instruments, and so orders and positions, are at one of them."""

    def __init__(self) -> None:
        self.first = Private()
        self.further: dict[str, Private] = {}
        self._listed: dict[str, str] = {}

    def __iter__(self) -> Iterator[Private]:
        yield self.first
        yield from self.further.values()

    def at(self, market: str | None) -> Private:
        """One market; of one that was not known nothing has been told yet."""
        return self.first if market is None else self.further.setdefault(market, Private(market))

    def locate(self, instruments: Iterable[Frame]) -> None:
        """Learn at which markets instruments are listed."""
        self._listed = {row["instrument_id"]: row["market"] for row in instruments if row.get("market") is not None}
        for market in sorted(set(self._listed.values())):
            self.at(market)

    def learn(self, order: Order) -> None:
        """An order as a query tells it."""
        self.at(self._listed.get(order.instrument_id)).learn(order)

    def known_as(self, client_order_id: str) -> Order | None:
        """The order with this own id."""
        return next(filter(None, (each.known_as(client_order_id) for each in self)), None)

    def order(self, order_id: str) -> Order | None:
        for each in self:
            if (order := each.orders.get(order_id)) is not None:
                return order
        return None

    @property
    def orders(self) -> dict[str, Order]:
        return {order_id: order for each in self for order_id, order in each.orders.items()}

    @property
    def live_orders(self) -> list[Order]:
        return [order for each in self for order in each.live_orders]

    @property
    def positions(self) -> dict[str, Position]:
        return {name: position for each in self for name, position in each.positions.items()}

    @property
    def latest(self) -> int:
        """Unix ms of the exchange's clock: the last moment that it has told of."""
        return max(each.latest for each in self)
