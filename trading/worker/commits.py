"""Works are made durable here, one after another; and it is known here where the market stands in its store."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from trading.worker.batch import Batch, FilesReplaced, OutcomeUnknown
from trading.worker.collaborators import MarketStore
from trading.worker.refusals import TROUBLE
from trading.worker.store_turns import StoreTurns
from trading.worker.work import Work

logger = logging.getLogger(__name__)

WhileUnknown = Callable[[Work], Awaitable[bool]]
"""Called again and again while nobody can say whether a work is stored; False where it shall not be asked any more."""


class Commits:
    """Of one market. `retry_seconds`: between attempts to store while that fails."""

    def __init__(
        self,
        store: MarketStore,
        turns: StoreTurns,
        while_unknown: WhileUnknown,
        retry_seconds: float,
        stopwatch: Callable[[], float],
    ) -> None:
        self._store = store
        self._turns = turns
        self._while_unknown = while_unknown
        self._retry_seconds = retry_seconds
        self._stopwatch = stopwatch
        self._next_try = 0.0
        self.in_trouble = False
        """Whether the next one may not be stored: the last one failed."""
        self.number = 0
        """Of the last batch that was stored."""
        self.position = ""
        """Where the stream of commands stands after what is stored."""

    @property
    def trouble(self) -> str | None:
        """Why the next order may not be stored; None after a commit that succeeded."""
        return TROUBLE if self.in_trouble else None

    @property
    def to_try(self) -> bool:
        """After a commit that failed an empty one now and then: so the exchange knows when it can store again, although
        nobody may send it orders until it says so."""
        return self.in_trouble and self._stopwatch() >= self._next_try

    def note_failure(self) -> None:
        self._next_try = self._stopwatch() + self._retry_seconds if self.in_trouble else 0.0
        self.in_trouble = True

    async def put(self, work: Work) -> bool:
        """Make a work durable. False when that was in doubt for a while: then the connection is another one. Raises
        what the store raises: then it is not stored, or nobody knows (FilesReplaced)."""
        batch, certain = work.batch, True
        if work.turn.to_store:
            try:
                await self._commit(batch, work.made)
            except OutcomeUnknown:
                logger.exception("it is not known whether batch %d is stored", batch.number)
                self.in_trouble = True
                if not await self._find_out(work):
                    raise
                certain = False
            self.number = batch.number
            self.position = batch.position or self.position
            self.in_trouble = not certain
        if self.position != batch.position is not None:  # what was refused is not done when the stream is read again
            await self._turns.blocking(self._store.note_position, batch.position)
            self.position = batch.position
        return certain

    async def _commit(self, batch: Batch, made: Any) -> None:
        if self._store.commit_here(batch):
            return
        with self._turns.of_loop() as free:
            if free and await self._store.commit_by_loop(batch, made):
                return
        await self._turns.blocking(self._store.commit, batch, made)

    async def _find_out(self, work: Work) -> bool:
        """Whether it is stored after all, as soon as the database can say."""
        number = work.batch.number
        while True:
            try:
                return await self._turns.blocking(self._store.holds, work.batch)
            except FilesReplaced:
                raise
            except Exception:
                logger.exception("it cannot be found out whether batch %d is stored; trying again", number)
            if not await self._while_unknown(work):
                return False
