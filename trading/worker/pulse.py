"""A sign of life every so often, from a thread of its own: also while the event loop computes for a long time.

Whoever watches can so tell a process that is stopped, or cut off, from one that has much to do.
"""

import threading
from collections.abc import Callable


class Pulse:
    """Calls `beat` every `seconds`, from `start` until `stop`."""

    def __init__(self, beat: Callable[[], object], seconds: float) -> None:
        self._beat = beat
        self._seconds = seconds
        self._stopping: threading.Event | None = None

    def start(self) -> None:
        """Again is no harm."""
        if self._stopping is None:
            self._stopping = threading.Event()
            threading.Thread(target=self._run, args=(self._stopping,), name="pulse", daemon=True).start()

    def stop(self) -> None:
        """Let the present beat be the last one. Does not wait for it."""
        if self._stopping is not None:
            self._stopping.set()
            self._stopping = None

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(self._seconds):
            self._beat()
