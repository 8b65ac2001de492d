"""Only one engine a market: a lock that the operating system or the database frees when its holder dies."""

import fcntl
import os
from pathlib import Path
from typing import Protocol
from zlib import crc32

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


class EngineLock(Protocol):
    """Both calls may block: not for the event loop."""

    def acquire(self) -> bool:
        """True when this process now runs the market's engine; False when another does."""

    def release(self) -> None: ...


class FileLock:
    """For SQLite: a lock on a file beside the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class AdvisoryLock:
    """For PostgreSQL: an advisory lock of a session of its own, gone with that session."""

    def __init__(self, using: str, name: str) -> None:
        self._using = using
        self._key = crc32(f"bourse engine {name}".encode())
        self._session: BaseDatabaseWrapper | None = None

    def acquire(self) -> bool:
        session = connections[self._using].copy()
        session.inc_thread_sharing()  # taken and released in whatever thread may block just then
        with session.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [self._key])
            row = cursor.fetchone()
        if row == (True,):
            self._session = session
            return True
        session.close()
        return False

    def release(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def engine_lock(market: str, using: str = "default") -> EngineLock:
    """The lock of a market's engine in the database `using`."""
    connection = connections[using]
    if connection.vendor == "sqlite":
        database = Path(str(connection.settings_dict["NAME"]))
        return FileLock(database.with_name(f"{database.name}.engine-{market}.lock"))
    return AdvisoryLock(using, market)
