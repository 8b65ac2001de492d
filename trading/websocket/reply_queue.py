"""Keeps the answers of one connection in the order of its requests, however they come in."""

from collections import deque
from collections.abc import Callable

from trading.transport.sleeper import Sleeper


class Slot:
    """The place of one answer. `begun`: it is there, if only in part."""

    __slots__ = ("begun", "frame")

    def __init__(self) -> None:
        self.begun = False
        self.frame: str | None = None


class ReplyQueue:
    """`reserve` a place for each request that is answered later, `fill` it once; `put` gets the frames in order."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put
        self._open: deque[Slot] = deque()
        self._answered = Sleeper()
        self.held = 0
        """Answers that are there but wait for one before them, or for their other part."""

    def reserve(self) -> Slot:
        slot = Slot()
        self._open.append(slot)
        return slot

    def begin(self, slot: Slot) -> None:
        """Part of what makes the answer of a place is known: what follows from it must wait for the answer."""
        if not slot.begun:
            slot.begun = True
            self.held += 1

    def fill(self, slot: Slot, frame: str) -> None:
        """Give the answer of a place: it is sent when all before it are."""
        self.begin(slot)
        slot.frame = frame
        waiting = self._open
        while waiting and (ready := waiting[0].frame) is not None:
            waiting.popleft()
            self.held -= 1
            self._put(ready)
        if self._answered.waiting:
            self._answered.wake()

    async def settled(self) -> None:
        """Wait until every request so far has been answered."""
        while self._open:
            await self._answered.sleep()

    async def in_step(self) -> None:
        """Wait until no answer that is there is held back: what follows from it must not overtake it."""
        while self.held:
            await self._answered.sleep()
