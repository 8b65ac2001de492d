"""In front of Django: how large, how slow and how many requests may be."""

import asyncio
from typing import Any

import pytest

from exchange_site.security import request_bounds
from exchange_site.security.request_bounds import BODY_BYTES, RequestBounds


class Site:
    """What is behind the bounds: it reads a request and answers when it may."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.bodies: list[bytes] = []
        self.at_once = self.most = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.bodies.append((await receive())["body"])
        await self.may_answer.wait()
        self.at_once -= 1
        await send({"type": "http.response.start", "status": 200})


class Case:
    def __init__(self) -> None:
        self.site = Site()
        self.bounds = RequestBounds(self.site, lambda scope: str(scope["client"][0]))

    async def ask(
        self, *parts: bytes, path: str = "/", method: str = "GET", length: int | None = None, address: str = "10.0.0.1"
    ) -> int | None:
        """The status of a request whose body comes in these parts; None: it waits for ever after them."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for part in parts or (b"",):
            queue.put_nowait({"type": "http.request", "body": part, "more_body": part is not (parts or (part,))[-1]})
        headers = [] if length is None else [(b"content-length", b"%d" % length)]
        scope = {"type": "http", "method": method, "path": path, "headers": headers, "client": (address, 1)}
        told: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        await self.bounds(scope, queue.get, send)
        assert not told or len(told) == 1 or not told[-1].get("more_body")
        return told[0]["status"] if told else None


async def test_a_body_is_handed_on_whole() -> None:
    case = Case()
    assert await case.ask(b"one ", b"two", method="POST") == 200
    assert case.site.bodies == [b"one two"]


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    case = Case()
    assert await case.ask(b"x", b"y", length=BODY_BYTES + 1, method="POST") == 413
    assert case.site.bodies == []
    assert await case.ask(length=BODY_BYTES + 1, method="POST") == 413
    assert await case.ask(b"x" * BODY_BYTES, length=BODY_BYTES, method="POST") == 200


async def test_a_body_that_becomes_too_large_is_read_no_further() -> None:
    case = Case()
    assert await case.ask(b"x" * BODY_BYTES, b"y", b"never read", method="POST") == 413
    assert case.site.bodies == []


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_bounds, "BODY_SECONDS", 0.01)
    case, told = Case(), []

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "client": ("10.0.0.1", 1)}
    await case.bounds(scope, never, send)
    assert told[0]["status"] == 408


async def test_few_are_served_at_once_and_the_others_wait() -> None:
    case = Case()
    case.site.may_answer.clear()
    asking = [asyncio.create_task(case.ask()) for _ in range(50)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert case.site.at_once == 2
    case.site.may_answer.set()
    assert await asyncio.gather(*asking) == [200] * 50
    assert case.site.most == 2


async def test_of_one_address_not_too_many_wait_and_others_are_served() -> None:
    case = Case()
    case.site.may_answer.clear()
    crowd = [asyncio.create_task(case.ask()) for _ in range(150)]
    other = asyncio.create_task(case.ask(address="10.0.0.2"))
    for _ in range(10):
        await asyncio.sleep(0)
    case.site.may_answer.set()
    statuses = await asyncio.gather(*crowd)
    assert (statuses.count(200), statuses.count(503)) == (100, 50)
    assert await other == 200


@pytest.mark.parametrize("path", ["/session", "/admin/login/", "/at/CFFEX/admin/login/"])
async def test_passwords_have_a_lane_of_their_own(path: str) -> None:
    case = Case()
    case.site.may_answer.clear()
    guesses = [
        asyncio.create_task(case.ask(path=path, method="POST", address=f"10.0.1.{number}")) for number in range(20)
    ]
    for _ in range(10):
        await asyncio.sleep(0)
    assert case.site.at_once == 1
    page = asyncio.create_task(case.ask())
    for _ in range(10):
        await asyncio.sleep(0)
    assert case.site.at_once == 2, "a page does not wait for passwords"
    case.site.may_answer.set()
    assert await asyncio.gather(*guesses, page) == [200] * 21


@pytest.mark.parametrize(
    ("slow", "other"),
    [("/admin/trading/order/", "/"), ("/", "/admin/"), ("/at/CFFEX/admin/", "/"), ("/at/CFFEX/", "/at/CFFEX/admin/")],
)
async def test_slow_pages_of_the_back_office_and_of_the_site_do_not_wait_for_each_other(slow: str, other: str) -> None:
    case = Case()
    case.site.may_answer.clear()
    asking = [asyncio.create_task(case.ask(path=slow)) for _ in range(5)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert case.site.at_once == 2
    asking.append(asyncio.create_task(case.ask(path=other)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert case.site.at_once == 3
    case.site.may_answer.set()
    assert await asyncio.gather(*asking) == [200] * 6
