"""Settled days go into files by themselves: once there is one too many in the database, `manage.py archive` runs as a
process of its own, which takes neither the engine's interpreter nor its time.

Knows neither settings nor commands: `begin` starts the process. It may be killed at any time (`archiver.py`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from channels.db import database_sync_to_async

from trading.storage.archive.archiver import is_due

logger = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
REST_SECONDS = 900.0
"""Until it is tried again where a try has left something to do: a day can go only when the market has gone on after it,
and playing it costs."""
MOST_SECONDS = 3_600.0
"""How long one try may take; what it has done by then stays done."""

Begin = Callable[[], Awaitable[asyncio.subprocess.Process]]


class DailyArchive:
    """Of one market, all settled days but the newest `keep`, while this process is the engine (`serves`). `run` is to
    be kept going; whoever cancels it ends the process, too."""

    def __init__(
        self,
        market: str,
        keep: int,
        begin: Begin,
        serves: Callable[[], bool],
        *,
        look: float = LOOK_SECONDS,
        rest: float = REST_SECONDS,
        most: float = MOST_SECONDS,
    ) -> None:
        self._market, self._keep = market, keep
        self._begin, self._serves = begin, serves
        self._look, self._rest, self._most = look, rest, most

    async def run(self) -> None:
        """Look, archive, and look again."""
        while True:
            await asyncio.sleep(self._look)
            if self._serves() and await self._is_due():
                await self._archive()
                if await self._is_due():
                    await asyncio.sleep(self._rest)

    async def _is_due(self) -> bool:
        found: bool = await database_sync_to_async(is_due, thread_sensitive=False)(self._market, self._keep)
        return found

    async def _archive(self) -> None:
        process = await self._begin()
        try:
            async with asyncio.timeout(self._most):
                said, _ = await process.communicate()
        except TimeoutError:
            logger.error("archiving market %s was ended after %.0f s; it goes on later", self._market, self._most)
            return
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        words = said.decode(errors="replace").strip()
        if process.returncode:
            logger.error("market %s was not archived: %s", self._market, words[-2_000:])
        else:
            logger.info("market %s is archived: %s", self._market, words)
