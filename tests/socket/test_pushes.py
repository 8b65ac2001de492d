"""Private pushes of a batch: numbered without holes, one message a user. Market data: in its own groups."""

import json
from typing import Any

from tests.builders import NOW, cancel, founding, order
from tests.socket.client import assert_frames
from trading.core.commands import Command, Deposit
from trading.core.engine import Engine
from trading.groups import MarketOutlet, PushEncoder

Sent = list[tuple[str, list[tuple[str | None, dict[str, Any]]]]]


class RecordingLayer:
    """Notes what is sent to which group."""

    def __init__(self) -> None:
        self.sent: Sent = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        assert message["type"] == "frames"
        self.sent.append((group, [(tag, json.loads(frame)) for tag, frame in message["frames"]]))


class Desk:
    """An engine with the founded market, and the encoder of its pushes."""

    def __init__(self) -> None:
        self.layer = RecordingLayer()
        self.encoder = PushEncoder(self.layer)
        self.encoder.resume({1: 10, 2: 20})
        self.engine = Engine()
        for command in founding():
            self.engine.apply(command, NOW)
        self.engine.take_changes()

    async def do(self, *commands: Command) -> dict[int, int]:
        """One batch; returns the numbers of the last pushes."""
        events = [event for command in commands for event in self.engine.apply(command, NOW)]
        pushes = self.encoder.encode(events, self.engine.take_changes(), NOW)
        await pushes.send()
        return pushes.seqs

    def heard(self, user_id: str) -> list[dict[str, Any]]:
        return [frame for group, frames in self.layer.sent if group == f"user.{user_id}" for _, frame in frames]


async def test_a_batch_is_one_message_a_user_and_one_account_update() -> None:
    desk = Desk()
    (placed, *_) = desk.engine.apply(order(1, "BUY OPEN 1 @ 110"), NOW)
    desk.engine.take_changes()
    await desk.do(order(1, "BUY OPEN 5 @ 120"), order(2, "SELL OPEN 2 @ 119.5"), cancel(1, placed.order_id))
    assert [group for group, _ in desk.layer.sent] == ["user.user001", "user.user002"]
    assert_frames(
        desk.heard("user001"),
        {"type": "order_status", "status": "Submitted", "seq": 11},
        {"type": "trade", "direction": "BUY", "seq": 12},
        {"type": "order_status", "status": "PartiallyFilled", "seq": 13},
        {"type": "order_status", "status": "Cancelled", "seq": 14},
        {"type": "account_update", "seq": 15},
    )
    assert_frames(
        desk.heard("user002"),
        {"type": "order_status", "status": "Submitted", "seq": 21},
        {"type": "trade", "direction": "SELL", "seq": 22},
        {"type": "order_status", "status": "Filled", "seq": 23},
        {"type": "account_update", "seq": 24},
    )


async def test_the_last_numbers_are_given_to_the_store_and_the_next_batch_goes_on() -> None:
    desk = Desk()
    assert await desk.do(order(1, "BUY OPEN 1 @ 110"), order(2, "BUY OPEN 1 @ 110")) == {1: 12, 2: 22}
    assert await desk.do(order(1, "BUY OPEN 1 @ 110")) == {1: 14}
    assert await desk.do(order(3, "BUY OPEN 1 @ 110")) == {3: 2}


async def test_after_a_reload_numbers_go_on_where_the_store_was() -> None:
    desk = Desk()
    await desk.do(order(1, "BUY OPEN 1 @ 110"))
    desk.encoder.resume({1: 10})
    assert await desk.do(order(1, "BUY OPEN 1 @ 110")) == {1: 12}


async def test_only_trades_are_tagged_with_their_instrument() -> None:
    desk = Desk()
    await desk.do(order(1, "BUY OPEN 1 @ 120"), order(2, "SELL OPEN 1 @ 120"))
    tags = {frame["type"]: tag for _, frames in desk.layer.sent for tag, frame in frames}
    assert tags == {"order_status": None, "trade": "IX2301", "account_update": None}


async def test_a_deposit_is_an_account_update() -> None:
    desk = Desk()
    await desk.do(Deposit("user003", 5_000))
    assert_frames(desk.heard("user003"), {"type": "account_update", "balance": 1_000_000.5, "seq": 1})


async def test_the_pushes_of_whoever_meets_himself_are_numbered_without_holes() -> None:
    desk = Desk()
    await desk.do(order(1, "BUY OPEN 1 @ 120"), order(1, "SELL OPEN 1 @ 120"))
    frames = desk.heard("user001")
    assert [frame["seq"] for frame in frames] == list(range(11, 11 + len(frames)))


async def test_market_data_goes_to_the_groups_of_its_instrument() -> None:
    layer = RecordingLayer()
    outlet = MarketOutlet(layer)
    await outlet.send_book("IX2301", '"book"')
    await outlet.send_ticks("IX2301", ['"one"', '"two"'])
    assert layer.sent == [("orderbook.IX2301", [(None, "book")]), ("ticker.IX2301", [(None, "one"), (None, "two")])]
