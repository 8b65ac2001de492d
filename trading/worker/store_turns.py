"""Who calls the store: one thread of its own, or in its place the event loop. Never both at once."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class StoreTurns:
    """The thread does one call after another, and none while it is the turn of the event loop. That takes no turn while
    the thread waits for one: a loop that commits batch after batch would never let it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._turn, self._wanted = threading.Lock(), threading.Lock()

    async def blocking(self, function: Callable[..., T], *arguments: object) -> T:
        """What the thread finds for the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._alone, function, *arguments)

    def wait_for(self, function: Callable[[], T]) -> T:
        """What the thread finds, for another thread. RuntimeError at the end."""
        return self._thread.submit(self._alone, function).result()

    def _alone(self, function: Callable[..., T], *arguments: object) -> T:
        with self._wanted, self._turn:
            return function(*arguments)

    async def let_thread(self) -> None:
        """Wait until it has done what it was asked for, if anything."""
        if self._wanted.locked():
            await self.blocking(int)

    @contextmanager
    def of_loop(self) -> Iterator[bool]:
        """It is the event loop's turn, if it is nobody else's (then True): it does not wait for one."""
        free = not self._wanted.locked() and self._turn.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._turn.release()

    def close(self) -> None:
        """When the thread has done what it was asked for."""
        self._thread.shutdown()
