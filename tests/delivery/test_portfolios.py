"""Accounts are told what a moved price has done to them: now and then, as it is stored, and only who listens."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest

from tests.builders import FUNDS, NOW, founding, order
from trading.core.commands import Command, Deposit, OpenAccount
from trading.core.engine import Engine
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.portfolios import Portfolios
from trading.delivery.push_encoder import Pushes
from trading.transport.ending import end_all
from trading.worker.batch import Batch

INTERVAL = 0.001


class Layer(InProcessLayer):
    """Counts the questions, and lets the engine go on before it answers one."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []
        self.meanwhile: list[Command] = []
        self.engine = Engine()

    async def listened(self, groups: Collection[str]) -> list[str]:
        self.asked.append(sorted(groups))
        for command in self.meanwhile:
            self.engine.apply(command, NOW)
        return await super().listened(groups)


class Made:
    """An engine whose batches are told by hand. Accounts 1 and 2 hold a lot each, long and short at 120."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.layer = Layer()
        self.layer.engine = self.engine
        self.in_step = True
        self.portfolios = Portfolios(self.layer, INTERVAL, lambda: self.in_step)
        fourth = OpenAccount("user004"), Deposit("user004", FUNDS)
        for command in (*founding(), *fourth, order(1, "BUY OPEN 1 @ 120"), order(2, "SELL OPEN 1 @ 120")):
            self.engine.apply(command, NOW)
        self.engine.take_changes()
        self.portfolios.on_load(self.engine, NOW)

    async def batch(self, *commands: Command) -> None:
        await self.portfolios.on_batch(self.applied(*commands))

    def applied(self, *commands: Command) -> Batch:
        events = [event for command in commands for event in self.engine.apply(command, NOW)]
        changes = self.engine.take_changes()
        last_id = self.engine.state.last_id
        return Batch(1, NOW, last_id, list(commands), events, changes, Pushes(self.layer), [], None)

    async def listen(self, user_id: str) -> None:
        await self.layer.group_add(f"portfolio.{user_id}", f"of.{user_id}")

    async def hear(self, user_id: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            message = await self.layer.receive(f"of.{user_id}")
        (frame,) = message["frames"]
        return dict(json.loads(frame))


def move(price: float) -> list[Command]:
    """Accounts 3 and 4 trade at a price."""
    return [order(3, f"BUY OPEN 1 @ {price}"), order(4, f"SELL OPEN 1 @ {price}")]


@pytest.fixture
async def made() -> AsyncIterator[Made]:
    found = Made()
    running = asyncio.create_task(found.portfolios.run())
    yield found
    await end_all([running])


async def test_who_listens_is_told_what_a_price_has_done_to_them(made: Made) -> None:
    await made.listen("user001")
    before = await made.hear("user001")  # the price that was loaded
    await made.batch(*move(121))
    told = await made.hear("user001")
    account = made.engine.state.accounts[1].figures()
    assert told["type"] == "portfolio" and "seq" not in told
    assert told["balance"] - before["balance"] == told["position_profit"] == account.position_profit / 10_000 != 0
    assert told["available"] == account.available / 10_000


async def test_many_moves_of_an_interval_are_told_once_as_they_end(made: Made) -> None:
    await made.listen("user002")
    await made.hear("user002")
    asked = len(made.layer.asked)
    for price in (121, 122, 123):
        await made.batch(*move(price))
    told = await made.hear("user002")
    assert told["balance"] == made.engine.state.accounts[2].figures().balance / 10_000
    assert len(made.layer.asked) == asked + 1


async def test_what_is_not_stored_yet_is_not_told(made: Made) -> None:
    await made.listen("user001")
    await made.hear("user001")
    made.in_step = False
    batch = made.applied(*move(121))
    made.portfolios._moved.add("IX2301")  # an earlier batch had moved it
    async with asyncio.timeout(60):
        while not made.portfolios._overdue:
            await asyncio.sleep(0)
    asked = len(made.layer.asked)
    await made.portfolios.on_batch(batch)
    assert len(made.layer.asked) == asked, "the engine has gone on meanwhile"
    made.in_step = True
    await made.portfolios.on_batch(batch)
    assert len(made.layer.asked) == asked + 1, "what has waited for the batch is told with it"
    assert (await made.hear("user001"))["profit"] == made.engine.state.accounts[1].figures().profit / 10_000


async def test_the_figures_are_those_of_one_moment(made: Made) -> None:
    """Who listens may be known only later (over Redis); by then the engine has gone on."""
    await made.listen("user001")
    await made.hear("user001")
    await made.batch(*move(121))
    before = made.engine.state.accounts[1].figures()
    made.layer.meanwhile = [*move(125)]
    told = await made.hear("user001")
    assert made.engine.state.accounts[1].figures() != before
    assert told["balance"] == before.balance / 10_000


async def test_no_move_and_no_holder_ask_nobody(made: Made) -> None:
    await made.listen("user001")
    await made.hear("user001")
    asked = len(made.layer.asked)
    await made.batch(order(3, "BUY OPEN 1 @ 118"))
    await made.batch(order(3, "BUY OPEN 1 @ 100", "IF2301"))
    assert not made.portfolios._moved
    assert len(made.layer.asked) == asked
    assert made.layer.asked[0] == ["portfolio.user001", "portfolio.user002"], "only holders are asked for"
