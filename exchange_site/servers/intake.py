"""The way in, from the socket to the parser of a server: in small pieces, and in turns.

A parser handles whatever it is given in one go: 64 KiB of pings, empty fragments or two-byte texts are a third of a
second in which nobody else is served. So bytes wait here, before anything looks at them. What has been read of those
who have signed in goes on a few milliseconds a turn of the event loop. Strangers (HTTP requests, handshakes, and
sockets nobody has signed in on) share a part of the processor's time, a small piece at a time, and who has cost least
lately is next: a newcomer does not wait for the flood of others. Who still has something waiting is not read, so a
flood stays in the client's own buffers; a stranger that floods for `FLOOD_SECONDS` is closed.

Time is measured, not guessed: a slower machine gives strangers fewer frames, not more of itself.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from time import perf_counter
from typing import Any, Protocol

from trading.websocket.server_line import Hear

STRANGERS_PIECE, KNOWN_PIECE = 64, 4_096
"""Bytes that a parser is given at once: at most 10 or 680 frames."""
STRANGERS_SHARE = 0.2
"""Of the processor's time, for all strangers together."""
STRANGERS_SECONDS = 0.002
"""At once, then the loop is for others."""
KNOWN_SECONDS = 0.004
"""At once, for all who have signed in and have sent more than a piece."""
FRAME_COST, REQUEST_COST = 0.0001, 0.001
"""Seconds that are counted for what follows from a message or a request after it was parsed."""
FORGET_SECONDS = 2.0
FLOOD_SECONDS = 5.0
"""How long a stranger may send more than is read of it."""
PAUSE_SECONDS = 1.0
"""Without being stopped: then it was no flood."""
HELD_BYTES = 4_096
"""That wait of one connection until it is not read: more than an honest stranger sends at once."""
LOOK_SECONDS = 0.01
"""Between looks whether the application has caught up."""

logger = logging.getLogger(__name__)


class Way(Protocol):
    """A connection, as its intake needs it."""

    def feed(self, data: bytes) -> None:
        """Give a piece to the parser."""

    def takes_more(self) -> bool:
        """Whether the application has handled most of what it was given."""

    def stop_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def flooded(self) -> None:
        """Close the connection: it does not stop."""


class Turns:
    """Who has bytes waiting; who has cost least lately is next. One of strangers, one of those who have signed in, for
    a process."""

    def __init__(self, piece: int, seconds: float, share: float) -> None:
        self.piece = piece
        self.cost = 0.0
        """What was counted for messages and requests in this turn."""
        self._seconds = seconds
        self._pause_per_second = 1 / share - 1
        self._queue: list[tuple[float, int, Intake | Work]] = []
        self._numbers = count()
        self._not_before = 0.0
        self._at_work = False
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None

    def add(self, waiting: "Intake | Work") -> None:
        heappush(self._queue, (waiting.spent(), next(self._numbers), waiting))
        if self._timer is None and not self._at_work:
            self._schedule()

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        late = loop.time() >= self._not_before
        self._timer = loop.call_soon(self._turn) if late else loop.call_at(self._not_before, self._turn)

    def _turn(self) -> None:
        self._timer, self.cost, self._at_work = None, 0.0, True
        began, spent = perf_counter(), 0.0
        blocked: list[Intake | Work] = []
        while self._queue and spent < self._seconds:
            _, _, waiting = heappop(self._queue)
            took = _step(waiting)
            before, spent = spent, perf_counter() - began + self.cost
            waiting.spend(spent - before)
            if not took:
                blocked.append(waiting)
            elif waiting.waits:
                waiting.turns.add(waiting)
        pause = spent * self._pause_per_second
        if blocked and not self._queue:
            pause = max(pause, LOOK_SECONDS)
        for waiting in blocked:
            if waiting.waits:
                waiting.turns.add(waiting)
        self._at_work = False
        self._not_before = asyncio.get_running_loop().time() + pause
        if self._queue:
            self._schedule()


def _step(waiting: "Intake | Work") -> bool:
    """A parser that fails is the end of its connection, not of everybody's turns."""
    try:
        return waiting.step()
    except Exception:
        logger.exception("what a client sent could not be read")
        waiting.end()
        waiting.way.flooded()
        return True


strangers = Turns(STRANGERS_PIECE, STRANGERS_SECONDS, STRANGERS_SHARE)
known = Turns(KNOWN_PIECE, KNOWN_SECONDS, 1.0)


class Intake:
    """What has been read of one connection and waits for its turn."""

    def __init__(self, way: Way, *, closes_floods: bool = True) -> None:
        self.turns = strangers
        self._closes_floods = closes_floods
        self.way = way
        self.ended = False
        self._rest = bytearray()
        self._in_line = False
        self._stopped = False
        self._flood: asyncio.TimerHandle | None = None
        self._flood_since = self._read_at = 0.0
        self._spent = self._spent_at = 0.0

    @property
    def waits(self) -> bool:
        return self._in_line

    def spent(self) -> float:
        """Seconds that it has cost lately: half of it is forgotten after `FORGET_SECONDS`."""
        now = asyncio.get_running_loop().time()
        self._spent *= 0.5 ** ((now - self._spent_at) / FORGET_SECONDS)
        self._spent_at = now
        return self._spent

    def spend(self, seconds: float) -> None:
        self._spent = self.spent() + seconds

    def receive(self, data: bytes) -> None:
        """Bytes have been read. Those that come after the end are nobody's."""
        if self.ended:
            return
        if self.turns is known and not self._rest and len(data) <= KNOWN_PIECE and self.way.takes_more():
            self.way.feed(data)
            return
        self._rest += data
        if not self._in_line:
            self._in_line = True
            self.turns.add(self)
        if not self._stopped and len(self._rest) > HELD_BYTES:
            self._stopped = True
            self.way.stop_reading()
            if self.turns is strangers and self._closes_floods:
                self._look_for_flood()

    def step(self) -> bool:
        """Hand on a piece, if the application takes it. Afterwards the intake may wait for another turn."""
        if not self.way.takes_more():
            self._in_line = bool(self._rest)
            return False
        if self._rest:
            piece = bytes(self._rest[: self.turns.piece])
            del self._rest[: self.turns.piece]
            self.way.feed(piece)
        self._in_line = bool(self._rest)
        if not self._rest:
            self._read_on()
        return True

    def hand_over(self, texts: Iterable[str], hear: Hear | None, queue: "asyncio.Queue[Any]") -> None:
        """Whole texts to who hears them, or into the queue that ASGI receives from: none overtakes what waits there."""
        for text in texts:
            self.turns.cost += FRAME_COST
            if hear is None or not queue.empty() or not hear(text):
                queue.put_nowait({"type": "websocket.receive", "text": text})

    def work(self, step: Callable[[], bool]) -> None:
        """Do something for the client that is more than reading it, in its turns: see `Work`."""
        self.turns.add(Work(self, step))

    def trust(self, user_is_known: bool) -> None:
        """From the next turn on."""
        self.turns = known if user_is_known else strangers
        self._look_away()

    def end(self) -> None:
        """The connection is lost: what waits of it is nobody's."""
        self.ended = True
        self._rest.clear()
        self._in_line = False
        self._look_away()

    def _look_for_flood(self) -> None:
        """It is one when the client has had something waiting, but for moments, since `FLOOD_SECONDS`."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - self._read_at > PAUSE_SECONDS:
            self._flood_since = now
        self._flood = loop.call_at(max(now, self._flood_since + FLOOD_SECONDS), self._flooded)

    def _read_on(self) -> None:
        if self._stopped:
            self._look_away()
            self._stopped = False
            self._read_at = asyncio.get_running_loop().time()
            self.way.resume_reading()

    def _look_away(self) -> None:
        if self._flood is not None:
            self._flood.cancel()
            self._flood = None

    def _flooded(self) -> None:
        self.end()
        self.way.flooded()


class Work:
    """What is done for a connection beyond reading it, and costs as much: `step` does a little and says whether there
    is more. It takes the turns of its connection, and counts as its cost."""

    waits = True

    def __init__(self, intake: Intake, step: Callable[[], bool]) -> None:
        self.way = intake.way
        self._intake = intake
        self._step = step

    @property
    def turns(self) -> Turns:
        return self._intake.turns

    def spent(self) -> float:
        return self._intake.spent()

    def spend(self, seconds: float) -> None:
        self._intake.spend(seconds)

    def step(self) -> bool:
        self.waits = not self._intake.ended and self._step()
        return True

    def end(self) -> None:
        self.waits = False
        self._intake.end()
