"""What a bot knows, learnt from the frames it hears: instruments, books, its own orders and positions. Pure."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bots.frames import BUY, CLOSE, CONTINUOUS, SELL, Frame, refusals

FREE_BAND = 0.2
"""Where an instrument has no price limits, the bots stay this close to its settlement price."""
ORDER_GONE = (1002, 1011)
"""Codes of a cancel or an amendment of an order that does not live any more."""
MISINFORMED = (1005, 1006, 1007, 1008, 1009, 1013)
"""Codes of orders that would have been right by what the bot knows: it should look again."""


@dataclass(frozen=True)
class Instrument:
    """What of an instrument matters for trading. Prices are in ticks."""

    instrument_id: str
    tick: float
    low: int
    high: int
    anchor: int
    last: int | None
    min_volume: int
    max_volume: int
    max_position: int | None
    max_orders: int | None
    margin: float

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Instrument":
        """From a row of `query_instruments`."""
        tick, anchor, last = row["tick"], row["settlement_price"], row["last_price"]
        down, up = row["limit_down"], row["limit_up"]
        return cls(
            instrument_id=row["instrument_id"],
            tick=tick,
            low=math.ceil(anchor * (1 - FREE_BAND) / tick) if down is None else round(down / tick),
            high=math.floor(anchor * (1 + FREE_BAND) / tick) if up is None else round(up / tick),
            anchor=round(anchor / tick),
            last=None if last is None else round(last / tick),
            min_volume=row["min_volume"],
            max_volume=row["max_volume"],
            max_position=row["max_position"],
            max_orders=row["max_orders"],
            margin=max(row["margin_rate_long"], row["margin_rate_short"]) * anchor * row["multiplier"],
        )

    def price(self, ticks: int) -> float:
        """As the wire carries it."""
        return round(ticks * self.tick, 4)

    def ticks(self, price: float) -> int:
        return round(price / self.tick)


@dataclass
class Order:
    """A live order of the bot's own; the price in ticks, `left` lots are not filled."""

    order_id: str
    instrument_id: str
    direction: str
    offset: str
    price: int
    volume: int
    left: int


@dataclass
class Legs:
    """Lots held long and short; an exchange of futures keeps them apart."""

    long: int = 0
    short: int = 0

    @property
    def net(self) -> int:
        return self.long - self.short


@dataclass
class Side:
    """One side of a book: prices in ticks with the lots there, best first."""

    levels: list[tuple[int, int]] = field(default_factory=list)

    @property
    def lots(self) -> int:
        return sum(lots for _, lots in self.levels)

    def best(self, own: Counter[int] | None = None) -> int | None:
        """The best price at which there is more than `own` (price to lots)."""
        mine = own or Counter()
        return next((price for price, lots in self.levels if lots > mine[price]), None)


@dataclass
class Book:
    bids: Side = field(default_factory=Side)
    asks: Side = field(default_factory=Side)


class Portfolio:
    """Fed with every frame by `hear`. `stale`: something has happened of which the frames do not tell everything."""

    def __init__(self) -> None:
        self.instruments: dict[str, Instrument] = {}
        self.phases: dict[str, str] = {}
        self.books: dict[str, Book] = {}
        self.orders: dict[str, Order] = {}
        self.legs: dict[str, Legs] = {}
        self.balance = self.available = 0.0
        self.stale = False
        self.traded: set[str] = set()
        """Instruments in which own orders have traded; whoever has looked at it clears it."""
        self.trades = 0
        self.refused: Counter[int] = Counter()

    # -- what follows from it

    def orders_in(self, instrument_id: str) -> list[Order]:
        return [order for order in self.orders.values() if order.instrument_id == instrument_id]

    def net(self, instrument_id: str) -> int:
        return self.legs.get(instrument_id, Legs()).net

    def free(self, instrument_id: str, direction: str) -> int:
        """Lots that an order of this direction may close: those that no live order closes already."""
        legs = self.legs.get(instrument_id, Legs())
        held = sum(
            order.left
            for order in self.orders_in(instrument_id)
            if order.offset == CLOSE and order.direction == direction
        )
        return max(0, (legs.short if direction == BUY else legs.long) - held)

    def others_best(self, instrument_id: str) -> tuple[int | None, int | None]:
        """The best bid and ask of everybody else, as far as the book tells."""
        book = self.books.get(instrument_id, Book())
        own: dict[str, Counter[int]] = {BUY: Counter(), SELL: Counter()}
        for order in self.orders_in(instrument_id):
            own[order.direction][order.price] += order.left
        return book.bids.best(own[BUY]), book.asks.best(own[SELL])

    # -- frames

    def hear(self, frame: Frame, request: Frame | None) -> None:
        """Take in a frame; `request` is what it answers."""
        match frame["type"]:
            case "order_response" | "orders_response" | "cancel_all_response" | "error" if request is not None:
                self._answered(frame, request)
            case "query_response":
                self._found(frame["request_type"], frame["data"])
            case "order_status":
                self._order_moved(frame)
            case "trade":
                self._traded(frame)
            case "account_update":
                self.balance, self.available = frame["balance"], frame["available"]
            case "orderbook":
                self._book(frame)
            case "instrument_status":
                self.phases[frame["instrument_id"]] = frame["phase"]
                self.stale = True
            case "statement" | "position_expired" | "liquidation":
                self.stale = True

    def _answered(self, frame: Frame, request: Frame) -> None:
        self.refused.update(refusals(frame))
        if any(code in MISINFORMED for code in refusals(frame)):
            self.stale = True
        for item, result in _results(frame, request):
            if "order_type" in item and result["success"]:
                self._entered(result["order_id"], item)
            elif result.get("error_code") in ORDER_GONE:
                self.orders.pop(item["order_id"], None)

    def _entered(self, order_id: str, item: Frame) -> None:
        """An order was accepted; what becomes of it is told after this. Only LIMIT orders can rest."""
        if item["order_type"] == "LIMIT":
            price = self.instruments[item["instrument_id"]].ticks(item["price"])
            volume = int(item["volume"])
            self.orders[order_id] = Order(
                order_id, item["instrument_id"], item["direction"], item["offset"], price, volume, volume
            )

    def _order_moved(self, frame: Frame) -> None:
        order = self.orders.get(frame["order_id"])
        if order is None:
            return
        if frame["status"] in ("Filled", "Cancelled"):
            del self.orders[order.order_id]
            return
        order.left = int(frame["remaining_volume"])
        if "price" in frame:  # amended
            order.price = self.instruments[order.instrument_id].ticks(frame["price"])
            order.volume = int(frame["volume"])

    def _traded(self, frame: Frame) -> None:
        self.trades += 1
        self.traded.add(frame["instrument_id"])
        legs = self.legs.setdefault(frame["instrument_id"], Legs())
        lots = int(frame["volume"])
        match frame["direction"], frame["offset"]:
            case "BUY", "OPEN":
                legs.long += lots
            case "SELL", "OPEN":
                legs.short += lots
            case "BUY", _:
                legs.short -= lots
            case _:
                legs.long -= lots

    def _book(self, frame: Frame) -> None:
        name = frame["instrument_id"]
        self.phases[name] = frame.get("phase", CONTINUOUS)
        if name in self.instruments:
            ticks = self.instruments[name].ticks
            sides = [
                Side([(ticks(level["price"]), int(level["volume"])) for level in frame[side]])
                for side in ("bids", "asks")
            ]
            self.books[name] = Book(*sides)

    # -- answers to queries

    def _found(self, kind: str, data: Frame) -> None:
        match kind:
            case "query_instruments":
                for row in data["instruments"]:
                    self.instruments[row["instrument_id"]] = Instrument.of(row)
                    self.phases[row["instrument_id"]] = row["phase"]
            case "query_position":
                self.legs = {
                    row["instrument_id"]: Legs(int(row["volume_long"]), int(row["volume_short"]))
                    for row in data["positions"]
                }
            case "query_account":
                self.balance, self.available = data["account"]["balance"], data["account"]["available"]
            case "query_orders":
                for row in data["orders"]:
                    self._entered(row["order_id"], row)
                    self.orders[row["order_id"]].left = int(row["remaining_volume"])


def _results(frame: Frame, request: Frame) -> Iterator[tuple[Frame, Frame]]:
    """What was asked, item by item, and what became of it. A frame that was refused as a whole has no results."""
    if frame["type"] == "order_response":
        yield request, frame
    elif frame["type"] == "orders_response":
        items = request.get("orders") or [{"order_id": order_id} for order_id in request["order_ids"]]
        yield from zip(items, frame["results"], strict=True)
