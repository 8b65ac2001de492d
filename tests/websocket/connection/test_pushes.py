"""Private pushes of a batch: numbered without holes, one message a user. Market data: in its own groups."""

import json
from typing import Any

from marketdata.core.depth import Depth
from marketdata.publisher import MarketPublisher
from tests.builders import NOW, cancel, founding, order
from tests.websocket.client import assert_frames
from trading.core.commands import Command, Deposit
from trading.core.engine import Engine
from trading.core.events import (
    AllCancelled,
    CountdownSet,
    LiquidationEnded,
    LiquidationStarted,
    OrderAmended,
    OrderCancelled,
    OrderFired,
    PhasesChanged,
    PositionExpired,
    RiskWarned,
    Statement,
    StatementLine,
)
from trading.core.types import CancelReason, OrderOptions, OrderStatus, Phase
from trading.delivery.push_encoder import PushEncoder

Sent = list[tuple[str, list[tuple[str | None, dict[str, Any]]]]]


class RecordingLayer:
    """Notes what is sent to which group."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.users: list[str | None] = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        assert message["type"] == "frames"
        self.users.append(message.get("user"))
        tagged = message["frames"] if "user" in message else [(None, frame) for frame in message["frames"]]
        self.sent.append((group, [(tag, json.loads(frame)) for tag, frame in tagged]))


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
        return {kept.account_id: kept.last_seq for kept in pushes.kept}

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


async def test_every_event_of_an_account_is_told_and_numbered() -> None:
    desk = Desk()
    line = StatementLine("IX2301", 1, 0, 1_200_000, 12_000)
    (waiting,) = desk.engine.apply(order(1, "BUY OPEN 2 @ 121", options=OrderOptions(stop_price=1_220_000)), NOW)
    changes = desk.engine.take_changes()
    events = [
        PhasesChanged(Phase.CONTINUOUS, 1),
        waiting,
        OrderFired(5, 1, 2, NOW),
        AllCancelled(1, 1),
        OrderAmended(5, 1, OrderStatus.SUBMITTED, 1_200_000, 3, 0, 3, NOW),
        CountdownSet(1, None),
        OrderCancelled(5, 1, 0, 3, NOW, CancelReason.COUNTDOWN),
        RiskWarned(1, 8, 10, NOW),
        LiquidationStarted(1, 8, 8, NOW),
        LiquidationEnded(1, 0, 8, NOW),
        PositionExpired(1, "IX2301", 1, 0, 1_200_000, 5, NOW),
        Statement(1, 20270105, 0, 0, 0, 0, 0, 0, 0, 0, [line], NOW),
    ]
    pushes = desk.encoder.encode(events, changes, NOW)
    await pushes.send()
    assert [(kept.account_id, kept.first_seq, kept.last_seq) for kept in pushes.kept] == [(1, 11, 20)]
    assert_frames(
        desk.heard("user001"),
        {"type": "order_status", "status": "Waiting", "instrument_id": "IX2301", "price": 121.0, "seq": 11},
        {"type": "order_status", "status": "Submitted", "seq": 12},
        {"type": "order_status", "status": "Submitted", "price": 120.0, "volume": 3.0, "seq": 13},
        {"type": "order_status", "status": "Cancelled", "reason": "COUNTDOWN", "seq": 14},
        {"type": "risk_warning", "risk_ratio": 0.8, "seq": 15},
        {"type": "liquidation", "status": "STARTED", "seq": 16},
        {"type": "liquidation", "status": "ENDED", "seq": 17},
        {"type": "position_expired", "seq": 18},
        {"type": "statement", "day": 20270105, "seq": 19},
        {"type": "account_update", "seq": 20},
    )


async def test_private_frames_name_their_user_and_public_ones_nobody() -> None:
    desk = Desk()
    await desk.do(order(1, "BUY OPEN 1 @ 120"))
    publisher = MarketPublisher(desk.layer)
    await publisher.send_ticks("IX2301", ['"tick"'])
    assert desk.layer.users == ["user001", None]


async def test_a_phase_is_told_to_whoever_follows_the_book() -> None:
    layer = RecordingLayer()
    await MarketPublisher(layer).send_phase("IX2301", Phase.AUCTION, NOW)
    told = {"type": "instrument_status", "instrument_id": "IX2301", "phase": "auction", "timestamp": NOW}
    assert layer.sent == [("orderbook.IX2301", [(None, told)]), ("instruments.", [(None, told)])]


def empty(phase: Phase, indicative: tuple[int, int] | None = None) -> Depth:
    return Depth("IX2301", [], [], NOW, phase, indicative)


def test_a_book_tells_its_phase_and_what_an_auction_would_trade() -> None:
    publisher = MarketPublisher(RecordingLayer())
    plain = {"type": "orderbook", "instrument_id": "IX2301", "bids": [], "asks": [], "timestamp": NOW}
    assert json.loads(publisher.book_frame(empty(Phase.CONTINUOUS))) == plain
    halted = json.loads(publisher.book_frame(empty(Phase.HALTED)))
    assert halted == plain | {"phase": "halted"}
    auction = json.loads(publisher.book_frame(empty(Phase.AUCTION, (1_205_000, 7))))
    assert auction == plain | {"phase": "auction", "indicative_price": 120.5, "indicative_volume": 7.0}


async def test_market_data_goes_to_the_groups_of_its_instrument() -> None:
    layer = RecordingLayer()
    publisher = MarketPublisher(layer)
    await publisher.send_book("IX2301", '"book"')
    await publisher.send_ticks("IX2301", ['"one"', '"two"'])
    assert layer.sent == [("orderbook.IX2301", [(None, "book")]), ("ticker.IX2301", [(None, "one"), (None, "two")])]
