"""The exchange's time: Unix milliseconds that never go back and never leap, whatever is done to the machine's clock.

Between two looks as much time passes as the steady clock says, which nobody can set. The machine's clock corrects it:
where that is ahead it is followed at once, but not far; where it is behind, time passes a tenth slower until it has
caught up.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock

logger = logging.getLogger(__name__)

MILLISECOND, SECOND = 1_000_000, 1_000_000_000
LARGEST_LEAP = 600 * SECOND
"""How far ahead the machine's clock is followed: virtual machines that were moved or stopped for minutes, steps of NTP.
What is further may be a mistake, and one that cannot be undone: orders would expire, and days be settled."""
SLOWER = 10
"""One part in so many is left out while the machine's clock is behind: countdowns hardly feel it."""
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps: so it does on Linux by the one name, on macOS by the other."""


def steady_ns() -> int:
    return time.clock_gettime_ns(_STEADY)


class Clock:
    """The only clock of an exchange. From any thread. `wall` and `steady` tell nanoseconds."""

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = steady_ns) -> None:
        self._wall = wall
        self._steady = steady
        self._lock = Lock()
        self._now, self._seen = wall(), steady()
        self._astray = False

    def __call__(self) -> int:
        """Unix milliseconds."""
        with self._lock:
            return self._look() // MILLISECOND

    def reach(self, time: int) -> None:
        """Be at `time` (Unix ms) or later: what is stored was stored by then. What has passed since the last look is
        part of it, and does not pass again."""
        with self._lock:
            self._now = max(self._look(), time * MILLISECOND)

    def _look(self) -> int:
        """Nanoseconds since 1970."""
        wall, seen = self._wall(), self._steady()
        passed, self._seen = seen - self._seen, seen
        ahead = wall - self._now - passed
        if ahead <= LARGEST_LEAP:
            passed = max(passed - passed // SLOWER, passed + ahead)
        self._now += passed
        if self._astray != (abs(ahead) > LARGEST_LEAP):
            self._astray = not self._astray
            self._tell(wall)
        return self._now

    def _tell(self, wall: int) -> None:
        machine, ours = (datetime.fromtimestamp(each // SECOND, UTC) for each in (wall, self._now))
        if self._astray:
            logger.error("the machine's clock says %s; the exchange's time, %s, goes on without it", machine, ours)
        else:
            logger.warning("the machine's clock says %s and is followed again", machine)
