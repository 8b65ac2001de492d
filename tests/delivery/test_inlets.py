"""Which market a gateway's groups are heard of."""

from __future__ import annotations

from typing import Any

import pytest

from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.redis.inlets import Inlets
from trading.delivery.redis.wires import shared_group

LISTED = {"IX2301": "MAIN", "CU2301": "OTHER", "A.B": "OTHER"}


class Ear:
    """In place of an inlet: hears at once, or never."""

    def __init__(self, market: str, room: InProcessLayer) -> None:
        self.market, self.room, self.deaf = market, room, False

    async def group_add(self, group: str, channel: str) -> None:
        if self.deaf:
            raise TimeoutError
        await self.room.group_add(shared_group(self.market, group), channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await self.room.group_discard(shared_group(self.market, group), channel)


class Made:
    def __init__(self) -> None:
        self.room = InProcessLayer(10)
        self.ears: Any = {code: Ear(code, self.room) for code in ("MAIN", "OTHER")}
        self.layer = Inlets(self.room, self.ears, self.where)

    async def where(self, instrument_id: str) -> str:
        return LISTED.get(instrument_id, "MAIN")

    def heard(self, group: str) -> list[str]:
        return [code for code in self.ears if self.room.has_members(shared_group(code, group))]


@pytest.mark.parametrize(
    ("group", "markets"),
    [
        ("user.alice", ["MAIN", "OTHER"]),
        ("user.a.b.", ["MAIN", "OTHER"]),
        ("instruments.", ["MAIN", "OTHER"]),
        ("portfolio.alice", ["MAIN"]),
        ("orderbook.IX2301", ["MAIN"]),
        ("orderbook_delta.CU2301", ["OTHER"]),
        ("kline.1m.CU2301", ["OTHER"]),
        ("ticker.A.B", ["OTHER"]),
        ("ticker.NONE", ["MAIN"]),
    ],
)
async def test_a_group_is_heard_where_it_is_told(group: str, markets: list[str]) -> None:
    made = Made()
    await made.layer.group_add(group, "c")
    assert made.heard(group) == markets
    await made.layer.group_discard(group, "c")
    assert made.heard(group) == []


async def test_who_cannot_hear_all_of_a_group_hears_nothing_of_it() -> None:
    made = Made()
    made.ears["OTHER"].deaf = True
    with pytest.raises(TimeoutError):
        await made.layer.group_add("user.alice", "c")
    assert made.heard("user.alice") == []
    await made.layer.group_add("orderbook.IX2301", "c")
    assert made.heard("orderbook.IX2301") == ["MAIN"]


async def test_a_user_of_several_markets_is_counted_once() -> None:
    made = Made()
    await made.layer.group_add("user.alice", "a")
    await made.layer.group_add("user.alice", "b")
    assert made.layer.members("user.") == 2
