"""A client of REST that asks an exchange in this process, and looks at every answer: what holds for all holds here."""

import asyncio
import gzip
import json
from typing import Any
from urllib.parse import quote, urlencode

from exchange_site.security.rest_bounds import bounded_rest
from trading.access.way_in import EXTENSION
from trading.rest.operation import ROOT, Transfer
from trading.rest.services import Services

PATIENCE = 60.0
"""Seconds until an answer that does not come is a failure."""
ALWAYS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "x-request-id")
FAILURE = {"code", "message", "detail", "request_id"}


class Reply:
    """`json`: what it says; None where it says nothing."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.raw = status, headers, body
        unpacked = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        self.json: Any = json.loads(unpacked) if unpacked else None

    @property
    def code(self) -> int | None:
        return None if self.status < 400 else int(self.json["code"])


class Client:
    """Asks for a user, if it has a token."""

    def __init__(
        self,
        services: Services,
        token: str | None = None,
        *,
        origins: tuple[str, ...] = (),
        transfer: Transfer | None = None,
    ) -> None:
        self.token = token
        self.trusted: list[bool] = []
        """What the server below was told of who asks."""
        self._application = bounded_rest(services, origins, transfer)

    def as_(self, token: str | None) -> "Client":
        """The same server, asked by somebody else."""
        other = object.__new__(Client)
        other.token, other._application, other.trusted = token, self._application, []
        return other

    async def get(self, path: str, /, **query: Any) -> Reply:
        return await self.ask("GET", path, query=query)

    async def post(self, path: str, body: Any = None, /, **headers: str) -> Reply:
        return await self.ask("POST", path, body, headers=headers)

    async def patch(self, path: str, body: Any = None, /) -> Reply:
        return await self.ask("PATCH", path, body)

    async def delete(self, path: str, /, **query: Any) -> Reply:
        return await self.ask("DELETE", path, query=query)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        root: str = ROOT,
    ) -> Reply:
        """`body`: bytes as they are, or something for JSON. Names of headers: `_` stands for `-`."""
        sent = {"Host": "localhost", **(headers or {})}
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        scope = {
            "type": "http",
            "method": method,
            "path": root + path,
            "raw_path": quote(root + path).encode(),
            "query_string": urlencode(query or {}, doseq=True).encode(),
            "headers": [
                (name.replace("_", "-").lower().encode(), value.encode("latin-1")) for name, value in sent.items()
            ],
            "client": ("192.0.2.1", 1),
            "server": ("localhost", 80),
            "scheme": "http",
            "extensions": {EXTENSION: self.trusted.append},
        }
        return await self._exchange(scope, raw)

    async def _exchange(self, scope: dict[str, Any], raw: bytes) -> Reply:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async with asyncio.timeout(PATIENCE):
            await self._application(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        assert len(headers) == len(sent[0]["headers"]), "a header is given twice"
        reply = Reply(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))
        _check(reply, scope["method"])
        return reply


def _check(reply: Reply, method: str) -> None:
    """What every answer has."""
    assert all(reply.headers[name] for name in ALWAYS), reply.headers
    assert all(int(reply.headers[name]) >= 0 for name in ALWAYS[:4]), reply.headers
    if reply.status >= 400 and method != "HEAD":
        assert set(reply.json) == FAILURE, reply.json
        assert reply.json["request_id"] == reply.headers["x-request-id"]
        assert isinstance(reply.json["code"], int) and reply.json["message"] and reply.json["detail"]
    if reply.status in (429, 503):
        assert int(reply.headers["retry-after"]) >= 1
