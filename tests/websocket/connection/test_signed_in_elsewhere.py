"""A user whose connection is lost in one process, and who signs in in another."""

from __future__ import annotations

import asyncio
from typing import Any

from trading.core.commands import CancelAfter
from trading.core.events import CountdownSet
from trading.observability.counters import Counters
from trading.transport.gateway import Envelope, Gateway
from trading.websocket.cancel_on_disconnect import DisconnectTimers


class Way:
    """Takes commands and answers them."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.has_room = True

    def put(self, envelope: Envelope) -> bool:
        if self.has_room:
            self.taken.append(envelope.command)
            envelope.reply(CountdownSet(7, None))
        return self.has_room

    @property
    def deadlines(self) -> list[int | None]:
        return [command.deadline for command in self.taken]


def timers(patient: bool = False) -> tuple[DisconnectTimers, Way, Gateway]:
    way = Way()
    gateway = Gateway(way, Counters())
    return DisconnectTimers(gateway, lambda: 1_000, patient=patient), way, gateway


async def test_whoever_signs_in_elsewhere_after_the_loss_keeps_their_orders() -> None:
    made, way, _ = timers()
    made.begin(7, 50.0, 200)
    made.seen_elsewhere(7, 51.0)
    made.seen_elsewhere(7, 51.0)
    assert way.deadlines == [1_200, None]


async def test_whoever_has_signed_in_elsewhere_before_is_not_back() -> None:
    made, way, _ = timers()
    made.begin(7, 50.0, 200)
    made.seen_elsewhere(7, 49.0)
    assert way.deadlines == [1_200]


async def test_a_loss_that_is_noticed_late_costs_nobody_who_is_back() -> None:
    made, way, _ = timers()
    made.seen_elsewhere(7, 51.0)
    made.begin(7, 50.0, 200)
    assert way.deadlines == []


async def test_a_countdown_waits_for_an_engine_that_is_elsewhere() -> None:
    made, way, gateway = timers(patient=True)
    gateway.close("no engine is heard")
    made.begin(7, 50.0, 200)
    assert way.deadlines == []
    gateway.open()
    async with asyncio.timeout(60):
        while not way.taken:
            await asyncio.sleep(0.01)
    assert way.taken == [CancelAfter(7, 1_200, way.taken[0].reason)]


async def test_the_shortest_grace_of_an_account_counts() -> None:
    made, _, _ = timers()
    await made.arm(7, 500)
    await made.arm(7, 200)
    await made.arm(8, 0)
    assert made.armed() == {7: 200, 8: 0}
    made.disarm(7, 200)
    made.disarm(8, 0)
    assert made.armed() == {7: 500}


async def test_nobody_is_told_that_they_are_watched_over_before_others_know() -> None:
    class Nobody:
        def signed_in(self, account_id: int) -> None: ...

        async def write(self) -> None:
            raise ConnectionError("Redis is away")

    made, _, _ = timers()
    made.elsewhere = Nobody()
    try:
        await made.arm(7, 200)
    except ConnectionError:
        assert made.armed() == {}
    else:
        raise AssertionError("it was told")
