"""Keeps the answers of one connection in the order of its requests, however they come in."""

import asyncio
from collections import deque
from collections.abc import Callable


class Slot:
    """The place of one answer."""

    __slots__ = ("frame",)

    def __init__(self) -> None:
        self.frame: str | None = None


class Answers:
    """`reserve` a place for each request that is answered later, `fill` it once; `put` gets the frames in order."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put
        self._open: deque[Slot] = deque()
        self._settled: asyncio.Future[None] | None = None

    def reserve(self) -> Slot:
        slot = Slot()
        self._open.append(slot)
        return slot

    def fill(self, slot: Slot, frame: str) -> None:
        """Give the answer of a place: it is sent when all before it are."""
        slot.frame = frame
        waiting = self._open
        while waiting and waiting[0].frame is not None:
            self._put(waiting.popleft().frame)  # type: ignore[arg-type]  # just checked
        if not waiting and self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    async def settled(self) -> None:
        """Wait until every request so far has been answered."""
        while self._open:
            self._settled = asyncio.get_running_loop().create_future()
            await self._settled
            self._settled = None
