"""The processes of a cluster under attack, each of them behind a line of its own that can be cut or go dead. Judges
nothing."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from zlib import crc32

from tests.e2e.cluster.making import EngineProcess
from tests.e2e.server import PATIENCE, Market, Server
from tests.e2e.servers.losses.test_postgres import LOCK, until, until_ready
from tests.services import Postgres, Proxy, Redis

STANDS_BY = "stands by for market MAIN, with warm books"
STANDBY_LOCK = crc32(b"bourse standby MAIN")
ANSWER_SECONDS = 2.0
BATCH_LIMIT = 3
"""So few commands a batch that more often wait than not: then the engine goes on while one is stored."""
ENGINES = GATEWAYS = 2


class Engine:
    """`manage.py run_engine` with its lines to PostgreSQL and Redis."""

    def __init__(self, folder: Path, market: Market, postgres: Postgres, redis: Redis) -> None:
        assert market.database_url is not None
        self.to_database, self.to_redis = Proxy(postgres.port), Proxy(redis.port)
        database = market.database_url.rpartition("/")[2]
        folder.mkdir()
        shutil.copy2(market.folder / "secret_key", folder / "secret_key")
        own = Market(folder, postgres.url(database, self.to_database.port))
        environment = {
            **own.environment(),
            "REDIS_URL": f"redis://127.0.0.1:{self.to_redis.port}/0",
            "ANSWER_SECONDS": str(ANSWER_SECONDS),
            "OPERATOR_POLL_SECONDS": "0.05",
            "BATCH_LIMIT": str(BATCH_LIMIT),
        }
        self.process = EngineProcess(own, environment)
        self._stood_by = 0

    @property
    def lines(self) -> tuple[Proxy, Proxy]:
        return self.to_database, self.to_redis

    def start(self) -> None:
        self.process.start()

    def kill(self) -> None:
        self.process.end(signal.SIGKILL)

    def times_standing_by(self) -> int:
        """How often it has begun to follow another engine."""
        return self.process.log().count(STANDS_BY)

    def until_it_stands_by(self, before: int = 0) -> None:
        """Until it has begun to do so more often than `before`."""
        until(lambda: self.times_standing_by() > before)

    def remove(self) -> None:
        for line in self.lines:
            line.flowing.set()
        self.kill()
        for line in self.lines:
            line.remove()


class Front:
    """A gateway, its line to Redis, and the line by which clients reach it."""

    def __init__(self, market: Market, redis: Redis) -> None:
        self.to_redis = Proxy(redis.port)
        extra = {
            "REDIS_URL": f"redis://127.0.0.1:{self.to_redis.port}/0",
            "ANSWER_SECONDS": str(ANSWER_SECONDS),
            "IDLE_SECONDS": str(PATIENCE),
        }
        self.server = Server(market, extra=extra)
        self.to_clients = Proxy(self.server.port)

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.to_clients.port}/ws"

    def token(self, user_id: str) -> str:
        return self.server.token(user_id)

    def remove(self) -> None:
        self.to_redis.flowing.set()
        self.server.kill()
        self.to_redis.remove()
        self.to_clients.remove()


class Parts:
    """All of them. `start` first; use `remove` at the end, whatever came between."""

    def __init__(self, folder: Path, market: Market, postgres: Postgres, redis: Redis) -> None:
        self.market, self.postgres, self.redis = market, postgres, redis
        self.engines = [Engine(folder / f"engine-{number}", market, postgres, redis) for number in range(ENGINES)]
        self.fronts = [Front(market, redis) for _ in range(GATEWAYS)]
        assert market.database_url is not None
        self.database = market.database_url.rpartition("/")[2]

    def start(self) -> None:
        first, *others = self.engines
        first.start()
        for front in self.fronts:
            front.server.launch()
        for front in self.fronts:
            front.server.wait()
        self.until_ready()
        for other in others:
            other.start()
        for other in others:
            other.until_it_stands_by()

    def until_ready(self) -> None:
        for front in self.fronts:
            until_ready(front.server)

    def serving(self) -> Engine:
        """The engine whose session has the market's lock."""
        until(self._holding)
        return self._holding()[0]

    def _holding(self) -> list[Engine]:
        ports = self._sessions(LOCK)
        return [engine for engine in self.engines for port in ports if engine.to_database.carries(port)]

    def _sessions(self, lock: int) -> list[int]:
        """The ports of the sessions that have an advisory lock."""
        ports = self.postgres.execute(
            "postgres",
            "SELECT client_port FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " JOIN pg_stat_activity USING (pid)"
            f" WHERE pg_database.datname = '{self.database}' AND locktype = 'advisory' AND objid = {lock} AND granted",
        )
        return [port for (port,) in ports]

    def epoch(self) -> int:
        ((epoch,),) = self.postgres.execute(self.database, "SELECT epoch FROM trading_market")
        return int(epoch)

    def until_one_is_each(self) -> None:
        """Until one engine serves and the other stands by, as the database has it."""
        self.until_ready()
        until(lambda: len(self._sessions(LOCK)) == 1 and len(self._sessions(STANDBY_LOCK)) == ENGINES - 1)

    def logs(self) -> str:
        texts = [engine.process.log() for engine in self.engines] + [front.server.log() for front in self.fronts]
        return "\n\n".join(texts)

    def keep_logs(self, folder: Path) -> None:
        for number, engine in enumerate(self.engines):
            (folder / f"engine-{number}.log").write_text(engine.process.log())
        for number, front in enumerate(self.fronts):
            (folder / f"gateway-{number}.log").write_text(front.server.log())

    def remove(self) -> None:
        for front in self.fronts:
            front.remove()
        for engine in self.engines:
            engine.remove()


def freeze(pid: int) -> None:
    """SIGSTOP, and wait until every thread of it has stopped."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + PATIENCE
    while not _all_stopped(pid):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def _all_stopped(pid: int) -> bool:
    threads = [path / "stat" for path in Path(f"/proc/{pid}/task").iterdir()]
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)
