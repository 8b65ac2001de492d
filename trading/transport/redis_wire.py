"""What travels over Redis between gateways and an engine: names of keys, commands on their way in, answers out.

A callback never leaves its process: an answer is matched to the one who waits by gateway and number.
"""

import msgspec

from trading.core.commands import TraderCommand
from trading.core.events import Event

COMMAND = b"c"
"""The field of an entry of the stream that holds a command. Entries without it are marks, for nobody to read."""

Answer = tuple[int, Event]
"""The number of a command of a gateway, and its first event."""


class SentCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A command on its way. `gateway` waits for the answer with this `number`; `received`: Unix ms."""

    market: str
    gateway: str
    number: int
    command: TraderCommand
    received: int


_encoder = msgspec.msgpack.Encoder()
_command, _answers = msgspec.msgpack.Decoder(SentCommand), msgspec.msgpack.Decoder(list[Answer])


def encode_command(sent: SentCommand) -> bytes:
    return _encoder.encode(sent)


def decode_command(data: bytes) -> SentCommand:
    """Raises msgspec.ValidationError or msgspec.DecodeError for anything else."""
    return _command.decode(data)


def encode_answers(answers: list[Answer]) -> bytes:
    return _encoder.encode(answers)


def decode_answers(data: bytes) -> list[Answer]:
    return _answers.decode(data)


def commands_key(market: str) -> str:
    """The stream of a market's commands."""
    return f"bourse:{market}:commands"


def place(entry: str) -> tuple[int, int]:
    """The id of an entry, so that two can be compared."""
    time, _, number = entry.partition("-")
    return int(time), int(number or 0)
