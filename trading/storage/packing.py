"""What is kept of a batch, packed: zstd with a dictionary of what frames and commands look like.

Short texts that resemble each other are packed to a tenth for 1 to 2 microseconds, which without a dictionary they are
not. A packed value has a checksum, and names its dictionary: one that is in use is never changed, a better one gets the
next number. `tests/storage/dictionaries.py` has made them.
"""

import threading
from pathlib import Path

import zstandard

FOLDER = Path(__file__).parent / "dictionaries"
LEVEL = 1
LARGEST = 2**28
"""Bytes: a batch has some thousand commands. What says that it is larger is damaged."""
MAGIC = b"\x28\xb5\x2f\xfd"
"""How packed values begin. No list of MessagePack does, so the journal of earlier releases is told from ours."""


class Packer(threading.local):
    """Packs and unpacks with one dictionary. One for each thread: the library's objects are not for several."""

    def __init__(self, name: str) -> None:
        dictionary = zstandard.ZstdCompressionDict((FOLDER / name).read_bytes())
        dictionary.precompute_compress(level=LEVEL)
        self.pack = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary, write_checksum=True).compress
        self._unpack = zstandard.ZstdDecompressor(dict_data=dictionary).decompress

    def unpack(self, packed: bytes) -> bytes:
        """ValueError where it is damaged, or packed with a dictionary that this release does not have."""
        try:
            if zstandard.get_frame_parameters(packed).content_size > LARGEST:
                raise ValueError("it says that it is larger than anything that is packed")
            return self._unpack(packed)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error


PUSHES = Packer("pushes-1")
COMMANDS = Packer("commands-1")


def pack_frames(frames: str) -> bytes:
    """Frames of pushes, one a line."""
    return PUSHES.pack(frames.encode())


def unpack_frames(packed: bytes) -> str:
    """Inverse of `pack_frames`."""
    return PUSHES.unpack(packed).decode()


def pack_commands(commands: bytes) -> bytes:
    """A batch's commands in MessagePack."""
    return COMMANDS.pack(commands)


def unpack_commands(stored: bytes) -> bytes:
    """Inverse of `pack_commands`; what earlier releases have stored is not packed."""
    return COMMANDS.unpack(stored) if stored.startswith(MAGIC) else stored
