"""One request over HTTP and its answer. Blocks, and tries once."""

from __future__ import annotations

from email.message import Message
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

import msgspec

from bourse_client.errors import BY_CODE, Lost, Refused
from bourse_client.messages import Frame
from bourse_client.pauses import SOON
from bourse_client.rest.routes import Call

ANSWER_SECONDS = 15.0
"""An exchange that has not answered for so long is taken for gone."""
UNKNOWN = frozenset({500, 502, 504})
"""Nobody knows whether it was done."""


def api_address(url: str) -> str:
    """`http://HOST:PORT/api/v1/` of `http://HOST:PORT`, of the socket's address, and of itself."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    if scheme not in ("http", "https"):
        raise ValueError(f"{url} is no address of an exchange: http://HOST:PORT")
    path = parts.path.rstrip("/").removesuffix("/ws").removesuffix("/api/v1")
    return f"{scheme}://{parts.netloc}{path}/api/v1/"


class Transport:
    """The API of one exchange, for one token or for nobody."""

    def __init__(self, url: str, token: str | None) -> None:
        self.address = api_address(url)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._opener: OpenerDirector = build_opener(ProxyHandler({}), HTTPHandler(), HTTPSHandler())

    def send(self, call: Call) -> Frame:
        """The answer. Refused where it is a refusal; Lost where none came: then nobody knows whether it was done."""
        headers = dict(self._headers)
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        if call.key is not None:
            headers["Idempotency-Key"] = call.key
        request = Request(self.address + call.target, call.body, headers, method=call.method)  # noqa: S310 -- checked
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
                found: Frame = msgspec.json.decode(answer.read())
                return found
        except HTTPError as error:
            with error:
                raise _failure(error.code, error.headers, error.read()) from error
        except (OSError, HTTPException, msgspec.DecodeError) as error:
            raise Lost(f"no answer to {call.method} {call.target}: {error}") from error


def _failure(status: int, headers: Message, body: bytes) -> Refused | Lost:
    """What an answer says that is no success. One that is not the exchange's own comes from something before it."""
    try:
        told = msgspec.json.decode(body)
        code, message = int(told["code"]), str(told["detail"] or told["message"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return Lost(f"HTTP {status}")
    if code in UNKNOWN:
        return Lost(f"{code} {message}")
    return BY_CODE.get(code, Refused)(code, message, retry_after=_seconds(headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:  # It may be a date.
        return SOON
