"""A real server in a process of its own, with a data folder of its own. Starts, kills and reads it; knows no trading.

Nothing of the caller's environment reaches it but PATH and HOME, and it ends when the caller does, in whatever way.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from trading.worker.engine_keeper import LOADING

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""Seconds that a busy machine may take to start a server or run a command."""
POLL = 0.01
PORTS = range(18_000, 32_000)
PORTS_FILE = Path(tempfile.gettempdir()) / f"bourse-ports-{os.getuid()}"
PR_SET_PDEATHSIG = 1
APPLICATION = "exchange_site.asgi:application"
PROGRAMS = {
    "daphne": ["daphne", "-b", "127.0.0.1", "-p", "{port}", APPLICATION],
    "uvicorn": ["uvicorn", "--host", "127.0.0.1", "--port", "{port}", APPLICATION],
    "granian": ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", APPLICATION],
}
BOTH = pytest.mark.parametrize("program", ["daphne", pytest.param("uvicorn", marks=pytest.mark.long)])
"""For a test of either server; the second one takes its time."""
_libc = ctypes.CDLL(None, use_errno=True)


class Market:
    """A data folder with a migrated, seeded database and the demo tokens, to make servers from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tokens: dict[str, str] = {}

    @classmethod
    def seeded(cls, folder: Path, **extra: str) -> Market:
        """A new one, made with the same commands that `make run` uses."""
        market = cls(folder)
        folder.mkdir(parents=True, exist_ok=True)
        manage(folder, "migrate", "--verbosity", "0", extra=extra)
        sheet = manage(folder, "seed_demo", "--tokens", extra=extra)
        lines = (line.split() for line in sheet.splitlines())
        market.tokens = {words[0]: words[1] for words in lines if len(words) == 2 and words[0].startswith("user0")}
        assert market.tokens, f"seed_demo printed no tokens:\n{sheet}"
        return market

    def copy(self, folder: Path) -> Market:
        """The same market in another folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("bourse.sqlite3", "secret_key"):
            shutil.copy2(self.folder / name, folder / name)
        copied = Market(folder)
        copied.tokens = dict(self.tokens)
        return copied


def environment_of(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """All that a server or a command sees of the world."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ours = {"DATA_DIR": str(folder), "RATE_LIMITS": "off", "DEMO": "on", "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}
    return inherited | ours | dict(extra or {})


def manage(folder: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
    """What a management command printed. AssertionError with everything it said when it failed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment_of(folder, extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"manage.py {arguments[0]} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def free_port() -> int:
    """A loopback port that nobody listens on. All tests of this machine's user take turns in one range, below the ports
    that the system gives to outgoing connections: what is free now is still free when the server binds it."""
    with PORTS_FILE.open("a+") as turns:
        fcntl.flock(turns, fcntl.LOCK_EX)
        turns.seek(0)
        port = int(turns.read() or PORTS[0])
        while not _is_free(port := port + 1 if port + 1 in PORTS else PORTS[0]):
            pass
        turns.truncate(0)
        turns.write(str(port))
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def end_with_parent() -> None:
    """Runs in the child: the kernel kills it when its parent dies."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One server process over a market; `start` again after `kill` is a restart on the same port and database."""

    def __init__(self, market: Market, *, extra: Mapping[str, str] | None = None, program: str = "daphne") -> None:
        self.market = market
        self.extra = dict(extra or {})
        self.program = program
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = market.folder / f"{program}-{self.port}.log"

    # -- where

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def database(self) -> Path:
        return self.market.folder / "bourse.sqlite3"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    # -- life

    def start(self) -> None:
        """Start, and wait until it is known whether it takes orders."""
        self.launch()
        self.wait()
        deadline = time.monotonic() + PATIENCE
        while self._readiness() == LOADING and time.monotonic() < deadline:
            time.sleep(POLL)

    def launch(self) -> None:
        """Start without waiting."""
        assert self._process is None, "the server runs already"
        words = [word.format(port=self.port) for word in PROGRAMS[self.program]]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=ROOT,
                env=environment_of(self.market.folder, self.extra),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until the server listens."""
        deadline = time.monotonic() + PATIENCE
        while not self._listens():
            assert self._process is not None and self._process.poll() is None, f"the server ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"the server does not listen:\n{self.log()}"
            time.sleep(POLL)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _readiness(self) -> str:
        """What it says of itself; empty where the connection is refused or cut."""
        try:
            with urllib.request.urlopen(self.http + "/readyz", timeout=PATIENCE) as answer:
                return str(answer.read(), "utf-8").strip()
        except urllib.error.HTTPError as error:
            with error:
                return str(error.read(), "utf-8").strip()
        except OSError:
            return ""

    def strike(self) -> None:
        """`kill -9` without waiting; from any thread."""
        os.kill(self.pid, signal.SIGKILL)

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, as Ctrl-C or a service manager does, and insist if it will not."""
        self._end(signal.SIGTERM)

    def _end(self, wish: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(wish)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with suppress(ProcessLookupError):  # what it started and did not end
            os.killpg(process.pid, signal.SIGKILL)

    # -- asking

    def log(self) -> str:
        """Everything it has written so far, over all its starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def manage(self, *arguments: str) -> str:
        """What a management command on this server's database printed."""
        return manage(self.market.folder, *arguments, extra=self.extra)

    def token(self, user_id: str) -> str:
        """A token of a user: the demo's own, or a fresh one."""
        if user_id not in self.market.tokens:
            self.market.tokens[user_id] = self.manage("issue_token", user_id).strip()
        return self.market.tokens[user_id]
