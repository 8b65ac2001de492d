"""A text as it goes over a WebSocket (RFC 6455, section 5.2): one frame, masked by clients, not by servers.

Both servers have code for every kind of frame, which takes its time. Here is what nearly all frames are; that code is
for the others. Measured: see "What helped" in `docs/performance.md`.
"""

from collections.abc import Iterable

try:
    from websockets.speedups import apply_mask
except ImportError:  # where that library was installed without its C
    from websockets.utils import apply_mask

TEXT, PONG = 0x81, 0x8A
"""Whole in this frame."""
MASKED = 0x80
SHORT, LONG = 126, 65_536
"""Sizes from which on the size takes two bytes more, or eight."""


def _head(size: int) -> bytes:
    """What a frame begins with whose text has so many bytes."""
    if size < SHORT:
        return bytes((TEXT, size))
    if size < LONG:
        return bytes((TEXT, 126, size >> 8, size & 255))
    return bytes((TEXT, 127)) + size.to_bytes(8, "big")


USUAL = 1_024
HEADS = tuple(map(_head, range(USUAL)))
"""Of nearly all frames, by the size of their text."""


class _Framer:
    """Keeps the last text with its frame: what many are told is told them one after another."""

    __slots__ = ("_frame", "_text")

    def __init__(self) -> None:
        self._text: str | None = None
        self._frame = b""

    def frame(self, text: str) -> bytes:
        """The bytes of one frame."""
        if text is not self._text:
            payload = text.encode()
            size = len(payload)
            head = HEADS[size] if size < USUAL else _head(size)
            self._text, self._frame = text, head + payload
        return self._frame


text_frame = _Framer().frame


def text_frames(texts: Iterable[str]) -> bytes:
    """The bytes of several, to be written together."""
    return b"".join(map(text_frame, texts))


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping: of a control frame the payload has at most 125 bytes."""
    return bytes((PONG, len(payload))) + payload


def whole_texts(data: bytes) -> tuple[list[str], bytes]:
    """The texts at the beginning of `data`, where a frame begins, and what comes after them: a part of a frame, or one
    that is anything else, also one that is wrong."""
    texts: list[str] = []
    at, end = 0, len(data)
    while end - at >= 6 and data[at] == TEXT:
        size, begin = data[at + 1] - MASKED, at + 6
        if size == SHORT:
            size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 8
            if size < SHORT:
                break
        elif not 0 <= size < SHORT:
            break
        after = begin + size
        if after > end:
            break
        try:
            texts.append(apply_mask(data[begin:after], data[begin - 4 : begin]).decode())
        except UnicodeDecodeError:
            break
        at = after
    return texts, data[at:]
