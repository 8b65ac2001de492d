"""A text as a WebSocket server sends it (RFC 6455, section 5.2: one frame, not masked).

Both servers have code for every kind of frame, which takes its time. Measured: see "What helped" in
`docs/performance.md`.
"""

TEXT = 0x81
"""A text that is whole in this frame."""


def text_frame(text: str) -> bytes:
    """The bytes of one frame."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((TEXT, size)) + payload
    if size < 65_536:
        return bytes((TEXT, 126, size >> 8, size & 255)) + payload
    return bytes((TEXT, 127)) + size.to_bytes(8, "big") + payload
