"""What a server that we have extended takes of a request beyond ASGI, as the extension `bourse.trust` of its scope:
whether whoever asks is known. Requests of strangers share a part of the processor; those who trade wait for no one.

Under any other server there is none, and nothing is told.
"""

from typing import Any

EXTENSION = "bourse.trust"


def trust(scope: dict[str, Any], user_is_known: bool) -> None:
    """It holds for what comes next over the same connection, until something else is told."""
    told = scope.get("extensions", {}).get(EXTENSION)
    if told is not None:
        told(user_is_known)
