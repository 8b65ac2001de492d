"""What one commit holds: the commands that had an effect, their events, and what they touched."""

from typing import Protocol

import msgspec

from trading.core.commands import Command
from trading.core.events import Event, Refused
from trading.core.state import Changes


class OperatorAsk(msgspec.Struct, frozen=True):
    """An operator's command that waits in the table; `command` is None when its row cannot be read. `refusal`: what
    speaks against it outside the engine's own market."""

    row_id: int
    command: Command | None
    refusal: Refused | None = None


class OperatorAnswer(msgspec.Struct, frozen=True):
    """What the engine said to it."""

    row_id: int
    event: Event


class KeptPushes(msgspec.Struct, frozen=True, gc=False):
    """What one batch told one account, for who was away: frames numbered from `first_seq` to `last_seq`, one a line."""

    account_id: int
    first_seq: int
    last_seq: int
    frames: str


class Pushes(Protocol):
    """Private pushes of a batch, encoded and numbered, not yet sent. Every account that it touched has some."""

    kept: list[KeptPushes]

    async def send(self) -> None: ...


class Batch(msgspec.Struct, eq=False):
    """Everything that becomes durable together, or not at all.

    `number` counts the market's commits. `position`: where the stream of commands stands after it; None: there is no
    stream.
    """

    number: int
    time: int
    last_id: int
    commands: list[Command]
    events: list[Event]
    changes: Changes
    pushes: Pushes
    operator_answers: list[OperatorAnswer]
    position: str | None = None


class Restored(msgspec.Struct, frozen=True):
    """Where the last commit left the streams that the engine itself does not number."""

    number: int
    time: int
    push_seqs: dict[int, int]
    position: str = "0-0"


class Unstorable(Exception):
    """The database takes no such rows (they break a constraint, or cannot be made): trying again would not help."""


class OutcomeUnknown(Exception):
    """A COMMIT was not answered as it should be: the batch may be stored or not. `MarketStore.holds` tells."""


class Superseded(Exception):
    """Another engine has taken the market over: nothing was written, and nothing may be."""


class HandedOver(Exception):
    """Somebody asked for it: another engine that stands by may take the market over, in good order."""


class FilesReplaced(Exception):
    """The files that are written are not those that are named so: what was written just now may be lost."""
