"""Clients that live through what happens to a cluster: where a connection is lost they go to the next gateway, resume,
and go on. They remember what they were told, and raise Contradiction at the first number that is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from tests.chaos.cluster.parts import Front
from tests.chaos.load import INSTRUMENT, LOST, Memory, Trader
from tests.e2e.client import PATIENCE, Client, Frame, order_fields

DEAF_SECONDS = 3.0
"""A client that hears nothing for so long, not even an answer that it waits for, tries another gateway."""
QUIET_SECONDS = 15.0
"""One that waits for market data only is more patient: the server pings it more often than that."""
WINDOW = 6
"""Requests of a trader that may wait for their answers."""
PROBE_SECONDS = 0.02
"""Between two orders of a probe, whether the last was answered or not."""
RETRY_SECONDS = 0.05
BELOW = 115.0
"""A price at which nobody sells."""


class Contradiction(Exception):
    """The exchange broke a promise."""


class CannotTell(Exception):
    """An unknown outcome could not be settled just now."""


def is_definite(frame: Frame) -> bool:
    """Whether an answer says what became of the request."""
    return frame["success"] or any(words in frame["error_message"] for words in ("nothing was done", "takes no orders"))


class Voice:
    """One user, on one gateway after the other. `heard` takes private pushes in and sees that none is missing."""

    def __init__(self, fronts: Sequence[Front], home: int, memory: Memory) -> None:
        self.memory = memory
        self.snapshots = self.resumed = self.connections = 0
        self.client: Client | None = None
        self._fronts = fronts
        self._at = home

    def connect(self, deaf_seconds: float = DEAF_SECONDS) -> Client:
        """A connection that has resumed; raises one of LOST, and the next call tries the next gateway."""
        front = self._fronts[self._at % len(self._fronts)]
        self._at += 1
        memory = self.memory
        client = Client(front.ws, memory.user_id)
        try:
            client.socket.settimeout(deaf_seconds)
            answer = client.ask("auth", user_id=memory.user_id, token=front.token(memory.user_id))
            if not answer["success"]:
                raise ConnectionError(f"no auth just now: {answer}")
            client.send("resume", last_seq=memory.seq)
            answer = client.until("resume_response")
            if not answer["success"]:
                raise ConnectionError(f"no resume just now: {answer}")
            last = answer["last_seq"]
            while memory.seq < last:
                self.take_in(client.hear())
                self.resumed += 1
        except BaseException:
            client.socket.shutdown()
            raise
        self._at -= 1  # this one is well
        self.connections += 1
        self.client = client
        return client

    def lost(self) -> None:
        """Let go of the connection; the next one is at another gateway."""
        client, self.client = self.client, None
        if client is not None:
            self._at += 1
            client.socket.shutdown()

    def take_in(self, frame: Frame) -> None:
        if frame["type"] == "snapshot":
            self.memory.seq = frame["seq"]
            self.snapshots += 1
        elif "seq" in frame:
            if frame["seq"] != self.memory.seq + 1:
                raise Contradiction(f"{self.memory.user_id} has {self.memory.seq} and hears {frame}")
            self.memory.hear(frame)

    # -- what nobody has answered

    def settle(self, same_day: bool, deadline: float) -> None:
        """Make sure of every order whose outcome is unknown: send it again under its name; where the day is another,
        look among the orders."""
        while (left := self.memory.unanswered()) or self.client is None:
            if time.monotonic() > deadline:
                raise CannotTell(f"{self.memory.user_id} is not told of {list(left)[:5]}")
            try:
                client = self.client or self.connect()
                if same_day:
                    self._send_again(client, left)
                else:
                    self._look_up(client, left)
                self.hear_all(client)
            except LOST:
                self.lost()
                time.sleep(RETRY_SECONDS)

    def hear_all(self, client: Client) -> None:
        """All pushes that were sent by now."""
        client.send("ping", request_id="end")
        while (frame := client.hear()).get("request_id") != "end":
            self.take_in(frame)

    def _send_again(self, client: Client, left: dict[str, Frame]) -> None:
        for name, fields in left.items():
            client.send("submit_order", request_id=name, **fields)
        waiting = set(left)
        while waiting:
            frame = client.hear()
            if frame.get("request_id") in waiting:
                waiting.discard(frame["request_id"])
                self.memory.answer(frame["request_id"], frame)
            else:
                self.take_in(frame)
        time.sleep(RETRY_SECONDS)

    def _look_up(self, client: Client, left: dict[str, Frame]) -> None:
        before, missing = None, dict(left)
        while missing:
            client.send("query_orders", request_id="page", limit=200, **({"before": before} if before else {}))
            while (frame := client.hear()).get("request_id") != "page":
                self.take_in(frame)
            if "data" not in frame:
                raise ConnectionError(f"no query just now: {frame}")
            for order in frame["data"]["orders"]:
                if missing.pop(order["client_order_id"], None):
                    self.memory.accepted[order["client_order_id"]] = order["order_id"]
            before = frame["data"]["next"]
            if before is None:
                break
        self.memory.refused |= dict.fromkeys(missing, 0)


class Recorder(Trader):
    """Pours orders, cancels, amendments and queries while `pouring` is set, over all that happens."""

    def __init__(self, fronts: Sequence[Front], home: int, memory: Memory, seed: int) -> None:
        super().__init__(fronts[0], memory, seed)  # type: ignore[arg-type]  # of a server it needs the same
        self.voice = Voice(fronts, home, memory)
        self.pouring = threading.Event()
        self.idle = threading.Event()
        self.unknown = self.refusals = self.queries = 0
        self.sweeps = True
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True
        self.pouring.set()

    def run(self) -> None:
        try:
            while not self._stopping:
                with suppress(*LOST):
                    self._trade(self.voice.client or self.voice.connect())
                    continue
                self._forget()
                time.sleep(RETRY_SECONDS)
        except BaseException as error:
            self.failure = error
        finally:
            self.idle.set()
            self.voice.lost()

    def _forget(self) -> None:
        """What was under way has an unknown outcome, and these orders are touched no more."""
        self.voice.lost()
        self._awaited.clear()
        self._mine.clear()
        self._amending.clear()

    def _trade(self, client: Client) -> None:
        while not self._stopping:
            while self.pouring.is_set() and len(self._awaited) < WINDOW:
                self._send(client)
            if not self._awaited:
                self.voice.hear_all(client)
                self.idle.set()
                self.pouring.wait()
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
        if not frame["success"] and frame["error_code"] == 503:
            if is_definite(frame):
                self.refusals += 1
                self._memory.refused[name] = 503
            else:
                self.unknown += 1
            return
        super()._submitted(name, frame)

    def _set_switch(self, client: Client) -> None:
        """Not here: a gateway that was stopped and wakes up would set an old one again."""


class Probed(msgspec.Struct):
    """One order of a probe: when it was sent and answered (`monotonic`), and whether it was acknowledged."""

    sent: float
    answered: float = 0.0
    acknowledged: bool = False


class Probe(threading.Thread):
    """Sends a small order at a fixed pace, whether the last one was answered or not: it tells for how long the exchange
    was away. Two threads: one sends, one hears."""

    def __init__(self, fronts: Sequence[Front], home: int, memory: Memory) -> None:
        super().__init__(daemon=True, name=f"probe {memory.user_id}")
        self.voice = Voice(fronts, home, memory)
        self.failure: BaseException | None = None
        self.sending = threading.Event()
        self.idle = threading.Event()
        self.orders: list[Probed] = []
        self.unknown = self.refusals = 0
        self._waiting: dict[str, Probed] = {}
        self._numbers = 0
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True
        self.sending.set()

    def run(self) -> None:
        try:
            while not self._stopping:
                with suppress(*LOST):
                    self._probe(self.voice.client or self.voice.connect())
                    continue
                self.voice.lost()
                self._waiting.clear()
                time.sleep(RETRY_SECONDS)
        except BaseException as error:
            self.failure = error
        finally:
            self.idle.set()
            self.voice.lost()

    def _probe(self, client: Client) -> None:
        """Hear; the pace of sending is another thread's, as long as this connection lives."""
        over = threading.Event()
        sender = threading.Thread(target=self._send_at_pace, args=(client, over), daemon=True)
        sender.start()
        try:
            while not self._stopping:
                if not self.sending.is_set() and not self._waiting:
                    self.voice.hear_all(client)
                    if not self._waiting:
                        self.idle.set()
                        self.sending.wait()
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
                if not self.sending.is_set():
                    continue
                self._numbers += 1
                name = f"p{self._numbers}"
                fields = order_fields("BUY", 1, BELOW, time_condition="IOC", client_order_id=name)
                self.voice.memory.sent[name] = fields
                self.orders.append(Probed(time.monotonic()))
                self._waiting[name] = self.orders[-1]
                client.send("submit_order", request_id=name, **fields)

    def _answered(self, name: str, frame: Frame) -> None:
        probed = self._waiting.pop(name)
        probed.answered, probed.acknowledged = time.monotonic(), frame["success"]
        self.voice.memory.answer(name, frame)
        if not frame["success"] and frame["error_code"] == 503:
            if is_definite(frame):
                self.refusals += 1
                self.voice.memory.refused[name] = 503
            else:
                self.unknown += 1

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
            client.ask("subscribe", channels=["orderbook_delta"], instruments=[INSTRUMENT])
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


def wait_for(what: str, seen: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `seen` gives as soon as it is something. Contradiction when it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := seen()):
        if time.monotonic() > deadline:
            raise Contradiction(f"{what} does not come within {seconds:.0f} s")
        time.sleep(0.01)
    return found
