"""What is dear to make is made once a run, by the first process of pytest that wants it; the others copy it.

The migrated database is kept for the next run as well. Its name holds what it is made of, so that one that is out of
date is never found.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.run_folder import RUN_FOLDER
from tests.services import connect, postgres_url

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".pytest_cache" / "databases"
MADE_OF = ("trading", "marketdata", "exchange_site", "bots")


def made_once(folder: Path, name: str, make: Callable[[Path], object]) -> Path:
    """A file or folder: made by `make` at the path that it is given, unless it is there. Whoever wants it meanwhile
    waits."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / name
    with (folder / f"{name}.lock").open("w") as turns:
        fcntl.flock(turns, fcntl.LOCK_EX)
        if not made.exists():
            making = folder / f"{name}.{os.getpid()}"
            make(making)
            making.rename(made)
    return made


def migrated_database() -> Path:
    """A database file as `manage.py migrate` leaves it."""
    name = f"migrated-{_fingerprint()}.sqlite3"
    if not (KEPT / name).exists():
        for old in KEPT.glob("migrated-*"):
            old.unlink(missing_ok=True)
    return made_once(KEPT, name, _migrate)


def _migrate(path: Path) -> None:
    from tests.e2e.server import manage

    scratch = Path(tempfile.mkdtemp(dir=RUN_FOLDER))
    manage(scratch, "migrate", "--verbosity", "0")
    shutil.move(scratch / "bourse.sqlite3", path)  # it may be on another disk


MIGRATED = "bourse_migrated"


def migrated_template(url: str) -> str:
    """The name of a database on the server of `url` as `manage.py migrate` leaves it, for copies: nobody uses it."""
    made_once(RUN_FOLDER, MIGRATED, lambda note: note.write_text(_migrate_template(url)))
    return MIGRATED


def _migrate_template(url: str) -> str:
    from tests.e2e.server import manage

    with closing(connect(url)) as session:
        session.execute(f"CREATE DATABASE {MIGRATED}".encode())
    template = postgres_url(url, MIGRATED)
    manage(Path(tempfile.mkdtemp(dir=RUN_FOLDER)), "migrate", "--verbosity", "0", extra={"DATABASE_URL": template})
    return template


def _fingerprint() -> str:
    """Of all that a migrated database is made of: our own source, what is pinned, and the interpreter."""
    found = hashlib.sha256(sys.version.encode())
    for path in (
        ROOT / "requirements.txt",
        *(each for room in MADE_OF for each in sorted((ROOT / room).rglob("*.py"))),
    ):
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]
