"""Load for any deployment, poured by the client library over the public protocol:

    python -m tests.bench.by_hand --url ws://127.0.0.1:8081 --tokens TOKENS --connections 10 --in-flight 20 --seconds 10

TOKENS is a file of lines "user token", as `make run` prints them. Bounded in time and number. Every second order trades
at once: users with an even number buy, the others sell, one lot at one price. Prints the rate, the latencies, in which
is the waiting that the limits of the exchange ask for, and how busy this process was: one without rest has measured
itself.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients/python"))

from bourse_client import BourseError, Client, Refused
from rich.console import Console
from rich.progress import Progress

from tests.bench.figures import quantile

MOST, LONGEST = 1_000, 600.0
"""Connections, and orders on their way on each; seconds."""
PATIENCE = 30.0
"""Seconds that a connection may take, and the last answers."""


class Poured(NamedTuple):
    """Latencies in seconds, sorted; how often each code has refused; the share of a processor that this took."""

    seconds: float
    latencies: list[float]
    refused: Counter[int]
    busy: float

    def latency(self, share: float) -> float:
        """The latency that `share` of the answers kept within."""
        return quantile(self.latencies, share)


async def poured(
    url: str, tokens: dict[str, str], connections: int, in_flight: int, seconds: float, instrument_id: str, price: float
) -> Poured:
    """Orders of as many users as there are tokens, over so many sockets."""
    users, latencies, refused = list(tokens), list[float](), Counter[int]()
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Client(url, user, tokens[user], patience=PATIENCE))
            for user in (users[number % len(users)] for number in range(connections))
        ]
        progress = stack.enter_context(Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()))
        bar = progress.add_task("orders", total=None)
        spent, began = time.process_time(), time.perf_counter()

        async def place(client: Client, side: str) -> None:
            order = {"instrument_id": instrument_id, "offset": "OPEN", "volume": 1, "price": price}
            is_over = False
            while not is_over:
                asked = time.perf_counter()
                try:
                    await client.ask("submit_order", **order, direction=side, order_type="LIMIT")
                except Refused as no:
                    refused[no.code] += 1
                answered = time.perf_counter()
                latencies.append(answered - asked)
                is_over = answered >= began + seconds
                progress.advance(bar)

        async with asyncio.timeout(seconds + PATIENCE), asyncio.TaskGroup() as group:
            for number, client in enumerate(clients):
                for _ in range(in_flight):
                    group.create_task(place(client, "SELL" if number % len(users) % 2 else "BUY"))
        took = time.perf_counter() - began
        return Poured(took, sorted(latencies), refused, (time.process_time() - spent) / took)


def tokens_of(file: Path) -> dict[str, str]:
    """Lines "user token"; others are passed over, as the heads of what `make run` prints."""
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    tokens = {words[0]: words[1] for words in lines if len(words) == 2 and words != ["user", "token"]}
    if not tokens:
        raise ValueError(f'{file} has no line "user token"')
    return tokens


def main() -> None:
    parser = argparse.ArgumentParser(description="Pour orders over the public protocol; tell rates and latencies.")
    parser.add_argument("--url", default="ws://127.0.0.1:8081", help="where the exchange is, ws:// or wss://")
    parser.add_argument("--tokens", type=Path, required=True, help='file of lines "user token"')
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--in-flight", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--instrument", default="IX2301")
    parser.add_argument("--price", type=float, default=120.0)
    given = parser.parse_args()
    bounds = min(given.connections, MOST), min(given.in_flight, MOST), min(given.seconds, LONGEST)
    if min(bounds) <= 0:
        parser.error("connections, orders in flight and seconds are more than 0")
    try:
        result = asyncio.run(poured(given.url, tokens_of(given.tokens), *bounds, given.instrument, given.price))
    except (BourseError, OSError, TimeoutError, ValueError) as error:
        raise SystemExit(str(error) or "the last orders were not answered") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    print(f"{len(result.latencies) / result.seconds:,.0f} answers/s; this process was busy {result.busy:.0%}")
    for code, times in result.refused.items():
        print(f"refused, {code}: {times:,}")
    for share in (0.5, 0.9, 0.99, 0.999):
        print(f"p{share * 100:g} {result.latency(share) * 1000:.2f} ms")


if __name__ == "__main__":
    main()
