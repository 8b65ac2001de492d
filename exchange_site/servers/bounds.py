"""How much may wait, on the way in and on the way out, of a client that is not kept up with or does not read; and how
many may come."""

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)

MOST_WAITING, FEW_WAITING = 256, 64
"""Frames of a client that the application has not taken: a few milliseconds of its work. With so few a client is read
again."""
SEND_BUFFER = 131_072
"""Bytes that the kernel keeps (it takes twice as many; megabytes, if it may choose): a second of a busy market on a
slow line."""
REQUEST_SECONDS = 20.0
"""From the first byte of a request, or from the connection, until all of it is there."""
HEAD_BYTES = 16_000
"""Of a request, until its body begins: a little less than Twisted reads (16,384), which hangs up without a word."""
LINGER_SECONDS = 1.0
"""For what we have said last, to a client that may still be sending: closed at once, it would not be read."""
DROP_SECONDS = 5.0
"""How long a client may take for what is left when its connection is closed."""
FILES_KEPT = 64
"""Open files kept for the database, the log and the threads of pages, when connections have used up the rest."""
TURNS_TO_CLOSE = 4
"""Of the event loop, from taking a connection in to its end: asyncio takes in so many times its backlog meanwhile."""
SAY_SECONDS = 60.0


def answer(status: str) -> bytes:
    """Of a request that is refused before anything has parsed it."""
    return f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()


NO_ROOM = answer("503 Service Unavailable\r\nRetry-After: 1")
TOO_SLOW = answer("408 Request Timeout")
BODY_TOO_LARGE = answer("413 Content Too Large")
PATH_TOO_LONG = answer("414 URI Too Long")
HEAD_TOO_LARGE = answer("431 Request Header Fields Too Large")


class Deadline:
    """Until when a request must be there, or `late` is called. Nothing runs until it is begun."""

    __slots__ = ("_late", "_timer")

    def __init__(self, late: Callable[[], None]) -> None:
        self._late = late
        self._timer: asyncio.TimerHandle | None = None

    @property
    def runs(self) -> bool:
        """Whether a request has been waited for since it was stopped last."""
        return self._timer is not None

    def begin(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(REQUEST_SECONDS, self._late)

    def stop(self) -> None:
        """The request is there, or nobody waits for it any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Head:
    """What has come of a request until its body begins."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """The next one may come."""
        self.begun = self._has_line = False
        self._bytes = 0

    def add(self, data: bytes) -> bytes | None:
        """Count; the answer where it is too much."""
        self.begun = True
        self._bytes += len(data)
        if self._bytes > HEAD_BYTES:
            return HEAD_TOO_LARGE if self._has_line else PATH_TOO_LONG
        self._has_line = self._has_line or b"\n" in data
        return None


def bound_send_buffer(connection: Any) -> None:
    """Let the kernel keep no more than that of what is sent to a TCP client."""
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


class OpenFiles:
    """Whether there is room for a connection. The system gives the lowest free number to a new one, so its number tells
    how many there are."""

    def __init__(self) -> None:
        self._said = -SAY_SECONDS
        self.limit = 0

    def allow_most(self, backlog: int = 0) -> int:
        """Take as many as the system lets us have. `backlog`: connections that the server takes in a turn, all at once;
        returns how many it may, so that those who are sent away leave room for the database."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError):  # macOS says "unlimited" and means something else
            pass
        half = soft // 2
        backlog = min(backlog, max(1, (half - FILES_KEPT) // TURNS_TO_CLOSE))
        self.limit = soft - min(FILES_KEPT + TURNS_TO_CLOSE * backlog, half)
        return backlog

    def has_room(self, number: int) -> bool:
        """Whether a connection with this file number may stay. Says it once a minute when not."""
        if number < self.limit:
            return True
        now = time.monotonic()
        if now - self._said >= SAY_SECONDS:
            self._said = now
            logger.error(
                "no room for more connections: %d files may be open (raise LimitNOFILE, ulimit -n)", self.limit
            )
        return False


open_files = OpenFiles()
