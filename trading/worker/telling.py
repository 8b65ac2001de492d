"""What follows when a batch is stored: the listeners are told, and whoever watches the exchange."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from trading.observability.counters import Counters
from trading.worker.batch import Batch, OperatorAsk
from trading.worker.collaborators import Answered, Listener
from trading.worker.turn import Turn

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

    async def tell(self, batch: Batch) -> None:
        """The batch is durable: a failure to tell it must not undo anything, and costs only those that it hits."""
        began = self._stopwatch()
        tells: list[Callable[[], Awaitable[None]]] = [batch.pushes.send]
        tells += [partial(listener.on_batch, batch) for listener in self._listeners]
        for tell in tells:
            try:
                await tell()
            except Exception:
                logger.exception("batch %d is stored, but could not be told", batch.number)
        self._counters.stages["tell"].observe(self._stopwatch() - began)

    def note(
        self,
        turn: Turn,
        asks: list[OperatorAsk],
        batch: Batch,
        began: float,
        applied: float,
        stored: float,
        answered: float,
    ) -> None:
        """For whoever watches the exchange. Last of all, so that nobody waits for it."""
        self._counters.batch(turn.commands, turn.not_done)
        self._counters.batch_size.observe(len(turn.replies) + len(asks))
        self._counters.stages["apply"].observe(applied - began)
        if turn.to_store:
            self._counters.stages["commit"].observe(stored - applied)
        self._counters.stages["answer"].observe(answered - stored)
        if turn.replies:
            self._counters.answers([envelope.at for envelope, _ in turn.replies], began, answered)
        if self._on_answers is not None:
            asked = [(ask.command, answer.event) for ask, answer in zip(asks, turn.operator_answers, strict=True)]
            asked += [(envelope.command, event) for envelope, event in turn.replies]
            self._on_answers(batch.number if turn.to_store else None, batch.time, asked)
