"""How much may wait, on the way in and on the way out, of a client that is not kept up with or does not read."""

import socket
from typing import Any

MOST_WAITING = 256
"""Frames of a client that the application has not taken: a few milliseconds of its work."""
SEND_BUFFER = 131_072
"""Bytes that the kernel keeps (it takes twice as many; megabytes, if it may choose): a second of a busy market on a
slow line."""


def bound_send_buffer(connection: Any) -> None:
    """Let the kernel keep no more than that of what is sent to a TCP client."""
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
