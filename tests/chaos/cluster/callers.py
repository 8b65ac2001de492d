"""Clients that live through what happens to a cluster: who trades, who asks at a fixed pace, who follows the book."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import msgspec

from tests.chaos.cluster.parts import Front
from tests.chaos.cluster.voice import RETRY_SECONDS, Contradiction, Persistent
from tests.chaos.load import INSTRUMENT, LOST, Memory, Trader
from tests.e2e.client import PATIENCE, Client, Frame, order_fields

QUIET_SECONDS = 15.0
"""One that waits for market data only is patient: the server pings it more often than that."""
WINDOW = 6
"""Requests of a trader that may wait for their answers."""
PROBE_SECONDS = 0.02
"""Between two orders of a probe, whether the last was answered or not."""
PROBED, BELOW = "IC2301", 5800.0
"""An instrument that operators leave alone, or a halt would look as if the exchange were away; and a price, for nobody
sells it."""


class Recorder(Persistent, Trader):
    """Pours orders, cancels, amendments and queries."""

    def __init__(self, fronts: Sequence[Front], home: int, memory: Memory, seed: int) -> None:
        Trader.__init__(self, fronts[0], memory, seed)  # type: ignore[arg-type]  # of a server it needs the same
        self.begin(fronts, home, memory)
        self.queries = 0
        self.sweeps = True

    def forget(self) -> None:
        """These orders are touched no more."""
        self._awaited.clear()
        self._mine.clear()
        self._amending.clear()

    def speak(self, client: Client) -> None:
        while not self._stopping:
            while self.going.is_set() and len(self._awaited) < WINDOW:
                self._send(client)
            if not self._awaited:
                self.voice.hear_all(client)
                self.idle.set()
                self.going.wait()
                return
            frame = client.hear()
            client.heard.clear()
            if frame.get("request_id") in self._awaited:
                self._awaited.pop(frame["request_id"])(frame)
                if len(self._memory.accepted) > 5:
                    self.under_way.set()
            else:
                self.voice.take_in(frame)

    def _send(self, client: Client) -> None:
        if self._mine and self._dice.random() < 0.1:
            self._memory.requests += 1
            order_id = self._dice.choice(self._mine)
            self._ask(client, partial(self._found, order_id), "query_order", order_id=order_id)
        else:
            super()._send(client)

    def _found(self, order_id: str, frame: Frame) -> None:
        """A query sees every earlier command of its connection."""
        self.queries += 1
        if "data" not in frame and frame["code"] not in (429, 503):
            raise Contradiction(f"{self._memory.user_id} was told of {order_id}, and then: {frame}")

    def _submitted(self, name: str, frame: Frame) -> None:
        if not self.refused(name, frame):
            super()._submitted(name, frame)

    def _set_switch(self, client: Client) -> None:
        """Not here: a gateway that was stopped and wakes up would set an old one again."""


class Probed(msgspec.Struct):
    """One order of a probe: when it was sent and answered (`monotonic`), and whether it was acknowledged."""

    sent: float
    answered: float = 0.0
    acknowledged: bool = False


class Probe(Persistent):
    """Sends a small order at a fixed pace, whether the last one was answered or not: it tells for how long the exchange
    was away. Two threads: one sends, one hears."""

    def __init__(self, fronts: Sequence[Front], home: int, memory: Memory) -> None:
        super().__init__(daemon=True, name=f"probe {memory.user_id}")
        self.begin(fronts, home, memory)
        self.failure = None
        self.orders: list[Probed] = []
        self._waiting: dict[str, Probed] = {}
        self._numbers = 0

    def forget(self) -> None:
        self._waiting.clear()

    def speak(self, client: Client) -> None:
        """Hear; the pace of sending is another thread's, as long as this connection lives."""
        over = threading.Event()
        sender = threading.Thread(target=self._send_at_pace, args=(client, over), daemon=True)
        sender.start()
        try:
            while not self._stopping:
                if not self.going.is_set() and not self._waiting:
                    self.voice.hear_all(client)
                    if not self._waiting:
                        self.idle.set()
                        self.going.wait()
                        return
                    continue
                frame = client.hear()
                client.heard.clear()
                name = frame.get("request_id")
                if name in self._waiting:
                    self._answered(name, frame)
                elif name is None:
                    self.voice.take_in(frame)
        finally:
            over.set()
            sender.join(PATIENCE)

    def _send_at_pace(self, client: Client, over: threading.Event) -> None:
        with suppress(*LOST):
            while not over.wait(PROBE_SECONDS):
                if not self.going.is_set():
                    continue
                self._numbers += 1
                name = f"p{self._numbers}"
                fields = order_fields("BUY", 1, BELOW, instrument_id=PROBED, time_condition="IOC", client_order_id=name)
                self.voice.memory.sent[name] = fields
                self.orders.append(Probed(time.monotonic()))
                self._waiting[name] = self.orders[-1]
                client.send("submit_order", request_id=name, **fields)

    def _answered(self, name: str, frame: Frame) -> None:
        probed = self._waiting.pop(name)
        probed.answered, probed.acknowledged = time.monotonic(), frame["success"]
        self.voice.memory.answer(name, frame)
        self.refused(name, frame)

    def acknowledged_after(self, at: float) -> float | None:
        """When the first order that was sent after then was acknowledged."""
        times = [each.answered for each in list(self.orders) if each.sent > at and each.acknowledged]
        return min(times, default=None)

    def longest_wait(self, since: float) -> float:
        """Of an acknowledged order that was sent since then."""
        return max(
            (each.answered - each.sent for each in list(self.orders) if each.sent >= since and each.acknowledged),
            default=0.0,
        )


class Follower(threading.Thread):
    """Has the book by its changes, and sees that each fits what it has."""

    def __init__(self, front: Front) -> None:
        super().__init__(daemon=True, name="book")
        self.failure: BaseException | None = None
        self.changes = self.begun = 0
        self._front = front
        self._stopping = False
        self._client: Client | None = None
        self._seq: int | None = None
        self._sides: dict[str, dict[float, list[float]]] = {"bids": {}, "asks": {}}

    def stop(self) -> None:
        self._stopping = True
        if self._client is not None:
            self._client.socket.shutdown()

    def run(self) -> None:
        while not self._stopping:
            try:
                self._follow()
            except LOST:
                time.sleep(RETRY_SECONDS)
            except BaseException as error:
                self.failure = error
                return

    def _follow(self) -> None:
        with Client(self._front.ws) as client:
            self._client = client
            client.socket.settimeout(QUIET_SECONDS)
            self._seq = None
            answer = client.ask("subscribe", channels=["orderbook_delta"], instruments=[INSTRUMENT])
            if not answer["success"]:  # Redis is away, or slow
                raise ConnectionError(str(answer))
            for frame in client.take():
                self._take(frame)
            while not self._stopping:
                self._take(client.hear())
                client.heard.clear()

    def _take(self, frame: Frame) -> None:
        if frame["type"] != "orderbook_delta":
            return
        self.changes += 1
        if frame["prev_seq"] is None:
            self.begun += 1
            self._sides = {"bids": {}, "asks": {}}
        elif frame["prev_seq"] != self._seq:
            raise Contradiction(f"a book at {self._seq} hears {frame}")
        self._seq = frame["seq"]
        for name, side in self._sides.items():
            for level in frame[name]:
                if level["volume"]:
                    side[level["price"]] = [level["price"], level["volume"], level["order_count"]]
                else:
                    side.pop(level["price"], None)

    def book(self, levels: int) -> list[list[list[float]]]:
        """The best levels of both sides; empty while it has none."""
        bids, asks = (dict(side) for side in self._sides.values())
        ordered = sorted(bids.values(), reverse=True)[:levels], sorted(asks.values())[:levels]
        return [list(side) for side in ordered]
