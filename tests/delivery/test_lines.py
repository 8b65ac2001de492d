"""What a gateway passes on of a group: without holes, nothing twice, and from the present state after a cut."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from trading.delivery.channel_groups import TaggedFrame, private_message
from trading.delivery.redis.lines import MarketLine, NoneYet, PassingLine, PrivateLine
from trading.delivery.redis.wires import PresentFrame

Message = dict[str, Any]


class Table:
    """The pushes of a user as they are stored: frame n has the number n."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.asked = 0

    async def last_number(self, user_id: str) -> int:
        await asyncio.sleep(0)
        return self.last

    async def missed(self, user_id: str, after: int) -> tuple[list[TaggedFrame], int]:
        self.asked += 1
        await asyncio.sleep(0)
        return [(None, str(number)) for number in range(after + 1, self.last + 1)], self.last


def pushed(first: int, last: int) -> Message:
    return private_message("alice", [(None, str(number)) for number in range(first, last + 1)], last)


def told(messages: list[Message]) -> list[int]:
    return [int(text) for message in messages for _, text in message["frames"]]


async def private(last: int = 5) -> tuple[PrivateLine, Table]:
    table = Table(last)
    line = PrivateLine("alice", table.last_number, table.missed)
    await line.begin()
    return line, table


async def test_pushes_that_follow_each_other_are_passed_on() -> None:
    line, table = await private()
    assert told(await line.take(pushed(6, 7))) == [6, 7]
    assert told(await line.take(pushed(8, 8))) == [8]
    assert table.asked == 0


async def test_a_hole_is_filled_from_what_is_stored() -> None:
    line, table = await private()
    table.last = 9
    assert told(await line.take(pushed(8, 9))) == [6, 7, 8, 9]
    assert told(await line.take(pushed(10, 10))) == [10]


async def test_a_push_that_comes_twice_is_told_once() -> None:
    line, _ = await private()
    assert told(await line.take(pushed(6, 7))) == [6, 7]
    assert told(await line.take(pushed(6, 7))) == []
    assert told(await line.take(pushed(7, 8))) == [8]


async def test_what_was_stored_before_anybody_listened_is_history() -> None:
    line, _ = await private()
    assert told(await line.take(pushed(4, 5))) == []


async def test_what_comes_while_the_line_begins_is_not_lost() -> None:
    table = Table(5)
    line = PrivateLine("alice", table.last_number, table.missed)
    beginning = asyncio.create_task(line.begin())
    await asyncio.sleep(0)
    assert told(await line.take(pushed(6, 6))) == [6]
    await beginning


async def test_what_nobody_was_told_of_is_found() -> None:
    line, table = await private()
    assert told(await line.catch_up()) == []
    table.last = 8
    assert told(await line.catch_up()) == [6, 7, 8]
    assert told(await line.take(pushed(7, 8))) == []


# --- market data


class Engine:
    """Tells numbered changes, and stores the present state before it tells."""

    def __init__(self) -> None:
        self.generation = "a"
        self.number = 0
        self.present: PresentFrame | None = None
        self.emptied = False

    def change(self) -> Message:
        self.number += 1
        self.present = PresentFrame(self.generation, self.number, f"present {self.generation}{self.number}")
        frames = [f"{self.generation}{self.number}"]
        return {"frames": frames, "number": self.number, "generation": self.generation}

    def restart(self) -> None:
        self.generation, self.number = "b", 0
        self.present = PresentFrame("b", 0, "present b0")

    async def read(self, group: str) -> PresentFrame | None:
        await asyncio.sleep(0)
        if self.emptied:
            raise NoneYet
        return self.present


def frames(messages: list[Message]) -> list[str]:
    return [frame for message in messages for frame in message["frames"]]


async def test_whoever_joins_gets_the_present_state_and_then_the_changes() -> None:
    engine = Engine()
    engine.change()
    line = MarketLine("orderbook.A", engine.read)
    assert frames(await line.begin()) == ["present a1"]
    assert frames(await line.take(engine.change())) == ["a2"]
    assert frames(await line.take(engine.change())) == ["a3"]
    assert frames(await line.begin()) == ["present a3"]


async def test_a_second_who_joins_is_told_no_change_twice() -> None:
    """The present state is stored before its message comes: he waits for it."""
    engine = Engine()
    engine.change()
    line = MarketLine("orderbook.A", engine.read)
    await line.begin()
    assert frames(await line.take(engine.change())) == ["a2"]
    late = engine.change()
    joining = asyncio.create_task(line.begin())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not joining.done()
    assert frames(await line.take(late)) == ["a3"]
    assert frames(await asyncio.wait_for(joining, 10)) == ["present a3"]
    assert frames(await line.take(engine.change())) == ["a4"]


async def test_behind_a_hole_it_begins_anew() -> None:
    engine = Engine()
    engine.change()
    line = MarketLine("orderbook.A", engine.read)
    await line.begin()
    engine.change()
    assert frames(await line.take(engine.change())) == ["present a3"]
    assert frames(await line.take(engine.change())) == ["a4"]


async def test_a_message_that_comes_twice_is_passed_on_once() -> None:
    engine = Engine()
    line = MarketLine("orderbook.A", engine.read)
    await line.begin()
    message = engine.change()
    assert [frames(await line.take(message)) for _ in range(2)] == [["a1"], []]


async def test_another_engine_begins_anew() -> None:
    engine = Engine()
    engine.change()
    line = MarketLine("orderbook.A", engine.read)
    await line.begin()
    engine.restart()
    assert frames(await line.catch_up()) == ["present b0"]
    assert frames(await line.catch_up()) == []
    assert frames(await line.take(engine.change())) == ["b1"]
    old = {"frames": ["a2"], "number": 2, "generation": "a"}
    assert "a2" not in frames(await line.take(old))


async def test_a_message_of_another_engine_comes_after_its_state() -> None:
    engine = Engine()
    engine.change()
    line = MarketLine("orderbook.A", engine.read)
    await line.begin()
    engine.restart()
    assert frames(await line.take(engine.change())) == ["present b1"]
    assert frames(await line.take(engine.change())) == ["b2"]


async def test_where_redis_has_lost_it_nobody_joins_yet() -> None:
    engine = Engine()
    engine.emptied = True
    line = MarketLine("orderbook.A", engine.read)
    with pytest.raises(NoneYet):
        await line.begin()
    engine.emptied = False
    engine.change()
    assert frames(await line.begin()) == ["present a1"]


async def test_what_needs_no_number_is_passed_on_as_it_comes() -> None:
    line = PassingLine("portfolio.alice")
    message = {"group": "portfolio.alice", "frames": ["1"], "number": 7, "generation": "a"}
    assert [await line.begin(), await line.catch_up()] == [[], []]
    assert frames(await line.take({**message, "number": 9})) == frames(await line.take(message)) == ["1"]
