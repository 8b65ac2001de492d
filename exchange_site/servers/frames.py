"""A text as it goes over a WebSocket (RFC 6455, section 5.2): one frame, masked by clients, not by servers.

Both servers have code for every kind of frame, which takes its time. Here is what nearly all frames are; that code is
for the others. Measured: see "What helped" in `docs/performance.md`.
"""

from collections.abc import Iterable

TEXT, PONG = 0x81, 0x8A
"""Whole in this frame."""
MASKED = 0x80
SHORT, LONG = 126, 65_536
"""Sizes from which on the size takes two bytes more, or eight."""


class _Framer:
    """Keeps the last text with its frame: what many are told is told them one after another."""

    __slots__ = ("_frame", "_text")

    def __init__(self) -> None:
        self._text: str | None = None
        self._frame = b""

    def frame(self, text: str) -> bytes:
        """The bytes of one frame."""
        if text is not self._text:
            self._text, self._frame = text, _framed(text)
        return self._frame


text_frame = _Framer().frame


def _framed(text: str) -> bytes:
    payload = text.encode()
    size = len(payload)
    if size < SHORT:
        return bytes((TEXT, size)) + payload
    if size < LONG:
        return bytes((TEXT, 126, size >> 8, size & 255)) + payload
    return bytes((TEXT, 127)) + size.to_bytes(8, "big") + payload


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
            texts.append(_unmasked(data[begin:after], data[begin - 4 : begin]).decode())
        except UnicodeDecodeError:
            break
        at = after
    return texts, data[at:]


def _unmasked(payload: bytes, key: bytes) -> bytes:
    """As whole numbers: a loop over bytes takes ten times as long."""
    size = len(payload)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(keys, "little")).to_bytes(size, "little")
