"""What is kept of a batch, packed: zstd with a dictionary of what frames and commands look like.

Short texts that resemble each other are packed to a tenth for 2 to 3 microseconds, which without a dictionary they are
not. A packed value has a checksum, and names its dictionary: one that is in use is never changed, a better one gets the
next number, and what was packed with those before is read as long as it is there. `tests/storage/dictionaries.py` has
made them.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import zstandard

FOLDER = Path(__file__).parent / "dictionaries"
LEVEL, QUICK_LEVEL = 4, 1
LONG = 2_000
"""Bytes from which on a text is packed at the quick level: it becomes no larger, in less than half the time."""
LARGEST = 2**28
"""Bytes: a batch has some thousand commands. What says that it is larger is damaged."""
MAGIC = b"\x28\xb5\x2f\xfd"
"""How packed values begin. No list of MessagePack does, so the journal of earlier releases is told from ours. Pushes
are kept without it, since there are so many; those of earlier releases have it."""
NEWEST = 2
"""The number of the dictionaries that are packed with."""
TIME, DIGITS, MARK = b'"timestamp":', 13, b"\x01"
"""Frames of a batch are of one millisecond, which is in their ids too: it is kept once, and marked where it was. No
frame has this character: in JSON it is written as an escape."""
TIME_BYTES = 6


class Packer(threading.local):
    """Packs with the newest dictionary, unpacks with any. One for each thread: the library's objects are not for
    several."""

    def __init__(self, name: str) -> None:
        known = [_dictionary(name, number) for number in range(1, NEWEST + 1)]
        self._pack, self._pack_long = (_compressor(name, level) for level in (LEVEL, QUICK_LEVEL))
        self._unpack = {each.dict_id(): zstandard.ZstdDecompressor(dict_data=each).decompress for each in known}

    def pack(self, text: bytes) -> bytes:
        return (self._pack if len(text) < LONG else self._pack_long)(text)

    def unpack(self, packed: bytes) -> bytes:
        """ValueError where it is damaged, or packed with a dictionary that this release does not have."""
        try:
            found = zstandard.get_frame_parameters(packed)
            if found.content_size > LARGEST:
                raise ValueError("it says that it is larger than anything that is packed")
            if found.dict_id not in self._unpack:
                raise ValueError(f"there is no dictionary {found.dict_id}")
            return self._unpack[found.dict_id](packed)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error


def _dictionary(name: str, number: int) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict((FOLDER / f"{name}-{number}").read_bytes())


def _compressor(name: str, level: int) -> Callable[[bytes], bytes]:
    newest = _dictionary(name, NEWEST)
    newest.precompute_compress(level=level)
    return zstandard.ZstdCompressor(level=level, dict_data=newest, write_checksum=True).compress


PUSHES = Packer("pushes")
COMMANDS = Packer("commands")


def pack_frames(frames: str) -> bytes:
    """Frames of pushes, one a line."""
    return PUSHES.pack(marked(frames.encode()))[len(MAGIC) :]


def marked(frames: bytes) -> bytes:
    """Their time as a number, 0 where they have none, and behind it the frames with marks instead of it."""
    at = frames.find(TIME)
    time = b"" if at < 0 or MARK in frames else frames[at + len(TIME) : at + len(TIME) + DIGITS]
    if len(time) < DIGITS or not time.isdigit() or time.startswith(b"0"):
        return bytes(TIME_BYTES) + frames
    return int(time).to_bytes(TIME_BYTES, "big") + frames.replace(time, MARK)


def unpack_frames(packed: bytes) -> str:
    """Inverse of `pack_frames`."""
    if packed.startswith(MAGIC):  # of an earlier release: frames as they are
        return PUSHES.unpack(packed).decode()
    unpacked = PUSHES.unpack(MAGIC + packed)
    time, frames = int.from_bytes(unpacked[:TIME_BYTES], "big"), unpacked[TIME_BYTES:]
    return (frames.replace(MARK, b"%d" % time) if time else frames).decode()


def pack_commands(commands: bytes) -> bytes:
    """A batch's commands in MessagePack."""
    return COMMANDS.pack(commands)


def unpack_commands(stored: bytes) -> bytes:
    """Inverse of `pack_commands`; what earlier releases have stored is not packed."""
    return COMMANDS.unpack(stored) if stored.startswith(MAGIC) else stored
