"""Only one engine a market: a lock that the operating system or the database frees when its holder dies.

Whoever holds it may ask whether they still do: a lock file can be removed, a session of the database can end.
"""

import fcntl
import logging
import os
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, Protocol
from zlib import crc32

from django.db import Error, connections

logger = logging.getLogger(__name__)

PATIENCE = 0.5
"""Seconds without a sign of life; `STANDBY_PATIENCE_SECONDS` says why."""
ADVISORY = (
    "FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE datname = current_database() AND locktype = 'advisory' AND granted"
    " AND classid = 0 AND objid = %s::bigint::oid AND objsubid = 1"
)
HELD = f"EXISTS (SELECT {ADVISORY})"
"""Whether anybody has an advisory lock."""
HOLDER = f"SELECT pg_locks.pid {ADVISORY}"
SILENCE = "extract(epoch FROM clock_timestamp() - state_change)::float8"
SILENT = (
    f"SELECT pid, {SILENCE} FROM pg_stat_activity WHERE pid IN ({HOLDER})"  # noqa: S608  # no value is in the text
    f" AND application_name = %s AND (state LIKE 'idle%%' OR wait_event_type = 'Client') AND {SILENCE} > %s"
)
"""The session that has a lock, said that it beats, and does not; and for how long. In the middle of what was sent
together it is not idle, but waits for the rest, since the last statement has begun."""
OWN = f"SELECT {HELD}, pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"  # noqa: S608  # as above
"""Whether anybody has a lock; and this session: its number may be given again, but not with the same beginning."""
END = (
    f"SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE pid IN ({HOLDER})"  # noqa: S608  # as above
    " AND (pid, backend_start) = (%s, %s)"
)
TRY = "SELECT pg_try_advisory_lock(%s)"
BEAT = f"SELECT set_config('application_name', %s, false), {HELD}, {HELD}"


class EngineLock(Protocol):
    """All calls may block, and belong to one thread: not for the event loop."""

    def acquire(self) -> bool:
        """True when this process now runs the market's engine; False when another does. Again is no harm."""

    def held(self) -> bool:
        """Whether it is still ours. Asks no database."""

    def taken(self) -> bool:
        """Whether anybody has it. An engine that starts at this very moment may have to try twice."""

    def awaited(self) -> bool:
        """Whether anybody has it, or stands by to have it as soon as it is free."""

    def release(self) -> None: ...

    def decide(self) -> None:
        """After a connection was closed, or broke: what it had begun is over, now or soon. Whether the lock is still
        ours is another question."""

    # -- where engines of several processes stand by each other

    @property
    def shared(self) -> bool:
        """Whether a process that waits for the lock can follow the one that has it, and take its place at once."""

    def beat(self) -> bool:
        """Say that the holder lives. True when it was asked to hand over, and somebody stands by to take its place."""

    def stand_by(self) -> None:
        """Let everybody know that somebody waits, with warm books."""

    @property
    def sure(self) -> bool:
        """Whether nobody else can have it: a holder that is cut off from the database hears of no other one. For any
        thread; asks no database."""


class FileLock:
    """For SQLite: a lock on a file beside the database."""

    shared = False

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

    def awaited(self) -> bool:
        """Who waits for a file follows nobody."""
        return self.taken()

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def decide(self) -> None:
        """What a file's connection had begun ends with it."""

    def beat(self) -> bool:
        """It is the operating system that knows."""
        return False

    def stand_by(self) -> None:
        """Nobody asks."""

    @property
    def sure(self) -> bool:
        return self._file is not None


class AdvisoryLock:
    """For PostgreSQL: an advisory lock of the session that this thread's connection has, and gone with it.

    The session that commits is the one that has the lock. So no commit can come from an engine that has lost it, and
    whoever gets it later knows that the last commit of the one before is decided.

    A holder that is stopped, or cut off, keeps its session. So whoever has once said that it lives (`beat`) goes on to
    say so, and when it has said and asked nothing for `patience` seconds whoever wants the lock ends its session. Time
    is the database's own. While the database works for a session it is not silent, however slow the disk is.
    """

    shared = True

    def __init__(self, using: str, name: str, patience: float = PATIENCE) -> None:
        self._using = using
        self._patience = patience
        self._key, self._standby_key, self._hand_over_key = lock_keys(name)
        self._beats = f"bourse engine {name}"
        self._session: Any = None
        self._own: Any = None
        """Which session had the lock last, for the database."""
        self._wish_of_others = False
        """Whether it is the engine before this one that is asked to leave: whoever asks may not have seen yet that it
        has left."""
        self._standing_by: Any = None
        self._sure_until = -inf
        """By then others may have found it silent."""

    def acquire(self) -> bool:
        if self.held():
            return True
        began = monotonic()
        if not (self._ask(TRY) or self._take_from_own() or self._take_from_silent()):
            return False
        self._session = connections[self._using].connection
        with connections[self._using].cursor() as cursor:
            cursor.execute(OWN, [self._hand_over_key])
            self._wish_of_others, *self._own = cursor.fetchone()
        if self._standing_by is self._session:
            self._ask("SELECT pg_advisory_unlock_shared(%s)", self._standby_key)
        self._standing_by = None
        self._sure_until = began + self._patience
        return True

    def _take_from_own(self) -> bool:
        """Have the lock that the session before this one had. After it was closed, or broke, the database may not have
        noticed yet; nobody else has taken the market over then."""
        if self._own is None:
            return False
        self.decide()
        return self._ask(TRY)

    def decide(self) -> None:
        """End the session that had the lock last, if it still has it. It may wait for the rest of a transaction from a
        line that is dead, and would for hours."""
        if self._own is not None and not self.held():
            with connections[self._using].cursor() as cursor:
                cursor.execute(END, [self._key, *self._own])

    def _take_from_silent(self) -> bool:
        """End the session of a holder that has stopped beating, and have the lock."""
        with connections[self._using].cursor() as cursor:
            cursor.execute(SILENT, [self._key, self._beats, self._patience])
            silent = cursor.fetchone()
        if silent is None:
            return False
        logger.warning("the engine's session %d has been silent for %.2f s; it is ended", *silent)
        self._ask("SELECT pg_terminate_backend(%s, 1000)", silent[0])
        return self._ask(TRY)

    def beat(self) -> bool:
        """It is the name of the session that says that it beats."""
        if not self.held():
            self._sure_until = -inf
            return False
        began = monotonic()
        with connections[self._using].cursor() as cursor:
            cursor.execute(BEAT, [self._beats, self._hand_over_key, self._standby_key])
            _, asked, awaited = cursor.fetchone()
        self._sure_until = began + self._patience
        self._wish_of_others = self._wish_of_others and asked
        return bool(asked and awaited and not self._wish_of_others)

    def stand_by(self) -> None:
        if self._standing_by is None or connections[self._using].connection is not self._standing_by:
            self._ask("SELECT pg_try_advisory_lock_shared(%s)", self._standby_key)
            self._standing_by = connections[self._using].connection

    def held(self) -> bool:
        return self._session is not None and connections[self._using].connection is self._session

    def taken(self) -> bool:
        return self._ask(f"SELECT {HELD}")

    def awaited(self) -> bool:
        """Who stands by says so until they have the lock: looked for in this order, one of the two is always seen."""
        return self._ask(f"SELECT {HELD}", self._standby_key) or self.taken()

    def _ask(self, question: str, value: int | None = None) -> bool:
        with connections[self._using].cursor() as cursor:
            cursor.execute(question, [self._key if value is None else value])
            return bool(cursor.fetchone() == (True,))

    def release(self) -> None:
        if self.held():
            try:
                self._ask("SELECT pg_advisory_unlock(%s)")
            except Error:  # the session is gone, and the lock with it
                connections[self._using].close()
        self._session = self._own = None
        self._sure_until = -inf

    @property
    def sure(self) -> bool:
        return monotonic() < self._sure_until


def lock_keys(market: str) -> tuple[int, int, int]:
    """Numbers of the advisory locks of a market: of its engine, of those that stand by (shared), and of whoever asks
    the engine to hand over."""
    engine, standby, hand_over = (crc32(f"bourse {what} {market}".encode()) for what in ("engine", "standby", "leave"))
    return engine, standby, hand_over


def engine_lock(market: str, using: str = "default", patience: float = PATIENCE) -> EngineLock:
    """The lock of a market's engine in the database `using`. `patience`: seconds without a sign of life from another
    process that has it (PostgreSQL)."""
    connection = connections[using]
    if connection.vendor == "sqlite":
        database = Path(str(connection.settings_dict["NAME"]))
        return FileLock(database.with_name(f"{database.name}.engine-{market}.lock"))
    return AdvisoryLock(using, market, patience)
