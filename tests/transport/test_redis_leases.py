"""The table of gateways: who lives, who was lost, who is back elsewhere. Time is the test's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
import pytest
from redis.asyncio import Redis

from tests.services import Redis as RedisServer
from trading.transport.redis_leases import LOST_SECONDS, GatewayRow, Lease, Leases, LostGateways


class Timers:
    def __init__(self) -> None:
        self.begun: list[tuple[int, float, int]] = []
        self.seen: list[tuple[int, float]] = []

    def begin(self, account_id: int, since: float, grace_ms: int) -> None:
        self.begun.append((account_id, since, grace_ms))

    def seen_elsewhere(self, account_id: int, at: float) -> None:
        self.seen.append((account_id, at))


class Clocked(Redis):
    """Redis with a clock of the test's; it shows something else than those of the gateways."""

    now = 100.0

    async def time(self, **options: Any) -> tuple[int, int]:
        return int(self.now) + 5_000, round(self.now % 1 * 1_000_000)


class Table:
    def __init__(self, client: Clocked) -> None:
        self.client = client
        self.engine = Timers()
        self.serves = True
        self.strange: set[int] = set()
        self.look = LostGateways(client, "MAIN", self.engine, lambda: self.serves, self.is_ours, lambda: self.now)
        self.look._blind = False

    @property
    def now(self) -> float:
        return self.client.now

    @now.setter
    def now(self, now: float) -> None:
        self.client.now = now

    def is_ours(self, account_id: int) -> bool:
        return account_id not in self.strange

    def gateway(self, name: str, armed: dict[int, int]) -> tuple[Lease, Timers]:
        timers = Timers()
        return Lease(self.client, "MAIN", timers, name, lambda: armed, clock=lambda: self.now), timers


@pytest.fixture
async def table(redis: RedisServer) -> AsyncIterator[Table]:
    client = cast(Clocked, Clocked.from_url(redis.url))
    await client.flushall()
    yield Table(client)
    await client.aclose()


async def test_the_connections_of_a_gateway_that_falls_silent_are_lost_once(table: Table) -> None:
    dead, _ = table.gateway("dead", {7: 200, 8: 0})
    alive, _ = table.gateway("alive", {9: 0})
    for lease in (dead, alive):
        await lease.write()
    await table.look.turn()
    table.now += LOST_SECONDS - 0.1
    await alive.write()
    await table.look.turn()
    assert table.engine.begun == []
    table.now += 0.1
    for _ in range(2):
        await table.look.turn()
        assert table.engine.begun == [(7, 100.0, 200), (8, 100.0, 0)]


async def test_accounts_of_another_market_are_the_concern_of_its_engine(table: Table) -> None:
    dead, _ = table.gateway("dead", {7: 200, 8: 0})
    table.strange.add(7)
    await dead.write()
    await table.look.turn()
    table.now += LOST_SECONDS
    await table.look.turn()
    assert table.engine.begun == [(8, 100.0, 0)]


async def test_a_gateway_of_several_markets_has_a_row_at_each(table: Table) -> None:
    timers = Timers()
    rows = [Lease(table.client, market, timers, "g", lambda: {7: 0}, clock=lambda: 1.0) for market in ("MAIN", "OTHER")]
    leases = Leases(rows)
    leases.signed_in(7)
    await leases.write()
    for market in ("MAIN", "OTHER"):
        row: Any
        (row,) = (await table.client.hgetall(f"bourse:{market}:gateways")).values()
        told = msgspec.msgpack.decode(row, type=GatewayRow)
        assert (told.armed, list(told.signed_in)) == ({7: 0}, [7])


async def test_only_the_engine_acts(table: Table) -> None:
    dead, _ = table.gateway("dead", {7: 200})
    await dead.write()
    table.serves = False
    await table.look.turn()
    table.now += LOST_SECONDS
    await table.look.turn()
    assert table.engine.begun == []
    table.serves = True
    await table.look.turn()
    assert table.engine.begun == [(7, 100.0, 200)]


async def test_a_row_that_redis_has_lost_is_remembered(table: Table) -> None:
    dead, _ = table.gateway("dead", {7: 200})
    await dead.write()
    await table.look.turn()
    await table.client.flushall()
    table.now += LOST_SECONDS
    await table.look.turn()
    assert table.engine.begun == [(7, 100.0, 200)]


async def test_who_could_not_look_for_a_while_waits_anew(table: Table) -> None:
    alive, _ = table.gateway("alive", {7: 200})
    await alive.write()
    await table.look.turn()
    table.now += LOST_SECONDS
    table.look._blind = True
    await table.look.turn()
    assert table.engine.begun == []


async def test_everybody_else_is_told_once_of_who_has_signed_in(table: Table) -> None:
    here, own = table.gateway("here", {})
    there, others = table.gateway("there", {})
    here.signed_in(7)
    await here.turn()
    table.now += 0.5
    for _ in range(2):
        await here.turn()
        await there.turn()
        await table.look.turn()
    assert own.seen == [] and others.seen == [(7, 100.0)] == table.engine.seen
    here.signed_in(7)
    await here.write()
    await there.turn()
    assert others.seen == [(7, 100.0), (7, 100.5)]


async def test_a_row_that_is_read_late_makes_nobody_come_later(table: Table) -> None:
    """Who had come before a connection was lost is not back, however late it is heard of."""
    here, _ = table.gateway("here", {})
    there, others = table.gateway("there", {})
    here.signed_in(7)
    await here.write()
    table.now += 0.5
    await there.turn()
    assert others.seen == [(7, 100.0)]
