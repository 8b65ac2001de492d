"""A text as a WebSocket server sends it (RFC 6455, section 5.2: one frame, not masked).

Both servers have code for every kind of frame, which takes its time. Measured: see "What helped" in
`docs/performance.md`.
"""

TEXT, PONG = 0x81, 0x8A
"""Whole in this frame."""


def text_frame(text: str) -> bytes:
    """The bytes of one frame."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((TEXT, size)) + payload
    if size < 65_536:
        return bytes((TEXT, 126, size >> 8, size & 255)) + payload
    return bytes((TEXT, 127)) + size.to_bytes(8, "big") + payload


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping: of a control frame the payload has at most 125 bytes."""
    return bytes((PONG, len(payload))) + payload
