"""What is kept of a batch: its commands and its pushes."""

import msgspec

from trading.core.commands import Command
from trading.models import JournalBatch, PushBatch
from trading.storage import packing
from trading.storage.sql import GIVEN, Columns, Table
from trading.worker.batch import Batch, KeptPushes


def _packed_frames(kept: KeptPushes) -> bytes:
    return packing.pack_frames(kept.frames)


PUSH = Columns({"account": "account_id", "last_seq": "last_seq", "packed": _packed_frames})
PUSHES = Table(PushBatch, PUSH)


def _commands(batch: Batch) -> bytes:
    return packing.pack_commands(msgspec.msgpack.encode(batch.commands))


BATCH = Columns({"market": GIVEN, "epoch": GIVEN, "number": "number", "time": "time", "commands": _commands})
JOURNAL = Table(JournalBatch, BATCH)
_COMMANDS = msgspec.msgpack.Decoder(list[Command])


def commands_of(stored: bytes | memoryview) -> list[Command]:
    """The `commands` of a journal batch."""
    return _COMMANDS.decode(packing.unpack_commands(bytes(stored)))
