"""What a benchmark says: one line of the table, a ratio against something measured beside it in the same run."""

import os
import platform
import sqlite3
import sys
import time
from collections.abc import Callable

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """`ratio` against `against`; `goal` as text, `met` whether it is reached."""

    what: str
    ours: str
    against: str
    ratio: float
    goal: str
    met: bool


def at_least(what: str, ours: str, against: str, ratio: float, goal: float) -> Figure:
    return Figure(what, ours, against, ratio, f">= {goal:g}", ratio >= goal)


def at_most(what: str, ours: str, against: str, ratio: float, goal: float) -> Figure:
    return Figure(what, ours, against, ratio, f"<= {goal:g}", ratio <= goal)


def paired(ours: Callable[[], float], theirs: Callable[[], float], times: int = 3) -> tuple[float, float, float]:
    """Run both in turn and give (ours, theirs, ratio), each the median: these machines change their speed."""
    ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(times)]
    middle = times // 2
    return (
        sorted(pair[0] for pair in pairs)[middle],
        sorted(pair[1] for pair in pairs)[middle],
        sorted(pair[0] / pair[1] for pair in pairs)[middle],
    )


def conditions() -> str:
    """The machine and the versions a figure was measured with."""
    load = os.getloadavg()[0]
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({platform.machine()}), load {load:.1f} at the start, "
        f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version} (WAL, synchronous=FULL)"
    )


def table(figures: list[Figure]) -> str:
    rows = [("what", "ours", "against", "ratio", "goal", ""), ("---",) * 6]
    rows += [(f.what, f.ours, f.against, f"{f.ratio:.2f}", f.goal, "" if f.met else "missed") for f in figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
