"""Lines of the log that can be followed: what they are about is told by ids, which both formats of the log write."""

import itertools
import logging

_connections = itertools.count(1)


def log_event(logger: logging.Logger, message: str, **ids: str | int | float | None) -> None:
    """One line of level INFO, with those ids that are known. Never a token: they are written as they are."""
    if logger.isEnabledFor(logging.INFO):
        logger.info(message, extra={"ids": {name: value for name, value in ids.items() if value is not None}})


def next_connection() -> int:
    """A number for a connection, its own in this process: what all lines about it carry as `connection`."""
    return next(_connections)
