"""REST as the ASGI server sees it. A request is served in the loop that the engine runs in: it holds no thread while it
waits, and what blocks on the database has its turn with the readers, as everybody's queries have.

Django's middleware is not in the way: there is no session and no cookie here, so nothing that a browser has in store
can place an order.
"""

import asyncio
import gzip
import logging
import math
import secrets
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, URLResolver
from django.urls.resolvers import RegexPattern

from trading.access.rate_limits import Standing
from trading.access.way_in import trust
from trading.core.codes import Code
from trading.rest.callers import USER_HEADER, Caller, Callers
from trading.rest.errors import AnyCode, ApiError, HttpCode
from trading.rest.operation import ROOT, Answer, Call, Operation, Transfer
from trading.rest.read_back import ReadBack
from trading.rest.reading import malformed
from trading.rest.routes import Operations, routes
from trading.rest.services import Services

logger = logging.getLogger(__name__)
LONGEST_REQUEST_ID = 64
COMPRESSED_BYTES = 1_000
"""What is shorter gets no smaller that it would matter."""
NO_DATABASE = "The database does not answer now; if this was an order, ask for it before you send it again"
_encode = msgspec.json.Encoder().encode

ALWAYS = {
    "Cache-Control": "no-store",
    "Content-Type": "application/json",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
TOLD = "Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
"""What a page of another origin may read, where one is let in."""
TAKEN = f"Authorization, Content-Type, Idempotency-Key, X-Request-ID, {USER_HEADER}"
"""What it may send."""


class Visit:
    """A request, and what is known of it by now."""

    def __init__(self, request: HttpRequest, address: str, request_id: str) -> None:
        self.request = request
        self.caller = Caller(address)
        self.request_id = request_id
        self.for_engine = False


class Api:
    """An ASGI application for one exchange. A request comes with all of its body in one message. `origins`: pages that
    may ask from a browser; none, unless somebody is named. `transfer`: how users move money, where they may."""

    def __init__(self, services: Services, origins: Sequence[str] = (), transfer: Transfer | None = None) -> None:
        self._services = services
        self._transfer = transfer
        self._origins = frozenset(origins)
        self._callers = Callers(services)
        self._read_back = ReadBack(services.readers)
        self._resolver = URLResolver(RegexPattern(f"^{ROOT}"), routes(self))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        response = await self._respond(ASGIRequest(scope, BytesIO(body)), scope)
        await _send(response, scope, send)

    def failed(self, scope: dict[str, Any], status: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Headers and body of the answer to a request that did not come this far."""
        code: AnyCode = Code.UNAVAILABLE if status == Code.UNAVAILABLE else HttpCode(status)  # type: ignore[call-arg]
        visit = self._visit(ASGIRequest({**scope, "headers": []}, BytesIO()), scope)
        response = self._failure(visit, ApiError(code, retry_after=1.0))
        return _raw_headers(response), response.content

    # -- one request

    async def _respond(self, request: HttpRequest, scope: dict[str, Any]) -> HttpResponse:
        visit = self._visit(request, scope)
        try:
            response = await self._resolve(visit)
        except ApiError as error:
            response = self._failure(visit, error)
        except (InterfaceError, OperationalError):
            logger.warning("the database does not answer a request", exc_info=True)
            response = self._failure(visit, ApiError(Code.UNAVAILABLE, NO_DATABASE, retry_after=1.0))
        except Exception:
            logger.exception("a request could not be served")
            response = self._failure(visit, ApiError(HttpCode.FAILED))
        trust(scope, visit.caller.user_id is not None and response.status_code != Code.TOO_FAST)
        return _compressed(request, response)

    def _visit(self, request: HttpRequest, scope: dict[str, Any]) -> Visit:
        given = request.headers.get("X-Request-ID", "")
        readable = given.isascii() and given.isprintable() and 0 < len(given) <= LONGEST_REQUEST_ID
        return Visit(request, self._services.address_of(scope), given if readable else secrets.token_hex(8))

    async def _resolve(self, visit: Visit) -> HttpResponse:
        request = visit.request
        try:
            request.get_host()
        except DisallowedHost:
            raise malformed("this host is none of ours") from None
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            raise ApiError(Code.FORBIDDEN, "Not allowed: come by https, and change your token: others may have read it")
        if request.method == "OPTIONS" and self._origin(request) is not None:
            return self._response(visit, 204, b"", {})
        try:
            found = self._resolver.resolve(request.path_info)
        except Resolver404:
            return await self.serve(visit, {}, {})
        response: HttpResponse = await found.func(request, visit=visit, path=found.kwargs)
        return response

    async def serve(self, visit: Visit, operations: Operations, path: Mapping[str, str]) -> HttpResponse:
        """The answer of the operation that is asked for; `operations`: those of this address, by method."""
        request = visit.request
        try:
            named = request.headers.get(USER_HEADER)
            visit.caller = await self._callers.caller(request.headers.get("Authorization"), visit.caller.address, named)
            operation = _find(request, operations)
            visit.for_engine = operation.for_engine
            operation.admit(visit.caller)
            message = operation.read(request, path)
            key = operation.key_of(request)
        except ApiError:
            await self._charge(visit, 1)
            raise
        await self._charge(visit, operation.count(message))
        call = Call(
            services=self._services,
            caller=visit.caller,
            path=path,
            message=message,
            key=key,
            transfer=self._transfer,
            read_back=self._read_back,
        )
        answer = await operation.run(call)
        return self._success(visit, answer)

    async def _charge(self, visit: Visit, count: int) -> None:
        """429 for whoever asks too much, here or by the other gateways of a cluster."""
        limiter, caller, now = self._services.limiter, visit.caller, asyncio.get_running_loop().time()
        if visit.for_engine and caller.user_id is not None:
            order = caller.user_id, count, now
            wait = await limiter.orders_anywhere(*order) if limiter.is_shared else limiter.orders(*order)
            what, most = "orders", limiter.limits.orders_per_second
        else:
            request = caller.user_id, caller.address, now
            wait = await limiter.request_anywhere(*request) if limiter.is_shared else limiter.request(*request)
            what, most = "requests", limiter.limits.requests_per_second
        if wait:
            raise ApiError(Code.TOO_FAST, f"{Code.TOO_FAST.text}: at most {most} {what} a second", retry_after=wait)

    # -- answers

    def _success(self, visit: Visit, answer: Answer) -> HttpResponse:
        body = answer.body if isinstance(answer.body, bytes) else _encode(answer.body)
        headers = {} if answer.location is None else {"Location": ROOT + answer.location}
        return self._response(visit, answer.status, body, headers)

    def _failure(self, visit: Visit, error: ApiError) -> HttpResponse:
        return self._response(
            visit, error.status, _encode(error.body(visit.request_id)), error.headers, error.retry_after
        )

    def _response(
        self, visit: Visit, status: int, body: bytes, headers: Mapping[str, str], wait: float = 0.0
    ) -> HttpResponse:
        now = asyncio.get_running_loop().time()
        caller = visit.caller
        standing = self._services.limiter.standing(caller.user_id, caller.address, now, orders=visit.for_engine)
        every = {
            **ALWAYS,
            **_limit_headers(standing, wait),
            "X-Request-ID": visit.request_id,
            **headers,
            **self._for_pages(visit.request),
        }
        return HttpResponse(body, status=status, headers=every)

    def _origin(self, request: HttpRequest) -> str | None:
        origin = request.headers.get("Origin")
        return origin if origin in self._origins else None

    def _for_pages(self, request: HttpRequest) -> dict[str, str]:
        """What a browser is told that runs another site's page."""
        origin = self._origin(request)
        if origin is None:
            return {"Vary": "Origin"} if self._origins else {}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
            "Access-Control-Allow-Headers": TAKEN,
            "Access-Control-Expose-Headers": TOLD,
            "Access-Control-Max-Age": "600",
        }


def _find(request: HttpRequest, operations: Operations) -> type[Operation]:
    if not operations:
        raise ApiError(Code.NOT_FOUND, f"{Code.NOT_FOUND.text}: there is nothing at this address")
    method = "GET" if request.method == "HEAD" else request.method or ""
    if method not in operations:
        allowed = ", ".join([*sorted(operations), *(["HEAD"] if "GET" in operations else [])])
        raise ApiError(HttpCode.METHOD, f"{HttpCode.METHOD.text}; taken are {allowed}", headers={"Allow": allowed})
    return operations[method]


def _limit_headers(standing: Standing, wait: float) -> dict[str, str]:
    """`Retry-After`: seconds until the next request may come; 0: at once."""
    return {
        "X-RateLimit-Limit": str(standing.most),
        "X-RateLimit-Remaining": str(standing.left),
        "X-RateLimit-Reset": str(math.ceil(standing.full_in)),
        "Retry-After": str(math.ceil(max(wait, standing.pause))),
    }


def _compressed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if len(response.content) >= COMPRESSED_BYTES:
        response.headers["Vary"] = ", ".join([*filter(None, [response.headers.get("Vary")]), "Accept-Encoding"])
        if "gzip" in request.headers.get("Accept-Encoding", "") and len(response.content) >= COMPRESSED_BYTES:
            response.content = gzip.compress(response.content, compresslevel=1, mtime=0)
            response.headers["Content-Encoding"] = "gzip"
    return response


def _raw_headers(response: HttpResponse) -> list[tuple[bytes, bytes]]:
    if response.status_code == 204:
        del response.headers["Content-Type"]
    else:
        response.headers["Content-Length"] = str(len(response.content))
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]


async def _send(response: HttpResponse, scope: Mapping[str, Any], send: Any) -> None:
    headers = _raw_headers(response)
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else response.content
    await send({"type": "http.response.body", "body": body})
