"""What a benchmark says: one line of the table, a ratio against something measured beside it in the same run."""

import os
import platform
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence

import msgspec

from trading.compiled import form


class Figure(msgspec.Struct, frozen=True):
    """`ratio` against `against`, and what its pairs gave; `goal` as text, `met` whether it is reached."""

    what: str
    ours: str
    against: str
    ratio: float
    spread: tuple[float, float] | None
    goal: str
    met: bool


class Pairs(msgspec.Struct, frozen=True):
    """What was measured in turn, (ours, theirs): these machines change their speed, so only pairs say something."""

    pairs: list[tuple[float, float]]

    @property
    def ours(self) -> float:
        return median([ours for ours, _ in self.pairs])

    @property
    def theirs(self) -> float:
        return median([theirs for _, theirs in self.pairs])

    @property
    def ratios(self) -> list[float]:
        return sorted(ours / theirs for ours, theirs in self.pairs)


def at_least(what: str, ours: str, against: str, measured: float | Pairs, goal: float) -> Figure:
    ratio, spread = _ratio(measured)
    return Figure(what, ours, against, ratio, spread, f">= {goal:g}", ratio >= goal)


def at_most(what: str, ours: str, against: str, measured: float | Pairs, goal: float) -> Figure:
    ratio, spread = _ratio(measured)
    return Figure(what, ours, against, ratio, spread, f"<= {goal:g}", ratio <= goal)


def _ratio(measured: float | Pairs) -> tuple[float, tuple[float, float] | None]:
    """That of pairs is their median, between the smallest and the largest."""
    if isinstance(measured, float | int):
        return measured, None
    ratios = measured.ratios
    return median(ratios), (ratios[0], ratios[-1])


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values the one that `share` of them do not go beyond."""
    return values[min(len(values) - 1, int(len(values) * share))]


def paired(ours: Callable[[], float], theirs: Callable[[], float], times: int = 5) -> Pairs:
    """Run both in turn, once for nothing."""
    ours()
    theirs()
    return Pairs([(ours(), theirs()) for _ in range(times)])


def conditions() -> str:
    """The machine and the versions a figure was measured with."""
    load = os.getloadavg()[0]
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({platform.machine()}), load {load:.1f} at the start, "
        f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version} (WAL, synchronous=FULL), {form.SENTENCE}"
    )


def table(figures: list[Figure]) -> str:
    rows = [("what", "ours", "against", "ratio", "goal", ""), ("---",) * 6]
    rows += [(f.what, f.ours, f.against, _told(f), f.goal, "" if f.met else "missed") for f in figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _told(figure: Figure) -> str:
    if figure.spread is None:
        return f"{figure.ratio:.2f}"
    return f"{figure.ratio:.2f} ({figure.spread[0]:.2f} to {figure.spread[1]:.2f})"
