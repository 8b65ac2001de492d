"""Waiting for something that others do in the same event loop: who sleeps goes on when somebody wakes them."""

import asyncio


class Sleeper:
    """Any number of tasks may `sleep`; `wake` lets all go on that sleep at that moment, and is remembered by nobody
    else: look for what there is to do before you sleep."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        return len(self.waiting)

    async def sleep(self, timeout: float | None = None) -> None:
        """Until the next `wake`, or for `timeout` seconds if that is sooner."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self.waiting.append(future)
        alarm = None if timeout is None else loop.call_later(timeout, _end, future)
        try:
            await future
        finally:
            if alarm is not None:
                alarm.cancel()
            if future in self.waiting:
                self.waiting.remove(future)

    def wake(self) -> None:
        if self.waiting:
            waiting, self.waiting = self.waiting, []
            for future in waiting:
                _end(future)


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
