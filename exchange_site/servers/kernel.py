"""What the kernel keeps for a client that does not read: megabytes, if it may choose."""

import socket
from typing import Any

SEND_BUFFER = 131_072
"""Bytes (the kernel takes twice as many): a second of a busy market on a slow line."""


def bound_send_buffer(connection: Any) -> None:
    """Let the kernel keep no more than that of what is sent to a TCP client."""
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
