"""What is done to a cluster. Each event strikes one part, and gives back how to mend it; a few mend themselves."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import NamedTuple

from tests.chaos.cluster.parts import Engine, Front, Parts, freeze
from tests.services import Proxy

Mend = Callable[[], None]
AWAY = (0.2, 2.5)
"""Seconds for which a part is away that somebody must bring back."""
MOMENT = (0.0, 0.0)


class Target(NamedTuple):
    """The cluster; its engine that serves and the one that stands by, as they were found before; and one of its
    gateways."""

    parts: Parts
    serving: Engine
    standing: Engine
    front: Front

    @classmethod
    def of(cls, parts: Parts, number: int) -> Target:
        """`number` chooses the gateway."""
        serving = parts.serving()
        standing = next(engine for engine in parts.engines if engine is not serving)
        return cls(parts, serving, standing, parts.fronts[number % len(parts.fronts)])


class Event(NamedTuple):
    """`strike` hits at once: what has to be found out first is in its target. `away`: within which seconds it is
    mended; a part that another one replaces is mended when orders are taken again."""

    name: str
    part: str
    strike: Callable[[Target], Mend]
    away: tuple[float, float] | None = MOMENT


def nothing() -> None:
    """It mends itself."""


# -- the engine and who stands by


def _comes_back(engine: Engine) -> Mend:
    """It is started again, and stands by."""

    def mend() -> None:
        before = engine.times_standing_by()
        engine.start()
        engine.until_it_stands_by(before)

    return mend


def kill_engine(at: Target) -> Mend:
    engine = at.serving
    engine.kill()
    return _comes_back(engine)


def stop_engine(at: Target) -> Mend:
    engine = at.serving
    before = engine.times_standing_by()
    freeze(engine.process.pid)

    def mend() -> None:
        engine.process.send(signal.SIGCONT)
        engine.until_it_stands_by(before)

    return mend


def kill_standby(at: Target) -> Mend:
    engine = at.standing
    engine.kill()
    return _comes_back(engine)


def stop_standby(at: Target) -> Mend:
    engine = at.standing
    freeze(engine.process.pid)
    return lambda: engine.process.send(signal.SIGCONT)


def _dead_line(engine: Engine, line: Proxy) -> Mend:
    before = engine.times_standing_by()
    line.flowing.clear()

    def mend() -> None:
        line.flowing.set()
        engine.until_it_stands_by(before)

    return mend


def dead_line_to_database(at: Target) -> Mend:
    """Nothing flows any more, and nobody is told."""
    engine = at.serving
    return _dead_line(engine, engine.to_database)


def dead_line_to_redis(at: Target) -> Mend:
    engine = at.serving
    return _dead_line(engine, engine.to_redis)


def cut_engine_from_database(at: Target) -> Mend:
    at.serving.to_database.sever()
    return at.parts.until_one_is_each


def cut_engine_from_redis(at: Target) -> Mend:
    at.serving.to_redis.sever()
    return nothing


def hand_over(at: Target) -> Mend:
    engine = at.serving
    before = engine.times_standing_by()
    at.front.server.manage("hand_over")
    return lambda: engine.until_it_stands_by(before)


# -- gateways


def kill_gateway(at: Target) -> Mend:
    front = at.front
    front.server.kill()
    return front.server.start


def stop_gateway(at: Target) -> Mend:
    pid = at.front.server.pid
    freeze(pid)
    return lambda: _wake(pid)


def _wake(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


def cut_gateway_from_redis(at: Target) -> Mend:
    at.front.to_redis.sever()
    return nothing


def dead_line_of_gateway(at: Target) -> Mend:
    line = at.front.to_redis
    line.flowing.clear()
    return line.flowing.set


def cut_clients(at: Target) -> Mend:
    at.front.to_clients.sever()
    return nothing


# -- Redis and PostgreSQL


def empty_redis(at: Target) -> Mend:
    at.parts.redis.command("FLUSHALL")
    return nothing


def kill_redis(at: Target) -> Mend:
    at.parts.redis.kill()
    return at.parts.redis.start


def stop_redis(at: Target) -> Mend:
    at.parts.redis.send(signal.SIGSTOP)
    return lambda: at.parts.redis.send(signal.SIGCONT)


def kill_postgres(at: Target) -> Mend:
    at.parts.postgres.kill()

    def mend() -> None:
        at.parts.postgres.start()
        at.parts.until_one_is_each()

    return mend


def stop_postgres(at: Target) -> Mend:
    at.parts.postgres.send(signal.SIGSTOP)

    def mend() -> None:
        at.parts.postgres.send(signal.SIGCONT)
        at.parts.until_one_is_each()

    return mend


EVENTS = (
    Event("engine: kill -9", "engine", kill_engine, None),
    Event("gateway: kill -9", "gateway", kill_gateway, AWAY),
    Event("redis: emptied", "redis", empty_redis),
    Event("postgres: kill -9", "postgres", kill_postgres, AWAY),
    Event("engine: stopped", "engine", stop_engine, None),
    Event("redis: kill -9", "redis", kill_redis, AWAY),
    Event("clients: cut", "lines", cut_clients),
    Event("engine: handed over", "handover", hand_over),
    Event("gateway: stopped", "gateway", stop_gateway, AWAY),
    Event("engine - database: dead", "lines", dead_line_to_database, None),
    Event("engine - redis: dead", "lines", dead_line_to_redis, None),
    Event("gateway - redis: cut", "lines", cut_gateway_from_redis),
    Event("standby: kill -9", "standby", kill_standby, AWAY),
    Event("engine - redis: cut", "lines", cut_engine_from_redis),
    Event("redis: stopped", "redis", stop_redis, AWAY),
    Event("engine - database: cut", "lines", cut_engine_from_database),
    Event("gateway - redis: dead", "lines", dead_line_of_gateway, AWAY),
    Event("postgres: stopped", "postgres", stop_postgres, AWAY),
    Event("standby: stopped", "standby", stop_standby, AWAY),
)
