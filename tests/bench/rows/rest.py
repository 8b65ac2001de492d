"""Orders over REST, against a stock view that writes one row; both over connections that stay open."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable

from tests.bench.figures import Figure, Pairs, at_least, at_most
from tests.bench.load import pour_orders
from tests.bench.servers import DRF, OURS, Server, served

SECONDS = 4.0
ROUNDS = 3
CONNECTIONS = 20
Request = Callable[[int], bytes]
"""The bytes of a request, by its number."""


class Poured:
    """How long each answer took, in seconds."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.seconds = self.processor_seconds = 0.0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def cost(self) -> float:
        """Processor seconds of the server, an answer."""
        return self.processor_seconds / len(self.latencies)

    def median(self) -> float:
        return sorted(self.latencies)[len(self.latencies) // 2]


async def pour(server: Server, request: Request, connections: int, seconds: float) -> Poured:
    """Each connection asks, waits for the answer, and asks again."""
    poured, numbers = Poured(), itertools.count()
    start, worked = time.perf_counter(), server.processor_seconds()

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while time.perf_counter() - start < seconds:
            asked = time.perf_counter()
            writer.write(request(next(numbers)))
            await _created(reader)
            poured.latencies.append(time.perf_counter() - asked)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    poured.seconds = time.perf_counter() - start
    poured.processor_seconds = server.processor_seconds() - worked
    return poured


async def _created(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    body = await reader.readexactly(int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
    assert head.startswith(b"http/1.1 201"), (head, body)


def post(path: str, body: dict[str, object], *headers: str) -> bytes:
    content = json.dumps(body)
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *headers,
        "",
        content,
    ]
    return "\r\n".join(lines).encode()


def orders(server: Server) -> Request:
    """Buys and sells at one price, of ten users: half of them trade."""
    tokens = list(server.tokens.values())

    def request(number: int) -> bytes:
        direction = "BUY" if number // len(tokens) % 2 else "SELL"
        order = {"instrument_id": "IX2301", "direction": direction, "offset": "OPEN", "order_type": "LIMIT"}
        token = tokens[number % len(tokens)]
        return post("/api/v1/orders/", {**order, "volume": 1, "price": 120}, f"Authorization: Bearer {token}")

    return request


def row(number: int) -> bytes:
    body = {
        "session_key": f"{time.time_ns()}{number}",
        "session_data": "x" * 200,
        "expire_date": "2030-01-01T00:00:00Z",
    }
    return post("/rows/", dict(body))


def measure() -> list[Figure]:
    pairs: list[tuple[Poured, Poured]] = []
    trips: list[tuple[float, float]] = []
    with served(OURS) as ours, served(DRF) as stock:
        for _ in range(ROUNDS):
            theirs = asyncio.run(pour(stock, row, CONNECTIONS, SECONDS))
            pairs.append((asyncio.run(pour(ours, orders(ours), CONNECTIONS, SECONDS)), theirs))
            alone = asyncio.run(pour(ours, orders(ours), 1, SECONDS / 2)).median()
            trips.append((alone, asyncio.run(pour_orders(ours.port, ours.tokens, 1, 1, SECONDS / 2)).latency(0.5)))
    rates = Pairs([(mine.rate, theirs.rate) for mine, theirs in pairs])
    costs = Pairs([(mine.cost, theirs.cost) for mine, theirs in pairs])
    times = Pairs(trips)
    return [
        at_least(
            f"orders answered over REST with state and fills, durable, {CONNECTIONS} connections, half trading",
            f"{rates.ours:,.0f}/s",
            f"{rates.theirs:,.0f}/s rows by a stock DRF view",
            rates,
            1.5,
        ),
        at_most(
            "processor time of the server for such an order",
            f"{costs.ours * 1e3:.2f} ms",
            f"{costs.theirs * 1e3:.2f} ms for a row by a stock DRF view",
            costs,
            0.67,
        ),
        at_most(
            "round trip of one durable order over REST, one in flight, p50",
            f"{times.ours * 1e3:.2f} ms",
            f"{times.theirs * 1e3:.2f} ms over the socket",
            times,
            5.0,
        ),
    ]
