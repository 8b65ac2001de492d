"""When a server dies: at a random time, or just then when it hurts most."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.chaos.load import Trader
from tests.chaos.staff import Staff
from tests.e2e.server import PATIENCE, Server

LOAD_SECONDS = (0.0, 0.4)
"""When the kill comes, after all clients are under way."""
ANSWERS = (10, 400)
"""Or after how many answers to one of them."""
FRAMES = (5, 200)
"""Or after how many of his frames."""
COMMIT_SECONDS = 0.05
"""How long a commit waits before the server is killed in it: long enough to be told what is not stored."""
SETTLE_SECONDS = 0.15
"""Within which the kill comes after the settlement was put before the engine."""
LARGE_WAL = 6_000_000
"""Bytes: half as much again as what SQLite writes back by itself."""
WAL_SECONDS = 5.0
"""Until a write-ahead log that does not grow so large will do, and until one that is not written back will."""


class Scene(NamedTuple):
    """Who is there when a server dies."""

    server: Server
    traders: list[Trader]
    staff: Staff
    dice: random.Random


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Somebody else holds the database, so that the server waits in the middle of a commit."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=PATIENCE)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(COMMIT_SECONDS)
        yield
        other.execute("ROLLBACK")


def any_time(scene: Scene) -> None:
    time.sleep(scene.dice.uniform(*LOAD_SECONDS))
    scene.server.strike()


def an_answer(scene: Scene) -> None:
    """A client kills it as soon as he has heard one."""
    scene.traders[0].answers_left = scene.dice.randint(*ANSWERS)
    scene.traders[0].join(PATIENCE)


def a_frame(scene: Scene) -> None:
    """A client kills it as soon as he has sent one."""
    scene.traders[0].frames_left = scene.dice.randint(*FRAMES)
    scene.traders[0].join(PATIENCE)


def a_commit(scene: Scene) -> None:
    time.sleep(scene.dice.uniform(*LOAD_SECONDS))
    with locked(scene.server.database):
        scene.server.strike()


def a_settlement(scene: Scene) -> None:
    """While the engine works on it, or waits in its commit."""
    scene.staff.settle.set()
    assert scene.staff.settling.wait(PATIENCE), "the settlement is not put before the engine"
    if scene.dice.random() < 0.5:
        time.sleep(scene.dice.uniform(0.0, SETTLE_SECONDS))
        scene.server.strike()
    else:
        with locked(scene.server.database):
            scene.server.strike()


def a_checkpoint(scene: Scene) -> None:
    """A reader keeps SQLite from writing its log back into the database; when he leaves, it begins, and dies."""
    database = scene.server.database
    log = database.with_name(f"{database.name}-wal")
    with closing(sqlite3.connect(database, isolation_level=None, timeout=PATIENCE)) as reader:
        reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM trading_market").fetchone()
        _wait_for(lambda: log.stat().st_size > LARGE_WAL)
        before = database.stat().st_mtime_ns
        reader.execute("ROLLBACK")
    _wait_for(lambda: database.stat().st_mtime_ns != before)
    scene.server.strike()


def _wait_for(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAL_SECONDS
    while not seen() and time.monotonic() < deadline:
        time.sleep(0)


BLOWS: dict[str, Callable[[Scene], None]] = {
    "any time": any_time,
    "an answer": an_answer,
    "a commit": a_commit,
    "a frame": a_frame,
    "a settlement": a_settlement,
    "a checkpoint": a_checkpoint,
}
