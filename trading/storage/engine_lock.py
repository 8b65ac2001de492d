"""Only one engine a market: a lock that the operating system or the database frees when its holder dies.

Whoever holds it may ask whether they still do: a lock file can be removed, a session of the database can end.
"""

import fcntl
import os
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from django.db import Error, connections


class EngineLock(Protocol):
    """All calls may block, and belong to one thread: not for the event loop."""

    def acquire(self) -> bool:
        """True when this process now runs the market's engine; False when another does. Again is no harm."""

    def held(self) -> bool:
        """Whether it is still ours. Asks no database."""

    def taken(self) -> bool:
        """Whether anybody has it. An engine that starts at this very moment may have to try twice."""

    def release(self) -> None: ...


class FileLock:
    """For SQLite: a lock on a file beside the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        if self.held():
            return True
        self.release()
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        if self.held():
            return True
        self.release()  # it was removed while we locked it
        return False

    def held(self) -> bool:
        """A file that was removed is nobody's lock any more: the next engine would make a new one."""
        if self._file is None:
            return False
        try:
            named = os.stat(self._path)
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(self._file))

    def taken(self) -> bool:
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class AdvisoryLock:
    """For PostgreSQL: an advisory lock of the session that this thread's connection has, and gone with it.

    The session that commits is the one that has the lock. So no commit can come from an engine that has lost it, and
    whoever gets it later knows that the last commit of the one before is decided.
    """

    def __init__(self, using: str, name: str) -> None:
        self._using = using
        self._key = crc32(f"bourse engine {name}".encode())
        self._session: Any = None

    def acquire(self) -> bool:
        if self.held():
            return True
        if not self._ask("SELECT pg_try_advisory_lock(%s)"):
            return False
        self._session = connections[self._using].connection
        return True

    def held(self) -> bool:
        return self._session is not None and connections[self._using].connection is self._session

    def taken(self) -> bool:
        return self._ask(
            "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
            " WHERE datname = current_database() AND locktype = 'advisory' AND granted"
            " AND classid = 0 AND objid = %s::bigint::oid AND objsubid = 1)"
        )

    def _ask(self, question: str) -> bool:
        with connections[self._using].cursor() as cursor:
            cursor.execute(question, [self._key])
            return bool(cursor.fetchone() == (True,))

    def release(self) -> None:
        if self.held():
            try:
                self._ask("SELECT pg_advisory_unlock(%s)")
            except Error:  # the session is gone, and the lock with it
                connections[self._using].close()
        self._session = None


def engine_lock(market: str, using: str = "default") -> EngineLock:
    """The lock of a market's engine in the database `using`."""
    connection = connections[using]
    if connection.vendor == "sqlite":
        database = Path(str(connection.settings_dict["NAME"]))
        return FileLock(database.with_name(f"{database.name}.engine-{market}.lock"))
    return AdvisoryLock(using, market)
