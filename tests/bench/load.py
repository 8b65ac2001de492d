"""A load generator over the public protocol, for any deployment:

    python -m tests.bench.load --url ws://127.0.0.1:8081 --tokens TOKENS --connections 10 --in-flight 20 --seconds 10

TOKENS is a file of lines "user token", as `make run` prints them. Bounded in time and number; prints rates and
latencies. Every second order trades at once: users with an even number buy, the others sell, one lot at one price.

It does not use the client library, not even its `line`: an order and its answer cost that 25 to 27 microseconds of
processor time, and a `Wire` 11 to 12 (10,000 orders, 20 in flight, three runs against an echo), and each push that
comes with an order costs it a frame to decode on top. The server would wait for whoever measures it.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

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
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


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

    async def open(self, server: int | str, path: str) -> None:
        self._wire = await Wire.connect(server, path, self._on_text)

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


async def pour(pourers: list[Pourer], seconds: float, progress: bool = False) -> Result:
    """Run all connections at once for `seconds`, and until what they have asked is answered."""
    start = time.perf_counter()
    for pourer in pourers:
        pourer.start(start + seconds)
    while (passed := time.perf_counter() - start) < seconds:
        await asyncio.sleep(min(0.5, seconds - passed))
        if progress:
            _show(passed / seconds, sum(pourer.answers for pourer in pourers))
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


def _show(share: float, answers: int) -> None:
    done = int(min(1.0, share) * 40)
    print(f"\r[{'#' * done}{'.' * (40 - done)}] {answers:,} answers", end="", file=sys.stderr, flush=True)


def orders(instrument_id: str, price: float, number: int) -> list[bytes]:
    """One side only, as nobody trades with himself: users with an even number buy, the others sell."""
    side = "BUY" if number % 2 == 0 else "SELL"
    order = {"type": "submit_order", "instrument_id": instrument_id, "offset": "OPEN", "volume": 1, "price": price}
    return [json.dumps({**order, "direction": side, "order_type": "LIMIT"}).encode()]


async def pour_orders(
    server: int | str, tokens: dict[str, str], connections: int, in_flight: int, seconds: float, progress: bool = False,
    instrument_id: str = "IX2301", price: float = 120.0,
) -> Result:  # fmt: skip
    """Orders of as many users as there are tokens, over `connections` sockets."""
    pourers = await order_pourers(server, tokens, range(connections), in_flight, instrument_id, price)
    return await pour(pourers, seconds, progress)


async def order_pourers(
    server: int | str, tokens: dict[str, str], numbers: Iterable[int], in_flight: int,
    instrument_id: str = "IX2301", price: float = 120.0,
) -> list[Pourer]:  # fmt: skip
    """Connections that have signed in; their numbers tell whose they are."""
    users = list(tokens)
    pourers = []
    for number in numbers:
        user = number % len(users)
        pourer = Pourer(in_flight, orders(instrument_id, price, user), ANSWER)
        await pourer.open(server, f"/ws?user_id={users[user]}")
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


def main() -> None:
    parser = argparse.ArgumentParser(description="Pour orders over the public protocol and print rates and latencies.")
    parser.add_argument("--url", default="ws://127.0.0.1:8081", help="where the exchange is, ws:// or wss://")
    parser.add_argument("--tokens", type=Path, required=True, help='file of lines "user token"')
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--in-flight", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--instrument", default="IX2301")
    parser.add_argument("--price", type=float, default=120.0)
    options = parser.parse_args()
    tokens = dict(line.split() for line in options.tokens.read_text().splitlines() if len(line.split()) == 2)
    result = asyncio.run(
        pour_orders(
            options.url,
            tokens,
            min(options.connections, 1_000),
            min(options.in_flight, 1_000),
            min(options.seconds, 600.0),
            True,
            options.instrument,
            options.price,
        )
    )
    print(f"\n{result.rate:,.0f} answers/s, {result.frames / result.seconds:,.0f} frames/s, {result.refused:,} refused")
    for share in (0.5, 0.9, 0.99, 0.999):
        print(f"p{share * 100:g} {result.latency(share) * 1000:.2f} ms")


if __name__ == "__main__":
    main()
