"""What follows when a batch is stored, or is not: those who wait are answered, the listeners told, and whoever watches
the exchange."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from trading.core.events import Event, Refused
from trading.observability.counters import Counters
from trading.transport.gateway import Envelope, Reply
from trading.worker.batch import Batch
from trading.worker.collaborators import Answered, Listener
from trading.worker.work import Work

logger = logging.getLogger(__name__)


class Teller:
    """Tells what is stored. Nothing here can undo it."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        counters: Counters,
        on_answers: Answered | None,
        stopwatch: Callable[[], float],
    ) -> None:
        self._listeners = listeners
        self._counters = counters
        self._on_answers = on_answers
        self._stopwatch = stopwatch

    def refuse(self, envelopes: Iterable[Envelope], refusal: Refused) -> None:
        """Nothing of it was done, or nobody knows."""
        for envelope in envelopes:
            self._counters.not_taken(envelope.command, refusal)
            _answer(envelope.reply, refusal)

    async def tell(self, work: Work) -> None:
        """A work is durable: answer, and tell."""
        turn = work.turn
        for envelope, event in turn.replies:
            _answer(envelope.reply, event)
        answered = self._stopwatch()
        if turn.to_store:
            await asyncio.sleep(0)  # answers leave before the rest is made: whoever waits for one waits less
            await self._tell_batch(work.batch)
        self._note(work, answered)

    async def _tell_batch(self, batch: Batch) -> None:
        """A failure to tell it must not undo anything, and costs only those that it hits."""
        began = self._stopwatch()
        tells: list[Callable[[], Awaitable[None]]] = [batch.pushes.send]
        tells += [partial(listener.on_batch, batch) for listener in self._listeners]
        for tell in tells:
            try:
                await tell()
            except Exception:
                logger.exception("batch %d is stored, but could not be told", batch.number)
        self._counters.stages["tell"].observe(self._stopwatch() - began)

    def _note(self, work: Work, answered: float) -> None:
        """For whoever watches the exchange. Last of all, so that nobody waits for it."""
        turn, asks, batch = work.turn, work.asks, work.batch
        self._counters.batch(turn.commands, turn.not_done)
        self._counters.batch_size.observe(len(turn.replies) + len(asks))
        self._counters.stages["apply"].observe(work.applied - work.began)
        if turn.to_store:
            self._counters.stages["commit"].observe(work.stored - work.applied)
        self._counters.stages["answer"].observe(answered - work.stored)
        if turn.replies:
            self._counters.answers([envelope.at for envelope, _ in turn.replies], work.began, answered)
        if self._on_answers is not None:
            asked = [(ask.command, answer.event) for ask, answer in zip(asks, turn.operator_answers, strict=True)]
            asked += [(envelope.command, event) for envelope, event in turn.replies]
            self._on_answers(batch.number if turn.to_store else None, batch.time, asked)


def _answer(reply: Reply, event: Event) -> None:
    """A reply that fails (its connection is gone) is nobody else's trouble."""
    try:
        reply(event)
    except Exception:
        logger.exception("an answer could not be given")
