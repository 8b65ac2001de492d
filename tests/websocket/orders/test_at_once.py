"""Orders that a server of ours hands over as it reads them: the same answers, in the same order, as by ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import msgspec
import pytest
from channels.testing import WebsocketCommunicator

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.websocket.client import PATIENCE, Client, order_message
from trading.access.rate_limits import RateLimiter
from trading.access.refusals import NO_ACCOUNT
from trading.core.commands import Command
from trading.observability.counters import Counters
from trading.transport.gateway import Gateway, Reply
from trading.websocket.connection import ConnectionServices
from trading.websocket.server_line import EXTENSION, Hear, Listener

ORDER = json.dumps(order_message("BUY OPEN 1 @ 119"))


class Line:
    """What a server of ours offers. It always has enough to send, so all frames go by ASGI."""

    listener: Listener | None = None
    hear: Hear | None = None

    def send_texts(self, texts: Sequence[str]) -> int:
        return 0

    def ping(self) -> None: ...

    def trust(self, user_is_known: bool) -> None: ...

    def work(self, step: Callable[[], bool]) -> None: ...


class LineClient(Client):
    """A client of such a server."""

    def __init__(self, services: ConnectionServices) -> None:
        super().__init__(services)
        self.line = Line()
        wire: WebsocketCommunicator = self._wire
        wire.scope["extensions"] = {EXTENSION: self.line}

    def is_heard(self, text: str) -> bool:
        assert self.line.hear is not None, "nobody hears"
        return self.line.hear(text)


class Holding(Gateway):
    """An engine that answers when a test says so."""

    def __init__(self) -> None:
        super().__init__(None, Counters())  # type: ignore[arg-type]  # nothing is put there
        self.replies: list[Reply] = []

    def submit(self, command: Command, reply: Reply) -> None:
        self.replies.append(reply)


class BrokenLimiter(RateLimiter):
    """A fault of ours."""

    def orders(self, user_id: str, count: int, now: float) -> float:
        raise ZeroDivisionError


async def joined(services: ConnectionServices, market: Founded) -> LineClient:
    client = LineClient(services)
    await client.connect()
    await client.sign_in("user001", market.tokens["user001"])
    return client


async def test_an_order_is_heard_at_once_and_answered(exchange: Exchange, market: Founded) -> None:
    client = await joined(exchange.services, market)
    assert client.is_heard(ORDER)
    assert (await client.hear_until("order_response"))["success"]
    assert client.is_heard(json.dumps(order_message("BUY OPEN 0 @ 119")))
    assert not (await client.hear_until("order_response"))["success"]
    await client.leave()


async def test_strangers_are_not_heard_at_once(exchange: Exchange, market: Founded) -> None:
    client = LineClient(exchange.services)
    await client.connect()
    assert not client.is_heard(ORDER)
    await client.leave()


@pytest.mark.parametrize(
    "text", ['{"type":"ping"}', "nonsense", "", '{"type":"query_account"}', ORDER[:-1] + " " * 70_000 + "}"]
)
async def test_all_else_is_received(exchange: Exchange, market: Founded, text: str) -> None:
    client = await joined(exchange.services, market)
    assert not client.is_heard(text)
    assert await client.rest() == [], "nothing was done with it"
    await client.leave()


async def test_nothing_overtakes_what_is_being_handled(exchange: Exchange, market: Founded) -> None:
    holding = Holding()
    client = await joined(msgspec.structs.replace(exchange.services, gateway=holding), market)
    listener = client.line.listener
    assert listener is not None and client.is_heard(ORDER)
    listener.heard_at = 0.0
    await client.say(type="ping", request_id=1)
    async with asyncio.timeout(PATIENCE):
        while not listener.heard_at:  # it was received, and waits until the order is answered
            await asyncio.sleep(0)
    assert not client.is_heard(ORDER)
    assert len(holding.replies) == 1
    holding.replies[0](NO_ACCOUNT)
    assert (await client.hear())["type"] == "order_response"
    assert (await client.hear())["type"] == "pong"
    assert client.is_heard(ORDER)
    await client.leave()


async def test_a_limit_of_frames_counts_what_is_heard_at_once(exchange: Exchange, market: Founded) -> None:
    """Beyond it nothing is heard at once, and the frame that is received is refused."""
    services = exchange.services
    limiter = RateLimiter(msgspec.structs.replace(services.limiter.limits, frames_per_second=2))
    client = await joined(msgspec.structs.replace(services, gateway=Holding(), limiter=limiter), market)
    heard = [client.is_heard(ORDER) for _ in range(6)]
    assert True in heard and heard == sorted(heard, reverse=True) and not heard[-1]
    await client.leave()


async def test_a_fault_of_ours_is_answered_and_the_connection_lives(
    exchange: Exchange, market: Founded, caplog: pytest.LogCaptureFixture
) -> None:
    broken = BrokenLimiter(exchange.services.limiter.limits)
    client = await joined(msgspec.structs.replace(exchange.services, limiter=broken), market)
    for _ in range(2):
        assert client.is_heard(ORDER)
        answer = await client.hear_until("order_response")
        assert not answer["success"] and answer["error_code"] == 503
    assert "an order could not be handled" in caplog.text
    await client.leave()
