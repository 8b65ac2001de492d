"""What a DIFF client asks by HTTP before it connects: a sign-in, how long it may, and the file of symbols.

Its sign-in opens nothing here: market data is public, and who trades shows an access token on the socket of trading. So
everybody may, whether the name and the password are right is not looked at, and the token that is given is never read.
What was said is given back in it, for `TqKq`: that account has no name and no password but what the sign-in tells it.
"""

import asyncio
import base64
import logging
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

import msgspec
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError

from trading import protocol
from trading.core.codes import Code
from trading.diff.translation.instruments import Instruments
from trading.diff.translation.words import account_of_sign_in
from trading.websocket.connection import ConnectionServices

logger = logging.getLogger(__name__)
ROOT = "/diff/"
REALM = "/diff/auth/realms/shinnytech/"
TOKEN, GRANT, ACCOUNTS = REALM + "protocol/openid-connect/token", REALM + "rest/get-grant/tq", REALM + "rest/"
SYMBOLS = "/diff/symbols.json"
FAR_AWAY = 4_102_444_800
"""Unix seconds at which the grant ends: 2100."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Type": "application/json",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Refusal(Exception):
    def __init__(self, code: int, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.wait = wait


def _part(fields: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(fields)).decode().rstrip("=")


LONGEST = 2_048
"""Bytes of a sign-in that is given back."""


def token_text(body: bytes) -> str:
    """A JSON Web Token without authority, which tells the client what it has said."""
    said = parse_qs(body.decode("ascii", "replace")) if len(body) <= LONGEST else {}
    name, password = (said.get(field, [""])[0] for field in ("username", "password"))
    subject = account_of_sign_in(name, password) if name and password else ""
    grants = {"sub": subject, "grants": {"features": ["futr"], "accounts": []}}
    return f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(grants)}.{_part({})}"


class SignIn:
    """An ASGI application. A request comes with all of its body in one message."""

    def __init__(self, services: ConnectionServices) -> None:
        self._services = services

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        try:
            status, answer, wait = 200, await self._answer(scope, body), 0.0
        except Refusal as refusal:
            status, answer, wait = refusal.code, _refused(refusal.code, refusal.message), refusal.wait
        except (InterfaceError, OperationalError):
            logger.warning("the database does not answer a request", exc_info=True)
            status, answer, wait = 503, _refused(503, Code.UNAVAILABLE.text), 1.0
        except Exception:
            logger.exception("a request could not be served")
            status, answer, wait = 500, _refused(500, "The exchange failed on this request"), 0.0
        headers = _headers(answer, wait)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer})

    def failed(self, scope: dict[str, Any], status: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Headers and body of the answer to a request that did not come this far."""
        body = _refused(status, "Try again later")
        return _headers(body, 1.0), body

    async def _answer(self, scope: dict[str, Any], body: bytes) -> bytes:
        _check_way(scope)
        await self._charge(scope)
        path, method = scope["path"], scope["method"]
        if path == TOKEN and method == "POST":
            token = token_text(body)
            return msgspec.json.encode({"access_token": token, "refresh_token": token})
        if path == GRANT and method == "GET":
            return msgspec.json.encode({"exp": FAR_AWAY, "daysleft": 9_999, "account_type": "bourse"})
        if path.startswith(ACCOUNTS + "update-grant-accounts/") and method == "PUT":
            return b"{}"
        if path == SYMBOLS and method in ("GET", "HEAD"):
            return await self._symbols(scope)
        raise Refusal(Code.NOT_FOUND, f"{Code.NOT_FOUND.text}: there is nothing at this address")

    async def _charge(self, scope: dict[str, Any]) -> None:
        limiter, asked = self._services.limiter, (None, self._services.address_of(scope))
        now = asyncio.get_running_loop().time()
        wait = await limiter.request_anywhere(*asked, now) if limiter.is_shared else limiter.request(*asked, now)
        if wait:
            most = limiter.limits.requests_per_second
            raise Refusal(Code.TOO_FAST, f"{Code.TOO_FAST.text}: at most {most} requests a second", wait)

    async def _symbols(self, scope: dict[str, Any]) -> bytes:
        asker = f"address {self._services.address_of(scope)}"
        query = protocol.QueryInstruments()
        answer = await self._services.public_answer.answer(query, partial(self._services.readers.run, asker))
        if isinstance(answer, protocol.Error):
            raise Refusal(answer.code, answer.message)
        instruments = Instruments(self._services.markets.first)
        instruments.learn(answer.data.instruments or [], self._services.clock())
        return msgspec.json.encode(instruments.file())


def _check_way(scope: dict[str, Any]) -> None:
    """A name that is none of ours is refused, as everywhere; and so is a password that others may have read."""
    request = ASGIRequest(scope, BytesIO())
    try:
        request.get_host()
    except DisallowedHost:
        raise Refusal(Code.MALFORMED, f"{Code.MALFORMED.text}: this host is none of ours") from None
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        raise Refusal(Code.FORBIDDEN, f"{Code.FORBIDDEN.text}: come by https")


def _refused(code: int, message: str) -> bytes:
    return msgspec.json.encode({"error_code": code, "error_message": message})


def _headers(body: bytes, wait: float) -> list[tuple[bytes, bytes]]:
    retry = {"Retry-After": str(max(1, round(wait)))} if wait else {}
    headers = {**HEADERS, **retry, "Content-Length": str(len(body))}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
