"""One user on one gateway after the other: where a connection is lost they go to the next, resume, and go on. They
remember what they were told, and raise Contradiction at the first number that is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tests.chaos.cluster.parts import Front
from tests.chaos.load import LOST, Memory
from tests.e2e.client import PATIENCE, Client, Frame

DEAF_SECONDS = 3.0
"""A client that hears nothing for so long, not even an answer that it waits for, tries another gateway."""
RETRY_SECONDS = 0.05


class Contradiction(Exception):
    """The exchange broke a promise."""


class CannotTell(Exception):
    """An unknown outcome could not be settled just now."""


def is_definite(frame: Frame) -> bool:
    """Whether an answer says what became of the request."""
    return bool(frame["success"] or frame["error_code"] == 503)


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


class Persistent(threading.Thread):
    """Speaks through a voice whenever `going` is set, over all that happens, until it is stopped. `idle` is set when it
    has nothing under way, `failure` when it can go on no more."""

    failure: BaseException | None

    def begin(self, fronts: Sequence[Front], home: int, memory: Memory) -> None:
        self.voice = Voice(fronts, home, memory)
        self.going = threading.Event()
        self.idle = threading.Event()
        self.unknown = self.refusals = 0
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True
        self.going.set()

    def run(self) -> None:
        try:
            while not self._stopping:
                with suppress(*LOST):
                    self.speak(self.voice.client or self.voice.connect())
                    continue
                self.voice.lost()
                self.forget()
                time.sleep(RETRY_SECONDS)
        except BaseException as error:
            self.failure = error
        finally:
            self.idle.set()
            self.voice.lost()

    def speak(self, client: Client) -> None:
        """Until there is nothing to say, or the connection is lost."""
        raise NotImplementedError

    def forget(self) -> None:
        """What was under way has an unknown outcome."""
        raise NotImplementedError

    def refused(self, name: str, frame: Frame) -> bool:
        """Take in that an order found nobody (503), or that nobody knows (504). False for every other answer."""
        if frame["success"] or frame["error_code"] not in (503, 504):
            return False
        if is_definite(frame):
            self.refusals += 1
            self.voice.memory.refused[name] = 503
        else:
            self.unknown += 1
        return True


def wait_for(what: str, seen: Callable[[], Any], seconds: float = 4 * PATIENCE) -> Any:
    """What `seen` gives as soon as it is something. Contradiction when it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := seen()):
        if time.monotonic() > deadline:
            raise Contradiction(f"{what} does not come within {seconds:.0f} s")
        time.sleep(0.01)
    return found
