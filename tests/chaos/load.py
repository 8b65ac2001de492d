"""Clients that pour orders, amendments and cancels into a server, one by one and in batches, and what they were told.
Judge nothing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import websocket

from tests.e2e.client import Client, Frame
from tests.e2e.server import Server

INSTRUMENT = "IX2301"
WINDOW = 24
"""Requests of a client that may wait for their answers."""
LOST = (OSError, websocket.WebSocketException, ValueError)
"""What a client sees of a server that was killed."""


class Memory(msgspec.Struct):
    """What one user has sent and was told, over all servers that came and went. Orders go by their client_order_id."""

    user_id: str
    sent: dict[str, Frame] = {}
    accepted: dict[str, str] = {}
    refused: dict[str, int] = {}
    cancelled: list[str] = []
    swept: list[str] = []
    """Orders that were there when the cancel of all of them, or of their side, was acknowledged."""
    switch: list[int | None] | None = None
    """The deadline of the dead man's switch in a list, as it was acknowledged last; None: nobody knows."""
    amended: dict[str, list[Any]] = {}
    """Order id -> the last price that was asked for, whether that was acknowledged (None: nobody knows), and all prices
    before."""
    trades: dict[str, list[Any]] = {}
    states: dict[str, list[Any]] = {}
    seq: int = 0
    holes: int = 0
    requests: int = 0

    def unanswered(self) -> dict[str, Frame]:
        """Orders of which nobody knows yet whether they were taken."""
        return {name: frame for name, frame in self.sent.items() if name not in self.accepted | self.refused}

    def hear(self, frame: Frame) -> None:
        """Take in a private push."""
        if "seq" in frame:
            self.holes += self.seq > 0 and frame["seq"] <= self.seq
            self.seq = frame["seq"]
        if frame["type"] == "trade":
            side = f"{frame['trade_id']} {frame['direction']}"
            self.trades[side] = [frame["order_id"], frame["price"], frame["volume"]]
        elif frame["type"] == "order_status":
            self.states[frame["order_id"]] = [frame["status"], frame["filled_volume"]]

    # -- answers

    def answer(self, name: str, frame: Frame) -> None:
        """To an order."""
        if frame["success"]:
            self.accepted[name] = frame["order_id"]
        elif frame["error_code"] not in (503, 504):
            self.refused[name] = frame["error_code"]

    def answer_cancel(self, order_id: str, frame: Frame) -> None:
        if frame["success"]:
            self.cancelled.append(order_id)

    def answer_amendment(self, order_id: str, frame: Frame) -> None:
        self.amended[order_id][1] = frame["success"]

    def answer_sweep(self, direction: str | None, frame: Frame) -> None:
        """To the cancel of all orders: answers keep the order of requests, so all that are known by now are gone."""
        if frame["success"]:
            self.swept += [
                order_id
                for name, order_id in self.accepted.items()
                if direction in (None, self.sent[name]["direction"])
            ]

    def answer_switch(self, frame: Frame) -> None:
        self.switch = [frame["deadline"]] if frame["success"] else None


class Trader(threading.Thread):
    """Trades as one user until the server is gone."""

    def __init__(self, server: Server, memory: Memory, seed: int) -> None:
        super().__init__(daemon=True, name=f"trader {memory.user_id}")
        self.under_way = threading.Event()
        self.failure: BaseException | None = None
        self.answers_left: int | None = None
        """After so many answers this client kills the server itself."""
        self.frames_left: int | None = None
        """Or after so many of its own frames, before it has heard an answer to the last."""
        self.sweeps = False
        """Whether it also cancels everything at once, and sets the dead man's switch."""
        self._server = server
        self._memory = memory
        self._dice = random.Random(seed)
        self._mine: list[str] = []
        self._awaited: dict[int, Callable[[Frame], None]] = {}
        self._amending: set[str] = set()
        self._switching = False

    def run(self) -> None:
        try:
            memory = self._memory
            with Client(self._server.ws, memory.user_id, self._server.token(memory.user_id)) as client:
                self._trade(client)
        except LOST:
            pass
        except BaseException as error:
            self.failure = error
        finally:
            self.under_way.set()

    def _trade(self, client: Client) -> None:
        for frame in client.take():
            self._memory.hear(frame)
        while True:
            while len(self._awaited) < WINDOW:
                self._send(client)
            frame = client.hear()
            if "request_id" in frame:
                self._answered(frame)
            else:
                self._memory.hear(frame)

    def _answered(self, frame: Frame) -> None:
        if self.answers_left is not None:
            self.answers_left -= 1
            if self.answers_left == 0:
                self._server.strike()
        self._awaited.pop(frame["request_id"])(frame)
        if len(self._memory.accepted) > 5:
            self.under_way.set()

    def _ask(self, client: Client, answered: Callable[[Frame], None], kind: str, **fields: Any) -> None:
        number = self._memory.requests
        self._awaited[number] = answered
        client.send(kind, request_id=number, **fields)
        if self.frames_left is not None:
            self.frames_left -= 1
            if self.frames_left == 0:
                self._server.strike()

    def _send(self, client: Client) -> None:
        self._memory.requests += 1
        what = self._dice.random()
        if self.sweeps and what < 0.01:
            self._sweep(client)
        elif self.sweeps and what < 0.02:
            self._set_switch(client)
        elif self._mine and what < 0.1:
            self._amend(client, self._dice.choice(self._mine))
        elif self._mine and what < 0.3:
            name = self._take_one()
            self._ask(client, partial(self._memory.answer_cancel, name), "cancel_order", order_id=name)
        elif len(self._mine) > 5 and what < 0.33:
            names = [self._take_one() for _ in range(self._dice.randint(1, 5))]
            self._ask(client, self._each(self._memory.answer_cancel, names), "cancel_orders", order_ids=names)
        elif what < 0.4:
            orders = [self._new(f"c{self._memory.requests}.{part}") for part in range(self._dice.randint(1, 8))]
            names = [order["client_order_id"] for order in orders]
            self._ask(client, self._each(self._submitted, names), "submit_orders", orders=orders)
        else:
            name = f"c{self._memory.requests}"
            self._ask(client, partial(self._submitted, name), "submit_order", **self._new(name))

    def _take_one(self) -> str:
        return self._mine.pop(self._dice.randrange(len(self._mine)))

    # -- requests and their answers

    def _each(self, answer: Callable[[str, Frame], None], names: list[str]) -> Callable[[Frame], None]:
        """To the answer to a batch, which has one result an item."""

        def answered(frame: Frame) -> None:
            for name, result in zip(names, frame["results"], strict=True):
                answer(name, result)

        return answered

    def _submitted(self, name: str, frame: Frame) -> None:
        self._memory.answer(name, frame)
        if frame["success"]:
            self._mine.append(frame["order_id"])

    def _amend(self, client: Client, order_id: str) -> None:
        """One at a time, or nobody could tell which of them was done."""
        if order_id in self._amending:
            return
        price = 120 + self._dice.randint(-8, 8) * 0.5
        last, _, before = self._memory.amended.get(order_id, [None, None, []])
        self._memory.amended[order_id] = [price, None, [*before, last]]
        self._amending.add(order_id)

        def answered(frame: Frame) -> None:
            self._amending.discard(order_id)
            self._memory.answer_amendment(order_id, frame)

        self._ask(client, answered, "amend_order", order_id=order_id, price=price)

    def _sweep(self, client: Client) -> None:
        direction = self._dice.choice((None, "BUY", "SELL"))
        side = {} if direction is None else {"direction": direction}
        self._ask(client, partial(self._memory.answer_sweep, direction), "cancel_all", **side)

    def _set_switch(self, client: Client) -> None:
        """Again one at a time."""
        if self._switching:
            return
        self._switching, self._memory.switch = True, None

        def answered(frame: Frame) -> None:
            self._switching = False
            self._memory.answer_switch(frame)

        self._ask(client, answered, "cancel_after", timeout_ms=self._dice.choice((0, 1_000, 1_500, 3_600_000)))

    def _new(self, name: str) -> Frame:
        """An order that is remembered as sent."""
        order = self._memory.sent[name] = self._order() | {"client_order_id": name}
        return order

    def _order(self) -> Frame:
        """Most rest for a while beside the middle of the market, some cross it."""
        dice = self._dice
        direction, sign = dice.choice((("BUY", -1), ("SELL", 1)))
        order: dict[str, Any] = {
            "instrument_id": INSTRUMENT,
            "direction": direction,
            "offset": dice.choice(("OPEN", "OPEN", "CLOSE", "CLOSETODAY")),
            "volume": dice.randint(1, 4),
            "price": 120 + sign * dice.randint(-3, 8) * 0.5,
            "order_type": "LIMIT",
        }
        kind = dice.random()
        if kind < 0.1:
            order["time_condition"] = dice.choice(("IOC", "FOK"))
        elif kind < 0.15:
            order |= {"order_type": "MARKET", "price": None}
        elif kind < 0.5:
            order |= self._options(sign)
        return order

    def _options(self, sign: int) -> Frame:
        """What makes an order other than plain."""
        dice = self._dice
        return dice.choice(
            (
                {"time_condition": "GTC"},
                {"time_condition": "GTD", "expires_at": int(time.time() * 1000) + dice.choice((30, 3_600_000))},
                {"post_only": True},
                {"display_volume": 1, "volume": 4},
                {"order_type": "MARKET", "price": None, "price_levels": dice.choice((1, 5))},
                {"stop_price": 120 - sign * dice.randint(-2, 4) * 0.5},
                {"trail": dice.randint(1, 4) * 0.5, "stop_price": 120 - sign * 2},
                {"oco_group": dice.choice("xy")},
                {"stp": dice.choice(("CANCEL_TAKER", "CANCEL_BOTH"))},
            )
        )
