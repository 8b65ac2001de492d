"""One request over HTTP and its answer. Blocks, and tries once. Connections are kept for the next request."""

from __future__ import annotations

import selectors
import socket
import time
import weakref
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote, urlsplit

import msgspec

from bourse_client.errors import Lost, NotAuthenticated, Refused, made
from bourse_client.messages import Frame, check_text
from bourse_client.rest.routes import Call
from bourse_client.wire.addresses import api_address
from bourse_client.wire.pauses import SOON

ANSWER_SECONDS = 15.0
"""An exchange that has not answered for so long is taken for gone."""
IDLE_SECONDS = 20.0
"""A connection that was not used for so long is not used again: what lies between may have forgotten it."""
FAILED = frozenset({500, 502})
"""Whatever it was, nobody knows whether it was done."""


class Lines:
    """Connections to one host. Any thread may take one; it has it for itself until it gives it back."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port = parts.hostname or "", parts.port
        self._idle: list[tuple[HTTPConnection, float]] = []
        self._is_closed = False

    def take(self) -> HTTPConnection:
        """One that can be used: nothing has been sent on it that is not answered, and the other side has not left."""
        while self._idle:
            line, since = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and (line.sock is None or not _has_something(line.sock)):
                return line
            line.close()
        return self._kind(self._host, self._port, timeout=ANSWER_SECONDS)

    def give_back(self, line: HTTPConnection) -> None:
        if self._is_closed:
            line.close()
        else:
            self._idle.append((line, time.monotonic()))

    def close(self) -> None:
        self._is_closed = True
        while self._idle:
            self._idle.pop()[0].close()


def _has_something(sock: socket.socket) -> bool:
    """Whether there is something to read where nothing was asked: most likely the end of the connection."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


class Transport:
    """The API of one exchange, for one token or for nobody. `user_id`: whose token it shall be."""

    def __init__(self, url: str, token: str | None, user_id: str | None = None) -> None:
        if user_id is not None:
            check_text(user_id, "user_id")
        self.address = api_address(url)
        self._path = urlsplit(self.address).path
        self._token, self._user_id = token, user_id
        self._lines = Lines(self.address)
        weakref.finalize(self, self._lines.close)

    def close(self) -> None:
        self._lines.close()

    def send(self, call: Call) -> Frame:
        """The answer. Refused where it is a refusal; Lost where none came: then nobody knows whether it was done."""
        headers, line = self._headers(call), self._lines.take()
        try:
            line.request(call.method, self._path + call.target, call.body, headers)
            answer = line.getresponse()
            body = answer.read()
        except (OSError, HTTPException) as error:
            line.close()
            raise Lost(f"no answer to {call.method} {call.target}: {error}") from error
        except BaseException:
            line.close()
            raise
        self._lines.give_back(line)
        if answer.status >= 300:
            raise _failure(answer.status, answer.headers, body)
        try:
            found: Frame = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise Lost(f"no answer to {call.method} {call.target}: {error}") from error
        return found

    def _headers(self, call: Call) -> dict[str, str]:
        headers = {}
        if self._token is not None:
            if not (self._token.isascii() and self._token.isprintable()):
                raise NotAuthenticated(NotAuthenticated.CODE, "this is no token: a token is letters and digits")
            headers["Authorization"] = f"Bearer {self._token}"
            if self._user_id is not None:
                headers["X-User-ID"] = quote(self._user_id, safe="")
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        return headers


def _failure(status: int, headers: Message, body: bytes) -> Refused | Lost:
    """What an answer says that is no success. One that is not the exchange's own comes from something before it."""
    try:
        told = msgspec.json.decode(body)
        code, message = int(told["code"]), str(told["detail"] or told["message"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        elsewhere = headers.get("Location")
        return Lost(f"HTTP {status}" + (f": it is at {elsewhere}" if elsewhere else ""))
    if code in FAILED:
        return Lost(f"{code} {message}")
    return made(code, message, retry_after=_seconds(headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:  # It may be a date.
        return SOON
