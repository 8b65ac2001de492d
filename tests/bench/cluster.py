"""`make bench-cluster`: several processes on real Redis and PostgreSQL (which waits for the disk), against one of them
or against the exchange in one process. About a quarter of an hour; exit status 1 when a goal is missed. Whether it runs
through is seen sooner with `--rounds 1 --kills 1 --hand-overs 1`.

A machine with fewer cores than there are processes cannot show what a second gateway brings. So the processor time of
each part is measured, too, and it is said what that gives with a core for each.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench import takeover
from tests.bench.cluster_runs import DRAINED, IN_FLIGHT, SECONDS, Bench, Cost, Measured
from tests.bench.figures import Figure, Pairs, at_least, at_most, conditions, median, quantile, table
from tests.bench.load import Result, pour_orders
from tests.bench.scale import Costs, on_cores
from tests.bench.servers import ENRICH, OURS, served
from tests.e2e.cluster.making import Cluster
from tests.e2e.server import Market, manage
from tests.services import Postgres, Redis, new_redis, postgres_here

ROUNDS = 5
"""Pairs, measured in turn: what a row says is their median, between the smallest and the largest."""
PROCESSES = 6
"""Two gateways, the engine, PostgreSQL, Redis, and the client that asks."""
CROWDS = (10, 150, 300)
"""Sizes of the crowds that books are sent to, all at one gateway."""
QUIET = {
    "LOG_LEVEL": "WARNING",
    "BOOK_INTERVAL_MS": "0",
    "PING_SECONDS": "600",
    "IDLE_SECONDS": "600",
    "ANSWER_SECONDS": "60",  # a filled stream is no older than twice that when it is drained
}


def _scale(bench: Bench, one: list[Measured], two: list[Measured]) -> None:
    """Hold the model of docs/scale.md against what was measured."""
    small, between, large = (bench.fan_out(crowd)[0] for crowd in CROWDS)
    frame = (large - small) / (CROWDS[2] - CROWDS[0])
    relay = max(0.0, small - CROWDS[0] * frame)
    print(
        f"A book: {relay * 1e6:.0f} us a gateway and {frame * 1e6:.1f} us a subscriber; with {CROWDS[1]} subscribers"
        f" {(relay + CROWDS[1] * frame) * 1e6:.0f} us by the model, {between * 1e6:.0f} us measured."
    )
    here = os.cpu_count() or 1
    many = IN_FLIGHT[1]
    more = bench.rate(bench.ports[:1], many)
    for gateways, what, (result, cost, cores) in (
        (1, "over one gateway", _usual(one)),
        (2, "over two", _usual(two)),
        (1, f"over one, {many} in flight a connection", more),
    ):
        model = on_cores(Costs(cost.gateways, cost.engine, cost.postgres, cost.redis), here, cost.client, gateways)
        print(
            f"Orders {what}, on {here} cores: {model:,.0f}/s by the model, {result.rate:,.0f}/s measured; the cores:"
            f" {cores}."
        )
    print(flush=True)


def _usual(measured: list[Measured]) -> Measured:
    """The one whose rate is in the middle."""
    return sorted(measured, key=lambda each: each[0].rate)[len(measured) // 2]


def figures(bench: Bench, rounds: int) -> list[Figure]:
    measured = [(bench.rate(bench.ports[:1]), bench.rate(bench.ports), bench.drain()) for _ in range(rounds)]
    one, two = [each for each, _, _ in measured], [each for _, each, _ in measured]
    drained = Pairs([(drained, alone[0].rate) for alone, _, drained in measured])
    cost = Cost(*(median([getattr(each, name) for _, each, _ in two]) for name in Cost.__struct_fields__))
    markets = cost.markets(2)
    print(
        f"Processor time an order: gateway {cost.gateways * 1e6:.0f} us, engine {cost.engine * 1e6:.0f} us,"
        f" PostgreSQL {cost.postgres * 1e6:.0f} us, Redis {cost.redis * 1e6:.0f} us;"
        f" the client that asks {cost.client * 1e6:.0f} us."
    )
    print(
        f"A core for each process, by the model: {cost.limit(1, 1):,.0f}/s of one market over one gateway,"
        f" {cost.limit(2, 1):,.0f}/s over two; two gateways fill {markets} markets."
    )
    _scale(bench, one, two)
    with served(OURS, BOOK_INTERVAL_MS="0") as embedded:
        trips = Pairs(
            [
                (bench.lone_orders().latency(0.5), _lone(embedded.port, embedded.tokens).latency(0.5))
                for _ in range(rounds)
            ]
        )
    books = Pairs([(quantile(bench.book_delays(), 0.99), quantile(bench.bare_delays(), 0.99)) for _ in range(rounds)])
    return [
        at_least(
            f"engine drains a stream of {DRAINED:,} orders into PostgreSQL",
            f"{drained.ours:,.0f}/s",
            f"{drained.theirs:,.0f}/s over one daphne gateway",
            drained,
            3,
        ),
        _two_gateways(one, two, markets),
        at_most(
            "round trip of one order over gateway, Redis, engine, PostgreSQL, p50",
            f"{trips.ours * 1e3:.2f} ms",
            f"{trips.theirs * 1e3:.2f} ms in one process on SQLite",
            trips,
            3,
        ),
        at_most(
            "book at a subscriber of another gateway, after the acknowledgement, p99",
            f"{books.ours * 1e3:.2f} ms",
            f"{books.theirs * 1e3:.2f} ms bare Redis publish to receive",
            books,
            3,
        ),
    ]


def _two_gateways(one: list[Measured], two: list[Measured], markets: int) -> Figure:
    """As measured where each process has a core; else by the model, over as many markets as two gateways can fill."""
    what = "two gateways, each with as many clients as the one"
    if (os.cpu_count() or 1) >= PROCESSES:
        pairs = Pairs([(both[0].rate, alone[0].rate) for alone, both in zip(one, two, strict=True)])
    else:
        what += f", over {markets} markets, by a model: a core for each process, and the processor time of each"
        pairs = Pairs(
            [(both[1].limit(2, markets), alone[1].limit(1, markets)) for alone, both in zip(one, two, strict=True)]
        )
    return at_least(what, f"{pairs.ours:,.0f}/s", f"{pairs.theirs:,.0f}/s with one", pairs, 1.7)


def _lone(port: int, tokens: dict[str, str]) -> Result:
    return asyncio.run(pour_orders(port, tokens, 1, 1, SECONDS / 2))


@contextmanager
def running() -> Iterator[tuple[Bench, Path]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bourse-bench-")))
        postgres, redis = postgres_here(fsync=True), new_redis()
        stack.callback(postgres.remove)
        stack.callback(redis.remove)
        yield _begun(folder, postgres, redis, stack), folder


def _begun(folder: Path, postgres: Postgres, redis: Redis, stack: ExitStack) -> Bench:
    url = postgres.url("bourse")
    market = Market.seeded(folder / "market", url)
    manage(market.folder, "shell", "--verbosity", "0", "-c", ENRICH, extra=market.environment())
    cluster = Cluster(market, url, redis, 2, **QUIET)
    stack.callback(cluster.stop)
    cluster.start()
    return Bench(cluster, postgres)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cluster")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--kills", type=int, default=takeover.KILLS)
    parser.add_argument("--hand-overs", type=int, default=takeover.HAND_OVERS)
    asked = parser.parse_args()
    os.environ["DATA_DIR"] = data = tempfile.mkdtemp(prefix="bourse-bench-")
    try:
        print(f"Conditions: {conditions()}; PostgreSQL with fsync.\n", flush=True)
        with running() as (bench, folder):
            found = figures(bench, asked.rounds)
            bench.cluster.stop()
            times = takeover.measured(folder, bench.postgres, bench.cluster.redis, asked.kills, asked.hand_overs)
            found += takeover.figures(times)
    finally:
        shutil.rmtree(data, ignore_errors=True)
    print(table(found))
    return int(not all(figure.met for figure in found))


if __name__ == "__main__":
    sys.exit(main())
