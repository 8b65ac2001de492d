"""How many processes an exchange needs: `python -m tests.bench.scale --users 10000 --orders 5000 --subscribers 2000`.

A model of sums: processor seconds of each stage, as `make bench-cluster` measures them, and memory of each connection.
It knows no queues: a part is taken to be full at USED of its core, where waiting is still short. The costs below are
those of one machine; give others with `--costs`, in the words that the bench prints.
"""

from __future__ import annotations

import argparse
from math import ceil

import msgspec

USED = 0.6
"""Share of a core at which a part counts as full: the rest is for bursts, and for waiting that does not grow."""
GATEWAY_CONNECTIONS = 20_000
"""A process may have: files, and a fan-out that one loop can send within a tenth of a second."""
BOOKS_A_SECOND = 20
"""Frames of an instrument's book that a subscriber is sent at most (`BOOK_INTERVAL_MS`)."""
PINGS_A_SECOND = 0.2
"""Of a quiet connection."""


class Costs(msgspec.Struct, frozen=True):
    """Processor seconds; `memory` is KiB a connection. An order is one request with its answer and pushes; `frame` is a
    book to one subscriber, `relay` a book to one gateway, `ping` one exchange of a quiet connection."""

    order_gateway: float = 140e-6
    order_engine: float = 155e-6
    order_postgres: float = 100e-6
    order_redis: float = 13e-6
    frame: float = 31e-6
    relay: float = 630e-6
    ping: float = 195e-6
    memory: float = 33.0

    @property
    def markets_a_gateway(self) -> int:
        """Busy books that one gateway may follow with half of its room: what more gateways do not divide."""
        return max(1, int(USED / 2 / (BOOKS_A_SECOND * self.relay)))


class Plan(msgspec.Struct, frozen=True):
    """What is needed. `first`: what is full first when everything grows in step, and how full it is."""

    gateways: int
    engines: int
    redis: int
    postgres: int
    cores: float
    gigabytes: float
    first: str


def plan(costs: Costs, users: int, orders: float, subscribers: int, markets: int = 1) -> Plan:
    """For so many connections, orders a second in all markets, and subscribers who each follow one busy book.

    A market cannot be cut: where one engine is not enough for the orders, there have to be more markets, which is what
    `engines` says. Each has one busy book; a gateway serves as many as it can follow. Streams and databases go by
    market, so Redis and PostgreSQL may be as many as there are engines."""
    engine_work = orders * costs.order_engine
    engines = max(markets, _full(engine_work))
    served = min(engines, costs.markets_a_gateway)
    heard = served * BOOKS_A_SECOND * costs.relay
    work = (
        orders * costs.order_gateway + subscribers * BOOKS_A_SECOND * costs.frame + users * PINGS_A_SECOND * costs.ping
    )
    gateways = max(ceil(work / (USED - heard)), ceil(users / GATEWAY_CONNECTIONS), ceil(engines / served))
    redis_work = (orders + gateways * served * BOOKS_A_SECOND) * costs.order_redis
    postgres_work = orders * costs.order_postgres
    redis, postgres = _full(redis_work), _full(postgres_work)
    used = {
        "gateways": work / gateways + heard,
        "engines": engine_work / engines,
        "Redis": redis_work / redis,
        "PostgreSQL": postgres_work / postgres,
        "connections": users / gateways / GATEWAY_CONNECTIONS * USED,
    }
    first = max(used, key=lambda name: used[name])
    return Plan(
        gateways=gateways,
        engines=engines,
        redis=redis,
        postgres=postgres,
        cores=work + gateways * heard + engine_work + redis_work + postgres_work,
        gigabytes=users * costs.memory / 1024**2,
        first=f"{first} ({used[first] / USED:.0%})",
    )


def _full(work: float) -> int:
    return max(1, ceil(work / USED))


def on_cores(costs: Costs, cores: int, client: float, gateways: int) -> float:
    """Orders a second where all parts share so few cores, with a client that costs `client` seconds an order."""
    each = costs.order_gateway + costs.order_engine + costs.order_postgres + costs.order_redis + client
    return min(cores / each, gateways / costs.order_gateway, 1 / costs.order_engine, 1 / costs.order_postgres)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=10_000, help="open connections")
    parser.add_argument("--orders", type=float, default=5_000, help="a second, in all markets")
    parser.add_argument("--subscribers", type=int, default=2_000, help="of one busy book each")
    parser.add_argument("--markets", type=int, default=1)
    parser.add_argument("--costs", nargs="*", default=[], metavar="NAME=MICROSECONDS")
    options = parser.parse_args()
    given = {name: float(value) for name, _, value in (word.partition("=") for word in options.costs)}
    scaled = {name: value if name == "memory" else value / 1e6 for name, value in given.items()}
    costs = msgspec.structs.replace(Costs(), **scaled)
    print(f"{'users':>10}{'orders/s':>10}{'subscr.':>9}{'gateways':>10}{'engines':>9}{'Redis':>7}{'PostgreSQL':>12}"
          f"{'cores':>8}{'GiB':>7}  full first")  # fmt: skip
    for factor in (1, 10, 100):
        users, orders, subscribers = (round(n * factor) for n in (options.users, options.orders, options.subscribers))
        found = plan(costs, users, orders, subscribers, options.markets)
        print(f"{users:>10,}{orders:>10,}{subscribers:>9,}{found.gateways:>10,}{found.engines:>9,}{found.redis:>7,}"
              f"{found.postgres:>12,}{found.cores:>8,.0f}{found.gigabytes:>7,.1f}  {found.first}")  # fmt: skip


if __name__ == "__main__":
    main()
