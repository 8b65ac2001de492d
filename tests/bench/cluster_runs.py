"""What is measured on a cluster of two gateways: rates of orders, what they cost each part, and ways of books."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
from redis import Redis as Client
from redis.asyncio import Redis as AsyncClient

from tests.bench.load import ANSWER, Pourer, Result, orders, pour, pour_orders
from tests.bench.wire import Wire
from tests.e2e.cluster.making import Cluster
from tests.processes import processor_seconds
from tests.services import Postgres
from trading.core.commands import SubmitOrder
from trading.core.types import Direction, Offset, OrderType
from trading.transport.redis_wire import COMMAND, SentCommand, commands_key, encode_command
from trading.transport.sleeper import Sleeper

SECONDS = 4.0
DRAINED = 20_000
"""Orders in the filled stream; half of them trade."""
LOOK_SECONDS = 0.1
"""Between two looks whether the stream is drained. (A session of PostgreSQL for each, fifty times a second, took a
sixth of the cores from those that are measured.)"""
BOOKS = 300
"""Changes of the book whose way is timed."""
FANNED = 150
"""Changes of the book that are sent to a crowd."""
IN_FLIGHT = (20, 60)
"""Orders of each of ten connections that are under way: of what is measured, and to see whether more fill the cores."""


class Cost(msgspec.Struct, frozen=True):
    """Processor seconds an order, of each part."""

    gateways: float
    engine: float
    postgres: float
    redis: float
    client: float

    def markets(self, gateways: int) -> int:
        """How many it takes that so many gateways can be full, with a core for each process."""
        return ceil(gateways * max(self.engine, self.postgres) / self.gateways)

    def limit(self, gateways: int, markets: int) -> float:
        """Orders a second with a core for each process: an engine for each market, for which PostgreSQL works in one
        session."""
        return min(gateways / self.gateways, markets / self.engine, markets / self.postgres, 1 / self.redis)


class Cores(msgspec.Struct, frozen=True):
    """Of all the time that the machine's cores had: the shares in which they did our work, that of others (the system's
    own and a hypervisor's among it), and nothing."""

    ours: float
    others: float
    idle: float

    def __str__(self) -> str:
        return f"{self.ours:.0%} our work, {self.others:.0%} that of others, {self.idle:.0%} idle"


Measured = tuple[Result, Cost, Cores]


class Bench:
    """One cluster of two gateways, and what is measured on it."""

    def __init__(self, cluster: Cluster, postgres: Postgres) -> None:
        self.cluster, self.postgres = cluster, postgres
        self.tokens = dict(list(cluster.market.tokens.items())[:8])
        self.ports = [gateway.port for gateway in cluster.gateways]

    # -- orders through gateways

    def rate(self, ports: list[int], in_flight: int = IN_FLIGHT[0]) -> Measured:
        """Orders acknowledged, 10 connections with so many in flight at each of these gateways, and what they cost."""
        return asyncio.run(self._rate(ports, in_flight))

    async def _rate(self, ports: list[int], in_flight: int) -> Measured:
        pourers = await _signed_in(ports, self.tokens, in_flight)
        cores, before = cores_seconds(), self._spent()
        result = await pour(pourers, SECONDS)
        spent = [after - was for after, was in zip(self._spent(), before, strict=True)]
        every, idle = (after - was for after, was in zip(cores_seconds(), cores, strict=True))
        assert not result.refused, f"{result.refused} orders were refused"
        ours = sum(spent) / every
        return (
            result,
            Cost(*(seconds / result.answers for seconds in spent)),
            Cores(ours, max(0.0, 1 - idle / every - ours), idle / every),
        )

    def _spent(self) -> list[float]:
        gateways = sum(processor_seconds(gateway.pid) for gateway in self.cluster.gateways)
        postgres = sum(processor_seconds(pid) for pid in self.postgres.pids)
        return [
            gateways,
            processor_seconds(self.cluster.engine.pid),
            postgres,
            processor_seconds(self.cluster.redis.pid),
            time.process_time(),
        ]

    def lone_orders(self) -> Result:
        return asyncio.run(pour_orders(self.ports[0], self.tokens, 1, 1, SECONDS / 2))

    def fan_out(self, subscribers: int) -> tuple[float, float, float]:
        """Processor seconds that a book costs a gateway with so many subscribers; the frames; all seconds."""
        return asyncio.run(self._fan_out(subscribers))

    async def _fan_out(self, subscribers: int) -> tuple[float, float, float]:
        heard, news = 0, Sleeper()

        def count(text: bytes) -> None:
            nonlocal heard
            heard += text.startswith(b'{"type":"orderbook"')
            news.wake()

        wires = [await Wire.connect(self.ports[1], "/ws", count) for _ in range(subscribers)]
        for wire in wires:
            wire.send(b'{"type":"subscribe","channels":["orderbook"],"instruments":["IX2301"]}')
        await _until(lambda: heard >= subscribers, news)
        answered = 0

        def on_answer(text: bytes) -> None:
            nonlocal answered
            answered += text.startswith(ANSWER)
            news.wake()

        def all_have(books: int) -> bool:
            return answered >= books and heard >= begun + books * subscribers

        user, token = next(iter(self.tokens.items()))
        trader = await Wire.connect(self.ports[0], "/ws", on_answer)
        trader.send(b'{"type":"auth","user_id":"%s","token":"%s"}' % (user.encode(), token.encode()))
        [request] = orders("IX2301", 119.0, 0)
        begun, spent = heard, processor_seconds(self.cluster.gateways[1].pid)
        for number in range(FANNED):
            trader.send(request)
            await _until(partial(all_have, number + 1), news)
        spent = processor_seconds(self.cluster.gateways[1].pid) - spent
        for wire in [trader, *wires]:
            wire.close()
        return spent / FANNED, float(heard - begun), spent

    # -- a filled stream

    def drain(self) -> float:
        """Commands a second of an engine that finds a filled stream, from its first commit to its last."""
        self.cluster.engine.end(signal.SIGTERM)
        ((after,),) = self._query("SELECT max(number) FROM trading_journalbatch")
        accounts = [pk for (pk,) in self._query("SELECT id FROM trading_account ORDER BY id LIMIT 8")]
        with Client.from_url(self.cluster.redis.url) as client:
            last = ""
            for first in range(0, DRAINED, 1_000):
                pipe = client.pipeline(transaction=False)
                for number in range(first, first + 1_000):
                    pipe.xadd(commands_key("MAIN"), {COMMAND: encode_command(_order(accounts, number))})
                last = pipe.execute()[-1].decode()
        self.cluster.engine.start()
        with closing(self.postgres.connect(self.cluster.database)) as connection:
            while connection.execute("SELECT stream_id FROM trading_market").fetchall() != [(last,)]:
                time.sleep(LOOK_SECONDS)
        self.cluster.until_ready()
        ((began, ended, first_batch),) = self._query(
            f"SELECT min(time), max(time), min(number) FROM trading_journalbatch WHERE number > {after}"
            " AND time <= (SELECT max(accepted_at) FROM trading_order)"
        )
        assert first_batch == after + 1 and ended > began
        return float(DRAINED / ((ended - began) / 1000))

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.postgres.execute(self.cluster.database, sql)

    # -- books

    def book_delays(self) -> list[float]:
        return sorted(asyncio.run(self._book_delays()))

    async def _book_delays(self) -> list[float]:
        """Seconds from the acknowledgement at one gateway until the book is at a subscriber of the other."""
        heard: list[float] = []
        acknowledged: list[float] = []
        news = Sleeper()

        def on_book(text: bytes) -> None:
            if text.startswith(b'{"type":"orderbook"'):
                heard.append(time.perf_counter())
                news.wake()

        def on_answer(text: bytes) -> None:
            if text.startswith(ANSWER):
                acknowledged.append(time.perf_counter())
                news.wake()

        subscriber = await Wire.connect(self.ports[1], "/ws", on_book)
        subscriber.send(b'{"type":"subscribe","channels":["orderbook"],"instruments":["IX2301"]}')
        user, token = next(iter(self.tokens.items()))
        trader = await Wire.connect(self.ports[0], "/ws", on_answer)
        trader.send(b'{"type":"auth","user_id":"%s","token":"%s"}' % (user.encode(), token.encode()))
        await _until(lambda: len(heard) >= 1, news)
        [request] = orders("IX2301", 119.0, 0)
        delays = []
        for _ in range(BOOKS):
            books, answers = len(heard), len(acknowledged)
            trader.send(request)
            await _until(lambda: len(heard) > books and len(acknowledged) > answers, news)
            delays.append(max(0.0, heard[books] - acknowledged[answers]))
        for wire in (subscriber, trader):
            wire.close()
        return delays

    def bare_delays(self) -> list[float]:
        return sorted(asyncio.run(self._bare_delays()))

    async def _bare_delays(self) -> list[float]:
        """Seconds from a publish to its receipt, both by redis-py in one process; as long as a book."""
        publisher, listener = (AsyncClient.from_url(self.cluster.redis.url) for _ in range(2))
        pubsub = listener.pubsub()
        await pubsub.subscribe("bench")
        message, delays = b"x" * 700, []
        await pubsub.get_message(timeout=5)
        for _ in range(BOOKS):
            began = time.perf_counter()
            await publisher.publish("bench", message)
            while await pubsub.get_message(ignore_subscribe_messages=True, timeout=5) is None:
                pass
            delays.append(time.perf_counter() - began)
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await publisher.aclose()
        await listener.aclose()
        return delays


async def _until(seen: Callable[[], bool], news: Sleeper) -> None:
    """Sleeps until there are news: a client that looks all the time takes a core from those that are measured."""
    async with asyncio.timeout(60):
        while not seen():
            await news.sleep()


async def _signed_in(ports: list[int], tokens: dict[str, str], in_flight: int) -> list[Pourer]:
    users, pourers = list(tokens), []
    for number in range(10 * len(ports)):
        user = users[number % len(users)]
        pourer = Pourer(in_flight, orders("IX2301", 120.0, number % len(users)), ANSWER)
        await pourer.open(ports[number % len(ports)], f"/ws?user_id={user}")
        pourer.say({"type": "auth", "user_id": user, "token": tokens[user]})
        pourers.append(pourer)
    await asyncio.sleep(0.5)  # let the sign-ins pass
    return pourers


def _order(accounts: list[int], number: int) -> SentCommand:
    which = number % len(accounts)
    side = Direction.BUY if which % 2 == 0 else Direction.SELL
    command = SubmitOrder(accounts[which], "IX2301", side, Offset.OPEN, OrderType.LIMIT, 1, 1_200_000)
    return SentCommand("MAIN", "bourse.MAIN.gateway.bench", number, command, time.time_ns() // 1_000_000)


def cores_seconds() -> tuple[float, float]:
    """Of all cores together since the machine began: all of them, and those in which they did nothing."""
    ticks = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))  # guests are users, too
    return sum(ticks) / os.sysconf("SC_CLK_TCK"), sum(ticks[3:5]) / os.sysconf("SC_CLK_TCK")
