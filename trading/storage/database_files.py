"""Whether the files that a SQLite connection has open are still the files that are named so.

A file that was removed or replaced goes on taking commits, and nobody will ever read them: they end with the process.
"""

import os
from pathlib import Path

from trading.worker.batch import FilesReplaced

SUFFIXES = ("", "-wal", "-shm")
Identity = tuple[int, int]


class DatabaseFiles:
    """Remembers which files are open, by device and inode. A look costs a few microseconds."""

    def __init__(self, database: Path) -> None:
        self._database = database
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
        for name, known in self._known.items():
            if _identity(name) != known:
                raise FilesReplaced(f"{name} was removed or replaced while it was in use")

    def in_place(self) -> bool:
        """Whether database and write-ahead log are those that were opened: all that was committed is in them."""
        log = f"{self._database}-wal"
        return self._database_in_place() and _identity(log) == self._known.get(log)

    def only_log_is_gone(self) -> bool:
        """Whether the database is the one that was opened, and nothing has taken the place of its write-ahead log."""
        log = Path(f"{self._database}-wal")
        return self._database_in_place() and (not log.exists() or log.stat().st_size == 0)

    def _database_in_place(self) -> bool:
        return all(_identity(name) == known for name, known in self._known_database().items())

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
