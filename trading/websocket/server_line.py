"""What a server that we have extended tells and takes beyond ASGI, as the extension `bourse.line` of a scope.

Under any other server there is none, and everything goes by ASGI alone.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

EXTENSION = "bourse.line"


class Listener(Protocol):
    heard_at: float
    """Time of the event loop at which something came from the client."""


Hear = Callable[[str], bool]
"""Takes a text at once, or says False: then it is received by ASGI, as whatever comes after it."""


class ServerLine(Protocol):
    """The connection, as the server has it."""

    listener: Listener | None
    """Whom to tell that bytes came: frames of the protocol below us, such as a pong, are life too."""

    hear: Hear | None
    """Who is given texts as they are read, whenever none waits to be received."""

    def send_texts(self, texts: Sequence[str]) -> int:
        """Send texts at once, from the first on, and say how many. There is no room for more while the client has
        enough to read or the way is closed."""

    def ping(self) -> None:
        """Ask the client for a sign of life (RFC 6455, section 5.5.2); every library answers by itself."""

    def trust(self, user_is_known: bool) -> None:
        """Whether somebody has signed in: strangers share a part of the processor."""

    def work(self, step: Callable[[], bool]) -> None:
        """Call `step` in the client's turns until it says that there is no more: it counts as reading the client does,
        so strangers share a part of the processor for it too."""


def line_of(scope: dict[str, Any]) -> ServerLine | None:
    line: ServerLine | None = scope.get("extensions", {}).get(EXTENSION)
    return line
