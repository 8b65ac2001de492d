"""PostgreSQL and Redis for tests: private ones on loopback, with nothing on disk that outlives them.

`postgres` and `redis` are fixtures of the session; each worker of pytest has its own, started when first asked for.
Where the programs are missing the tests are skipped with one line; in CI (CI=true) that is a failure.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

from tests.processes import end_with_parent, free_port

PATIENCE = 60.0
"""Seconds that a busy machine may take to start one of them."""
POSTGRES_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def missing(program: str) -> NoReturn:
    """No such service here."""
    sentence = f"{program} is not installed"
    if os.environ.get("CI"):
        pytest.fail(f"{sentence}; CI must have it (.ci/run)")
    pytest.skip(sentence)


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None and time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.01)


def shared_database() -> str | None:
    """The address of a database of the server that the suite runs on. None: it runs on SQLite."""
    url = os.environ.get("TEST_DATABASE", "sqlite")
    return None if url == "sqlite" else url


def connect(url: str) -> psycopg.Connection[Any]:
    """To a database, whose address is as DATABASE_URL wants it."""
    return psycopg.connect(url.replace("postgres:", "postgresql:"), autocommit=True)


def postgres_url(url: str, database: str) -> str:
    """The address of another database on the server of `url`."""
    return f"{url.rpartition('/')[0]}/{database}"


def create_database(url: str, template: str = "template1") -> str:
    """A fresh database on the server of `url`, copied from a template that nobody uses just now; its name."""
    name = f"bourse_{uuid.uuid4().hex}"
    with closing(connect(postgres_url(url, "postgres"))) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return name


class Postgres:
    """A cluster of its own, without a password and, but with `fsync`, without waiting for the disk."""

    def __init__(self, binaries: Path, fsync: bool = False) -> None:
        self._fsync = "on" if fsync else "off"
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="bourse-postgres-"))
        self._log = self._folder / "log"
        self._log.touch()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {}
        self.user = getpass.getuser()
        if os.getuid() == 0:  # it refuses to run as root
            self.user = "postgres"
            owner = pwd.getpwnam(self.user)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
            os.chown(self._log, owner.pw_uid, owner.pw_gid)
            self._as = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        command = ["initdb", "-D", self._data, "-U", self.user, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(
            [str(self._binaries / command[0]), *command[1:]],
            cwd=self._folder,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=PATIENCE,
            **self._as,
        )
        self.start()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": self._fsync,
            "max_connections": "300",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binaries / "postgres"), "-D", self._data, *words],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
                **self._as,
            )
        wait_until_it_listens(self.port, self._process, self._log)
        deadline = time.monotonic() + PATIENCE
        while not self._serves():
            assert time.monotonic() < deadline, self._log.read_text(errors="replace")
            time.sleep(0.01)

    def _serves(self) -> bool:
        """It listens a moment before it does."""
        try:
            return bool(self.execute("postgres", "SELECT 1"))
        except psycopg.OperationalError:
            return False

    @property
    def pids(self) -> list[int]:
        """Of its processes, the first started first."""
        assert self._process is not None, "the server is not running"
        first = self._process.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def send(self, wish: signal.Signals) -> None:
        """A signal to every process of it."""
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, wish)

    def kill(self) -> None:
        """`kill -9`, of every process."""
        self.send(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(PATIENCE)
        self._process = None

    def stop(self) -> None:
        """As `pg_ctl stop -m fast`: every session is ended."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, template: str = "template1") -> str:
        """A fresh database; its name."""
        return create_database(self.url("postgres"), template)

    def url(self, database: str, port: int | None = None) -> str:
        """As DATABASE_URL wants it."""
        return f"postgres://{self.user}@127.0.0.1:{port or self.port}/{database}"

    def connect(self, database: str) -> psycopg.Connection[Any]:
        return connect(self.url(database))

    def execute(self, database: str, statement: str) -> list[Any]:
        with closing(self.connect(database)) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def end_sessions(self, database: str) -> int:
        """End all sessions of a database, as an administrator does."""
        found = self.execute(
            "postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        )
        return len(found)


class Redis:
    """One that keeps nothing."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="bourse-redis-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        log = self._folder / "log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [self._program, *words, "--dir", str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=end_with_parent,
            )
        wait_until_it_listens(self.port, self._process, log)

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def send(self, wish: signal.Signals) -> None:
        os.kill(self.pid, wish)

    def kill(self) -> None:
        """`kill -9`: everything that it had is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(PATIENCE)

    def command(self, *words: str) -> bytes:
        """What it answers to a command, as it comes."""
        sent = b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as line:
            line.sendall(b"*%d\r\n%s" % (len(words), sent))
            return line.recv(65_536)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def new_redis() -> Redis:
    program = shutil.which("redis-server")
    if program is None:
        missing("redis-server")
    return Redis(program)


def _postgres_folder() -> Path | None:
    return next((folder for folder in POSTGRES_FOLDERS if (folder / "initdb").exists()), None)


def postgres_here(fsync: bool = False) -> Postgres:
    """A server that is not a fixture's, with an empty database `bourse`: of a suite that runs on it, or of a bench."""
    found = _postgres_folder()
    if found is None:
        raise SystemExit("PostgreSQL is not installed: the suite cannot run on it")
    server = Postgres(found, fsync)
    server.execute("postgres", "CREATE DATABASE bourse")
    return server


def new_postgres() -> Postgres:
    found = _postgres_folder()
    if found is None:
        missing("PostgreSQL")
    return Postgres(found)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server. Make a database of your own: `postgres.create()`."""
    server = new_postgres()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A Redis server that all tests of the session share."""
    server = new_redis()
    try:
        yield server
    finally:
        server.remove()


COMMIT = b"COMMIT\0"
"""What asks for it, and what PostgreSQL calls it when it is done. Either may arrive in two pieces."""


class Proxy:
    """Between a client and a server. `cut` says what happens at the next COMMIT of PostgreSQL: it is let through and
    its answer is dropped ("answer"), or it is dropped itself ("commit"). `step`: the same at a round trip of the next
    transaction, as ("commit", 0) for its BEGIN and ("answer", 2) for the answer to what comes third. With `swallows`
    the line then stays, and whatever is sent on it arrives nowhere. While `closed`, nobody gets through; while it is
    not `flowing`, nothing does, and nobody is told."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut: str | None = None
        self.step: tuple[str, int] | None = None
        self.close_at_cut = self.swallows = False
        self.closed = False
        self.cuts = 0
        self.flowing = threading.Event()
        self.flowing.set()
        self._lines: list[tuple[socket.socket, socket.socket]] = []
        self._dead: set[socket.socket] = set()
        """The clients' ends of lines that swallow."""
        threading.Thread(target=self._accept, daemon=True).start()

    def remove(self) -> None:
        self.closed = True
        self.flowing.set()
        self._listener.close()
        self.sever()

    def sever(self) -> None:
        """Cut all connections that there are, wherever they are just now."""
        lines, self._lines = self._lines, []
        for client, server in lines:
            _end(client, server)

    def carries(self, port: int) -> bool:
        """Whether one of its connections has this port at the server's side."""
        for _, server in list(self._lines):
            with suppress(OSError):
                if server.getsockname()[1] == port:
                    return True
        return False

    def deaden(self, port: int) -> bool:
        """Let the connection with this port at the server's side swallow all from now on. Whether there is one."""
        for client, server in list(self._lines):
            with suppress(OSError):
                if server.getsockname()[1] == port:
                    self._dead.add(client)
                    return True
        return False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = None if self.closed else self._connect()
                if server is None:
                    client.close()
                    continue
                self._lines.append((client, server))
                cut_answer = threading.Event()
                for work in (self._up, self._down):
                    threading.Thread(target=work, args=(client, server, cut_answer), daemon=True).start()

    def _connect(self) -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", self._target))
        except OSError:  # it is away
            return None

    def _up(self, client: socket.socket, server: socket.socket, cut_answer: threading.Event) -> None:
        trips: int | None = None
        over = False
        before = b""
        with suppress(OSError):
            while data := client.recv(65_536):
                self.flowing.wait()
                commits, before = COMMIT in before + data, data[-len(COMMIT) :]
                if commits and self.cut == "commit":
                    return self._done(client, server)
                trips = self._trips(None if over else trips, data)
                over = commits  # what comes after it on this line is asked outside of a transaction
                if self.step == ("commit", trips):
                    return self._done(client, server)
                if self.step == ("answer", trips):
                    cut_answer.set()
                if client in self._dead:
                    return None
                server.sendall(data)
        if client not in self._dead:
            _end(client, server)
        return None

    def _trips(self, trips: int | None, data: bytes) -> int | None:
        """Which round trip of a transaction this begins; None outside of one."""
        if self.step is None:
            return None
        if b"BEGIN" in data:
            return 0
        return None if trips is None else trips + 1

    def _down(self, client: socket.socket, server: socket.socket, cut_answer: threading.Event) -> None:
        before = b""
        with suppress(OSError):
            while data := server.recv(65_536):
                self.flowing.wait()
                committed, before = COMMIT in before + data, data[-len(COMMIT) :]
                if cut_answer.is_set() or (committed and self.cut == "answer"):
                    self._done(client, server)
                    return
                if client in self._dead:
                    return
                client.sendall(data)
        if client not in self._dead:
            _end(client, server)

    def _done(self, client: socket.socket, server: socket.socket) -> None:
        self.cut = self.step = None
        self.closed = self.close_at_cut
        self.cuts += 1
        if self.swallows:
            self._dead.add(client)
        else:
            _end(client, server)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
