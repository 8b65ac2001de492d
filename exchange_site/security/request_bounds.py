"""In front of Django, under any server: a request is let in when all of it is there, it is not too large, and a thread
is free for it.

Django starts a thread for each request; without a bound, pages that nobody needs take the processor from orders.
Passwords have a lane of their own: to hash one takes a tenth of a second, and forty guessers must not keep pages
waiting. So has the back office: its slow pages do not keep the trading page waiting, nor a crowd there an operator.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from trading.access.office_address import BACK_OFFICE, split

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Refuse = Callable[[dict[str, Any], int], tuple[Headers, bytes]]
"""Headers and body of an answer with this status to what is not let in."""

BODY_BYTES = 1_048_576
"""The largest form of the admin has a tenth of it."""
BODY_SECONDS = 20.0
"""Until a body is there."""
LINGER_SECONDS = 1.0
"""For a client that is told that it sends too much."""
PASSWORD_PATHS = ("/session", "/admin/login/")
"""Where a stranger's POST has a password hashed."""


class TooLarge(Exception):
    pass


class Gone(Exception):
    """The client has left before its request was there."""


class Lane:
    """Requests that are served `at_once`; so many more may wait, and of one address so many."""

    def __init__(self, at_once: int, waiting: int, of_address: int) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._most, self._of_address = at_once + waiting, of_address
        self._there: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Take a place, if there is one."""
        if self._there.total() >= self._most or self._there[address] >= self._of_address:
            return False
        self._there[address] += 1
        return True

    async def turn(self) -> None:
        await self._room.acquire()

    def leave(self, address: str, *, had_turn: bool) -> None:
        if had_turn:
            self._room.release()
        self._there[address] -= 1
        if not self._there[address]:
            del self._there[address]


WORDS = {
    408: b"The request took too long\n",
    413: b"The request is too large\n",
    503: b"Too many requests are waiting\n",
}


def plainly(scope: dict[str, Any], status: int) -> tuple[Headers, bytes]:
    """For people."""
    retry = [(b"retry-after", b"1")] if status == 503 else []
    return [(b"content-type", b"text/plain; charset=utf-8"), *retry], WORDS[status]


class RequestBounds:
    """An ASGI application in front of `application`. `address_of` says where a scope comes from. `at_once`: how many it
    serves; each holds a thread, unless it says otherwise."""

    def __init__(
        self,
        application: Application,
        address_of: Callable[[dict[str, Any]], str],
        *,
        at_once: int = 2,
        body_bytes: int = BODY_BYTES,
        refuse: Refuse = plainly,
    ) -> None:
        self._application = application
        self._address_of = address_of
        self._body_bytes = body_bytes
        self._refusal = refuse
        self._pages = Lane(at_once=at_once, waiting=400, of_address=max(100, at_once // 2))
        self._back_office = Lane(at_once=2, waiting=400, of_address=100)
        self._passwords = Lane(at_once=1, waiting=40, of_address=10)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        lane, address = self._lane(scope), self._address_of(scope)
        if not lane.enter(address):
            await self._refuse(scope, send, 503)
            return
        had_turn = False
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(scope, receive, self._body_bytes)
            await lane.turn()
            had_turn = True
            await self._application(scope, _replay(body, receive), send)
        except TooLarge:
            await self._refuse(scope, send, 413, receive)
        except TimeoutError:
            if had_turn:
                raise
            await self._refuse(scope, send, 408)
        except Gone:
            pass
        finally:
            lane.leave(address, had_turn=had_turn)

    async def _refuse(self, scope: dict[str, Any], send: Send, status: int, rest: Receive | None = None) -> None:
        """Answer at once. A client that still sends the `rest` would not hear it if we hung up at once."""
        headers, body = self._refusal(scope, status)
        own = {name for name, _ in headers}
        headers += [] if b"content-length" in own else [(b"content-length", b"%d" % len(body))]
        headers += [] if status == 503 else [(b"connection", b"close")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": rest is not None})
        if rest is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    while (await rest()).get("more_body", False):
                        pass
            await send({"type": "http.response.body"})

    def _lane(self, scope: dict[str, Any]) -> Lane:
        _market, path = split(scope["path"])
        if scope["method"] == "POST" and path in PASSWORD_PATHS:
            return self._passwords
        return self._back_office if path.startswith(BACK_OFFICE) else self._pages


async def _body(scope: dict[str, Any], receive: Receive, most: int) -> bytes:
    """All of it. Raises TooLarge, before anything is read where the length is given."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > most:
        raise TooLarge
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > most:
            raise TooLarge
        more = message.get("more_body", False)
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body once, then what the server says."""
    told = False

    async def again() -> dict[str, Any]:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
