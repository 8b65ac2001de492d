"""Files that hold everybody's orders and the hashes of passwords are their owner's alone, whatever the folder is."""

import os
import stat
from contextlib import suppress
from pathlib import Path

SUFFIXES = ("", "-wal", "-shm", "-journal")
PRIVATE = 0o600


def keep_private(database: Path) -> None:
    """Make a SQLite database 0600 before anybody writes into it; what SQLite puts beside it gets the same. One that was
    made with more rights by an earlier release loses them. (Files of another user are that user's to judge.)"""
    with suppress(FileExistsError, FileNotFoundError, PermissionError):  # no such folder: whoever opens it says so
        os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, PRIVATE))
    for suffix in SUFFIXES:
        with suppress(FileNotFoundError, PermissionError):
            _narrow(Path(f"{database}{suffix}"))


def _narrow(file: Path) -> None:
    mode = stat.S_IMODE(file.stat().st_mode)
    if file.is_file() and mode & ~PRIVATE:
        file.chmod(mode & PRIVATE)
