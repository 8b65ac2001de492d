"""Whether the files that a SQLite connection has open are still the files that are named so.

A file that was removed or replaced goes on taking commits, and nobody will ever read them: they end with the process.
"""

import os
from pathlib import Path

from trading.worker.batch import FilesReplaced

SUFFIXES = ("", "-wal", "-shm")
Identity = tuple[int, int]


class DatabaseFiles:
    """Remembers which files are open, by device and inode. A look at one costs some microseconds."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._log = f"{database}-wal"
        self._known: dict[str, Identity] = {}

    def remember(self) -> None:
        """What is named now is what was just opened. The database itself is looked for once: it stays the same for as
        long as an engine runs on it. What lies beside it goes and comes with connections."""
        self._known = {name: _identity(name) for name in self._names()} | self._known_database()

    def forget_connection(self) -> None:
        """The connection is closed."""
        self._known = self._known_database()

    def check(self) -> None:
        """FilesReplaced where a name stands for another file by now, or for none."""
        for name in self._known:
            self._check(name)

    def check_log(self) -> None:
        """The same for the one that takes all commits."""
        if self._log in self._known:
            self._check(self._log)

    def _check(self, name: str) -> None:
        if _identity(name) != self._known[name]:
            raise FilesReplaced(f"{name} was removed or replaced while it was in use")

    def in_place(self) -> bool:
        """Whether the database is the one that was opened."""
        return all(_identity(name) == known for name, known in self._known_database().items())

    def log_in_place(self) -> bool:
        return _identity(self._log) == self._known.get(self._log)

    def log_is_gone(self) -> bool:
        """Whether nothing has taken the place of the write-ahead log."""
        log = Path(self._log)
        return not log.exists() or log.stat().st_size == 0

    def _names(self) -> list[str]:
        return [f"{self._database}{suffix}" for suffix in SUFFIXES]

    def _known_database(self) -> dict[str, Identity]:
        name = str(self._database)
        return {name: self._known[name]} if name in self._known else {}


def _identity(name: str) -> Identity:
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return (0, 0)
    return found.st_dev, found.st_ino
