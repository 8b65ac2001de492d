"""The wire of the benchmarks: connections that keep orders on their way for as little processor time as Python allows.

They do not use the client library, for they measure the limit of a server, which must not wait for whoever measures it:
an order with its answer and four pushes costs the client library 100 to 140 microseconds of processor time, a `Wire` 16
to 17 (20 in flight, three runs against canned answers, a busy machine). Load by hand, where that does not matter, is
poured by the client (`tests.bench.by_hand`). Every second order trades at once: users with an even number buy, the
others sell, one lot at one price.
"""

import asyncio
import json
import time
from collections.abc import Iterable

import msgspec

from tests.bench.figures import quantile
from tests.bench.wire import Wire

ANSWER = b'{"type":"order_response"'
REFUSED = b'"success":false'
PATIENCE = 10.0
"""Seconds for the last answers."""


class Result(msgspec.Struct, frozen=True):
    """What came of a run. Latencies in seconds, sorted."""

    seconds: float
    answers: int
    refused: int
    frames: int
    latencies: list[float]

    @property
    def rate(self) -> float:
        return self.answers / self.seconds

    def latency(self, share: float) -> float:
        """The latency that `share` of the answers kept within."""
        return quantile(self.latencies, share)


class Pourer:
    """One connection that keeps `in_flight` requests on their way until told to stop."""

    def __init__(self, in_flight: int, requests: list[bytes], answer: bytes) -> None:
        self._in_flight = in_flight
        self._requests = requests
        self._answer = answer
        self._turn = 0
        self._sent: list[float] = []
        self._oldest = 0
        self.until = 0.0
        self.frames = self.answers = self.refused = 0
        self.latencies: list[float] = []

    async def open(self, port: int, path: str) -> None:
        self._wire = await Wire.connect(port, path, self._on_text)

    def say(self, message: dict[str, object]) -> None:
        self._wire.send(json.dumps(message).encode())

    @property
    def waits(self) -> bool:
        return self._oldest < len(self._sent)

    def start(self, until: float) -> None:
        self.until = until
        for _ in range(self._in_flight):
            self._ask()

    def close(self) -> None:
        self._wire.close()

    def _ask(self) -> None:
        self._sent.append(time.perf_counter())
        self._turn += 1
        self._wire.send(self._requests[self._turn % len(self._requests)])

    def _on_text(self, text: bytes) -> None:
        if not self.until:
            return
        self.frames += 1
        if not text.startswith(self._answer):
            return
        now = time.perf_counter()
        self.answers += 1
        self.refused += REFUSED in text
        self.latencies.append(now - self._sent[self._oldest])
        self._oldest += 1
        if now < self.until:
            self._ask()


async def pour(pourers: list[Pourer], seconds: float) -> Result:
    """Run all connections at once for `seconds`, and until what they have asked is answered."""
    start = time.perf_counter()
    for pourer in pourers:
        pourer.start(start + seconds)
    while (passed := time.perf_counter() - start) < seconds:
        await asyncio.sleep(min(0.5, seconds - passed))
    await _answered(pourers)
    result = Result(
        time.perf_counter() - start,
        sum(p.answers for p in pourers),
        sum(p.refused for p in pourers),
        sum(p.frames for p in pourers),
        sorted(latency for p in pourers for latency in p.latencies),
    )
    for pourer in pourers:
        pourer.close()
    return result


async def _answered(pourers: list[Pourer]) -> None:
    """Until nobody waits for an answer; what is lost is waited for in vain."""
    deadline = time.perf_counter() + PATIENCE
    while any(pourer.waits for pourer in pourers) and time.perf_counter() < deadline:
        await asyncio.sleep(0.001)


def orders(instrument_id: str, price: float, number: int) -> list[bytes]:
    """One side only, as nobody trades with himself: users with an even number buy, the others sell."""
    side = "BUY" if number % 2 == 0 else "SELL"
    order = {"type": "submit_order", "instrument_id": instrument_id, "offset": "OPEN", "volume": 1, "price": price}
    return [json.dumps({**order, "direction": side, "order_type": "LIMIT"}).encode()]


async def pour_orders(port: int, tokens: dict[str, str], connections: int, in_flight: int, seconds: float) -> Result:
    """Orders of as many users as there are tokens, over `connections` sockets."""
    return await pour(await order_pourers(port, tokens, range(connections), in_flight), seconds)


async def order_pourers(port: int, tokens: dict[str, str], numbers: Iterable[int], in_flight: int) -> list[Pourer]:
    """Connections that have signed in; their numbers tell whose they are."""
    users = list(tokens)
    pourers = []
    for number in numbers:
        user = number % len(users)
        pourer = Pourer(in_flight, orders("IX2301", 120.0, user), ANSWER)
        await pourer.open(port, f"/ws?user_id={users[user]}")
        pourer.say({"type": "auth", "user_id": users[user], "token": tokens[users[user]]})
        pourers.append(pourer)
    await asyncio.sleep(0.5)  # let the sign-ins pass
    return pourers


async def echo_pourers(port: int, numbers: Iterable[int], in_flight: int) -> list[Pourer]:
    """The same frames to an echo."""
    pourers = []
    for number in numbers:
        pourer = Pourer(in_flight, orders("IX2301", 120.0, number), b"{")
        await pourer.open(port, "/ws")
        pourers.append(pourer)
    return pourers
