"""Where the history of a market lies: in which files, and how it is played from them.

Reads only.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from trading.core.commands import Command
from trading.core.engine import Engine
from trading.core.snapshot.records import Snapshot
from trading.core.state import State
from trading.core.types import FIRST_RULES
from trading.models import ArchiveFile, JournalBatch, Market
from trading.storage import mapping
from trading.storage.archive import files
from trading.storage.archive.files import ArchiveFailed

MANY = 500
"""Batches that are read at once: no read goes on for so long that the write-ahead log would grow."""


class Played(msgspec.Struct, frozen=True):
    """A batch of the journal."""

    number: int
    time: int
    commands: list[Command]


class History:
    """The journal of a market, from files and from the table. `folder`: where the files of all markets are."""

    def __init__(self, market: str, folder: Path, using: str = "default") -> None:
        self.market = market
        self.folder = folder
        self.using = using

    def files(self) -> list[ArchiveFile]:
        """The oldest first."""
        return list(ArchiveFile.objects.using(self.using).filter(market=self.market).order_by("day"))

    def path(self, name: str) -> Path:
        return self.folder / self.market / name

    def checked(self, file: ArchiveFile) -> Path:
        """Where a file is. ArchiveFailed unless it is there as it was made."""
        path = self.path(file.name)
        if not path.is_file():
            raise ArchiveFailed(f"{path} is not there; put the archive's file of day {file.day} back")
        if files.checksum(path) != file.sha256:
            raise ArchiveFailed(f"{path} is not what it was when it was made (SHA-256); put a copy of it back")
        return path

    def empty(self) -> Engine:
        """The engine before the first command."""
        shards = Market.objects.using(self.using).filter(code=self.market).values_list("shard", flat=True)
        return Engine(State(FIRST_RULES, shards.first() or 0))

    def newest_state(self) -> tuple[Engine, int]:
        """The engine after the newest file, and the number of the last batch in it; from empty where there is none."""
        newest = ArchiveFile.objects.using(self.using).filter(market=self.market).order_by("-day").first()
        if newest is None:
            return self.empty(), 0
        (closing,) = (part for part in files.read(self.checked(newest)) if part[0] == "closing")
        engine = Engine.restore(files.snapshot_of(closing))
        if engine.state_hash() != newest.state_hash:
            raise ArchiveFailed(f"{newest.name} ends with another state than it was made with")
        return engine, newest.last_batch

    def whole(self, engine: Engine) -> int:
        """Play all files from the first on; each must open with the state that the one before has left. The number of
        commands."""
        return sum(self._play(file, engine) for file in self.files())

    def _play(self, file: ArchiveFile, engine: Engine) -> int:
        done = 0
        for part in files.read(self.checked(file)):
            if part[0] == "journal":
                for number, _, time, commands in part[2]:
                    done += play(engine, Played(number, time, msgspec.convert(commands, list[Command])))
            elif part[0] in ("opening", "closing") and not _same(files.snapshot_of(part), engine.snapshot()):
                raise ArchiveFailed(f"the {part[0]} of {file.name} is not what the journal before it makes")
        if engine.state_hash() != file.state_hash:
            raise ArchiveFailed(f"{file.name} plays to another state than it was made with")
        return done

    def batches(self, after: int) -> Iterator[Played]:
        """Those of the table with numbers above `after`."""
        rows = JournalBatch.objects.using(self.using).filter(market=self.market).order_by("number")
        while found := list(rows.filter(number__gt=after).values_list("number", "time", "commands")[:MANY]):
            for number, time, commands in found:
                yield Played(number, time, mapping.commands_of(commands))
            after = found[-1][0]


def play(engine: Engine, batch: Played) -> int:
    """Apply a batch; how many commands it had."""
    for command in batch.commands:
        engine.apply(command, batch.time)
    engine.take_changes()
    return len(batch.commands)


def _same(left: Snapshot, right: Snapshot) -> bool:
    return msgspec.msgpack.encode(left) == msgspec.msgpack.encode(right)
