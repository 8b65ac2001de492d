"""A strategy that writes down all that it hears trades on while its server is stopped and killed: nothing is missing,
nothing is there twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from bourse_client import Client
from bourse_client.errors import OrderFinished
from bourse_client.messages import Order, OrderState, Trade

from tests.e2e.cluster.where import Where, seeded, where
from tests.e2e.server import Server

__all__ = ["seeded", "where"]

pytestmark = pytest.mark.slow

INSTRUMENT = "IX2301"
PATIENCE = 60.0
WAYS: dict[str, Callable[[Server], None]] = {"stopped": Server.stop, "killed": Server.kill}


@dataclass
class Recorder:
    """What a strategy was told, by answers and by pushes."""

    placed: list[Order] = field(default_factory=list)
    states: list[OrderState] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)

    @property
    def numbers(self) -> list[int]:
        return sorted([state.seq or 0 for state in self.states] + [trade.seq or 0 for trade in self.trades])


async def strategy(
    client: Client, name: str, direction: str, orders: int, heard: Recorder, more: asyncio.Event
) -> None:
    """Cross the other side's orders, cancel some, and set `more` with each that is placed."""
    dice = random.Random(name)
    for number in range(orders):
        price = 119.5 + 0.5 * dice.randint(-1, 1)
        order = await client.place(
            INSTRUMENT, direction, dice.randint(1, 3), price, client_order_id=f"{name}-{number}", stp="CANCEL_TAKER"
        )
        heard.placed.append(order)
        more.set()
        if dice.random() < 0.3:
            with suppress(OrderFinished):
                await client.cancel(order.order_id)
    await client.cancel_all()
    for order in heard.placed:
        await client.finished(order.order_id)


def check(heard: Recorder, client: Client, stored: list[Order], traded: list[Trade]) -> None:
    """What was heard is what is stored."""
    assert [order.client_order_id for order in heard.placed] == [order.client_order_id for order in reversed(stored)]
    assert [order.order_id for order in heard.placed] == [order.order_id for order in reversed(stored)]
    last = {state.order_id: state for state in heard.states}
    assert {order.order_id: (order.status, order.filled_volume) for order in stored} == {
        order_id: (state.status, state.filled_volume) for order_id, state in last.items()
    }
    assert len(set(heard.numbers)) == len(heard.numbers)
    assert [(t.trade_id, t.order_id) for t in heard.trades] == [(t.trade_id, t.order_id) for t in reversed(traded)]
    assert client.live_orders == []
    for order in stored:
        assert client.orders[order.order_id] == order


async def play(server: Server, ways: list[str], orders: int) -> None:
    """Two strategies against each other, and the server ends in each of these ways among their orders."""
    heard = {"user001": Recorder(), "user002": Recorder()}
    more = asyncio.Event()
    clients = [Client(server.ws, user, server.token(user), patience=PATIENCE) for user in heard]
    async with clients[0] as buyer, clients[1] as seller, asyncio.timeout(5 * PATIENCE):
        streams = [(client.order_states(), client.trades()) for client in clients]
        playing = asyncio.gather(
            strategy(buyer, "b", "BUY", orders, heard["user001"], more),
            strategy(seller, "s", "SELL", orders, heard["user002"], more),
        )
        for turn, way in enumerate(ways):
            while len(heard["user001"].placed) < orders * (turn + 1) // (len(ways) + 1):
                more.clear()
                await more.wait()
            await asyncio.to_thread(WAYS[way], server)
            await asyncio.to_thread(server.start)
        await playing
        for client, (states, trades), recorder in zip(clients, streams, heard.values(), strict=True):
            stored, traded = await client.query_orders(), await client.query_trades()
            await client.ask("ping")
            await states.close()
            await trades.close()
            recorder.states = [state async for state in states]
            recorder.trades = [trade async for trade in trades]
            check(recorder, client, stored, traded)
            net = sum(t.volume if t.direction == "BUY" else -t.volume for t in recorder.trades)
            assert net and client.positions[INSTRUMENT].net == net
    assert len(heard["user001"].trades) >= len(ways)


async def test_no_event_is_lost_or_doubled_when_the_server_starts_again(new_server: Callable[..., Server]) -> None:
    await play(new_server(), ["stopped"], orders=20)


@pytest.mark.long
async def test_no_event_is_lost_or_doubled_when_the_server_is_killed(new_server: Callable[..., Server]) -> None:
    await play(new_server(), ["killed", "killed", "stopped", "killed", "killed"], orders=200)


@pytest.mark.long
async def test_no_event_is_lost_or_doubled_when_a_part_is_killed(where: Where) -> None:
    """The only server; the gateway of both strategies; the engine, while another one waits."""
    await play(where(), ["killed"] * 4, orders=120)
