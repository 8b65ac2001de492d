"""The form of an archive file: zstd over a stream of MessagePack lists `[table, columns, rows]`.

First `about`, then the state before the first batch (`opening`), the tables in portions, and the state after the last
batch (`closing`): what is not there to its end has no `closing`. A file gets its name when all of it is on the disk.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgpack
import msgspec
import zstandard

from trading.core.snapshot.records import Snapshot
from trading.storage.backup import put_on_disk

LEVEL = 6
"""Of zstd: a file is written once and kept for years."""
PIECE = 2**20
Part = tuple[str, list[str], list[Any]]
"""Table, columns, rows."""


class ArchiveFailed(Exception):
    """Nothing was lost. One sentence that says what to do."""


class _Hashed:
    """A file that is written, and its checksum."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)


def write(path: Path, parts: Iterable[Part]) -> str:
    """Write a file, whole or not at all; its SHA-256. Another one of that name, which no database knows of (a restored
    one may have forgotten it), is kept under a longer name."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            unfinished.chmod(0o600)
            hashed = _Hashed(file)
            compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
            with compressor.stream_writer(hashed, closefd=False) as packed:  # type: ignore[arg-type]  # it only writes
                for part in parts:
                    packed.write(msgspec.msgpack.encode(part))
        put_on_disk(unfinished)
        if checksum(unfinished) != hashed.sha256.hexdigest():
            raise ArchiveFailed(f"{unfinished} does not hold what was written: look at the disk")
        if path.exists() and (other := checksum(path)) != hashed.sha256.hexdigest():
            path.rename(path.with_name(f"{path.name}.{other[:8]}"))
        unfinished.rename(path)
        put_on_disk(path.parent)
    except OSError as error:
        raise ArchiveFailed(f"{path} could not be made: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return hashed.sha256.hexdigest()


def checksum(path: Path) -> str:
    """The SHA-256 of what is in a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path) -> Iterator[Part]:
    """The parts of a file. ArchiveFailed where it cannot be read, or has no end."""
    name = ""
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            for name, columns, rows in msgpack.Unpacker(stream, read_size=PIECE, max_buffer_size=0):
                yield name, columns, rows
    except (OSError, ValueError, zstandard.ZstdError) as error:
        raise ArchiveFailed(f"{path} cannot be read: {error}") from error
    if name != "closing":
        raise ArchiveFailed(f"{path} has no end")


def snapshot_part(name: str, snapshot: Snapshot) -> Part:
    """`opening` or `closing`: one row with all records."""
    return name, list(Snapshot.__struct_fields__), [[getattr(snapshot, field) for field in Snapshot.__struct_fields__]]


def snapshot_of(part: Part) -> Snapshot:
    """Inverse of `snapshot_part`."""
    _, columns, (row,) = part
    return msgspec.convert(dict(zip(columns, row, strict=True)), Snapshot)
