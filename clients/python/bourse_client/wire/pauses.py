"""When to ask again: after a lost connection, and after "too fast"."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from bourse_client.errors import TooFast
from bourse_client.messages import Frame

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before the first attempt to connect again, and the most there may be between two."""
MOST_ATTEMPTS = 16
"""No more of them are counted: the pause is at its longest."""
SOON = 1.0
"""The pause after a refusal that names none."""


class Pauses:
    """Longer each time, and never the same for many who were cut off together."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._attempts = 0

    def reset(self) -> None:
        self._attempts = 0

    def next(self, at_least: float = 0.0) -> float:
        """Seconds. `at_least` is what the exchange has asked for."""
        longest = min(FIRST_PAUSE * 2.0**self._attempts, LONGEST_PAUSE)
        self._attempts = min(self._attempts + 1, MOST_ATTEMPTS)
        return at_least + longest * self._dice.uniform(0.5, 1)


class Lane:
    """Requests that are counted together. They go out at once until one was refused for coming too fast; from then on
    one after another, each when the exchange has said, until all that wait are through."""

    def __init__(self) -> None:
        self._waiting = asyncio.Lock()

    async def run(self, ask: Callable[[], Awaitable[Frame]]) -> Frame:
        pause = 0.0
        if not self._waiting.locked():
            try:
                return await ask()
            except TooFast as refused:
                pause = refused.retry_after or SOON
        async with self._waiting:
            while True:
                await asyncio.sleep(pause)
                try:
                    return await ask()
                except TooFast as refused:
                    pause = refused.retry_after or SOON
