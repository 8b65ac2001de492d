"""What operators announce, for the connections that have asked to hear it: the channel `announcements`.

It looks at the tables, as `TokenMonitor` does: announcements are rare, they begin and end by the clock, and so gateways
of a cluster tell the same as a server with the engine in it. What operators announce is told when it is stored; whether
orders are taken, as soon as this server knows.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from trading import protocol
from trading.core.types import Announcement
from trading.reads import announcements
from trading.reads.readers import Read

logger = logging.getLogger(__name__)

CHANNEL = "announcements"
LOOK_SECONDS = 1.0
DOOR_SECONDS = 0.2
"""Between two looks whether orders are taken; they cost nothing."""
TAKEN_AGAIN = "Orders are taken again."


class Reader(Protocol):
    """A connection, and whose it is."""

    @property
    def user_id(self) -> str | None: ...

    def push(self, frame: str) -> None: ...


class AnnouncementBoard:
    """Tells each reader all that concerns them when they come, and again when it has changed. `clock`: Unix ms; `read`
    reads the database, whatever else is read; `closed`: why orders are not taken just now, None while they are."""

    def __init__(
        self,
        market: str,
        read: Read,
        clock: Callable[[], int],
        closed: Callable[[], str | None],
        seconds: float = LOOK_SECONDS,
    ) -> None:
        self._read_present = partial(read, announcements.present, market=market)
        self._clock = clock
        self._closed = closed
        self._closed_before = closed()
        self._seconds = seconds
        self._present: tuple[Announcement, ...] = ()
        self._told: dict[Reader, list[Announcement] | None] = {}

    def __len__(self) -> int:
        """How many readers there are."""
        return len(self._told)

    async def run(self) -> None:
        """Look every so often, until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            if self._told:
                try:
                    await self.look()
                except Exception:
                    logger.exception("announcements cannot be read")

    async def watch_door(self) -> None:
        """Tell every reader when orders are not taken any more, and when they are again, until cancelled."""
        while True:
            await asyncio.sleep(DOOR_SECONDS)
            self.look_at_door()

    def look_at_door(self) -> None:
        closed = self._closed()
        if closed == self._closed_before:
            return
        self._closed_before = closed
        told = protocol.Announcement(message=closed or TAKEN_AGAIN, timestamp=self._clock())
        for reader in self._told:
            reader.push(protocol.encode(told))

    async def look(self) -> None:
        """Tell whoever does not know what is announced now."""
        self._present = await self._read_present(time=self._clock())
        for reader in list(self._told):
            self.tell(reader)

    async def add(self, reader: Reader) -> None:
        """Tell a reader what is announced, and from now on what is new. Who is here already is told again."""
        self._present = await self._read_present(time=self._clock())
        self.look_at_door()  # what was before a reader came is no news to them
        self._told[reader] = None
        self.tell(reader)

    def remove(self, reader: Reader) -> None:
        self._told.pop(reader, None)

    def tell(self, reader: Reader) -> None:
        """Send what concerns a reader, if it is not what they know."""
        if reader not in self._told:
            return
        now = self._clock()
        wanted = announcements.to(reader.user_id, self._present, now)
        if wanted != self._told[reader]:
            self._told[reader] = wanted
            found = [protocol.announcement_data(each) for each in wanted]
            reader.push(protocol.encode(protocol.Announcements(announcements=found, timestamp=now)))
