"""What one turn has made, on its way from the engine to those who are told of it."""

import asyncio
from typing import Any

import msgspec

from trading.transport.gateway import Envelope
from trading.worker.batch import Batch, OperatorAsk
from trading.worker.turn import Turn


class Work(msgspec.Struct, eq=False):
    """A turn that was applied, and its batch. `made`: its rows, where the engine may go on before they are stored;
    `committing` is done when they are, and False when that was in doubt for a while. Times are those of the worker's
    stopwatch."""

    turn: Turn
    batch: Batch
    envelopes: list[Envelope]
    asks: list[OperatorAsk]
    made: Any
    began: float
    applied: float
    stored: float = 0.0
    committing: asyncio.Task[bool] | None = None
