"""Starts servers to measure: ours with a fresh demo market, or the stock echo, under daphne or uvicorn."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.processes import free_port, processor_seconds

ROOT = Path(__file__).resolve().parents[2]
OURS = "exchange_site.asgi:application"
ECHO = "tests.bench.yardsticks.stock_echo:application"
DRF = "tests.bench.yardsticks.stock_drf:application"
SILENT = "tests.bench.yardsticks.stock_echo:silent"
FAN_OUT = "tests.bench.yardsticks.stock_echo:fan_out"
MANAGE = (sys.executable, "manage.py")
PATIENCE = 20.0
ENRICH = """
from trading.operators import demo_market, inline_engine, requests
from trading.core.commands import Deposit
for row in [requests.ask(Deposit(user, 10**14), market="MAIN") for user in demo_market.USERS]:
    assert inline_engine.wait(row).status == "DONE"
"""
"""Enough for every order of a run: positions are opened and never closed."""


class Server(msgspec.Struct, frozen=True):
    """A running server. `tokens`: user id -> token, where the market is ours. `data`: the folder of its database."""

    port: int
    pid: int
    tokens: dict[str, str]
    data: Path

    def processor_seconds(self) -> float:
        return processor_seconds(self.pid)

    def log_bytes(self) -> int:
        """Of the database's write-ahead log."""
        return sum(path.stat().st_size for path in self.data.glob("*-wal"))

    def resident_kib(self) -> float:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


@contextmanager
def served(application: str, by: str = "daphne", **settings: str) -> Iterator[Server]:
    """A server on a free port, with data of its own that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bourse-bench-") as data:
        environment = {
            **{key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "DEMO")},
            "DATA_DIR": data,
            "RATE_LIMITS": "off",
            "LOG_LEVEL": "WARNING",
            **settings,
        }
        tokens = _market(environment) if application == OURS else {}
        if application == DRF:
            subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
        port = free_port()
        process = subprocess.Popen(_command(application, by, port), cwd=ROOT, env=environment)
        try:
            _await(port, process)
            yield Server(port, process.pid, tokens, Path(data))
        finally:
            process.kill()
            process.wait()


def _command(application: str, by: str, port: int) -> list[str]:
    if by == "uvicorn":
        options = ["--log-level", "error", "--no-access-log", "--port", str(port)]
        return [sys.executable, "-m", "uvicorn", application, *options]
    return [sys.executable, "-m", "daphne", "-v", "0", "-p", str(port), application]


def _market(environment: dict[str, str]) -> dict[str, str]:
    subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
    seeded = [*MANAGE, "seed_demo", "--tokens"]
    sheet = subprocess.run(seeded, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    subprocess.run([*MANAGE, "shell", "--verbosity", "0", "-c", ENRICH], cwd=ROOT, env=environment, check=True)
    return dict(line.split() for line in sheet.splitlines() if line.startswith("  user0"))


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server on port {port} did not start")
