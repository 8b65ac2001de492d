"""Clients that pour orders, amendments and cancels into a server, an operator who settles its days, and what they were
told. Judge nothing."""

from __future__ import annotations

import random
import threading
import time
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

    def answer(self, name: str, frame: Frame) -> None:
        """Take in the answer to an order, to the cancel of an order (its id), or to its amendment (A and its id)."""
        if name.startswith("O"):
            if frame["success"]:
                self.cancelled.append(name)
        elif name.startswith("A"):
            self.amended[name[1:]][1] = frame["success"]
        elif frame["success"]:
            self.accepted[name] = frame["order_id"]
        elif frame["error_code"] != 503:
            self.refused[name] = frame["error_code"]


class Trader(threading.Thread):
    """Trades as one user until the server is gone."""

    def __init__(self, server: Server, memory: Memory, seed: int) -> None:
        super().__init__(daemon=True, name=f"trader {memory.user_id}")
        self.under_way = threading.Event()
        self.failure: BaseException | None = None
        self.answers_left: int | None = None
        """After so many answers this client kills the server itself."""
        self._server = server
        self._memory = memory
        self._dice = random.Random(seed)
        self._mine: list[str] = []
        self._awaited: dict[int, str] = {}

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
            if frame["type"] == "order_response":
                self._answered(frame)
            else:
                self._memory.hear(frame)

    def _answered(self, frame: Frame) -> None:
        if self.answers_left is not None:
            self.answers_left -= 1
            if self.answers_left == 0:
                self._server.strike()
        name = self._awaited.pop(frame["request_id"])
        self._memory.answer(name, frame)
        if frame["success"] and name.startswith("c"):
            self._mine.append(frame["order_id"])
        if len(self._memory.accepted) > 5:
            self.under_way.set()

    def _send(self, client: Client) -> None:
        memory, dice = self._memory, self._dice
        memory.requests += 1
        what = dice.random()
        if self._mine and what < 0.1:
            order_id, price = dice.choice(self._mine), 120 + dice.randint(-8, 8) * 0.5
            name, kind, fields = f"A{order_id}", "amend_order", {"order_id": order_id, "price": price}
            if name in self._awaited.values():
                return  # one at a time, or nobody could tell which of them was done
            last, _, before = memory.amended.get(order_id, [None, None, []])
            memory.amended[order_id] = [price, None, [*before, last]]
        elif self._mine and what < 0.35:
            name = self._mine.pop(dice.randrange(len(self._mine)))
            kind, fields = "cancel_order", {"order_id": name}
        else:
            name = f"c{memory.requests}"
            kind, fields = "submit_order", self._order() | {"client_order_id": name}
            memory.sent[name] = fields
        self._awaited[memory.requests] = name
        client.send(kind, request_id=memory.requests, **fields)

    def _order(self) -> Frame:
        """Most rest for a while beside the middle of the market, some cross it."""
        dice = self._dice
        direction, sign = dice.choice((("BUY", -1), ("SELL", 1)))
        order = {
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
            order |= self._handling(sign)
        return order

    def _handling(self, sign: int) -> Frame:
        """What makes an order other than plain."""
        dice = self._dice
        return dice.choice(
            (
                {"time_condition": "GTC"},
                {"time_condition": "GTD", "expires_at": int(time.time() * 1000) + dice.choice((30, 3_600_000))},
                {"post_only": True},
                {"display_volume": 1, "volume": 4},
                {"stop_price": 120 - sign * dice.randint(-2, 4) * 0.5},
                {"trail": dice.randint(1, 4) * 0.5, "stop_price": 120 - sign * 2},
                {"oco_group": dice.choice("xy")},
                {"stp": dice.choice(("CANCEL_TAKER", "CANCEL_BOTH"))},
            )
        )


class Operator(threading.Thread):
    """Settles a trading day from the shell, while the server trades or dies. Waits until it is done."""

    def __init__(self, server: Server, day: int) -> None:
        super().__init__(daemon=True, name=f"operator of {day}")
        self.day = day
        self.said = ""
        self._server = server

    def run(self) -> None:
        try:
            self.said = self._server.manage("settle", "--day", str(self.day), "--next-day", str(self.day + 1))
        except AssertionError as error:
            self.said = str(error)
