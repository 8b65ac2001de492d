"""A real server in a process of its own, with a data folder of its own. Starts, kills and reads it; knows no trading.

Nothing of the caller's environment reaches it but PATH and HOME, and it ends when the caller does, in whatever way.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.made_once import migrated_database, migrated_template
from tests.processes import end_with_parent, free_port
from tests.services import connect, create_database, postgres_url, shared_database
from trading.worker.engine_keeper import LOADING

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""Seconds that a busy machine may take to start a server."""
COMMAND_PATIENCE = 600.0
"""Seconds that a busy machine may take to run a command; to migrate takes many seconds on a quiet one."""
PATIENT = {"IDLE_SECONDS": "600"}
"""For a server of tests: a client says nothing while its test runs a command, which may take a minute."""
POLL = 0.01
SEEDED = "seeded.json"
"""Where its database is, if not in the folder, and its tokens."""
APPLICATION = "exchange_site.asgi:application"
PROGRAMS = {
    "daphne": ["daphne", "-b", "127.0.0.1", "-p", "{port}", APPLICATION],
    "uvicorn": ["uvicorn", "--host", "127.0.0.1", "--port", "{port}", APPLICATION],
    "granian": ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", APPLICATION],
}
BOTH = pytest.mark.parametrize("program", ["daphne", pytest.param("uvicorn", marks=pytest.mark.long)])
"""For a test of either server; the second one takes its time."""


class Market:
    """A data folder with a migrated, seeded database and the demo tokens, to make servers from.

    The database is a file of the folder, or where `database_url` says.
    """

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        self.folder = folder
        self.database_url = database_url
        self.tokens: dict[str, str] = {}

    @classmethod
    def empty(cls, folder: Path, database_url: str | None = None) -> Market:
        """A new one in which nothing has happened. Without an address it is a file, or where the suite runs on
        PostgreSQL a fresh database."""
        folder.mkdir(parents=True, exist_ok=True)
        shared = shared_database()
        if database_url is not None:
            manage(folder, "migrate", "--verbosity", "0", extra={"DATABASE_URL": database_url})
        elif shared is not None:
            database_url = postgres_url(shared, create_database(shared, migrated_template(shared)))
        else:
            shutil.copy(migrated_database(), folder / "bourse.sqlite3")
        return cls(folder, database_url)

    @classmethod
    def seeded(cls, folder: Path, database_url: str | None = None) -> Market:
        """A new one, made with the same commands that `make run` uses."""
        market = cls.empty(folder, database_url)
        sheet = manage(folder, "seed_demo", "--tokens", extra=market.environment())
        lines = (line.split() for line in sheet.splitlines())
        market.tokens = {words[0]: words[1] for words in lines if len(words) == 2 and words[0].startswith("user0")}
        assert market.tokens, f"seed_demo printed no tokens:\n{sheet}"
        (folder / SEEDED).write_text(json.dumps([market.database_url, market.tokens]))
        return market

    @classmethod
    def at(cls, folder: Path) -> Market:
        """One that was seeded there."""
        database_url, tokens = json.loads((folder / SEEDED).read_text())
        market = cls(folder, database_url)
        market.tokens = tokens
        return market

    def copy(self, folder: Path) -> Market:
        """The same market in another folder. Nobody may use its database just now."""
        folder.mkdir(parents=True, exist_ok=True)
        copied = Market(folder)
        names = ["secret_key"]
        if self.database_url is None:
            names.append("bourse.sqlite3")
        else:
            template = self.database_url.rpartition("/")[2]
            copied.database_url = postgres_url(self.database_url, create_database(self.database_url, template))
        for name in names:
            shutil.copy2(self.folder / name, folder / name)
        copied.tokens = dict(self.tokens)
        return copied

    def environment(self) -> dict[str, str]:
        """What a server or a command must be told to find the database."""
        return {} if self.database_url is None else {"DATABASE_URL": self.database_url}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives, in any session of its own."""
        if self.database_url is None:
            with closing(sqlite3.connect(self.folder / "bourse.sqlite3")) as database:
                return database.execute(sql).fetchall()
        with closing(connect(self.database_url)) as session:
            return session.execute(sql.encode()).fetchall()


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
        timeout=COMMAND_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"manage.py {arguments[0]} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def started(market: Market) -> Iterator[Server]:
    """A patient server over a market, stopped in the end."""
    server = Server(market, extra=PATIENT)
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Server:
    """One server process over a market; `start` again after `kill` is a restart on the same port and database."""

    def __init__(
        self,
        market: Market,
        *,
        extra: Mapping[str, str] | None = None,
        program: str = "daphne",
        files: int | None = None,
    ) -> None:
        """`files`: how many it may have open, as `ulimit -n` says it."""
        self.market = market
        self._files = files
        self.extra = market.environment() | dict(extra or {})
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
        """The file, where it is one."""
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
                preexec_fn=self._begin,
                start_new_session=True,
            )

    def _begin(self) -> None:
        """Runs in the child."""
        end_with_parent()
        if self._files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._files, self._files))

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

    def freeze(self) -> None:
        """SIGSTOP, and wait until every thread of it has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        threads = [path / "stat" for path in Path(f"/proc/{self.pid}/task").iterdir()]
        while any(thread.read_text().rpartition(")")[2].split()[0] != "T" for thread in threads):
            time.sleep(POLL)

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
