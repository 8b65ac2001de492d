"""A machine whose clock jumps while clients trade: nobody is closed, nothing expires, nothing is held back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from exchange_site.clock import SECOND
from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.conftest import OpenExchange
from tests.websocket.client import PATIENCE, Client
from tests.websocket.conftest import Join
from tests.worker.test_clock import DAY, HOUR, YEAR, Machine
from trading.models import Account
from trading.storage.store import Store

Enter = Callable[[str], Awaitable[Client]]
JUMPS = pytest.mark.parametrize("jump", [YEAR, DAY, -HOUR, -DAY * 400], ids=["year", "day", "hour back", "long back"])


@pytest.fixture
def machine() -> Machine:
    """The machine under exchanges that are opened with its clock."""
    return Machine()


@pytest.fixture
async def opened(machine: Machine, open_exchange: OpenExchange) -> Exchange:
    return await open_exchange(machine.clock, OPERATOR_POLL_SECONDS=0.01)


@pytest.fixture
def enter(opened: Exchange, join: Join, market: Founded) -> Enter:
    async def enter(user_id: str) -> Client:
        return await (await join(opened.services)).sign_in(user_id, market.tokens[user_id])

    return enter


async def frozen(client: Client) -> float:
    return float((await client.ask(type="query_account"))["data"]["account"]["frozen"])


async def is_cancelled(client: Client, reason: str) -> None:
    assert (await client.hear_until("order_status", status="Cancelled"))["reason"] == reason


@JUMPS
async def test_a_jump_closes_nobody_and_holds_no_book_back(
    machine: Machine,
    open_exchange: OpenExchange,
    join: Join,
    market: Founded,
    jump: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = await open_exchange(machine.clock, PING_SECONDS=0.02, IDLE_SECONDS=60)
    client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    await client.ask(type="subscribe", channels=["orderbook"], instruments=["IX2301"])
    await client.hear_until("orderbook")
    monkeypatch.setattr(time, "time", lambda: machine.wall / SECOND)
    for number in range(1, 4):
        machine.set_by(jump)
        for _ in range(2):
            while await client.hear_raw() != {"type": "ping"}:
                pass
        await client.place("BUY OPEN 1 @ 110")
        while (await client.hear_until("orderbook"))["bids"] != [
            {"price": 110.0, "volume": number, "order_count": number}
        ]:
            pass
        await client.rest()


@JUMPS
async def test_orders_with_a_time_and_switches_go_by_the_time_that_has_passed(
    opened: Exchange, enter: Enter, machine: Machine, jump: int
) -> None:
    alice, bob = await enter("user001"), await enter("user002")
    expires_at = machine.clock() + HOUR * 1000
    await alice.place("BUY OPEN 1 @ 110", time_condition="GTD", expires_at=expires_at)
    await bob.place("BUY OPEN 1 @ 110")
    machine.set_by(jump)
    await bob.say(type="cancel_after", timeout_ms=30_000)
    assert (await bob.hear_until("cancel_after_response"))["deadline"] == machine.clock() + 30_000
    for client in (alice, bob):
        await client.rest()
        assert await frozen(client) > 0
    machine.pass_by(34)
    await is_cancelled(bob, "COUNTDOWN")
    await alice.rest()
    assert await frozen(alice) > 0
    valid: dict[str, Any] = {"valid_until": machine.clock() + 1_000}
    assert (await alice.place("BUY OPEN 1 @ 110", **valid))["success"]
    machine.pass_by(HOUR * 10 / 9)
    await is_cancelled(alice, "EXPIRED")


@JUMPS
async def test_the_grace_of_a_lost_connection_is_as_long_as_it_was_said(
    opened: Exchange, enter: Enter, machine: Machine, jump: int
) -> None:
    here, gone = await enter("user001"), await enter("user001")
    await here.place("BUY OPEN 1 @ 110")
    await gone.ask(type="set_session", cancel_on_disconnect=True, grace_ms=60_000)
    await gone.leave()
    async with asyncio.timeout(PATIENCE):
        while (await Account.objects.aget(user_id="user001")).disconnect_at is None:
            await asyncio.sleep(0.001)
    machine.set_by(jump)
    await here.rest()
    assert await frozen(here) > 0
    machine.pass_by(67)
    await is_cancelled(here, "DISCONNECT")


async def test_after_a_restart_with_a_clock_that_was_set_back_time_goes_on(
    opened: Exchange, enter: Enter, machine: Machine, open_exchange: OpenExchange, join: Join, market: Founded
) -> None:
    machine.pass_by(DAY)
    client = await enter("user001")
    first = await client.place("BUY OPEN 1 @ 110")
    await client.leave()
    stored = (await asyncio.to_thread(Store("MAIN").load))[1].time
    assert stored == machine.clock()
    machine.set_by(-DAY)
    machine.restart()
    exchange = await open_exchange(
        machine.clock,
    )
    assert machine.clock() == stored
    client = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
    second = await client.place("BUY OPEN 1 @ 110")
    assert second["order_id"] > first["order_id"]
    await client.say(type="cancel_after", timeout_ms=30_000)
    await client.rest()
    assert await frozen(client) > 0, "a switch is not due at once"
    machine.pass_by(34)
    await is_cancelled(client, "COUNTDOWN")
