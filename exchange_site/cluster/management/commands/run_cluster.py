"""`manage.py run_cluster`: the demo as several processes on this machine, in the foreground; Ctrl-C ends all of it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from exchange_site.cluster.management.options import hold_named
from exchange_site.cluster.services import (
    PATIENCE,
    Child,
    Missing,
    free_port,
    start_nginx,
    start_postgres,
    start_redis,
)
from exchange_site.port import Unusable, hold_free, number_of

GATEWAYS = ENGINES = 2
"""The second engine of a market waits until the first is gone."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill`, and a terminal that is closed."""


class Command(BaseCommand):
    help = "Run Redis, PostgreSQL, an engine with another that waits, and two gateways, with the demo. Keeps nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--market",
            action="append",
            default=[],
            dest="further",
            metavar="MARKET",
            help="one more market with engines of its own, as often as it is given",
        )
        parser.add_argument("--port", type=int, default=8081, help="where the gateways are reached together")
        parser.add_argument("--bots", action="store_true", help="give the first market a past, and bots that trade")

    def handle(self, *args: Any, **options: Any) -> None:
        further = options["further"]
        hold_named([settings.MARKET, *further])
        try:
            hold_free(number_of(str(options["port"])), "make cluster")
        except Unusable as error:
            raise CommandError(str(error)) from error
        for wish in ENDING:
            if signal.getsignal(wish) is not signal.SIG_IGN:  # whoever says nohup means it
                signal.signal(wish, _interrupt)
        folder = Path(tempfile.mkdtemp(prefix="bourse-cluster-"))
        cluster = Cluster(folder, options["port"], self._tell, further, bots=options["bots"])
        try:
            cluster.start()
            cluster.watch()
        except KeyboardInterrupt:
            self._tell("Ending everything ...")
        except (Missing, RuntimeError, subprocess.CalledProcessError) as error:
            raise CommandError(str(error)) from error
        finally:
            cluster.end()
            shutil.rmtree(folder, ignore_errors=True)

    def _tell(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()


def _hear_no_more() -> None:
    """Who asks once more while everything ends would leave half of it behind."""
    for wish in ENDING:
        signal.signal(wish, signal.SIG_IGN)


def _interrupt(*_: object) -> None:
    _hear_no_more()
    raise KeyboardInterrupt


class Cluster:
    """All processes, the first started first; they are ended in the other order."""

    def __init__(self, folder: Path, port: int, tell: Any, further: Sequence[str] = (), *, bots: bool = False) -> None:
        self._further = further
        self._bots = bots
        self._folder = folder
        self._port = port
        self._tell = tell
        self._children: list[Child] = []

    def start(self) -> None:
        """Raises Missing or RuntimeError."""
        redis_port, database_port = free_port(), free_port()
        self._tell(f"Redis on port {redis_port}, PostgreSQL on port {database_port}; both keep nothing ...")
        self._children.append(start_redis(self._folder, redis_port))
        database, url = start_postgres(self._folder, database_port)
        self._children.append(database)
        environment = {
            "DATABASE_URL": url,
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "DEMO": "on",
            "FURTHER_MARKETS": ",".join(self._further),
        }
        self._tell("The demo market ...")
        self._manage(environment, "migrate", "--verbosity", "0")
        self._tell(self._manage(environment, "seed_demo", *(["--past"] if self._bots else [])))
        for code in self._further:
            self._tell(self._manage(environment, "seed_demo", "--market", code))
        for name, words in {"": [], **{f"-{code}": ["--market", code] for code in self._further}}.items():
            for number in range(1, ENGINES + 1):
                whole = [sys.executable, "manage.py", "run_engine", *words]
                self._children.append(Child(f"engine{name}-{number}", whole, self._folder, environment))
        self._start_gateways(environment)
        if self._bots:
            whole = [sys.executable, "manage.py", "run_bots", "--url", f"ws://127.0.0.1:{self._port}/ws"]
            self._children.append(Child("bots", whole, self._folder, environment))
        self._tell(self._manage(environment, "seed_demo", "--verbosity", "0", "--tokens", "--port", str(self._port)))
        self._tell(f"  The logs are in {self._folder}. Ctrl-C ends everything, and nothing is kept.")

    def _start_gateways(self, environment: Mapping[str, str]) -> None:
        ports = [free_port() for _ in range(GATEWAYS)]
        proxied = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        behind = {**environment, "BEHIND_PROXY": "on" if proxied else "off"}
        gateways: list[Child] = []
        for number, port in enumerate(ports, 1):
            words = [
                sys.executable,
                "-m",
                "daphne",
                "-b",
                "127.0.0.1",
                "-p",
                str(port),
                "exchange_site.asgi:application",
            ]
            gateways.append(Child(f"gateway-{number}", words, self._folder, behind))
            self._children.append(gateways[-1])
        for child, port in zip(gateways, ports, strict=True):
            child.wait_for(port)
            _wait_until_ready(child, port, self._further)
            self._tell(f"  {child.name} on http://127.0.0.1:{port}/")
        front = start_nginx(self._folder, self._port, ports)
        if front is None:
            self._tell("There is no nginx here: a small round-robin of ours is in front of the gateways.")
            words = [sys.executable, "-m", "exchange_site.cluster.round_robin", str(self._port), *map(str, ports)]
            front = Child("round-robin", words, self._folder)
            front.wait_for(self._port)
        self._children.append(front)

    def _manage(self, environment: Mapping[str, str], *words: str) -> str:
        done = subprocess.run(  # noqa: S603  # words of ours
            [sys.executable, "manage.py", *words],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {words[0]} failed:\n{done.stderr}")
        return done.stdout.rstrip("\n")

    def watch(self) -> None:
        """Say what ends by itself, until interrupted. Without Redis, the database or all gateways the rest waits."""
        said: set[str] = set()
        while True:
            for child in self._children:
                if child.has_ended and child.name not in said:
                    said.add(child.name)
                    self._tell(f"{child.name} has ended; see {child.log}")
            time.sleep(0.2)

    def end(self) -> None:
        """Everything, the last started first."""
        _hear_no_more()
        for child in reversed(self._children):
            child.end(signal.SIGINT if child.name == "postgres" else signal.SIGTERM)


def _wait_until_ready(child: Child, port: int, further: Sequence[str]) -> None:
    """At every market: a gateway is ready while any of them is."""
    several = [settings.MARKET, *further] if further else []
    wanted = [f'bourse_market_ready{{market="{code}"}} 1.0\n'.encode() for code in several]
    deadline = time.monotonic() + PATIENCE
    while not child.has_ended and time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                pass
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                told = answer.read()
            if all(line in told for line in wanted):
                return
        except OSError:  # 503, too
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{child.name} does not become ready; see its log:\n{child.log.read_text(errors='replace')}")
