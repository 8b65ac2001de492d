"""An exchange of several processes on real Redis and PostgreSQL: one engine or more, and gateways."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial

from tests.e2e.client import Client
from tests.e2e.server import PATIENT, ROOT, Market, Server, environment_of, manage
from tests.e2e.servers.losses.test_postgres import until, until_ready
from tests.e2e.servers.test_probes import ask
from tests.processes import end_with_parent
from tests.services import Redis


class EngineProcess:
    """`manage.py run_engine`, which can be killed and started again. `words`: what else it is told."""

    def __init__(self, market: Market, environment: Mapping[str, str], *words: str) -> None:
        self._words = words
        self._market = market
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._log = market.folder / f"engine-{id(self)}.log"

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "run_engine", *self._words],
                cwd=ROOT,
                env=environment_of(self._market.folder, self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None, "the engine is not running"
        return self._process.pid

    def send(self, wish: signal.Signals) -> None:
        os.kill(self.pid, wish)

    def end(self, wish: signal.Signals) -> int:
        """Its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(wish)
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def log(self) -> str:
        return self._log.read_text(errors="replace")


class Cluster:
    """An engine and gateways over a seeded market; and an engine of each of `further` markets that are there."""

    def __init__(
        self,
        market: Market,
        database_url: str,
        redis: Redis,
        gateways: int = 2,
        further: Sequence[str] = (),
        **extra: str,
    ) -> None:
        self.market = market
        self.redis = redis
        self.database = database_url.rpartition("/")[2]
        self.environment = {**PATIENT, "DATABASE_URL": database_url, "REDIS_URL": redis.url, **extra}
        if further:
            self.environment["FURTHER_MARKETS"] = ",".join(further)
        self.engine = EngineProcess(market, self.environment)
        self.standby: EngineProcess | None = None
        self.further = {code: EngineProcess(market, self.environment, "--market", code) for code in further}
        self.gateways = [Server(market, extra=self.environment) for _ in range(gateways)]

    def with_standby(self) -> Cluster:
        """With a second engine, which waits until the first is gone."""
        self.standby = EngineProcess(self.market, self.environment)
        return self

    def start(self) -> None:
        for engine in (self.engine, *self.further.values()):
            engine.start()
        for gateway in self.gateways:
            gateway.launch()
        for gateway in self.gateways:
            gateway.wait()
        self.until_ready()
        if self.standby is not None:
            self.standby.start()

    def lose_engine(self, wish: signal.Signals = signal.SIGKILL) -> None:
        """Until whoever stands by has begun, or every gateway knows that there is none."""
        epoch = self._epoch()
        self.engine.end(wish)
        if self.standby is None:
            self.until_closed()
            return
        self.engine, self.standby = self.standby, self.engine
        until(lambda: self._epoch() > epoch)

    def restore_engine(self) -> None:
        """Start what was lost, as the engine or as the one that waits."""
        (self.standby or self.engine).start()
        self.until_ready()

    def _epoch(self) -> int:
        """How many engines the market has had."""
        ((epoch,),) = self.market.rows("SELECT epoch FROM trading_market WHERE code = 'MAIN'")
        return int(epoch)

    def until_ready(self) -> None:
        for gateway in self.gateways:
            until_ready(gateway)
        for code in ("MAIN", *self.further) if self.further else ():  # a gateway is ready while any of them is
            self.until_market(code, is_ready=True)

    def until_market(self, code: str, *, is_ready: bool) -> None:
        """Until every gateway says so of one of several markets."""
        told = f'bourse_market_ready{{market="{code}"}} {float(is_ready)}\n'
        for gateway in self.gateways:
            until(partial(self._tells, gateway, told))

    def _tells(self, gateway: Server, line: str) -> bool:
        return line in ask(gateway, "/metrics")[1]

    def until_closed(self) -> None:
        """Until every gateway says that it takes no orders."""
        for gateway in self.gateways:
            until(partial(self._is_closed, gateway))

    def _is_closed(self, gateway: Server) -> bool:
        return ask(gateway, "/readyz")[0] == 503

    def client(self, gateway: int, user_id: str | None = None) -> Client:
        """A connection to one of the gateways."""
        server = self.gateways[gateway]
        return Client(server.ws, user_id, None if user_id is None else server.token(user_id))

    def manage(self, *arguments: str) -> str:
        return manage(self.market.folder, *arguments, extra=self.environment)

    def stop(self) -> None:
        for gateway in self.gateways:
            gateway.kill()
        for engine in self._engines():
            engine.end(signal.SIGKILL)

    def _engines(self) -> list[EngineProcess]:
        return [each for each in (self.engine, self.standby, *self.further.values()) if each is not None]

    def logs(self) -> str:
        engines = [engine.log() for engine in self._engines()]
        return "\n".join([*engines, *(gateway.log() for gateway in self.gateways)])


class OneOfMany(Server):
    """The cluster as if it were one server: every connection goes to the next gateway, and what ends is the engine."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.market, extra=cluster.environment)
        self.cluster = cluster
        self._turns = itertools.cycle(cluster.gateways)
        self.is_running = False

    @property
    def http(self) -> str:
        return next(self._turns).http

    @property
    def ws(self) -> str:
        return next(self._turns).ws

    def start(self) -> None:
        """All of it; from then on what was lost."""
        if self.is_running:
            self._restore()
        else:
            self.is_running = True
            self.cluster.start()

    def _restore(self) -> None:
        self.cluster.restore_engine()

    def _end(self, wish: signal.Signals) -> None:
        self.cluster.lose_engine(wish)

    def log(self) -> str:
        return self.cluster.logs()


class FirstOfMany(OneOfMany):
    """The same with every connection at the first gateway, which is what ends."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._turns = itertools.cycle(cluster.gateways[:1])

    def _restore(self) -> None:
        self.cluster.gateways[0].start()
        self.cluster.until_ready()

    def _end(self, wish: signal.Signals) -> None:
        gateway = self.cluster.gateways[0]
        gateway.kill() if wish is signal.SIGKILL else gateway.stop()


__all__ = ["Cluster", "EngineProcess", "FirstOfMany", "OneOfMany", "until"]
