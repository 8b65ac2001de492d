"""How a command ends: a number for scripts, and one line for people."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from bourse_client.errors import BourseError, NotAuthenticated, Refused


class Ending(IntEnum):
    DONE = 0
    REFUSED = 1
    """By the exchange; nothing has changed."""
    USAGE = 2
    UNREACHABLE = 3
    NOT_SIGNED_IN = 4
    UNKNOWN = 5
    """It was sent, and nobody knows whether it was done."""
    UNFILLED = 6
    """An order that was waited for has ended before it was filled."""
    UNWRITTEN = 7
    """What came of it could not be written where it was wanted."""
    INTERRUPTED = 130


class Failed(Exception):
    """A command ends here. `code`: that of the exchange, where it has refused."""

    def __init__(self, ending: Ending, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.ending = ending
        self.message = message
        self.code = code

    @classmethod
    def of(cls, error: BourseError) -> Failed:
        """What the client has raised, as the end of a command."""
        if isinstance(error, NotAuthenticated):
            return cls(Ending.NOT_SIGNED_IN, f"{error.code} {error.message}: sign in with bourse login", error.code)
        if isinstance(error, Refused):
            return cls(Ending.REFUSED, str(error), error.code)
        return cls(Ending.UNREACHABLE, str(error))

    def line(self, *, as_json: bool) -> str:
        if as_json:
            return msgspec.json.encode({"error": self.ending.name, "code": self.code, "message": self.message}).decode()
        return f"bourse: {' '.join(self.message.split())}"
