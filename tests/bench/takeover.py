"""How long a cluster takes no orders while its engine is replaced, as its clients see it: engines that are killed, and
planned hand-overs. Part of `make bench-cluster`; alone: `python -m tests.bench.takeover --kills 50 --hand-overs 10`.

A client on each gateway sends an order every few milliseconds, whether those before were answered or not; each trades
with the other. Nothing stands between the processes: what is killed is gone at once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.figures import Figure, at_most, conditions, table
from tests.bench.load import ANSWER, orders
from tests.bench.servers import ENRICH
from tests.bench.wire import Wire
from tests.e2e.cluster.making import Cluster, EngineProcess
from tests.e2e.server import Market, manage
from tests.services import Postgres, Redis, new_redis, postgres_here

KILLS, HAND_OVERS = 50, 10
PACE_SECONDS = 0.005
"""Between two orders of a client: 400 a second of two."""
SETTLED_SECONDS = 0.5
"""Of trading before each."""
BOUND_SECONDS = 120.0
"""Against hanging."""
STANDS_BY = "stands by for market MAIN, with warm books"
GOAL_SECONDS, HAND_OVER_SECONDS = 1.0, 0.25


class Sent(msgspec.Struct):
    """An order: when it was sent and answered (`perf_counter`; 0: not yet), and whether it was acknowledged."""

    at: float
    answered: float = 0.0
    acknowledged: bool = False


class Caller:
    """A client that sends at its pace. Answers come in the order of its orders."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._waiting: deque[Sent] = deque()
        self._wire: Any = None

    async def open(self, port: int, user: str, token: str) -> None:
        self._wire = await Wire.connect(port, "/ws", self._on_text)
        self._wire.send(b'{"type":"auth","user_id":"%s","token":"%s"}' % (user.encode(), token.encode()))

    def _on_text(self, text: bytes) -> None:
        if text.startswith(ANSWER):
            sent = self._waiting.popleft()
            sent.answered, sent.acknowledged = time.perf_counter(), b'"success":true' in text

    async def run(self, request: bytes) -> None:
        while True:
            sent = Sent(time.perf_counter())
            self._waiting.append(sent)
            self.sent.append(sent)
            self._wire.send(request)
            await asyncio.sleep(PACE_SECONDS)

    def since(self, at: float) -> list[Sent]:
        """What was sent after then."""
        return [each for each in self.sent if each.at > at]

    def first_after(self, at: float) -> float | None:
        """When the first order that was sent after then was acknowledged."""
        return min((each.answered for each in self.since(at) if each.acknowledged), default=None)

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()


class Times(msgspec.Struct):
    """Seconds: from each kill until an order that was sent after it was acknowledged, at the slower gateway; and the
    longest wait of an order at each hand-over. `refused`: orders that were not taken at a hand-over."""

    kills: list[float] = []
    hand_overs: list[float] = []
    refused: int = 0

    @property
    def late(self) -> float:
        """The 95th percentile of the kills."""
        return sorted(self.kills)[int(len(self.kills) * 0.95)]


class Takeover:
    """Of a cluster that has an engine, and one that stands by."""

    def __init__(self, cluster: Cluster) -> None:
        assert cluster.standby is not None
        self._cluster = cluster
        self._serving, self._standing = cluster.engine, cluster.standby
        self._callers = [Caller() for _ in cluster.gateways]

    async def measure(self, kills: int, hand_overs: int) -> Times:
        times = Times()
        await until(partial(_stands_by, self._standing, 0))
        running = [asyncio.create_task(run) for run in await self._begin()]
        try:
            for number in range(kills):
                await self._trade()
                times.kills.append(await self._kill())
                print(f"kill {number + 1}: {times.kills[-1]:.2f} s", flush=True)
            for number in range(hand_overs):
                await self._trade()
                sent = await self._hand_over()
                times.hand_overs.append(max(each.answered - each.at for each in sent))
                times.refused += sum(not each.acknowledged for each in sent)
                print(f"hand-over {number + 1}: {times.hand_overs[-1]:.3f} s", flush=True)
            return times
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for caller in self._callers:
                caller.close()

    async def _begin(self) -> list[Any]:
        runs = []
        users = list(self._cluster.market.tokens.items())
        for number, (gateway, caller) in enumerate(zip(self._cluster.gateways, self._callers, strict=True)):
            await caller.open(gateway.port, *users[number])
            runs.append(caller.run(orders("IX2301", 120.0, number)[0]))
        await asyncio.sleep(SETTLED_SECONDS)  # let the sign-ins pass
        return runs

    async def _trade(self) -> None:
        """Everybody's orders are taken, for a while."""
        await self._acknowledged_after(time.perf_counter())
        await asyncio.sleep(SETTLED_SECONDS)

    async def _acknowledged_after(self, at: float) -> list[float]:
        await until(lambda: all(caller.first_after(at) for caller in self._callers))
        return [caller.first_after(at) or 0.0 for caller in self._callers]

    async def _kill(self) -> float:
        killed = self._serving
        before = await asyncio.to_thread(_times, killed)
        began = time.perf_counter()
        killed.send(signal.SIGKILL)
        gap = max(await self._acknowledged_after(began)) - began
        await asyncio.to_thread(killed.end, signal.SIGKILL)
        killed.start()
        await self._swapped(before)
        return gap

    async def _hand_over(self) -> list[Sent]:
        """The orders that were sent meanwhile."""
        before = await asyncio.to_thread(_times, self._serving)
        began = time.perf_counter()
        await asyncio.to_thread(self._cluster.manage, "hand_over")
        ended = time.perf_counter()
        await self._acknowledged_after(ended)
        sent = [each for caller in self._callers for each in caller.since(began) if each.at < ended]
        await self._swapped(before)
        return sent

    async def _swapped(self, before: int) -> None:
        """Whoever was the engine stands by again, more often than `before`."""
        self._serving, self._standing = self._standing, self._serving
        await until(partial(_stands_by, self._standing, before))
        for caller in self._callers:  # it grows no longer than one event
            caller.sent = caller.sent[-1000:]


def _times(engine: EngineProcess) -> int:
    """How often it has begun to stand by."""
    return engine.log().count(STANDS_BY)


def _stands_by(engine: EngineProcess, before: int) -> bool:
    return _times(engine) > before


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND_SECONDS):
        while not seen():
            await asyncio.sleep(0.01)


def figures(times: Times) -> list[Figure]:
    found = []
    if times.kills:
        middle = sorted(times.kills)[len(times.kills) // 2]
        found.append(
            at_most(
                f"kill -9 of the engine under load to the first acknowledgement by the standby, p95 of"
                f" {len(times.kills)}",
                f"{times.late:.2f} s (median {middle:.2f}, longest {max(times.kills):.2f})",
                f"{GOAL_SECONDS:g} s",
                times.late / GOAL_SECONDS,
                1,
            )
        )
    if times.hand_overs:
        longest = max(times.hand_overs)
        found.append(
            at_most(
                f"planned hand-over, longest wait of an order, of {len(times.hand_overs)}"
                f" ({times.refused} orders refused)",
                f"{longest * 1e3:.0f} ms",
                f"{HAND_OVER_SECONDS * 1e3:.0f} ms",
                longest / HAND_OVER_SECONDS,
                1,
            )
        )
    return found


def measured(folder: Path, postgres: Postgres, redis: Redis, kills: int, hand_overs: int) -> Times:
    """On a cluster of its own, which ends with it."""
    redis.command("FLUSHALL")  # a stream of another database is none of this one's
    url = postgres.url(postgres.create())
    market = Market.seeded(folder / "takeover", url)
    manage(market.folder, "shell", "--verbosity", "0", "-c", ENRICH, extra=market.environment())
    cluster = Cluster(market, url, redis, 2, LOG_LEVEL="INFO").with_standby()
    try:
        cluster.start()
        return asyncio.run(Takeover(cluster).measure(kills, hand_overs))
    finally:
        cluster.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--hand-overs", type=int, default=HAND_OVERS)
    options = parser.parse_args()
    os.environ["DATA_DIR"] = data = tempfile.mkdtemp(prefix="bourse-bench-")
    print(f"Conditions: {conditions()}; PostgreSQL with fsync.\n", flush=True)
    with ExitStack() as stack:
        stack.callback(partial(shutil.rmtree, data, ignore_errors=True))
        postgres, redis = postgres_here(fsync=True), new_redis()
        stack.callback(postgres.remove)
        stack.callback(redis.remove)
        times = measured(Path(data), postgres, redis, options.kills, options.hand_overs)
    print(table(figures(times)))
    return int(not all(figure.met for figure in figures(times)))


if __name__ == "__main__":
    sys.exit(main())
