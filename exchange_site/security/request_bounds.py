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

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

BODY_BYTES = 1_048_576
"""The largest form of the admin has a tenth of it."""
BODY_SECONDS = 20.0
"""Until a body is there."""
LINGER_SECONDS = 1.0
"""For a client that is told that it sends too much."""
BACK_OFFICE = "/admin/"
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


class RequestBounds:
    """An ASGI application in front of `application`. `address_of` says where a scope comes from."""

    def __init__(self, application: Application, address_of: Callable[[dict[str, Any]], str]) -> None:
        self._application = application
        self._address_of = address_of
        self._pages = Lane(at_once=2, waiting=400, of_address=100)
        self._back_office = Lane(at_once=2, waiting=400, of_address=100)
        self._passwords = Lane(at_once=1, waiting=40, of_address=10)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        lane, address = self._lane(scope), self._address_of(scope)
        if not lane.enter(address):
            await _refuse(send, 503, b"Too many requests are waiting\n", (b"retry-after", b"1"))
            return
        had_turn = False
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(scope, receive)
            await lane.turn()
            had_turn = True
            await self._application(scope, _replay(body, receive), send)
        except TooLarge:
            await _refuse(send, 413, b"The request is too large\n", (b"connection", b"close"), receive)
        except TimeoutError:
            if had_turn:
                raise
            await _refuse(send, 408, b"The request took too long\n", (b"connection", b"close"))
        except Gone:
            pass
        finally:
            lane.leave(address, had_turn=had_turn)

    def _lane(self, scope: dict[str, Any]) -> Lane:
        if scope["method"] == "POST" and scope["path"] in PASSWORD_PATHS:
            return self._passwords
        return self._back_office if scope["path"].startswith(BACK_OFFICE) else self._pages


async def _body(scope: dict[str, Any], receive: Receive) -> bytes:
    """All of it. Raises TooLarge, before anything is read where the length is given."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > BODY_BYTES:
        raise TooLarge
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
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


async def _refuse(
    send: Send, status: int, text: bytes, header: tuple[bytes, bytes], rest: Receive | None = None
) -> None:
    """Answer without Django. A client that still sends the `rest` would not hear it if we hung up at once."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text)), header]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": rest is not None})
    if rest is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while (await rest()).get("more_body", False):
                    pass
        await send({"type": "http.response.body"})
