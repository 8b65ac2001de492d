"""How the log is written: lines for people or JSON for machines, both with the ids that
`trading.observability.event_log.log_event` was given, and the servers' lines among ours.
What follows a `?` in an address is written nowhere: it may hold a token.

Only what we name is written of a record: libraries hang whole requests on theirs.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler

from trading.observability.counters import Counters

WORD = re.compile(r"\S+")
QUOTES = "\"'"


def without_queries(text: str) -> str:
    """The text with its addresses cut off at their `?`."""
    return WORD.sub(_cut, text) if "?" in text else text


def _cut(match: re.Match[str]) -> str:
    word = match[0]
    address = word.find("/")
    query = word.find("?", address)
    if address < 0 or query < 0:
        return word
    return word[:query] + (word[-1] if word[-1] in QUOTES else "")


class TextLines(logging.Formatter):
    """For people: `time LEVEL logger: message id=value ...`."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = getattr(record, "ids", {}).items()
        return super().formatMessage(record) + "".join(f" {name}={_json(value)}" for name, value in ids)

    def format(self, record: logging.LogRecord) -> str:
        return without_queries(super().format(record))


class JsonLines(logging.Formatter):
    """For machines: one line an event, an exception with its traceback included. Times in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "ids", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _json(
            {name: without_queries(value) if isinstance(value, str) else value for name, value in line.items()}
        )


def _json(value: object) -> str:
    return json.dumps(value, default=str)


class StrangersAreNoErrors(logging.Filter):
    """What Django finds suspicious in a request (a wrong Host, too many fields) was refused and is no error of ours:
    anybody could fill the log with tracebacks, and ring the alarm. It stays in the log as a warning. So does a request
    that was refused because of who asked or what was sent (403, 400): a line, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security.") and record.levelno == logging.ERROR:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        if record.name.startswith(("django.security.", "django.request")) and record.levelno == logging.WARNING:
            record.exc_info = record.exc_text = None
        return True


class LogFile(RotatingFileHandler):
    """A file that is begun anew when it is large. Where it cannot be written (a full disk), that is said once, and
    again only after it could be written: the terminal stays readable."""

    _failing = _failed_now = False

    def emit(self, record: logging.LogRecord) -> None:
        self._failed_now = False
        super().emit(record)
        self._failing = self._failed_now

    def handleError(self, record: logging.LogRecord) -> None:  # the name of the library
        if not self._failing:
            sys.stderr.write(f"The log cannot be written to {self.baseFilename}: {sys.exc_info()[1]}\n")
        self._failing = self._failed_now = True


class CountErrors(logging.Handler):
    """Counts what is logged as an error, which every exception that is caught is."""

    def __init__(self, counters: Counters) -> None:
        super().__init__(logging.ERROR)
        self._counters = counters

    def emit(self, record: logging.LogRecord) -> None:
        self._counters.errors += record.levelno >= logging.ERROR


# --- the servers below us


def take_in_servers() -> None:
    """Write the lines of uvicorn as our own; daphne's are (see `servers.daphne`)."""
    for name in ("uvicorn", "uvicorn.access"):
        _take_in(logging.getLogger(name))


def _take_in(logger: logging.Logger) -> None:
    """One without handlers was turned off, or writes to ours already."""
    if logger.handlers:
        logger.handlers.clear()
        logger.propagate = True
