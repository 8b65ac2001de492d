"""An honest client beside an attack: an order and a query every 100 ms whether the last ones were answered or not (open
loop), so that a pause of the server is as long as it was for everybody who wanted something meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from tests.bench.wire import Wire

EVERY = 0.1
PATIENCE = 20.0
"""Seconds that the last answers may take."""


@dataclass
class Waits:
    """Seconds until each request was answered; one that was not has waited until now."""

    seconds: list[float] = field(default_factory=list)
    unanswered: int = 0
    refused: int = 0
    closed: bool = False

    @property
    def longest(self) -> float:
        return max(self.seconds)

    def share(self, part: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


class Honest:
    """One trader. `trade` for a while gives what they had to wait."""

    def __init__(self, port: int, user_id: str, token: str) -> None:
        self._port = port
        self._auth = {"type": "auth", "user_id": user_id, "token": token}
        self._asked: dict[int, float] = {}
        self._waits = Waits()
        self._number = 0

    async def enter(self) -> float:
        """Connect and sign in; the seconds it took."""
        began = time.perf_counter()
        self._entered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._wire = await asyncio.wait_for(Wire.connect(self._port, "/ws", self._hear), PATIENCE)
        self._wire.send(json.dumps(self._auth).encode())
        assert await asyncio.wait_for(self._entered, PATIENCE), "the right token was refused"
        return time.perf_counter() - began

    async def trade(self, seconds: float) -> Waits:
        began = time.perf_counter()
        for tick in range(int(seconds / EVERY)):
            due = began + tick * EVERY
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self.order("BUY", 115, due, time_condition="IOC")
            self._ask(due, type="query_account")
        deadline = time.perf_counter() + PATIENCE
        while self._asked and time.perf_counter() < deadline and not self._wire.closed.done():
            await asyncio.sleep(0.01)
        waits, self._waits = self._waits, Waits()
        waits.closed = self._wire.closed.done()
        waits.unanswered = len(self._asked)
        waits.seconds += [time.perf_counter() - asked for asked in self._asked.values()]
        self._asked.clear()
        return waits

    def order(self, direction: str, price: float, due: float, **more: str) -> None:
        """Send one order of one lot."""
        self._ask(due, type="submit_order", instrument_id="IX2301", direction=direction, offset="OPEN", volume=1,
                  price=price, order_type="LIMIT", **more)  # fmt: skip

    def leave(self) -> None:
        with suppress(OSError):
            self._wire.close()

    def _ask(self, due: float, **message: object) -> None:
        self._number += 1
        self._asked[self._number] = due
        self._wire.send(json.dumps(message | {"request_id": self._number}).encode())

    def _hear(self, text: bytes) -> None:
        frame = json.loads(text)
        if frame["type"] == "ping":
            self._wire.send(b'{"type":"pong"}')
        elif frame["type"] == "auth_response":
            self._entered.set_result(frame["success"])
        elif (asked := self._asked.pop(frame.get("request_id"), None)) is not None:
            self._waits.seconds.append(time.perf_counter() - asked)
            code = frame.get("error_code") or frame.get("code")
            self._waits.refused += code in (429, 503)


class Movers:
    """Two who trade with each other, so that there is market data."""

    def __init__(self, buyer: Honest, seller: Honest) -> None:
        self._sides = (("BUY", buyer), ("SELL", seller))

    async def move(self) -> None:
        """Twenty trades a second, at changing prices, until it is cancelled."""
        for _, mover in self._sides:
            await mover.enter()
        try:
            for number in count():
                for direction, mover in self._sides:
                    mover.order(direction, 118 + number % 5, time.perf_counter())
                await asyncio.sleep(0.05)
        finally:
            for _, mover in self._sides:
                mover.leave()
