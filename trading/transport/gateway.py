"""The door: whoever wants something of the engine hands its command in here, wherever the engine runs.

Knows neither sockets nor the engine. The reply comes exactly once, after the command is durable, or says that nothing
was done (503), or that nobody knows (504).
"""

from collections.abc import Callable
from time import monotonic
from typing import Protocol

import msgspec

from trading.core.codes import Code
from trading.core.commands import Command
from trading.core.events import Event, Refused
from trading.observability.counters import Counters

Reply = Callable[[Event], None]
"""Gets the first event of the command: it tells whether and how it was done."""

BUSY = Refused(Code.UNAVAILABLE, "The exchange is busy; nothing was done")
UNKNOWN_OUTCOME = Refused(
    Code.UNKNOWN_OUTCOME,
    "Unknown outcome: no answer has come from the engine. Ask for your orders, or send it again under the same"
    " client_order_id: it is done once",
)


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A command on its way, who waits for the answer, and since when (`monotonic`)."""

    command: Command
    reply: Reply
    at: float = msgspec.field(default_factory=monotonic)


class Transport(Protocol):
    def put(self, envelope: Envelope) -> bool:
        """Send a command on its way; False when there is no room, and then it is not on its way."""


class Gateway:
    """Takes commands in while the exchange is open."""

    def __init__(self, transport: Transport, counters: Counters) -> None:
        self._transport = transport
        self._counters = counters
        self._closed: Refused | None = None

    @property
    def closed_because(self) -> str | None:
        """Why nothing is taken, or None while the exchange is open."""
        return None if self._closed is None else self._closed.detail

    def closed_at(self, market: str) -> str | None:
        """Why nothing is taken for a market; None while it is."""
        return self.closed_because

    def close(self, reason: str) -> None:
        """From now on every command is answered 503 with `reason`."""
        self._closed = Refused(Code.UNAVAILABLE, reason)

    def open(self) -> None:
        """Take commands in again."""
        self._closed = None

    def submit(self, command: Command, reply: Reply) -> None:
        """Send a command to the engine. Refused at once with 503 when the exchange is closed or its queue is full."""
        if self._closed is not None:
            self._counters.not_taken(command, self._closed)
            reply(self._closed)
        elif not self._transport.put(Envelope(command, reply)):
            self._counters.not_taken(command, BUSY)
            reply(BUSY)
